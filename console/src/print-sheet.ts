/** The list or the card on A4 paper, with what must stand on every product of a run. */

import { html, nothing, render } from "lit";
import { api, type Card, type ObjectRow, type RunDetail, type WorkRow } from "./api";
import { parametersOf, type Choice } from "./choice";
import { choice as word, clock, date, minutes, named, of, percent, t, zoneName } from "./text";
import { amount } from "./work-list";

/** Rows of a list that go on paper; the rest is in the files. */
export const MOST_ROWS = 200;

export interface Printed {
  run: RunDetail;
  title: string;
  /** The hour shown, as an instant [ms]. */
  at: number;
  now: number;
  choice: Choice;
}

/** A text inside a style sheet's quotes. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&").replace(/[\n\r\f]/g, " ")}"`;
}

/** What stands at the edge of every page: run and labels, when it was printed, and its number. */
export function pageRule({ run, now, title }: Printed): string {
  const head = [title, of(run.scenario_title), ...run.labels.map((label) => of(label).split(/[：:]/, 1)[0])].join(" · ");
  const foot = t("print.foot", { run: run.run, time: date(new Date(now).toISOString()) });
  return `@page {
    size: A4; margin: 19mm 14mm 17mm;
    @top-left { content: ${quoted(head)}; font-size: 8.5pt; }
    @bottom-left { content: ${quoted(foot)}; font-size: 8.5pt; }
    @bottom-right { content: counter(page) " / " counter(pages); font-size: 8.5pt; }
  }`;
}

function head(printed: Printed) {
  const { run, title, at, now, choice } = printed;
  const filters = parametersOf(choice).map(([, value]) => named(value));
  return html`<header class="print-head">
    <h1>${title} · ${of(run.scenario_title)}</h1>
    ${run.texts[document.documentElement.lang === "en" ? "en" : "zh-CN"].slice(0, 2).map((text) => html`<p><strong>${named(text)}</strong></p>`)}
    <p>${t("print.head", { start: clock(run.start), n: run.hours, zone: zoneName(), written: date(run.written_at), run: run.run })}</p>
    <p>${t("print.at", { at: clock(at), now: date(new Date(now).toISOString()) })}</p>
    ${run.summary.alarm ? html`<p><strong>${t("print.signal", { text: of(run.summary.alarm.text) })}</strong></p>` : nothing}
    ${filters.length > 0 ? html`<p>${t("print.filters", { filters: filters.join("、") })}</p>` : nothing}
    ${run.labels.map((label) => html`<p class="print-label">${of(label)}</p>`)}
  </header>`;
}

function workTable(rows: readonly WorkRow[]) {
  return html`<table class="print-list"><thead><tr>${["print.rank", "print.work", "card.chance", "print.by", "work.owner", "card.effort", "card.amount", "print.done"].map((key) => html`<th scope="col">${t(key)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr><td>${row.rank}</td><td><strong>${of(row.title)}</strong><br />${of(row.reason)}</td><td>${percent(row.probability)}</td><td>${clock(row.onset_early ?? row.onset)}</td>
      <td>${word("owner", row.owner)}</td><td>${minutes(row.effort_minutes)}</td><td>${row.amount > 0 ? amount(row) : ""}</td><td class="print-box">☐</td></tr>`)}</tbody></table>`;
}

function objectTable(rows: readonly ObjectRow[], kinds: Readonly<Record<string, string>>) {
  return html`<table class="print-list"><thead><tr>${["objects.title", "filter.kind", "work.street", "objects.chance", "objects.probability", "objects.onset"].map((key) => html`<th scope="col">${t(key)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr><td><strong>${of(row.title)}</strong></td><td>${kinds[row.kind] ?? row.kind}</td><td>${named(row.sub_district)}</td>
      <td>${row.chance === null ? "" : percent(row.chance)}</td><td>${row.probability === null ? "" : percent(row.probability)}</td><td>${row.onset === null ? "" : clock(row.onset)}</td></tr>`)}</tbody></table>`;
}

const more = (shown: number, total: number) => (total > shown ? html`<p>${t("print.more", { n: shown, total })}</p>` : nothing);

/** The work that is chosen. */
export async function workSheet(printed: Printed) {
  const page = await api.work(printed.run.run, [...parametersOf(printed.choice), ["limit", String(MOST_ROWS)]]);
  return html`${head(printed)}<h2>${t("tab.work")} · ${t("work.count", { n: page.total, of: page.of })}</h2>${workTable(page.rows)}${more(page.rows.length, page.total)}`;
}

/** The objects that are chosen, the likeliest first. */
export async function objectSheet(printed: Printed, hour: number, events: [string, string][], kinds: Readonly<Record<string, string>>) {
  const chosen = parametersOf(printed.choice).filter(([name]) => name !== "action");
  const page = await api.objects(printed.run.run, [...chosen, ...events, ["hour", String(Math.max(hour, 0))], ["limit", String(MOST_ROWS)]]);
  return html`${head(printed)}<h2>${t("tab.objects")} · ${t("objects.count", { n: page.total, of: page.of })}</h2>${objectTable(page.rows, kinds)}${more(page.rows.length, page.total)}`;
}

/** The open card as it stands on the page, its charts as pictures. */
export function cardSheet(printed: Printed, card: Card, shown: HTMLElement) {
  const copy = shown.cloneNode(true) as HTMLElement;
  const drawn = shown.querySelectorAll("canvas");
  copy.querySelectorAll("canvas").forEach((canvas, index) => {
    const picture = document.createElement("img");
    picture.src = drawn[index]?.toDataURL("image/png") ?? "";
    picture.alt = "";
    canvas.replaceWith(picture);
  });
  for (const left of copy.querySelectorAll("button:not(.part), select, .charts-head label")) left.remove();
  for (const named of copy.querySelectorAll("[id]")) named.removeAttribute("id");
  return html`${head(printed)}${copy.querySelector("article") ?? copy}<p class="print-label">${card.id}</p>`;
}

/** Put a sheet into the document, print it, and take it away again. */
export async function printSheet(printed: Printed, content: unknown): Promise<void> {
  document.querySelector(".print-sheet")?.remove();
  const sheet = document.createElement("section");
  sheet.className = "print-sheet";
  render(content, sheet);
  document.body.append(sheet);
  const rule = new CSSStyleSheet();
  rule.replaceSync(pageRule(printed));
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, rule];
  await Promise.all([...sheet.querySelectorAll("img")].map((picture) => picture.decode().catch(() => undefined)));
  const done = () => {
    sheet.remove();
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== rule);
  };
  window.addEventListener("afterprint", done, { once: true });
  window.print();
}
