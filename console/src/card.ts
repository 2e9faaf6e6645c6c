/** A card: what an object is, how we know, what is foreseen for it, and why work is proposed. */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import "./chart";
import { api, type Card, type CardAttribute, type CardOutcome, type CardSeries, type History, type Locale, type Provenance, type Readings, type SensorReading, type WorkRow } from "./api";
import { historyOf } from "./card-history";
import { rankOf } from "./card-rank";
import { onsetStrip } from "./onset-strip";
import { age, choice, clock, date, minutes, named, number, of, percent, t } from "./text";
import "./remedies";
import { amount, meter } from "./work-list";

/** Kinds of which it can be asked what would change their lot. */
const EXPOSED = ["MeterBox", "Riser", "RoadSegment", "Tap", "Valve", "WaterPipe", "WaterTank"];

export class LingjingCard extends LitElement {
  static override properties = {
    card: { attribute: false },
    job: { type: String },
    hour: { type: Number },
    start: { type: Number },
    language: { type: String },
    theme: { type: String },
    scale: { type: Number },
    run: { type: String },
    quantity: { state: true },
    readings: { state: true },
    history: { state: true },
    silent: { state: true },
  };

  declare card: Card | null;
  declare job: string;
  declare hour: number;
  declare start: number;
  declare language: Locale;
  declare theme: string;
  declare scale: number;
  /** Name of the run. */
  declare run: string;
  declare quantity: string;
  /** What sensors said; null until it was read. */
  declare readings: Readings | null;
  declare history: History | null;
  /** Whether readings and history could not be read. */
  declare silent: boolean;

  constructor() {
    super();
    this.card = null;
    this.job = "";
    this.hour = 0;
    this.start = 0;
    this.language = "zh-CN";
    this.theme = "day";
    this.scale = 1;
    this.run = "";
    this.quantity = "";
    this.readings = null;
    this.history = null;
    this.silent = false;
  }

  override willUpdate(changed: PropertyValues): void {
    if ((changed.has("card") || changed.has("run")) && this.card && this.run) void this.readMore(this.card.id);
  }

  /** What takes longer comes after the card is there. */
  private async readMore(id: string): Promise<void> {
    Object.assign(this, { readings: null, history: null, silent: false });
    const still = () => this.card?.id === id;
    try {
      const readings = api.assetReadings(this.run, id).then((found) => still() && (this.readings = found));
      const history = api.history(this.run, id).then((found) => still() && (this.history = found));
      await Promise.all([readings, history]);
    } catch {
      if (still()) this.silent = true;
    }
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const card = this.card;
    if (!card) return nothing;
    const jobs = [...card.jobs].sort((a, b) => Number(b.id === this.job) - Number(a.id === this.job) || a.rank - b.rank);
    return html`
      <article class="card" aria-labelledby="card-title">
        <header class="card-head">
          <h2 id="card-title" tabindex="-1">${of(card.title)}</h2>
          <span class="card-doings"><button type="button" class="print" aria-keyshortcuts="p" @click=${() => this.dispatchEvent(new CustomEvent("print-view", { bubbles: true }))}>${t("export.print")}</button>
          <button type="button" class="back" @click=${() => this.dispatchEvent(new CustomEvent("close-object", { bubbles: true }))}>
            <span aria-hidden="true">←</span> ${t("card.back")}
          </button></span>
          <p class="muted">${of(card.kind_title)}${card.synthetic ? html` · <span class="tag">${t("label.synthetic")}</span>` : nothing}</p>
        </header>
        ${jobs.slice(0, 1).map((job) => rankOf(job, card.jobs_of))} ${this.charts(card)} ${this.onset(card)}
        ${jobs.slice(0, 1).map((job) => this.facts(job))}
        ${this.remedies(card)}
        ${jobs.slice(1).map((job) => html`${rankOf(job, card.jobs_of)} ${this.facts(job)}`)} ${this.outcomes(card)} ${this.parts(card)} ${this.origins(card)}
        ${historyOf(this.history, this.silent)} ${this.relations(card)}
        <p class="muted identifier">${card.id}</p>
      </article>
    `;
  }

  /** "What would change it", of what freezes by itself. */
  private remedies(card: Card) {
    if (!EXPOSED.includes(card.kind) || !this.run || card.outcomes.length === 0) return nothing;
    return html`<lingjing-remedies .run=${this.run} .asset=${card.id} .language=${this.language}></lingjing-remedies>`;
  }

  /** When the weightiest event begins; of a building that of its likeliest asset is in the chart. */
  private onset(card: Card) {
    const event = card.outcomes.find((row) => row.event && row.onset_p50 !== null);
    return event ? onsetStrip(event, card.series.find((row) => row.quantity === event.quantity), this.start, this.hour) : nothing;
  }

  /** Readings that may lie over a chart: of the same quantity, else of the same unit. */
  private over(chosen: CardSeries): SensorReading[] {
    const all = this.readings?.readings ?? [];
    const same = all.filter((reading) => reading.quantity === chosen.quantity);
    return same.length > 0 || chosen.event ? same : all.filter((reading) => reading.unit === chosen.unit);
  }

  private readingsNote(shown: readonly SensorReading[]) {
    if (this.silent) return html`<p class="muted">${t("readings.trouble")}</p>`;
    if (!this.readings) return nothing;
    if (shown.length === 0) return html`<p class="muted">${t(this.readings.kept ? "readings.none" : "readings.notKept")}</p>`;
    return html`<ul class="plain readings">${shown.map((reading) => {
      const [last, value] = reading.points.at(-1) ?? ["", 0];
      const from = reading.of ? t("readings.near", { name: of(reading.of.title), metres: number(reading.of.distance_m, 0) }) : t("readings.own");
      return html`<li><span class="key key-reading" aria-hidden="true"></span>${of(reading.title)} · ${from} · ${t("readings.last", { value: `${number(value)} ${reading.unit}`, time: clock(last), n: reading.points.length })}${reading.synthetic ? html` <span class="tag">${t("label.synthetic")}</span>` : nothing}</li>`;
    })}</ul>`;
  }

  private facts(job: WorkRow) {
    return html`
        <dl class="facts">
          <div><dt>${t("work.action")}</dt><dd>${of(job.action_title)}</dd></div>
          <div><dt>${t("card.chance")}</dt><dd>${percent(job.probability)}</dd></div>
          <div><dt>${t("card.onset")}</dt><dd>${clock(job.onset)}</dd></div>
          <div><dt>${t("card.onsetEarly")}</dt><dd>${clock(job.onset_early)}</dd></div>
          <div><dt>${t("work.owner")}</dt><dd>${choice("owner", job.owner)}</dd></div>
          <div><dt>${t("card.effort")}</dt><dd>${minutes(job.effort_minutes)}</dd></div>
          ${job.amount > 0 ? html`<div><dt>${t("card.amount")}</dt><dd>${amount(job)}</dd></div>` : nothing}
          <div><dt>${t("card.failures")}</dt><dd>${number(job.expected_failures)}</dd></div>
        </dl>
    `;
  }

  private outcomes(card: Card) {
    if (card.outcomes.length === 0) return nothing;
    const events = card.outcomes.filter((row) => row.event);
    const states = card.outcomes.filter((row) => !row.event);
    return html`
      <section>
        <h3>${t("card.outcomes")}</h3>
        ${events.length > 0
          ? html`<table>
              <thead><tr><th scope="col">${t("card.event")}</th><th scope="col">${t("card.chance")}</th><th scope="col">${t("card.onset")}</th></tr></thead>
              <tbody>${events.map((row) => this.event(row))}</tbody>
            </table>`
          : nothing}
        ${states.length > 0
          ? html`<table>
              <thead><tr><th scope="col">${t("card.extreme")}</th><th scope="col">${t("card.median")}</th><th scope="col">${t("card.range")}</th></tr></thead>
              <tbody>${states.map((row) => html`<tr><th scope="row">${of(row.title)}</th><td>${row.p50 === null ? t("value.none") : `${number(row.p50)} ${row.unit}`}</td><td>${row.p10 === null || row.p90 === null ? t("value.none") : t("card.from", { low: number(row.p10), high: number(row.p90), unit: row.unit })}</td></tr>`)}</tbody>
            </table>`
          : nothing}
        ${this.corrected(card)}
      </section>
    `;
  }

  private corrected(card: Card) {
    const gain = Math.max(0, ...card.outcomes.map((row) => row.sensor_gain ?? 0));
    return gain > 0 ? html`<p class="muted">${t("heard.corrected", { gain: percent(gain) })}</p>` : nothing;
  }

  private event(row: CardOutcome) {
    const span =
      row.onset_p10 && row.onset_p90
        ? html`<span class="muted small">${t("card.between", { low: clock(row.onset_p10), high: clock(row.onset_p90) })}</span>`
        : nothing;
    return html`<tr><th scope="row">${of(row.title)}</th><td>${meter(row.probability ?? 0)}</td><td>${clock(row.onset_p50)} ${span}</td></tr>`;
  }

  private charts(card: Card) {
    const chosen = card.series.find((row) => row.quantity === this.quantity) ?? card.series[0];
    if (!chosen) return nothing;
    const over = this.over(chosen);
    return html`
      <section class="charts">
        <div class="charts-head"><h3>${t("card.course")}</h3>
          <label><span class="visually-hidden">${t("card.quantity")}</span>
            <select name="quantity" @change=${(event: Event) => (this.quantity = (event.target as HTMLSelectElement).value)}>
              ${card.series.map((row) => html`<option value=${row.quantity} ?selected=${row === chosen}>${of(row.title)}</option>`)}
            </select>
          </label></div>
        ${card.series_of ? html`<p class="muted">${t("card.courseOf", { name: of(card.series_of.title) })}</p>` : nothing}
        <lingjing-chart .series=${chosen} .start=${this.start} .hour=${this.hour} .language=${this.language} .theme=${this.theme} .scale=${this.scale} .readings=${over}></lingjing-chart>
        ${this.readingsNote(over)}
      </section>
    `;
  }

  private parts(card: Card) {
    if (card.parts.length === 0) return nothing;
    const open = (id: string) => () =>
      this.dispatchEvent(new CustomEvent("open-object", { bubbles: true, detail: { id, from: "card" } }));
    return html`
      <section>
        <h3>${t("card.parts", { n: card.parts_total })}</h3>
        <ul class="parts">
          ${card.parts.map((part) => html`<li><button type="button" class="part" @click=${open(part.id)}><span>${of(part.title)}</span>${meter(part.probability)}</button></li>`)}
        </ul>
        ${card.parts_total > card.parts.length ? html`<p class="muted">${t("card.partsMore", { n: card.parts_total - card.parts.length })}</p>` : nothing}
      </section>
    `;
  }

  private origins(card: Card) {
    if (card.attributes.length === 0) return nothing;
    return html`
      <section>
        <h3>${t("card.attributes")}</h3>
        <dl class="attributes">
          ${card.attributes.map((row) => html`<div class="attribute ${row.provenance.kind}"><dt>${of(row.title)}</dt><dd>${this.value(row)}<span class="provenance">${this.provenance(row.provenance)}${row.as_of ? html` · <span class="age">${t("card.asOf", { time: date(row.as_of), age: age(row.as_of) })}</span>` : nothing}</span></dd></div>`)}
        </dl>
      </section>
    `;
  }

  private value(row: CardAttribute) {
    if (typeof row.value === "boolean") return row.value ? t("value.yes") : t("value.no");
    if (typeof row.value === "number") {
      const text = row.name === "construction_year" ? String(row.value) : number(row.value, 3);
      return row.unit ? `${text} ${row.unit}` : text;
    }
    return row.type === "choice" ? choice(row.name, row.value) : named(row.value);
  }

  private provenance(from: Provenance) {
    const parts = [t(`provenance.${from.kind}`), from.source];
    if (from.rule) parts.push(t("provenance.rule", { rule: from.rule }));
    if (from.confidence !== undefined) parts.push(t("provenance.confidence", { value: percent(from.confidence) }));
    if (from.synthetic) parts.push(t("label.synthetic"));
    return parts.join(" · ");
  }

  private relations(card: Card) {
    const rows = Object.entries(card.relationships);
    if (rows.length === 0) return nothing;
    const open = (id: string) => () =>
      this.dispatchEvent(new CustomEvent("open-object", { bubbles: true, detail: { id, from: "card" } }));
    return html`
      <section>
        <h3>${t("card.relations")}</h3>
        <ul class="parts">
          ${rows.map(([, other]) => html`<li><button type="button" class="part" @click=${open(other.id)}>${of(other.title)}</button></li>`)}
        </ul>
      </section>
    `;
  }
}

customElements.define("lingjing-card", LingjingCard);
