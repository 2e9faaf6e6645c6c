/** Where a key or token is entered that opens the server, and given up again. */

import { html, LitElement, nothing } from "lit";
import { accessKey } from "./access";
import type { Locale, Who } from "./api";
import { t } from "./text";

export class LingjingKeyEntry extends LitElement {
  static override properties = {
    language: { type: String },
    who: { attribute: false },
    refused: { type: String },
  };

  declare language: Locale;
  declare who: Who | null;
  /** What the server said of the last try. */
  declare refused: string;

  constructor() {
    super();
    this.language = "zh-CN";
    this.who = null;
    this.refused = "";
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const enter = (event: Event) => {
      event.preventDefault();
      const field = this.querySelector<HTMLInputElement>("#access-key");
      this.say(field?.value ?? "");
      if (field) field.value = "";
    };
    return html`<form class="key-entry" @submit=${enter}>
      <h2>${t("key.title")}</h2>
      <p>${t("key.what")}</p>
      ${this.refused ? html`<p class="notice bad" role="alert">${this.refused}</p>` : nothing}
      <label for="access-key">${t("key.label")}</label>
      <input id="access-key" type="password" autocomplete="off" spellcheck="false" required />
      <div class="story-buttons">
        <button type="submit" class="primary">${t("key.enter")}</button>
        ${accessKey() ? html`<button type="button" id="give-up-key" @click=${() => this.say("")}>${t("key.giveUp")}</button>` : nothing}
      </div>
    </form>`;
  }

  private say(key: string): void {
    this.dispatchEvent(new CustomEvent("key-entered", { bubbles: true, detail: key }));
  }
}

customElements.define("lingjing-key-entry", LingjingKeyEntry);
