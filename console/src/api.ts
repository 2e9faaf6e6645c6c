/** The data endpoints, as typed calls. */

import { accessHeaders } from "./access";
import type { Masks } from "./choice";
import type { Thing } from "./sensors";
import { readStateStream, type QuantityState } from "./state-stream";
import { hearTime } from "./time";

export type Locale = "zh-CN" | "en";
export type Text = Record<Locale, string>;
export type LayerName = "buildings" | "roads" | "facilities" | "sub-districts";
export type StateLayer = "buildings" | "roads";

export interface Source {
  name: string;
  attribution: string;
  licence: string;
  synthetic: boolean;
  imported_at: string;
}

export interface District {
  name: string;
  title: Text;
  bounds: [number, number, number, number];
  synthetic: boolean;
  updated_at: string;
  data_version: string;
  counts: Record<string, number>;
  sources: Source[];
  attributions: string[];
}

export interface RunHead {
  run: string;
  district: string;
  scenario: string;
  scenario_title: Text;
  weather: string;
  start: string;
  hours: number;
  members: number;
  zone: string;
  written_at: string | null;
  /** Name of the what-if that it came of. */
  whatif?: string | null;
  synthetic: boolean;
  /** What must stand on every product because something in it is made up. */
  labels: Text[];
}

/** What became of one sensor that a run listened to. */
export interface HeardSensor {
  asset: string;
  kind: string;
  quantity: string;
  reason: string | null;
  /** How far its place follows it, 0 to 1. */
  gain: number | null;
  /** From its last value kept to the run's start. */
  silent_h: number | null;
}

export interface RunReadings {
  taken: number;
  refused: number;
  observations: number;
  until: string;
  synthetic: boolean;
  sensors: HeardSensor[];
}

export interface RunDetail extends RunHead {
  attributions: string[];
  /** Events by layer, the preferred one first; and all that is no event. */
  quantities: Record<StateLayer, string[]>;
  numbers: Record<StateLayer, string[]>;
  files: string[];
  texts: Record<Locale, string[]>;
  summary: {
    /** What the weather of the run calls for. */
    alarm?: { level: "act" | "watch"; text: Text };
  };
  /** How the run came about; a what-if's run names it. */
  record?: { whatif?: { name: string; base: string }; inputs?: { readings?: RunReadings | null } };
}

export interface WorkRow {
  rank: number;
  id: string;
  action: string;
  action_title: Text;
  target: string;
  title: Text;
  place: string;
  longitude_deg: number;
  latitude_deg: number;
  hazard: string;
  probability: number;
  expected_failures: number;
  score: number;
  sub_district: string;
  onset: string | null;
  onset_early: string | null;
  owner: string;
  effort_minutes: number;
  amount: number;
  amount_unit: string;
  reason: Text;
  ranking_reason: Text;
  /** What the score is made of. */
  factors: { expected_harm_households: number; averted_share: number; lead_factor: number | null };
}

export interface ObjectRow {
  id: string;
  kind: string;
  title: Text;
  sub_district: string;
  owner: string;
  quantity: string;
  /** Probability at the hour asked for. */
  chance: number | null;
  /** Probability within the window. */
  probability: number | null;
  onset: string | null;
  point: [number, number];
}

export interface ObjectPage {
  total: number;
  of: number;
  offset: number;
  rows: ObjectRow[];
  facets: { kind: Facet[]; owner: Facet[]; sub_district: Facet[] };
  /** Where the object asked for stands; null where it is not among them. */
  place?: number | null;
  masks?: Masks;
}

export interface Hit extends Named {
  sub_district: string;
  address: string;
  point: [number, number];
  count: number;
  way: "name" | "pinyin" | "initials" | "address" | "id";
}

export interface HitGroup {
  kind: string;
  title: Text;
  total: number;
  hits: Hit[];
}

export interface Found {
  q: string;
  total: number;
  groups: HitGroup[];
}

export interface SensorReading {
  quantity: string;
  title: Text;
  unit: string;
  source: string;
  synthetic: boolean;
  points: [string, number][];
  /** Whose reading it is, where it is not the object's own. */
  of?: { id: string; title: Text; distance_m: number };
}

export interface Readings {
  from: string;
  to: string;
  kept: boolean;
  readings: SensorReading[];
}

export interface ObjectChange {
  at: string;
  operation: "create" | "update" | "delete";
  attribute: string | null;
  title: Text | null;
  unit: string;
  value: string | number | boolean | null;
  source: string;
  provenance: string;
  synthetic: boolean;
}

export interface EarlierForecast {
  run: string;
  start: string;
  hours: number;
  weather: string;
  written_at: string | null;
  quantity: string | null;
  title: Text | null;
  probability: number | null;
  onset_p50: string | null;
}

export interface History {
  kept: boolean;
  changes: ObjectChange[];
  forecasts: EarlierForecast[];
  forecasts_total: number;
}

export interface Facet {
  value: string;
  count: number;
  title?: Text;
}

export interface WorkPage {
  total: number;
  /** How many there are without filters. */
  of: number;
  offset: number;
  rows: WorkRow[];
  facets: { action: Facet[]; owner: Facet[]; sub_district: Facet[] };
}

export interface StateContent {
  quantity: string;
  title: Text;
  combination: "maximum" | "own";
  start: string;
  hours: number;
  features: number;
  data_version: string;
  hourly: string;
  probability: string;
  onset_p50_hours: string;
  known: string;
}

export interface Provenance {
  kind: "observed" | "imported" | "inferred" | "simulated";
  source: string;
  rule?: string;
  confidence?: number;
  observed_at?: string;
  synthetic?: boolean;
}

export interface CardAttribute {
  name: string;
  title: Text;
  type: "quantity" | "text" | "choice" | "flag";
  value: string | number | boolean;
  unit: string;
  provenance: Provenance;
  /** Since when the value is known. */
  as_of: string | null;
}

export interface CardOutcome {
  quantity: string;
  title: Text;
  unit: string;
  event: boolean;
  probability: number | null;
  onset_p10: string | null;
  onset_p50: string | null;
  onset_p90: string | null;
  p10: number | null;
  p50: number | null;
  p90: number | null;
  /** How far sensors correct it, 0 to 1; null where the run heard none. */
  sensor_gain: number | null;
}

export interface CardSeries {
  quantity: string;
  title: Text;
  unit: string;
  event: boolean;
  p10?: (number | null)[];
  p25?: (number | null)[];
  p50?: (number | null)[];
  p75?: (number | null)[];
  p90?: (number | null)[];
  probability?: (number | null)[];
}

export interface Named {
  id: string;
  kind: string;
  title: Text;
}

export interface Part extends Named {
  kind_title: Text;
  quantity: string;
  probability: number;
  onset_p50: string | null;
}

export interface Card extends Named {
  kind_title: Text;
  geometry: GeoJSON.Geometry;
  point: [number, number];
  synthetic: boolean;
  attributes: CardAttribute[];
  relationships: Record<string, Named>;
  outcomes: CardOutcome[];
  series: CardSeries[];
  series_of: Named | null;
  jobs: WorkRow[];
  /** How many jobs the run has in all. */
  jobs_of: number;
  parts: Part[];
  parts_total: number;
}

export interface Title {
  title: Text;
}

export interface Vocabulary {
  kinds: Record<string, Title>;
  quantities: Record<string, Title & { unit: string }>;
}

/** As whom the server sees this page. */
export interface Who {
  name: string;
  role: "read" | "sense" | "operate" | "administer";
  /** Whether the server lets in only who shows a key or token, or at least tells them apart. */
  guarded: boolean;
  /** Whether it tells changes as they come. */
  events: boolean;
}

/** What the server said no with. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly what: Text,
    readonly remedy: Text,
  ) {
    super(`[${code}] ${what.en}`);
  }
}

/** The server did not answer at all. */
export class ServerGone extends Error {}

async function ask(path: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, { headers: accessHeaders() });
  } catch (cause) {
    throw new ServerGone("no answer", { cause });
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => null);
  const error = (body as { error?: { code: string; what: Text; remedy: Text } } | null)?.error;
  if (error) throw new ApiError(response.status, error.code, error.what, error.remedy);
  throw new ServerGone(`status ${response.status}`);
}

async function get<T>(path: string): Promise<T> {
  return (await (await ask(path)).json()) as T;
}

async function fetchBytes(path: string): Promise<ArrayBuffer> {
  return (await ask(path)).arrayBuffer();
}

/** That the server is there, and what time it is there. */
async function health(): Promise<void> {
  const response = await fetch("/api/v1/health", { headers: accessHeaders(), cache: "no-store" }).catch((cause: unknown) => {
    throw new ServerGone("no answer", { cause });
  });
  hearTime(Date.parse(response.headers.get("Date") ?? ""));
}

/** Where a layer's tiles lie, as TileJSON says it. */
export interface Tiles {
  tiles: string[];
  minzoom: number;
  maxzoom: number;
  bounds: [number, number, number, number];
  data_version: string;
}

/** Parameters of a request; a name may stand several times. */
export type Query = [string, string][];
export type ExportFormat = "csv" | "geojson" | "parquet";

const part = encodeURIComponent;

export const api = {
  health,
  who: () => get<Who>("access"),
  vocabulary: () => get<Vocabulary>("vocabulary"),
  districts: () => get<{ districts: District[] }>("districts"),
  layer: (district: District, layer: LayerName) =>
    get<GeoJSON.FeatureCollection>(
      `districts/${part(district.name)}/layers/${layer}.geojson?version=${part(district.data_version)}`,
    ),
  tiles: (district: District, layer: LayerName) => get<Tiles>(`districts/${part(district.name)}/tiles/${layer}.json`),
  /** Row that the states count by, of each entity of a layer. */
  numbers: (district: string, layer: LayerName) => get<{ numbers: Record<string, number> }>(`districts/${part(district)}/tiles/${layer}/numbers`),
  runs: () => get<{ runs: RunHead[] }>("runs"),
  run: (run: string) => get<RunDetail>(`runs/${part(run)}`),
  work: (run: string, query: Query) => get<WorkPage>(`runs/${part(run)}/work?${new URLSearchParams(query)}`),
  objects: (run: string, query: Query) => get<ObjectPage>(`runs/${part(run)}/objects?${new URLSearchParams(query)}`),
  search: (district: string, q: string) => get<Found>(`districts/${part(district)}/search?${new URLSearchParams({ q })}`),
  assetReadings: (run: string, id: string) => get<Readings>(`runs/${part(run)}/assets/${part(id)}/readings`),
  history: (run: string, id: string) => get<History>(`runs/${part(run)}/assets/${part(id)}/history`),
  /** What the filters show, as a file. */
  exportAddress: (run: string, list: "work" | "objects", format: ExportFormat, query: Query) =>
    `/api/v1/runs/${part(run)}/${list}.${format}?${new URLSearchParams(query)}`,
  state: (run: string, layer: StateLayer, quantity: string) =>
    get<StateContent>(`runs/${part(run)}/state/${layer}?quantity=${part(quantity)}`),
  stream: async (run: string, layer: StateLayer, quantity: string): Promise<QuantityState | null> => {
    const stream = readStateStream(await fetchBytes(`runs/${part(run)}/stream/${layer}?quantity=${part(quantity)}`));
    return stream.quantities.get(quantity) ?? null;
  },
  readings: (point: readonly [number, number], radius_m: number, hours: number) =>
    get<{ things: Thing[] }>(`readings?point=${point.map((at) => at.toFixed(6)).join(",")}&radius_m=${Math.round(radius_m)}&limit=200&hours=${hours}`),
  card: (run: string, id: string) => get<Card>(`runs/${part(run)}/assets/${part(id)}`),
  assets: (district: string, bounds: readonly number[], run: string, chosen: Query = [], limit = 2000) =>
    get<GeoJSON.FeatureCollection & { total_is_more: boolean }>(
      `districts/${part(district)}/assets.geojson?bbox=${bounds.map((b) => b.toFixed(6)).join(",")}&limit=${limit}&run=${part(run)}&${new URLSearchParams(chosen)}`,
    ),
  /** Where a layer lies; the version makes a changed district another address. */
  layerAddress: (district: District, layer: LayerName) =>
    new URL(
      `/api/v1/districts/${part(district.name)}/layers/${layer}.geojson?version=${part(district.data_version)}`,
      location.href,
    ).href,
  fileAddress: (run: string, name: string) =>
    `/api/v1/runs/${part(run)}/files/${name.split("/").map(part).join("/")}`,
};
