/** The page: what is shown, for which district, run and hour, and how it is kept up to date. */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import "./card";
import "./head";
import "./legend";
import "./map";
import "./object-table";
import "./run-facts";
import "./time-bar";
import "./work-list";
import {
  api,
  ApiError,
  ServerGone,
  type Card,
  type District,
  type LayerName,
  type Locale,
  type RunDetail,
  type RunHead,
  type StateLayer,
  type WorkPage,
} from "./api";
import type { Mode, Theme } from "./colours";
import type { Addresses, Features, LingjingMap, States } from "./map";
import { keepSettings, readPlace, readSettings, writePlace, type Settings } from "./memory";
import { countAt, firstHourReaching, openingHour, stateOfAssets, unpack, type LayerState } from "./state";
import { date, of, percent, setEnglishNames, setLocale, setZone, t } from "./text";
import { NO_FILTERS, PAGE_SIZE, type Filters } from "./work-list";

type Tab = "work" | "objects" | "run";
const TABS: readonly Tab[] = ["work", "objects", "run"];
const LAYERS: readonly LayerName[] = ["sub-districts", "roads", "buildings", "facilities"];
const HEARTBEAT_MS = 15_000;
const ASSET_ZOOM = 16;
/** Where the layout becomes one column; the style sheet has the same query. */
const NARROW = "(max-width: 860px), (max-aspect-ratio: 3/4)";
/** Chance that counts as likely in the counts and the jump to the first freeze. */
const LIKELY = 0.5;

interface OpenObject {
  id: string;
  job?: string;
  from: "map" | "list" | "table" | "card";
}

export class LingjingConsole extends LitElement {
  static override properties = {
    districts: { state: true },
    district: { state: true },
    runs: { state: true },
    run: { state: true },
    addresses: { state: true },
    features: { state: true },
    narrow: { state: true },
    states: { state: true },
    quantities: { state: true },
    titles: { state: true },
    hour: { state: true },
    mode: { state: true },
    tab: { state: true },
    page: { state: true },
    marked: { state: true },
    filters: { state: true },
    card: { state: true },
    job: { state: true },
    assets: { state: true },
    language: { state: true },
    theme: { state: true },
    elder: { state: true },
    loading: { state: true },
    goneSince: { state: true },
    problem: { state: true },
    said: { state: true },
  };

  declare districts: District[] | null;
  declare district: District | null;
  declare runs: RunHead[];
  declare run: RunDetail | null;
  declare addresses: Addresses;
  /** Features of the layers, read when the table wants them. */
  declare features: Features;
  declare narrow: boolean;
  declare states: States;
  declare quantities: Partial<Record<StateLayer, string>>;
  declare titles: Record<string, Record<Locale, string>>;
  /** The hour shown; null until the run says where to open. */
  declare hour: number | null;
  declare mode: Mode;
  declare tab: Tab;
  declare page: WorkPage | null;
  declare marked: WorkPage["rows"];
  declare filters: Filters;
  declare card: Card | null;
  declare job: string;
  declare assets: GeoJSON.FeatureCollection | null;
  declare language: Locale;
  declare theme: Theme;
  declare elder: boolean;
  declare loading: boolean;
  declare goneSince: number | null;
  declare problem: ApiError | null;
  declare said: string;

  private assetState: LayerState | null = null;
  private lastAnswer = Date.now();
  private heartbeat: number | undefined;
  private opener: HTMLElement | null = null;
  private first: number | null = null;
  private readonly column = window.matchMedia(NARROW);
  private readonly reflow = () => (this.narrow = this.column.matches);
  private readonly keys = (event: KeyboardEvent) => this.onKey(event);

  constructor() {
    super();
    const settings = readSettings();
    this.districts = null;
    this.district = null;
    this.runs = [];
    this.run = null;
    this.addresses = {};
    this.features = {};
    this.narrow = this.column.matches;
    this.states = {};
    this.quantities = {};
    this.titles = {};
    this.hour = null;
    this.mode = "probability";
    this.tab = "work";
    this.page = null;
    this.marked = [];
    this.filters = NO_FILTERS;
    this.card = null;
    this.job = "";
    this.assets = null;
    this.language = settings.language;
    this.theme = settings.theme;
    this.elder = settings.elder;
    this.loading = true;
    this.goneSince = null;
    this.problem = null;
    this.said = "";
    setLocale(this.language);
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("keydown", this.keys);
    this.column.addEventListener("change", this.reflow);
    this.heartbeat = window.setInterval(() => void this.guarded(async () => void (await api.health())), HEARTBEAT_MS);
    this.dress();
    void this.start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("keydown", this.keys);
    this.column.removeEventListener("change", this.reflow);
    window.clearInterval(this.heartbeat);
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has("states")) {
      const states = Object.values(this.states);
      this.first = firstHourReaching(states, LIKELY) ?? firstHourReaching(states, 0.1);
    }
    if (changed.has("language") || changed.has("theme") || changed.has("elder")) this.dress();
  }

  override updated(changed: PropertyValues): void {
    if (!["hour", "mode", "district", "run", "card"].some((name) => changed.has(name)) || !this.district) return;
    writePlace({
      district: this.district.name,
      run: this.run?.run ?? "",
      hour: this.hour,
      mode: this.mode,
      object: this.card?.id ?? "",
    });
  }

  /** Put language, theme and size on the document, where the style sheet reads them. */
  private dress(): void {
    setLocale(this.language);
    const root = document.documentElement;
    root.lang = this.language;
    root.dataset["theme"] = this.theme;
    root.toggleAttribute("data-elder", this.elder);
    document.title = `${t("page.title")}${this.district ? ` · ${of(this.district.title)}` : ""}`;
  }

  private prefer(chosen: Partial<Settings>): void {
    Object.assign(this, chosen);
    keepSettings(chosen);
  }

  /** Ask the server; note when it is gone, and what it refuses. */
  private async guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.lastAnswer = Date.now();
      if (this.goneSince !== null) {
        this.goneSince = null;
        if (this.districts === null) void this.start();
      }
    } catch (error) {
      if (error instanceof ServerGone) this.goneSince ??= this.lastAnswer;
      else if (error instanceof ApiError) this.problem = error;
      else throw error;
    } finally {
      this.loading = false;
    }
  }

  private async start(): Promise<void> {
    await this.guarded(async () => {
      const [{ districts }, { runs }, vocabulary] = await Promise.all([api.districts(), api.runs(), api.vocabulary()]);
      this.titles = Object.fromEntries(
        Object.entries(vocabulary.quantities).map(([name, entry]) => [name, entry.title]),
      );
      this.districts = districts;
      this.runs = runs;
      const place = readPlace();
      const newest = runs.find((run) => districts.some((item) => item.name === run.district));
      const name = place.district || newest?.district;
      const district = districts.find((item) => item.name === name) ?? districts[0];
      if (!district) return;
      this.hour = place.hour;
      this.mode = place.mode;
      await this.choosePlace(district, place.run);
      if (place.object && this.run) await this.open({ id: place.object, from: "map" });
    });
  }

  private async choosePlace(district: District, runName = ""): Promise<void> {
    this.card = null;
    this.states = {};
    this.page = null;
    this.marked = [];
    this.run = null;
    this.show(district);
    const here = this.runs.filter((run) => run.district === district.name);
    const head = here.find((run) => run.run === runName) ?? here[0];
    await Promise.all([this.readNames(district), head ? this.chooseRun(head.run) : undefined]);
  }

  /** Put a district on the map, which reads the layers by itself, off the page's thread. */
  private show(district: District): void {
    this.district = district;
    this.addresses = Object.fromEntries(LAYERS.map((layer) => [layer, api.layerAddress(district, layer)]));
    this.features = {};
    this.dress();
    if (this.tab === "objects") void this.readTable();
  }

  private async readNames(district: District): Promise<void> {
    const names: Record<string, string> = {};
    for (const { properties } of (await api.layer(district, "sub-districts")).features) {
      const { name, name_en } = (properties ?? {}) as { name?: string; name_en?: string };
      if (name && name_en) names[name] = name_en;
    }
    setEnglishNames(names);
    if (this.language === "en") this.requestUpdate();
  }

  /** The features behind the table, read once somebody looks at it. */
  private async readTable(): Promise<void> {
    const district = this.district;
    if (!district || this.features.roads) return;
    await this.guarded(async () => {
      const [roads, buildings] = await Promise.all([api.layer(district, "roads"), api.layer(district, "buildings")]);
      if (this.district === district) this.features = { roads, buildings };
    });
  }

  private async chooseRun(name: string): Promise<void> {
    this.filters = NO_FILTERS;
    await Promise.all([this.readRun(name), this.readWork(name)]);
  }

  private async readWork(name: string): Promise<void> {
    const page = await api.work(name, { offset: 0, limit: PAGE_SIZE });
    this.page = page;
    this.marked = page.rows;
  }

  private async readRun(name: string): Promise<void> {
    const run = await api.run(name);
    setZone(run.zone);
    this.run = run;
    if (this.hour !== null) this.hour = Math.min(this.hour, run.hours);
    this.quantities = { roads: run.quantities.roads[0] ?? "", buildings: run.quantities.buildings[0] ?? "" };
    await this.loadStates();
    this.hour ??= openingHour(Object.values(this.states), Date.parse(run.start), run.hours, Date.now());
  }

  private async loadStates(): Promise<void> {
    const run = this.run;
    if (!run) return;
    const states: States = {};
    await Promise.all(
      (["roads", "buildings"] as const).map(async (layer) => {
        const quantity = this.quantities[layer];
        if (quantity) states[layer] = unpack(await api.state(run.run, layer, quantity));
      }),
    );
    await this.followImport(Object.values(states));
    this.states = states;
  }

  /** Read the layers anew where the district was imported again after the page was opened. */
  private async followImport(states: readonly LayerState[]): Promise<void> {
    const district = this.district;
    if (!district || states.every((state) => state.version === district.data_version)) return;
    this.districts = (await api.districts()).districts;
    const now = this.districts.find((item) => item.name === district.name);
    if (now) this.show(now);
  }

  private async open(what: OpenObject): Promise<void> {
    const run = this.run;
    if (!run) return;
    if (what.from !== "card") this.opener = document.activeElement as HTMLElement | null;
    await this.guarded(async () => {
      const card = await api.card(run.run, what.id);
      this.job = what.job ?? "";
      this.card = card;
      this.said = t("said.card", { name: of(card.title) });
      await this.updateComplete;
      if (what.from !== "map") this.map?.show(card);
      const panel = this.querySelector<HTMLElement>(".panel");
      panel?.scrollTo({ top: 0 });
      const title = this.querySelector<HTMLElement>("#card-title");
      title?.focus({ preventScroll: !this.narrow });
    });
  }

  private close(): void {
    this.card = null;
    const back = this.opener;
    void this.updateComplete.then(async () => {
      await this.querySelector<LitElement>("lingjing-work-list")?.updateComplete;
      const again = this.job ? this.querySelector<HTMLElement>(`[data-job="${CSS.escape(this.job)}"]`) : null;
      (again ?? (back?.isConnected ? back : this.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')))?.focus();
    });
  }

  private get map(): LingjingMap | null {
    return this.querySelector<LingjingMap>("lingjing-map");
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.card) {
      this.close();
      return;
    }
    const target = event.target as HTMLElement;
    const busy = target.closest("input, select, textarea, [role=tab], .maplibregl-canvas");
    if (busy || event.ctrlKey || event.altKey || event.metaKey || !this.run) return;
    if (event.key === "ArrowRight") this.setHour(this.at + 1);
    else if (event.key === "ArrowLeft") this.setHour(this.at - 1);
    else return;
    event.preventDefault();
  }

  /** The hour shown, from the start of the run. */
  private get at(): number {
    return this.hour ?? 0;
  }

  private setHour(hour: number): void {
    this.hour = Math.min(Math.max(hour, 0), this.run?.hours ?? 0);
  }

  private async filter(filters: Filters): Promise<void> {
    const run = this.run;
    if (!run) return;
    this.filters = filters;
    await this.guarded(async () => {
      this.page = await api.work(run.run, { ...filters, limit: PAGE_SIZE });
    });
  }

  private async view(detail: { zoom: number; bounds: number[] }): Promise<void> {
    const { district, run } = this;
    if (!district || !run || detail.zoom < ASSET_ZOOM) {
      if (this.assets) this.assets = null;
      return;
    }
    await this.guarded(async () => {
      const assets = await api.assets(district.name, detail.bounds, run.run);
      this.assetState = stateOfAssets(assets, Date.parse(run.start), run.hours);
      this.assets = assets;
    });
  }

  override render() {
    return html`
      <a class="skip" href="#panel" @click=${(event: Event) => this.skip(event)}>${t("page.skip")}</a>
      ${this.header()} ${this.notices()} ${this.main()}
      <footer class="foot">
        <span class="attribution">${t("foot.data")} ${this.attributions()}</span>
        <span class="muted">${t("foot.local")}</span>
      </footer>
      <p class="visually-hidden" aria-live="polite">${this.said}</p>
    `;
  }

  private skip(event: Event): void {
    event.preventDefault();
    this.querySelector<HTMLElement>("#panel")?.focus();
  }

  private attributions(): string {
    const all = [...(this.district?.attributions ?? []), ...(this.run?.attributions ?? [])];
    return [...new Set(all)].join(" · ") || t("value.none");
  }

  private header() {
    return html`<lingjing-head .districts=${this.districts ?? []} .district=${this.district} .runs=${this.runs} .run=${this.run}
      .language=${this.language} .theme=${this.theme} .elder=${this.elder} .narrow=${this.narrow}
      @district-chosen=${(event: CustomEvent<string>) => this.onDistrict(event.detail)}
      @run-chosen=${(event: CustomEvent<string>) => this.onRun(event.detail)}
      @settings-chosen=${(event: CustomEvent<Partial<Settings>>) => this.prefer(event.detail)}></lingjing-head>`;
  }

  private onDistrict(name: string): void {
    const district = this.districts?.find((item) => item.name === name);
    if (district) void this.guarded(() => this.choosePlace(district));
  }

  private onRun(name: string): void {
    this.card = null;
    this.hour = null;
    void this.guarded(() => this.chooseRun(name));
  }

  private notices() {
    return html`
      ${this.goneSince !== null
        ? html`<div class="notice bad" role="alert" id="server-gone">${t("notice.gone", { time: date(new Date(this.goneSince).toISOString()) })}</div>`
        : nothing}
      ${this.problem
        ? html`<div class="notice bad" role="alert">${of(this.problem.what)} ${of(this.problem.remedy)}
            <button type="button" @click=${() => (this.problem = null)}>${t("notice.dismiss")}</button></div>`
        : nothing}
    `;
  }

  private main() {
    if (this.districts === null) {
      return html`<main class="blank"><p aria-live="polite">${this.loading ? t("state.loading") : t("state.noAnswer")}</p></main>`;
    }
    if (!this.district) {
      return html`<main class="blank" id="no-district"><h2>${t("empty.districtTitle")}</h2><p>${t("empty.district")}</p>
        <pre><code>lingjing district sketch yangpu --scale 1 --seed 7</code></pre><p>${t("empty.districtOr")}</p>
        <pre><code>lingjing district import map.osm.pbf --pack yangpu</code></pre></main>`;
    }
    return html`
      <main class="work-place ${this.goneSince === null ? "" : "stale"}"
        @open-object=${(event: CustomEvent<OpenObject>) => void this.open(event.detail)}
        @close-object=${() => this.close()}
        @view-changed=${(event: CustomEvent<{ zoom: number; bounds: number[] }>) => void this.view(event.detail)}>
        <div class="map-side">
          <lingjing-map .addresses=${this.addresses} .states=${this.states} .hour=${this.at} .mode=${this.mode}
            .theme=${this.theme} .language=${this.language} .scale=${this.elder ? 1.5 : 1} .bounds=${this.district.bounds}
            .work=${this.marked} .card=${this.card}
            .assets=${this.assets} .assetState=${this.assetState}></lingjing-map>
          ${this.run ? this.mapTools() : nothing}
        </div>
        ${this.run
          ? html`<lingjing-time-bar class="time-side" .start=${Date.parse(this.run.start)} .hours=${this.run.hours} .hour=${this.at}
              .first=${this.first} .language=${this.language} .counts=${this.counts()}
              @hour-chosen=${(event: CustomEvent<number>) => this.setHour(event.detail)}></lingjing-time-bar>`
          : nothing}
        <aside class="panel" id="panel" tabindex="-1" aria-label=${t("panel.label")}>${this.panel()}</aside>
      </main>
    `;
  }

  private counts(): string {
    const { roads, buildings } = this.states;
    return t("time.counts", {
      likely: percent(LIKELY),
      roads: roads ? countAt(roads, this.at, LIKELY) : 0,
      buildings: buildings ? countAt(buildings, this.at, LIKELY) : 0,
    });
  }

  private mapTools() {
    return html`
      <div class="map-tools">
        <fieldset class="modes"><legend class="visually-hidden">${t("mode.label")}</legend>
          ${(["probability", "onset"] as const).map(
            (mode) => html`<label><input type="radio" name="mode" value=${mode} .checked=${this.mode === mode} @change=${() => (this.mode = mode)} /><span>${t(`mode.${mode}`)}</span></label>`,
          )}
        </fieldset>
        <details class="legend-fold" ?open=${!this.narrow && !this.elder}>
          <summary>${t("legend.title")}</summary>
          ${(["roads", "buildings"] as const).map((layer) => this.quantityChoice(layer))}
          <lingjing-legend .mode=${this.mode} .theme=${this.theme} .language=${this.language}></lingjing-legend>
        </details>
      </div>
    `;
  }

  private quantityChoice(layer: StateLayer) {
    const names = this.run?.quantities[layer] ?? [];
    if (names.length === 0) return nothing;
    return html`<label class="quantity">${t(`layer.${layer}`)}
      <select name="quantity-${layer}" @change=${(event: Event) => this.onQuantity(layer, event)}>
        ${names.map((name) => html`<option value=${name} ?selected=${name === this.quantities[layer]}>${of(this.titles[name]) || name}</option>`)}
      </select></label>`;
  }

  private onQuantity(layer: StateLayer, event: Event): void {
    this.quantities = { ...this.quantities, [layer]: (event.target as HTMLSelectElement).value };
    void this.guarded(() => this.loadStates());
  }

  private panel() {
    if (!this.run || !this.district) {
      return this.loading
        ? html`<p class="muted">${t("state.loading")}</p>`
        : html`<div class="empty" id="no-run"><h2>${t("empty.runTitle")}</h2><p>${t("empty.run")}</p>
            <pre><code>lingjing run coldwave --district ${this.district?.name ?? ""} --weather NAME --start 2023-12-20T12:00+08:00 --hours 72 --members 31 --seed 7</code></pre></div>`;
    }
    return html`
      ${this.card
        ? html`<lingjing-card .card=${this.card} .job=${this.job} .hour=${this.at} .start=${Date.parse(this.run.start)}
            .language=${this.language} .theme=${this.theme} .scale=${this.elder ? 1.5 : 1}></lingjing-card>`
        : nothing}
      <div class="tabs-and-lists" ?hidden=${this.card !== null}>
        <div role="tablist" class="tabs" aria-label=${t("panel.label")}>
          ${TABS.map((tab) => html`<button type="button" role="tab" id="tab-${tab}" aria-controls="tabpanel" aria-selected=${this.tab === tab} tabindex=${this.tab === tab ? 0 : -1} @click=${() => this.chooseTab(tab)} @keydown=${(event: KeyboardEvent) => this.onTabKey(event)}>${t(`tab.${tab}`)}</button>`)}
        </div>
        <div role="tabpanel" id="tabpanel" aria-labelledby="tab-${this.tab}">${this.tabContent()}</div>
      </div>
    `;
  }

  private chooseTab(tab: Tab): void {
    this.tab = tab;
    if (tab === "objects") void this.readTable();
  }

  private onTabKey(event: KeyboardEvent): void {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = (TABS.indexOf(this.tab) + step + TABS.length) % TABS.length;
    this.chooseTab(TABS[at] ?? "work");
    void this.updateComplete.then(() => this.querySelector<HTMLElement>(`#tab-${this.tab}`)?.focus());
  }

  private tabContent() {
    if (this.tab === "work") {
      return html`<lingjing-work-list .page=${this.page} .filters=${this.filters} .language=${this.language} .chosen=${this.job} .folded=${this.narrow || this.elder}
        @filters-changed=${(event: CustomEvent<Filters>) => void this.filter(event.detail)}></lingjing-work-list>`;
    }
    if (this.tab === "objects") {
      return html`<lingjing-object-table .layers=${this.features} .states=${this.states} .hour=${this.at} .language=${this.language}></lingjing-object-table>`;
    }
    return html`<lingjing-run-facts .run=${this.run} .district=${this.district} .language=${this.language}></lingjing-run-facts>`;
  }
}

customElements.define("lingjing-console", LingjingConsole);
