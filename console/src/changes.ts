/** What the stream of changes says, read with care: an unknown event is no event. */

export interface EntityChange {
  id: string;
  type: string;
  /** Whether it is there no more. */
  deleted: boolean;
}

export interface Said {
  /** The server's clock [ms]. */
  time: number | null;
  /** Whether so much was missed that everything must be read anew. */
  reload: boolean;
  changes: EntityChange[];
}

const NOTHING: Said = { time: null, reload: false, changes: [] };

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readChange(value: unknown): EntityChange | null {
  if (!isRecord(value) || typeof value["id"] !== "string") return null;
  const kind = value["change"] ?? value["kind"] ?? value["operation"];
  return { id: value["id"], type: String(value["type"] ?? ""), deleted: kind === "deleted" || value["deleted"] === true };
}

export function readEvent(event: string, data: string): Said {
  let body: unknown;
  try {
    body = JSON.parse(data);
  } catch {
    return NOTHING;
  }
  if (!isRecord(body)) return NOTHING;
  const time = Date.parse(String(body["time"] ?? body["server_time"] ?? ""));
  const list = Array.isArray(body["changes"]) ? body["changes"] : event === "change" ? [body] : [];
  return {
    time: Number.isFinite(time) ? time : null,
    reload: event === "reload",
    changes: list.map(readChange).filter((change) => change !== null),
  };
}
