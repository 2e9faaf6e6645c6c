/** What the run is: inputs, summary in words, sources with their licences, files to take away. */

import { html, LitElement, nothing } from "lit";
import { api, type District, type Locale, type RunDetail, type Source } from "./api";
import { heardOf } from "./heard";
import { clock, date, named, number, of, t } from "./text";

/** Whom to credit and under which licence; what is made up here, or says nothing, has neither. */
function creditOf(source: Source): string {
  const silent = source.licence === "unstated";
  if (source.attribution.includes(source.licence.split("-")[0] ?? "")) return source.attribution;
  const licence = silent ? (source.attribution && !source.synthetic ? t("run.noLicence") : "") : source.licence;
  return [source.attribution, licence].filter(Boolean).join(" · ");
}

export class LingjingRunFacts extends LitElement {
  static override properties = {
    run: { attribute: false },
    district: { attribute: false },
    language: { type: String },
  };

  declare run: RunDetail | null;
  declare district: District | null;
  declare language: Locale;

  constructor() {
    super();
    this.run = null;
    this.district = null;
    this.language = "zh-CN";
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const { run, district } = this;
    if (!run || !district) return nothing;
    const words = run.texts[this.language];
    return html`
      <h2>${of(run.scenario_title)}</h2>
      ${words.map((text) => html`<p>${named(text)}</p>`)}
      <dl class="facts">
        <div><dt>${t("run.window")}</dt><dd>${clock(run.start)} · ${t("head.hours", { n: run.hours })}</dd></div>
        <div><dt>${t("run.members")}</dt><dd>${number(run.members, 0)}</dd></div>
        <div><dt>${t("run.weather")}</dt><dd>${run.weather}</dd></div>
        <div><dt>${t("run.written")}</dt><dd>${date(run.written_at)}</dd></div>
        <div><dt>${t("run.buildings")}</dt><dd>${number(district.counts["Building"] ?? 0, 0)}</dd></div>
        <div><dt>${t("run.roads")}</dt><dd>${number(district.counts["RoadSegment"] ?? 0, 0)}</dd></div>
      </dl>
      ${heardOf(run.record?.inputs?.readings)}
      <h3>${t("run.sources")}</h3>
      <ul class="plain">
        ${district.sources.map((source) => html`<li><strong>${source.name}</strong> ${creditOf(source)}${source.synthetic ? html` <span class="tag">${t("label.synthetic")}</span>` : nothing}</li>`)}
      </ul>
      <h3>${t("run.files")}</h3>
      <ul class="plain">
        ${run.files.map((name) => html`<li><a href=${api.fileAddress(run.run, name)} download>${name}</a></li>`)}
      </ul>
    `;
  }
}

customElements.define("lingjing-run-facts", LingjingRunFacts);
