/** Finding an object by name, address, id or pinyin; a combobox after the ARIA pattern. */

import { html, LitElement, nothing } from "lit";
import { api, type Found, type Hit, type Locale } from "./api";
import { named, number, of, t } from "./text";

const PATIENCE_MS = 140;
const ALL = "all";

export class LingjingSearch extends LitElement {
  static override properties = {
    district: { type: String },
    language: { type: String },
    wanted: { state: true },
    found: { state: true },
    at: { state: true },
    open: { state: true },
    trouble: { state: true },
  };

  /** Name of the district to search in. */
  declare district: string;
  declare language: Locale;
  declare wanted: string;
  declare found: Found | null;
  /** Option in focus; −1 for the field itself. */
  declare at: number;
  declare open: boolean;
  declare trouble: boolean;

  private waiting: number | undefined;
  private asked = 0;
  private readonly elsewhere = (event: Event) => {
    if (!this.contains(event.target as Node)) this.open = false;
  };

  constructor() {
    super();
    this.district = "";
    this.language = "zh-CN";
    this.wanted = "";
    this.found = null;
    this.at = -1;
    this.open = false;
    this.trouble = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("pointerdown", this.elsewhere);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("pointerdown", this.elsewhere);
    window.clearTimeout(this.waiting);
  }

  /** Put the cursor into the field. */
  override focus(): void {
    this.querySelector("input")?.focus();
  }

  private get hits(): Hit[] {
    return this.found?.groups.flatMap((group) => group.hits) ?? [];
  }

  override render() {
    const shown = this.open && this.found !== null;
    const active = shown && this.at >= 0 ? `search-option-${this.at}` : nothing;
    return html`
      <div class="search" role="search" @focusout=${(event: FocusEvent) => this.onLeave(event)}>
        <label class="visually-hidden" for="search">${t("search.label")}</label>
        <input id="search" type="search" role="combobox" autocomplete="off" spellcheck="false" maxlength="200"
          aria-autocomplete="list" aria-controls="search-list" aria-expanded=${shown} aria-activedescendant=${active}
          placeholder=${t("search.hint")} .value=${this.wanted}
          @input=${(event: Event) => this.onInput((event.target as HTMLInputElement).value)}
          @focus=${() => (this.open = this.found !== null)}
          @keydown=${(event: KeyboardEvent) => this.onKey(event)} />
        <div id="search-list" class="search-list" role="listbox" aria-label=${t("search.results")} ?hidden=${!shown}
          @mousedown=${(event: Event) => event.preventDefault() /* the field keeps the focus */}>${shown ? this.options() : nothing}</div>
        <p class="visually-hidden" aria-live="polite">${shown && this.found ? t("search.said", { n: this.found.total }) : ""}</p>
        ${this.trouble ? html`<p class="muted" role="status">${t("search.trouble")}</p>` : nothing}
      </div>
    `;
  }

  private options() {
    const { found } = this;
    if (!found) return nothing;
    if (found.total === 0) return html`<div class="search-none" role="option" aria-disabled="true" aria-selected="false">${t("search.none", { q: found.q })}</div>`;
    let place = 0;
    return html`
      ${found.groups.map(
        (group, index) => html`<div role="group" aria-labelledby="search-group-${index}">
          <div class="search-kind" id="search-group-${index}" role="presentation">${of(group.title)} <span class="muted">${number(group.total, 0)}</span></div>
          ${group.hits.map((hit) => this.option(hit, place++))}
        </div>`,
      )}
      <div class="search-option search-all" role="option" id="search-option-${place}" aria-selected=${this.at === place} @click=${() => this.take(ALL)}>${t("search.all", { q: found.q })}</div>
    `;
  }

  private option(hit: Hit, place: number) {
    const street = hit.sub_district === hit.title["zh-CN"] ? "" : named(hit.sub_district);
    const where = [street, hit.address === of(hit.title) ? "" : hit.address].filter(Boolean).join(" · ");
    return html`<div class="search-option" role="option" id="search-option-${place}" aria-selected=${this.at === place} @click=${() => this.take(hit)}>
      <span class="search-name">${of(hit.title)}</span>
      <span class="muted">${where}${hit.count > 1 ? html` <span class="search-count">${t("search.count", { n: hit.count })}</span>` : nothing}</span>
    </div>`;
  }

  private onInput(wanted: string): void {
    this.wanted = wanted;
    this.at = -1;
    window.clearTimeout(this.waiting);
    if (wanted.trim() === "") {
      this.asked++;
      this.found = null;
      this.open = false;
      return;
    }
    this.waiting = window.setTimeout(() => void this.ask(wanted), PATIENCE_MS);
  }

  private async ask(wanted: string): Promise<void> {
    const asking = ++this.asked;
    try {
      const found = await api.search(this.district, wanted.trim());
      if (asking !== this.asked) return; // somebody typed on meanwhile
      Object.assign(this, { found, open: true, trouble: false });
    } catch {
      if (asking === this.asked) Object.assign(this, { found: null, open: false, trouble: true });
    }
  }

  private onKey(event: KeyboardEvent): void {
    if (event.isComposing) return; // an input method is choosing characters
    const last = this.found && this.found.total > 0 ? this.hits.length : -1;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && last >= 0) {
      if (!this.open) this.open = true;
      else this.at = ((this.at + 1 + step + last + 2) % (last + 2)) - 1;
      void this.updateComplete.then(() => this.querySelector(`#search-option-${this.at}`)?.scrollIntoView({ block: "nearest" }));
    } else if (event.key === "Enter" && this.open && last >= 0) {
      const at = Math.max(this.at, 0);
      this.take(this.hits[at] ?? ALL);
    } else if (event.key === "Escape" && (this.open || this.wanted)) {
      if (!this.open) this.onInput("");
      this.open = false;
      event.stopPropagation();
    } else return;
    event.preventDefault();
  }

  private onLeave(event: FocusEvent): void {
    if (event.relatedTarget && !this.contains(event.relatedTarget as Node)) this.open = false;
  }

  private take(what: Hit | typeof ALL): void {
    this.open = false;
    if (what === ALL) this.dispatchEvent(new CustomEvent("list-all", { bubbles: true, detail: this.found?.q ?? "" }));
    else this.dispatchEvent(new CustomEvent("open-object", { bubbles: true, detail: { id: what.id, from: "list" } }));
  }
}

customElements.define("lingjing-search", LingjingSearch);
