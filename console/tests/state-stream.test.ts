import { describe, expect, it } from "vitest";
import fixture from "./fixtures/state-stream.json";
import { readStateStream, StreamError, type QuantityState, type StateStream } from "../src/state-stream";

const body = (): ArrayBuffer => Uint8Array.from(atob(fixture.body), (letter) => letter.charCodeAt(0)).buffer;

function quantity(name: string, stream: StateStream = readStateStream(body())): QuantityState {
  const found = stream.quantities.get(name);
  if (!found) throw new Error(name);
  return found;
}

const rounded = (values: ArrayLike<number>, digits = 2) => Array.from(values, (value) => Number(value.toFixed(digits)));

/** A stream as the server writes it, made large. */
function large(features: number, courses: number, hours: number): ArrayBuffer {
  const index = Uint16Array.from({ length: features }, (_, at) => 1 + (at % (courses - 1)));
  const hourly = new Uint8Array((hours + 1) * courses);
  for (let at = courses; at < hourly.length; at++) hourly[at] = 1;
  const pad = (size: number) => size + ((8 - (size % 8)) % 8);
  const arrays = {
    index: { type: "uint16", at: 0, shape: [features] },
    hourly: { type: "uint8", at: pad(index.byteLength), shape: [hours + 1, courses] },
  };
  const described = { quantity: "plugged", title: {}, unit: "", event: true, combination: "own", levels: ["probability"] };
  const head = {
    format: 1, run: "r", layer: "buildings", start: "2024-01-01T00:00:00Z", hours, numbers: features, numbering: "n", data_version: "v",
    quantities: [{ ...described, courses, scale: 1 / 255, offset: 0, arrays }],
  };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const size = pad(text.length);
  const whole = new Uint8Array(16 + size + arrays.hourly.at + hourly.byteLength);
  whole.set(new TextEncoder().encode("LJST"));
  new DataView(whole.buffer).setUint32(4, 1, true);
  new DataView(whole.buffer).setUint32(8, size, true);
  whole.fill(32, 16, 16 + size);
  whole.set(text, 16);
  whole.set(new Uint8Array(index.buffer), 16 + size);
  whole.set(hourly, 16 + size + arrays.hourly.at);
  return whole.buffer;
}

describe("a state stream", () => {
  it("says what it is about", () => {
    const stream = readStateStream(body());
    expect([stream.run, stream.layer, stream.hours, stream.numbers, stream.numbering]).toEqual(["r", "buildings", 3, 4, "n"]);
    expect(stream.start).toBe(Date.UTC(2024, 0, 1));
    expect([...stream.quantities.keys()]).toEqual(["plugged", "water_temperature"]);
    expect(quantity("plugged", stream).isEvent).toBe(true);
    expect(quantity("water_temperature", stream).unit).toBe("°C");
  });

  it("gives each feature its chance at an hour, and none to those nothing is known of", () => {
    const plugged = quantity("plugged");
    expect(rounded(plugged.valuesAt("probability", 1))).toEqual([0.4, 0.2, Number.NaN, 0.4]);
    expect(rounded(plugged.valuesAt("probability", 2))).toEqual([0.8, 0.8, Number.NaN, 0.8]);
    expect(rounded(plugged.courseOf(1, "probability"))).toEqual([0, 0.2, 0.8, 0]);
    expect(plugged.valuesAt("probability", 99)).toEqual(plugged.valuesAt("probability", 3));
  });

  it("gives numbers in their unit, to within half a step", () => {
    const water = quantity("water_temperature");
    expect(rounded(water.valuesAt("p50", 0))).toEqual([3.5, 6, Number.NaN, 3.5]);
    expect(rounded(water.valuesAt("p10", 1))).toEqual([-1.5, 1, Number.NaN, -1.5]);
    expect(rounded(water.valuesAt("p90", 3))).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
    expect(rounded(water.extremesAt("p50"))).toEqual([-5.5, Number.NaN, Number.NaN, -5.5]);
  });

  it("gives chance and onset within the window", () => {
    const plugged = quantity("plugged");
    expect(rounded(plugged.probabilities())).toEqual([0.8, 0.8, Number.NaN, 0.8]);
    expect(rounded(plugged.onsetHours("p50"))).toEqual([1.5, 1.5, Number.NaN, 1.5]);
    expect(rounded(plugged.onsetHours("p10"))).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
    expect(rounded(quantity("water_temperature").probabilities())).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
  });

  it("names only the features that change between two hours", () => {
    const plugged = quantity("plugged");
    const all = plugged.changes("probability", null, 0);
    expect([...all.features]).toEqual([0, 1, 2, 3]);
    expect(rounded(all.values)).toEqual([0, 0, -1, 0]);
    const one = plugged.changes("probability", 0, 1);
    expect([...one.features]).toEqual([0, 1, 3]);
    expect(plugged.changes("probability", 1, 1).features).toHaveLength(0);
    const water = quantity("water_temperature").changes("p50", 2, 3);
    expect(rounded(water.values)).toEqual([-1, -1, -1]);
  });

  it("arrives at the same state step by step as at once", () => {
    const plugged = quantity("plugged");
    const state = new Float32Array(4);
    for (let hour = 0; hour <= 3; hour++) {
      const { features, values } = plugged.changes("probability", hour ? hour - 1 : null, hour);
      features.forEach((feature, at) => (state[feature] = values[at] ?? 0));
      const wanted = plugged.valuesAt("probability", hour).map((value) => (Number.isNaN(value) ? -1 : value));
      expect(state).toEqual(wanted);
    }
  });

  it("finds when a value is passed, upwards or downwards", () => {
    expect([...quantity("plugged").firstHourPast("probability", 0.5)]).toEqual([2, 2, -1, 2]);
    expect([...quantity("water_temperature").firstHourPast("p50", 0.6, true)]).toEqual([1, 2, -1, 1]);
    expect(quantity("plugged").countPast("probability", 2, 0.5)).toBe(3);
    expect(quantity("water_temperature").countPast("p50", 1, 0.6, true)).toBe(2);
  });

  it("finds 20,000 changes by looking at the courses, and sums that wrap around", () => {
    const plugged = quantity("plugged", readStateStream(large(20_000, 500, 300)));
    const { features, values } = plugged.changes("probability", 4, 5);
    expect(features).toHaveLength(20_000);
    expect(values[19_999]).toBeCloseTo(5 / 255);
    expect(plugged.valuesAt("probability", 256)[0]).toBe(0);
  });

  it("is refused where it is none, is cut off or of another form", () => {
    expect(() => readStateStream(new ArrayBuffer(0))).toThrow(StreamError);
    expect(() => readStateStream(new TextEncoder().encode("<!doctype html><html></html>").buffer as ArrayBuffer)).toThrow(StreamError);
    for (const size of [16, 100, body().byteLength - 8]) expect(() => readStateStream(body().slice(0, size))).toThrow();
    const later = body();
    new DataView(later).setUint32(4, 2, true);
    expect(() => readStateStream(later)).toThrow(/form 2/);
  });

  it("is refused where a feature names a course that is not there", () => {
    const broken = body();
    const text = new TextDecoder().decode(broken);
    const base = 16 + new DataView(broken).getUint32(8, true);
    expect(text).toContain('"courses":3');
    new DataView(broken).setUint16(base, 9, true);
    expect(() => readStateStream(broken)).toThrow(StreamError);
  });

  it("does not know a level that is not there", () => {
    expect(() => quantity("plugged").valuesAt("p50", 0)).toThrow(StreamError);
  });
});
