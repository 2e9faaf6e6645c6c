import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readEvent } from "../src/changes";
import { EventParser } from "../src/event-stream";
import { Live, type Link } from "../src/live";
import { hearTime, present, skew } from "../src/time";

describe("the stream of events", () => {
  it("is read however it is cut", () => {
    const text = ": hello\r\nid: 7\r\nevent: change\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\nretry: 2500\ndata: x\n\n";
    for (let size = 1; size <= text.length; size++) {
      const parser = new EventParser();
      const found = [];
      for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
      expect(found).toEqual([
        { event: "change", data: '{"a":\n1}', id: "7" },
        { event: "message", data: "x", id: "7" },
      ]);
      expect(parser.retry).toBe(2500);
    }
  });

  it("gives nothing of an event that is not whole, or has no data", () => {
    const parser = new EventParser();
    expect(parser.push("event: change\n\ndata: {")).toEqual([]);
    expect(parser.push("}\n")).toEqual([]);
    expect(parser.push("\n")).toEqual([{ event: "message", data: "{}", id: "" }]);
  });

  it("says what changed, and is not misled by nonsense", () => {
    const said = readEvent("changes", '{"now":"2026-01-20T09:00:00Z","entities":[{"id":"urn:a","types":["Tap"],"operation":"delete"},{"id":5},null]}');
    expect(said).toEqual({ time: Date.parse("2026-01-20T09:00:00Z"), reload: false, changes: [{ id: "urn:a", type: "Tap", deleted: true }] });
    for (const event of ["reload", "run", "district", "tiles"]) expect(readEvent(event, "{}").reload).toBe(true);
    expect(readEvent("beat", '{"now":"2026-01-20T09:00:00Z"}')).toMatchObject({ reload: false, changes: [] });
    for (const data of ["", "[]", "null", "{", '{"entities":{"id":"x"}}']) expect(readEvent("changes", data).changes).toEqual([]);
  });
});

describe("the present", () => {
  afterEach(() => hearTime(Date.now()));

  it("is the server's, and a wrong clock here is noticed", () => {
    hearTime(1_000_000, 1_000_000 + 3_600_000);
    expect(skew()).toBe(3_600_000);
    expect(Math.abs(present() - (Date.now() - 3_600_000))).toBeLessThan(1000);
    hearTime(Number.NaN);
    expect(skew()).toBe(3_600_000);
  });
});

describe("the line to the server", () => {
  const links: Link[] = [];
  let missed = 0;
  let answers: (() => Promise<Response>)[] = [];
  let live: Live;
  const asked: Headers[] = [];

  beforeEach(() => {
    vi.useFakeTimers();
    links.length = 0;
    asked.length = 0;
    missed = 0;
    vi.stubGlobal("window", { ...globalThis, addEventListener: () => 0, removeEventListener: () => 0, setTimeout, clearTimeout });
    vi.stubGlobal("document", { hidden: false, addEventListener: () => 0, removeEventListener: () => 0 });
    vi.stubGlobal("fetch", (_: string, options: { headers: Record<string, string> }) => {
      asked.push(new Headers(options.headers));
      const next = answers.shift();
      return next ? next() : Promise.reject(new TypeError("no answer"));
    });
    live = new Live("/events", "/health", {
      state: ({ link }) => links.at(-1) !== link && links.push(link),
      event: () => undefined,
      missed: () => missed++,
    });
  });

  afterEach(() => {
    live.stop();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  const stream = (text: string) => () => Promise.resolve(new Response(text));
  const refused = () => Promise.reject(new TypeError("no answer"));

  it("is live while the stream lasts, says when it is cut, and goes on from the last id", async () => {
    answers = [stream("id: 41\ndata: {}\n\n"), refused, stream("data: {}\n\n")];
    live.start();
    await vi.advanceTimersByTimeAsync(10);
    expect(links).toEqual(["live", "gone"]);
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.advanceTimersByTimeAsync(2_500);
    expect(links).toEqual(["live", "gone", "live", "gone"]);
    expect(asked.at(-1)?.get("Last-Event-ID")).toBe("41");
    expect(missed).toBe(0); // the server goes on from there
  });

  it("reads anew what it missed where there was no id to go on from", async () => {
    answers = [stream(": hello\n\n"), stream(": hello again\n\n")];
    live.start();
    await vi.advanceTimersByTimeAsync(10);
    expect(missed).toBe(0);
    await vi.advanceTimersByTimeAsync(2_100);
    expect(missed).toBe(1);
  });

  it("asks at intervals where there is no stream, and says so", async () => {
    const none = () => Promise.resolve(new Response("{}", { status: 404 }));
    const well = () => Promise.resolve(new Response("{}"));
    answers = [none, well, none, well];
    live.start();
    await vi.advanceTimersByTimeAsync(10);
    expect(links).toEqual(["asking"]);
    await vi.advanceTimersByTimeAsync(15_100);
    expect(links).toEqual(["asking"]);
    expect(asked).toHaveLength(4);
    await vi.advanceTimersByTimeAsync(15_100);
    expect(links).toEqual(["asking", "gone"]);
  });

  it("counts silence as cut", async () => {
    const silent = () => Promise.resolve(new Response(new ReadableStream({ start: () => undefined })));
    answers = [silent];
    live.start();
    await vi.advanceTimersByTimeAsync(10);
    expect(links).toEqual(["live"]);
    await vi.advanceTimersByTimeAsync(41_000);
    expect(links).toContain("gone");
  });
});
