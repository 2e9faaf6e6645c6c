/** The close-up of buildings: 3D Tiles in three.js, read only when somebody asks for it. */

import { html } from "lit";
import { addStage, type PageContext } from "../slots";
import { t } from "../text";

let wanted: Promise<unknown> | null = null;

addStage({
  id: "closeup",
  content: (page: PageContext) => {
    // The chunk is larger than the rest of the page; it comes once.
    wanted ??= import("../closeup-stage");
    return html`<lingjing-closeup .page=${page} .hour=${page.hour} .theme=${page.theme} .language=${page.language} .card=${page.card}>
      <p class="closeup-wait">${t("state.loading")}</p></lingjing-closeup>`;
  },
});
