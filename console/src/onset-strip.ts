/** When an event begins: its percentiles over the chance at each hour, as the run holds them. */

import { html, nothing, svg } from "lit";
import type { CardOutcome, CardSeries } from "./api";
import { clock, of, percent, t } from "./text";

const WIDTH = 640;
const HEIGHT = 92;
const BASE = 70;
const HOUR_MS = 3_600_000;

export function onsetStrip(event: CardOutcome, series: CardSeries | undefined, start: number, hour: number) {
  const hourly = series?.probability ?? [];
  const length = Math.max(hourly.length, 2);
  if (event.onset_p50 === null) return nothing;
  const x = (hours: number) => (Math.min(Math.max(hours, 0), length - 1) / (length - 1)) * WIDTH;
  const at = (instant: string | null) => (instant === null ? null : x((Date.parse(instant) - start) / HOUR_MS));
  const [early, median, late] = [at(event.onset_p10), at(event.onset_p50), at(event.onset_p90)];
  const words = t("onset.words", {
    title: of(event.title),
    chance: percent(event.probability ?? 0),
    early: clock(event.onset_p10),
    median: clock(event.onset_p50),
    late: clock(event.onset_p90),
  });
  const step = WIDTH / (length - 1);
  return html`<figure class="onset">
    <figcaption>${t("onset.title", { title: of(event.title) })}</figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${words} preserveAspectRatio="none">
      ${hourly.map((value, index) => svg`<rect class="onset-bar" x=${Math.max(0, index * step - step / 2)} width=${Math.max(step - 0.6, 0.6)} y=${BASE - (value ?? 0) * (BASE - 8)} height=${(value ?? 0) * (BASE - 8)}></rect>`)}
      <line class="onset-axis" x1="0" x2=${WIDTH} y1=${BASE} y2=${BASE}></line>
      ${early !== null && late !== null ? svg`<rect class="onset-range" x=${early} width=${Math.max(late - early, 2)} y=${BASE + 5} height="12"></rect>` : nothing}
      ${median !== null ? svg`<line class="onset-median" x1=${median} x2=${median} y1="4" y2=${BASE + 20}></line>` : nothing}
      <line class="onset-now" x1=${x(hour)} x2=${x(hour)} y1="4" y2=${BASE}></line>
    </svg>
    <p class="onset-ends muted"><span>${clock(start)}</span><span>${clock(start + (length - 1) * HOUR_MS)}</span></p>
    <p>${words}</p>
    <p class="muted onset-key"><span class="key onset-key-bar"></span>${t("onset.hourly")} <span class="key onset-key-range"></span>${t("onset.range")} <span class="key onset-key-median"></span>${t("chart.median")}</p>
  </figure>`;
}
