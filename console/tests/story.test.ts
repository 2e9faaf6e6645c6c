import { describe, expect, it } from "vitest";
import type { RunDetail, WorkRow } from "../src/api";
import { lines } from "../src/picture";
import type { LayerState } from "../src/state";
import { chaptersOf } from "../src/story";

const START = "2023-12-20T09:00:00Z";
const alarm = { level: "act" as const, text: { "zh-CN": "需要部署。", en: "Act." } };
const RUN = { start: START, hours: 4, members: 31, summary: { alarm } } as RunDetail;
const STATE: LayerState = {
  ...{ quantity: "plugged", start: Date.parse(START), hours: 4, features: 2, version: "v" },
  hourly: new Uint8Array([0, 130, 200, 200, 0, 0, 0, 0, 128, 128]),
  ...{ probability: new Float32Array(2), onset: new Float32Array(2), known: new Uint8Array(2) },
};
const row = (rank: number, target: string, hour: number): WorkRow =>
  ({
    ...{ rank, target, id: `j${rank}`, probability: 0.7, longitude_deg: 121.5, latitude_deg: 31.2 },
    ...{ title: { "zh-CN": `工作${rank}`, en: `Job ${rank}` }, onset_early: null },
    onset: new Date(Date.parse(START) + hour * 3_600_000).toISOString(),
  }) as WorkRow;

describe("the story of a run", () => {
  it("goes through what comes in order of time, each job's place once", () => {
    const rows = [row(1, "a", 3), row(2, "a", 1), row(3, "b", 2), row(4, "c", 1), row(5, "d", 0)];
    const chapters = chaptersOf(RUN, [STATE], 1, rows);
    expect(chapters.map(({ hour }) => hour)).toEqual([0, 1, 1, 2, 3, 3, 4]);
    expect(chapters[0]?.text).toContain("需要部署。");
    const jobs = chapters.filter(({ at }) => at !== null).map(({ text }) => text);
    expect(jobs).toHaveLength(3);
    expect(jobs.join()).not.toContain("工作2");
    expect(chapters.find(({ text }) => text.includes("最严重"))?.text).toContain("2 处");
    expect(chapters.at(-1)?.text).toContain("1 处");
  });

  it("of a run without frost has a beginning and an end", () => {
    const calm = { ...STATE, hourly: new Uint8Array(10) };
    expect(chaptersOf(RUN, [calm], null, []).map(({ hour }) => hour)).toEqual([0, 4]);
    expect(chaptersOf({ ...RUN, summary: {} } as RunDetail, [], null, [])).toHaveLength(2);
  });
});

describe("the lines of a picture", () => {
  const fits = (line: string) => line.length <= 8;

  it("break Chinese anywhere and Latin between words, and lose nothing", () => {
    expect(lines("数据来源：上海市杨浦区", fits)).toEqual(["数据来源：上海市", "杨浦区"]);
    expect(lines("one two three four", fits)).toEqual(["one two", "three", "four"]);
    expect(lines("averyverylongword x", fits)).toEqual(["averyverylongword", "x"]);
    expect(lines("", fits)).toEqual([]);
  });
});
