/** What differs between two states, in the form in which the map takes a state. */

import { bytesOf, type LayerState } from "./state";
import type { DifferenceContent } from "./whatif-api";

/** The byte of no change; a change of 1 is 127 away from it. */
export const ZERO = 128;

/** A difference in the form of a state: the bytes are `ZERO` and the signed change. */
export function differenceState(content: DifferenceContent): LayerState {
  const signed = new Int8Array(bytesOf(content.hourly_change).buffer);
  const hourly = new Uint8Array(signed.length);
  for (let at = 0; at < signed.length; at++) hourly[at] = ZERO + (signed[at] ?? 0);
  if (hourly.length !== content.features * (content.hours + 1)) throw new Error("the difference's arrays do not have the sizes it names");
  return {
    quantity: content.quantity,
    start: Date.parse(content.start),
    hours: content.hours,
    features: content.features,
    version: content.data_version,
    hourly,
    probability: new Float32Array(bytesOf(content.probability_change).buffer),
    onset: new Float32Array(bytesOf(content.onset_shift_hours).buffer),
    known: bytesOf(content.known),
  };
}
