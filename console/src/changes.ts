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
  /** Whether districts, runs or tiles are to be read anew. */
  reload: boolean;
  changes: EntityChange[];
}

const NOTHING: Said = { time: null, reload: false, changes: [] };
/** Events after which districts, runs, layers or states are no longer what was read. */
const ANEW = new Set(["reload", "district", "run", "tiles"]);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readChange(value: unknown): EntityChange | null {
  if (!isRecord(value) || typeof value["id"] !== "string") return null;
  const types = Array.isArray(value["types"]) ? value["types"] : [];
  return { id: value["id"], type: String(types[0] ?? ""), deleted: value["operation"] === "delete" };
}

export function readEvent(event: string, data: string): Said {
  let body: unknown;
  try {
    body = JSON.parse(data);
  } catch {
    return NOTHING;
  }
  if (!isRecord(body)) return NOTHING;
  const time = Date.parse(String(body["now"] ?? ""));
  const entities = event === "changes" && Array.isArray(body["entities"]) ? body["entities"] : [];
  return {
    time: Number.isFinite(time) ? time : null,
    reload: ANEW.has(event),
    changes: entities.map(readChange).filter((change) => change !== null),
  };
}
