/** What-ifs and comparisons, as typed calls. */

import { accessHeaders } from "./access";
import { ApiError, ServerGone, type StateLayer, type Text } from "./api";

export type WhatIfState = "waiting" | "running" | "done" | "failed" | "cancelled" | "interrupted";

export interface Select {
  kind: string;
  sub_districts?: string[];
  age_classes?: string[];
  building_name?: string;
  bare?: boolean;
}

export interface AssetChange {
  select: Select;
  set: Record<string, string | number | boolean>;
}

export interface Changes {
  weather?: {
    air_temperature_shift_C?: number;
    spread_scale?: number;
    wind_speed_scale?: number;
    precipitation_scale?: number;
    record?: string;
  };
  assets?: AssetChange[];
  supplies?: { salt_stock?: number; straw_mats?: number; crews?: number };
}

export interface WhatIf {
  name: string;
  note: string;
  run: string;
  district: string;
  changes: Changes;
  state: WhatIfState;
  created_at: string;
  done: number;
  text: Text | null;
  entities: number;
  result: string | null;
  cautions: string[];
  error: { code: string; what: Text; remedy: Text } | null;
  kept: boolean;
}

export interface AttributeOption {
  name: string;
  title: Text;
  type: "quantity" | "choice" | "flag";
  unit?: string;
  lower?: number;
  upper?: number;
  choices?: string[];
}

export interface KindOption {
  kind: string;
  title: Text;
  count: number;
  attributes: AttributeOption[];
}

export interface Options {
  weather_records: string[];
  weather_bounds: Record<string, [number, number]>;
  sub_districts: string[];
  age_classes: string[];
  kinds: KindOption[];
}

export interface Row {
  quantity: string;
  quantity_title: Text;
  kind: string;
  kind_title: Text;
  sub_district: string | null;
  objects: number;
  expected_a: number;
  expected_b: number;
  expected_change: number;
  likely_a: number;
  likely_b: number;
  likely_change: number;
  better: number;
  worse: number;
  onset_shift_hours: number | null;
}

export interface Side {
  run: string;
  branch: string;
  whatif: { name: string } | null;
  weather: string;
  start: string;
  hours: number;
  synthetic: boolean;
}

export interface ComparisonContent {
  a: Side;
  b: Side;
  same_outcomes: boolean;
  same_members: boolean;
  changed_objects: number;
  rows: Row[];
  households: { sub_district: string | null; a: number; b: number; change: number }[];
  work: { id: string; title: Text; a: number; b: number; change: number }[];
  words: Record<string, string[]>;
}

export interface ChangedObject {
  id: string;
  title?: Text;
  kind_title: Text;
  quantity: string;
  probability_a: number | null;
  probability_b: number | null;
  change: number;
  onset_shift_hours: number | null;
}

export interface DifferenceContent {
  start: string;
  hours: number;
  features: number;
  quantity: string;
  data_version: string;
  hourly_change: string;
  probability_change: string;
  onset_shift_hours: string;
  known: string;
}

export interface RemedyEvent {
  quantity: string;
  title: Text;
  before: number;
  after: number;
  change: number;
  onset_before: string | null;
  onset_after: string | null;
  onset_shift_hours: number | null;
}

export interface Remedy {
  id: string;
  title: Text;
  caveat: Text;
  effort_minutes: number;
  amount: number;
  amount_unit: string;
  computed: boolean;
  events: RemedyEvent[];
}

export interface Remedies {
  asset: string;
  members: number;
  agrees: boolean;
  remedies: Remedy[];
}

/** Ask the server; what it refuses comes as the error that says why and what to do. */
async function ask<T>(method: string, path: string, sent?: unknown): Promise<T> {
  const headers: Record<string, string> = { ...accessHeaders() };
  if (sent !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, { method, headers, ...(sent === undefined ? {} : { body: JSON.stringify(sent) }) });
  } catch (cause) {
    throw new ServerGone("no answer", { cause });
  }
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return body as T;
  const error = (body as { error?: { code: string; what: Text; remedy: Text } } | null)?.error;
  if (error) throw new ApiError(response.status, error.code, error.what, error.remedy);
  throw new ServerGone(`status ${response.status}`);
}

const part = encodeURIComponent;
const pair = (a: string, b: string) => `runs/${part(a)}/compare/${part(b)}`;

export const whatIfs = {
  all: async () => (await ask<{ whatifs: WhatIf[] }>("GET", "whatifs")).whatifs,
  create: (order: { name: string; run: string; note: string; changes: Changes }) => ask<WhatIf>("POST", "whatifs", order),
  cancel: (name: string) => ask<WhatIf>("POST", `whatifs/${part(name)}/cancel`),
  keep: (name: string, kept: boolean) => ask<WhatIf>("POST", `whatifs/${part(name)}/keep`, { kept }),
  drop: (name: string) => ask<null>("DELETE", `whatifs/${part(name)}`),
  options: (run: string) => ask<Options>("GET", `runs/${part(run)}/whatif-options`),
  counts: async (run: string, assets: AssetChange[]) =>
    (await ask<{ counts: number[] }>("POST", `runs/${part(run)}/whatif-counts`, { assets })).counts,
  compare: (a: string, b: string) => ask<ComparisonContent>("GET", pair(a, b)),
  objects: (a: string, b: string, offset: number, limit: number) =>
    ask<{ total: number; rows: ChangedObject[] }>("GET", `${pair(a, b)}/objects?offset=${offset}&limit=${limit}`),
  difference: (a: string, b: string, layer: StateLayer, quantity: string) =>
    ask<DifferenceContent>("GET", `${pair(a, b)}/state/${layer}?quantity=${part(quantity)}`),
  remedies: (run: string, asset: string) => ask<Remedies>("GET", `runs/${part(run)}/assets/${part(asset)}/remedies`),
};
