/** "What would change it": remedies for one asset, answered by the run's own physics. */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import { ApiError, type Locale } from "./api";
import { clock, minutes, number, of, percent, t } from "./text";
import { whatIfs, type Remedies, type Remedy, type RemedyEvent } from "./whatif-api";

export class LingjingRemedies extends LitElement {
  static override properties = {
    run: { type: String },
    asset: { type: String },
    language: { type: String },
    found: { state: true },
    waiting: { state: true },
    refused: { state: true },
  };

  declare run: string;
  declare asset: string;
  declare language: Locale;
  declare found: Remedies | null;
  declare waiting: boolean;
  declare refused: ApiError | "gone" | null;

  constructor() {
    super();
    this.run = "";
    this.asset = "";
    this.language = "zh-CN";
    this.found = null;
    this.waiting = false;
    this.refused = null;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override willUpdate(changed: PropertyValues): void {
    if (!changed.has("run") && !changed.has("asset")) return;
    this.found = null;
    this.refused = null;
    this.waiting = false;
  }

  override render() {
    if (!this.run || !this.asset) return nothing;
    const { found, refused } = this;
    return html`
      <section class="remedies" aria-busy=${this.waiting}>
        <h3>${t("remedies.title")}</h3>
        ${found
          ? this.table(found)
          : html`<p class="muted">${t("remedies.about")}</p>
              <button type="button" ?disabled=${this.waiting} @click=${() => void this.ask()}>${t(this.waiting ? "remedies.waiting" : "remedies.ask")}</button>`}
        <p role="status">${refused === null ? nothing : refused === "gone" ? t("state.noAnswer") : `${of(refused.what)} ${of(refused.remedy)}`}</p>
      </section>
    `;
  }

  private table(found: Remedies) {
    const first = found.remedies[0]?.events[0];
    return html`
      <table>
        <caption class="muted">${first ? t("remedies.caption", { event: of(first.title), now: percent(first.before), members: found.members }) : nothing}</caption>
        <thead><tr><th scope="col">${t("remedies.what")}</th><th scope="col">${t("remedies.then")}</th><th scope="col">${t("remedies.takes")}</th></tr></thead>
        <tbody>${found.remedies.map((remedy) => this.row(remedy))}</tbody>
      </table>
      ${found.agrees ? nothing : html`<p class="notice bad">${t("remedies.disagrees")}</p>`}
    `;
  }

  private row(remedy: Remedy) {
    const [first, ...others] = remedy.events;
    return html`<tr>
      <th scope="row">${of(remedy.title)}
        <details class="caveat"><summary>${t("remedies.mind")}</summary>
          <p>${of(remedy.caveat)}</p>
          ${others.length ? html`<ul class="plain">${others.map((event) => html`<li>${of(event.title)} ${this.change(event)}</li>`)}</ul>` : nothing}
        </details></th>
      <td>${first ? this.change(first) : nothing}${first ? this.onset(first) : nothing}</td>
      <td>${minutes(remedy.effort_minutes)}${remedy.amount > 0 ? html`<br />${this.amount(remedy)}` : nothing}</td>
    </tr>`;
  }

  private change(event: RemedyEvent) {
    const direction = event.change < 0 ? "better" : event.change > 0 ? "worse" : "same";
    return html`<span class="change ${direction}">${percent(event.before)} → <strong>${percent(event.after)}</strong></span>`;
  }

  private onset(event: RemedyEvent) {
    if (event.onset_before !== null && event.onset_after === null) return html`<br /><span class="muted">${t("remedies.never")}</span>`;
    const shift = event.onset_shift_hours;
    if (shift === null || Math.abs(shift) < 0.1) return nothing;
    const key = shift > 0 ? "remedies.later" : "remedies.sooner";
    return html`<br /><span class="muted">${t(key, { hours: number(Math.abs(shift)), at: clock(event.onset_after) })}</span>`;
  }

  private amount(remedy: Remedy): string {
    const key = `remedies.unit.${remedy.amount_unit.replaceAll(" ", "_")}`;
    const said = t(key, { n: number(remedy.amount) });
    return said === key ? `${number(remedy.amount)} ${remedy.amount_unit}` : said;
  }

  private async ask(): Promise<void> {
    const { run, asset } = this;
    this.waiting = true;
    this.refused = null;
    try {
      const found = await whatIfs.remedies(run, asset);
      if (this.run === run && this.asset === asset) this.found = found;
    } catch (error) {
      this.refused = error instanceof ApiError ? error : "gone";
    } finally {
      this.waiting = false;
    }
  }
}

customElements.define("lingjing-remedies", LingjingRemedies);
