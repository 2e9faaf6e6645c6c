/** What is chosen to be shown, in lists and on the map alike; kept in the shared address. */

import { bytesOf, type LayerState } from "./state";

export interface Choice {
  kind: readonly string[];
  sub_district: readonly string[];
  owner: readonly string[];
  /** Of work only. */
  action: string;
  /** What name, address or id must hold. */
  text: string;
  /** Least probability within the window, 0 to 1. */
  least: number | null;
  /** The median onset is at most so many hours after the start. */
  before: number | null;
}

export const EVERYTHING: Choice = { kind: [], sub_district: [], owner: [], action: "", text: "", least: null, before: null };

export const LISTS = ["kind", "sub_district", "owner"] as const;
export type ListName = (typeof LISTS)[number];

/** Whether anything is left out. */
export function narrowed(choice: Choice): boolean {
  return parametersOf(choice).length > 0;
}

/** As the endpoints take it. */
export function parametersOf(choice: Choice): [string, string][] {
  const found: [string, string][] = [];
  for (const name of LISTS) for (const value of choice[name]) found.push([name, value]);
  if (choice.action) found.push(["action", choice.action]);
  if (choice.text) found.push(["text", choice.text]);
  if (choice.least !== null) found.push(["least", String(choice.least)]);
  if (choice.before !== null) found.push(["before", String(choice.before)]);
  return found;
}

/** As the shared address keeps it; empty where nothing is left out. */
export function writeChoice(choice: Choice): string {
  return new URLSearchParams(parametersOf(choice)).toString();
}

/** What an address says; what it says badly is left out. */
export function readChoice(text: string): Choice {
  const asked = new URLSearchParams(text);
  const list = (name: ListName) => [...new Set(asked.getAll(name).filter(Boolean))];
  const number = (name: string, most: number) => {
    const value = Number(asked.get(name) ?? Number.NaN);
    return asked.get(name) !== "" && Number.isFinite(value) && value >= 0 && value <= most ? value : null;
  };
  const before = number("before", 100_000);
  return {
    ...{ kind: list("kind"), sub_district: list("sub_district"), owner: list("owner") },
    ...{ action: asked.get("action") ?? "", text: asked.get("text") ?? "" },
    least: number("least", 1),
    before: before === null ? null : Math.round(before),
  };
}

/** The same choice with a value more, or without it where it was there. */
export function toggled(choice: Choice, name: ListName, value: string): Choice {
  const there = choice[name].includes(value);
  return { ...choice, [name]: there ? choice[name].filter((other) => other !== value) : [...choice[name], value] };
}

/** One bit a feature, the first in the highest place. */
export interface Mask {
  features: number;
  chosen: number;
  bits: string;
}

export type Masks = Partial<Record<string, Mask>>;

/** What the map shows of a state: features that are not chosen look as if nothing were known of them. */
export function maskState(state: LayerState, mask: Mask | undefined): LayerState {
  if (!mask || mask.chosen === mask.features) return state;
  const bits = bytesOf(mask.bits);
  const width = state.hours + 1;
  const [hourly, probability, onset, known] = [state.hourly.slice(), state.probability.slice(), state.onset.slice(), state.known.slice()];
  for (let feature = 0; feature < state.features; feature++) {
    if (((bits[feature >> 3] ?? 0) >> (7 - (feature & 7))) & 1) continue;
    hourly.fill(0, feature * width, (feature + 1) * width);
    probability[feature] = 0;
    onset[feature] = Number.NaN;
    known[feature] = 0;
  }
  return { ...state, hourly, probability, onset, known };
}
