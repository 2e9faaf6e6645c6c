/**
 * The time bar: one slider from what was observed through now to the end of the forecast, over a
 * curve of how much is likely at each hour; play, single steps, and the jumps that matter.
 */

import { html, LitElement, nothing, svg, type PropertyValues } from "lit";
import type { Locale } from "./api";
import { clock, t, zoneName } from "./text";
import { curve, midnights, nights } from "./timeline";

const STEP_MS = 400;

export class LingjingTimeBar extends LitElement {
  static override properties = {
    start: { type: Number },
    past: { type: Number },
    hours: { type: Number },
    hour: { type: Number },
    now: { attribute: false },
    first: { attribute: false },
    language: { type: String },
    counts: { attribute: false },
    likely: { attribute: false },
    place: { attribute: false },
    playing: { state: true },
  };

  /** When the forecast starts [ms]. */
  declare start: number;
  /** Hours before it of which something was observed. */
  declare past: number;
  declare hours: number;
  declare hour: number;
  /** The present hour; null where it lies outside the bar. */
  declare now: number | null;
  declare first: number | null;
  declare language: Locale;
  declare counts: string;
  /** How many objects are likely to be hit at each hour. */
  declare likely: ArrayLike<number>;
  /** Longitude and latitude, for the nights. */
  declare place: readonly [number, number] | null;
  declare playing: boolean;
  private timer: number | undefined;
  private dark: [number, number][] = [];

  constructor() {
    super();
    this.start = 0;
    this.past = 0;
    this.hours = 72;
    this.hour = 0;
    this.now = null;
    this.first = null;
    this.language = "zh-CN";
    this.counts = "";
    this.likely = [];
    this.place = null;
    this.playing = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
  }

  override willUpdate(changed: PropertyValues): void {
    if (["start", "past", "hours", "place"].some((name) => changed.has(name))) {
      this.dark = this.place ? nights(this.start, -this.past, this.hours, this.place) : [];
    }
  }

  override render() {
    const now = clock(this.start + this.hour * 3_600_000);
    const offset = this.offset();
    return html`
      <section class="time-bar" aria-label=${t("time.label")}>
        <div class="time-left"><div class="time-buttons">
          <button type="button" class="primary" id="play" aria-label=${this.playing ? t("time.pause") : t("time.play")} aria-pressed=${this.playing} @click=${() => this.toggle()}>
            <span aria-hidden="true">${this.playing ? "❚❚" : "▶"}</span>
            <span class="play-word">${this.playing ? t("time.pause") : t("time.play")}</span>
          </button>
          <button type="button" id="step-back" ?disabled=${this.hour <= -this.past} aria-label=${t("time.back")} title=${t("time.back")} @click=${() => this.move(this.hour - 1)}>
            <span aria-hidden="true">−1 h</span>
          </button>
          <button type="button" id="step-on" ?disabled=${this.hour >= this.hours} aria-label=${t("time.on")} title=${t("time.on")} @click=${() => this.move(this.hour + 1)}>
            <span aria-hidden="true">+1 h</span>
          </button>
          <button type="button" id="first-freeze" ?disabled=${this.first === null} title=${this.first === null ? t("time.noFreeze") : t("time.firstHint")} @click=${() => this.first !== null && this.move(this.first)}>
            ${t("time.first")}
          </button>
          ${this.now === null ? nothing : html`<button type="button" id="to-now" @click=${() => this.now !== null && this.move(this.now)}>${t("time.now")}</button>`}
        </div>
        <p class="time-counts" aria-live="polite" aria-atomic="true">${this.playing ? "" : this.counts}</p></div>
        <div class="time-slide">
          <label for="hour" class="time-now"><strong>${now}</strong> <span class="muted">${zoneName()}<span class="time-offset"> · ${offset}</span></span>
            <span class="time-kind ${this.hour < 0 ? "observed" : "forecast"}">${t(this.hour < 0 ? "time.observed" : "time.forecast")}</span></label>
          <div class="time-track">
            ${this.ribbon()}
            <input id="hour" type="range" min=${-this.past} max=${this.hours} step="1" .value=${String(this.hour)}
              aria-valuetext="${now} ${offset}"
              @input=${(event: Event) => this.move(Number((event.target as HTMLInputElement).value))} />
          </div>
          <div class="time-days" aria-hidden="true">
            ${midnights(this.start, -this.past, this.hours).map(({ hour, day }) => html`<span .style=${`left:${this.along(hour)}%`}>${day}</span>`)}
          </div>
        </div>
      </section>
    `;
  }

  private offset(): string {
    return this.hour < 0 ? t("time.before", { n: -this.hour }) : t("time.offset", { n: this.hour });
  }

  /** Place of an hour along the bar [%]. */
  private along(hour: number): number {
    return (100 * (hour + this.past)) / Math.max(1, this.hours + this.past);
  }

  /** Nights, the curve, where the forecast begins, and now. Drawn under the slider. */
  private ribbon() {
    const at = (hour: number) => 10 * this.along(hour);
    return html`<svg class="time-ribbon" viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">
      ${this.dark.map(([from, to]) => svg`<rect class="dark" x=${at(from)} width=${at(to) - at(from)} y="0" height="100"></rect>`)}
      ${this.past > 0 ? svg`<rect class="past" x="0" width=${at(0)} y="0" height="100"></rect>` : nothing}
      <path class="likely" d=${curve(this.likely, -this.past, this.hours)}></path>
      ${this.past > 0 ? svg`<line class="border" x1=${at(0)} x2=${at(0)} y1="0" y2="100"></line>` : nothing}
      ${this.now === null ? nothing : svg`<line class="present" x1=${at(this.now)} x2=${at(this.now)} y1="0" y2="100"></line>`}
    </svg>`;
  }

  toggle(): void {
    if (this.playing) {
      this.stop();
      return;
    }
    this.playing = true;
    if (this.hour >= this.hours) this.move(0);
    this.timer = window.setInterval(() => {
      if (this.hour >= this.hours) this.stop();
      else this.move(this.hour + 1);
    }, STEP_MS);
  }

  private stop(): void {
    window.clearInterval(this.timer);
    this.timer = undefined;
    this.playing = false;
  }

  private move(hour: number): void {
    const next = Math.min(Math.max(hour, -this.past), this.hours);
    this.dispatchEvent(new CustomEvent("hour-chosen", { bubbles: true, detail: next }));
  }
}

customElements.define("lingjing-time-bar", LingjingTimeBar);
