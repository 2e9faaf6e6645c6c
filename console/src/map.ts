/** The map: a district's layers, coloured by what a run foresees. */

import "maplibre-gl/dist/maplibre-gl.css";
import workerAddress from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import { html, LitElement, type PropertyValues } from "lit";
import {
  Map as MapLibre,
  Marker,
  NavigationControl,
  ScaleControl,
  setWorkerUrl,
  type GeoJSONSource,
  type MapMouseEvent,
} from "maplibre-gl";
import { accessHeaders } from "./access";
import type { Card, Locale, StateLayer, WorkRow } from "./api";
import { BASE, channels, type Mode, type Theme } from "./colours";
import { Painter } from "./map-paint";
import { facilityImages, workDisc } from "./map-signs";
import { buildStyle, type Addresses } from "./map-style";
import { ShadowLayer } from "./shadow-layer";
import type { MapView } from "./share";
import { heightOf } from "./solid";
import { readingsAt, type SensorSeries } from "./sensors";
import { classesAt, PLAIN, type Showing } from "./showing";
import type { LayerState } from "./state";
import { lightOf, shadowOf, skyOf, sunAt } from "./sun";
import { t } from "./text";

setWorkerUrl(workerAddress);

export type { Addresses } from "./map-style";
export type States = Partial<Record<StateLayer, LayerState>>;

const CLICKABLE = ["work", "readings", "facilities", "assets", "buildings-known", "buildings-guessed", "buildings", "roads"];
/** Shadows lie under this layer, the first of the roads' source. */
const ABOVE_SHADOWS = "road-edge";
const SOLID_PITCH_DEG = 52;
const EMPTY: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

export class LingjingMap extends LitElement {
  static override properties = {
    addresses: { attribute: false },
    states: { attribute: false },
    hour: { type: Number },
    start: { type: Number },
    mode: { type: String },
    theme: { type: String },
    language: { type: String },
    scale: { type: Number },
    bounds: { attribute: false },
    work: { attribute: false },
    card: { attribute: false },
    assets: { attribute: false },
    assetState: { attribute: false },
    outlines: { type: String },
    showing: { attribute: false },
    sensors: { attribute: false },
    solid: { type: Boolean },
    sunlit: { type: Boolean },
    label: { type: String },
    unable: { state: true },
    pointed: { attribute: false },
  };

  /** Where the layers lie; the map's worker reads them, so that the page stays free. */
  declare addresses: Addresses;
  declare states: States;
  declare hour: number;
  /** When hour 0 is [ms]. */
  declare start: number;
  declare mode: Mode;
  declare theme: Theme;
  declare language: Locale;
  declare scale: number;
  declare bounds: [number, number, number, number] | null;
  declare work: readonly WorkRow[];
  declare card: Card | null;
  declare assets: GeoJSON.FeatureCollection | null;
  declare assetState: LayerState | null;
  /** Where all footprints of buildings lie as GeoJSON, for their shadows. */
  declare outlines: string;
  /** What layers show, where it is not what the mode says. */
  declare showing: Partial<Record<StateLayer, Showing>>;
  /** What sensors said; drawn as it was at the hour. */
  declare sensors: readonly SensorSeries[];
  /** Whether buildings stand up. */
  declare solid: boolean;
  /** Whether shadows are drawn. */
  declare sunlit: boolean;
  /** What the map is called where there are two; empty for the only one. */
  declare label: string;
  /** Whether this browser cannot draw a map. */
  declare unable: boolean;

  /** Where the row in focus lies. */
  declare pointed: readonly [number, number] | null;

  private map: MapLibre | null = null;
  private ring: Marker | null = null;
  private painter: Painter | null = null;
  private readonly shadows = new ShadowLayer();
  private shadowsOf = "";
  private ready = false;
  /** Whether the style changed while the one before was still being read. */
  private outdated = false;
  /** Whether the camera looks at buildings that stand. */
  private stands = false;
  private resizing: ResizeObserver | null = null;
  /** Whether a person chose what is in view; until then the whole district is. */
  private moved = false;

  constructor() {
    super();
    this.addresses = {};
    this.states = {};
    this.hour = 0;
    this.start = 0;
    this.mode = "probability";
    this.theme = "day";
    this.language = "zh-CN";
    this.scale = 1;
    this.bounds = null;
    this.work = [];
    this.card = null;
    this.assets = null;
    this.assetState = null;
    this.outlines = "";
    this.showing = {};
    this.sensors = [];
    this.solid = false;
    this.sunlit = false;
    this.label = "";
    this.unable = false;
    this.pointed = null;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    return this.unable
      ? html`<div class="map-canvas map-unable" role="note"><p>${t("map.unable")}</p></div>`
      : html`<div class="map-canvas"></div>`;
  }

  override firstUpdated(): void {
    const container = this.querySelector<HTMLElement>(".map-canvas");
    if (!container) return;
    if (!document.createElement("canvas").getContext("webgl2")) {
      this.unable = true;
      return;
    }
    const map = new MapLibre({
      container,
      style: buildStyle(this),
      attributionControl: false,
      ...(this.bounds ? { bounds: this.bounds } : {}),
      maxZoom: 20,
      maxPitch: 75,
      fadeDuration: 0,
      canvasContextAttributes: { preserveDrawingBuffer: true, antialias: false },
      locale: this.controlWords(),
      transformRequest: (url) => ({ url, headers: accessHeaders() }),
    });
    this.map = map;
    this.painter = new Painter(map);
    this.turnable();
    map.addControl(new NavigationControl({ visualizePitch: true }), "top-left");
    map.addControl(new ScaleControl({ unit: "metric" }), "bottom-left");
    map.on("style.load", () => this.fill());
    map.on("click", (event) => this.pick(event));
    map.on("mousemove", (event) => this.point(event));
    map.on("move", () => this.dispatchEvent(new CustomEvent("camera-moved", { bubbles: true, detail: this.view })));
    map.on("moveend", () => this.announceView());
    map.on("idle", () => this.dispatchEvent(new CustomEvent("map-idle", { bubbles: true })));
    map.on("error", (event) => console.error("map", event.error));
    for (const gesture of ["dragstart", "zoomstart", "rotatestart", "pitchstart"] as const) {
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
    this.painter = null;
    this.ready = false;
  }

  override updated(changed: PropertyValues): void {
    const map = this.map;
    if (!map) return;
    const has = (...names: string[]) => names.some((name) => changed.has(name));
    if (has("bounds")) this.fit();
    if (has("theme", "language", "scale", "mode", "solid", "addresses", "showing")) {
      if (this.ready) this.restyle();
      else this.outdated = true;
    }
    if (!this.ready) return; // `fill` puts in all that is known by then
    if (has("label")) this.nameCanvas();
    if (has("assets")) this.fillAssets();
    if (has("addresses", "states", "hour", "assets", "mode", "showing")) this.paint();
    if (has("sensors", "hour", "start")) this.fillReadings();
    if (has("work")) this.fillWork();
    if (has("card")) this.fillSelected();
    if (has("pointed")) this.ringPoint();
    if (has("sunlit", "outlines", "hour", "start")) this.shine();
  }

  /** Whether everything asked for is drawn. */
  get resting(): boolean {
    if (this.unable) return true;
    if (!this.addresses.buildings) return false;
    return this.ready && !!this.map && this.map.loaded() && !this.map.isMoving() && (!this.shadowsOf || this.shadows.settled);
  }

  /** What is in view; null until there is a map. */
  get view(): MapView | null {
    const map = this.map;
    if (!map) return null;
    const { lng, lat } = map.getCenter();
    return { longitude_deg: lng, latitude_deg: lat, zoom: map.getZoom(), bearing_deg: map.getBearing(), pitch_deg: map.getPitch() };
  }

  /** Whether a person chose the view. */
  get chosen(): boolean {
    return this.moved;
  }

  /** Look at exactly this, as another map or a shared address does. */
  look(view: MapView): void {
    this.moved = true;
    this.stands = this.solid;
    this.turnable();
    this.map?.jumpTo({
      center: [view.longitude_deg, view.latitude_deg],
      ...{ zoom: view.zoom, bearing: view.bearing_deg, pitch: view.pitch_deg },
    });
  }

  /** The whole district again. */
  showAll(): void {
    this.moved = false;
    this.fit();
  }

  /** The map's own picture, as it is now. */
  get canvas(): HTMLCanvasElement | null {
    return this.map?.getCanvas() ?? null;
  }

  /** Bring an object into view. */
  show(card: Card): void {
    this.showPoint(card.point);
  }

  /** Bring a place into view, near enough to see single houses. */
  showPoint(center: readonly [number, number]): void {
    const map = this.map;
    if (!map) return;
    this.moved = true;
    map.easeTo({ center: [...center], zoom: Math.max(map.getZoom(), 16), duration: still() ? 0 : 600 });
  }

  private controlWords(): Record<string, string> {
    return {
      "NavigationControl.ZoomIn": t("map.zoomIn"),
      "NavigationControl.ZoomOut": t("map.zoomOut"),
      "NavigationControl.ResetBearing": t("map.north"),
      "Map.Title": t("map.title"),
    };
  }

  private nameCanvas(): void {
    this.querySelector("canvas")?.setAttribute("aria-label", this.label || t("map.title"));
    this.querySelector(".maplibregl-ctrl-zoom-in")?.setAttribute("aria-label", t("map.zoomIn"));
    this.querySelector(".maplibregl-ctrl-zoom-out")?.setAttribute("aria-label", t("map.zoomOut"));
    this.querySelector(".maplibregl-ctrl-compass")?.setAttribute("aria-label", t("map.north"));
  }

  private fit(): void {
    const map = this.map;
    if (!this.bounds || !map) return;
    this.moved = false;
    const wide = this.clientWidth > 560;
    const large = this.scale > 1;
    const padding = {
      top: wide && !large ? 64 : large ? (wide ? 96 : 150) : 64,
      bottom: wide && !large ? 112 : 24,
      ...{ left: wide ? 56 : 16, right: 16 },
    };
    const camera = map.cameraForBounds(this.bounds, { padding, bearing: map.getBearing() });
    if (!camera) return;
    // What lies tilted away takes less of the height: come nearer.
    const nearer = this.solid ? 0.7 : 0;
    map.jumpTo({ ...camera, zoom: (camera.zoom ?? map.getZoom()) + nearer, pitch: this.solid ? SOLID_PITCH_DEG : 0 });
  }

  /** In the plane north stays up; what stands can be walked around. */
  private turnable(): void {
    const map = this.map;
    if (!map) return;
    const gestures = [map.dragRotate, map.touchPitch, map.touchZoomRotate];
    for (const gesture of gestures) gesture.enable();
    if (this.solid) map.keyboard.enableRotation();
    else {
      map.dragRotate.disable();
      map.touchPitch.disable();
      map.touchZoomRotate.disableRotation();
      map.keyboard.disableRotation();
    }
  }

  private stand(): void {
    this.stands = this.solid;
    this.turnable();
    const [pitch, bearing] = this.solid ? [SOLID_PITCH_DEG, -18] : [0, 0];
    if (!this.moved) {
      this.map?.jumpTo({ pitch, bearing });
      this.fit();
    } else this.map?.easeTo({ pitch, bearing, duration: still() ? 0 : 500 });
  }

  private set(source: string, data: GeoJSON.FeatureCollection): void {
    this.map?.getSource<GeoJSONSource>(source)?.setData(data);
  }

  /** Draw by another style; `fill` follows when it is there. */
  private restyle(): void {
    const { map } = this;
    if (!map) return;
    const before = map.style;
    this.ready = false;
    this.outdated = false;
    map.setStyle(buildStyle(this), { diff: true });
    // A style that was made the next by its differences tells of it only where there were some.
    if (!this.ready && map.style === before) this.fill();
  }

  private drawSigns(): void {
    const map = this.map;
    if (!map) return;
    const put = (name: string, image: ImageData, pixelRatio: number) => {
      if (map.hasImage(name)) map.updateImage(name, image);
      else map.addImage(name, image, { pixelRatio });
    };
    for (const [name, image] of facilityImages(this.theme, this.language)) put(name, image, 1.6);
    const disc = workDisc(this.theme);
    if (disc) put("work-disc", disc, 2);
  }

  /** Put everything into a map that has just been made or drawn by another style. */
  private fill(): void {
    const map = this.map;
    if (!map) return;
    this.ready = true;
    if (this.outdated) return this.restyle();
    // Sources that both styles have keep their state, which is then of no known class.
    for (const source of ["roads", "buildings"]) this.painter?.clear(source);
    if (!map.getLayer(this.shadows.id)) map.addLayer(this.shadows, ABOVE_SHADOWS);
    this.drawSigns();
    this.nameCanvas();
    this.fillWork();
    this.fillAssets();
    this.fillSelected();
    this.fillReadings();
    this.paint();
    if (this.solid !== this.stands) this.stand();
    this.shine();
    this.announceView();
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

  private fillReadings(): void {
    this.set("readings", readingsAt(this.sensors, this.start + this.hour * 3_600_000));
  }

  private fillAssets(): void {
    this.map?.removeFeatureState({ source: "assets" });
    this.painter?.forget("assets");
    const features = (this.assets?.features ?? []).map((feature, id) => {
      const { hourly: _, ...properties } = (feature.properties ?? {}) as Record<string, unknown>;
      return { ...feature, id, properties };
    });
    this.set("assets", { type: "FeatureCollection", features });
  }

  /** A ring round the object of the row in focus. */
  private ringPoint(): void {
    this.ring?.remove();
    this.ring = null;
    if (!this.map || !this.pointed) return;
    const element = Object.assign(document.createElement("span"), { className: "map-ring", ariaHidden: "true" });
    this.ring = new Marker({ element }).setLngLat([...this.pointed]).addTo(this.map);
  }

  private fillSelected(): void {
    const { card } = this;
    if (!card) return this.set("selected", EMPTY);
    const own = Object.fromEntries(card.attributes.map(({ name, value }) => [name, value]));
    const properties = { height_m: heightOf(own).height_m };
    this.set("selected", { type: "FeatureCollection", features: [{ type: "Feature", geometry: card.geometry, properties }] });
  }

  /** Give every feature the class of the chosen hour. */
  private paint(): void {
    for (const layer of ["roads", "buildings", "assets"] as const) {
      const state = layer === "assets" ? this.assetState : this.states[layer];
      const showing = layer === "assets" ? PLAIN : (this.showing[layer] ?? PLAIN);
      const inTiles = layer !== "assets" && typeof this.addresses[layer] === "object";
      // Before the run there is no forecast, and the first hour's must not be taken for one.
      const found = this.hour < 0 ? null : classesAt(showing, state, this.mode, this.hour);
      this.painter?.paint(layer, found, inTiles ? layer : undefined);
    }
  }

  /** Sun, shadows, light and sky of the chosen hour. */
  private shine(): void {
    const { map, bounds } = this;
    if (!map || !bounds || !this.ready) return;
    const middle: [number, number] = [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2];
    const sun = sunAt(this.start + this.hour * 3_600_000, ...middle);
    const address = this.sunlit ? this.outlines : "";
    if (address !== this.shadowsOf) {
      this.shadowsOf = address;
      if (address) this.shadows.read({ address, headers: accessHeaders(), origin: middle });
    }
    this.shadows.shadow = this.sunlit ? shadowOf(sun) : null;
    this.shadows.colour = channels(BASE[this.theme].shade);
    if (this.solid) {
      map.setLight(lightOf(sun));
      map.setSky(skyOf(sun.altitude_deg, this.theme));
    }
    map.triggerRepaint();
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
    const { map, view } = this;
    if (!map || !view) return;
    const shown = map.getBounds();
    const bounds = [shown.getWest(), shown.getSouth(), shown.getEast(), shown.getNorth()];
    const detail = { zoom: view.zoom, bounds, view: this.moved ? view : null };
    this.dispatchEvent(new CustomEvent("view-changed", { bubbles: true, detail }));
  }
}

function still(): boolean {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

customElements.define("lingjing-map", LingjingMap);
