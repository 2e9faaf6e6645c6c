/** The map's style: local sources only, no tiles, glyphs or sprites from anywhere. */

import type { ExpressionSpecification, FillExtrusionLayerSpecification, SourceSpecification, StyleSpecification } from "maplibre-gl";
import type { LayerName, Locale, StateLayer, Tiles } from "./api";
import { BASE, NONE, type Mode, type Theme } from "./colours";
import { coldScale, PLAIN, scaleOf, type Scale, type Showing } from "./showing";
import { BASE_HEIGHT, GUESSED, HEIGHT } from "./solid";

export const FONTS = ["Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Micro Hei", "sans-serif"];

const state: ExpressionSpecification = ["coalesce", ["feature-state", "c"], NONE];

/** Colour of a feature by the class in its state. */
export function classColour(scale: Scale, plain: string): ExpressionSpecification {
  const stepped: unknown[] = ["step", state, plain];
  scale.colours.forEach((colour, at) => stepped.push(at, colour));
  return stepped as ExpressionSpecification;
}

/** Colour by a feature's own value. */
function valueColour(scale: Scale): ExpressionSpecification {
  const stepped: unknown[] = ["step", ["get", "value"], scale.colours[0]];
  scale.colours.slice(1).forEach((colour, at) => stepped.push(scale.bounds[at + 1], colour));
  return stepped as ExpressionSpecification;
}

/** Whether a feature deserves a mark beside its colour: likely, or soon. */
function strong({ strong: [first, last] }: Scale): ExpressionSpecification {
  return ["all", [">=", state, first], ["<=", state, last]];
}

const marked: ExpressionSpecification = [">=", state, 0];

function nameOf(locale: Locale): ExpressionSpecification {
  return locale === "en"
    ? ["coalesce", ["get", "name_en"], ["get", "name"], ""]
    : ["coalesce", ["get", "name"], ""];
}

function roadWidth(extra: number, scale: Scale): ExpressionSpecification {
  const rank: ExpressionSpecification = [
    "match",
    ["coalesce", ["get", "class"], ["get", "road_class"]],
    ["motorway", "trunk", "primary"],
    2.2,
    ["secondary"],
    1.8,
    ["tertiary"],
    1.4,
    ["pedestrian", "steps", "service"],
    0.7,
    1,
  ];
  const boost: ExpressionSpecification = ["case", strong(scale), 1.6, marked, 1.25, 1];
  const at = (width: number, part: number): ExpressionSpecification => ["+", ["*", width, rank, boost], extra * part];
  return ["interpolate", ["exponential", 1.5], ["zoom"], 10, at(0.5, 0.2), 13, at(1.3, 0.5), 16, at(4, 1), 19, at(16, 1)];
}

const EMPTY = { type: "FeatureCollection" as const, features: [] };

/** Where the layers lie: as vector tiles, or as one GeoJSON file. */
export type Addresses = Partial<Record<LayerName, string | Tiles>>;

export interface Drawing {
  mode: Mode;
  theme: Theme;
  language: Locale;
  /** Of letters and signs. */
  scale: number;
  /** Whether buildings stand up. */
  solid: boolean;
  addresses: Addresses;
  /** What layers show, where it is not what the mode says. */
  showing: Partial<Record<StateLayer, Showing>>;
}

export function buildStyle({ mode, theme, language, scale, solid, addresses, showing }: Drawing): StyleSpecification {
  const [onRoads, onBuildings, onAssets] = [showing.roads, showing.buildings, undefined].map((shown) => scaleOf(mode, shown ?? PLAIN, theme)) as [Scale, Scale, Scale];
  const base = BASE[theme];
  const source = (layer?: LayerName): SourceSpecification => {
    const lies = layer && addresses[layer];
    if (typeof lies !== "object") return { type: "geojson", data: lies ?? EMPTY, tolerance: 0.2 };
    const { tiles, minzoom, maxzoom, bounds } = lies;
    return { type: "vector", tiles, minzoom, maxzoom, bounds };
  };
  /** A layer's source, and the layer in its tiles where it has tiles. */
  const from = (layer: LayerName) => (typeof addresses[layer] === "object" ? { source: layer, "source-layer": layer } : { source: layer });
  const label = (size: number) => ({ "text-font": FONTS, "text-size": size * scale });
  const halo = { "text-color": base.label, "text-halo-color": base.halo, "text-halo-width": 1.6 };
  const standing = { visibility: solid ? ("visible" as const) : ("none" as const) };
  const raised = (guessed: boolean): FillExtrusionLayerSpecification => ({
    id: guessed ? "buildings-guessed" : "buildings-known",
    type: "fill-extrusion",
    ...from("buildings"),
    minzoom: 12,
    filter: guessed ? GUESSED : ["!", GUESSED],
    layout: standing,
    paint: {
      "fill-extrusion-color": classColour(onBuildings, base.body),
      "fill-extrusion-height": HEIGHT,
      "fill-extrusion-base": BASE_HEIGHT,
      // What is only guessed can be seen through.
      "fill-extrusion-opacity": guessed ? 0.68 : 0.97,
    },
  });
  return {
    version: 8,
    sources: {
      "sub-districts": source("sub-districts"),
      roads: source("roads"),
      buildings: source("buildings"),
      facilities: source("facilities"),
      assets: source(),
      work: source(),
      readings: source(),
      selected: source(),
    },
    layers: [
      { id: "background", type: "background", paint: { "background-color": base.background } },
      { id: "sub-district-fill", type: "fill", ...from("sub-districts"), paint: { "fill-color": base.district } },
      {
        id: "road-edge",
        type: "line",
        ...from("roads"),
        layout: { "line-cap": "round", "line-join": "round" },
        paint: {
          "line-color": ["case", strong(onRoads), base.strong, base.roadEdge],
          "line-width": roadWidth(1.6, onRoads),
        },
      },
      {
        id: "roads",
        type: "line",
        ...from("roads"),
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": classColour(onRoads, base.road), "line-width": roadWidth(0, onRoads) },
      },
      {
        id: "buildings",
        type: "fill",
        ...from("buildings"),
        paint: { "fill-color": classColour(onBuildings, base.building), "fill-antialias": false },
      },
      {
        id: "building-edge",
        type: "line",
        ...from("buildings"),
        minzoom: 14,
        paint: {
          "line-color": ["case", strong(onBuildings), base.strong, base.buildingEdge],
          "line-width": ["interpolate", ["linear"], ["zoom"], 14, 0.3, 17, ["case", strong(onBuildings), 2, 0.7]],
        },
      },
      {
        id: "sub-district-line",
        type: "line",
        ...from("sub-districts"),
        layout: { "line-join": "round" },
        paint: { "line-color": base.outline, "line-width": ["interpolate", ["linear"], ["zoom"], 11, 1.2, 15, 2.4], "line-opacity": 0.8 },
      },
      {
        id: "assets",
        type: "circle",
        source: "assets",
        minzoom: 16,
        paint: {
          "circle-radius": ["interpolate", ["linear"], ["zoom"], 16, ["case", marked, 4, 2], 19, ["case", marked, 8, 5]],
          "circle-color": classColour(onAssets, base.building),
          "circle-stroke-color": ["case", marked, base.label, base.outline],
          "circle-stroke-width": ["case", marked, 1.2, 0.6],
        },
      },
      raised(false),
      raised(true),
      {
        id: "selected-solid",
        type: "fill-extrusion",
        source: "selected",
        filter: ["==", ["geometry-type"], "Polygon"],
        layout: standing,
        paint: { "fill-extrusion-color": base.selected, "fill-extrusion-height": ["+", ["get", "height_m"], 0.5], "fill-extrusion-opacity": 0.55 },
      },
      { id: "selected-fill", type: "fill", source: "selected", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": base.selected, "fill-opacity": 0.18 } },
      { id: "selected-line", type: "line", source: "selected", layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": base.selected, "line-width": 4 } },
      {
        id: "selected-point",
        type: "circle",
        source: "selected",
        filter: ["==", ["geometry-type"], "Point"],
        paint: { "circle-radius": 14, "circle-opacity": 0, "circle-stroke-color": base.selected, "circle-stroke-width": 4 },
      },
      {
        id: "road-names",
        type: "symbol",
        ...from("roads"),
        minzoom: 14,
        layout: {
          ...label(12),
          "symbol-placement": "line",
          "symbol-spacing": 320,
          "text-field": nameOf(language),
          "text-max-angle": 35,
        },
        paint: halo,
      },
      {
        id: "facilities",
        type: "symbol",
        ...from("facilities"),
        minzoom: 12.5,
        layout: {
          "icon-image": ["concat", "facility-", ["coalesce", ["get", "class"], ["get", "facility_kind"]]],
          "icon-size": ["interpolate", ["linear"], ["zoom"], 12, 0.55, 16, 0.9],
          "icon-padding": 0,
          ...label(12),
          "text-field": ["step", ["zoom"], "", 15.5, nameOf(language)],
          "text-offset": [0, 1.2],
          "text-anchor": "top",
          "text-optional": true,
        },
        paint: halo,
      },
      {
        id: "sub-district-names",
        type: "symbol",
        ...from("sub-districts"),
        maxzoom: 14, // nearer, each tile would repeat the name
        layout: {
          ...label(15),
          "text-field": nameOf(language),
          "text-max-width": 12,
          "text-variable-anchor": ["center", "top", "bottom", "left", "right"],
          "text-radial-offset": 1.1,
          "text-padding": 1,
        },
        paint: { ...halo, "text-halo-width": 2.4 },
      },
      {
        id: "readings",
        type: "circle",
        source: "readings",
        paint: {
          "circle-radius": ["interpolate", ["linear"], ["zoom"], 11, 5 * scale, 16, 9 * scale],
          "circle-color": valueColour(coldScale(theme)),
          "circle-stroke-color": base.label,
          "circle-stroke-width": 1.5,
        },
      },
      {
        id: "reading-values",
        type: "symbol",
        source: "readings",
        minzoom: 12.5,
        layout: { ...label(13), "text-field": ["get", "text"], "text-offset": [0, 1.1], "text-anchor": "top", "text-optional": true },
        paint: halo,
      },
      {
        // Placed first, so that the names of places make room for the ranks.
        id: "work",
        type: "symbol",
        source: "work",
        // The whole district has room for the first ten only, and for fewer in large letters.
        filter: ["<=", ["get", "rank"], scale > 1 ? ["step", ["zoom"], 5, 15, 20] : ["step", ["zoom"], 10, 13, 20]],
        layout: {
          ...label(12),
          "icon-image": "work-disc",
          "icon-size": scale,
          "icon-allow-overlap": true,
          "text-field": ["to-string", ["get", "rank"]],
          "text-allow-overlap": true,
          "symbol-z-order": "source",
        },
        paint: { "text-color": base.label },
      },
    ],
  };
}
