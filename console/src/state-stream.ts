/**
 * The compact state of a layer: all a run foresees for it, hour by hour (`/runs/{run}/stream/{layer}`).
 *
 * Features that share what is foreseen for them share a *course*; a feature only has the number of its
 * course. So a step in time looks at some hundred courses, and touches the features of those that changed.
 */

import type { Text } from "./api";

export type Level = "probability" | "p10" | "p25" | "p50" | "p75" | "p90";

interface Described {
  type: "uint8" | "uint16" | "uint32";
  at: number;
  shape: number[];
}

interface Head {
  format: number;
  run: string;
  layer: string;
  start: string;
  hours: number;
  numbers: number;
  numbering: string;
  data_version: string;
  quantities: {
    quantity: string;
    title: Text;
    unit: string;
    event: boolean;
    combination: "own" | "assets";
    levels: Level[];
    courses: number;
    scale: number;
    offset: number;
    arrays: Record<string, Described>;
  }[];
}

type Codes = Uint8Array | Uint16Array;

/** Features whose value changed, and their new values; −1 stands for "nothing is known". */
export interface Changes {
  features: Uint32Array;
  values: Float32Array;
}

const MAGIC = "LJST";
const FORMAT = 1;
const HEAD_AT = 16;
const NO_ONSET = 65_535;
const GAP = 65_535;

/** One quantity of a layer: a value for every feature, level and hour. */
export class QuantityState {
  /** Course of each feature; 0 where nothing is known. */
  readonly index: Uint16Array | Uint32Array;
  private readonly codes: Map<Level, Codes>;
  private readonly gap: number;

  constructor(
    readonly name: string,
    readonly title: Text,
    readonly unit: string,
    readonly isEvent: boolean,
    /** Whether a feature shows its own values or those of the assets in it. */
    readonly combination: "own" | "assets",
    readonly levels: readonly Level[],
    readonly hours: number,
    readonly courses: number,
    private readonly scale: number,
    private readonly offset: number,
    arrays: Record<string, Uint8Array | Uint16Array | Uint32Array>,
  ) {
    const { index, hourly } = arrays;
    if (!index || !hourly || index instanceof Uint8Array || hourly instanceof Uint32Array) {
      throw new StreamError(`${name} lacks its arrays`);
    }
    const each = (hours + 1) * courses;
    if (hourly.length !== each * levels.length) throw new StreamError(`${name} has courses of another length`);
    for (const course of index) if (course >= courses) throw new StreamError(`${name} names a course that is not there`);
    this.index = index;
    this.gap = isEvent ? -1 : GAP;
    this.codes = new Map(levels.map((level, at) => [level, summed(hourly.subarray(at * each, (at + 1) * each), courses)]));
    this.within = arrays["probability"] as Uint16Array | undefined;
    this.onsets = arrays["onset"] as Uint16Array | undefined;
    this.extremes = arrays["extreme"] as Uint16Array | undefined;
  }

  private readonly within: Uint16Array | undefined;
  private readonly onsets: Uint16Array | undefined;
  private readonly extremes: Uint16Array | undefined;

  /** Value of every course at an hour: a chance from 0 to 1, or a number in the quantity's unit; NaN where unknown. */
  coursesAt(level: Level, hour: number): Float32Array {
    const codes = this.codes.get(level);
    if (!codes) throw new StreamError(`${this.name} has no ${level}`);
    const row = Math.min(Math.max(Math.round(hour), 0), this.hours) * this.courses;
    const values = new Float32Array(this.courses);
    for (let course = 0; course < this.courses; course++) {
      const code = codes[row + course] ?? 0;
      values[course] = course === 0 || code === this.gap ? Number.NaN : this.offset + this.scale * code;
    }
    return values;
  }

  /** Value of every feature at an hour; NaN where nothing is known. */
  valuesAt(level: Level, hour: number): Float32Array {
    return this.perFeature(this.coursesAt(level, hour));
  }

  /** Value of one feature at every hour. */
  courseOf(feature: number, level: Level): Float32Array {
    const course = this.index[feature] ?? 0;
    const found = new Float32Array(this.hours + 1);
    for (let hour = 0; hour <= this.hours; hour++) found[hour] = this.coursesAt(level, hour)[course] ?? Number.NaN;
    return found;
  }

  /**
   * What to change on the map when time moves: the features whose value differs between two hours.
   * Without a first hour all features come, −1 for those of which nothing is known.
   */
  changes(level: Level, from: number | null, to: number): Changes {
    const after = this.coursesAt(level, to);
    const before = from === null ? null : this.coursesAt(level, from);
    const differs = new Uint8Array(this.courses);
    for (let course = 0; course < this.courses; course++) {
      const old = before?.[course] ?? Number.NaN;
      const now = after[course] ?? Number.NaN;
      differs[course] = before === null || (old !== now && !(Number.isNaN(old) && Number.isNaN(now))) ? 1 : 0;
    }
    const { index } = this;
    const features = new Uint32Array(index.length);
    const values = new Float32Array(index.length);
    let count = 0;
    for (let feature = 0; feature < index.length; feature++) {
      const course = index[feature] ?? 0;
      if (!differs[course]) continue;
      const value = after[course] ?? Number.NaN;
      features[count] = feature;
      values[count++] = Number.isNaN(value) ? -1 : value;
    }
    return { features: features.subarray(0, count), values: values.subarray(0, count) };
  }

  /** Chance of the event within the whole window, of every feature; NaN where unknown or no event. */
  probabilities(): Float32Array {
    return this.perCourse(this.within, 0, (code) => code / 65_535);
  }

  /** Hours after the start of the window at which the event sets in, of every feature; NaN where it does not. */
  onsetHours(level: "p10" | "p50" | "p90"): Float32Array {
    return this.perCourse(this.onsets, ["p10", "p50", "p90"].indexOf(level), (code) => (code === NO_ONSET ? Number.NaN : code / 60));
  }

  /** A percentile of the extreme within the window, of every feature; NaN where unknown or an event. */
  extremesAt(level: Level): Float32Array {
    return this.perCourse(this.extremes, this.levels.indexOf(level), (code) =>
      code === GAP ? Number.NaN : this.offset + this.scale * code,
    );
  }

  /** First hour at which each feature is at or above (or, for cold, at or below) a value; −1 where never. */
  firstHourPast(level: Level, threshold: number, below = false): Int16Array {
    const first = new Int16Array(this.courses).fill(-1);
    for (let hour = this.hours; hour >= 0; hour--) {
      const values = this.coursesAt(level, hour);
      for (let course = 1; course < this.courses; course++) {
        const value = values[course] ?? Number.NaN;
        if (below ? value <= threshold : value >= threshold) first[course] = hour;
      }
    }
    const found = new Int16Array(this.index.length);
    for (let feature = 0; feature < found.length; feature++) found[feature] = first[this.index[feature] ?? 0] ?? -1;
    return found;
  }

  /** How many features are past a value at an hour. */
  countPast(level: Level, hour: number, threshold: number, below = false): number {
    const values = this.coursesAt(level, hour);
    let count = 0;
    for (const course of this.index) {
      const value = values[course] ?? Number.NaN;
      if (below ? value <= threshold : value >= threshold) count++;
    }
    return count;
  }

  private perCourse(codes: Uint16Array | undefined, row: number, value: (code: number) => number): Float32Array {
    const values = new Float32Array(this.courses).fill(Number.NaN);
    if (codes && row >= 0) for (let at = 1; at < this.courses; at++) values[at] = value(codes[row * this.courses + at] ?? 0);
    return this.perFeature(values);
  }

  private perFeature(values: Float32Array): Float32Array {
    const found = new Float32Array(this.index.length);
    for (let feature = 0; feature < found.length; feature++) found[feature] = values[this.index[feature] ?? 0] ?? Number.NaN;
    return found;
  }
}

/** What is not such a stream, or one of another form. */
export class StreamError extends Error {}

/** A layer's state in a run. */
export interface StateStream {
  run: string;
  layer: string;
  /** [ms since 1970]. */
  start: number;
  hours: number;
  /** One more than the largest feature id. */
  numbers: number;
  /** As the layer's TileJSON says; where they differ, ids stand for other entities. */
  numbering: string;
  version: string;
  quantities: ReadonlyMap<string, QuantityState>;
}

/** Read a stream; throws `StreamError` where it is none. */
export function readStateStream(buffer: ArrayBuffer): StateStream {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEAD_AT || String.fromCharCode(...new Uint8Array(buffer, 0, 4)) !== MAGIC) {
    throw new StreamError("not a state stream");
  }
  if (view.getUint32(4, true) !== FORMAT) throw new StreamError(`form ${view.getUint32(4, true)} is not known here`);
  const size = view.getUint32(8, true);
  if (HEAD_AT + size > buffer.byteLength) throw new StreamError("the head is cut off");
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, HEAD_AT, size))) as Head;
  const quantities = new Map<string, QuantityState>();
  for (const given of head.quantities) {
    const arrays = Object.fromEntries(
      Object.entries(given.arrays).map(([name, array]) => [name, arrayOf(buffer, HEAD_AT + size, array)]),
    );
    if (arrays["index"]?.length !== head.numbers) throw new StreamError(`${given.quantity} is of another length`);
    quantities.set(
      given.quantity,
      new QuantityState(
        given.quantity,
        given.title,
        given.unit,
        given.event,
        given.combination,
        given.levels,
        head.hours,
        given.courses,
        given.scale,
        given.offset,
        arrays,
      ),
    );
  }
  return {
    run: head.run,
    layer: head.layer,
    start: Date.parse(head.start),
    hours: head.hours,
    numbers: head.numbers,
    numbering: head.numbering,
    version: head.data_version,
    quantities,
  };
}

function arrayOf(buffer: ArrayBuffer, base: number, array: Described): Uint8Array | Uint16Array | Uint32Array {
  const length = array.shape.reduce((product, size) => product * size, 1);
  const kind = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array }[array.type];
  const at = base + array.at;
  if (!kind || at % 8 || at + length * kind.BYTES_PER_ELEMENT > buffer.byteLength) throw new StreamError("an array is cut off");
  return new kind(buffer, at, length);
}

/** Hours as they are, of hours written as differences from the one before; the sums wrap around. */
function summed(differences: Codes, courses: number): Codes {
  const values = differences.slice();
  for (let at = courses; at < values.length; at++) values[at] = (values[at] ?? 0) + (values[at - courses] ?? 0);
  return values;
}
