/** What a layer shows: a chance, when it begins, a percentile of a number, or only what passes a threshold. */

import type { StateLayer } from "./api";
import { classes, NONE, ONSET_BOUNDS, PROBABILITY_BOUNDS, STRONG, steps, type Mode, type Theme } from "./colours";
import { classesOf, onsetValues, valuesAt, type LayerState } from "./state";
import type { Level, QuantityState } from "./state-stream";

/** Percentiles that can be chosen, the middle one first. */
export const LEVELS = ["p50", "p10", "p90"] as const satisfies readonly Level[];
/** Chance below which an onset is not worth a colour. */
export const LEAST_ONSET_PROBABILITY = 0.1;

/** A choice made for one layer, beside the quantity. */
export interface Showing {
  /** The number shown instead of an event; null for an event. */
  number: QuantityState | null;
  level: (typeof LEVELS)[number];
  /** Show only what reaches this (or, for cold, falls to it): a chance from 0 to 1, or in the number's unit. */
  threshold: number | null;
}

export const PLAIN: Showing = { number: null, level: "p50", threshold: null };

export type ScaleKind = Mode | "cold" | "amount" | "threshold";

/** Classes of values and how they are drawn. */
export interface Scale {
  kind: ScaleKind;
  /** Lower bounds of the classes; the first may be minus infinity. */
  bounds: readonly number[];
  colours: readonly string[];
  /** First and last class with a mark beside the colour; none where the first is larger. */
  strong: readonly [number, number];
  /** Unit of the bounds: `%`, `h`, or the quantity's. */
  unit: string;
}

/** Bounds of temperatures [°C]: what is below zero is told apart more finely. */
export const COLD_BOUNDS = [-Infinity, -6, -4, -2, 0, 2, 4] as const;
const COLD_COLOURS: Record<Theme, readonly string[]> = {
  day: ["#1f2c68", "#2a5a9c", "#4390c2", "#93c4dd", "#f3e3bb", "#dfb76c", "#b07a2c"],
  night: ["#d3efff", "#8ccdf2", "#4a9bd0", "#2a6596", "#54442a", "#87662f", "#bd924a"],
};
const NO_MARK = [1, 0] as const;
const SHARES = [0, 0.2, 0.4, 0.6, 0.8];

/** The next larger of 1, 2 and 5 times a power of ten. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = value / power;
  return (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10) * power;
}

const isCold = (number: Pick<QuantityState, "unit">): boolean => number.unit === "°C";
const largest = new WeakMap<QuantityState, number>();

/** The largest value of the run, which the amounts' scale ends with. */
function largestOf(number: QuantityState): number {
  let most = largest.get(number);
  if (most === undefined) {
    most = number.extremesAt("p90").reduce((top, value) => (value > top ? value : top), 0);
    largest.set(number, most);
  }
  return most;
}

/** The scale of temperatures, whatever they are of. */
export function coldScale(theme: Theme): Scale {
  return { kind: "cold", bounds: COLD_BOUNDS, colours: COLD_COLOURS[theme], strong: NO_MARK, unit: "°C" };
}

/** The scale that a layer is drawn by. */
export function scaleOf(mode: Mode, { number, threshold }: Showing, theme: Theme): Scale {
  if (threshold !== null) {
    const unit = number ? number.unit : "%";
    const bound = number ? threshold : Math.round(threshold * 100);
    return { kind: "threshold", bounds: [bound], colours: [steps("probability", theme)[3]?.colour ?? ""], strong: [0, 0], unit };
  }
  if (!number) {
    const bounds = mode === "onset" ? ONSET_BOUNDS : PROBABILITY_BOUNDS.map((bound) => Math.round(bound * 100));
    const colours = steps(mode, theme).map((step) => step.colour);
    return { kind: mode, bounds, colours, strong: STRONG[mode], unit: mode === "onset" ? "h" : "%" };
  }
  if (isCold(number)) return coldScale(theme);
  const top = roundUp(largestOf(number));
  const colours = steps("onset", theme).map((step) => step.colour).slice(0, SHARES.length).reverse();
  return { kind: "amount", bounds: SHARES.map((share) => share * top), colours, strong: NO_MARK, unit: number.unit };
}

/** Whether falling, not rising, passes a threshold of this. */
export function passesDownward({ number }: Showing): boolean {
  return number !== null && isCold(number);
}

/** Class of every value of a course or feature by a scale's bounds. */
function classed(values: Float32Array, scale: Scale, downward: boolean): Int8Array {
  const found = new Int8Array(values.length).fill(NONE);
  const [least = 0] = scale.bounds;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    if (scale.kind === "threshold") {
      if (downward ? value <= least : value >= least) found[at] = 0;
      continue;
    }
    // Of an amount nothing is nothing, not the least class.
    if (scale.kind === "amount" && value <= 0) continue;
    for (let step = 0; step < scale.bounds.length && value >= (scale.bounds[step] ?? 0); step++) found[at] = step;
  }
  return found;
}

/** The class of every feature of a layer at an hour; null where nothing is known yet. */
export function classesAt(showing: Showing, state: LayerState | null | undefined, mode: Mode, hour: number): Int8Array | null {
  const { number, level, threshold } = showing;
  if (number) {
    const scale = scaleOf(mode, showing, "day");
    const courses = classed(number.coursesAt(level, hour), scale, passesDownward(showing));
    return Int8Array.from(number.index, (course) => courses[course] ?? NONE);
  }
  if (!state) return null;
  if (threshold !== null) {
    const least = Math.max(1, Math.ceil(threshold * 255));
    return Int8Array.from(valuesAt(state, hour), (value) => (value >= least ? 0 : NONE));
  }
  const values = mode !== "onset" ? valuesAt(state, hour) : onsetValues(state, LEAST_ONSET_PROBABILITY);
  return classesOf(values, classes(mode));
}

const SEPARATOR = ".";

/** As a shared address keeps it, beside the quantities. */
export function sharedShowing(layer: StateLayer, { level, threshold }: Showing): Record<string, string> {
  return {
    ...(level === "p50" ? {} : { [layer + SEPARATOR + "level"]: level }),
    ...(threshold === null ? {} : { [layer + SEPARATOR + "threshold"]: String(threshold) }),
  };
}

export function showingOf(layer: StateLayer, shared: Readonly<Record<string, string>>): Showing {
  const level = LEVELS.find((known) => known === shared[layer + SEPARATOR + "level"]) ?? "p50";
  const said = shared[layer + SEPARATOR + "threshold"];
  const threshold = said === undefined || said.trim() === "" ? Number.NaN : Number(said);
  return { number: null, level, threshold: Number.isFinite(threshold) ? threshold : null };
}
