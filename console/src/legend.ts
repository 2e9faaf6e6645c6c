/** What the colours and marks of the map mean. */

import { html, LitElement } from "lit";
import type { Locale } from "./api";
import { BASE, ONSET_BOUNDS, PROBABILITY_BOUNDS, steps, type Mode, type Theme } from "./colours";
import { t } from "./text";

export class LingjingLegend extends LitElement {
  static override properties = { mode: { type: String }, theme: { type: String }, language: { type: String } };

  declare mode: Mode;
  declare theme: Theme;
  declare language: Locale;

  constructor() {
    super();
    this.mode = "probability";
    this.theme = "day";
    this.language = "zh-CN";
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const scale = steps(this.mode, this.theme);
    const bounds: readonly number[] = this.mode === "probability" ? PROBABILITY_BOUNDS : ONSET_BOUNDS;
    const label = (at: number) => {
      const low = bounds[at] ?? 0;
      const high = bounds[at + 1];
      if (this.mode === "probability") {
        return `${Math.round(low * 100)}–${Math.round((high ?? 1) * 100)} %`;
      }
      return high === undefined ? t("legend.hoursFrom", { low }) : t("legend.hours", { low, high });
    };
    return html`
      <ul class="legend">
        <li><span class="swatch" .style=${`background:${BASE[this.theme].building}`}></span>${this.mode === "probability" ? t("legend.below") : t("legend.unlikely")}</li>
        ${scale.map((step, at) => html`<li><span class="swatch" .style=${`background:${step.colour}`}></span>${label(at)}</li>`)}
        <li><span class="swatch edge"></span>${this.mode === "probability" ? t("legend.strong") : t("legend.soon")}</li>
        <li><span class="swatch round">1</span>${t("legend.work")}</li>
      </ul>
    `;
  }
}

customElements.define("lingjing-legend", LingjingLegend);
