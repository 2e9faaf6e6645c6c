/** The ranked work, a page at a time, filtered by action, owner and street. */

import { html, LitElement, nothing } from "lit";
import type { Facet, Locale, WorkPage, WorkRow } from "./api";
import { choice, clock, minutes, named, number, of, percent, t } from "./text";

export interface Filters {
  action: string;
  owner: string;
  sub_district: string;
  offset: number;
}

export const PAGE_SIZE = 20;
export const NO_FILTERS: Filters = { action: "", owner: "", sub_district: "", offset: 0 };

export class LingjingWorkList extends LitElement {
  static override properties = {
    page: { attribute: false },
    filters: { attribute: false },
    language: { type: String },
    chosen: { type: String },
    folded: { type: Boolean },
  };

  declare page: WorkPage | null;
  declare filters: Filters;
  declare language: Locale;
  declare chosen: string;
  /** Whether the filters start folded away, where there is little room. */
  declare folded: boolean;

  constructor() {
    super();
    this.page = null;
    this.filters = NO_FILTERS;
    this.language = "zh-CN";
    this.chosen = "";
    this.folded = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const page = this.page;
    if (!page) return html`<p class="muted">${t("state.loading")}</p>`;
    const filters = html`
      <div class="filters">
        ${this.select("action", t("work.action"), page.facets.action, (facet) => of(facet.title) || facet.value)}
        ${this.select("owner", t("work.owner"), page.facets.owner, (facet) => choice("owner", facet.value))}
        ${this.select("sub_district", t("work.street"), page.facets.sub_district, (facet) => named(facet.value) || t("value.unknown"))}
      </div>
    `;
    return html`
      ${this.folded ? html`<details class="filter-fold"><summary>${t("work.filter")}</summary>${filters}</details>` : filters}
      <p class="muted" aria-live="polite">${t("work.count", { n: page.total })}</p>
      ${page.total === 0 ? html`<p class="empty">${t("work.empty")}</p>` : nothing}
      <ol class="work-rows" start=${page.offset + 1}>
        ${page.rows.map((row) => html`<li>${workButton(row, row.id === this.chosen)}</li>`)}
      </ol>
      ${this.pager(page)}
    `;
  }

  private pager(page: WorkPage) {
    if (page.total <= PAGE_SIZE) return nothing;
    const at = Math.floor(page.offset / PAGE_SIZE) + 1;
    const last = Math.ceil(page.total / PAGE_SIZE);
    return html`
      <nav class="pager" aria-label=${t("pager.label")}>
        <button type="button" ?disabled=${at <= 1} @click=${() => this.change({ offset: page.offset - PAGE_SIZE })}>${t("pager.back")}</button>
        <span>${t("pager.at", { at, last })}</span>
        <button type="button" ?disabled=${at >= last} @click=${() => this.change({ offset: page.offset + PAGE_SIZE })}>${t("pager.on")}</button>
      </nav>
    `;
  }

  private select(name: "action" | "owner" | "sub_district", label: string, facets: Facet[], title: (facet: Facet) => string) {
    return html`
      <label>${label}
        <select name=${name} .value=${this.filters[name]} @change=${(event: Event) => this.change({ [name]: (event.target as HTMLSelectElement).value, offset: 0 })}>
          <option value="">${t("work.all")}</option>
          ${facets.map((facet) => html`<option value=${facet.value} ?selected=${facet.value === this.filters[name]}>${title(facet)} (${facet.count})</option>`)}
        </select>
      </label>
    `;
  }

  private change(part: Partial<Filters>): void {
    const detail = { ...this.filters, ...part };
    this.dispatchEvent(new CustomEvent("filters-changed", { bubbles: true, detail }));
  }
}

/** One row of the list, as a button that opens its card. */
function workButton(row: WorkRow, chosen: boolean) {
  const open = (event: Event) =>
    event.currentTarget?.dispatchEvent(
      new CustomEvent("open-object", { bubbles: true, detail: { id: row.target, job: row.id, from: "list" } }),
    );
  return html`
    <button type="button" class="work-row" data-job=${row.id} aria-current=${chosen ? "true" : nothing} @click=${open}>
      <span class="rank" aria-label=${t("work.rank", { n: row.rank })}>${row.rank}</span>
      <span class="work-body">
        <span class="work-title">${of(row.title)}</span>
        <span class="work-meta">
          ${meter(row.probability)}
          <span>${t("work.by", { time: clock(row.onset_early ?? row.onset) })}</span>
          <span>${choice("owner", row.owner)}</span>
          <span>${minutes(row.effort_minutes)}</span>
          ${row.amount > 0 ? html`<span>${amount(row)}</span>` : nothing}
        </span>
      </span>
    </button>
  `;
}

export function amount(row: WorkRow): string {
  const key = `unit.${row.amount_unit}`;
  const unit = t(key);
  return `${number(row.amount, 0)} ${unit === key ? row.amount_unit : unit}`;
}

/** A chance as words and a bar, so that colour is not needed to read it. */
export function meter(probability: number) {
  const level = probability >= 0.6 ? "high" : probability >= 0.2 ? "middle" : "low";
  return html`<span class="chance chance-${level}"><span class="bar" aria-hidden="true"><span .style=${`width:${Math.round(probability * 100)}%`}></span></span>${percent(probability)}</span>`;
}

customElements.define("lingjing-work-list", LingjingWorkList);
