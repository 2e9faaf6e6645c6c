/** The tab of the ranked work. */

import { html } from "lit";
import { addTab } from "../slots";
import "../work-list";
import type { Filters } from "../work-list";

addTab({
  id: "work",
  label: "tab.work",
  order: 10,
  content: ({ reading, language, job, narrow, elder }) => {
    const { page, filters } = reading.now;
    return html`<lingjing-work-list .page=${page} .filters=${filters} .language=${language} .chosen=${job} .folded=${narrow || elder}
      @filters-changed=${(event: CustomEvent<Filters>) => void reading.filter(event.detail)}></lingjing-work-list>`;
  },
});
