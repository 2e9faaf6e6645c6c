/** The tab that says what a run is made of. */

import { html } from "lit";
import "../run-facts";
import { addTab } from "../slots";

addTab({
  id: "run",
  label: "tab.run",
  order: 90,
  content: ({ reading, language }) => {
    const { district, run } = reading.now;
    return html`<lingjing-run-facts .run=${run} .district=${district} .language=${language}></lingjing-run-facts>`;
  },
});
