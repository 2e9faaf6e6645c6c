/** The map: a district's layers, coloured by what a run foresees. */

import "maplibre-gl/dist/maplibre-gl.css";
import workerAddress from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { html, LitElement, type PropertyValues } from "lit";
import {
  Map as MapLibre,
  NavigationControl,
  ScaleControl,
  setWorkerUrl,
  type GeoJSONSource,
  type MapMouseEvent,
} from "maplibre-gl";
import type { Card, LayerName, Locale, StateLayer, WorkRow } from "./api";
import type { Mode, Theme } from "./colours";
import { buildStyle, facilityImages, workDisc } from "./map-style";
import { NO_ONSET, onsetValues, valuesAt, type LayerState } from "./state";
import { t } from "./text";

setWorkerUrl(workerAddress);

export type Addresses = Partial<Record<LayerName, string>>;
export type Features = Partial<Record<StateLayer, GeoJSON.FeatureCollection>>;
export type States = Partial<Record<StateLayer, LayerState>>;

/** Chance below which an onset is not worth a colour. */
export const LEAST_ONSET_PROBABILITY = 0.1;
const CLICKABLE = ["work", "facilities", "assets", "buildings", "roads"];
const EMPTY: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

export class LingjingMap extends LitElement {
  static override properties = {
    addresses: { attribute: false },
    states: { attribute: false },
    hour: { type: Number },
    mode: { type: String },
    theme: { type: String },
    language: { type: String },
    scale: { type: Number },
    bounds: { attribute: false },
    work: { attribute: false },
    card: { attribute: false },
    assets: { attribute: false },
    assetState: { attribute: false },
  };

  /** Where the layers lie; the map's worker reads them, so that the page stays free. */
  declare addresses: Addresses;
  declare states: States;
  declare hour: number;
  declare mode: Mode;
  declare theme: Theme;
  declare language: Locale;
  declare scale: number;
  declare bounds: [number, number, number, number] | null;
  declare work: readonly WorkRow[];
  declare card: Card | null;
  declare assets: GeoJSON.FeatureCollection | null;
  declare assetState: LayerState | null;

  private map: MapLibre | null = null;
  private ready = false;
  private shown: Partial<Record<StateLayer | "assets", Uint8Array>> = {};
  private resizing: ResizeObserver | null = null;
  /** Whether a person chose what is in view; until then the whole district is. */
  private moved = false;

  constructor() {
    super();
    this.addresses = {};
    this.states = {};
    this.hour = 0;
    this.mode = "probability";
    this.theme = "day";
    this.language = "zh-CN";
    this.scale = 1;
    this.bounds = null;
    this.work = [];
    this.card = null;
    this.assets = null;
    this.assetState = null;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    return html`<div class="map-canvas"></div>`;
  }

  override firstUpdated(): void {
    const container = this.querySelector<HTMLElement>(".map-canvas");
    if (!container) return;
    const map = new MapLibre({
      container,
      style: buildStyle(this.mode, this.theme, this.language, this.scale),
      attributionControl: false,
      ...(this.bounds ? { bounds: this.bounds } : {}),
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxZoom: 20,
      fadeDuration: 0,
      canvasContextAttributes: { preserveDrawingBuffer: true, antialias: false },
      locale: this.controlWords(),
    });
    this.map = map;
    map.touchZoomRotate.disableRotation();
    map.addControl(new NavigationControl({ showCompass: false }), "top-left");
    map.addControl(new ScaleControl({ unit: "metric" }), "bottom-left");
    map.on("load", () => this.fill());
    map.on("click", (event) => this.pick(event));
    map.on("mousemove", (event) => this.point(event));
    map.on("moveend", () => this.announceView());
    map.on("idle", () => this.dispatchEvent(new CustomEvent("map-idle", { bubbles: true })));
    map.on("error", (event) => console.error("map", event.error));
    for (const gesture of ["dragstart", "zoomstart"] as const) {
      map.on(gesture, (event) => (this.moved ||= Boolean(event.originalEvent)));
    }
    this.resizing = new ResizeObserver(() => {
      map.resize();
      if (!this.moved) this.fit();
    });
    this.resizing.observe(container);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resizing?.disconnect();
    this.map?.remove();
    this.map = null;
    this.ready = false;
  }

  override updated(changed: PropertyValues): void {
    const map = this.map;
    if (!map || !this.ready) {
      if (map && changed.has("bounds")) this.fit();
      return;
    }
    if (changed.has("theme") || changed.has("language") || changed.has("scale") || changed.has("mode")) {
      this.ready = false;
      map.setStyle(buildStyle(this.mode, this.theme, this.language, this.scale), { diff: false });
      map.once("style.load", () => this.fill());
      this.nameCanvas();
      return;
    }
    if (changed.has("addresses")) this.fillLayers();
    if (changed.has("addresses") || changed.has("states")) this.shown = {};
    if (changed.has("assets")) this.fillAssets();
    if (["addresses", "states", "hour", "assets"].some((name) => changed.has(name))) this.paint();
    if (changed.has("work")) this.fillWork();
    if (changed.has("card")) this.fillSelected();
    if (changed.has("bounds")) this.fit();
  }

  /** Whether everything asked for is drawn. */
  get resting(): boolean {
    return this.ready && !!this.map && this.map.loaded() && !this.map.isMoving();
  }

  /** Bring an object into view. */
  show(card: Card): void {
    const map = this.map;
    if (!map) return;
    this.moved = true;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const offset: [number, number] = [this.legendWidth() / -2, 0];
    map.easeTo({ offset, center: card.point, zoom: Math.max(map.getZoom(), 16), duration: still ? 0 : 600 });
  }

  private controlWords(): Record<string, string> {
    return {
      "NavigationControl.ZoomIn": t("map.zoomIn"),
      "NavigationControl.ZoomOut": t("map.zoomOut"),
      "Map.Title": t("map.title"),
    };
  }

  private nameCanvas(): void {
    this.querySelector("canvas")?.setAttribute("aria-label", t("map.title"));
    this.querySelector(".maplibregl-ctrl-zoom-in")?.setAttribute("aria-label", t("map.zoomIn"));
    this.querySelector(".maplibregl-ctrl-zoom-out")?.setAttribute("aria-label", t("map.zoomOut"));
  }

  /** What the legend covers at the right edge of a wide map. */
  private legendWidth(): number {
    return this.clientWidth > 800 && this.scale === 1 ? 284 : 0;
  }

  private fit(): void {
    if (!this.bounds || !this.map) return;
    this.moved = false;
    const right = this.legendWidth() + 16;
    const wide = this.clientWidth > 560;
    const left = wide ? 56 : 16;
    const tools = this.scale === 1 ? 64 : wide ? 96 : 150;
    const top = wide && this.scale === 1 ? 24 : tools;
    this.map.fitBounds(this.bounds, { padding: { top, left, bottom: 24, right }, duration: 0 });
  }

  private set(source: string, data: GeoJSON.FeatureCollection | string): void {
    this.map?.getSource<GeoJSONSource>(source)?.setData(data);
  }

  private fill(): void {
    const map = this.map;
    if (!map) return;
    for (const [name, image] of facilityImages(this.theme, this.language)) {
      if (map.hasImage(name)) map.removeImage(name);
      map.addImage(name, image, { pixelRatio: 1.6 });
    }
    const disc = workDisc(this.theme);
    if (map.hasImage("work-disc")) map.removeImage("work-disc");
    if (disc) map.addImage("work-disc", disc, { pixelRatio: 2 });
    this.ready = true;
    this.shown = {};
    this.nameCanvas();
    this.fillLayers();
    this.fillWork();
    this.fillAssets();
    this.fillSelected();
    this.paint();
    this.announceView();
  }

  private fillLayers(): void {
    for (const name of ["sub-districts", "roads", "buildings", "facilities"] as const) {
      this.map?.removeFeatureState({ source: name });
      this.set(name, this.addresses[name] ?? EMPTY);
    }
  }

  private fillWork(): void {
    // The first rank is drawn last, so that it lies on top.
    const features = [...this.work].reverse().map((row) => ({
      type: "Feature" as const,
      geometry: { type: "Point" as const, coordinates: [row.longitude_deg, row.latitude_deg] },
      properties: { id: row.target, rank: row.rank, job: row.id },
    }));
    this.set("work", { type: "FeatureCollection", features });
  }

  private fillAssets(): void {
    this.map?.removeFeatureState({ source: "assets" });
    delete this.shown.assets;
    const features = (this.assets?.features ?? []).map((feature, id) => {
      const { hourly: _, ...properties } = (feature.properties ?? {}) as Record<string, unknown>;
      return { ...feature, id, properties };
    });
    this.set("assets", { type: "FeatureCollection", features });
  }

  private fillSelected(): void {
    const features = this.card
      ? [{ type: "Feature" as const, geometry: this.card.geometry, properties: {} }]
      : [];
    this.set("selected", { type: "FeatureCollection", features });
  }

  /** Give every feature the byte of the chosen hour; only what changed is told to the map. */
  private paint(): void {
    const map = this.map;
    if (!map) return;
    for (const layer of ["roads", "buildings", "assets"] as const) {
      const state = layer === "assets" ? this.assetState : this.states[layer];
      if (!state) {
        map.removeFeatureState({ source: layer });
        delete this.shown[layer];
        continue;
      }
      const values =
        this.mode === "probability" ? valuesAt(state, this.hour) : onsetValues(state, LEAST_ONSET_PROBABILITY);
      const before = this.shown[layer];
      const plain = this.mode === "probability" ? 0 : NO_ONSET; // drawn like a feature without state
      for (let id = 0; id < values.length; id++) {
        if (values[id] === (before ? before[id] : plain)) continue;
        map.setFeatureState({ source: layer, id }, { v: values[id] });
      }
      this.shown[layer] = values;
    }
  }

  private hit(event: MapMouseEvent) {
    const map = this.map;
    if (!map) return undefined;
    const { x, y } = event.point;
    const box: [[number, number], [number, number]] = [
      [x - 4, y - 4],
      [x + 4, y + 4],
    ];
    const layers = CLICKABLE.filter((layer) => map.getLayer(layer));
    const found = map.queryRenderedFeatures(box, { layers });
    return CLICKABLE.map((layer) => found.find((feature) => feature.layer.id === layer)).find(Boolean);
  }

  private pick(event: MapMouseEvent): void {
    const feature = this.hit(event);
    const id: unknown = feature?.properties["id"];
    if (typeof id === "string") {
      const job = feature?.properties["job"] as string | undefined;
      this.dispatchEvent(new CustomEvent("open-object", { bubbles: true, detail: { id, job, from: "map" } }));
    }
  }

  private point(event: MapMouseEvent): void {
    if (this.map) this.map.getCanvas().style.cursor = this.hit(event) ? "pointer" : "";
  }

  private announceView(): void {
    const map = this.map;
    if (!map) return;
    const view = map.getBounds();
    const bounds = [view.getWest(), view.getSouth(), view.getEast(), view.getNorth()];
    this.dispatchEvent(
      new CustomEvent("view-changed", { bubbles: true, detail: { zoom: map.getZoom(), bounds } }),
    );
  }
}

customElements.define("lingjing-map", LingjingMap);
