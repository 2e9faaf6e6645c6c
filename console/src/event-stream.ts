/** Server-sent events read from a fetch, since an `EventSource` cannot show an access key. */

export interface ServerEvent {
  event: string;
  data: string;
  /** Last id seen, which a new connection asks to go on from. */
  id: string;
}

/** Takes the text of a stream in pieces and gives the events that are whole. */
export class EventParser {
  private rest = "";
  private event = "";
  private data: string[] = [];
  /** Last id seen, also where no data came with it. */
  id = "";
  /** How long to wait before connecting again [ms], where the server said so. */
  retry: number | null = null;

  push(text: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    // A carriage return at the end may be half of a line end.
    const whole = this.rest + text;
    const held = whole.endsWith("\r") ? "\r" : "";
    const lines = whole.slice(0, whole.length - held.length).split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? "") + held;
    for (const line of lines) {
      if (line !== "") this.field(line);
      else if (this.data.length > 0) {
        found.push({ event: this.event || "message", data: this.data.join("\n"), id: this.id });
        this.event = "";
        this.data = [];
      } else this.event = "";
    }
    return found;
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment, sent to keep the line open
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.event = value;
    else if (name === "data") this.data.push(value);
    else if (name === "id" && !value.includes("\0")) this.id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
  }
}
