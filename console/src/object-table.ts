/** The map as a table: the objects of a layer, the likeliest at the chosen hour first. */

import { html, LitElement, nothing } from "lit";
import type { Locale, StateLayer } from "./api";
import type { Features, States } from "./map";
import { valuesAt } from "./state";
import { choice, clock, named, t } from "./text";
import { meter } from "./work-list";

const SIZE = 20;

export class LingjingObjectTable extends LitElement {
  static override properties = {
    layers: { attribute: false },
    states: { attribute: false },
    hour: { type: Number },
    language: { type: String },
    layer: { state: true },
    at: { state: true },
  };

  declare layers: Features;
  declare states: States;
  declare hour: number;
  declare language: Locale;
  declare layer: StateLayer;
  declare at: number;

  constructor() {
    super();
    this.layers = {};
    this.states = {};
    this.hour = 0;
    this.language = "zh-CN";
    this.layer = "roads";
    this.at = 0;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const features = this.layers[this.layer]?.features;
    if (!features) return html`<p class="muted">${t("state.loading")}</p>`;
    const state = this.states[this.layer];
    const order = this.order(features.length);
    const last = Math.max(1, Math.ceil(order.length / SIZE));
    const at = Math.min(this.at, last - 1);
    const values = state ? valuesAt(state, this.hour) : null;
    return html`
      <div class="filters">
        <label>${t("objects.layer")}
          <select name="layer" .value=${this.layer} @change=${(event: Event) => this.choose((event.target as HTMLSelectElement).value as StateLayer)}>
            <option value="roads">${t("layer.roads")}</option>
            <option value="buildings">${t("layer.buildings")}</option>
          </select>
        </label>
      </div>
      <table class="objects">
        <caption class="muted">${t("objects.caption", { n: order.length })}</caption>
        <thead><tr><th scope="col">${t("objects.name")}</th><th scope="col">${t("objects.now")}</th><th scope="col">${t("card.onset")}</th></tr></thead>
        <tbody>
          ${order.slice(at * SIZE, (at + 1) * SIZE).map((row) => {
            const feature = features[row];
            const properties = feature?.properties ?? {};
            const onset = state?.onset[row];
            const id = String(properties["id"] ?? "");
            return html`<tr>
              <th scope="row"><button type="button" class="link" @click=${() => this.open(id)}>${this.name(properties)}</button></th>
              <td>${values ? meter((values[row] ?? 0) / 255) : t("value.none")}</td>
              <td>${onset !== undefined && Number.isFinite(onset) && state ? clock(state.start + onset * 3_600_000) : t("value.none")}</td>
            </tr>`;
          })}
        </tbody>
      </table>
      ${last > 1
        ? html`<nav class="pager" aria-label=${t("pager.label")}>
            <button type="button" ?disabled=${at <= 0} @click=${() => (this.at = at - 1)}>${t("pager.back")}</button>
            <span>${t("pager.at", { at: at + 1, last })}</span>
            <button type="button" ?disabled=${at >= last - 1} @click=${() => (this.at = at + 1)}>${t("pager.on")}</button>
          </nav>`
        : nothing}
    `;
  }

  private choose(layer: StateLayer): void {
    this.layer = layer;
    this.at = 0;
  }

  private order(length: number): number[] {
    const rows = Array.from({ length }, (_, row) => row);
    const state = this.states[this.layer];
    if (!state || state.features !== length) return rows;
    const values = valuesAt(state, this.hour);
    const known = rows.filter((row) => state.known[row]);
    return known.sort(
      (a, b) =>
        (values[b] ?? 0) - (values[a] ?? 0) ||
        (state.probability[b] ?? 0) - (state.probability[a] ?? 0) ||
        a - b,
    );
  }

  private name(properties: Record<string, unknown>): string {
    const name = (this.language === "en" && properties["name_en"]) || properties["name"] || properties["address"];
    if (typeof name === "string") return named(name);
    const id = String(properties["id"] ?? "").split(":").at(-1) ?? "";
    const use = properties["use"] ?? properties["road_class"];
    const attribute = this.layer === "roads" ? "road_class" : "use";
    return typeof use === "string" ? `${choice(attribute, use)} · ${id}` : id;
  }

  private open(id: string): void {
    this.dispatchEvent(new CustomEvent("open-object", { bubbles: true, detail: { id, from: "table" } }));
  }
}

customElements.define("lingjing-object-table", LingjingObjectTable);
