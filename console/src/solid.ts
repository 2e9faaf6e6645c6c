/** How high buildings stand: measured or counted where the twin knows it, guessed and drawn so where not. */

import type { ExpressionSpecification } from "maplibre-gl";

/** Height of a storey, and of a building of which nothing is known [m]: as the shading of the physics takes them. */
export const STOREY_M = 3;
export const UNKNOWN_HEIGHT_M = 9;

export interface Height {
  height_m: number;
  /** Whether it was guessed rather than measured. */
  guessed: boolean;
}

const positive = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null);

/** Height of a building from the properties of its feature. */
export function heightOf(properties: Readonly<Record<string, unknown>> | null): Height {
  const own = properties ?? {};
  const said = positive(own["height_m"]) ?? positive(own["height"]);
  const guessed = own["height_estimated"] === true || said === null;
  const storeys = positive(own["levels"]);
  return { height_m: said ?? (storeys === null ? UNKNOWN_HEIGHT_M : storeys * STOREY_M), guessed };
}

/** The same for the map's own language [m]. */
export const HEIGHT: ExpressionSpecification = [
  "coalesce",
  ["get", "height_m"],
  ["get", "height"],
  ["case", ["has", "levels"], ["*", ["to-number", ["get", "levels"]], STOREY_M], UNKNOWN_HEIGHT_M],
];

/** Where it starts: building parts may begin above the ground [m]. */
export const BASE_HEIGHT: ExpressionSpecification = ["coalesce", ["get", "min_height_m"], ["get", "min_height"], 0];

export const GUESSED: ExpressionSpecification = [
  "any",
  ["==", ["get", "height_estimated"], true],
  ["all", ["!", ["has", "height_m"]], ["!", ["has", "height"]]],
];
