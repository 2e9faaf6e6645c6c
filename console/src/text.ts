/** Words for people: catalogues by locale, numbers, and times as the district's clock shows them. */

import type { Locale, Text } from "./api";
import { present } from "./time";

type Catalogue = Record<string, string>;

/** One file an area and a locale, so that a part of the page brings its own words. */
const CHINESE = import.meta.glob<Catalogue>("./messages/*.zh-CN.json", { eager: true, import: "default" });
const ENGLISH = import.meta.glob<Catalogue>("./messages/*.en.json", { eager: true, import: "default" });

/** All files of a locale as one; a key in two files is a mistake that would hide one of them. */
export function joined(files: Record<string, Catalogue>): Catalogue {
  const whole: Catalogue = {};
  for (const [name, words] of Object.entries(files)) {
    for (const [key, text] of Object.entries(words)) {
      if (key in whole) throw new Error(`message ${key} stands twice, again in ${name}`);
      whole[key] = text;
    }
  }
  return whole;
}

export const CATALOGUES: Record<Locale, Catalogue> = { "zh-CN": joined(CHINESE), en: joined(ENGLISH) };
export const DEFAULT_ZONE = "Asia/Shanghai";

let englishNames: [string, string][] = [];
let current: Locale = "zh-CN";
let clockZone = DEFAULT_ZONE;

/** The zone of the district's clock, as the run names it. */
export function setZone(name: string): void {
  clockZone = name;
}

export function zone(): string {
  return clockZone;
}

/** What people call that zone; its own name where the catalogue has no word for it. */
export function zoneName(): string {
  const key = `zone.${clockZone}`;
  return hasText(key) ? t(key) : clockZone;
}

export function setLocale(locale: Locale): void {
  current = locale;
}

export function locale(): Locale {
  return current;
}

/** The message of a key, its `{fields}` filled. A key without words shows itself, so it is seen. */
export function t(key: string, values: Record<string, string | number> = {}): string {
  const text = CATALOGUES[current][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function hasText(key: string): boolean {
  return key in CATALOGUES[current];
}

/** Chinese names of places → their English ones, as the district's data give them. */
export function setEnglishNames(names: Record<string, string>): void {
  // The longest first, so that a name inside another is not taken for it.
  englishNames = Object.entries(names).sort(([a], [b]) => b.length - a.length);
}

/** A text with the places in it named in the current language, where their names in it are known. */
export function named(text: string): string {
  if (current !== "en") return text;
  return englishNames.reduce((sofar, [zh, en]) => sofar.replaceAll(zh, en), text);
}

export function of(text: Text | undefined | null): string {
  return text ? named(text[current] || text["zh-CN"] || text.en) : "";
}

/** The head of a label, before its colon: what a badge says until it is opened. */
export function headOf(label: string): string {
  return label.split(/[：:]/, 1)[0] ?? label;
}

export function percent(value: number): string {
  if (value > 0 && value < 0.01) return "<1 %";
  if (value < 1 && value > 0.99) return ">99 %";
  return `${Math.round(value * 100)} %`;
}

export function number(value: number, digits = 1): string {
  return new Intl.NumberFormat(current, { maximumFractionDigits: digits }).format(value);
}

const WEEKDAY: Intl.DateTimeFormatOptions = {
  month: "numeric",
  day: "numeric",
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
};

/** An instant on the district's clock: `12月21日 周四 03:00`. */
export function clock(instant: number | string | null): string {
  if (instant === null) return t("value.none");
  const at = typeof instant === "string" ? Date.parse(instant) : instant;
  if (!Number.isFinite(at)) return t("value.none");
  if (current === "zh-CN") {
    const parts = new Intl.DateTimeFormat("zh-CN", { ...WEEKDAY, timeZone: clockZone }).formatToParts(at);
    const get = (type: string) => parts.find((part) => part.type === type)?.value ?? "";
    return `${get("month")}月${get("day")}日 ${get("weekday")} ${get("hour")}:${get("minute")}`;
  }
  return new Intl.DateTimeFormat("en-GB", { ...WEEKDAY, timeZone: clockZone, month: "short" }).format(at);
}

/** Hour of the district's clock, 0 to 23. */
export function hourOfDay(at: number): number {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: clockZone, hour: "2-digit", hourCycle: "h23" });
  return Number(format.format(at));
}

/** A time of day on the district's clock: `17:03`. */
export function timeOfDay(at: number): string {
  return new Intl.DateTimeFormat("en-GB", { timeZone: clockZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
}

/** A day for a mark on the time bar: `12/21`. */
export function shortDay(at: number): string {
  return new Intl.DateTimeFormat(current, { timeZone: clockZone, month: "numeric", day: "numeric" }).format(at);
}

/** An instant with its year, for records. */
export function date(instant: string | null): string {
  if (!instant) return t("value.none");
  const parts = new Intl.DateTimeFormat("sv-SE", {
    timeZone: clockZone,
    dateStyle: "short",
    timeStyle: "short",
  });
  return parts.format(Date.parse(instant));
}

/** How old something is, in the largest fitting unit. */
export function age(instant: string | null, now = present()): string {
  if (!instant) return t("value.none");
  const minutes = Math.max(0, Math.round((now - Date.parse(instant)) / 60_000));
  if (minutes < 1) return t("age.now");
  if (minutes < 60) return t("age.minutes", { n: minutes });
  if (minutes < 48 * 60) return t("age.hours", { n: Math.round(minutes / 60) });
  return t("age.days", { n: Math.round(minutes / 1440) });
}

export function minutes(value: number): string {
  return value < 90 ? t("value.minutes", { n: Math.round(value) }) : t("value.hours", { n: number(value / 60) });
}

/** A word of a closed list (`use`, `owner`, …) in the current language. */
export function choice(attribute: string, value: string): string {
  const key = `choice.${attribute}.${value}`;
  return hasText(key) ? t(key) : value;
}

/** Labels of a choice, those that occur twice told apart by the mark that goes with each. */
export function toldApart(labels: string[], marks: string[]): string[] {
  return labels.map((label, index) => {
    const twice = labels.indexOf(label) !== labels.lastIndexOf(label);
    return twice ? `${label} · ${marks[index] ?? ""}` : label;
  });
}
