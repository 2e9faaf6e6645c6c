/** All objects of a run as a table that reads and draws only what is in sight. */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import { api, type Locale, type ObjectRow, type Query } from "./api";
import { EVERYTHING, parametersOf, type Choice } from "./choice";
import { clock, named, number, of, percent, t } from "./text";
import { meter } from "./work-list";

const PART = 100;
/** Rows drawn above and below those in sight. */
const MARGIN = 8;
const COLUMNS = ["title", "chance", "probability", "onset"] as const;
type Column = (typeof COLUMNS)[number];
const FALLING: readonly Column[] = ["chance", "probability"];

export class LingjingObjectTable extends LitElement {
  static override properties = {
    run: { type: String },
    choice: { attribute: false },
    events: { attribute: false },
    kinds: { attribute: false },
    hour: { type: Number },
    language: { type: String },
    chosen: { type: String },
    total: { state: true },
    of: { state: true },
    sort: { state: true },
    falling: { state: true },
    at: { state: true },
    top: { state: true },
    parts: { state: true },
    trouble: { state: true },
  };

  declare run: string;
  declare choice: Choice;
  /** Parameters that name the events shown. */
  declare events: Query;
  /** Titles of kinds. */
  declare kinds: Readonly<Record<string, string>>;
  declare hour: number;
  declare language: Locale;
  /** Id of the object whose card is open. */
  declare chosen: string;
  declare total: number;
  declare of: number;
  declare sort: Column;
  declare falling: boolean;
  /** The row that has, or would have, the focus. */
  declare at: number;
  /** The first row in sight. */
  declare top: number;
  declare parts: ReadonlyMap<number, readonly ObjectRow[]>;
  declare trouble: boolean;

  private asked = 0;
  private readonly asking = new Set<number>();
  private height = 0;
  private sight = 1;
  private resizing: ResizeObserver | null = null;
  private focusWanted = false;

  constructor() {
    super();
    this.run = "";
    this.choice = EVERYTHING;
    this.events = [];
    this.kinds = {};
    this.hour = 0;
    this.language = "zh-CN";
    this.chosen = "";
    this.total = -1;
    this.of = 0;
    this.sort = "chance";
    this.falling = true;
    this.at = 0;
    this.top = 0;
    this.parts = new Map();
    this.trouble = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override firstUpdated(): void {
    this.resizing = new ResizeObserver(() => this.measure());
    this.resizing.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resizing?.disconnect();
  }

  override willUpdate(changed: PropertyValues): void {
    const anew = ["run", "choice", "sort", "falling"].some((name) => changed.has(name));
    if (anew || changed.has("hour") || changed.has("events")) this.forget(anew);
  }

  override updated(): void {
    this.measure();
    this.want();
    if (!this.focusWanted) return;
    const row = this.querySelector<HTMLElement>(`[data-row="${this.at}"]`);
    if (!row || row.classList.contains("waiting")) return;
    this.focusWanted = false;
    row.focus({ preventScroll: true });
  }

  /** What is held is of another order; rows stay in sight until the new ones are there. */
  private forget(fromTop: boolean): void {
    this.asked++;
    this.asking.clear();
    this.trouble = false;
    if (!fromTop) return;
    this.parts = new Map();
    this.at = 0;
    this.top = 0;
    const box = this.querySelector(".grid-scroll");
    if (box) box.scrollTop = 0;
    if (this.run) void this.read(0, this.asked);
  }

  private measure(): void {
    const box = this.querySelector<HTMLElement>(".grid-scroll");
    const probe = this.querySelector<HTMLElement>(".grid-probe");
    if (!box || !probe) return;
    const height = probe.offsetHeight || 56;
    const sight = Math.max(1, Math.ceil(box.clientHeight / height));
    if (height === this.height && sight === this.sight) return;
    Object.assign(this, { height, sight });
    this.requestUpdate();
  }

  private get range(): [number, number] {
    return [Math.max(0, this.top - MARGIN), Math.min(Math.max(this.total, 0), this.top + this.sight + MARGIN)];
  }

  private stale = new Map<number, number>();

  /** Ask for the parts in sight that are not there, or are of another hour. */
  private want(): void {
    if (!this.run || this.total < 0) {
      if (this.run && !this.asking.has(0) && !this.trouble) void this.read(0, this.asked);
      return;
    }
    const [from, to] = this.range;
    for (let part = Math.floor(from / PART); part * PART < Math.max(to, 1); part++) {
      if (this.stale.get(part) !== this.asked && !this.asking.has(part) && !this.trouble) void this.read(part, this.asked);
    }
  }

  private get query(): Query {
    const falling: Query = [["descending", this.falling ? "1" : "0"]];
    return [...parametersOf(this.choice).filter(([name]) => name !== "action"), ...this.events, ["hour", String(Math.max(this.hour, 0))], ["sort", this.sort], ...falling];
  }

  private async read(part: number, asked: number): Promise<void> {
    this.asking.add(part);
    try {
      const page = await api.objects(this.run, [...this.query, ["offset", String(part * PART)], ["limit", String(PART)]]);
      if (asked !== this.asked) return;
      const parts = new Map(this.parts);
      for (const old of parts.keys()) if (parts.size > 40) parts.delete(old);
      parts.set(part, page.rows);
      this.stale.set(part, asked);
      Object.assign(this, { parts, total: page.total, of: page.of });
    } catch {
      if (asked === this.asked) this.trouble = true;
    } finally {
      if (asked === this.asked) this.asking.delete(part);
    }
  }

  private rowAt(row: number): ObjectRow | undefined {
    return this.parts.get(Math.floor(row / PART))?.[row % PART];
  }

  override render() {
    if (this.trouble) {
      return html`<p class="empty" role="status">${t("objects.trouble")} <button type="button" @click=${() => this.again()}>${t("objects.again")}</button></p>`;
    }
    if (this.total < 0) return html`<p class="muted">${t("state.loading")}</p>`;
    const [from, to] = this.range;
    const rows = Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
    return html`
      <p class="muted count" aria-live="polite">${t("objects.count", { n: number(this.total, 0), of: number(this.of, 0) })}</p>
      ${this.total === 0 ? html`<p class="empty">${t("objects.empty")}</p>` : nothing}
      <div class="grid" role="grid" aria-label=${t("objects.label")} aria-rowcount=${this.total + 1} aria-colcount=${COLUMNS.length} ?hidden=${this.total === 0}>
        <div role="rowgroup"><div class="grid-head" role="row" aria-rowindex="1">${COLUMNS.map((column) => this.heading(column))}</div></div>
        <div class="grid-scroll" role="rowgroup" @scroll=${(event: Event) => this.onScroll(event.target as HTMLElement)}>
          <div class="grid-space" role="presentation" .style=${`height:${this.total * this.height}px`}>
            <div class="grid-rows" role="presentation" .style=${`transform:translateY(${from * this.height}px)`} @keydown=${(event: KeyboardEvent) => this.onKey(event)}>
              ${rows.map((row) => this.line(row, this.rowAt(row)))}
            </div>
          </div>
          <div class="grid-probe" aria-hidden="true"></div>
        </div>
      </div>
    `;
  }

  private heading(column: Column) {
    const sorted = this.sort === column ? (this.falling ? "descending" : "ascending") : "none";
    const sign = sorted === "none" ? "" : this.falling ? "▼" : "▲";
    return html`<div role="columnheader" class="grid-cell grid-${column}" aria-sort=${sorted}>
      <button type="button" class="sort" @click=${() => this.order(column)}>${t(`objects.${column}`)} <span aria-hidden="true">${sign}</span></button></div>`;
  }

  private line(row: number, what: ObjectRow | undefined) {
    const tab = row === this.at ? 0 : -1;
    if (!what) return html`<div class="grid-row waiting" role="row" data-row=${row} aria-rowindex=${row + 2} tabindex=${tab}><div role="gridcell" class="grid-cell">…</div></div>`;
    const [name, kind] = [of(what.title), this.kinds[what.kind] ?? what.kind];
    const where = [name.startsWith(kind) ? "" : kind, named(what.sub_district) === name ? "" : named(what.sub_district)].filter(Boolean).join(" · ");
    return html`<div class="grid-row" role="row" data-row=${row} data-id=${what.id} aria-rowindex=${row + 2} aria-selected=${what.id === this.chosen} tabindex=${tab}
        @click=${() => this.openRow(row)} @focus=${() => this.point(row)} @pointerenter=${() => this.point(row, false)}>
      <div role="gridcell" class="grid-cell grid-title"><span class="grid-name">${name}</span><span class="muted grid-where">${where}</span></div>
      <div role="gridcell" class="grid-cell grid-chance">${what.chance === null ? t("value.none") : meter(what.chance)}</div>
      <div role="gridcell" class="grid-cell grid-probability">${what.probability === null ? t("value.none") : percent(what.probability)}</div>
      <div role="gridcell" class="grid-cell grid-onset">${clock(what.onset)}</div>
    </div>`;
  }

  private again(): void {
    this.trouble = false;
    this.total = -1;
  }

  private order(column: Column): void {
    if (this.sort === column) this.falling = !this.falling;
    else Object.assign(this, { sort: column, falling: FALLING.includes(column) });
  }

  private onScroll(box: HTMLElement): void {
    if (this.height > 0) this.top = Math.floor(box.scrollTop / this.height);
  }

  private onKey(event: KeyboardEvent): void {
    const last = this.total - 1;
    const page = Math.max(1, this.sight - 2);
    const to = { ArrowDown: this.at + 1, ArrowUp: this.at - 1, PageDown: this.at + page, PageUp: this.at - page, Home: 0, End: last }[event.key];
    if (to !== undefined) this.go(Math.min(Math.max(to, 0), last));
    else if (event.key === "Enter" || event.key === " ") this.openRow(this.at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Bring a row into sight and give it the focus. */
  go(row: number): void {
    this.at = row;
    this.focusWanted = true;
    const box = this.querySelector<HTMLElement>(".grid-scroll");
    if (!box) return;
    const [top, bottom] = [row * this.height, (row + 1) * this.height];
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
    this.onScroll(box);
    this.requestUpdate();
  }

  /** Bring an object into sight where it is among those chosen; whether it is. */
  async find(id: string): Promise<boolean> {
    const page = await api.objects(this.run, [...this.query, ["limit", "0"], ["place_of", id]]);
    if (page.place === undefined || page.place === null) return false;
    this.go(page.place);
    return true;
  }

  private point(row: number, focused = true): void {
    const what = this.rowAt(row);
    if (focused) this.at = row;
    if (what) this.dispatchEvent(new CustomEvent("point-object", { bubbles: true, detail: { id: what.id, point: what.point } }));
  }

  private openRow(row: number): void {
    const what = this.rowAt(row);
    this.at = row;
    if (what) this.dispatchEvent(new CustomEvent("open-object", { bubbles: true, detail: { id: what.id, from: "table" } }));
  }
}

customElements.define("lingjing-object-table", LingjingObjectTable);
