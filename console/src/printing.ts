/** Puts what is in view on paper. */

import type { Card } from "./api";
import { EVERYTHING } from "./choice";
import { cardSheet, objectSheet, printSheet, workSheet, type Printed } from "./print-sheet";
import type { Reading } from "./reading";
import { of } from "./text";
import { present } from "./time";
import { kindTitles } from "./titles";

/** The open card, else the table of objects where it is in view, else the work. */
export async function printView(reading: Reading, card: Card | null, tab: string, hour: number, shown: HTMLElement | null): Promise<void> {
  const { choice, district, kinds, run } = reading.now;
  if (!run || !district) return;
  const at = Date.parse(run.start) + hour * 3_600_000;
  const printed: Printed = { run, title: of(district.title), at, now: present(), choice };
  if (card && shown) await printSheet(printed, cardSheet({ ...printed, choice: EVERYTHING }, card, shown));
  else if (tab === "objects") await printSheet(printed, await objectSheet(printed, hour, reading.shownEvents, kindTitles(kinds)));
  else await printSheet(printed, await workSheet(printed));
}

