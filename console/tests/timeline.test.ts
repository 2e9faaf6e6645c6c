import { describe, expect, it } from "vitest";
import type { LayerState } from "../src/state";
import { curve, likelyByHour, midnights, nights } from "../src/timeline";

const START = Date.parse("2023-12-20T09:00:00Z"); // 17:00 in Shanghai

function state(hourly: number[][]): LayerState {
  const hours = (hourly[0]?.length ?? 1) - 1;
  const features = hourly.length;
  return {
    ...{ quantity: "q", start: START, hours, features, version: "v" },
    hourly: new Uint8Array(hourly.flat()),
    ...{ probability: new Float32Array(features), onset: new Float32Array(features), known: new Uint8Array(features) },
  };
}

describe("the time bar's curve", () => {
  it("counts what is likely at each hour over all layers", () => {
    const roads = state([[0, 128, 255], [0, 127, 128]]);
    const buildings = state([[255, 255, 255]]);
    expect([...likelyByHour([roads, buildings], 0.5)]).toEqual([1, 2, 3]);
    expect([...likelyByHour([], 0.5)]).toEqual([0]);
  });

  it("fills the box from its place on the bar", () => {
    expect(curve([0, 4], -1, 1)).toBe("M500.0,100 L500.0,100.0 L1000.0,8.0 L1000.0,100 Z");
    expect(curve([], 0, 1)).toBe("");
  });

  it("knows nights and midnights, before the start too", () => {
    const found = nights(START, -24, 48, [121.5, 31.28]);
    expect(found).toHaveLength(4);
    const [from = 0, to = 0] = found[1] ?? [];
    expect(to - from).toBeGreaterThan(13); // the longest night of the year
    expect(to - from).toBeLessThan(14.5);
    expect(midnights(START, -24, 10).map(({ hour }) => hour)).toEqual([-17, 7]);
  });
});
