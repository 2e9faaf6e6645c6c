/** What lies over the map: how it is drawn, what its colours mean, and where the sun stands. */

import { html, LitElement, nothing } from "lit";
import type { Locale, RunDetail, StateLayer, Text } from "./api";
import { MODES, type Mode, type Theme } from "./colours";
import "./legend";
import { LEVELS, passesDownward, PLAIN, type Showing } from "./showing";
import { compassPoint, phaseOf, shadowOf, type Sun } from "./sun";
import { of, number, t, timeOfDay } from "./text";

/** How the map is drawn, as far as a person chooses it there. */
export interface Drawn {
  mode: Mode;
  solid: boolean;
  sunlit: boolean;
}

export interface ShowingChosen {
  layer: StateLayer;
  chosen: Partial<Pick<Showing, "level" | "threshold">>;
}

export class LingjingMapTools extends LitElement {
  static override properties = {
    mode: { type: String },
    solid: { type: Boolean },
    sunlit: { type: Boolean },
    theme: { type: String },
    language: { type: String },
    folded: { type: Boolean },
    run: { attribute: false },
    quantities: { attribute: false },
    titles: { attribute: false },
    showing: { attribute: false },
    sun: { attribute: false },
  };

  declare mode: Mode;
  declare solid: boolean;
  declare sunlit: boolean;
  declare theme: Theme;
  declare language: Locale;
  /** Whether the legend starts folded away. */
  declare folded: boolean;
  declare run: RunDetail | null;
  declare quantities: Partial<Record<StateLayer, string>>;
  declare titles: Record<string, Text>;
  declare showing: Record<StateLayer, Showing>;
  declare sun: Sun | null;

  constructor() {
    super();
    this.mode = "probability";
    this.solid = false;
    this.sunlit = false;
    this.theme = "day";
    this.language = "zh-CN";
    this.folded = false;
    this.run = null;
    this.quantities = {};
    this.titles = {};
    this.showing = { roads: PLAIN, buildings: PLAIN };
    this.sun = null;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    return html`
      <div class="map-tools">
        <div class="map-choices">
          ${this.folded
            ? html`<details class="layers-fold"><summary>${t("layers.title")}</summary>${this.quantityChoices()}<div class="map-choices">${this.modes()} ${this.ways()}</div></details>`
            : html`${this.run ? html`<details class="layers-fold"><summary>${t("layers.title")}</summary>${this.quantityChoices()}</details>` : nothing} ${this.modes()} ${this.ways()}`}
        </div>
        ${this.sunlit && this.sun ? html`<p class="sun-says" aria-live="polite">${this.sunSays(this.sun)}</p>` : nothing}
        <details class="legend-fold" ?open=${!this.folded}>
          <summary>${t("legend.title")}</summary>
          <lingjing-legend .mode=${this.mode} .theme=${this.theme} .language=${this.language} .solid=${this.solid} .sunlit=${this.sunlit} .plain=${!this.run} .showing=${this.showing} .titles=${this.titles} .quantities=${this.quantities}></lingjing-legend>
        </details>
      </div>
    `;
  }

  private quantityChoices() {
    return (["roads", "buildings"] as const).map((layer) => this.quantityChoice(layer));
  }

  /** Flat or standing, with shadows or without. */
  private ways() {
    return html`<fieldset class="modes"><legend class="visually-hidden">${t("solid.label")}</legend>
        ${[false, true].map(
          (solid) => html`<label><input type="radio" name="solid" value=${solid ? "1" : "0"} .checked=${this.solid === solid} @change=${() => this.choose({ solid, sunlit: solid })} /><span>${t(solid ? "solid.up" : "solid.flat")}</span></label>`,
        )}
      </fieldset>
      <button type="button" class="on-map" id="sunlit" aria-pressed=${this.sunlit} title=${t("sun.hint")} @click=${() => this.choose({ sunlit: !this.sunlit })}>${t("sun.shadows")}</button>
      ${this.solid ? html`<button type="button" class="on-map" id="closeup" title=${t("closeup.hint")} @click=${() => this.say("show-stage", "closeup")}>${t("closeup.open")}</button>` : nothing}`;
  }

  private modes() {
    if (!this.run) return nothing;
    return html`<fieldset class="modes"><legend class="visually-hidden">${t("mode.label")}</legend>
      ${MODES.map(
        (mode) => html`<label><input type="radio" name="mode" value=${mode} .checked=${this.mode === mode} @change=${() => this.choose({ mode })} /><span>${t(`mode.${mode}`)}</span></label>`,
      )}
    </fieldset>`;
  }

  /** Where the sun stands, or how long it is night. */
  private sunSays(sun: Sun): string {
    if (shadowOf(sun)) {
      return t("sun.stands", { direction: t(`compass.${compassPoint(sun.azimuth_deg)}`), degrees: number(sun.altitude_deg, 0) });
    }
    const [rise, set] = [sun.rise, sun.set].map((at) => (at === null ? t("value.none") : timeOfDay(at))) as [string, string];
    return t(phaseOf(sun.altitude_deg) === "night" ? "sun.night" : "sun.low", { rise, set });
  }

  private quantityChoice(layer: StateLayer) {
    const events = this.run?.quantities[layer] ?? [];
    const numbers = this.run?.numbers[layer] ?? [];
    if (events.length + numbers.length === 0) return nothing;
    const showing = this.showing[layer];
    const shown = showing.number?.name ?? this.quantities[layer];
    const choose = (event: Event) => this.say("quantity-chosen", { layer, quantity: (event.target as HTMLSelectElement).value });
    const option = (name: string) => html`<option value=${name} ?selected=${name === shown}>${of(this.titles[name]) || name}</option>`;
    return html`<div class="quantity"><label>${t(`layer.${layer}`)}
      <select name="quantity-${layer}" @change=${choose}>
        <optgroup label=${t("showing.events")}>${events.map(option)}</optgroup>
        ${numbers.length > 0 ? html`<optgroup label=${t("showing.numbers")}>${numbers.map(option)}</optgroup>` : nothing}
      </select></label>
      <div class="showing">${showing.number ? this.levelChoice(layer, showing) : nothing} ${this.thresholdChoice(layer, showing)}</div></div>`;
  }

  private levelChoice(layer: StateLayer, showing: Showing) {
    const choose = (event: Event) => {
      const level = LEVELS.find((known) => known === (event.target as HTMLSelectElement).value) ?? "p50";
      this.say("showing-chosen", { layer, chosen: { level } });
    };
    return html`<label>${t("showing.level")}
      <select name="level-${layer}" @change=${choose}>${LEVELS.map((level) => html`<option value=${level} ?selected=${level === showing.level}>${t(`showing.${level}`)}</option>`)}</select></label>`;
  }

  /** Only what passes a value; an empty field shows all. */
  private thresholdChoice(layer: StateLayer, showing: Showing) {
    const { number, threshold } = showing;
    const scale = number ? 1 : 100;
    const choose = (event: Event) => {
      const field = event.target as HTMLInputElement;
      const value = field.value.trim() === "" ? Number.NaN : field.valueAsNumber;
      this.say("showing-chosen", { layer, chosen: { threshold: Number.isFinite(value) ? value / scale : null } });
    };
    const bounds = number ? {} : { min: "1", max: "100" };
    return html`<label>${t(passesDownward(showing) ? "showing.below" : "showing.above", { unit: number ? number.unit : "%" })}
      <input type="number" name="threshold-${layer}" step="any" min=${bounds.min ?? nothing} max=${bounds.max ?? nothing} placeholder=${t("showing.all")}
        .value=${threshold === null ? "" : String(Math.round(threshold * scale * 100) / 100)} @change=${choose} /></label>`;
  }

  private choose(detail: Partial<Drawn>): void {
    this.say("drawing-chosen", detail);
  }

  private say(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }
}

customElements.define("lingjing-map-tools", LingjingMapTools);
