/** The strip that is always in view: the line to the server, the signal in force, what is made up, and how old it all is. */

import { html, LitElement, nothing } from "lit";
import type { District, Locale, RunDetail } from "./api";
import type { LinkState } from "./live";
import { age, clock, headOf, of, t, timeOfDay } from "./text";
import { present, skew, SKEW_WORTH_SAYING_MS } from "./time";

const TICK_MS = 5_000;

export class LingjingStatus extends LitElement {
  static override properties = {
    link: { attribute: false },
    district: { attribute: false },
    run: { attribute: false },
    language: { type: String },
    folded: { type: Boolean },
  };

  declare link: LinkState;
  declare district: District | null;
  declare run: RunDetail | null;
  declare language: Locale;
  declare folded: boolean;
  private ticking: number | undefined;

  constructor() {
    super();
    this.link = { link: "starting", heard: null };
    this.district = null;
    this.run = null;
    this.language = "zh-CN";
    this.folded = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.ticking = window.setInterval(() => this.requestUpdate(), TICK_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearInterval(this.ticking);
  }

  override render() {
    return html`<section class="status" aria-label=${t("status.label")}>
      ${this.line()} ${this.signal()} <div class="labels">${this.labels()}</div> ${this.ages()} ${this.wrongClock()}
    </section>`;
  }

  private line() {
    const { link, heard } = this.link;
    const since = heard === null ? "" : age(new Date(heard).toISOString(), Date.now());
    const clockNow = link === "live" || link === "asking" ? timeOfDay(present()) : "";
    return html`<span class="link link-${link}" id="link"><span class="lamp" aria-hidden="true">${link === "gone" ? "✕" : link === "live" ? "●" : "○"}</span>
      <span class="link-word">${t(`link.${link}`, { since })}</span>${clockNow ? html` <span class="link-clock">${clockNow}</span>` : nothing}</span>`;
  }

  /** What the run calls for, and whether its time is over. */
  private signal() {
    const { run } = this;
    const alarm = run?.summary.alarm;
    if (!run || !alarm) return nothing;
    const end = Date.parse(run.start) + run.hours * 3_600_000;
    const over = end < present();
    const word = t(`signal.${alarm.level}`);
    const until = t(over ? "signal.over" : "signal.until", { time: clock(end) });
    return html`<details class="signal signal-${alarm.level} ${over ? "over" : ""}" id="signal">
      <summary><span aria-hidden="true">${alarm.level === "act" ? "▲" : "△"}</span> ${word}<span class="signal-until">${over ? t("signal.past") : until}</span></summary>
      <p>${of(alarm.text)} ${until}</p></details>`;
  }

  /** What is made up: in full where there is room, else as badges that open. */
  private labels() {
    const made = this.district?.synthetic ? [t("label.syntheticDistrict")] : [];
    const labels = this.run ? this.run.labels.map((label) => of(label)) : made;
    return labels.map((label) =>
      !this.folded || headOf(label) === label
        ? html`<span class="tag">${label}</span>`
        : html`<details class="tag badge"><summary>${headOf(label)}</summary><p>${label}</p></details>`,
    );
  }

  private ages() {
    const { district, run } = this;
    if (!district) return nothing;
    return html`<span class="ages">${t("head.age", { data: age(district.updated_at), run: run ? age(run.written_at) : t("value.none") })}</span>`;
  }

  private wrongClock() {
    const off = skew();
    if (Math.abs(off) < SKEW_WORTH_SAYING_MS) return nothing;
    const minutes = Math.round(Math.abs(off) / 60_000);
    return html`<span class="tag" id="wrong-clock" role="alert">${t(off > 0 ? "clock.ahead" : "clock.behind", { minutes })}</span>`;
  }
}

customElements.define("lingjing-status", LingjingStatus);
