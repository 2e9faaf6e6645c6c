/** The map's style: local sources only, no tiles, glyphs or sprites from anywhere. */

import type { ExpressionSpecification, StyleSpecification } from "maplibre-gl";
import { BASE, steps, type Mode, type Theme } from "./colours";
import { NO_ONSET } from "./state";
import type { Locale } from "./api";

export const FONTS = ["Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Micro Hei", "sans-serif"];

const value: ExpressionSpecification = ["coalesce", ["feature-state", "v"], -1];

/** Colour of a feature by the byte in its state. */
export function valueColour(mode: Mode, theme: Theme, plain: string): ExpressionSpecification {
  const scale = steps(mode, theme);
  const [first, ...rest] = scale;
  const stepped: unknown[] = ["step", value, plain, first?.from ?? 0, first?.colour ?? plain];
  for (const step of rest) stepped.push(step.from, step.colour);
  const expression = stepped as ExpressionSpecification;
  return mode === "onset" ? ["case", [">=", value, NO_ONSET], plain, expression] : expression;
}

/** Whether a feature deserves a mark beside its colour: likely, or soon. */
function strong(mode: Mode): ExpressionSpecification {
  return mode === "probability"
    ? [">=", value, Math.ceil(0.6 * 255)]
    : ["all", [">=", value, 0], ["<", value, 12]];
}

function marked(mode: Mode): ExpressionSpecification {
  return mode === "probability"
    ? [">=", value, Math.ceil(0.05 * 255)]
    : ["all", [">=", value, 0], ["<", value, NO_ONSET]];
}

function nameOf(locale: Locale): ExpressionSpecification {
  return locale === "en"
    ? ["coalesce", ["get", "name_en"], ["get", "name"], ""]
    : ["coalesce", ["get", "name"], ""];
}

function roadWidth(extra: number, mode: Mode): ExpressionSpecification {
  const rank: ExpressionSpecification = [
    "match",
    ["get", "road_class"],
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
  const boost: ExpressionSpecification = ["case", strong(mode), 1.6, marked(mode), 1.25, 1];
  const at = (width: number, part: number): ExpressionSpecification => ["+", ["*", width, rank, boost], extra * part];
  return ["interpolate", ["exponential", 1.5], ["zoom"], 10, at(0.5, 0.2), 13, at(1.3, 0.5), 16, at(4, 1), 19, at(16, 1)];
}

const empty = { type: "FeatureCollection" as const, features: [] };

export function buildStyle(mode: Mode, theme: Theme, locale: Locale, scale: number): StyleSpecification {
  const base = BASE[theme];
  const source = (data: GeoJSON.FeatureCollection = empty) => ({ type: "geojson" as const, data, tolerance: 0.2 });
  const label = (size: number) => ({ "text-font": FONTS, "text-size": size * scale });
  const halo = { "text-color": base.label, "text-halo-color": base.halo, "text-halo-width": 1.6 };
  return {
    version: 8,
    sources: {
      "sub-districts": source(),
      roads: source(),
      buildings: source(),
      facilities: source(),
      assets: source(),
      work: source(),
      selected: source(),
    },
    layers: [
      { id: "background", type: "background", paint: { "background-color": base.background } },
      { id: "sub-district-fill", type: "fill", source: "sub-districts", paint: { "fill-color": base.district } },
      {
        id: "road-edge",
        type: "line",
        source: "roads",
        layout: { "line-cap": "round", "line-join": "round" },
        paint: {
          "line-color": ["case", strong(mode), base.strong, base.roadEdge],
          "line-width": roadWidth(1.6, mode),
        },
      },
      {
        id: "roads",
        type: "line",
        source: "roads",
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": valueColour(mode, theme, base.road), "line-width": roadWidth(0, mode) },
      },
      {
        id: "buildings",
        type: "fill",
        source: "buildings",
        paint: { "fill-color": valueColour(mode, theme, base.building), "fill-antialias": false },
      },
      {
        id: "building-edge",
        type: "line",
        source: "buildings",
        minzoom: 14,
        paint: {
          "line-color": ["case", strong(mode), base.strong, base.buildingEdge],
          "line-width": ["interpolate", ["linear"], ["zoom"], 14, 0.3, 17, ["case", strong(mode), 2, 0.7]],
        },
      },
      {
        id: "sub-district-line",
        type: "line",
        source: "sub-districts",
        layout: { "line-join": "round" },
        paint: { "line-color": base.outline, "line-width": ["interpolate", ["linear"], ["zoom"], 11, 1.2, 15, 2.4], "line-opacity": 0.8 },
      },
      {
        id: "assets",
        type: "circle",
        source: "assets",
        minzoom: 16,
        paint: {
          "circle-radius": ["interpolate", ["linear"], ["zoom"], 16, ["case", marked(mode), 4, 2], 19, ["case", marked(mode), 8, 5]],
          "circle-color": valueColour(mode, theme, base.building),
          "circle-stroke-color": ["case", marked(mode), base.label, base.outline],
          "circle-stroke-width": ["case", marked(mode), 1.2, 0.6],
        },
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
        source: "roads",
        minzoom: 14,
        layout: {
          ...label(12),
          "symbol-placement": "line",
          "symbol-spacing": 320,
          "text-field": nameOf(locale),
          "text-max-angle": 35,
        },
        paint: halo,
      },
      {
        id: "facilities",
        type: "symbol",
        source: "facilities",
        minzoom: 12.5,
        layout: {
          "icon-image": ["concat", "facility-", ["get", "facility_kind"]],
          "icon-size": ["interpolate", ["linear"], ["zoom"], 12, 0.55, 16, 0.9],
          "icon-padding": 0,
          ...label(12),
          "text-field": ["step", ["zoom"], "", 15.5, nameOf(locale)],
          "text-offset": [0, 1.2],
          "text-anchor": "top",
          "text-optional": true,
        },
        paint: halo,
      },
      {
        id: "sub-district-names",
        type: "symbol",
        source: "sub-districts",
        maxzoom: 14, // nearer, each tile would repeat the name
        layout: {
          ...label(15),
          "text-field": nameOf(locale),
          "text-max-width": 12,
          "text-variable-anchor": ["center", "top", "bottom", "left", "right"],
          "text-radial-offset": 1.1,
          "text-padding": 1,
        },
        paint: { ...halo, "text-halo-width": 2.4 },
      },
      {
        // Placed first, so that the names of places make room for the ranks.
        id: "work",
        type: "symbol",
        source: "work",
        // The whole district has room for the first ten only.
        filter: ["<=", ["get", "rank"], ["step", ["zoom"], 10, 13, 20]],
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

const FACILITY_SIGNS: Record<string, [string, string]> = {
  hospital: ["医", "H"],
  nursing_home: ["养", "N"],
  market: ["市", "M"],
  fire_station: ["消", "F"],
  school: ["学", "S"],
  shelter: ["助", "R"],
};

/** The disc under a rank. */
export function workDisc(theme: Theme): ImageData | undefined {
  const size = 48;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  if (!pen) return undefined;
  pen.fillStyle = BASE[theme].halo;
  pen.strokeStyle = BASE[theme].label;
  pen.lineWidth = 4;
  pen.beginPath();
  pen.arc(size / 2, size / 2, size / 2 - 3, 0, 2 * Math.PI);
  pen.fill();
  pen.stroke();
  return pen.getImageData(0, 0, size, size);
}

/** Symbols of the facilities, drawn here so that nothing has to be fetched. */
export function facilityImages(theme: Theme, locale: Locale): Map<string, ImageData> {
  const images = new Map<string, ImageData>();
  const size = 44;
  for (const [kind, [zh, en]] of Object.entries(FACILITY_SIGNS)) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size;
    const pen = canvas.getContext("2d");
    if (!pen) continue;
    pen.fillStyle = BASE[theme].facility;
    pen.strokeStyle = BASE[theme].halo;
    pen.lineWidth = 3;
    pen.beginPath();
    if (kind === "hospital" || kind === "nursing_home") pen.roundRect(3, 3, size - 6, size - 6, 8);
    else if (kind === "fire_station") {
      pen.moveTo(size / 2, 2);
      pen.lineTo(size - 2, size / 2);
      pen.lineTo(size / 2, size - 2);
      pen.lineTo(2, size / 2);
      pen.closePath();
    } else pen.arc(size / 2, size / 2, size / 2 - 3, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
    pen.fillStyle = BASE[theme].facilityText;
    const room = kind === "fire_station" ? 0.75 : 1;
    pen.font = `600 ${(locale === "en" ? 24 : 22) * room}px ${FONTS.join(",")}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(locale === "en" ? en : zh, size / 2, size / 2 + 1);
    images.set(`facility-${kind}`, pen.getImageData(0, 0, size, size));
  }
  return images;
}
