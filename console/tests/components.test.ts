// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Found, ObjectPage } from "../src/api";
import { EVERYTHING, maskState, narrowed, parametersOf, readChoice, toggled, writeChoice, type Choice } from "../src/choice";
import type { LingjingFilters } from "../src/filters";
import { card, exhibit, MARKUP, run, SPECIMENS } from "../src/gallery/specimens";
import type { LingjingObjectTable } from "../src/object-table";
import { pageRule, quoted } from "../src/print-sheet";
import type { LingjingSearch } from "../src/search-box";
import { unpack } from "../src/state";
import { setLocale, t } from "../src/text";

// A pen that draws nowhere: there is no canvas here, and what is drawn is looked at in a browser.
const pen = new Proxy({}, { get: (_, name) => (name === "measureText" ? () => ({ width: 8 }) : () => pen) }) as unknown as CanvasRenderingContext2D;

beforeEach(() => {
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(() => pen as never);
  vi.stubGlobal("Path2D", class { moveTo() {} lineTo() {} rect() {} arc() {} closePath() {} });
});

afterEach(() => {
  document.body.replaceChildren();
  setLocale("zh-CN");
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const sources = import.meta.glob<string>("../src/**/*.ts", { query: "?raw", import: "default", eager: true });
const DEFINED = Object.values(sources).flatMap((code) => [...code.matchAll(/customElements\.define\("([^"]+)"/g)].map((match) => match[1] as string));
/** Those that need a whole page or WebGL; the tests in a browser look at them. */
const WHOLE = ["lingjing-console", "lingjing-map", "lingjing-closeup"];

/** Keys of messages that are shown as they are, because they have no words. */
function bareKeys(element: Element): string[] {
  return (element.textContent ?? "").match(/\b(?:card|chart|export|filter|head|history|legend|map|mode|objects|onset|pager|print|rank|readings|run|search|story|time|work)\.[a-z][A-Za-z]*\b/g) ?? [];
}

describe("every component", () => {
  it("is shown on the page of components, or needs a whole page", () => {
    const shown = new Set(SPECIMENS.map((specimen) => specimen.name));
    expect(DEFINED.length).toBeGreaterThan(12);
    const others = DEFINED.filter((name) => !shown.has(name) && !WHOLE.includes(name));
    // Those that bring their own tests and data from a server are named here.
    expect(others.filter((name) => !/^lingjing-(what|compare|remedies|tour|score|swipe|difference)/.test(name))).toEqual([]);
  });

  for (const specimen of SPECIMENS) {
    for (const language of ["zh-CN", "en"] as const) {
      it(`${specimen.name} says what it shows in ${language}, and runs no markup`, async () => {
        setLocale(language);
        const element = await exhibit(specimen, document.body, { language, theme: "night", scale: 1.5, elder: true });
        expect(element.querySelectorAll("*").length).toBeGreaterThan(1);
        expect((element.textContent ?? "").trim()).not.toBe("");
        expect(bareKeys(element)).toEqual([]);
        expect(element.querySelector("img[src='x']")).toBeNull();
        const given = JSON.stringify([specimen.properties, [...((specimen.afterwards?.["parts"] as Map<number, unknown>)?.values() ?? [])]]);
        if (given.includes(MARKUP)) expect(element.textContent).toContain(MARKUP);
      });
    }
  }

  it("survives with nothing to show", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new Error("no server here")));
    for (const { name } of SPECIMENS) {
      const element = document.createElement(name) as HTMLElement & { updateComplete: Promise<unknown> };
      document.body.append(element);
      await element.updateComplete;
      element.remove();
    }
  });
});

const CHOICE: Choice = { kind: ["Tap", "Riser"], sub_district: ["四平路街道"], owner: ["a&b=c"], action: "salt", text: "#x", least: 0.5, before: 24 };

describe("a choice", () => {
  it("comes back from a shared address as it was", () => {
    expect(readChoice(writeChoice(CHOICE))).toEqual(CHOICE);
    expect(readChoice(writeChoice(EVERYTHING))).toEqual(EVERYTHING);
    expect(writeChoice(EVERYTHING)).toBe("");
    expect(narrowed(EVERYTHING)).toBe(false);
    expect(narrowed({ ...EVERYTHING, least: 0 })).toBe(true);
  });

  it("leaves out what an address says badly", () => {
    expect(readChoice("least=2&before=-1&kind=&kind=Tap&kind=Tap")).toEqual({ ...EVERYTHING, kind: ["Tap"] });
    expect(readChoice("least=x&before=&owner")).toEqual(EVERYTHING);
  });

  it("takes a value in, and off again", () => {
    const more = toggled(CHOICE, "kind", "Valve");
    expect(more.kind).toEqual(["Tap", "Riser", "Valve"]);
    expect(toggled(more, "kind", "Tap").kind).toEqual(["Riser", "Valve"]);
  });
});

describe("a mask", () => {
  const bytes = (values: number[]) => btoa(String.fromCharCode(...values));
  const floats = (values: number[]) => btoa(String.fromCharCode(...new Uint8Array(Float32Array.from(values).buffer)));
  const state = unpack({
    ...{ quantity: "plugged", title: { "zh-CN": "", en: "" }, combination: "own", start: "2023-12-20T04:00:00Z", hours: 1, features: 10, data_version: "v" },
    ...{ hourly: bytes(Array(20).fill(200)), probability: floats(Array(10).fill(0.8)), onset_p50_hours: floats(Array(10).fill(1)), known: bytes(Array(10).fill(1)) },
  });

  it("leaves only the features whose bit is set", () => {
    const shown = maskState(state, { features: 10, chosen: 2, bits: bytes([0b01000000, 0b01000000]) });
    expect([...shown.known]).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect([...shown.hourly.slice(0, 4)]).toEqual([0, 0, 200, 200]);
    expect(shown.onset[0]).toBeNaN();
    expect([...state.known]).toEqual(Array(10).fill(1)); // the state itself stays whole
  });

  it("costs nothing where all are chosen", () => {
    expect(maskState(state, undefined)).toBe(state);
    expect(maskState(state, { features: 10, chosen: 10, bits: "" })).toBe(state);
  });
});

describe("the filters", () => {
  const specimen = SPECIMENS.find((item) => item.name === "lingjing-filters");

  it("take off what a chip names, and all at once", async () => {
    const filters = (await exhibit(specimen!, document.body)) as LingjingFilters;
    const heard: Choice[] = [];
    filters.addEventListener("choice-changed", (event) => heard.push((event as CustomEvent<Choice>).detail));
    const chips = [...filters.querySelectorAll<HTMLButtonElement>(".chip")];
    expect(chips).toHaveLength(parametersOf(filters.choice).length);
    chips.find((chip) => chip.textContent?.includes(t("work.street")))?.click();
    expect(heard.at(-1)?.sub_district).toEqual([]);
    expect(heard.at(-1)?.least).toBe(0.5);
    filters.querySelector<HTMLButtonElement>(".clear")?.click();
    expect(heard.at(-1)).toEqual(EVERYTHING);
  });

  it("take another value in beside those chosen", async () => {
    const filters = (await exhibit(specimen!, document.body)) as LingjingFilters;
    const heard: Choice[] = [];
    filters.addEventListener("choice-changed", (event) => heard.push((event as CustomEvent<Choice>).detail));
    const streets = filters.querySelector<HTMLSelectElement>("select[name=sub_district]")!;
    expect([...streets.options].map((option) => option.value)).toEqual(["", "B"]);
    streets.value = "B";
    streets.dispatchEvent(new Event("change"));
    expect(heard.at(-1)?.sub_district).toEqual(["A", "B"]);
  });
});

const answered = (body: unknown) => Promise.resolve({ ok: true, status: 200, json: () => Promise.resolve(body), headers: new Headers() });

describe("the search", () => {
  const found = (q: string): Found => ({
    ...{ q, total: 1 },
    groups: [{ kind: "Tap", title: { "zh-CN": "龙头", en: "Tap" }, total: 1, hits: [{ id: `urn:${q}`, kind: "Tap", title: { "zh-CN": q, en: q }, sub_district: "", address: "", point: [0, 0], count: 1, way: "name" }] }],
  });
  const type = (search: LingjingSearch, text: string) => {
    const input = search.querySelector("input")!;
    input.value = text;
    input.dispatchEvent(new Event("input"));
  };

  it("shows the answer to what was typed last, whichever comes last", async () => {
    vi.useFakeTimers();
    const waiting: (() => void)[] = [];
    vi.stubGlobal("fetch", (address: string) => new Promise((done) => waiting.push(() => done(answered(found(new URL(address, "http://x").searchParams.get("q") ?? ""))))));
    const search = (await exhibit({ name: "lingjing-search", properties: { district: "d" } }, document.body)) as LingjingSearch;
    type(search, "first");
    await vi.advanceTimersByTimeAsync(200);
    type(search, "second");
    await vi.advanceTimersByTimeAsync(200);
    expect(waiting).toHaveLength(2);
    waiting[1]?.();
    waiting[0]?.();
    await vi.advanceTimersByTimeAsync(10);
    expect(search.found?.q).toBe("second");
    vi.useRealTimers();
  });

  it("lets an input method choose its characters, and says when nothing answers", async () => {
    vi.useFakeTimers();
    vi.stubGlobal("fetch", () => Promise.reject(new Error("gone")));
    const search = (await exhibit({ name: "lingjing-search", properties: { district: "d" } }, document.body)) as LingjingSearch;
    type(search, "si");
    await vi.advanceTimersByTimeAsync(200);
    await search.updateComplete;
    expect(search.textContent).toContain(t("search.trouble"));
    search.found = found("si");
    search.open = true;
    await search.updateComplete;
    const opened = vi.fn();
    search.addEventListener("open-object", opened);
    const enter = (isComposing: boolean) => search.querySelector("input")!.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", isComposing, bubbles: true, cancelable: true }));
    enter(true);
    expect(opened).not.toHaveBeenCalled();
    enter(false);
    expect(opened).toHaveBeenCalledOnce();
    vi.useRealTimers();
  });
});

describe("the table of objects", () => {
  it("drops an answer that belongs to filters taken off meanwhile", async () => {
    const waiting: [string, (page: Partial<ObjectPage>) => void][] = [];
    vi.stubGlobal("fetch", (address: string) => new Promise((done) => waiting.push([address, (page) => done(answered(page))])));
    const table = document.createElement("lingjing-object-table") as LingjingObjectTable;
    Object.assign(table, { run: "r", choice: { ...EVERYTHING, text: "old" } });
    document.body.append(table);
    await table.updateComplete;
    table.choice = EVERYTHING;
    await table.updateComplete;
    const [old, fresh] = [waiting.find(([address]) => address.includes("text=old")), waiting.find(([address]) => !address.includes("text="))];
    fresh?.[1]({ total: 7, of: 9, rows: [] });
    old?.[1]({ total: 1, of: 9, rows: [] });
    await new Promise((done) => setTimeout(done, 20));
    expect(table.total).toBe(7);
  });

  it("offers to read again where the server did not answer", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new Error("gone")));
    const table = document.createElement("lingjing-object-table") as LingjingObjectTable;
    table.run = "r";
    document.body.append(table);
    await new Promise((done) => setTimeout(done, 20));
    expect(table.textContent).toContain(t("objects.trouble"));
    vi.stubGlobal("fetch", () => answered({ total: 0, of: 9, rows: [] }));
    table.querySelector("button")?.click();
    await new Promise((done) => setTimeout(done, 20));
    expect(table.textContent).toContain(t("objects.empty"));
  });
});

describe("the card", () => {
  it("tells that readings could not be read, and keeps the rest", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new Error("gone")));
    const element = await exhibit({ name: "lingjing-card", properties: { card, run: "r", start: Date.parse(run.start) } }, document.body);
    await new Promise((done) => setTimeout(done, 20));
    expect(element.textContent).toContain(t("readings.trouble"));
    expect(element.textContent).toContain(t("history.trouble"));
    expect(element.querySelectorAll(".factor")).toHaveLength(4);
  });
});

describe("the page's rule on paper", () => {
  it("keeps names inside their quotes", () => {
    expect(quoted('a"b\\c\nd')).toBe('"a\\"b\\\\c d"');
    const rule = pageRule({ run, title: '"} body { display: none', at: 0, now: 0, choice: EVERYTHING });
    expect(rule).toContain('\\"} body');
    expect(rule).toContain("counter(pages)");
  });
});
