/**
 * The line to the server: changes as they come, and whether what is shown can still be called live.
 * Where the server has no stream of changes it is asked at intervals, and that is said.
 */

import { accessHeaders } from "./access";
import { EventParser, type ServerEvent } from "./event-stream";
import { hearTime } from "./time";

export type Link = "starting" | "live" | "asking" | "gone";

export interface LinkState {
  link: Link;
  /** When the server was last heard [ms of this machine's clock]; null if never. */
  heard: number | null;
}

export interface LiveEvents {
  state: (state: LinkState) => void;
  event: (event: ServerEvent) => void;
  /** Something may have been missed: read anew. */
  missed: () => void;
}

const ASK_MS = 15_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
/** Without a sign of life for so long the line counts as cut. */
const SILENCE_MS = 40_000;

export class Live {
  private state: LinkState = { link: "starting", heard: null };
  private stopped = true;
  private wait = FIRST_WAIT_MS;
  private lastId = "";
  private timer: number | undefined;
  private silence: number | undefined;
  private connection: AbortController | null = null;
  private interrupted = false;

  constructor(
    /** Where changes are told; null where the server has no such stream, or it is not yet known. */
    private address: string | null,
    private readonly health: string,
    private readonly to: LiveEvents,
  ) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    void this.connect();
    window.addEventListener("online", this.again);
    document.addEventListener("visibilitychange", this.again);
  }

  /** Listen to a stream from now on; null for none. */
  listenTo(address: string | null): void {
    if (address === this.address) return;
    this.address = address;
    window.clearTimeout(this.timer);
    if (!this.stopped) void this.connect();
  }

  stop(): void {
    this.stopped = true;
    window.clearTimeout(this.timer);
    window.clearTimeout(this.silence);
    this.connection?.abort();
    window.removeEventListener("online", this.again);
    document.removeEventListener("visibilitychange", this.again);
  }

  /** Another answer came or failed: the line is as good as that. */
  noted(answered: boolean): void {
    if (answered) this.hear(this.state.link === "live" ? "live" : "asking");
    else if (this.state.link !== "live") this.say("gone");
  }

  /** Try at once, rather than when the wait is over. */
  private readonly again = () => {
    if (this.stopped || document.hidden || this.state.link === "live") return;
    window.clearTimeout(this.timer);
    void this.connect();
  };

  private say(link: Link): void {
    if (link === "gone") this.interrupted = true;
    if (link === this.state.link) return;
    this.state = { ...this.state, link };
    this.to.state(this.state);
  }

  private hear(link: Link): void {
    const back = this.interrupted;
    this.interrupted = false;
    this.state = { link, heard: Date.now() };
    this.to.state(this.state);
    // Without an id to go on from, what happened meanwhile is not known.
    if (back && (link !== "live" || !this.lastId)) this.to.missed();
  }

  private async connect(): Promise<void> {
    this.connection?.abort();
    const connection = new AbortController();
    this.connection = connection;
    try {
      if (this.address === null) await this.ask();
      else await this.listen(this.address, connection.signal);
    } catch {
      if (this.stopped || this.connection !== connection) return;
      this.say("gone");
    }
    if (this.stopped || this.connection !== connection) return;
    const next = this.state.link === "asking" ? ASK_MS : this.wait;
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
    this.timer = window.setTimeout(() => void this.connect(), next);
  }

  private async listen(address: string, signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = { Accept: "text/event-stream", ...accessHeaders() };
    if (this.lastId) headers["Last-Event-ID"] = this.lastId;
    const response = await fetch(address, { headers, signal, cache: "no-store" });
    this.readClock(response);
    if (response.ok && response.body) return this.follow(response.body);
    await response.body?.cancel();
    return this.ask();
  }

  /** There is no stream: see at least that the server is there. */
  private async ask(): Promise<void> {
    const response = await fetch(this.health, { headers: accessHeaders(), cache: "no-store" });
    this.readClock(response);
    await response.body?.cancel();
    this.hear("asking");
  }

  private async follow(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
    const parser = new EventParser();
    this.wait = FIRST_WAIT_MS;
    this.hear("live");
    for (;;) {
      this.watchSilence();
      const { done, value } = await reader.read();
      if (done) break;
      this.state = { link: "live", heard: Date.now() };
      this.to.state(this.state);
      for (const event of parser.push(value)) this.to.event(event);
      if (parser.id) this.lastId = parser.id;
      if (parser.retry !== null) this.wait = parser.retry;
    }
    window.clearTimeout(this.silence);
    this.say("gone");
  }

  private watchSilence(): void {
    window.clearTimeout(this.silence);
    this.silence = window.setTimeout(() => {
      this.say("gone");
      void this.connect();
    }, SILENCE_MS);
  }

  private readClock(response: Response): void {
    hearTime(Date.parse(response.headers.get("Date") ?? ""));
  }
}
