/** What the colours and marks of the map mean: a row of colours for each scale in use, and one of marks. */

import { html, LitElement, nothing } from "lit";
import type { Locale, StateLayer, Text } from "./api";
import { BASE, type Mode, type Theme } from "./colours";
import { passesDownward, PLAIN, scaleOf, type Scale, type Showing } from "./showing";
import { number, of, t } from "./text";

const LAYERS = ["roads", "buildings"] as const;

export class LingjingLegend extends LitElement {
  static override properties = {
    mode: { type: String },
    theme: { type: String },
    language: { type: String },
    solid: { type: Boolean },
    sunlit: { type: Boolean },
    plain: { type: Boolean },
    showing: { attribute: false },
    titles: { attribute: false },
    quantities: { attribute: false },
  };

  declare mode: Mode;
  declare theme: Theme;
  declare language: Locale;
  declare solid: boolean;
  declare sunlit: boolean;
  /** Whether there is no run whose colours would need explaining. */
  declare plain: boolean;
  declare showing: Partial<Record<StateLayer, Showing>>;
  declare titles: Record<string, Text>;
  declare quantities: Partial<Record<StateLayer, string>>;

  constructor() {
    super();
    this.mode = "probability";
    this.theme = "day";
    this.language = "zh-CN";
    this.solid = false;
    this.sunlit = false;
    this.plain = false;
    this.showing = {};
    this.titles = {};
    this.quantities = {};
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const base = BASE[this.theme];
    const marked = !this.plain && LAYERS.some((layer) => this.isPlain(layer));
    return html`
      ${this.plain ? nothing : this.scales()}
      <ul class="marks">
        ${marked ? html`<li><span class="swatch edge"></span>${t(this.mode === "onset" ? "legend.soon" : "legend.strong")}</li>` : nothing}
        ${this.plain ? nothing : html`<li><span class="swatch round">1</span>${t("legend.work")}</li>`}
        ${this.solid ? html`<li><span class="swatch guessed" .style=${`--ground:${base.district};--body:${base.buildingEdge}`}></span>${t("legend.guessed")}</li>` : nothing}
        ${this.sunlit ? html`<li><span class="swatch" .style=${`background:${base.shade}`}></span>${t("legend.shade")}</li>` : nothing}
      </ul>
    `;
  }

  private shown(layer: StateLayer): Showing {
    return this.showing[layer] ?? PLAIN;
  }

  /** Whether a layer is drawn as the mode says. */
  private isPlain(layer: StateLayer): boolean {
    const { number: own, threshold } = this.shown(layer);
    return own === null && threshold === null;
  }

  private scales() {
    const both = LAYERS.every((layer) => this.isPlain(layer));
    if (both) return this.scale(t(`legend.unit.${this.mode}`), PLAIN);
    return LAYERS.map((layer) => this.scale(`${t(`layer.${layer}`)}: ${this.says(layer)}`, this.shown(layer)));
  }

  /** What a layer shows, in words. */
  private says(layer: StateLayer): string {
    const shown = this.shown(layer);
    const name = of(this.titles[shown.number?.name ?? this.quantities[layer] ?? ""]);
    if (shown.number) return `${name} [${shown.number.unit || "1"}], ${t(`showing.${shown.level}`)}`;
    return `${name}, ${t(shown.threshold === null ? `legend.unit.${this.mode}` : "legend.unit.probability")}`;
  }

  private scale(title: string, shown: Showing) {
    const scale = scaleOf(this.mode, shown, this.theme);
    const nothingWord = scale.kind === "onset" ? t("legend.unlikely") : scale.kind === "probability" ? t("legend.below") : t("legend.none");
    const plain = html`<li><span class="step" .style=${`background:${BASE[this.theme].building}`}></span>${nothingWord}</li>`;
    return html`
      <p class="legend-unit">${title}</p>
      <ol class="legend">
        ${scale.kind === "cold" ? nothing : plain}
        ${scale.colours.map((colour, at) => html`<li><span class="step" .style=${`background:${colour}`}></span>${bound(scale, at, passesDownward(shown))}</li>`)}
      </ol>
    `;
  }
}

/** What a class of a scale stands for. */
export function bound(scale: Scale, at: number, downward: boolean): string {
  const low = scale.bounds[at] ?? 0;
  const high = scale.bounds[at + 1];
  const said = (value: number) => number(value, 2).replace("-", "−");
  if (scale.kind === "threshold") return `${downward ? "≤" : "≥"} ${said(low)} ${scale.unit}`;
  if (low === -Infinity) return `< ${said(high ?? 0)}`;
  if (high === undefined) return scale.kind === "probability" ? `${said(low)}–100` : `≥ ${said(low)}`;
  return scale.kind === "cold" ? `${said(low)}…${said(high)}` : `${said(low)}–${said(high)}`;
}

customElements.define("lingjing-legend", LingjingLegend);
