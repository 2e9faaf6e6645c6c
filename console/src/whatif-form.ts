/** The form of a new what-if: weather, assets, crews and material. */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import { ApiError, type Locale, type RunDetail } from "./api";
import { choice, clock, named, number, of, t } from "./text";
import { whatIfs, type AssetChange, type AttributeOption, type Changes, type KindOption, type Options, type WhatIf } from "./whatif-api";

/** One change of assets as it stands in the form; everything is text until it is sent. */
interface Draft {
  kind: string;
  street: string;
  age: string;
  building: string;
  bare: boolean;
  attribute: string;
  value: string;
  /** How many assets it means; null while that is not known. */
  count: number | null;
}

const WEATHER = [
  ["air_temperature_shift_C", "0", "0.5"],
  ["wind_speed_scale", "1", "0.1"],
  ["precipitation_scale", "1", "0.1"],
  ["spread_scale", "1", "0.1"],
] as const;
const SUPPLIES = ["crews", "salt_stock", "straw_mats"] as const;
/** What a change of a kind begins with: what people do before a cold wave. */
const USUAL: Record<string, [string, string]> = { RoadSegment: ["salt_round", "20"], WaterTank: ["insulation_thickness", "50"], Depot: ["crews", "8"] };

export class LingjingWhatIfForm extends LitElement {
  static override properties = {
    run: { attribute: false },
    language: { type: String },
    options: { state: true },
    drafts: { state: true },
    refused: { state: true },
    sending: { state: true },
  };

  declare run: RunDetail | null;
  declare language: Locale;
  declare options: Options | null;
  declare drafts: Draft[];
  declare refused: ApiError | "gone" | null;
  declare sending: boolean;

  private optionsOf = "";

  constructor() {
    super();
    this.run = null;
    this.language = "zh-CN";
    this.options = null;
    this.drafts = [];
    this.refused = null;
    this.sending = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override willUpdate(changed: PropertyValues): void {
    if (changed.has("run") && this.run && this.run.run !== this.optionsOf) {
      this.optionsOf = this.run.run;
      this.options = null;
      this.drafts = [];
      void this.read(this.run.run);
    }
  }

  override render() {
    const { options, refused } = this;
    if (!options) return html`<p class="muted" role="status">${refused ? this.why() : t("state.loading")}</p>`;
    return html`
      <form class="whatif-form" @submit=${(event: Event) => void this.send(event)} novalidate>
        <p class="muted">${this.from()}</p>
        <label>${t("whatif.name")} <input name="name" required maxlength="80" autocomplete="off" aria-describedby="whatif-refused" /></label>
        <label>${t("whatif.note")} <input name="note" maxlength="200" autocomplete="off" /></label>
        <fieldset><legend>${t("whatif.weather")}</legend>
          <div class="whatif-grid">
            ${WEATHER.map(([name, neutral, step]) => {
              const [least, most] = options.weather_bounds[name] ?? [0, 10];
              return html`<label>${t(`whatif.weather.${name}`)} <input type="number" name=${name} min=${least} max=${most} step=${step} value=${neutral} inputmode="decimal" /></label>`;
            })}
            ${options.weather_records.length > 0
              ? html`<label>${t("whatif.weather.record")} <select name="record"><option value="">${t("whatif.weather.same")}</option>${options.weather_records.map((name) => html`<option>${name}</option>`)}</select></label>`
              : nothing}
          </div>
        </fieldset>
        <fieldset><legend>${t("whatif.assets")}</legend>
          ${this.drafts.map((draft, at) => this.draft(draft, at, options))}
          <button type="button" @click=${() => this.add(options)}>${t("whatif.addChange")}</button>
        </fieldset>
        <fieldset><legend>${t("whatif.supplies")}</legend>
          <div class="whatif-grid">
            ${SUPPLIES.map((name) => html`<label>${t(`whatif.supplies.${name}`)} <input type="number" name=${name} min="0" max="100" step="0.1" value="1" inputmode="decimal" /></label>`)}
          </div>
        </fieldset>
        <p class="muted">${t("whatif.same")}</p>
        <p class="notice bad" id="whatif-refused" role="alert" ?hidden=${refused === null}>${this.why()}</p>
        <div class="whatif-actions">
          <button class="primary" ?disabled=${this.sending}>${t("whatif.run")}</button>
          <button type="button" @click=${() => this.leave()}>${t("whatif.back")}</button>
        </div>
      </form>
    `;
  }

  /** Which run the what-if starts from: the one shown, which may itself be a what-if's. */
  private from(): string {
    const { run } = this;
    if (!run) return "";
    const what = run.record?.whatif?.name;
    const start = clock(run.start);
    return what ? t("whatif.fromWhatIf", { name: what, start }) : t("whatif.from", { weather: run.weather, start });
  }

  private draft(draft: Draft, at: number, options: Options) {
    const kind = options.kinds.find((item) => item.kind === draft.kind);
    const attribute = kind?.attributes.find((item) => item.name === draft.attribute);
    const change = (part: Partial<Draft>) => this.change(at, part);
    const chosen = (event: Event) => (event.target as HTMLSelectElement).value;
    const water = draft.kind !== "RoadSegment" && draft.kind !== "Depot";
    return html`
      <fieldset class="whatif-change"><legend>${t("whatif.changeNumber", { n: at + 1 })}</legend>
        <div class="whatif-grid">
          <label>${t("whatif.kind")} <select @change=${(event: Event) => this.chooseKind(at, chosen(event), options)}>
            ${options.kinds.map((item) => html`<option value=${item.kind} ?selected=${item.kind === draft.kind}>${of(item.title)} (${number(item.count, 0)})</option>`)}</select></label>
          <label>${t("whatif.street")} <select @change=${(event: Event) => change({ street: chosen(event) })}>
            <option value="">${t("whatif.everywhere")}</option>
            ${options.sub_districts.map((name) => html`<option value=${name} ?selected=${name === draft.street}>${named(name)}</option>`)}</select></label>
          ${water
            ? html`<label>${t("whatif.age")} <select @change=${(event: Event) => change({ age: chosen(event) })}>
                <option value="">${t("whatif.anyAge")}</option>
                ${options.age_classes.map((name) => html`<option value=${name} ?selected=${name === draft.age}>${choice("age_class", name)}</option>`)}</select></label>
              <label>${t("whatif.building")} <input .value=${draft.building} maxlength="60" @change=${(event: Event) => change({ building: chosen(event) })} /></label>
              <label class="check"><input type="checkbox" .checked=${draft.bare} @change=${(event: Event) => change({ bare: (event.target as HTMLInputElement).checked })} /> ${t("whatif.bare")}</label>`
            : nothing}
          <label>${t("whatif.attribute")} <select @change=${(event: Event) => this.chooseAttribute(at, chosen(event), kind)}>
            ${(kind?.attributes ?? []).map((item) => html`<option value=${item.name} ?selected=${item.name === draft.attribute}>${of(item.title)}</option>`)}</select></label>
          ${attribute ? this.value(draft, attribute, change) : nothing}
        </div>
        <div class="whatif-actions">
          <span role="status">${draft.count === null ? t("whatif.counting") : t("whatif.means", { n: number(draft.count, 0) })}</span>
          <button type="button" @click=${() => this.takeAway(at)} aria-label=${t("whatif.removeNumber", { n: at + 1 })}>${t("whatif.remove")}</button>
        </div>
      </fieldset>`;
  }

  private value(draft: Draft, attribute: AttributeOption, change: (part: Partial<Draft>) => void) {
    const set = (event: Event) => change({ value: (event.target as HTMLInputElement).value });
    const label = attribute.unit ? t("whatif.valueIn", { unit: attribute.unit }) : t("whatif.value");
    if (attribute.type === "quantity") {
      return html`<label>${label} <input type="number" .value=${draft.value} min=${attribute.lower ?? 0} max=${attribute.upper ?? 0} step="any" inputmode="decimal" required @change=${set} /></label>`;
    }
    const choices = attribute.type === "flag" ? ["true", "false"] : (attribute.choices ?? []);
    const said = (item: string) => (attribute.type === "flag" ? t(`whatif.${item}`) : choice(attribute.name, item));
    return html`<label>${label} <select @change=${set}>${choices.map((item) => html`<option value=${item} ?selected=${item === draft.value}>${said(item)}</option>`)}</select></label>`;
  }

  private add(options: Options): void {
    const kind = options.kinds.find((item) => item.kind === "Riser") ?? options.kinds[0];
    if (!kind) return;
    const [attribute, value] = usual(kind);
    this.drafts = [...this.drafts, { kind: kind.kind, street: "", age: "", building: "", bare: false, attribute, value, count: null }];
    void this.count();
    void this.updateComplete.then(() => this.querySelector<HTMLElement>(".whatif-change:last-of-type select")?.focus());
  }

  private takeAway(at: number): void {
    this.drafts = this.drafts.filter((_, row) => row !== at);
  }

  private change(at: number, part: Partial<Draft>): void {
    const counted = "attribute" in part || "value" in part;
    this.drafts = this.drafts.map((draft, row) => (row === at ? { ...draft, ...part, ...(counted ? {} : { count: null }) } : draft));
    if (!counted) void this.count();
  }

  private chooseKind(at: number, name: string, options: Options): void {
    const kind = options.kinds.find((item) => item.kind === name);
    if (!kind) return;
    const [attribute, value] = usual(kind);
    this.drafts = this.drafts.map((draft, row) => (row === at ? { ...draft, kind: name, age: "", building: "", bare: false, attribute, value, count: null } : draft));
    void this.count();
  }

  private chooseAttribute(at: number, name: string, kind: KindOption | undefined): void {
    const attribute = kind?.attributes.find((item) => item.name === name);
    const value = attribute?.type === "quantity" ? String(Math.max(attribute.lower ?? 0, 0)) : attribute?.type === "flag" ? "true" : (attribute?.choices?.[0] ?? "");
    this.change(at, { attribute: name, value });
  }

  private async read(run: string): Promise<void> {
    try {
      const options = await whatIfs.options(run);
      if (this.optionsOf === run) this.options = options;
    } catch (error) {
      this.refused = error instanceof ApiError ? error : "gone";
    }
  }

  private async count(): Promise<void> {
    const { drafts, run } = this;
    if (!run) return;
    try {
      const counts = await whatIfs.counts(run.run, drafts.map(asChange));
      if (this.drafts === drafts) this.drafts = drafts.map((draft, at) => ({ ...draft, count: counts[at] ?? null }));
    } catch (error) {
      this.refused = error instanceof ApiError ? error : "gone";
    }
  }

  private why(): string {
    if (this.refused === null) return "";
    return this.refused === "gone" ? t("state.noAnswer") : `${of(this.refused.what)} ${of(this.refused.remedy)}`;
  }

  private async send(event: Event): Promise<void> {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const data = new FormData(form);
    const { run } = this;
    if (!run) return;
    this.sending = true;
    this.refused = null;
    try {
      const order = { name: String(data.get("name") ?? "").trim(), note: String(data.get("note") ?? "").trim(), run: run.run };
      const made = await whatIfs.create({ ...order, changes: changesOf(data, this.drafts) });
      this.dispatchEvent(new CustomEvent<WhatIf>("whatif-ordered", { bubbles: true, detail: made }));
    } catch (error) {
      this.refused = error instanceof ApiError ? error : "gone";
      await this.updateComplete;
      this.querySelector<HTMLElement>("#whatif-refused")?.scrollIntoView({ block: "nearest" });
    } finally {
      this.sending = false;
    }
  }

  private leave(): void {
    this.dispatchEvent(new CustomEvent("whatif-left", { bubbles: true }));
  }
}

function usual(kind: KindOption): [string, string] {
  const wanted = USUAL[kind.kind] ?? ["insulation_thickness", "30"];
  return kind.attributes.some((item) => item.name === wanted[0]) ? wanted : [kind.attributes[0]?.name ?? "", "0"];
}

export function asChange(draft: Pick<Draft, "kind" | "street" | "age" | "building" | "bare" | "attribute" | "value">): AssetChange {
  const { kind, street, age, building, bare, attribute, value } = draft;
  const select = {
    kind,
    ...(street ? { sub_districts: [street] } : {}),
    ...(age ? { age_classes: [age] } : {}),
    ...(building.trim() ? { building_name: building.trim() } : {}),
    ...(bare ? { bare } : {}),
  };
  const plain = value === "true" ? true : value === "false" ? false : value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
  return { select, set: { [attribute]: plain } };
}

/** What the form asks for: only what differs from how things are. */
export function changesOf(data: FormData, drafts: readonly Parameters<typeof asChange>[0][]): Changes {
  const weather: Record<string, number | string> = {};
  for (const [name, neutral] of WEATHER) {
    const value = String(data.get(name) ?? neutral);
    if (value.trim() !== "" && Number(value) !== Number(neutral)) weather[name] = Number(value);
  }
  const record = String(data.get("record") ?? "");
  if (record) weather["record"] = record;
  const supplies: Record<string, number> = {};
  for (const name of SUPPLIES) {
    const value = String(data.get(name) ?? "1");
    if (value.trim() !== "" && Number(value) !== 1) supplies[name] = Number(value);
  }
  return {
    ...(Object.keys(weather).length ? { weather } : {}),
    ...(drafts.length ? { assets: drafts.map(asChange) } : {}),
    ...(Object.keys(supplies).length ? { supplies } : {}),
  };
}

customElements.define("lingjing-whatif-form", LingjingWhatIfForm);
