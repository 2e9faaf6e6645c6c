/** Two maps with a handle between them, their cameras in step; or one map of what differs. */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import "./map";
import { api, type StateLayer } from "./api";
import { differenceSteps, PROBABILITY_BOUNDS, steps } from "./colours";
import { differenceState } from "./difference";
import type { LingjingMap, States } from "./map";
import type { MapView } from "./share";
import type { PageContext } from "./slots";
import { unpack } from "./state";
import { of, t } from "./text";
import { whatIfs } from "./whatif-api";
import type { Pair } from "./whatif-panel";

type Way = "swipe" | "difference";
const LAYERS: readonly StateLayer[] = ["roads", "buildings"];
export class LingjingCompareStage extends LitElement {
  static override properties = {
    page: { attribute: false },
    pair: { attribute: false },
    way: { state: true },
    share: { state: true },
    first: { state: true },
    second: { state: true },
    between: { state: true },
    failed: { state: true },
  };

  declare page: PageContext;
  declare pair: Pair;
  declare way: Way;
  /** Where the handle stands, 0 to 100. */
  declare share: number;
  declare first: States;
  declare second: States;
  declare between: States;
  declare failed: boolean;

  private shownOf = "";
  private following = false;

  constructor() {
    super();
    this.way = "swipe";
    this.share = 50;
    this.first = {};
    this.second = {};
    this.between = {};
    this.failed = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has("page") || changed.has("pair")) void this.read();
  }

  override render() {
    const { pair, share } = this;
    const swipe = this.way === "swipe";
    return html`
      <div class="compare-stage" data-way=${this.way} @camera-moved=${(event: CustomEvent<MapView | null>) => this.follow(event)} @view-changed=${(event: Event) => event.stopPropagation()}>
        ${swipe
          ? html`<div class="compare-map" id="compare-b">${this.map(this.second, "probability", pair.named[1])}</div>
              <div class="compare-map over" id="compare-a" .style=${`clip-path: inset(0 ${100 - share}% 0 0)`}>${this.map(this.first, "probability", pair.named[0])}</div>
              <div class="compare-handle" role="slider" tabindex="0" aria-label=${t("compare.handle")} aria-orientation="horizontal" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(share)}
                aria-valuetext=${t("compare.handleAt", { a: pair.named[0], share: Math.round(share) })} .style=${`left:${share}%`}
                @keydown=${(event: KeyboardEvent) => this.onKey(event)} @pointerdown=${(event: PointerEvent) => this.onGrab(event)} @pointermove=${(event: PointerEvent) => this.onDrag(event)}><span aria-hidden="true">◂▸</span></div>
              <span class="compare-name" aria-hidden="true" .style=${`right:calc(${100 - share}% + var(--target) / 1.6)`}>${pair.named[0]}</span><span class="compare-name" aria-hidden="true" .style=${`left:calc(${share}% + var(--target) / 1.6)`}>${pair.named[1]}</span>`
          : html`<div class="compare-map">${this.map(this.between, "difference", t("compare.way.difference"))}</div>`}
        <div class="compare-tools">
          <fieldset class="modes"><legend class="visually-hidden">${t("compare.way")}</legend>
            ${(["swipe", "difference"] as const).map((way) => html`<label><input type="radio" name="compare-way" .checked=${this.way === way} @change=${() => this.choose(way)} /><span>${t(`compare.way.${way}`)}</span></label>`)}
          </fieldset>
          <button type="button" @click=${() => this.leave()}>${t("compare.close")}</button>
        </div>
        ${this.legend(swipe)}
        ${this.failed ? html`<p class="notice bad compare-failed" role="alert">${t("compare.failed")}</p>` : nothing}
      </div>
    `;
  }

  private map(states: States, mode: "probability" | "difference", label: string) {
    const { page } = this;
    const { addresses, district, outlines, run } = page.reading.now;
    return html`<lingjing-map .addresses=${addresses} .states=${states} .hour=${page.hour} .start=${run ? Date.parse(run.start) : 0} .mode=${mode} .theme=${page.theme}
      .language=${page.language} .scale=${page.elder ? 1.5 : 1} .bounds=${district?.bounds ?? null} .solid=${false} .sunlit=${false} .work=${[]} .card=${page.card}
      .label=${t("compare.map", { name: label })} .assets=${null} .assetState=${null} .outlines=${outlines}></lingjing-map>`;
  }

  /** Which events are drawn. */
  private shows(): string {
    const { quantities, titles } = this.page.reading.now;
    return [...new Set(LAYERS.map((layer) => of(titles[quantities[layer] ?? ""])).filter(Boolean))].join(" / ");
  }

  private legend(swipe: boolean) {
    const { page } = this;
    const shares = PROBABILITY_BOUNDS.map((bound, at) => `${Math.round(bound * 100)}–${Math.round((PROBABILITY_BOUNDS[at + 1] ?? 1) * 100)} %`);
    const lines = swipe
      ? steps("probability", page.theme).map(({ colour }, at) => ({ colour, said: shares[at] ?? "" }))
      : differenceSteps(page.theme).map(({ colour, id }) => ({ colour, said: t(`compare.step.${id}`) }));
    return html`<details class="compare-legend" ?open=${!page.narrow && !page.elder}><summary>${t("legend.title")}</summary>
      <p>${t(swipe ? "legend.unit.probability" : "compare.legend")} <span class="muted">${this.shows()}</span></p>
      <ul>${lines.map(({ colour, said }) => html`<li><span class="step" .style=${`background:${colour}`}></span>${said}</li>`)}</ul></details>`;
  }

  private choose(way: Way): void {
    const view = this.querySelector<LingjingMap>("lingjing-map")?.view ?? null;
    this.way = way;
    void this.updateComplete.then(() => {
      for (const map of this.querySelectorAll<LingjingMap>("lingjing-map")) void map.updateComplete.then(() => view && map.look(view));
    });
  }

  private leave(): void {
    this.dispatchEvent(new CustomEvent("show-stage", { bubbles: true, detail: "" }));
  }

  /** The other map looks where one was moved to. */
  private follow(event: CustomEvent<MapView | null>): void {
    event.stopPropagation();
    const view = event.detail;
    if (this.following || !view) return;
    this.following = true;
    for (const map of this.querySelectorAll<LingjingMap>("lingjing-map")) if (map !== event.target) map.look(view);
    this.following = false;
  }

  private onKey(event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageUp: 20, PageDown: -20, Home: -100, End: 100 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.share = Math.min(100, Math.max(0, this.share + step));
  }

  private onGrab(event: PointerEvent): void {
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
  }

  private onDrag(event: PointerEvent): void {
    const handle = event.currentTarget as HTMLElement;
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = (handle.parentElement ?? this).getBoundingClientRect();
    if (box.width > 0) this.share = Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width));
  }

  private async read(): Promise<void> {
    const { page, pair } = this;
    const { quantities, run } = page.reading.now;
    const key = JSON.stringify([pair.a, pair.b, quantities, run?.run]);
    if (!run || key === this.shownOf) return;
    this.shownOf = key;
    this.failed = false;
    try {
      const found = await Promise.all(
        LAYERS.filter((layer) => quantities[layer]).map(async (layer) => {
          const quantity = quantities[layer] ?? "";
          const [a, b, between] = await Promise.all([api.state(pair.a, layer, quantity), api.state(pair.b, layer, quantity), whatIfs.difference(pair.a, pair.b, layer, quantity)]);
          return [layer, unpack(a), unpack(b), differenceState(between)] as const;
        }),
      );
      if (this.shownOf !== key) return;
      this.first = Object.fromEntries(found.map(([layer, state]) => [layer, state]));
      this.second = Object.fromEntries(found.map(([layer, , state]) => [layer, state]));
      this.between = Object.fromEntries(found.map(([layer, , , state]) => [layer, state]));
    } catch {
      this.failed = true;
      this.shownOf = "";
    }
  }
}

customElements.define("lingjing-compare-stage", LingjingCompareStage);
