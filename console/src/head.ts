/** The head of the page: which district and run, and the page's switches. */

import { html, LitElement, nothing } from "lit";
import type { District, Locale, RunDetail, RunHead, Who } from "./api";
import type { Theme } from "./colours";
import type { Settings } from "./memory";
import { date, of, t, toldApart } from "./text";

export class LingjingHead extends LitElement {
  static override properties = {
    districts: { attribute: false },
    district: { attribute: false },
    runs: { attribute: false },
    run: { attribute: false },
    language: { type: String },
    theme: { type: String },
    elder: { type: Boolean },
    narrow: { type: Boolean },
    who: { attribute: false },
  };

  declare districts: District[];
  declare district: District | null;
  declare runs: RunHead[];
  declare run: RunDetail | null;
  declare language: Locale;
  declare theme: Theme;
  declare elder: boolean;
  declare narrow: boolean;
  declare who: Who | null;

  constructor() {
    super();
    this.districts = [];
    this.district = null;
    this.runs = [];
    this.run = null;
    this.language = "zh-CN";
    this.theme = "day";
    this.elder = false;
    this.narrow = false;
    this.who = null;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const elder = html`<button type="button" id="elder" aria-pressed=${this.elder} @click=${() => this.prefer({ elder: !this.elder })}>${t("head.elder")}</button>`;
    if (!this.folded) {
      return html`
        <header class="head">
          ${this.brand()} ${this.choices()}
          <div class="switches">${this.doings()} ${this.languageSwitch()} ${elder} ${this.themeSwitch()}</div>
        </header>
      `;
    }
    return html`
      <header class="head">
        ${this.brand()}
        <div class="switches">${elder}</div>
        <details class="head-more">
          <summary id="options">${t("head.options")}</summary>
          <div class="head-options">
            ${this.choices()}
            <div class="switches">${this.doings()} ${this.languageSwitch()} ${this.themeSwitch()}</div>
          </div>
        </details>
      </header>
    `;
  }

  /** Whether there is little room, so that choices and labels fold away. */
  private get folded(): boolean {
    return this.narrow || this.elder;
  }

  private brand() {
    const [name, ...rest] = t("page.title").split(" · ");
    return html`<div class="brand"><img src="/icon.svg" alt="" width="36" height="36" /><h1>${name}<span class="brand-more"> · ${rest.join(" · ")}</span></h1></div>`;
  }

  private choices() {
    const here = this.runs.filter((item) => item.district === this.district?.name);
    const districts = toldApart(this.districts.map((item) => of(item.title)), this.districts.map((item) => item.name));
    const runs = toldApart(
      here.map((item) => `${of(item.scenario_title)} · ${date(item.start)} · ${t("head.hours", { n: item.hours })}${item.whatif ? ` · ${item.whatif}` : ""}`),
      here.map((item) => item.run.split("-").slice(-2).join("-")),
    );
    return html`<div class="choices">
      ${this.districts.length > 0
        ? html`<label>${t("head.district")}
            <select id="district" @change=${(event: Event) => this.say("district-chosen", (event.target as HTMLSelectElement).value)}>
              ${this.districts.map((item, index) => html`<option value=${item.name} ?selected=${item.name === this.district?.name}>${districts[index]}</option>`)}
            </select></label>`
        : nothing}
      ${here.length > 0
        ? html`<label>${t("head.run")}
            <select id="run" @change=${(event: Event) => this.say("run-chosen", (event.target as HTMLSelectElement).value)}>
              ${here.map((item, index) => html`<option value=${item.run} ?selected=${item.run === this.run?.run}>${runs[index]}</option>`)}
            </select></label>`
        : nothing}
    </div>`;
  }

  /** What can be done with what is shown; and as whom. */
  private doings() {
    const { who } = this;
    return html`
      ${this.run ? html`<button type="button" id="tell" @click=${() => this.say("tell-story", null)}>${t("head.story")}</button>` : nothing}
      ${this.district
        ? html`<button type="button" id="picture" @click=${() => this.say("save-picture", null)}>${t("head.picture")}</button>
            <button type="button" id="copy-link" @click=${() => this.say("copy-link", null)}>${t("head.link")}</button>`
        : nothing}
      ${who?.guarded
        ? html`<button type="button" id="who" title=${t("key.hint")} @click=${() => this.say("show-key", null)}>${who.name === "anonymous" ? t("role.public") : t(`role.${who.role}`)}</button>`
        : nothing}
    `;
  }

  private languageSwitch() {
    const other: Locale = this.language === "en" ? "zh-CN" : "en";
    return html`<button type="button" id="language" lang=${other} @click=${() => this.prefer({ language: other })}>${other === "en" ? "English" : "中文"}</button>`;
  }

  private themeSwitch() {
    const night = this.theme === "night";
    return html`<button type="button" id="theme" aria-pressed=${night} @click=${() => this.prefer({ theme: night ? "day" : "night" })}>${t("head.night")}</button>`;
  }

  private prefer(chosen: Partial<Settings>): void {
    this.say("settings-chosen", chosen);
  }

  private say(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }
}

customElements.define("lingjing-head", LingjingHead);
