import { describe, expect, it } from "vitest";
import { bound } from "../src/legend";
import { classesAt, PLAIN, roundUp, scaleOf, sharedShowing, showingOf, type Showing } from "../src/showing";
import type { LayerState } from "../src/state";
import { QuantityState } from "../src/state-stream";

/** A number with three courses of three hours; course 0 knows nothing. Values by hour: 1: 5, −1, −7; 2: 0, 0, 0. */
function number(unit: string, codes: number[], index: number[], extreme: number[]): QuantityState {
  return new QuantityState("n", { "zh-CN": "数", en: "number" }, unit, false, "own", ["p10", "p50", "p90"], 2, 3, 1, -10, {
    index: new Uint16Array(index),
    hourly: new Uint16Array([...codes, ...codes, ...codes]),
    extreme: new Uint16Array([...extreme, ...extreme, ...extreme]),
  });
}

const WRAP = 65_536;
/** Hour 0 whole, the later ones as differences. */
const TEMPERATURES = [65_535, 15, 10, 0, WRAP - 6, 0, 0, WRAP - 6, 0];
const STATE: LayerState = {
  ...{ quantity: "q", start: 0, hours: 1, features: 3, version: "v" },
  hourly: new Uint8Array([0, 255, 100, 128, 20, 0]),
  ...{ probability: new Float32Array([1, 0.5, 0.05]), onset: new Float32Array([7, 30, 2]), known: new Uint8Array(3) },
};

describe("what a layer shows", () => {
  it("is a chance or an onset where it is an event", () => {
    expect([...(classesAt(PLAIN, STATE, "probability", 0) ?? [])]).toEqual([-1, 1, 0]);
    expect([...(classesAt(PLAIN, STATE, "probability", 1) ?? [])]).toEqual([4, 2, -1]);
    expect([...(classesAt(PLAIN, STATE, "onset", 0) ?? [])]).toEqual([1, 3, -1]); // 5 % is not worth a colour
    expect(classesAt(PLAIN, null, "probability", 0)).toBeNull();
  });

  it("is only what passes a threshold where one is set", () => {
    const half: Showing = { ...PLAIN, threshold: 0.5 };
    expect([...(classesAt(half, STATE, "probability", 1) ?? [])]).toEqual([0, 0, -1]);
    expect([...(classesAt({ ...PLAIN, threshold: 0 }, STATE, "probability", 0) ?? [])]).toEqual([-1, 0, 0]);
    expect(scaleOf("onset", half, "day")).toMatchObject({ kind: "threshold", bounds: [50], unit: "%" });
  });

  it("is a percentile of a number in its own classes; cold passes downward", () => {
    const cold: Showing = { ...PLAIN, number: number("°C", TEMPERATURES, [0, 1, 2, 1], [0, 3, 10]) };
    const at = (hour: number) => [...(classesAt(cold, null, "probability", hour) ?? [])];
    expect(at(0)).toEqual([-1, 6, 4, 6]);
    expect(at(1)).toEqual([-1, 3, 4, 3]); // −1 °C lies in −2…0
    expect(at(2)).toEqual([-1, 0, 4, 0]);
    const below: Showing = { ...cold, threshold: -1 };
    expect([...(classesAt(below, null, "probability", 1) ?? [])]).toEqual([-1, 0, -1, 0]);
  });

  it("ends an amount's scale with a round number above what comes", () => {
    const amount: Showing = { ...PLAIN, number: number("mm", TEMPERATURES, [1, 2], [0, 17, 10]) };
    const scale = scaleOf("probability", amount, "night");
    expect(scale).toMatchObject({ kind: "amount", bounds: [0, 2, 4, 6, 8], unit: "mm" });
    expect([...(classesAt(amount, null, "probability", 0) ?? [])]).toEqual([2, -1]); // nothing is no class
    expect([0, 0.3, 1, 1.2, 7, 430].map(roundUp)).toEqual([1, 0.5, 1, 2, 10, 500]);
  });

  it("is kept in a shared address", () => {
    const showing: Showing = { number: null, level: "p90", threshold: 0.2 };
    expect(showingOf("roads", sharedShowing("roads", showing))).toEqual(showing);
    expect(sharedShowing("roads", PLAIN)).toEqual({});
    expect(showingOf("roads", { "roads.level": "p42", "roads.threshold": "much" })).toEqual(PLAIN);
    expect(showingOf("roads", { "buildings.threshold": "0.2" })).toEqual(PLAIN);
  });

  it("is said in the legend with all its bounds", () => {
    const chance = scaleOf("probability", PLAIN, "day");
    expect(chance.colours.map((_, at) => bound(chance, at, false))).toEqual(["5–20", "20–40", "40–60", "60–80", "80–100"]);
    const onset = scaleOf("onset", PLAIN, "day");
    expect(bound(onset, 3, false)).toBe("24–36");
    expect(bound(onset, 5, false)).toBe("≥ 48");
    const cold = scaleOf("probability", { ...PLAIN, number: number("°C", TEMPERATURES, [1], [0, 3, 10]) }, "day");
    expect(bound(cold, 0, true)).toBe("< −6");
    expect(bound(cold, 3, true)).toBe("−2…0");
    const least = scaleOf("probability", { ...PLAIN, threshold: 0.2 }, "day");
    expect(bound(least, 0, false)).toBe("≥ 20 %");
  });
});
