/** The tab of what-ifs, and the comparison that takes the map's place. */

import { html, nothing } from "lit";
import "../compare-stage";
import "../remedies";
import "../whatif-panel";
import { addStage, addTab, type PageContext } from "../slots";
import type { Pair } from "../whatif-panel";

const KEY = "compare";

/** The pair compared, from the shared address, so that a link restores it. */
function pairOf(page: PageContext): Pair | null {
  const text = page.reading.now.shared[KEY];
  if (!text) return null;
  try {
    const [a, b, ...named] = JSON.parse(text) as string[];
    return a && b ? { a, b, named: [named[0] ?? a, named[1] ?? b] } : null;
  } catch {
    return null;
  }
}

let last: { text: string; pair: Pair | null } = { text: "", pair: null };

/** The same object as long as the pair is the same. */
function steadyPair(page: PageContext): Pair | null {
  const text = page.reading.now.shared[KEY] ?? "";
  if (text !== last.text) last = { text, pair: pairOf(page) };
  return last.pair;
}

function choose(page: PageContext, from: EventTarget | null, pair: Pair | null): void {
  page.reading.share(KEY, pair ? JSON.stringify([pair.a, pair.b, ...pair.named]) : "");
  from?.dispatchEvent(new CustomEvent("show-stage", { bubbles: true, detail: pair ? KEY : "" }));
}

/** A run came or went: read the list anew, and leave a run that is gone for the one it came from. */
function runsChanged(page: PageContext, { gone, base }: { gone: string | null; base: string }): void {
  if (gone !== null && page.reading.now.run?.run === gone) page.reading.chooseRun(base);
  void page.reading.refresh();
}

addStage({
  id: KEY,
  content: (page) => {
    const pair = steadyPair(page);
    return pair ? html`<lingjing-compare-stage .page=${page} .pair=${pair}></lingjing-compare-stage>` : nothing;
  },
});

addTab({
  id: "whatif",
  label: "tab.whatif",
  order: 30,
  content: (page) => html`<lingjing-whatifs .run=${page.reading.now.run} .who=${page.reading.now.who} .language=${page.language} .pair=${steadyPair(page)}
    @pair-chosen=${(event: CustomEvent<Pair | null>) => choose(page, event.currentTarget, event.detail)}
    @runs-changed=${(event: CustomEvent<{ gone: string | null; base: string }>) => runsChanged(page, event.detail)}
    @run-wanted=${(event: CustomEvent<string>) => void page.reading.chooseRun(event.detail)}></lingjing-whatifs>`,
});
