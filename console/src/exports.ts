/** What is shown, to take away: as a file of all that is chosen, or on paper. */

import { html, LitElement } from "lit";
import { accessHeaders, accessKey } from "./access";
import { api, type ExportFormat, type Locale, type Query } from "./api";
import { t } from "./text";

const FORMATS: readonly ExportFormat[] = ["csv", "geojson", "parquet"];

export class LingjingExports extends LitElement {
  static override properties = {
    run: { type: String },
    list: { type: String },
    query: { attribute: false },
    language: { type: String },
    trouble: { state: true },
  };

  declare run: string;
  declare list: "work" | "objects";
  declare query: Query;
  declare language: Locale;
  declare trouble: boolean;

  constructor() {
    super();
    this.run = "";
    this.list = "work";
    this.query = [];
    this.language = "zh-CN";
    this.trouble = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    return html`<div class="exports" role="group" aria-label=${t("export.label")}>
      <span class="muted">${t("export.label")}</span>
      ${FORMATS.map((format) => html`<a class="export" href=${api.exportAddress(this.run, this.list, format, this.query)} download @click=${(event: Event) => void this.fetched(event, format)}>${t(`export.${format}`)}</a>`)}
      <button type="button" class="print" aria-keyshortcuts="p" @click=${() => this.dispatchEvent(new CustomEvent("print-view", { bubbles: true }))}>${t("export.print")}</button>
      ${this.trouble ? html`<span role="alert">${t("export.trouble")}</span>` : ""}
    </div>`;
  }

  /** A link shows no key, so where one is needed the file is fetched with it. */
  private async fetched(event: Event, format: ExportFormat): Promise<void> {
    if (!accessKey()) return;
    event.preventDefault();
    this.trouble = false;
    try {
      const response = await fetch(api.exportAddress(this.run, this.list, format, this.query), { headers: accessHeaders() });
      if (!response.ok) throw new Error(String(response.status));
      const address = URL.createObjectURL(await response.blob());
      const link = Object.assign(document.createElement("a"), { href: address, download: `${this.run}-${this.list}.${format}` });
      link.click();
      URL.revokeObjectURL(address);
    } catch {
      this.trouble = true;
    }
  }
}

customElements.define("lingjing-exports", LingjingExports);
