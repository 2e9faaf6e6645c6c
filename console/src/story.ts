/** A cold wave told by itself, chapter by chapter, in words beside the map and never over it. */

import { html, LitElement, type PropertyValues } from "lit";
import type { Locale, RunDetail, WorkRow } from "./api";
import { peakHour, type LayerState } from "./state";
import { clock, number, of, percent, t } from "./text";

export interface Chapter {
  /** Hour it is told at. */
  hour: number;
  /** Where to look; null for the whole district. */
  at: readonly [longitude: number, latitude: number] | null;
  text: string;
}

const LIKELY = 0.5;
const WORTH_TELLING = 3;
const DWELL_MS = 7_000;
const HOUR_MS = 160;

/** How many of all features a probability is reached in at an hour. */
function likelyAt(states: readonly LayerState[], hour: number): number {
  const threshold = Math.ceil(LIKELY * 255);
  let count = 0;
  for (const { hourly, hours, features } of states) {
    for (let row = 0; row < features; row++) if ((hourly[row * (hours + 1) + hour] ?? 0) >= threshold) count++;
  }
  return count;
}

/** The chapters of a run, in order of time: what is coming, the first freeze, the first jobs, the worst hour, the end. */
export function chaptersOf(run: RunDetail, states: readonly LayerState[], first: number | null, rows: readonly WorkRow[]): Chapter[] {
  const start = Date.parse(run.start);
  const when = (hour: number) => clock(start + hour * 3_600_000);
  const chapters: Chapter[] = [];
  chapters.push({ hour: 0, at: null, text: t("story.begin", { time: when(0), members: run.members, says: of(run.summary.alarm?.text) }) });
  if (first !== null) chapters.push({ hour: first, at: null, text: t("story.first", { time: when(first), n: number(likelyAt(states, first), 0) }) });
  const told = new Set<string>();
  const telling = rows.filter((row) => row.onset_early ?? row.onset).filter((row) => !told.has(row.target) && told.add(row.target));
  for (const row of telling.slice(0, WORTH_TELLING)) {
    const onset = Math.round((Date.parse(row.onset_early ?? row.onset ?? "") - start) / 3_600_000);
    const hour = Math.min(Math.max(onset, 0), run.hours);
    chapters.push({
      hour,
      at: [row.longitude_deg, row.latitude_deg],
      text: t("story.job", { rank: row.rank, title: of(row.title), chance: percent(row.probability), time: when(hour) }),
    });
  }
  const peak = peakHour(states, LIKELY);
  if (peak !== null) chapters.push({ hour: peak, at: null, text: t("story.peak", { time: when(peak), n: number(likelyAt(states, peak), 0) }) });
  chapters.push({ hour: run.hours, at: null, text: t("story.end", { time: when(run.hours), n: number(likelyAt(states, run.hours), 0) }) });
  return chapters.sort((one, other) => one.hour - other.hour);
}

export class LingjingStory extends LitElement {
  static override properties = {
    chapters: { attribute: false },
    hour: { type: Number },
    language: { type: String },
    at: { state: true },
    paused: { state: true },
  };

  declare chapters: readonly Chapter[];
  declare hour: number;
  declare language: Locale;
  declare at: number;
  declare paused: boolean;
  private timer: number | undefined;

  constructor() {
    super();
    this.chapters = [];
    this.hour = 0;
    this.language = "zh-CN";
    this.at = 0;
    this.paused = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearTimeout(this.timer);
  }

  override firstUpdated(): void {
    this.tell(0);
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has("chapters")) this.at = Math.min(this.at, Math.max(0, this.chapters.length - 1));
  }

  override render() {
    const chapter = this.chapters[this.at];
    const last = this.at >= this.chapters.length - 1;
    return html`<section class="story" aria-label=${t("story.label")}>
      <p class="story-text" aria-live="polite"><strong>${t("story.of", { at: this.at + 1, all: this.chapters.length })}</strong> ${chapter?.text}</p>
      <div class="story-buttons">
        <button type="button" id="story-back" ?disabled=${this.at === 0} @click=${() => this.tell(this.at - 1)}>${t("story.back")}</button>
        <button type="button" id="story-pause" aria-pressed=${this.paused} @click=${() => this.pause()}>${t(this.paused ? "story.goOn" : "story.pause")}</button>
        <button type="button" id="story-on" ?disabled=${last} @click=${() => this.tell(this.at + 1)}>${t("story.on")}</button>
        <button type="button" id="story-close" @click=${() => this.say("story-closed", null)}>${t("story.close")}</button>
      </div>
    </section>`;
  }

  private pause(): void {
    this.paused = !this.paused;
    if (this.paused) window.clearTimeout(this.timer);
    else this.timer = window.setTimeout(() => this.next(), HOUR_MS);
  }

  private tell(at: number): void {
    const chapter = this.chapters[at];
    if (!chapter) return;
    this.at = at;
    window.clearTimeout(this.timer);
    this.say("story-step", chapter);
    if (!this.paused) this.timer = window.setTimeout(() => this.next(), DWELL_MS);
  }

  /** Hour by hour to the next chapter. */
  private next(): void {
    const chapter = this.chapters[this.at + 1];
    if (!chapter) {
      this.paused = true;
      return;
    }
    if (this.hour < chapter.hour - 1) {
      this.say("hour-chosen", this.hour + 1);
      this.timer = window.setTimeout(() => this.next(), HOUR_MS);
    } else this.tell(this.at + 1);
  }

  private say(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }
}

customElements.define("lingjing-story", LingjingStory);
