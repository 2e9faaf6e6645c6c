/**
 * Every component with made-up content, for the page of components and for tests. The words in it
 * come from the catalogues or are names; one carries markup, as names do that came from elsewhere.
 */

import type { LitElement } from "lit";
import "../card";
import "../exports";
import "../filters";
import "../head";
import "../key-entry";
import "../legend";
import "../map-tools";
import "../object-table";
import "../run-facts";
import "../search-box";
import "../status";
import "../story";
import "../time-bar";
import "../work-list";
import type { Card, CardSeries, District, ObjectPage, ObjectRow, Readings, RunDetail, Text, WorkPage, WorkRow } from "../api";
import { EVERYTHING } from "../choice";

export interface Specimen {
  /** Name of the element. */
  name: string;
  properties: Record<string, unknown>;
  /** Set once it was drawn: what it would read from a server. */
  afterwards?: Record<string, unknown>;
  /** Opened first, where it lies folded. */
  open?: boolean;
}

export const MARKUP = "<img src=x onerror=alert(1)>";
const START = "2023-12-20T09:00:00Z";
const HOURS = 72;
const same = (text: string): Text => ({ "zh-CN": text, en: text });
const after = (hours: number) => new Date(Date.parse(START) + hours * 3_600_000).toISOString();

export const run: RunDetail = {
  ...{ run: "coldwave-specimen", district: "specimen", scenario: "coldwave", scenario_title: same("Coldwave"), weather: "december-2023" },
  ...{ start: START, hours: HOURS, members: 31, zone: "Asia/Shanghai", written_at: START, synthetic: true, labels: [same("Specimen")] },
  ...{ attributions: ["Lingjing"], quantities: { roads: ["road_slippery"], buildings: ["plugged"] }, numbers: { roads: [], buildings: [] }, files: ["outcomes.parquet", "work.csv"] },
  texts: { "zh-CN": ["Specimen"], en: ["Specimen"] },
  summary: { alarm: { level: "act", text: same("Specimen") } },
};

export const district: District = {
  ...{ name: "specimen", title: same("Specimen"), bounds: [121.5, 31.25, 121.52, 31.27], synthetic: true, updated_at: START, data_version: "1" },
  counts: { Building: 96, RoadSegment: 36 },
  sources: [{ name: "sketch", attribution: "Lingjing", licence: "CC0-1.0", synthetic: true, imported_at: START }],
  attributions: ["Lingjing"],
};

const job: WorkRow = {
  ...{ rank: 1, id: "coldwave:insulate:1", action: "insulate", action_title: same("Insulate"), target: "urn:ngsi-ld:Building:specimen:1" },
  ...{ title: same(MARKUP), place: "", longitude_deg: 121.5, latitude_deg: 31.26, hazard: "plugged", probability: 0.84, expected_failures: 1.7 },
  ...{ score: 86.4, sub_district: "A", onset: after(31), onset_early: after(28), owner: "property_company", effort_minutes: 45, amount: 2, amount_unit: "straw mats" },
  ...{ reason: same("26 / 31"), ranking_reason: same("108 × 80 % × 1.0"), factors: { expected_harm_households: 108, averted_share: 0.8, lead_factor: 1 } },
};

const facets = {
  kind: [{ value: "MeterBox", count: 192, title: same("MeterBox") }],
  sub_district: [{ value: "A", count: 120 }, { value: "B", count: 72 }],
  owner: [{ value: "resident", count: 40 }],
};

const page: WorkPage = {
  ...{ total: 43, of: 120, offset: 0, rows: [job, { ...job, rank: 2, id: "coldwave:insulate:2", probability: 0.31, title: same("B 2") }] },
  facets: { ...facets, action: [{ value: "insulate", count: 43, title: same("Insulate") }] },
};

const chosen: Pick<ObjectPage, "total" | "of" | "facets"> = { total: 192, of: 331, facets };

const rows: ObjectRow[] = Array.from({ length: 40 }, (_, row) => ({
  ...{ id: `urn:ngsi-ld:MeterBox:specimen:${row}`, kind: "MeterBox", title: same(row === 0 ? MARKUP : `MeterBox ${row}`), sub_district: "A", owner: "resident" },
  ...{ quantity: "plugged", chance: Math.max(0, 1 - row / 20), probability: Math.max(0, 1 - row / 40), onset: row < 20 ? after(20 + row) : null, point: [121.5, 31.26] as [number, number] },
}));

const night = (hour: number) => Math.exp(-(((hour - 40) / 9) ** 2));
const along = (make: (hour: number) => number) => Array.from({ length: HOURS + 1 }, (_, hour) => Math.round(make(hour) * 1000) / 1000);
const fan: CardSeries = {
  ...{ quantity: "water_temperature", title: same("Water"), unit: "°C", event: false },
  p10: along((hour) => 4 - 9 * night(hour)),
  p25: along((hour) => 4 - 8 * night(hour)),
  p50: along((hour) => 4 - 6.5 * night(hour)),
  p75: along((hour) => 4.3 - 5.5 * night(hour)),
  p90: along((hour) => 4.6 - 4.5 * night(hour)),
};
const chances: CardSeries = { quantity: "plugged", title: same("Plugged"), unit: "1", event: true, probability: along((hour) => 0.84 * night(hour)) };

export const card: Card = {
  ...{ id: "urn:ngsi-ld:MeterBox:specimen:1", kind: "MeterBox", title: same(MARKUP), kind_title: same("MeterBox"), synthetic: true },
  ...{ geometry: { type: "Point", coordinates: [121.5, 31.26] }, point: [121.5, 31.26], relationships: {}, series: [fan, chances], series_of: null },
  attributes: [
    { name: "location", title: same("location"), type: "choice", value: "facade", unit: "", provenance: { kind: "inferred", source: "stock-model", rule: "facade", confidence: 0.4 }, as_of: START },
    { name: "supply_temperature", title: same("supply"), type: "quantity", value: 6.5, unit: "°C", provenance: { kind: "observed", source: "probe-1" }, as_of: after(30) },
  ],
  outcomes: [
    { quantity: "plugged", title: same("Plugged"), unit: "1", event: true, probability: 0.84, onset_p10: after(28), onset_p50: after(31), onset_p90: after(36), p10: null, p50: null, p90: null, sensor_gain: 0.4 },
    { quantity: "water_temperature", title: same("Water"), unit: "°C", event: false, probability: null, onset_p10: null, onset_p50: null, onset_p90: null, sensor_gain: 0.4, p10: -5, p50: -2.5, p90: -0.5 },
  ],
  ...{ jobs: [job], jobs_of: 120, parts: [], parts_total: 0 },
};

const readings: Readings = {
  ...{ from: after(-24), to: after(HOURS), kept: true },
  readings: [
    {
      ...{ quantity: "water_temperature", title: same("Water"), unit: "°C", source: "probe-1", synthetic: true },
      points: Array.from({ length: 36 }, (_, hour) => [after(hour), 4.2 - 6 * night(hour)]),
    },
  ],
};

const common = { language: "zh-CN", theme: "day" };

export const SPECIMENS: readonly Specimen[] = [
  { name: "lingjing-head", properties: { ...common, districts: [district], district, runs: [run], run, elder: false, narrow: false, who: null } },
  { name: "lingjing-status", properties: { ...common, link: { link: "live", heard: Date.parse(START) }, district, run, folded: false } },
  { name: "lingjing-search", properties: { ...common, district: "specimen" } },
  { name: "lingjing-filters", properties: { ...common, choice: { ...EVERYTHING, sub_district: ["A"], least: 0.5, before: 24, text: MARKUP }, chosen, work: page, actions: true, start: Date.parse(START), hours: HOURS } },
  { name: "lingjing-work-list", properties: { ...common, page, chosen: job.id } },
  {
    name: "lingjing-object-table",
    properties: { ...common, kinds: { MeterBox: "MeterBox" }, hour: 34, chosen: rows[1]?.id },
    afterwards: { total: rows.length, of: 331, parts: new Map([[0, rows]]) },
  },
  { name: "lingjing-exports", properties: { ...common, run: run.run, list: "work", query: [["least", "0.5"]] } },
  {
    name: "lingjing-card",
    properties: { ...common, card, job: job.id, hour: 34, start: Date.parse(START), scale: 1 },
    afterwards: { readings, history: { kept: true, changes: [], forecasts: [], forecasts_total: 0 } },
  },
  { name: "lingjing-chart", properties: { ...common, series: chances, start: Date.parse(START), hour: 34, scale: 1 } },
  { name: "lingjing-run-facts", properties: { ...common, run, district } },
  {
    name: "lingjing-time-bar",
    properties: { ...common, start: Date.parse(START), past: 0, hours: HOURS, hour: 34, now: null, first: 30, counts: "", likely: Uint32Array.from(along((hour) => 40 * night(hour))), place: [121.5, 31.26] },
  },
  { name: "lingjing-story", properties: { ...common, hour: 34, chapters: [{ hour: 34, at: null, text: MARKUP }] } },
  { name: "lingjing-legend", properties: { ...common, mode: "probability", solid: false, sunlit: false, plain: false } },
  {
    name: "lingjing-map-tools",
    properties: { ...common, mode: "probability", solid: false, sunlit: false, folded: false, run, quantities: { roads: "road_slippery", buildings: "plugged" }, titles: { road_slippery: same("road"), plugged: same("plugged") }, sun: null },
  },
  { name: "lingjing-key-entry", properties: { ...common, who: null, refused: "" } },
];

/** Made, drawn, and filled with what a server would have said. */
export async function exhibit(specimen: Specimen, into: Element, more: Record<string, unknown> = {}): Promise<HTMLElement> {
  const element = document.createElement(specimen.name) as HTMLElement & { updateComplete?: Promise<unknown> };
  const known = (element.constructor as typeof LitElement).elementProperties;
  const taken = Object.entries(more).filter(([name]) => known.has(name));
  Object.assign(element, specimen.properties, Object.fromEntries(taken));
  into.append(element);
  await element.updateComplete;
  if (specimen.afterwards) {
    Object.assign(element, specimen.afterwards);
    await element.updateComplete;
    await element.updateComplete;
  }
  return element;
}
