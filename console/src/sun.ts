/** Where the sun stands, and what light and sky follow from it. */

import { getPosition, getTimes } from "suncalc";
import type { LightSpecification, SkySpecification } from "maplibre-gl";
import type { Theme } from "./colours";

export interface Sun {
  /** Clockwise from north [°]. */
  azimuth_deg: number;
  /** Above the horizon, refraction included [°]. */
  altitude_deg: number;
  /** Rise and set of that day [ms]; null where there is none. */
  rise: number | null;
  set: number | null;
}

/** Below this no shadow is drawn: it would be longer than the district is wide [°]. */
export const LOWEST_SHADOW_DEG = 2;

export function sunAt(instant: number, longitude_deg: number, latitude_deg: number): Sun {
  const at = new Date(instant);
  const { azimuth, altitude } = getPosition(at, latitude_deg, longitude_deg);
  const times = getTimes(at, latitude_deg, longitude_deg);
  return {
    azimuth_deg: azimuth,
    altitude_deg: altitude,
    rise: times.sunrise?.getTime() ?? null,
    set: times.sunset?.getTime() ?? null,
  };
}

/** Which way the sun stands, as one of eight points of the compass: 0 north, 2 east. */
export function compassPoint(azimuth_deg: number): number {
  return Math.round((((azimuth_deg % 360) + 360) % 360) / 45) % 8;
}

/** How far a shadow reaches for a metre of height, eastward and northward; null where none is drawn. */
export function shadowOf(sun: Pick<Sun, "azimuth_deg" | "altitude_deg">): [east: number, north: number] | null {
  if (sun.altitude_deg < LOWEST_SHADOW_DEG) return null;
  const length = 1 / Math.tan((sun.altitude_deg * Math.PI) / 180);
  const azimuth = (sun.azimuth_deg * Math.PI) / 180;
  return [-Math.sin(azimuth) * length, -Math.cos(azimuth) * length];
}

type Look = Record<"sky" | "horizon" | "fog", string>;

const LOOKS: Record<Theme, Record<"day" | "low" | "night", Look>> = {
  day: {
    day: { sky: "#7fb2e5", horizon: "#dbe9f5", fog: "#e6edf3" },
    low: { sky: "#5a7fb0", horizon: "#f2c79b", fog: "#ecdccb" },
    night: { sky: "#0b1730", horizon: "#2b3f63", fog: "#a9b4c4" },
  },
  night: {
    day: { sky: "#24415f", horizon: "#3b5771", fog: "#1d2a36" },
    low: { sky: "#1a2740", horizon: "#6d4a3a", fog: "#231f22" },
    night: { sky: "#04070d", horizon: "#111c2b", fog: "#0d1319" },
  },
};

/** By day, near the horizon, or by night: civil twilight ends at −6°. */
export function phaseOf(altitude_deg: number): "day" | "low" | "night" {
  if (altitude_deg >= 8) return "day";
  return altitude_deg >= -6 ? "low" : "night";
}

export function skyOf(altitude_deg: number, theme: Theme): SkySpecification {
  const look = LOOKS[theme][phaseOf(altitude_deg)];
  return {
    "sky-color": look.sky,
    "horizon-color": look.horizon,
    "fog-color": look.fog,
    "sky-horizon-blend": 0.6,
    "horizon-fog-blend": 0.5,
    "fog-ground-blend": 0.85,
  };
}

/** Light on the walls from where the sun stands; weak, so that colours can still be told apart. */
export function lightOf(sun: Pick<Sun, "azimuth_deg" | "altitude_deg">): LightSpecification {
  const polar = Math.min(Math.max(90 - sun.altitude_deg, 5), 85);
  return {
    anchor: "map",
    position: [1.5, sun.azimuth_deg, sun.altitude_deg > 0 ? polar : 40],
    color: phaseOf(sun.altitude_deg) === "low" ? "#ffe9cf" : "#ffffff",
    intensity: sun.altitude_deg > 0 ? 0.32 : 0.18,
  };
}
