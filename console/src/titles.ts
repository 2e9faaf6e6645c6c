/** Titles of kinds in the current language, the same object while nothing changes. */

import type { Text } from "./api";
import { locale, of } from "./text";

let last: { from: unknown; language: string; titles: Record<string, string> } | null = null;

export function kindTitles(kinds: Readonly<Record<string, Text>>): Readonly<Record<string, string>> {
  if (last?.from !== kinds || last.language !== locale()) {
    last = { from: kinds, language: locale(), titles: Object.fromEntries(Object.entries(kinds).map(([name, title]) => [name, of(title)])) };
  }
  return last.titles;
}
