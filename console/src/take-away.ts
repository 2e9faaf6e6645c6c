/** What is shown, to take away: the link that restores it, and the map as a picture. */

import { scaleRows } from "./legend";
import type { LingjingMap } from "./map";
import { drawPicture, savePicture } from "./picture";
import type { PageContext } from "./slots";
import { clock, date, of, t, zoneName } from "./text";

/** Copy the address that restores what is shown; what to tell the person. */
export async function copyLink(): Promise<string> {
  try {
    await navigator.clipboard.writeText(location.href);
    return t("said.link");
  } catch {
    return t("said.noLink"); // the browser does not let us; the address bar has it
  }
}

/** Save the map with its time, its legend and its sources. */
export async function saveMap(map: LingjingMap | null, page: PageContext, attribution: string): Promise<void> {
  const { district, quantities, run, showing, titles } = page.reading.now;
  if (!map?.canvas || !district) return;
  const instant = run ? Date.parse(run.start) + page.hour * 3_600_000 : 0;
  const names = (["roads", "buildings"] as const).map((layer) => showing[layer].number?.name ?? quantities[layer] ?? "");
  const shows = names.map((name) => of(titles[name])).filter(Boolean).join(" / ");
  const time = run ? `${clock(instant)} ${zoneName()} · ${of(run.scenario_title)} ${date(run.start)} · ${shows}` : date(district.updated_at);
  const labels = run ? run.labels.map(of) : district.synthetic ? [t("label.syntheticDistrict")] : [];
  const scales = run ? scaleRows(page.mode, showing, quantities, titles, page.theme) : [];
  const caption = { title: of(district.title), time, labels, attribution };
  await savePicture(drawPicture(map.canvas, caption, scales, page.theme), `${district.name}-${run?.run ?? ""}-${page.hour}h.png`);
}
