/** Where other parts of the page hang in: tabs of the panel, and stages that take the map's place. */

import type { Card, Locale } from "./api";
import type { Mode, Theme } from "./colours";
import type { Reading } from "./reading";

/** What a part of the page is given when it draws itself. */
export interface PageContext {
  reading: Reading;
  /** How the map is coloured. */
  mode: Mode;
  /** The hour shown, from the start of the run. */
  hour: number;
  language: Locale;
  theme: Theme;
  elder: boolean;
  narrow: boolean;
  card: Card | null;
  /** The job whose row opened the card; empty where none did. */
  job: string;
}

export interface Slot {
  /** Part of element ids and of shared addresses. */
  id: string;
  content: (page: PageContext) => unknown;
}

export interface Tab extends Slot {
  /** Message key of its name. */
  label: string;
  /** Place among the tabs: work 10, objects 20, run 90. */
  order: number;
  /** Told when it comes into view and when it leaves. */
  shown?: (page: PageContext, shown: boolean) => void;
}

const tabs: Tab[] = [];
const stages = new Map<string, Slot>();

/** Add a tab to the panel; a file in `tabs/` that calls this is found by itself. */
export function addTab(tab: Tab): void {
  if (tabs.some((other) => other.id === tab.id)) throw new Error(`tab ${tab.id} stands twice`);
  tabs.push(tab);
  tabs.sort((one, other) => one.order - other.order);
}

export function allTabs(): readonly Tab[] {
  return tabs;
}

/** Add something that can take the map's place; the event `show-stage` with its id brings it up. */
export function addStage(stage: Slot): void {
  if (stages.has(stage.id)) throw new Error(`stage ${stage.id} stands twice`);
  stages.set(stage.id, stage);
}

export function stageOf(id: string): Slot | undefined {
  return stages.get(id);
}
