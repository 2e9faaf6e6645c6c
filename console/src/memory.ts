/** What the browser remembers (language, theme, size), and what a shared address says. */

import type { Locale } from "./api";
import type { Mode, Theme } from "./colours";

export interface Settings {
  language: Locale;
  theme: Theme;
  elder: boolean;
}

export interface SharedPlace {
  district: string;
  run: string;
  /** null where the address names none. */
  hour: number | null;
  mode: Mode;
  object: string;
}

const KEY = "lingjing.settings";

/** The language of a browser that prefers English is English; for all others it is Chinese. */
export function preferredLanguage(languages: readonly string[]): Locale {
  return languages[0]?.toLowerCase().startsWith("en") ? "en" : "zh-CN";
}

function kept(): Partial<Settings> {
  const settings: Partial<Settings> = {};
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Settings>;
    if (found.language === "zh-CN" || found.language === "en") settings.language = found.language;
    if (found.theme === "day" || found.theme === "night") settings.theme = found.theme;
    if (typeof found.elder === "boolean") settings.elder = found.elder;
  } catch {
    // Storage may be closed to us or hold something else; the browser's preferences serve.
  }
  return settings;
}

export function readSettings(): Settings {
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    language: preferredLanguage(navigator.languages),
    theme: dark ? "night" : "day",
    elder: false,
    ...kept(),
  };
}

/** Keep what a person chose; what the browser prefers is asked anew each time. */
export function keepSettings(chosen: Partial<Settings>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...kept(), ...chosen }));
  } catch {
    // Not remembered, then.
  }
}

export function parsePlace(hash: string): SharedPlace {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const hour = Number(asked.get("hour") ?? Number.NaN);
  return {
    district: asked.get("district") ?? "",
    run: asked.get("run") ?? "",
    hour: Number.isInteger(hour) && hour >= 0 ? hour : null,
    mode: asked.get("mode") === "onset" ? "onset" : "probability",
    object: asked.get("object") ?? "",
  };
}

export function formatPlace(place: SharedPlace): string {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(place)) {
    if (value !== "" && value !== null && value !== "probability") said.set(name, String(value));
  }
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
