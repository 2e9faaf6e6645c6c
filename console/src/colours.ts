/**
 * The colours of the map. Both scales fall (by day) or rise (by night) evenly in lightness, so they
 * also read in grey and with any colour blindness; `tests/colours.test.ts` holds them to it.
 */

export const MODES = ["probability", "onset"] as const;
/** How a map may be coloured: what a person can choose, and what differs between two runs. */
export type Mode = (typeof MODES)[number] | "difference";
export type Theme = "day" | "night";

export interface Step {
  /** Lowest value of the step, as the byte the map gets. */
  from: number;
  colour: string;
}

/** Lower bounds of the probability steps, 0 to 1; below the first nothing is drawn. */
export const PROBABILITY_BOUNDS = [0.05, 0.2, 0.4, 0.6, 0.8] as const;
/** Lower bounds of the onset steps [h]. */
export const ONSET_BOUNDS = [0, 6, 12, 24, 36, 48] as const;

const PROBABILITY: Record<Theme, readonly string[]> = {
  day: ["#f8d14f", "#f59402", "#e84e10", "#bb094b", "#720a6f"],
  night: ["#752f85", "#be3382", "#f45a56", "#ffa02e", "#fcde3d"],
};
const ONSET: Record<Theme, readonly string[]> = {
  day: ["#2d2b6c", "#2c4f94", "#1479b0", "#21a3bc", "#5cc9c2", "#9be8c6"],
  night: ["#b1ffdc", "#6ae2d4", "#2abfd4", "#1997cf", "#346fb8", "#414a94"],
};

/** Class of nothing: no result, or none worth a colour. */
export const NONE = -1;

/** Lower bounds of a change that gets a colour, 0 to 1, in either direction. */
export const DIFFERENCE_BOUNDS = [0.05, 0.2, 0.6] as const;
/** The byte of no change; see `compare-stage.ts`. */
const NO_CHANGE = 128;
/** Blue for less likely, orange for more: told apart with any colour blindness, even in lightness. */
const DIFFERENCE: Record<Theme, readonly string[]> = {
  day: ["#0b4a8f", "#3f86c4", "#a3c8e6", "#f6bd84", "#d9731b", "#8a3a00"],
  night: ["#b5dcff", "#5f9fd8", "#2b5884", "#74451a", "#d0832f", "#ffd39a"],
};

/** The steps of a difference, the greatest relief first; between the middle two nothing is drawn. */
export function differenceSteps(theme: Theme): { id: string; colour: string }[] {
  const ids = ["much-less", "less", "little-less", "little-more", "more", "much-more"];
  return ids.map((id, at) => ({ id, colour: DIFFERENCE[theme][at] ?? "#888888" }));
}

/** Class of a signed change, −1 to 1. */
function differenceClass(change: number): number {
  const [little, some, much] = DIFFERENCE_BOUNDS;
  const size = Math.abs(change);
  if (size < little) return NONE;
  const step = size < some ? 0 : size < much ? 1 : 2;
  return change < 0 ? 2 - step : 3 + step;
}

export function steps(mode: Mode, theme: Theme): Step[] {
  if (mode === "difference") return differenceSteps(theme).map(({ colour }, from) => ({ from, colour }));
  const bounds: readonly number[] =
    mode === "probability" ? PROBABILITY_BOUNDS.map((bound) => Math.ceil(bound * 255)) : ONSET_BOUNDS;
  const colours = (mode === "probability" ? PROBABILITY : ONSET)[theme];
  return bounds.map((from, at) => ({ from, colour: colours[at] ?? "#888888" }));
}

/** Class of each of the 256 bytes that a state may hold; `NONE` where nothing is drawn. */
export function classes(mode: Mode): Int8Array {
  const table = new Int8Array(256).fill(NONE);
  if (mode === "difference") return table.map((_, byte) => differenceClass((byte - NO_CHANGE) / 127));
  const scale = steps(mode, "day");
  for (let byte = 0; byte < 256; byte++) {
    if (mode === "onset" && byte === 255) continue;
    scale.forEach((step, at) => byte >= step.from && (table[byte] = at));
  }
  return table;
}

/** First and last class that get a mark beside their colour: 60 % and more, or within 12 h. */
export const STRONG: Record<Mode, readonly [number, number]> = { probability: [3, 4], onset: [0, 1], difference: [9, 9] };

export interface BaseColours {
  background: string;
  district: string;
  outline: string;
  building: string;
  buildingEdge: string;
  road: string;
  roadEdge: string;
  label: string;
  halo: string;
  strong: string;
  selected: string;
  facility: string;
  facilityText: string;
  /** A building that stands, without a colour of its own. */
  body: string;
  /** Ground in shadow. */
  shade: string;
}

export const BASE: Record<Theme, BaseColours> = {
  day: {
    background: "#eceff1",
    district: "#f8f8f5",
    outline: "#7b8794",
    building: "#dadde0",
    buildingEdge: "#b9bfc5",
    road: "#ffffff",
    roadEdge: "#b4bcc4",
    label: "#24303b",
    halo: "#ffffff",
    strong: "#3b0a3a",
    selected: "#0057d9",
    facility: "#1c4f75",
    facilityText: "#ffffff",
    body: "#f4f5f5",
    shade: "#cbd2da",
  },
  night: {
    background: "#0d1319",
    district: "#131b23",
    outline: "#72808e",
    building: "#27313b",
    buildingEdge: "#3a4753",
    road: "#3d4955",
    roadEdge: "#202a33",
    label: "#e4eaf0",
    halo: "#0d1319",
    strong: "#fff6d5",
    selected: "#6fb6ff",
    facility: "#a9d3f5",
    facilityText: "#0d1319",
    body: "#3a4652",
    shade: "#05090d",
  },
};

/** Red, green and blue of `#rrggbb`, 0 to 1. */
export function channels(hex: string): [number, number, number] {
  const at = (from: number) => parseInt(hex.slice(from, from + 2), 16) / 255;
  return [at(1), at(3), at(5)];
}
