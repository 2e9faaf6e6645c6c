/** The tab that says as a table what the map shows, of every layer. */

import { html } from "lit";
import { parametersOf } from "../choice";
import "../exports";
import "../filters";
import "../object-table";
import { addTab } from "../slots";
import { kindTitles } from "../titles";

addTab({
  id: "objects",
  label: "tab.objects",
  order: 20,
  content: ({ reading, hour, language, card, narrow, elder }) => {
    const { choice, chosen, page, run } = reading.now;
    const events = reading.shownEvents;
    const query = [...parametersOf(choice).filter(([name]) => name !== "action"), ...events];
    return html`<lingjing-filters .choice=${choice} .chosen=${chosen} .work=${page} .start=${run ? Date.parse(run.start) : 0} .hours=${run?.hours ?? 0}
        .language=${language} .folded=${narrow || elder}></lingjing-filters>
      <lingjing-object-table .run=${run?.run ?? ""} .choice=${choice} .events=${events} .kinds=${kindTitles(reading.now.kinds)}
        .hour=${hour} .language=${language} .chosen=${card?.id ?? ""}></lingjing-object-table>
      <lingjing-exports .run=${run?.run ?? ""} list="objects" .query=${[...query, ["hour", String(Math.max(hour, 0))]]} .language=${language}></lingjing-exports>`;
  },
});
