/** A fan chart: median, the 25–75 and 10–90 bands, or an hourly probability. */

import "uplot/dist/uPlot.min.css";
import { html, LitElement, type PropertyValues } from "lit";
import uPlot from "uplot";
import type { CardSeries, Locale, SensorReading } from "./api";
import { clock, number, of, percent, t, zone } from "./text";

export class LingjingChart extends LitElement {
  static override properties = {
    series: { attribute: false },
    start: { type: Number },
    hour: { type: Number },
    language: { type: String },
    theme: { type: String },
    scale: { type: Number },
    readings: { attribute: false },
  };

  declare series: CardSeries | null;
  declare start: number;
  declare hour: number;
  declare language: Locale;
  declare theme: string;
  declare scale: number;
  /** Sensor readings that lie over the fan. */
  declare readings: readonly SensorReading[];
  private plot: uPlot | null = null;
  private resizing: ResizeObserver | null = null;

  constructor() {
    super();
    this.series = null;
    this.start = 0;
    this.hour = 0;
    this.language = "zh-CN";
    this.theme = "day";
    this.scale = 1;
    this.readings = [];
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    const series = this.series;
    if (!series) return html``;
    const label = t("chart.label", { title: of(series.title) });
    return html`
      <figure class="chart">
        <figcaption>${of(series.title)}${series.unit ? html` <span class="muted">[${series.unit}]</span>` : ""}</figcaption>
        <div class="plot" role="img" aria-label="${label} ${this.reading()}"></div>
        <p class="chart-reading">${this.reading()}</p>
        ${series.event
          ? ""
          : html`<p class="muted chart-key">
              <span class="key key-median"></span>${t("chart.median")}
              <span class="key key-inner"></span>${t("chart.inner")}
              <span class="key key-outer"></span>${t("chart.outer")}
              ${this.readings.length > 0 ? html`<span class="key key-reading"></span>${t("chart.readings")}` : ""}
            </p>`}
      </figure>
    `;
  }

  /** The values at the chosen hour, in words. */
  private reading(): string {
    const series = this.series;
    if (!series) return "";
    const time = clock(this.start + this.hour * 3_600_000);
    if (series.event) {
      const value = series.probability?.[this.hour];
      return t("chart.readProbability", { time, value: value == null ? t("value.none") : percent(value) });
    }
    const show = (value: number | null | undefined) => (value == null ? t("value.none") : number(value));
    return t("chart.readFan", {
      time,
      median: show(series.p50?.[this.hour]),
      low: show(series.p10?.[this.hour]),
      high: show(series.p90?.[this.hour]),
      unit: series.unit,
    });
  }

  override firstUpdated(): void {
    this.resizing = new ResizeObserver(() => {
      const width = this.querySelector(".plot")?.clientWidth ?? 0;
      if (this.plot && width > 0 && width !== this.plot.width) {
        this.plot.setSize({ width, height: this.plot.height });
      }
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resizing?.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }

  override updated(changed: PropertyValues): void {
    const rebuilt = ["series", "start", "language", "theme", "scale", "readings"].some((name) => changed.has(name));
    if (rebuilt) this.draw();
    else if (changed.has("hour")) this.plot?.redraw(false);
  }

  private draw(): void {
    this.plot?.destroy();
    this.plot = null;
    const target = this.querySelector<HTMLElement>(".plot");
    const series = this.series;
    if (!target || !series) return;
    target.replaceChildren();
    const style = getComputedStyle(this);
    const ink = style.getPropertyValue("--ink").trim();
    const grid = style.getPropertyValue("--line").trim();
    const main = style.getPropertyValue("--chart").trim();
    const inner = style.getPropertyValue("--chart-inner").trim();
    const outer = style.getPropertyValue("--chart-outer").trim();
    const font = `${Math.round(12 * this.scale)}px ${style.fontFamily}`;
    const rows = series.event
      ? [series.probability ?? []]
      : [series.p10, series.p90, series.p25, series.p75, series.p50].map((row) => row ?? []);
    const length = rows[0]?.length ?? 0;
    const times = Array.from({ length }, (_, hour) => this.start / 1000 + hour * 3600);
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font };
    const options: uPlot.Options = {
      width: target.clientWidth || 320,
      height: Math.round(180 * Math.min(this.scale, 1.3)),
      legend: { show: false },
      cursor: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone()),
      scales: { x: { range: () => this.span(length) }, y: { range: series.event ? [0, 1] : (_, low, high) => this.reach(low, high) } },
      axes: [
        {
          ...axis,
          space: 70 * this.scale,
          values: (_, ticks) => ticks.map((tick) => this.tick(tick)),
          size: 44 * this.scale,
        },
        {
          ...axis,
          size: 52 * this.scale,
          values: (_, ticks) => ticks.map((tick) => (series.event ? `${Math.round(tick * 100)}%` : number(tick))),
        },
      ],
      series: series.event
        ? [{}, { stroke: main, width: 2, fill: outer }]
        : [
            {},
            { stroke: "transparent", points: { show: false } },
            { stroke: "transparent", points: { show: false } },
            { stroke: "transparent", points: { show: false } },
            { stroke: "transparent", points: { show: false } },
            { stroke: main, width: 2, points: { show: false } },
          ],
      bands: series.event
        ? []
        : [
            { series: [2, 1], fill: outer },
            { series: [4, 3], fill: inner },
          ],
      hooks: { draw: [(plot) => this.drawReadings(plot), (plot) => this.drawMarks(plot, ink)] },
    };
    this.plot = new uPlot(options, [times, ...rows] as uPlot.AlignedData, target);
    this.resizing?.disconnect();
    this.resizing?.observe(target);
  }

  /** From the first reading shown, or the start, to the end of the window [s]. */
  private span(length: number): [number, number] {
    const first = Math.min(...this.readings.map((reading) => Date.parse(reading.points[0]?.[0] ?? "") / 1000).filter(Number.isFinite), this.start / 1000);
    return [first, this.start / 1000 + Math.max(length - 1, 1) * 3600];
  }

  /** Lowest and highest value shown, the readings' too. */
  private reach(low: number, high: number): [number, number] {
    const values = this.readings.flatMap((reading) => reading.points.map(([, value]) => value));
    const least = values.reduce((sofar, value) => Math.min(sofar, value), low);
    const most = values.reduce((sofar, value) => Math.max(sofar, value), high);
    const room = (most - least || 1) * 0.06;
    return [least - room, most + room];
  }

  /** Observations as hollow rings, so that they are told from what is foreseen without colour. */
  private drawReadings(plot: uPlot): void {
    const pen = plot.ctx;
    const colour = getComputedStyle(this).getPropertyValue("--observed").trim() || "#0d6b4f";
    const radius = 2.6 * devicePixelRatio * Math.min(this.scale, 1.3);
    pen.save();
    pen.beginPath();
    pen.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    pen.clip();
    pen.strokeStyle = colour;
    pen.lineWidth = 1.4 * devicePixelRatio;
    for (const reading of this.readings) {
      for (const [instant, value] of reading.points) {
        pen.beginPath();
        pen.arc(plot.valToPos(Date.parse(instant) / 1000, "x", true), plot.valToPos(value, "y", true), radius, 0, 2 * Math.PI);
        pen.stroke();
      }
    }
    pen.restore();
  }

  private tick(seconds: number): string {
    const parts = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone(),
      month: "numeric",
      day: "numeric",
      hour: "2-digit",
      hourCycle: "h23",
    }).formatToParts(seconds * 1000);
    const get = (type: string) => parts.find((part) => part.type === type)?.value ?? "";
    return `${get("hour")}:00\n${get("month")}/${get("day")}`;
  }

  /** The line at the chosen hour, and 0 °C where the chart crosses it. */
  private drawMarks(plot: uPlot, ink: string): void {
    const pen = plot.ctx;
    const { left, top, width, height } = plot.bbox;
    pen.save();
    pen.strokeStyle = ink;
    const zero = plot.valToPos(0, "y", true);
    if (!this.series?.event && zero > top && zero < top + height) {
      pen.lineWidth = 1;
      pen.setLineDash([2, 3]);
      pen.beginPath();
      pen.moveTo(left, zero);
      pen.lineTo(left + width, zero);
      pen.stroke();
    }
    const at = plot.valToPos(this.start / 1000 + this.hour * 3600, "x", true);
    if (at >= left && at <= left + width) {
      pen.lineWidth = 2;
      pen.setLineDash([6, 4]);
      pen.beginPath();
      pen.moveTo(at, top);
      pen.lineTo(at, top + height);
      pen.stroke();
    }
    pen.restore();
  }
}

customElements.define("lingjing-chart", LingjingChart);
