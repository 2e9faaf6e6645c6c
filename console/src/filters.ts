/** What is chosen, as chips that can be taken off, and what there is to choose from. */

import { html, LitElement, nothing } from "lit";
import type { Facet, Locale, ObjectPage, WorkPage } from "./api";
import { EVERYTHING, LISTS, narrowed, toggled, type Choice, type ListName } from "./choice";
import { choice as word, clock, named, number, of, percent, t } from "./text";

const CHANCES = [0.1, 0.3, 0.5, 0.8];
const HOURS = [6, 12, 24, 36, 48, 72];
const LABELS: Record<ListName, string> = { kind: "filter.kind", sub_district: "work.street", owner: "work.owner" };

export class LingjingFilters extends LitElement {
  static override properties = {
    choice: { attribute: false },
    chosen: { attribute: false },
    work: { attribute: false },
    start: { type: Number },
    hours: { type: Number },
    language: { type: String },
    folded: { type: Boolean },
    actions: { type: Boolean },
  };

  declare choice: Choice;
  declare chosen: Pick<ObjectPage, "total" | "of" | "facets"> | null;
  /** The list of work, whose units and measures can be chosen too. */
  declare work: WorkPage | null;
  declare start: number;
  declare hours: number;
  declare language: Locale;
  /** Whether they start folded away, where there is little room. */
  declare folded: boolean;
  /** Whether measures can be chosen. */
  declare actions: boolean;

  constructor() {
    super();
    this.choice = EVERYTHING;
    this.chosen = null;
    this.work = null;
    this.start = 0;
    this.hours = 0;
    this.language = "zh-CN";
    this.folded = false;
    this.actions = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    return html`
      <details class="filter-fold" ?open=${!this.folded}><summary>${t("work.filter")}</summary>
        <div class="filters">
          ${this.actions && this.work ? this.actionChoice(this.work.facets.action) : nothing}
          ${LISTS.map((name) => this.list(name))} ${this.chanceChoice()} ${this.onsetChoice()}
        </div>
      </details>
      ${this.chips()}
    `;
  }

  private facets(name: ListName): Facet[] {
    const found = [...(this.chosen?.facets[name] ?? [])];
    // Who is to do the work owns nothing perhaps, as those who salt roads.
    const more = name === "owner" ? (this.work?.facets.owner ?? []) : [];
    for (const facet of more) if (!found.some((other) => other.value === facet.value)) found.push({ value: facet.value, count: 0 });
    return found.filter((facet) => facet.value);
  }

  private list(name: ListName) {
    const left = this.facets(name).filter((facet) => !this.choice[name].includes(facet.value));
    return html`<label>${t(LABELS[name])}
      <select name=${name} .value=${""} ?disabled=${left.length === 0} @change=${(event: Event) => this.add(name, event.target as HTMLSelectElement)}>
        <option value="">${t(this.choice[name].length > 0 ? "filter.more" : "work.all")}</option>
        ${left.map((facet) => html`<option value=${facet.value}>${this.nameOf(name, facet)}${facet.count > 0 ? ` (${number(facet.count, 0)})` : nothing}</option>`)}
      </select></label>`;
  }

  private add(name: ListName, select: HTMLSelectElement): void {
    const { value } = select;
    select.value = "";
    if (value) this.change(toggled(this.choice, name, value));
  }

  private nameOf(name: ListName, facet: Facet): string {
    if (name === "owner") return word("owner", facet.value);
    return name === "kind" ? of(facet.title) || facet.value : named(facet.value);
  }

  private nameOfValue(name: ListName, value: string): string {
    const facet = this.facets(name).find((item) => item.value === value) ?? { value, count: 0 };
    return this.nameOf(name, facet);
  }

  private actionChoice(facets: Facet[]) {
    return html`<label>${t("work.action")}
      <select name="action" @change=${(event: Event) => this.change({ ...this.choice, action: (event.target as HTMLSelectElement).value })}>
        <option value="" ?selected=${this.choice.action === ""}>${t("work.all")}</option>
        ${facets.map((facet) => html`<option value=${facet.value} ?selected=${facet.value === this.choice.action}>${of(facet.title) || facet.value} (${number(facet.count, 0)})</option>`)}
      </select></label>`;
  }

  private chanceChoice() {
    const { least } = this.choice;
    const values = least === null || CHANCES.includes(least) ? CHANCES : [...CHANCES, least].sort((a, b) => a - b);
    return this.numberChoice("least", t("filter.least"), values, least, (value) => t("filter.leastOf", { value: percent(value) }));
  }

  private onsetChoice() {
    const { before } = this.choice;
    const there = HOURS.filter((hour) => hour <= this.hours);
    const values = before === null || there.includes(before) ? there : [...there, before].sort((a, b) => a - b);
    return this.numberChoice("before", t("filter.before"), values, before, (value) => this.by(value));
  }

  private by(hours: number): string {
    return t("filter.beforeOf", { n: hours, time: clock(this.start + hours * 3_600_000) });
  }

  private numberChoice(name: "least" | "before", label: string, values: number[], chosen: number | null, say: (value: number) => string) {
    const take = (event: Event) => {
      const { value } = event.target as HTMLSelectElement;
      this.change({ ...this.choice, [name]: value === "" ? null : Number(value) });
    };
    return html`<label>${label}
      <select name=${name} @change=${take}>
        <option value="" ?selected=${chosen === null}>${t("filter.any")}</option>
        ${values.map((value) => html`<option value=${value} ?selected=${value === chosen}>${say(value)}</option>`)}
      </select></label>`;
  }

  private chips() {
    const { action, before, least, text } = this.choice;
    if (!narrowed(this.choice)) return nothing;
    const titleOfAction = this.work?.facets.action.find((facet) => facet.value === action)?.title;
    return html`<ul class="chips" aria-label=${t("filter.chosen")}>
      ${text ? this.chip(t("filter.text"), text, { text: "" }) : nothing}
      ${action ? this.chip(t("work.action"), of(titleOfAction) || action, { action: "" }) : nothing}
      ${LISTS.flatMap((name) => this.choice[name].map((value) => this.chip(t(LABELS[name]), this.nameOfValue(name, value), toggled(this.choice, name, value))))}
      ${least !== null ? this.chip(t("filter.least"), t("filter.leastOf", { value: percent(least) }), { least: null }) : nothing}
      ${before !== null ? this.chip(t("filter.before"), this.by(before), { before: null }) : nothing}
      <li><button type="button" class="clear" @click=${() => this.change(EVERYTHING)}>${t("filter.clear")}</button></li>
    </ul>`;
  }

  private chip(label: string, value: string, without: Partial<Choice>) {
    return html`<li><button type="button" class="chip" aria-label=${t("filter.remove", { label, value })}
      @click=${() => this.change({ ...this.choice, ...without })}><span class="chip-label">${label}</span> ${value} <span aria-hidden="true">×</span></button></li>`;
  }

  private change(detail: Choice): void {
    this.dispatchEvent(new CustomEvent("choice-changed", { bubbles: true, detail }));
  }
}

customElements.define("lingjing-filters", LingjingFilters);
