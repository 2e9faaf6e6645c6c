/** What sensors said over time, for the part of the time bar that is observed. */

import type { Text } from "./api";

export interface Reading {
  name: string;
  title?: Text;
  unit?: string;
  value: unknown;
  observed_at: string;
  synthetic: boolean;
  /** Times and values since the asked span began. */
  history?: [time: string, value: unknown][];
}

export interface Thing {
  id: string;
  types: string[];
  point: [longitude: number, latitude: number] | null;
  readings: Reading[];
}

/** One sensor's values in order of time. */
export interface SensorSeries {
  id: string;
  point: [longitude: number, latitude: number];
  name: string;
  /** [ms since 1970]. */
  times: number[];
  values: number[];
}

/** A value older than this at an instant says nothing about it [ms]. */
const FRESH_MS = 3 * 3_600_000;

/** Temperatures that things said, with where they are. */
export function temperaturesOf(things: readonly Thing[]): SensorSeries[] {
  const found: SensorSeries[] = [];
  for (const { id, point, readings } of things) {
    if (!point) continue;
    for (const { name, unit, observed_at, value, history } of readings) {
      if (unit !== "°C") continue;
      const moments = (history ?? [[observed_at, value] as [string, unknown]])
        .map(([time, said]) => ({ time: Date.parse(time), said }))
        .filter((moment): moment is { time: number; said: number } => Number.isFinite(moment.time) && typeof moment.said === "number")
        .sort((one, other) => one.time - other.time);
      if (moments.length > 0) found.push({ id, point, name, times: moments.map(({ time }) => time), values: moments.map(({ said }) => said) });
    }
  }
  return found;
}

/** The last value at or before an instant; null where it is too old to count. */
export function valueAt({ times, values }: SensorSeries, instant: number): { value: number; age_ms: number } | null {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= instant) low = middle + 1;
    else high = middle;
  }
  const at = low - 1;
  const age_ms = instant - (times[at] ?? -Infinity);
  return at >= 0 && age_ms <= FRESH_MS ? { value: values[at] ?? Number.NaN, age_ms } : null;
}

/** What all sensors said at an instant, as points of the map. */
export function readingsAt(series: readonly SensorSeries[], instant: number): GeoJSON.FeatureCollection {
  const features: GeoJSON.Feature[] = [];
  for (const one of series) {
    const said = valueAt(one, instant);
    if (!said) continue;
    features.push({
      type: "Feature",
      geometry: { type: "Point", coordinates: one.point },
      properties: { id: one.id, value: said.value, text: `${said.value.toFixed(1).replace("-", "−")}°` },
    });
  }
  return { type: "FeatureCollection", features };
}

/** Whole hours before an instant of which something was observed, at most some. */
export function hoursBefore(series: readonly SensorSeries[], start: number, most: number): number {
  const first = Math.min(...series.map(({ times }) => times[0] ?? Infinity));
  return Number.isFinite(first) ? Math.min(Math.max(0, Math.ceil((start - first) / 3_600_000)), most) : 0;
}
