/** Why work has its rank: the factors of its score, in words, and how far each draws it down. */

import { html, nothing } from "lit";
import type { WorkRow } from "./api";
import { number, of, percent, t } from "./text";

export function rankOf(job: WorkRow, total: number) {
  const { averted_share, expected_harm_households, lead_factor } = job.factors;
  return html`
    <section class="reason" data-job=${job.id}>
      <h3><span class="rank" aria-label=${t("work.rank", { n: job.rank })}>${job.rank}</span> ${of(job.title)}</h3>
      <p class="why"><strong>${t("card.why")}</strong> ${of(job.reason)}</p>
      <p class="why muted">${of(job.ranking_reason)}</p>
      ${expected_harm_households > 0
        ? html`<dl class="factors" aria-label=${t("rank.label")}>
            ${step(t("rank.harm"), t("rank.households", { n: number(expected_harm_households) }), 1)}
            ${step(t("rank.averted"), `× ${percent(averted_share)}`, averted_share)}
            ${lead_factor === null ? nothing : step(t("rank.lead"), `× ${number(lead_factor, 2)}`, averted_share * lead_factor)}
            ${step(t("rank.score"), t("rank.households", { n: number(job.score) }), job.score / expected_harm_households, true)}
          </dl>`
        : nothing}
      <p class="muted">${t("rank.of", { n: job.rank, total: number(total, 0) })}</p>
    </section>
  `;
}

/** One factor, and the share of the harm that is left after it. */
function step(label: string, value: string, left: number, last = false) {
  const width = Math.round(Math.min(Math.max(left, 0), 1) * 100);
  return html`<div class="factor ${last ? "factor-last" : ""}"><dt>${label}</dt><dd><span class="factor-bar" aria-hidden="true"><span .style=${`width:${width}%`}></span></span> ${value}</dd></div>`;
}
