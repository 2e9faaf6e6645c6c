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
    const marked = !this.plain && LAYERS.some((layer) => isPlain(this.showing, layer));
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

  private scales() {
    return scaleRows(this.mode, this.showing, this.quantities, this.titles, this.theme).map(
      ({ title, classes }) => html`
        <p class="legend-unit">${title}</p>
        <ol class="legend">${classes.map(({ colour, said }) => html`<li><span class="step" .style=${`background:${colour}`}></span>${said}</li>`)}</ol>
      `,
    );
  }
}

export interface ScaleRow {
  title: string;
  classes: { colour: string; said: string }[];
}

type ByLayer<T> = Partial<Record<StateLayer, T>>;

/** Whether a layer is drawn as the mode says. */
function isPlain(showing: ByLayer<Showing>, layer: StateLayer): boolean {
  const { number: own, threshold } = showing[layer] ?? PLAIN;
  return own === null && threshold === null;
}

/** The scales in use, in words: one for all layers where they are drawn alike, else one a layer. */
export function scaleRows(mode: Mode, showing: ByLayer<Showing>, quantities: ByLayer<string>, titles: Record<string, Text>, theme: Theme): ScaleRow[] {
  if (LAYERS.every((layer) => isPlain(showing, layer))) return [rowOf(t(`legend.unit.${mode}`), mode, PLAIN, theme)];
  return LAYERS.map((layer) => {
    const shown = showing[layer] ?? PLAIN;
    const name = of(titles[shown.number?.name ?? quantities[layer] ?? ""]);
    const says = shown.number
      ? `${name} [${shown.number.unit || "1"}], ${t(`showing.${shown.level}`)}`
      : `${name}, ${t(shown.threshold === null ? `legend.unit.${mode}` : "legend.unit.probability")}`;
    return rowOf(`${t(`layer.${layer}`)}: ${says}`, mode, shown, theme);
  });
}

function rowOf(title: string, mode: Mode, shown: Showing, theme: Theme): ScaleRow {
  const scale = scaleOf(mode, shown, theme);
  const nothingWord = scale.kind === "onset" ? t("legend.unlikely") : scale.kind === "probability" ? t("legend.below") : t("legend.none");
  const plain = scale.kind === "cold" ? [] : [{ colour: BASE[theme].building, said: nothingWord }];
  const classes = scale.colours.map((colour, at) => ({ colour, said: bound(scale, at, passesDownward(shown)) }));
  return { title, classes: [...plain, ...classes] };
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
