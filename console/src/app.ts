/** The page: its parts, what a person chose on it, and where the focus goes. */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import "./card";
import "./head";
import "./key-entry";
import "./map";
import "./map-tools";
import "./search-box";
import "./status";
import "./story";
import "./time-bar";
import { api, type Card, type Locale, type StateLayer } from "./api";
import type { Mode, Theme } from "./colours";
import type { LingjingMap } from "./map";
import type { Drawn, ShowingChosen } from "./map-tools";
import { keepSettings, readSettings, type Settings } from "./memory";
import type { Choice } from "./choice";
import type { LingjingObjectTable } from "./object-table";
import { printView } from "./printing";
import { LIKELY, Reading } from "./reading";
import { readPlace, understood, writePlace, type MapView } from "./share";
import { allTabs, stageOf, type PageContext } from "./slots";
import { countAt } from "./state";
import { chaptersOf, type Chapter } from "./story";
import { sunAt, type Sun } from "./sun";
import { saveMap, copyLink } from "./take-away";
import { date, of, percent, setLocale, t } from "./text";
import { present } from "./time";

import.meta.glob("./tabs/*.ts", { eager: true });

/** Where the layout becomes one column; the style sheet has the same query. */
const NARROW = "(max-width: 860px), (max-aspect-ratio: 3/4)";

interface OpenObject {
  id: string;
  job?: string;
  from: "map" | "list" | "table" | "card";
}

interface PointedAt {
  id: string;
  point: readonly [number, number];
}

interface ViewChanged {
  zoom: number;
  bounds: number[];
  view: MapView | null;
}

export class LingjingConsole extends LitElement {
  static override properties = {
    narrow: { state: true },
    mode: { state: true },
    solid: { state: true },
    sunlit: { state: true },
    view: { state: true },
    tab: { state: true },
    stage: { state: true },
    card: { state: true },
    job: { state: true },
    language: { state: true },
    theme: { state: true },
    elder: { state: true },
    said: { state: true },
    strangeLink: { state: true },
    telling: { state: true },
    told: { state: true },
    keyAsked: { state: true },
    pointed: { state: true },
  };

  declare narrow: boolean;
  declare mode: Mode;
  declare solid: boolean;
  declare sunlit: boolean;
  /** What is in view, where a person chose it. */
  declare view: MapView | null;
  /** Id of the tab in view. */
  declare tab: string;
  /** Id of what takes the map's place; empty for the map itself. */
  declare stage: string;
  declare card: Card | null;
  declare job: string;
  declare language: Locale;
  declare theme: Theme;
  declare elder: boolean;
  declare said: string;
  /** Whether the page was opened by an address of a newer form. */
  declare strangeLink: boolean;
  /** A short word of what was just done; empty for none. */
  declare told: string;
  /** Whether the story is being told. */
  declare telling: boolean;
  /** Whether somebody wants to enter another key. */
  declare keyAsked: boolean;
  /** The object of the row in focus, ringed on the map. */
  declare pointed: PointedAt | null;

  private middleOf: readonly number[] | null = null;
  private middleIs: readonly [number, number] | null = null;
  private opener: HTMLElement | null = null;
  private readonly reading = new Reading(this, () => this.start());
  private readonly column = window.matchMedia(NARROW);
  private readonly reflow = () => (this.narrow = this.column.matches);
  private readonly keys = (event: KeyboardEvent) => this.onKey(event);

  constructor() {
    super();
    const settings = readSettings();
    this.narrow = this.column.matches;
    this.mode = "probability";
    this.solid = false;
    this.sunlit = false;
    this.view = null;
    this.tab = "work";
    this.stage = "";
    this.card = null;
    this.job = "";
    this.language = settings.language;
    this.theme = settings.theme;
    this.elder = settings.elder;
    this.said = "";
    this.telling = false;
    this.told = "";
    this.keyAsked = false;
    this.pointed = null;
    this.strangeLink = understood(location.hash) === "newer";
    setLocale(this.language);
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("keydown", this.keys);
    this.column.addEventListener("change", this.reflow);
    this.dress();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("keydown", this.keys);
    this.column.removeEventListener("change", this.reflow);
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has("language") || changed.has("theme") || changed.has("elder")) this.dress();
  }

  override updated(): void {
    const { district, run, hour } = this.reading.now;
    document.title = `${t("page.title")}${district ? ` · ${of(district.title)}` : ""}`;
    if (!district) return;
    const { shared } = this.reading.now;
    const quantities = this.reading.sharedLayers;
    const { mode, tab, stage, view, solid, sunlit } = this;
    writePlace({ ...{ district: district.name, run: run?.run ?? "", hour, object: this.card?.id ?? "" }, mode, tab, stage, view, solid, sunlit, quantities, shared });
  }

  /** Put language, theme and size on the document, where the style sheet reads them. */
  private dress(): void {
    setLocale(this.language);
    const root = document.documentElement;
    root.lang = this.language;
    root.dataset["theme"] = this.theme;
    root.toggleAttribute("data-elder", this.elder);
  }

  private prefer(chosen: Partial<Settings>): void {
    Object.assign(this, chosen);
    keepSettings(chosen);
  }

  /** Open at the place the address names. */
  private async start(): Promise<void> {
    await this.reading.guarded(async () => {
      const place = readPlace();
      const { mode, solid, sunlit } = place;
      Object.assign(this, { mode, solid, sunlit });
      await this.reading.begin(place);
      await this.updateComplete;
      if (place.view) this.map?.look(place.view);
      if (stageOf(place.stage)) this.stage = place.stage;
      if (allTabs().some((tab) => tab.id === place.tab)) this.chooseTab(place.tab);
      if (place.object) await this.open({ id: place.object, from: "map" });
    });
  }

  private async open(what: OpenObject): Promise<void> {
    const { run } = this.reading.now;
    if (!run) return;
    if (what.from !== "card") this.opener = document.activeElement as HTMLElement | null;
    await this.reading.guarded(async () => {
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
    const id = this.card?.id ?? "";
    this.card = null;
    const back = this.opener;
    void this.updateComplete.then(async () => {
      const list = this.querySelector<LitElement>("lingjing-work-list, lingjing-object-table");
      await list?.updateComplete;
      // The table goes to the object, from wherever it was opened.
      if (list?.matches("lingjing-object-table") && (await (list as LingjingObjectTable).find(id).catch(() => false))) return;
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
    if (this.onShortcut(event, target)) return;
    const busy = target.closest("input, select, textarea, [role=tab], .maplibregl-canvas");
    if (busy || event.ctrlKey || event.altKey || event.metaKey || !this.reading.now.run) return;
    if (event.key === "ArrowRight") this.reading.setHour(this.at + 1);
    else if (event.key === "ArrowLeft") this.reading.setHour(this.at - 1);
    else return;
    event.preventDefault();
  }

  /** One key finds, one prints, where nobody is writing. */
  private onShortcut(event: KeyboardEvent, target: HTMLElement): boolean {
    const writing = target.closest("input:not([type=range]):not([type=radio]), select, textarea");
    if (writing || event.ctrlKey || event.altKey || event.metaKey || !this.reading.now.run) return false;
    if (event.key === "/") this.querySelector<HTMLElement>("lingjing-search")?.focus();
    else if (event.key === "p" || event.key === "P") void this.print();
    else return false;
    event.preventDefault();
    return true;
  }

  private print(): Promise<void> {
    return this.reading.guarded(() => printView(this.reading, this.card, this.tab, this.at, this.querySelector("lingjing-card")));
  }

  /** Everything that a search finds, in the table. */
  private listAll(text: string): void {
    this.card = null;
    this.chooseTab("objects");
    void this.reading.choose({ ...this.reading.now.choice, text });
    void this.updateComplete.then(() => this.querySelector<HTMLElement>("#tab-objects")?.focus());
  }

  /** The hour shown, from the start of the run. */
  private get at(): number {
    return this.reading.now.hour ?? 0;
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
    const { district, run } = this.reading.now;
    const all = [...(district?.attributions ?? []), ...(run?.attributions ?? [])];
    return [...new Set(all)].join(" · ") || t("value.none");
  }

  private header() {
    const { districts, district, link, runs, run, who } = this.reading.now;
    return html`<lingjing-head .districts=${districts ?? []} .district=${district} .runs=${runs} .run=${run}
      .language=${this.language} .theme=${this.theme} .elder=${this.elder} .narrow=${this.narrow} .who=${who}
      @tell-story=${() => (this.telling = true)}
      @save-picture=${() => void saveMap(this.map, this.context, `${t("foot.data")} ${this.attributions()}`)}
      @copy-link=${() => void this.copyLink()}
      @show-key=${() => (this.keyAsked = true)}
      @district-chosen=${(event: CustomEvent<string>) => this.onDistrict(event.detail)}
      @run-chosen=${(event: CustomEvent<string>) => this.onRun(event.detail)}
      @settings-chosen=${(event: CustomEvent<Partial<Settings>>) => this.prefer(event.detail)}></lingjing-head>
      <lingjing-status .link=${link} .district=${district} .run=${run} .language=${this.language} .folded=${this.narrow || this.elder}></lingjing-status>`;
  }

  private onDistrict(name: string): void {
    this.card = null;
    this.reading.chooseDistrict(name);
  }

  private onRun(name: string): void {
    this.card = null;
    this.reading.chooseRun(name);
  }

  private notices() {
    const { goneSince, newRun, problem } = this.reading.now;
    return html`
      ${goneSince !== null
        ? html`<div class="notice bad" role="alert" id="server-gone">${t("notice.gone", { time: date(new Date(goneSince).toISOString()) })}</div>`
        : nothing}
      ${problem
        ? html`<div class="notice bad" role="alert">${of(problem.what)} ${of(problem.remedy)}
            <button type="button" @click=${() => this.reading.dismissProblem()}>${t("notice.dismiss")}</button></div>`
        : nothing}
      ${newRun
        ? html`<div class="notice" role="status" id="new-run">${t("notice.newRun")} <button type="button" @click=${() => this.onRun(newRun)}>${t("notice.showRun")}</button></div>`
        : nothing}
      ${this.told
        ? html`<div class="notice" role="status" id="told">${this.told} <button type="button" @click=${() => (this.told = "")}>${t("notice.dismiss")}</button></div>`
        : nothing}
      ${this.strangeLink
        ? html`<div class="notice" role="status" id="strange-link">${t("notice.newerLink")} <button type="button" @click=${() => (this.strangeLink = false)}>${t("notice.dismiss")}</button></div>`
        : nothing}
    `;
  }

  private main() {
    const { district, districts, first, goneSince, likely, loading, locked, past, run, who } = this.reading.now;
    if (locked || this.keyAsked) {
      return html`<main class="blank"><lingjing-key-entry .language=${this.language} .who=${who} .refused=${locked && locked.code !== "access.needed" ? `${of(locked.what)} ${of(locked.remedy)}` : ""}
        @key-entered=${(event: CustomEvent<string>) => this.enter(event.detail)}></lingjing-key-entry></main>`;
    }
    if (districts === null) {
      return html`<main class="blank"><p aria-live="polite">${loading ? t("state.loading") : t("state.noAnswer")}</p></main>`;
    }
    if (!district) {
      return html`<main class="blank" id="no-district"><h2>${t("empty.districtTitle")}</h2><p>${t("empty.district")}</p>
        <pre><code>lingjing district sketch yangpu --scale 1 --seed 7</code></pre><p>${t("empty.districtOr")}</p>
        <pre><code>lingjing district import map.osm.pbf --pack yangpu</code></pre></main>`;
    }
    return html`
      <main class="work-place ${goneSince === null ? "" : "stale"}"
        @open-object=${(event: CustomEvent<OpenObject>) => void this.open(event.detail)}
        @close-object=${() => this.close()}
        @choice-changed=${(event: CustomEvent<Choice>) => void this.reading.choose(event.detail)}
        @list-all=${(event: CustomEvent<string>) => this.listAll(event.detail)}
        @point-object=${(event: CustomEvent<PointedAt>) => (this.pointed = event.detail)}
        @print-view=${() => void this.print()}
        @hour-chosen=${(event: CustomEvent<number>) => this.reading.setHour(event.detail)}
        @show-tab=${(event: CustomEvent<string>) => this.chooseTab(event.detail)}
        @show-stage=${(event: CustomEvent<string>) => (this.stage = stageOf(event.detail) ? event.detail : "")}
        @view-changed=${(event: CustomEvent<ViewChanged>) => this.onView(event.detail)}>
        <div class="map-side">${stageOf(this.stage)?.content(this.context) ?? this.mapStage()}</div>
        ${run
          ? html`<div class="time-side">${this.telling ? this.story() : nothing}<lingjing-time-bar .start=${Date.parse(run.start)} .hours=${run.hours} .hour=${this.at}
              .first=${first} .past=${past} .now=${this.present} .likely=${likely} .place=${this.middle} .language=${this.language} .counts=${this.counts()}
              ></lingjing-time-bar></div>`
          : nothing}
        <aside class="panel" id="panel" tabindex="-1" aria-label=${t("panel.label")}>${this.panel()}</aside>
      </main>
    `;
  }

  private mapStage() {
    const { addresses, assets, assetState, district, marked, outlines, quantities, run, sensors, showing, masked, titles } = this.reading.now;
    return html`
      <lingjing-map .addresses=${addresses} .states=${masked} .pointed=${this.pointed?.point ?? null} .hour=${this.at} .start=${this.startsAt} .mode=${this.mode}
        .theme=${this.theme} .language=${this.language} .scale=${this.elder ? 1.5 : 1} .bounds=${district?.bounds ?? null}
        .solid=${this.solid} .sunlit=${this.sunlit} .work=${marked} .card=${this.card}
        .assets=${assets} .assetState=${assetState} .outlines=${outlines} .showing=${showing} .sensors=${sensors}></lingjing-map>
      <lingjing-map-tools .mode=${this.mode} .solid=${this.solid} .sunlit=${this.sunlit} .theme=${this.theme} .language=${this.language}
        .folded=${this.narrow || this.elder} .run=${run} .quantities=${quantities} .showing=${showing} .titles=${titles} .sun=${this.sun}
        @showing-chosen=${(event: CustomEvent<ShowingChosen>) => this.reading.chooseShowing(event.detail.layer, event.detail.chosen)}
        @drawing-chosen=${(event: CustomEvent<Partial<Drawn>>) => Object.assign(this, event.detail)}
        @quantity-chosen=${(event: CustomEvent<{ layer: StateLayer; quantity: string }>) => this.reading.chooseQuantity(event.detail.layer, event.detail.quantity)}></lingjing-map-tools>
    `;
  }

  /** When hour 0 is [ms]. */
  private get startsAt(): number {
    const { run } = this.reading.now;
    return run ? Date.parse(run.start) : Date.now();
  }

  /** The present hour, where it lies within what the time bar covers. */
  private get present(): number | null {
    const { run, past } = this.reading.now;
    const hour = Math.floor((present() - this.startsAt) / 3_600_000);
    return run && hour >= -past && hour <= run.hours ? hour : null;
  }

  /** Longitude and latitude of the district's middle. */
  private get middle(): readonly [number, number] | null {
    const bounds = this.reading.now.district?.bounds ?? null;
    if (bounds !== this.middleOf) {
      this.middleOf = bounds;
      this.middleIs = bounds && [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2];
    }
    return this.middleIs;
  }

  private get sun(): Sun | null {
    const { middle } = this;
    return middle && this.sunlit ? sunAt(this.startsAt + this.at * 3_600_000, ...middle) : null;
  }

  private get context(): PageContext {
    const { reading, mode, language, theme, elder, narrow, card, job } = this;
    return { reading, mode, hour: this.at, language, theme, elder, narrow, card, job };
  }

  private story() {
    const { first, marked, run, states } = this.reading.now;
    if (!run) return nothing;
    return html`<lingjing-story .chapters=${chaptersOf(run, Object.values(states), first, marked)} .hour=${this.at} .language=${this.language}
      @story-step=${(event: CustomEvent<Chapter>) => this.onChapter(event.detail)}
      @story-closed=${() => (this.telling = false)}></lingjing-story>`;
  }

  private onChapter({ hour, at }: Chapter): void {
    this.reading.setHour(hour);
    if (at) this.map?.showPoint(at);
    else this.map?.showAll();
  }

  private enter(key: string): void {
    this.keyAsked = false;
    this.card = null;
    void this.reading.enter(key);
  }

  private async copyLink(): Promise<void> {
    this.told = this.said = await copyLink();
  }

  private onView({ zoom, bounds, view }: ViewChanged): void {
    this.view = view;
    void this.reading.view(zoom, bounds);
  }

  private counts(): string {
    const { roads, buildings } = this.reading.now.states;
    if (this.at < 0) return t("time.beforeRun");
    return t("time.counts", {
      likely: percent(LIKELY),
      roads: roads ? countAt(roads, this.at, LIKELY) : 0,
      buildings: buildings ? countAt(buildings, this.at, LIKELY) : 0,
    });
  }

  private panel() {
    const { district, loading, run } = this.reading.now;
    if (!run || !district) {
      return loading
        ? html`<p class="muted">${t("state.loading")}</p>`
        : html`<div class="empty" id="no-run"><h2>${t("empty.runTitle")}</h2><p>${t("empty.run")}</p>
            <pre><code>lingjing run coldwave --district ${district?.name ?? ""} --weather NAME --start 2023-12-20T12:00+08:00 --hours 72 --members 31 --seed 7</code></pre></div>`;
    }
    return html`
      <lingjing-search .district=${district.name} .language=${this.language}></lingjing-search>
      ${this.card ? this.cardNews(this.card) : nothing}
      ${this.card
        ? html`<lingjing-card .card=${this.card} .run=${run.run} .job=${this.job} .hour=${this.at} .start=${Date.parse(run.start)}
            .language=${this.language} .theme=${this.theme} .scale=${this.elder ? 1.5 : 1}></lingjing-card>`
        : nothing}
      <div class="tabs-and-lists" ?hidden=${this.card !== null}>
        <div role="tablist" class="tabs" aria-label=${t("panel.label")}>
          ${allTabs().map(({ id, label }) => html`<button type="button" role="tab" id="tab-${id}" aria-controls="tabpanel" aria-selected=${this.tab === id} tabindex=${this.tab === id ? 0 : -1} @click=${() => this.chooseTab(id)} @keydown=${(event: KeyboardEvent) => this.onTabKey(event)}>${t(label)}</button>`)}
        </div>
        <div role="tabpanel" id="tabpanel" aria-labelledby="tab-${this.tab}">${this.tabContent()}</div>
      </div>
    `;
  }

  /** What happened to the object of the open card since it was read. */
  private cardNews(card: Card) {
    const change = this.reading.now.changes.get(card.id);
    if (!change) return nothing;
    if (change.deleted) return html`<p class="notice bad" role="alert" id="card-gone">${t("card.deleted")}</p>`;
    return html`<p class="notice" role="status" id="card-changed">${t("card.changed")}
      <button type="button" @click=${() => this.readAgain(card)}>${t("card.readAgain")}</button></p>`;
  }

  private readAgain(card: Card): void {
    this.reading.forgetChange(card.id);
    void this.open({ id: card.id, job: this.job, from: "card" });
  }

  private chooseTab(id: string): void {
    const tabs = allTabs();
    if (!tabs.some((tab) => tab.id === id)) return;
    this.tab = id;
    for (const tab of tabs) tab.shown?.(this.context, tab.id === id);
  }

  private onTabKey(event: KeyboardEvent): void {
    const tabs = allTabs().map((tab) => tab.id);
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const at = (tabs.indexOf(this.tab) + step + tabs.length) % tabs.length;
    this.chooseTab(tabs[at] ?? "work");
    void this.updateComplete.then(() => this.querySelector<HTMLElement>(`#tab-${this.tab}`)?.focus());
  }

  private tabContent() {
    return allTabs().find((tab) => tab.id === this.tab)?.content(this.context) ?? nothing;
  }
}

customElements.define("lingjing-console", LingjingConsole);
