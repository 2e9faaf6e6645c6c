/** What became of the sensors that a run listened to: who corrected it, who was refused and why. */

import { html, nothing, type TemplateResult } from "lit";
import type { HeardSensor, RunReadings } from "./api";
import { date, hasText, number, percent, t } from "./text";

/** Sensors named at once; the rest is in the run's record. */
export const MOST_NAMED = 50;

function reasonOf(sensor: HeardSensor): string {
  const key = `heard.reason.${sensor.reason}`;
  return hasText(key) ? t(key) : (sensor.reason ?? "");
}

function row(sensor: HeardSensor): TemplateResult {
  const what =
    sensor.reason === null
      ? t("heard.gain", { gain: percent(sensor.gain ?? 0), hours: number(sensor.silent_h ?? 0, 1) })
      : t("heard.refused", { reason: reasonOf(sensor) });
  const open = (event: Event) =>
    event.target?.dispatchEvent(
      new CustomEvent("open-object", { bubbles: true, detail: { id: sensor.asset, from: "list" } }),
    );
  return html`<li><button type="button" class="part" @click=${open}><span>${sensor.asset.split(":").at(-1)}</span><span class="muted">${what}</span></button></li>`;
}

/** The part of a run's facts about sensors; a run that heard none says so. */
export function heardOf(readings: RunReadings | null | undefined): TemplateResult {
  if (!readings || readings.sensors.length === 0) return html`<h3>${t("heard.title")}</h3><p class="muted">${t("heard.none")}</p>`;
  const { sensors } = readings;
  return html`
    <h3>${t("heard.title")}</h3>
    <p>${t("heard.count", { taken: readings.taken, refused: readings.refused, n: readings.observations, until: date(readings.until) })}
      ${readings.synthetic ? html`<span class="tag">${t("label.synthetic")}</span>` : nothing}</p>
    <details><summary>${t("heard.which", { n: sensors.length })}</summary>
      <ul class="parts">${sensors.slice(0, MOST_NAMED).map(row)}</ul>
      ${sensors.length > MOST_NAMED ? html`<p class="muted">${t("heard.more", { n: sensors.length - MOST_NAMED })}</p>` : nothing}
    </details>
  `;
}
