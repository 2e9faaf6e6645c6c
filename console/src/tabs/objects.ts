/** The tab that says as a table what the map shows. */

import { html } from "lit";
import "../object-table";
import { addTab } from "../slots";

addTab({
  id: "objects",
  label: "tab.objects",
  order: 20,
  content: ({ reading, hour, language }) => {
    const { features, states } = reading.now;
    return html`<lingjing-object-table .layers=${features} .states=${states} .hour=${hour} .language=${language}></lingjing-object-table>`;
  },
  shown: ({ reading }, shown) => reading.wantTable(shown),
});
