/** Buildings from near, as the server's 3D Tiles give them; a click opens the building's card. */

import { GLTFExtensionsPlugin, ReorientationPlugin } from "3d-tiles-renderer/three/plugins";
import { TilesRenderer } from "3d-tiles-renderer/three";
import { html, LitElement, type PropertyValues } from "lit";
import {
  AmbientLight,
  BufferAttribute,
  CircleGeometry,
  Color,
  DirectionalLight,
  Mesh,
  MeshBasicMaterial,
  MeshLambertMaterial,
  PerspectiveCamera,
  Raycaster,
  Scene,
  Vector2,
  WebGLRenderer,
  type BufferGeometry,
  type Object3D,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { accessHeaders } from "./access";
import { api, type Card, type Locale } from "./api";
import { BASE, NONE, type Theme } from "./colours";
import { classesAt, scaleOf } from "./showing";
import type { PageContext } from "./slots";
import { skyOf, sunAt } from "./sun";
import { t } from "./text";

/** What the tiles' property table says of a feature. */
interface Feature {
  id: string;
  building?: string;
  estimated?: boolean;
}

interface Metadata {
  getPropertyTableData(table: number, row: number): Feature;
}

const FEATURE_IDS = "_feature_id_0";
const START_DISTANCE_M = 420;
const GROUND_M = 6_000;
/** So that floors do not flicker with the ground they stand on. */
const GROUND_GAP_M = 0.4;

export class LingjingCloseup extends LitElement {
  static override properties = {
    page: { attribute: false },
    hour: { type: Number },
    theme: { type: String },
    language: { type: String },
    card: { attribute: false },
    failed: { state: true },
  };

  declare page: PageContext;
  declare hour: number;
  declare theme: Theme;
  declare language: Locale;
  declare card: Card | null;
  /** Whether there are no tiles to be read. */
  declare failed: boolean;

  private renderer: WebGLRenderer | null = null;
  private tiles: TilesRenderer | null = null;
  private controls: OrbitControls | null = null;
  private resizing: ResizeObserver | null = null;
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(50, 1, 1, 20_000);
  private readonly light = new DirectionalLight("#ffffff", 1.6);
  private readonly ground = new Mesh(new CircleGeometry(GROUND_M, 64), new MeshBasicMaterial());
  /** Rows that the states count by, by the building's id. */
  private rows: Readonly<Record<string, number>> = {};
  private frame = 0;

  constructor() {
    super();
    this.hour = 0;
    this.theme = "day";
    this.language = "zh-CN";
    this.card = null;
    this.failed = false;
  }

  override createRenderRoot(): HTMLElement {
    return this;
  }

  override render() {
    return html`
      <div class="closeup-canvas" role="img" aria-label=${t("closeup.label")}></div>
      <div class="closeup-tools">
        ${this.failed ? html`<p class="notice bad" role="alert">${t("closeup.none")}</p>` : html`<p class="sun-says">${t("closeup.how")}</p>`}
        <button type="button" id="closeup-back" @click=${() => this.say("show-stage", "")}>${t("closeup.back")}</button>
      </div>`;
  }

  override firstUpdated(): void {
    this.querySelector(".closeup-wait")?.remove();
    const district = this.page.reading.now.district;
    const place = this.querySelector<HTMLElement>(".closeup-canvas");
    if (!district || !place) return;
    const [west, south, east, north] = district.bounds;
    const [lon, lat] = this.card?.point ?? [(west + east) / 2, (south + north) / 2];
    this.begin(place, district.name, lon, lat);
    void this.page.reading.guarded(async () => {
      this.rows = (await api.numbers(district.name, "buildings")).numbers;
      this.paintAll();
    });
  }

  private begin(place: HTMLElement, district: string, longitude: number, latitude: number): void {
    const renderer = new WebGLRenderer({ antialias: false, preserveDrawingBuffer: true });
    this.renderer = renderer;
    place.append(renderer.domElement);
    this.ground.rotation.x = -Math.PI / 2;
    this.ground.position.y = -GROUND_GAP_M;
    this.scene.add(new AmbientLight("#ffffff", 1.5), this.light, this.ground);
    const tiles = new TilesRenderer(`/3dtiles/${encodeURIComponent(district)}/tileset.json`);
    tiles.fetchOptions = { headers: accessHeaders() };
    const radians = Math.PI / 180;
    tiles.registerPlugin(new GLTFExtensionsPlugin({ metadata: true }));
    tiles.registerPlugin(new ReorientationPlugin({ lat: latitude * radians, lon: longitude * radians, height: 0 }));
    tiles.setCamera(this.camera);
    tiles.addEventListener("load-model", ({ scene }: { scene: Object3D }) => this.paint(scene));
    tiles.addEventListener("load-error", () => (this.failed = true));
    this.scene.add(tiles.group);
    this.tiles = tiles;
    this.camera.position.set(0.25 * START_DISTANCE_M, 0.55 * START_DISTANCE_M, -0.8 * START_DISTANCE_M);
    const controls = new OrbitControls(this.camera, renderer.domElement);
    controls.maxPolarAngle = 1.5;
    controls.minDistance = 20;
    controls.listenToKeyEvents(renderer.domElement);
    this.controls = controls;
    renderer.domElement.tabIndex = 0;
    renderer.domElement.setAttribute("aria-label", t("closeup.label"));
    renderer.domElement.addEventListener("click", (event) => this.pick(event));
    this.resizing = new ResizeObserver(() => this.resize(place));
    this.resizing.observe(place);
    this.resize(place);
    const draw = () => {
      this.frame = requestAnimationFrame(draw);
      controls.update();
      this.camera.updateMatrixWorld();
      tiles.setResolutionFromRenderer(this.camera, renderer);
      tiles.update();
      renderer.render(this.scene, this.camera);
    };
    draw();
  }

  private resize(place: HTMLElement): void {
    const { clientWidth: width, clientHeight: height } = place;
    if (width === 0 || height === 0) return;
    this.renderer?.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    cancelAnimationFrame(this.frame);
    this.resizing?.disconnect();
    this.controls?.dispose();
    this.tiles?.dispose();
    this.ground.geometry.dispose();
    this.ground.material.dispose();
    this.renderer?.dispose();
    this.renderer = null;
  }

  override updated(changed: PropertyValues): void {
    if (!this.renderer) return;
    this.shine();
    if (["hour", "theme", "page", "card"].some((name) => changed.has(name))) this.paintAll();
  }

  /** Sky and light of the hour; east is −x here, and north is z. */
  private shine(): void {
    const { district, run } = this.page.reading.now;
    if (!district || !run) return;
    const [west, south, east, north] = district.bounds;
    const sun = sunAt(Date.parse(run.start) + this.hour * 3_600_000, (west + east) / 2, (south + north) / 2);
    const [azimuth, altitude] = [sun.azimuth_deg, Math.max(sun.altitude_deg, 25)].map((angle) => (angle * Math.PI) / 180) as [number, number];
    this.light.position.set(-Math.sin(azimuth) * Math.cos(altitude), Math.sin(altitude), Math.cos(azimuth) * Math.cos(altitude));
    this.light.intensity = sun.altitude_deg > 0 ? 1.8 : 0.7;
    this.ground.material.color.set(BASE[this.theme].background);
    this.scene.background = new Color(String(skyOf(sun.altitude_deg, this.theme)["sky-color"]));
  }

  private paintAll(): void {
    this.tiles?.forEachLoadedModel((scene) => this.paint(scene));
  }

  /** Give every building of a tile the colour of its class at the hour. */
  private paint(scene: Object3D): void {
    const { mode } = this.page;
    const { showing, states } = this.page.reading.now;
    const shown = showing.buildings;
    const classes = this.hour < 0 ? null : classesAt(shown, states.buildings, mode, this.hour);
    const colours = scaleOf(mode, shown, this.theme).colours.map((colour) => new Color(colour));
    const base = BASE[this.theme];
    const [plain, chosen] = [new Color(base.body), new Color(base.selected)];
    scene.traverse((item) => {
      if (!(item instanceof Mesh)) return;
      const geometry = item.geometry as BufferGeometry;
      const ids = geometry.getAttribute(FEATURE_IDS);
      const metadata = item.userData["structuralMetadata"] as Metadata | undefined;
      if (!ids || !metadata) return;
      const painted = new Float32Array(ids.count * 3);
      const known = new Map<number, Color>();
      for (let at = 0; at < ids.count; at++) {
        const row = Math.round(ids.getX(at));
        let colour = known.get(row);
        if (!colour) {
          const feature = metadata.getPropertyTableData(0, row);
          const owner = feature.building || feature.id;
          const number = this.rows[owner] ?? this.rows[feature.id];
          const found = number === undefined ? NONE : (classes?.[number] ?? NONE);
          colour = this.card && (feature.id === this.card.id || owner === this.card.id) ? chosen : (colours[found] ?? plain);
          known.set(row, colour);
        }
        colour.toArray(painted, at * 3);
      }
      geometry.setAttribute("color", new BufferAttribute(painted, 3));
      const before = item.material as MeshLambertMaterial;
      if (!before.userData["ours"]) {
        const guessed = before.name === "estimated";
        const ours = new MeshLambertMaterial({ vertexColors: true, transparent: guessed, opacity: guessed ? 0.72 : 1 });
        ours.userData["ours"] = true;
        item.material = ours;
      }
    });
  }

  private pick(event: MouseEvent): void {
    const canvas = this.renderer?.domElement;
    if (!canvas || !this.tiles) return;
    const box = canvas.getBoundingClientRect();
    const at = new Vector2((2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height);
    const ray = new Raycaster();
    ray.setFromCamera(at, this.camera);
    const hit = ray.intersectObject(this.tiles.group, true)[0];
    const mesh = hit?.object;
    if (!hit?.face || !(mesh instanceof Mesh)) return;
    const ids = (mesh.geometry as BufferGeometry).getAttribute(FEATURE_IDS);
    const metadata = mesh.userData["structuralMetadata"] as Metadata | undefined;
    if (!ids || !metadata) return;
    const feature = metadata.getPropertyTableData(0, Math.round(ids.getX(hit.face.a)));
    this.say("open-object", { id: feature.building || feature.id, from: "map" });
  }

  private say(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }
}

customElements.define("lingjing-closeup", LingjingCloseup);
