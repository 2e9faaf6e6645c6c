/** The time bar: slider, play, single steps, and the jump to the first likely freeze. */

import { html, LitElement } from "lit";
import type { Locale } from "./api";
import { clock, hourOfDay, shortDay, t, zoneName } from "./text";

export class LingjingTimeBar extends LitElement {
  static override properties = {
    start: { type: Number },
    hours: { type: Number },
    hour: { type: Number },
    first: { attribute: false },
    language: { type: String },
    counts: { attribute: false },
    playing: { state: true },
  };

  declare start: number;
  declare hours: number;
  declare hour: number;
  declare first: number | null;
  declare language: Locale;
  declare counts: string;
  declare playing: boolean;
  private timer: number | undefined;

  constructor() {
    super();
    this.start = 0;
    this.hours = 72;
    this.hour = 0;
    this.first = null;
    this.language = "zh-CN";
    this.counts = "";
    this.playing = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
  }

  override render() {
    const now = clock(this.start + this.hour * 3_600_000);
    const offset = t("time.offset", { n: this.hour });
    return html`
      <section class="time-bar" aria-label=${t("time.label")}>
        <div class="time-buttons">
          <button type="button" class="primary" id="play" aria-label=${this.playing ? t("time.pause") : t("time.play")} aria-pressed=${this.playing} @click=${() => this.toggle()}>
            <span aria-hidden="true">${this.playing ? "❚❚" : "▶"}</span>
            <span class="play-word">${this.playing ? t("time.pause") : t("time.play")}</span>
          </button>
          <button type="button" id="step-back" ?disabled=${this.hour <= 0} aria-label=${t("time.back")} title=${t("time.back")} @click=${() => this.move(this.hour - 1)}>
            <span aria-hidden="true">−1 h</span>
          </button>
          <button type="button" id="step-on" ?disabled=${this.hour >= this.hours} aria-label=${t("time.on")} title=${t("time.on")} @click=${() => this.move(this.hour + 1)}>
            <span aria-hidden="true">+1 h</span>
          </button>
          <button type="button" id="first-freeze" ?disabled=${this.first === null} title=${this.first === null ? t("time.noFreeze") : t("time.firstHint")} @click=${() => this.first !== null && this.move(this.first)}>
            ${t("time.first")}
          </button>
        </div>
        <div class="time-slide">
          <label for="hour" class="time-now"><strong>${now}</strong> <span class="muted">${zoneName()}<span class="time-offset"> · ${offset}</span></span></label>
          <input id="hour" type="range" min="0" max=${this.hours} step="1" .value=${String(this.hour)}
            aria-valuetext="${now} ${offset}"
            @input=${(event: Event) => this.move(Number((event.target as HTMLInputElement).value))} />
          <div class="time-days" aria-hidden="true">${this.days()}</div>
        </div>
        <p class="time-counts" aria-live="polite" aria-atomic="true">${this.playing ? "" : this.counts}</p>
      </section>
    `;
  }

  /** Midnights of the district's clock along the slider. */
  private days() {
    const marks = [];
    for (let hour = 0; hour <= this.hours; hour++) {
      const at = this.start + hour * 3_600_000;
      if (hourOfDay(at) !== 0) continue;
      marks.push(html`<span .style=${`left:${(100 * hour) / this.hours}%`}>${shortDay(at)}</span>`);
    }
    return marks;
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
    }, 400);
  }

  private stop(): void {
    window.clearInterval(this.timer);
    this.timer = undefined;
    this.playing = false;
  }

  private move(hour: number): void {
    const next = Math.min(Math.max(hour, 0), this.hours);
    this.dispatchEvent(new CustomEvent("hour-chosen", { bubbles: true, detail: next }));
  }
}

customElements.define("lingjing-time-bar", LingjingTimeBar);
