/** What the browser remembers: language, theme, size of letters. */

import type { Locale } from "./api";
import type { Theme } from "./colours";

export interface Settings {
  language: Locale;
  theme: Theme;
  elder: boolean;
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
