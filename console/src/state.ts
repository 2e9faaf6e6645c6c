/** Hourly probabilities of a layer, unpacked from the state endpoint. */

import type { StateContent } from "./api";

export interface LayerState {
  quantity: string;
  start: number;
  hours: number;
  features: number;
  /** Version of the district's data whose rows the arrays follow. */
  version: string;
  /** [features × (hours + 1)], 0 to 255. */
  hourly: Uint8Array;
  probability: Float32Array;
  onset: Float32Array;
  known: Uint8Array;
}

export const NO_ONSET = 255;

export function bytesOf(base64: string): Uint8Array {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function floatsOf(base64: string): Float32Array {
  return new Float32Array(bytesOf(base64).buffer);
}

export function unpack(content: StateContent): LayerState {
  const state: LayerState = {
    quantity: content.quantity,
    start: Date.parse(content.start),
    hours: content.hours,
    features: content.features,
    version: content.data_version,
    hourly: bytesOf(content.hourly),
    probability: floatsOf(content.probability),
    onset: floatsOf(content.onset_p50_hours),
    known: bytesOf(content.known),
  };
  if (
    state.hourly.length !== state.features * (state.hours + 1) ||
    state.probability.length !== state.features ||
    state.onset.length !== state.features
  ) {
    throw new Error("the state's arrays do not have the sizes it names");
  }
  return state;
}

interface AssetProperties {
  probability?: number;
  onset_p50_hours?: number | null;
  hourly?: string | null;
}

/** The state of single assets, whose features carry it themselves. */
export function stateOfAssets(assets: GeoJSON.FeatureCollection, start: number, hours: number): LayerState {
  const features = assets.features.length;
  const state: LayerState = {
    quantity: "",
    start,
    hours,
    features,
    version: "",
    hourly: new Uint8Array(features * (hours + 1)),
    probability: new Float32Array(features),
    onset: new Float32Array(features).fill(Number.NaN),
    known: new Uint8Array(features),
  };
  assets.features.forEach((feature, row) => {
    const own = (feature.properties ?? {}) as AssetProperties;
    if (own.hourly) {
      state.hourly.set(bytesOf(own.hourly).subarray(0, hours + 1), row * (hours + 1));
      state.known[row] = 1;
    }
    state.probability[row] = own.probability ?? 0;
    state.onset[row] = own.onset_p50_hours ?? Number.NaN;
  });
  return state;
}

/** One byte a feature for the map: the probability at an hour. */
export function valuesAt(state: LayerState, hour: number): Uint8Array {
  const width = state.hours + 1;
  const column = Math.min(Math.max(Math.round(hour), 0), state.hours);
  const values = new Uint8Array(state.features);
  for (let row = 0; row < state.features; row++) values[row] = state.hourly[row * width + column] ?? 0;
  return values;
}

/** One byte a feature for the map: hours to the median onset, `NO_ONSET` where none is likely. */
export function onsetValues(state: LayerState, leastProbability: number): Uint8Array {
  const values = new Uint8Array(state.features);
  for (let row = 0; row < state.features; row++) {
    const onset = state.onset[row] ?? Number.NaN;
    const likely = (state.probability[row] ?? 0) >= leastProbability;
    values[row] = likely && Number.isFinite(onset) ? Math.min(Math.round(onset), NO_ONSET - 1) : NO_ONSET;
  }
  return values;
}

/** The class of each value, by a table of all 256. */
export function classesOf(values: Uint8Array, table: Int8Array): Int8Array {
  const found = new Int8Array(values.length);
  for (let row = 0; row < values.length; row++) found[row] = table[values[row] ?? 0] ?? -1;
  return found;
}

/** The first hour at which any feature of any state reaches a probability; null where none does. */
export function firstHourReaching(states: readonly LayerState[], probability: number): number | null {
  const threshold = Math.ceil(probability * 255);
  let first: number | null = null;
  for (const state of states) {
    const width = state.hours + 1;
    for (let at = 0; at < state.hourly.length; at++) {
      if ((state.hourly[at] ?? 0) < threshold) continue;
      const hour = at % width;
      if (first === null || hour < first) first = hour;
      if (first === 0) return 0;
    }
  }
  return first;
}

/** How many features are at or above a probability, at an hour. */
export function countAt(state: LayerState, hour: number, probability: number): number {
  const threshold = Math.ceil(probability * 255);
  let count = 0;
  for (const value of valuesAt(state, hour)) if (value >= threshold) count++;
  return count;
}

/** The first of the hours at which most features of all states reach a probability; null where none does. */
export function peakHour(states: readonly LayerState[], probability: number): number | null {
  const threshold = Math.ceil(probability * 255);
  const counts: number[] = [];
  for (const state of states) {
    const width = state.hours + 1;
    for (let at = 0; at < state.hourly.length; at++) {
      if ((state.hourly[at] ?? 0) >= threshold) counts[at % width] = (counts[at % width] ?? 0) + 1;
    }
  }
  let peak: number | null = null;
  counts.forEach((count, hour) => {
    if (peak === null || count > (counts[peak] ?? 0)) peak = hour;
  });
  return peak;
}

/** Where a run opens: at the present hour where it is inside the window, else where most is likely. */
export function openingHour(states: readonly LayerState[], start: number, hours: number, now: number): number {
  const present = Math.floor((now - start) / 3_600_000);
  if (present >= 0 && present <= hours) return present;
  return peakHour(states, 0.5) ?? peakHour(states, 0.1) ?? 0;
}
