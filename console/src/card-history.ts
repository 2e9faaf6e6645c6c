/** How an object changed in the twin, and what other runs foresaw for it. */

import { html, nothing } from "lit";
import type { EarlierForecast, History, ObjectChange } from "./api";
import { age, choice, clock, date, named, number, of, t } from "./text";
import { meter } from "./work-list";

export function historyOf(history: History | null, trouble: boolean) {
  return html`<section class="history"><h3>${t("history.title")}</h3>
    ${trouble ? html`<p class="muted">${t("history.trouble")}</p>` : history ? parts(history) : html`<p class="muted">${t("state.loading")}</p>`}
  </section>`;
}

function parts({ changes, forecasts, forecasts_total, kept }: History) {
  return html`
    <h4>${t("history.forecasts")}</h4>
    ${forecasts.length > 0
      ? html`<table><thead><tr><th scope="col">${t("history.run")}</th><th scope="col">${t("card.event")}</th><th scope="col">${t("card.chance")}</th><th scope="col">${t("card.onset")}</th></tr></thead>
          <tbody>${forecasts.map(forecastRow)}</tbody></table>
          ${forecasts_total > forecasts.length ? html`<p class="muted">${t("history.moreRuns", { n: forecasts_total - forecasts.length })}</p>` : nothing}`
      : html`<p class="muted">${t("history.noForecasts")}</p>`}
    <h4>${t("history.changes")}</h4>
    ${changes.length > 0 ? html`<ol class="plain changes">${changes.map(changeRow)}</ol>` : html`<p class="muted">${t(kept ? "history.noChanges" : "history.notKept")}</p>`}
  `;
}

function forecastRow(row: EarlierForecast) {
  return html`<tr><th scope="row">${clock(row.start)}<span class="muted small block">${row.weather} · ${t("head.hours", { n: row.hours })}</span></th>
    <td>${row.title ? of(row.title) : t("history.silent")}</td><td>${row.probability === null ? t("value.none") : meter(row.probability)}</td><td>${clock(row.onset_p50)}</td></tr>`;
}

function changeRow(change: ObjectChange) {
  const what = change.title ? of(change.title) : t("history.object");
  return html`<li><strong>${what}</strong> ${t(`history.${change.operation}`)} ${valueOf(change)}
    <span class="provenance">${date(change.at)} · ${age(change.at)}${change.source ? ` · ${change.source}` : ""}${change.synthetic ? ` · ${t("label.synthetic")}` : ""}</span></li>`;
}

function valueOf({ attribute, unit, value }: ObjectChange): string {
  if (value === null) return "";
  if (typeof value === "boolean") return t(value ? "value.yes" : "value.no");
  if (typeof value === "number") return `${number(value, 3)} ${unit}`.trim();
  return attribute ? choice(attribute, named(value)) : value;
}
