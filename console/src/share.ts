/**
 * What a shared address says, so that another screen shows the same. The address carries the number
 * of its form; older forms are brought up to date, of a newer one the parts that are known are read.
 */

import { MODES, type Mode } from "./colours";

/** Form of the addresses written here. 1 had no number, no view and `mode` for `show`. */
export const FORM = 2;

/** What is in view on the map. */
export interface MapView {
  longitude_deg: number;
  latitude_deg: number;
  zoom: number;
  bearing_deg: number;
  pitch_deg: number;
}

export interface SharedPlace {
  district: string;
  run: string;
  /** Hours after the start of the run, negative before it; null where the address names none. */
  hour: number | null;
  mode: Mode;
  object: string;
  tab: string;
  /** What takes the map's place. */
  stage: string;
  view: MapView | null;
  /** Whether buildings stand up. */
  solid: boolean;
  /** Whether shadows are drawn. */
  sunlit: boolean;
  /** What is shown, by layer: the quantity. */
  quantities: Readonly<Record<string, string>>;
  /** What parts of the page keep, by their own keys. */
  shared: Readonly<Record<string, string>>;
}

export type Understood = "current" | "older" | "newer";

const OWN = "x.";
const QUANTITY = "q.";

function under(prefix: string, asked: URLSearchParams): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of asked) if (name.startsWith(prefix) && name.length > prefix.length) found[name.slice(prefix.length)] = value;
  return found;
}

function between(value: number, least: number, most: number): boolean {
  return Number.isFinite(value) && value >= least && value <= most;
}

function readView(text: string | null): MapView | null {
  const parts = (text ?? "").split(",").map(Number);
  const [longitude_deg = NaN, latitude_deg = NaN, zoom = NaN, bearing_deg = 0, pitch_deg = 0] = parts;
  const sound =
    between(longitude_deg, -180, 180) &&
    between(latitude_deg, -85, 85) &&
    between(zoom, 0, 22) &&
    between(bearing_deg, -360, 360) &&
    between(pitch_deg, 0, 85);
  return text && sound ? { longitude_deg, latitude_deg, zoom, bearing_deg, pitch_deg } : null;
}

function formatView(view: MapView | null): string {
  if (!view) return "";
  const place = [view.longitude_deg.toFixed(7), view.latitude_deg.toFixed(7), view.zoom.toFixed(4)];
  return [...place, view.bearing_deg.toFixed(1), view.pitch_deg.toFixed(1)].join(",");
}

/** Which form an address is written in, against that written here. */
export function understood(hash: string): Understood {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  if ([...asked].length === 0) return "current";
  const form = Number(asked.get("v") ?? 1);
  return form === FORM ? "current" : form > FORM ? "newer" : "older";
}

export function parsePlace(hash: string): SharedPlace {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const text = (name: string) => asked.get(name) ?? "";
  const hour = asked.has("hour") && text("hour") !== "" ? Number(text("hour")) : Number.NaN;
  const mode = asked.get("show") ?? asked.get("mode");
  return {
    district: text("district"),
    run: text("run"),
    hour: Number.isInteger(hour) && Math.abs(hour) <= 100_000 ? hour : null,
    mode: MODES.find((known) => known === mode) ?? "probability",
    object: text("object"),
    tab: text("tab"),
    stage: text("stage"),
    view: readView(asked.get("view")),
    solid: text("solid") === "1",
    sunlit: text("sun") === "1",
    quantities: under(QUANTITY, asked),
    shared: under(OWN, asked),
  };
}

export function formatPlace(place: SharedPlace): string {
  const said = new URLSearchParams({ v: String(FORM) });
  const put = (name: string, value: string, plain = "") => value !== plain && said.set(name, value);
  put("district", place.district);
  put("run", place.run);
  put("hour", place.hour === null ? "" : String(place.hour));
  put("show", place.mode, "probability");
  put("object", place.object);
  put("tab", place.tab, "work");
  put("stage", place.stage);
  put("view", formatView(place.view));
  put("solid", place.solid ? "1" : "");
  put("sun", place.sunlit ? "1" : "");
  for (const [name, value] of Object.entries(place.quantities)) put(QUANTITY + name, value);
  for (const [name, value] of Object.entries(place.shared)) put(OWN + name, value);
  return `#${said}`;
}

export function readPlace(): SharedPlace {
  return parsePlace(location.hash);
}

let written = "";

/** Keep the address up to date; browsers allow only so many changes, so the same is not written again. */
export function writePlace(place: SharedPlace): void {
  const said = formatPlace(place);
  if (said === written) return;
  history.replaceState(null, "", said);
  written = said;
}
