/** The ranked work, a page at a time. */

import { html, LitElement, nothing } from "lit";
import type { Locale, WorkPage, WorkRow } from "./api";
import { choice, clock, minutes, number, of, percent, t } from "./text";

export const PAGE_SIZE = 20;

export class LingjingWorkList extends LitElement {
  static override properties = {
    page: { attribute: false },
    language: { type: String },
    chosen: { type: String },
  };

  declare page: WorkPage | null;
  declare language: Locale;
  declare chosen: string;

  constructor() {
    super();
    this.page = null;
    this.language = "zh-CN";
    this.chosen = "";
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const page = this.page;
    if (!page) return html`<p class="muted">${t("state.loading")}</p>`;
    return html`
      <p class="muted count" aria-live="polite">${t("work.count", { n: number(page.total, 0), of: number(page.of, 0) })}</p>
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
        <button type="button" ?disabled=${at <= 1} @click=${() => this.turn(page.offset - PAGE_SIZE)}>${t("pager.back")}</button>
        <span>${t("pager.at", { at, last })}</span>
        <button type="button" ?disabled=${at >= last} @click=${() => this.turn(page.offset + PAGE_SIZE)}>${t("pager.on")}</button>
      </nav>
    `;
  }

  private turn(detail: number): void {
    this.dispatchEvent(new CustomEvent("page-turned", { bubbles: true, detail }));
  }
}

/** One row of the list, as a button that opens its card. */
function workButton(row: WorkRow, chosen: boolean) {
  const open = (event: Event) =>
    event.currentTarget?.dispatchEvent(
      new CustomEvent("open-object", { bubbles: true, detail: { id: row.target, job: row.id, from: "list" } }),
    );
  const point = (event: Event) =>
    event.currentTarget?.dispatchEvent(
      new CustomEvent("point-object", { bubbles: true, detail: { id: row.target, point: [row.longitude_deg, row.latitude_deg] } }),
    );
  return html`
    <button type="button" class="work-row" data-job=${row.id} aria-current=${chosen ? "true" : nothing} @click=${open} @focus=${point} @pointerenter=${point}>
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
