import { describe, expect, it } from "vitest";
import { countAt, firstHourReaching, NO_ONSET, onsetValues, openingHour, peakHour, unpack, valuesAt } from "../src/state";

const pack = (values: ArrayLike<number>, floats = false) => {
  const bytes = floats ? new Uint8Array(Float32Array.from(values).buffer) : Uint8Array.from(values);
  return btoa(String.fromCharCode(...bytes));
};

const content = (change: Record<string, unknown> = {}) => ({
  quantity: "plugged",
  title: { "zh-CN": "冰堵", en: "Plugged" },
  combination: "maximum" as const,
  start: "2023-12-20T04:00:00Z",
  hours: 2,
  features: 2,
  data_version: "v",
  hourly: pack([0, 128, 255, 0, 10, 20]),
  probability: pack([1, 0.05], true),
  onset_p50_hours: pack([1.6, Number.NaN], true),
  known: pack([1, 1]),
  ...change,
});

describe("a layer's state", () => {
  it("gives each feature its byte of the chosen hour", () => {
    const state = unpack(content());
    expect([...valuesAt(state, 1)]).toEqual([128, 10]);
    expect([...valuesAt(state, 2)]).toEqual([255, 20]);
  });

  it("stays inside the window when the hour does not", () => {
    const state = unpack(content());
    expect([...valuesAt(state, 99)]).toEqual([255, 20]);
    expect([...valuesAt(state, -1)]).toEqual([0, 0]);
  });

  it("shows an onset only where the event is likely enough", () => {
    expect([...onsetValues(unpack(content()), 0.1)]).toEqual([2, NO_ONSET]);
    const late = unpack(content({ onset_p50_hours: pack([400, 1], true) }));
    expect([...onsetValues(late, 0.1)]).toEqual([NO_ONSET - 1, NO_ONSET]);
  });

  it("finds the first hour at which anything is likely", () => {
    const state = unpack(content());
    expect(firstHourReaching([state], 0.5)).toBe(1);
    expect(firstHourReaching([state], 1)).toBe(2);
    expect(firstHourReaching([], 0.5)).toBeNull();
    expect(firstHourReaching([unpack(content({ hourly: pack([0, 0, 0, 0, 0, 0]) }))], 0.5)).toBeNull();
  });

  it("counts what is likely at an hour", () => {
    expect(countAt(unpack(content()), 1, 0.5)).toBe(1);
    expect(countAt(unpack(content()), 0, 0.5)).toBe(0);
  });

  it("finds the first hour of the most features", () => {
    const roads = unpack(content({ hourly: pack([200, 200, 0, 0, 200, 200]) }));
    expect(peakHour([roads], 0.5)).toBe(1);
    expect(peakHour([roads, unpack(content())], 0.5)).toBe(1);
    expect(peakHour([roads, unpack(content({ hourly: pack([0, 0, 255, 0, 0, 255]) }))], 0.5)).toBe(2);
    expect(peakHour([unpack(content({ hourly: pack([0, 0, 0, 0, 0, 0]) }))], 0.5)).toBeNull();
  });

  it("opens at the present hour inside the window, else where most is likely", () => {
    const state = unpack(content({ hourly: pack([0, 0, 30, 0, 0, 30]) }));
    const start = state.start;
    expect(openingHour([state], start, 2, start + 1.9 * 3_600_000)).toBe(1);
    expect(openingHour([state], start, 2, start - 1)).toBe(2);
    expect(openingHour([state], start, 2, start + 9 * 3_600_000)).toBe(2);
    expect(openingHour([], start, 2, start - 1)).toBe(0);
  });

  it("refuses arrays that are shorter than they say", () => {
    expect(() => unpack(content({ features: 3 }))).toThrow();
  });
});
