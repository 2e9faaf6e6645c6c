/** What the time bar shows along its length: how much is likely at each hour, nights, and midnights. */

import { hourOfDay, shortDay } from "./text";
import type { LayerState } from "./state";
import { sunAt } from "./sun";

/** Number of features of all states that reach a probability, hour by hour [hours + 1]. */
export function likelyByHour(states: readonly LayerState[], probability: number): Uint32Array {
  const hours = Math.max(0, ...states.map((state) => state.hours));
  const counts = new Uint32Array(hours + 1);
  const threshold = Math.ceil(probability * 255);
  for (const { hourly, hours: last } of states) {
    const width = last + 1;
    for (let at = 0; at < hourly.length; at++) {
      if ((hourly[at] ?? 0) >= threshold) {
        const hour = at % width;
        counts[hour] = (counts[hour] ?? 0) + 1;
      }
    }
  }
  return counts;
}

/** Stretches in which the sun is down, in hours after the start, from and to within the bar. */
export function nights(start: number, from: number, to: number, place: readonly [number, number]): [number, number][] {
  const found: [number, number][] = [];
  let dark: number | null = null;
  for (let step = from * 4; step <= to * 4; step++) {
    const hour = step / 4;
    const down = sunAt(start + hour * 3_600_000, ...place).altitude_deg < 0;
    if (down) dark ??= hour;
    else if (dark !== null) {
      found.push([dark, hour]);
      dark = null;
    }
  }
  if (dark !== null) found.push([dark, to]);
  return found;
}

/** Midnights of the district's clock along the bar. */
export function midnights(start: number, from: number, to: number): { hour: number; day: string }[] {
  const marks = [];
  for (let hour = from; hour <= to; hour++) {
    const at = start + hour * 3_600_000;
    if (hourOfDay(at) === 0) marks.push({ hour, day: shortDay(at) });
  }
  return marks;
}

/** A filled curve of counts as an SVG path in a box of 1000 by 100. */
export function curve(counts: ArrayLike<number>, from: number, to: number): string {
  const most = Math.max(1, ...Array.from(counts));
  const x = (hour: number) => ((1000 * (hour - from)) / Math.max(1, to - from)).toFixed(1);
  const points = Array.from(counts, (count, hour) => `${x(hour)},${(100 - (92 * count) / most).toFixed(1)}`);
  return points.length === 0 ? "" : `M${x(0)},100 L${points.join(" L")} L${x(points.length - 1)},100 Z`;
}
