/** What the colours and marks of the map mean: one row of colours, one of marks. */

import { html, LitElement, nothing } from "lit";
import type { Locale } from "./api";
import { BASE, ONSET_BOUNDS, PROBABILITY_BOUNDS, steps, type Mode, type Theme } from "./colours";
import { t } from "./text";

export class LingjingLegend extends LitElement {
  static override properties = {
    mode: { type: String },
    theme: { type: String },
    language: { type: String },
    solid: { type: Boolean },
    sunlit: { type: Boolean },
    plain: { type: Boolean },
  };

  declare mode: Mode;
  declare theme: Theme;
  declare language: Locale;
  declare solid: boolean;
  declare sunlit: boolean;
  /** Whether there is no run whose colours would need explaining. */
  declare plain: boolean;

  constructor() {
    super();
    this.mode = "probability";
    this.theme = "day";
    this.language = "zh-CN";
    this.solid = false;
    this.sunlit = false;
    this.plain = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const base = BASE[this.theme];
    return html`
      ${this.plain ? nothing : this.scale()}
      <ul class="marks">
        ${this.plain
          ? nothing
          : html`<li><span class="swatch edge"></span>${t(this.mode === "onset" ? "legend.soon" : "legend.strong")}</li>
              <li><span class="swatch round">1</span>${t("legend.work")}</li>`}
        ${this.solid ? html`<li><span class="swatch guessed" .style=${`--ground:${base.district};--body:${base.buildingEdge}`}></span>${t("legend.guessed")}</li>` : nothing}
        ${this.sunlit ? html`<li><span class="swatch" .style=${`background:${base.shade}`}></span>${t("legend.shade")}</li>` : nothing}
      </ul>
    `;
  }

  private scale() {
    const onset = this.mode === "onset";
    const bounds: readonly number[] = onset ? ONSET_BOUNDS : PROBABILITY_BOUNDS.map((bound) => Math.round(bound * 100));
    const last = onset ? null : 100;
    const said = (at: number) => {
      const high = bounds[at + 1] ?? last;
      return high === null ? t("legend.from", { low: bounds[at] ?? 0 }) : `${bounds[at]}–${high}`;
    };
    return html`
      <ol class="legend">
        <li><span class="step" .style=${`background:${BASE[this.theme].building}`}></span>${t(onset ? "legend.unlikely" : "legend.below")}</li>
        ${steps(this.mode, this.theme).map((step, at) => html`<li><span class="step" .style=${`background:${step.colour}`}></span>${said(at)}</li>`)}
      </ol>
    `;
  }
}

customElements.define("lingjing-legend", LingjingLegend);
