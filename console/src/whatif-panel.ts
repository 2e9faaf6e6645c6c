/** The what-ifs of the run shown: ordering, following, comparing, keeping and dropping them. */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import "./compare-table";
import "./whatif-form";
import { ApiError, ServerGone, type Locale, type RunDetail, type Who } from "./api";
import { date, number, of, t } from "./text";
import { whatIfs, type Changes, type WhatIf } from "./whatif-api";

const EVERY_MS = 1000;

/** Two runs beside each other. */
export interface Pair {
  a: string;
  b: string;
  /** Names for people. */
  named: readonly [string, string];
}

export class LingjingWhatIfs extends LitElement {
  static override properties = {
    run: { attribute: false },
    who: { attribute: false },
    language: { type: String },
    pair: { attribute: false },
    items: { state: true },
    ordering: { state: true },
    refused: { state: true },
    against: { state: true },
  };

  declare run: RunDetail | null;
  declare who: Who | null;
  declare language: Locale;
  /** The comparison shown; null for the list. */
  declare pair: Pair | null;
  declare items: WhatIf[] | null;
  declare ordering: boolean;
  declare refused: ApiError | "gone" | null;
  /** Name of the what-if that others are compared with; empty for the base run. */
  declare against: string;

  private timer: number | undefined;
  private reading = false;

  constructor() {
    super();
    this.run = null;
    this.who = null;
    this.language = "zh-CN";
    this.pair = null;
    this.items = null;
    this.ordering = false;
    this.refused = null;
    this.against = "";
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearTimeout(this.timer);
  }

  override updated(changed: PropertyValues): void {
    if (changed.has("run") && changed.get("run") !== undefined) void this.read();
  }

  override render() {
    const { run, pair } = this;
    if (!run) return nothing;
    if (pair) {
      return html`<lingjing-compare .pair=${pair} .language=${this.language} @compare-left=${() => this.say("pair-chosen", null)}></lingjing-compare>`;
    }
    if (this.ordering) {
      return html`<h2>${t("whatif.new")}</h2>
        <lingjing-whatif-form .run=${run} .language=${this.language}
          @whatif-left=${() => this.leaveForm()} @whatif-ordered=${() => this.ordered()}></lingjing-whatif-form>`;
    }
    const { items, refused } = this;
    return html`
      <h2>${t("whatif.title")}</h2>
      <p class="muted">${t("whatif.about")}</p>
      ${this.mayOperate
        ? html`<button type="button" class="primary" id="whatif-new" @click=${() => this.order()}>${t("whatif.new")}</button>`
        : html`<p class="notice">${t("whatif.needsOperate")}</p>`}
      <p class="notice bad" role="alert" ?hidden=${refused === null}>${refused === null ? nothing : refused === "gone" ? t("state.noAnswer") : `${of(refused.what)} ${of(refused.remedy)}`}</p>
      ${items === null ? html`<p class="muted" role="status">${t("state.loading")}</p>` : items.length === 0 ? html`<p class="muted">${t("whatif.none")}</p>` : this.list(items)}
    `;
  }

  private list(items: WhatIf[]) {
    const done = items.filter((item) => item.result !== null);
    return html`
      ${done.length > 1
        ? html`<label class="against">${t("whatif.against")} <select @change=${(event: Event) => (this.against = (event.target as HTMLSelectElement).value)}>
            <option value="">${t("whatif.base")}</option>
            ${done.map((item) => html`<option value=${item.name} ?selected=${item.name === this.against}>${item.name}</option>`)}</select></label>`
        : nothing}
      <ul class="whatif-list">${items.map((item) => html`<li>${this.item(item)}</li>`)}</ul>
    `;
  }

  private item(item: WhatIf) {
    const over = item.state !== "waiting" && item.state !== "running";
    const other = this.items?.find(({ name, result }) => name === this.against && result !== null);
    const against = other && other.name !== item.name ? other : null;
    return html`
      <article class="whatif" data-state=${item.state}>
        <h3>${item.name} <span class="tag state-${item.state}">${t(`whatif.state.${item.state}`)}</span>${item.kept ? html` <span class="tag">${t("whatif.kept")}</span>` : nothing}</h3>
        ${item.note ? html`<p>${item.note}</p>` : nothing}
        <ul class="plain muted">${this.said(item.changes).map((line) => html`<li>${line}</li>`)}</ul>
        <p class="muted">${date(item.created_at)}${item.entities > 0 ? ` · ${t("whatif.entities", { n: number(item.entities, 0) })}` : ""}</p>
        ${over
          ? nothing
          : html`<p class="whatif-progress"><progress max="1" .value=${item.done} aria-label=${t("whatif.progress", { name: item.name })}></progress> <span role="status">${item.text ? of(item.text) : t(`whatif.state.${item.state}`)} ${Math.round(item.done * 100)} %</span></p>`}
        ${item.error ? html`<p class="notice bad">${of(item.error.what)} ${of(item.error.remedy)}</p>` : nothing}
        ${item.cautions.length > 0 ? html`<details class="notice"><summary>${t("whatif.cautions")}</summary><ul class="plain">${item.cautions.map((line) => html`<li>${line}</li>`)}</ul></details>` : nothing}
        <div class="whatif-actions">
          ${item.result !== null
            ? html`<button type="button" @click=${() => this.compare(item, against)}>${against ? t("whatif.compareWith", { name: against.name }) : t("whatif.compare")}</button>
                <button type="button" @click=${() => this.say("run-wanted", item.result)}>${t("whatif.open")}</button>`
            : nothing}
          ${this.mayOperate ? this.actions(item, over) : nothing}
        </div>
      </article>`;
  }

  private actions(item: WhatIf, over: boolean) {
    if (!over) return html`<button type="button" @click=${() => void this.act(() => whatIfs.cancel(item.name))}>${t("whatif.cancel")}</button>`;
    return html`
      ${item.result !== null ? html`<button type="button" aria-pressed=${item.kept} @click=${() => void this.act(() => whatIfs.keep(item.name, !item.kept))}>${t("whatif.keep")}</button>` : nothing}
      <button type="button" ?disabled=${item.kept} @click=${() => void this.drop(item)}>${t("whatif.drop")}</button>`;
  }

  /** The changes in plain words. */
  private said(changes: Changes): string[] {
    const lines: string[] = [];
    for (const [name, value] of Object.entries(changes.weather ?? {})) lines.push(`${t(`whatif.weather.${name}`)} ${value}`);
    for (const { select, set } of changes.assets ?? []) {
      const where = [...(select.sub_districts ?? []), ...(select.age_classes ?? []), select.building_name ?? "", select.bare ? t("whatif.bare") : ""].filter(Boolean);
      const values = Object.entries(set).map(([name, value]) => `${this.word(name)} = ${value}`);
      lines.push(`${this.kind(select.kind)}${where.length ? ` (${where.join(", ")})` : ""}: ${values.join(", ")}`);
    }
    for (const [name, value] of Object.entries(changes.supplies ?? {})) lines.push(`${t(`whatif.supplies.${name}`)} ${value}`);
    return lines.length > 0 ? lines : [t("whatif.control")];
  }

  private kind(name: string): string {
    const key = `whatif.kindName.${name}`;
    return t(key) === key ? name : t(key);
  }

  private word(name: string): string {
    const key = `whatif.attributeName.${name}`;
    return t(key) === key ? name : t(key);
  }

  private get mayOperate(): boolean {
    const { who } = this;
    return !who || !who.guarded || who.role === "operate" || who.role === "administer";
  }

  private order(): void {
    this.ordering = true;
    void this.updateComplete.then(() => this.querySelector<HTMLElement>("h2")?.scrollIntoView({ block: "nearest" }));
  }

  private leaveForm(): void {
    this.ordering = false;
    void this.updateComplete.then(() => this.querySelector<HTMLElement>("#whatif-new")?.focus());
  }

  private ordered(): void {
    this.leaveForm();
    void this.read();
  }

  private compare(item: WhatIf, against: WhatIf | null): void {
    if (item.result === null) return;
    const a = against?.result ?? item.run;
    const pair: Pair = { a, b: item.result, named: [against?.name ?? t("whatif.base"), item.name] };
    this.say("pair-chosen", pair);
  }

  private async drop(item: WhatIf): Promise<void> {
    if (!window.confirm(t("whatif.sureDrop", { name: item.name }))) return;
    await this.act(() => whatIfs.drop(item.name));
    this.say("runs-changed", { gone: item.result, base: item.run });
  }

  private async act(call: () => Promise<unknown>): Promise<void> {
    this.refused = null;
    try {
      await call();
    } catch (error) {
      this.refused = error instanceof ApiError ? error : "gone";
    }
    await this.read();
  }

  /** Read the list, and go on while something is being computed. */
  private async read(): Promise<void> {
    window.clearTimeout(this.timer);
    if (this.reading) return;
    this.reading = true;
    const before = this.items && new Set(this.items.filter((item) => item.result !== null).map((item) => item.name));
    try {
      const all = await whatIfs.all();
      this.items = this.run ? all.filter((item) => item.district === this.run?.district) : all;
      if (this.refused === "gone") this.refused = null;
      if (before && this.items.some((item) => item.result !== null && !before.has(item.name))) this.say("runs-changed", { gone: null, base: "" });
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof ServerGone)) throw error;
      this.refused = error instanceof ApiError ? error : "gone";
    } finally {
      this.reading = false;
    }
    const busy = this.refused === "gone" || this.items?.some((item) => item.state === "waiting" || item.state === "running");
    if (busy && this.isConnected) this.timer = window.setTimeout(() => void this.read(), EVERY_MS);
  }

  private say(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }
}

customElements.define("lingjing-whatifs", LingjingWhatIfs);
