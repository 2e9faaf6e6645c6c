import { describe, expect, it } from "vitest";
import { hoursBefore, readingsAt, temperaturesOf, valueAt, type Thing } from "../src/sensors";

const HOUR = 3_600_000;
const NOON = Date.parse("2026-01-20T12:00:00Z");
const at = (hours: number) => new Date(NOON + hours * HOUR).toISOString();
const riser: Thing = {
  ...{ id: "urn:riser", types: ["Riser"], point: [121.5, 31.2] },
  readings: [
    { name: "supply_temperature", unit: "°C", value: -1, observed_at: at(2), synthetic: false, history: [[at(2), -1], [at(-5), 4.24], [at(0), "broken"], ["never", 3]] },
    { name: "battery", unit: "%", value: 80, observed_at: at(2), synthetic: false },
  ],
};

describe("what sensors said", () => {
  it("is their temperatures in order of time, without what is no number", () => {
    const [series, ...others] = temperaturesOf([riser, { ...riser, id: "urn:lost", point: null }]);
    expect(others).toEqual([]);
    expect(series).toMatchObject({ id: "urn:riser", values: [4.24, -1], times: [NOON - 5 * HOUR, NOON + 2 * HOUR] });
    const [single] = temperaturesOf([{ ...riser, readings: [{ name: "t", unit: "°C", value: 7, observed_at: at(0), synthetic: true }] }]);
    expect(single?.values).toEqual([7]);
  });

  it("is at an instant the last value before it, unless that is too old", () => {
    const series = temperaturesOf([riser])[0];
    if (!series) throw new Error("no series");
    expect(valueAt(series, NOON - 6 * HOUR)).toBeNull();
    expect(valueAt(series, NOON - 4 * HOUR)).toEqual({ value: 4.24, age_ms: HOUR });
    expect(valueAt(series, NOON)).toBeNull(); // five hours old
    expect(valueAt(series, NOON + 2 * HOUR)?.value).toBe(-1);
    expect(readingsAt([series], NOON + 2 * HOUR).features[0]?.properties).toEqual({ id: "urn:riser", value: -1, text: "−1.0°" });
    expect(readingsAt([series], NOON).features).toEqual([]);
  });

  it("says how far back it reaches", () => {
    const series = temperaturesOf([riser]);
    expect(hoursBefore(series, NOON, 48)).toBe(5);
    expect(hoursBefore(series, NOON, 3)).toBe(3);
    expect(hoursBefore(series, NOON - 9 * HOUR, 48)).toBe(0);
    expect(hoursBefore([], NOON, 48)).toBe(0);
  });
});
