/** The tab of the ranked work. */

import { html } from "lit";
import { parametersOf } from "../choice";
import "../exports";
import "../filters";
import { addTab } from "../slots";
import "../work-list";

addTab({
  id: "work",
  label: "tab.work",
  order: 10,
  content: ({ reading, language, job, narrow, elder }) => {
    const { choice, chosen, page, run } = reading.now;
    return html`<lingjing-filters .choice=${choice} .chosen=${chosen} .work=${page} .actions=${true} .start=${run ? Date.parse(run.start) : 0} .hours=${run?.hours ?? 0}
        .language=${language} .folded=${narrow || elder}></lingjing-filters>
      <lingjing-work-list .page=${page} .language=${language} .chosen=${job}
        @page-turned=${(event: CustomEvent<number>) => void reading.turn(event.detail)}></lingjing-work-list>
      <lingjing-exports .run=${run?.run ?? ""} list="work" .query=${parametersOf(choice)} .language=${language}></lingjing-exports>`;
  },
});
