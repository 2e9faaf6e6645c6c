/** What is read from the server: the district and run shown, and whether the server answers. */

import type { ReactiveController, ReactiveControllerHost } from "lit";
import { setAccessKey } from "./access";
import {
  api,
  ApiError,
  ServerGone,
  type District,
  type Locale,
  type ObjectPage,
  type RunDetail,
  type RunHead,
  type StateLayer,
  type Who,
  type WorkPage,
} from "./api";
import { readEvent, type EntityChange } from "./changes";
import { EVERYTHING, maskState, narrowed, parametersOf, readChoice, writeChoice, type Choice, type Masks } from "./choice";
import type { ServerEvent } from "./event-stream";
import { Live, type LinkState } from "./live";
import type { Addresses, States } from "./map";
import type { SharedPlace } from "./share";
import { hoursBefore, temperaturesOf, type SensorSeries } from "./sensors";
import { PLAIN, showingOf, sharedShowing, type Showing } from "./showing";
import { firstHourReaching, openingHour, stateOfAssets, unpack, type LayerState } from "./state";
import { setEnglishNames, setZone } from "./text";
import { hearTime, present } from "./time";
import { likelyByHour } from "./timeline";
import { PAGE_SIZE } from "./work-list";

const SETTLE_MS = 400;
/** How far the time bar reaches back before a run, and the server's history of sensors [h]. */
const MOST_PAST_H = 48;
const MOST_HISTORY_H = 744;
const ASSET_ZOOM = 16;
/** Chance that counts as likely in the counts and the jump to the first freeze. */
export const LIKELY = 0.5;

/** What a page shows of it; every change makes the page draw itself anew. */
interface Shown {
  /** null until the server has answered for the first time. */
  districts: District[] | null;
  district: District | null;
  runs: RunHead[];
  run: RunDetail | null;
  addresses: Addresses;
  /** Where all footprints lie, for their shadows. */
  outlines: string;
  states: States;
  /** What the map shows of them: of what is chosen. */
  masked: States;
  /** The first hour at which anything is likely to freeze. */
  first: number | null;
  /** How many objects are likely to be hit at each hour. */
  likely: Uint32Array;
  /** Hours before the run of which something was observed. */
  past: number;
  /** What sensors said, before the run and while it lasts. */
  sensors: readonly SensorSeries[];
  quantities: Partial<Record<StateLayer, string>>;
  /** How each layer shows what it shows. */
  showing: Record<StateLayer, Showing>;
  titles: Record<string, Record<Locale, string>>;
  /** Titles of kinds. */
  kinds: Record<string, Record<Locale, string>>;
  /** The hour shown; null until the run says where to open. */
  hour: number | null;
  page: WorkPage | null;
  /** The first rows of the whole list, which the map marks. */
  marked: WorkPage["rows"];
  /** What is chosen to be shown. */
  choice: Choice;
  /** How many objects that is, of how many, and what there is to choose from. */
  chosen: Pick<ObjectPage, "total" | "of" | "facets"> | null;
  masks: Masks;
  assets: GeoJSON.FeatureCollection | null;
  assetState: LayerState | null;
  loading: boolean;
  link: LinkState;
  /** When the server last answered, once it no longer does. */
  goneSince: number | null;
  /** Names of runs of this district that came after the page was read. */
  newRun: string | null;
  /** Entities that changed or went while the page looked on; the newest of each. */
  changes: ReadonlyMap<string, EntityChange>;
  problem: ApiError | null;
  /** As whom the server sees this page; null until it said so. */
  who: Who | null;
  /** Whether the server wants a key before it shows anything. */
  locked: ApiError | null;
  /** What parts of the page keep in the shared address, by their own keys. */
  shared: Readonly<Record<string, string>>;
}

const NOTHING: Readonly<Shown> = {
  districts: null,
  district: null,
  runs: [],
  run: null,
  addresses: {},
  outlines: "",
  states: {},
  masked: {},
  first: null,
  likely: new Uint32Array(0),
  past: 0,
  sensors: [],
  quantities: {},
  showing: { roads: PLAIN, buildings: PLAIN },
  titles: {},
  kinds: {},
  hour: null,
  page: null,
  marked: [],
  choice: EVERYTHING,
  chosen: null,
  masks: {},
  assets: null,
  assetState: null,
  loading: true,
  link: { link: "starting", heard: null },
  goneSince: null,
  newRun: null,
  changes: new Map(),
  problem: null,
  who: null,
  locked: null,
  shared: {},
};

export class Reading implements ReactiveController {
  private current = NOTHING;
  private lastAnswer = Date.now();
  private readonly live: Live;
  private settling: number | undefined;
  private events: [string, string][] = [];
  private eventsOf: unknown = null;
  private inView: { zoom: number; bounds: readonly number[] } | null = null;
  private wanted: Readonly<Record<string, string>> = {};

  /** `start` is called again where the server answers only after it was found gone. */
  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly start: () => Promise<void>,
  ) {
    host.addController(this);
    this.live = new Live(null, "/api/v1/health", {
      state: (link) => this.onLink(link),
      event: (event) => this.onEvent(event),
      missed: () => void this.refresh(),
    });
  }

  hostConnected(): void {
    this.live.start();
    void this.start();
  }

  hostDisconnected(): void {
    this.live.stop();
    window.clearTimeout(this.settling);
  }

  private onLink(link: LinkState): void {
    const changed = link.link !== this.now.link.link;
    this.current = { ...this.now, link };
    if (link.link === "gone") this.change({ goneSince: this.now.goneSince ?? link.heard ?? this.lastAnswer });
    else if (this.now.goneSince !== null) {
      this.change({ goneSince: null });
      if (this.now.districts === null) void this.start();
    } else if (changed) this.host.requestUpdate();
  }

  /** Take in what the server says happened. */
  private onEvent({ event, data }: ServerEvent): void {
    const said = readEvent(event, data);
    if (said.time !== null) hearTime(said.time);
    if (said.changes.length > 0) {
      const changes = new Map(this.now.changes);
      for (const change of said.changes) changes.set(change.id, change);
      this.change({ changes });
    } else if (!said.reload) return;
    window.clearTimeout(this.settling);
    this.settling = window.setTimeout(() => void this.refresh(), SETTLE_MS);
  }

  /** A change was taken in. */
  forgetChange(id: string): void {
    const changes = new Map(this.now.changes);
    changes.delete(id);
    this.change({ changes });
  }

  /** Read what may have changed: districts and their data, and the list of runs. */
  async refresh(): Promise<void> {
    if (this.now.districts === null) return;
    await this.guarded(async () => {
      const [{ districts }, { runs }] = await Promise.all([api.districts(), api.runs()]);
      const { district, run } = this.now;
      const known = new Set(this.now.runs.map((item) => item.run));
      const fresh = runs.find((item) => item.district === district?.name && !known.has(item.run));
      this.change({ districts, runs, newRun: fresh?.run ?? this.now.newRun });
      if (run && this.now.sensors.length > 0) void this.guarded(() => this.readSensors(run));
      const again = districts.find((item) => item.name === district?.name);
      if (again && again.data_version !== district?.data_version) {
        this.show(again);
        if (run) await this.readStates();
      }
    });
  }

  get now(): Readonly<Shown> {
    return this.current;
  }

  private change(change: Partial<Shown>): void {
    this.current = { ...this.current, ...change };
    this.host.requestUpdate();
  }

  /** Ask the server; note when it is gone, and what it refuses. */
  async guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.lastAnswer = Date.now();
      this.live.noted(true);
    } catch (error) {
      if (error instanceof ServerGone) {
        this.live.noted(false);
        this.change({ goneSince: this.now.goneSince ?? this.lastAnswer });
      }
      else if (error instanceof ApiError && error.status === 401) this.change({ locked: error });
      else if (error instanceof ApiError) this.change({ problem: error });
      else throw error;
    } finally {
      if (this.now.loading) this.change({ loading: false });
    }
  }

  dismissProblem(): void {
    this.change({ problem: null });
  }

  /** Keep something in the shared address; an empty text takes it out. */
  share(key: string, value: string): void {
    const { [key]: _, ...others } = this.now.shared;
    this.change({ shared: value ? { ...others, [key]: value } : others });
  }

  /** Come in with a key, or with none: everything is read anew. */
  async enter(key: string): Promise<void> {
    setAccessKey(key);
    this.change({ ...NOTHING, link: this.now.link });
    await this.start();
  }

  /** Read what there is, then the district and run of a shared place, or the newest run. */
  async begin(place: SharedPlace): Promise<void> {
    const who = await api.who();
    this.change({ who, locked: null });
    this.live.listenTo(who.events ? "/api/v1/events" : null);
    const [{ districts }, { runs }, vocabulary] = await Promise.all([api.districts(), api.runs(), api.vocabulary(), api.health()]);
    const titles = Object.fromEntries(Object.entries(vocabulary.quantities).map(([name, entry]) => [name, entry.title]));
    const kinds = Object.fromEntries(Object.entries(vocabulary.kinds).map(([name, entry]) => [name, entry.title]));
    this.change({ titles, kinds, districts, runs, shared: place.shared, choice: readChoice(place.shared["choice"] ?? "") });
    this.wanted = place.quantities;
    const newest = runs.find((run) => districts.some((item) => item.name === run.district));
    const name = place.district || newest?.district;
    const district = districts.find((item) => item.name === name) ?? districts[0];
    if (!district) return;
    this.change({ hour: place.hour });
    await this.choosePlace(district, place.run);
  }

  chooseDistrict(name: string): void {
    const district = this.now.districts?.find((item) => item.name === name);
    if (!district) return;
    this.change({ choice: EVERYTHING, masks: {} });
    this.share("choice", "");
    void this.guarded(() => this.choosePlace(district));
  }

  /** Show another run of the district, at the hour where it opens by itself. */
  chooseRun(name: string): void {
    this.change({ hour: null, newRun: this.now.newRun === name ? null : this.now.newRun });
    void this.guarded(() => this.readRunAndWork(name));
  }

  /** Let a layer show an event or a number of the run. */
  chooseQuantity(layer: StateLayer, quantity: string): void {
    const { run } = this.now;
    const isNumber = run?.numbers[layer].includes(quantity) ?? false;
    this.showOne(layer, { number: null, threshold: null });
    if (run && isNumber) void this.guarded(() => this.readNumber(run.run, layer, quantity));
    else {
      this.change({ quantities: { ...this.now.quantities, [layer]: quantity } });
      void this.guarded(async () => {
        await this.readStates();
        if (this.now.run) await this.readChosen(this.now.run.run);
      });
    }
  }

  /** Change how a layer shows what it shows. */
  chooseShowing(layer: StateLayer, chosen: Partial<Pick<Showing, "level" | "threshold">>): void {
    this.showOne(layer, chosen);
  }

  /** What a shared address says of the layers. */
  get sharedLayers(): Record<string, string> {
    const { quantities, showing } = this.now;
    const said: Record<string, string> = {};
    for (const layer of ["roads", "buildings"] as const) {
      said[layer] = showing[layer].number?.name ?? quantities[layer] ?? "";
      Object.assign(said, sharedShowing(layer, showing[layer]));
    }
    return said;
  }

  private showOne(layer: StateLayer, chosen: Partial<Showing>): void {
    const { showing } = this.now;
    this.change({ showing: { ...showing, [layer]: { ...showing[layer], ...chosen } } });
  }

  private async readNumber(run: string, layer: StateLayer, quantity: string): Promise<void> {
    const number = await api.stream(run, layer, quantity);
    if (this.now.run?.run === run) this.showOne(layer, { number });
  }

  setHour(hour: number): void {
    this.change({ hour: Math.min(Math.max(hour, -this.now.past), this.now.run?.hours ?? 0) });
  }

  /** Show only what is chosen, in lists and on the map. */
  async choose(choice: Choice): Promise<void> {
    const { run } = this.now;
    this.change({ choice });
    this.share("choice", writeChoice(choice));
    if (!run) return;
    await this.guarded(() => Promise.all([this.readWork(run.run), this.readChosen(run.run)]).then(() => {}));
    await this.viewAgain();
  }

  /** Another part of the list of work. */
  async turn(offset: number): Promise<void> {
    const { choice, run } = this.now;
    if (!run) return;
    await this.guarded(async () => this.change({ page: await this.workOf(run.run, choice, offset) }));
  }

  private workOf(run: string, choice: Choice, offset: number): Promise<WorkPage> {
    return api.work(run, [...parametersOf(choice), ["offset", String(offset)], ["limit", String(PAGE_SIZE)]]);
  }

  /** Parameters of the events shown, the roads' first; the same list while they are the same. */
  get shownEvents(): [string, string][] {
    const { quantities } = this.now;
    if (this.eventsOf !== quantities) {
      this.eventsOf = quantities;
      this.events = [quantities.roads, quantities.buildings].flatMap((name) => (name ? [["quantity", name] as [string, string]] : []));
    }
    return this.events;
  }

  private async readChosen(run: string): Promise<void> {
    const { choice } = this.now;
    const wanted: [string, string][] = [...parametersOf(choice), ...this.shownEvents, ["limit", "0"]];
    const found = await api.objects(run, narrowed(choice) ? [...wanted, ["masks", "1"]] : wanted);
    if (this.now.choice !== choice) return; // somebody chose anew meanwhile
    const { total, of, facets, masks = {} } = found;
    this.change({ chosen: { total, of, facets }, masks, masked: masked(this.now.states, masks) });
  }

  /** Read the assets in view where the map is near enough to show them. */
  async view(zoom: number, bounds: readonly number[]): Promise<void> {
    const { choice, district, run } = this.now;
    this.inView = { zoom, bounds };
    if (!district || !run || zoom < ASSET_ZOOM) {
      if (this.now.assets) this.change({ assets: null });
      return;
    }
    await this.guarded(async () => {
      const assets = await api.assets(district.name, bounds, run.run, parametersOf(choice));
      this.change({ assets, assetState: stateOfAssets(assets, Date.parse(run.start), run.hours) });
    });
  }

  private async viewAgain(): Promise<void> {
    if (this.inView) await this.view(this.inView.zoom, this.inView.bounds);
  }

  private async choosePlace(district: District, runName = ""): Promise<void> {
    this.showStates({});
    this.change({ page: null, marked: [], run: null });
    this.show(district);
    const here = this.now.runs.filter((run) => run.district === district.name);
    const head = here.find((run) => run.run === runName) ?? here[0];
    await Promise.all([this.readNames(district), head ? this.readRunAndWork(head.run) : undefined]);
  }

  /** Put a district on the map, which reads the layers by itself, off the page's thread. */
  private show(district: District): void {
    const addresses: Addresses = {};
    for (const layer of ["sub-districts", "facilities"] as const) addresses[layer] = api.layerAddress(district, layer);
    const outlines = api.layerAddress(district, "buildings");
    this.change({ district, addresses, outlines });
    void this.guarded(() => this.showLarge(district));
  }

  /** The large layers come as tiles; where the server has none, whole. */
  private async showLarge(district: District): Promise<void> {
    const found: Addresses = {};
    await Promise.all(
      (["roads", "buildings"] as const).map(async (layer) => {
        found[layer] = await api.tiles(district, layer).catch((error: unknown) => {
          if (error instanceof ServerGone) throw error;
          return api.layerAddress(district, layer);
        });
      }),
    );
    if (this.now.district === district) this.change({ addresses: { ...this.now.addresses, ...found } });
  }

  private async readNames(district: District): Promise<void> {
    const names: Record<string, string> = {};
    for (const { properties } of (await api.layer(district, "sub-districts")).features) {
      const { name, name_en } = (properties ?? {}) as { name?: string; name_en?: string };
      if (name && name_en) names[name] = name_en;
    }
    setEnglishNames(names);
    this.host.requestUpdate();
  }

  private async readRunAndWork(name: string): Promise<void> {
    await Promise.all([this.readRun(name), this.readWork(name)]);
    await this.readChosen(name);
  }

  private async readWork(name: string): Promise<void> {
    const { choice } = this.now;
    const page = await this.workOf(name, choice, 0);
    if (this.now.choice === choice) this.change({ page, marked: page.rows });
  }

  private async readRun(name: string): Promise<void> {
    const run = await api.run(name);
    setZone(run.zone);
    const { hour } = this.now;
    this.change({
      run,
      hour: hour === null ? null : Math.min(Math.max(hour, -MOST_PAST_H), run.hours),
      quantities: { roads: this.firstOf(run, "roads"), buildings: this.firstOf(run, "buildings") },
    });
    await Promise.all([this.readStates(), this.readNumbers(run)]);
    void this.guarded(() => this.readSensors(run));
    if (this.now.hour !== null) return;
    this.change({ hour: openingHour(Object.values(this.now.states), Date.parse(run.start), run.hours, present()) });
  }

  /** What sensors said: only where the run is not so long ago that nothing of it is asked for any more. */
  private async readSensors(run: RunDetail): Promise<void> {
    this.change({ sensors: [], past: 0 });
    const start = Date.parse(run.start);
    const hours = Math.ceil((present() - start) / 3_600_000) + MOST_PAST_H;
    const bounds = this.now.district?.bounds;
    if (!bounds || hours <= 0 || hours > MOST_HISTORY_H) return;
    const [west, south, east, north] = bounds;
    const radius_m = Math.min(20_000, (Math.hypot((east - west) * 0.86, north - south) * 111_320) / 2 + 100);
    const { things } = await api.readings([(west + east) / 2, (south + north) / 2], radius_m, hours);
    if (this.now.run !== run) return;
    const sensors = temperaturesOf(things);
    this.change({ sensors, past: hoursBefore(sensors, start, MOST_PAST_H) });
  }

  /** Show the numbers that a shared address asked for, as it asked for them. */
  private async readNumbers(run: RunDetail): Promise<void> {
    const showing = { roads: showingOf("roads", this.wanted), buildings: showingOf("buildings", this.wanted) };
    this.change({ showing });
    for (const layer of ["roads", "buildings"] as const) {
      const wanted = this.wanted[layer];
      if (wanted && run.numbers[layer].includes(wanted)) await this.readNumber(run.run, layer, wanted);
    }
    this.wanted = {};
  }

  /** The quantity that a shared address asked for, where the run has it, else the preferred one. */
  private firstOf(run: RunDetail, layer: StateLayer): string {
    const there = run.quantities[layer];
    return there.find((name) => name === this.wanted[layer]) ?? there[0] ?? "";
  }

  private async readStates(): Promise<void> {
    const { run } = this.now;
    if (!run) return;
    const states: States = {};
    await Promise.all(
      (["roads", "buildings"] as const).map(async (layer) => {
        const quantity = this.now.quantities[layer];
        if (quantity) states[layer] = unpack(await api.state(run.run, layer, quantity));
      }),
    );
    await this.followImport(Object.values(states));
    this.showStates(states);
  }

  private showStates(states: States): void {
    const all = Object.values(states);
    this.change({ states, masked: masked(states, this.now.masks), first: firstHourReaching(all, LIKELY) ?? firstHourReaching(all, 0.1), likely: likelyByHour(all, LIKELY) });
  }

  /** Read the layers anew where the district was imported again after the page was opened. */
  private async followImport(states: readonly LayerState[]): Promise<void> {
    const { district } = this.now;
    if (!district || states.every((state) => state.version === district.data_version)) return;
    const { districts } = await api.districts();
    this.change({ districts });
    const again = districts.find((item) => item.name === district.name);
    if (again) this.show(again);
  }
}

function masked(states: States, masks: Masks): States {
  const shown: States = {};
  for (const [layer, state] of Object.entries(states) as [StateLayer, LayerState][]) shown[layer] = maskState(state, masks[layer]);
  return shown;
}
