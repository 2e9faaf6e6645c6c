/** What differs between two runs, as words and sortable tables. */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import { ApiError, type Locale } from "./api";
import { named, number, of, percent, t } from "./text";
import { whatIfs, type ChangedObject, type ComparisonContent, type Row } from "./whatif-api";
import type { Pair } from "./whatif-panel";

const PAGE = 25;
const COLUMNS = ["what", "before", "after", "change", "shift"] as const;
type Column = (typeof COLUMNS)[number];

export class LingjingCompare extends LitElement {
  static override properties = {
    pair: { attribute: false },
    language: { type: String },
    content: { state: true },
    objects: { state: true },
    at: { state: true },
    street: { state: true },
    sorted: { state: true },
    falling: { state: true },
    refused: { state: true },
  };

  declare pair: Pair | null;
  declare language: Locale;
  declare content: ComparisonContent | null;
  declare objects: { total: number; rows: ChangedObject[] } | null;
  declare at: number;
  /** The street shown; empty for the whole district. */
  declare street: string;
  declare sorted: Column;
  declare falling: boolean;
  declare refused: ApiError | "gone" | null;

  constructor() {
    super();
    this.pair = null;
    this.language = "zh-CN";
    this.content = null;
    this.objects = null;
    this.at = 0;
    this.street = "";
    this.sorted = "change";
    this.falling = true;
    this.refused = null;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override willUpdate(changed: PropertyValues): void {
    if (!changed.has("pair") || !this.pair) return;
    const before = changed.get("pair") as Pair | null | undefined;
    if (before && before.a === this.pair.a && before.b === this.pair.b) return;
    this.content = null;
    this.objects = null;
    this.at = 0;
    this.street = "";
    this.refused = null;
    void this.read(this.pair);
  }

  override render() {
    const { pair, content, refused } = this;
    if (!pair) return nothing;
    return html`
      <div class="compare-head">
        <h2>${t("compare.title", { a: pair.named[0], b: pair.named[1] })}</h2>
        <button type="button" id="compare-left" @click=${() => this.dispatchEvent(new CustomEvent("compare-left", { bubbles: true }))}>${t("compare.back")}</button>
      </div>
      ${refused !== null ? html`<p class="notice bad" role="alert">${refused === "gone" ? t("state.noAnswer") : `${of(refused.what)} ${of(refused.remedy)}`}</p>` : nothing}
      ${content ? this.body(content) : refused === null ? html`<p class="muted" role="status">${t("state.loading")}</p>` : nothing}
    `;
  }

  private body(content: ComparisonContent) {
    const streets = [...new Set(content.rows.map((row) => row.sub_district).filter((name): name is string => name !== null))];
    const rows = this.inOrder(content.rows.filter((row) => (row.sub_district ?? "") === this.street && (row.expected_a > 0 || row.expected_b > 0)));
    const homes = content.households.find((item) => (item.sub_district ?? "") === this.street);
    return html`
      ${content.same_members ? html`<p class="muted">${t("compare.sameMembers")}</p>` : html`<p class="notice bad">${t("compare.otherMembers")}</p>`}
      ${content.same_outcomes ? html`<p class="notice">${t("compare.same")}</p>` : nothing}
      ${homes ? html`<p class="compare-homes">${t("compare.households")} <strong>${number(homes.a, 0)} → ${number(homes.b, 0)}</strong> ${change(homes.change, signed(homes.change, 0))}</p>` : nothing}
      ${streets.length > 1
        ? html`<label class="against">${t("compare.street")} <select @change=${(event: Event) => (this.street = (event.target as HTMLSelectElement).value)}>
            <option value="">${t("compare.everywhere")}</option>${streets.map((name) => html`<option value=${name} ?selected=${name === this.street}>${named(name)}</option>`)}</select></label>`
        : nothing}
      <table class="compare-rows">
        <caption>${t("compare.caption")}</caption>
        <thead><tr>${COLUMNS.map((column) => html`<th scope="col" aria-sort=${this.sorted === column ? (this.falling ? "descending" : "ascending") : "none"}><button type="button" class="link" @click=${() => this.sort(column)}>${t(`compare.column.${column}`)}${this.sorted === column ? (this.falling ? " ▾" : " ▴") : ""}</button></th>`)}</tr></thead>
        <tbody>${rows.map(
          (row) => html`<tr><th scope="row">${of(row.kind_title)} · ${of(row.quantity_title)}</th><td>${number(row.expected_a)}</td><td>${number(row.expected_b)}</td><td>${change(row.expected_change, signed(row.expected_change))}</td><td>${shift(row.onset_shift_hours)}</td></tr>`,
        )}</tbody>
      </table>
      <table class="compare-work">
        <caption>${t("compare.work")}</caption>
        <thead><tr><th scope="col">${t("compare.column.what")}</th><th scope="col">${t("compare.column.before")}</th><th scope="col">${t("compare.column.after")}</th><th scope="col">${t("compare.column.change")}</th></tr></thead>
        <tbody>${content.work.map((item) => html`<tr><th scope="row">${of(item.title)}</th><td>${number(item.a)}</td><td>${number(item.b)}</td><td>${item.change === 0 ? "±0" : signed(item.change)}</td></tr>`)}</tbody>
      </table>
      ${this.objectTable()}
    `;
  }

  private objectTable() {
    const { objects, at } = this;
    if (!objects) return html`<p class="muted" role="status">${t("state.loading")}</p>`;
    if (objects.total === 0) return nothing;
    const last = Math.ceil(objects.total / PAGE);
    return html`
      <table class="compare-objects">
        <caption>${t("compare.objects", { n: number(objects.total, 0) })}</caption>
        <thead><tr><th scope="col">${t("compare.column.object")}</th><th scope="col">${t("compare.column.before")}</th><th scope="col">${t("compare.column.after")}</th><th scope="col">${t("compare.column.shift")}</th></tr></thead>
        <tbody>${objects.rows.map(
          (row) => html`<tr><th scope="row"><button type="button" class="link" @click=${() => this.open(row.id)}>${row.title ? of(row.title) : row.id}</button> <span class="muted">${this.event(row.quantity)}</span></th>
            <td>${chance(row.probability_a)}</td><td>${change(row.change, chance(row.probability_b))}</td><td>${shift(row.onset_shift_hours)}</td></tr>`,
        )}</tbody>
      </table>
      ${last > 1
        ? html`<nav class="pager" aria-label=${t("pager.label")}>
            <button type="button" ?disabled=${at <= 0} @click=${() => void this.turn(at - 1)}>${t("pager.back")}</button>
            <span>${t("pager.at", { at: at + 1, last })}</span>
            <button type="button" ?disabled=${at >= last - 1} @click=${() => void this.turn(at + 1)}>${t("pager.on")}</button>
          </nav>`
        : nothing}`;
  }

  private event(quantity: string): string {
    const row = this.content?.rows.find((item) => item.quantity === quantity);
    return row ? of(row.quantity_title) : quantity;
  }

  private inOrder(rows: Row[]): Row[] {
    const key = (row: Row): number | string => {
      if (this.sorted === "what") return `${of(row.kind_title)} ${of(row.quantity_title)}`;
      if (this.sorted === "before") return row.expected_a;
      if (this.sorted === "after") return row.expected_b;
      if (this.sorted === "shift") return row.onset_shift_hours ?? 0;
      return Math.abs(row.expected_change);
    };
    const sign = this.falling ? -1 : 1;
    return [...rows].sort((one, other) => {
      const [a, b] = [key(one), key(other)];
      return sign * (typeof a === "string" ? a.localeCompare(String(b), this.language) : a - Number(b));
    });
  }

  private sort(column: Column): void {
    this.falling = this.sorted === column ? !this.falling : column !== "what";
    this.sorted = column;
  }

  private open(id: string): void {
    this.dispatchEvent(new CustomEvent("open-object", { bubbles: true, detail: { id, from: "table" } }));
  }

  private async turn(at: number): Promise<void> {
    this.at = at;
    if (this.pair) await this.readObjects(this.pair);
  }

  private async read(pair: Pair): Promise<void> {
    try {
      const content = await whatIfs.compare(pair.a, pair.b);
      if (this.pair !== pair) return;
      this.content = content;
      await this.readObjects(pair);
    } catch (error) {
      this.refused = error instanceof ApiError ? error : "gone";
    }
  }

  private async readObjects(pair: Pair): Promise<void> {
    const objects = await whatIfs.objects(pair.a, pair.b, this.at * PAGE, PAGE);
    if (this.pair === pair) this.objects = objects;
  }
}

/** A number with its sign, and a true minus. */
export function signed(value: number, digits = 1): string {
  return `${value > 0 ? "+" : value < 0 ? "−" : "±"}${number(Math.abs(value), digits)}`;
}

function change(value: number, said: string) {
  const direction = value < 0 ? "better" : value > 0 ? "worse" : "same";
  return html`<span class="change ${direction}">${said}</span>`;
}

function chance(value: number | null): string {
  return value === null ? t("value.none") : percent(value);
}

function shift(hours: number | null): string {
  if (hours === null) return t("value.none");
  return Math.abs(hours) < 0.05 ? "±0" : t("compare.hours", { n: signed(hours) });
}

customElements.define("lingjing-compare", LingjingCompare);
