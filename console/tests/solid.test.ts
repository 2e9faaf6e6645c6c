import { describe, expect, it } from "vitest";
import { meshOf, placed } from "../src/shadow-mesh";
import { heightOf, STOREY_M, UNKNOWN_HEIGHT_M } from "../src/solid";
import { compassPoint, phaseOf, shadowOf, sunAt } from "../src/sun";

const SHANGHAI = [121.5, 31.28] as const;

describe("the height of a building", () => {
  it("is the measured one where there is one", () => {
    expect(heightOf({ height: 45, levels: 3 })).toEqual({ height_m: 45, guessed: false });
    expect(heightOf({ height_m: 12.5 })).toEqual({ height_m: 12.5, guessed: false });
  });

  it("is guessed, and says so, where it is counted, estimated or unknown", () => {
    expect(heightOf({ levels: 6 })).toEqual({ height_m: 6 * STOREY_M, guessed: true });
    expect(heightOf({ height_m: 20, height_estimated: true })).toEqual({ height_m: 20, guessed: true });
    for (const nonsense of [null, {}, { height: -3 }, { height: "tall" }, { height: Number.NaN }]) {
      expect(heightOf(nonsense)).toEqual({ height_m: UNKNOWN_HEIGHT_M, guessed: true });
    }
  });
});

describe("the sun", () => {
  it("stands at noon of the winter solstice where astronomy puts it", () => {
    const noon = sunAt(Date.parse("2023-12-22T03:52:30Z"), ...SHANGHAI); // solar noon at 121.5° E
    expect(noon.altitude_deg).toBeCloseTo(90 - SHANGHAI[1] - 23.44, 0);
    expect(Math.abs(noon.azimuth_deg - 180)).toBeLessThan(1);
    expect(compassPoint(noon.azimuth_deg)).toBe(4);
    const rise = new Date(noon.rise ?? 0).toISOString();
    expect(rise.slice(0, 13)).toBe("2023-12-21T22"); // about 06:49 in Shanghai
  });

  it("throws shadows away from itself, longer the lower it stands, and none by night", () => {
    const [east, north] = shadowOf({ azimuth_deg: 180, altitude_deg: 45 }) ?? [0, 0];
    expect(east).toBeCloseTo(0);
    expect(north).toBeCloseTo(1);
    const [evening] = shadowOf({ azimuth_deg: 270, altitude_deg: 20 }) ?? [0];
    expect(evening).toBeCloseTo(1 / Math.tan((20 * Math.PI) / 180));
    expect(shadowOf({ azimuth_deg: 180, altitude_deg: 1 })).toBeNull();
    expect(shadowOf({ azimuth_deg: 0, altitude_deg: -40 })).toBeNull();
  });

  it("knows day, twilight and night", () => {
    expect([30, 3, -5, -20].map(phaseOf)).toEqual(["day", "low", "low", "night"]);
    expect([0, 44, 46, 359, -90].map(compassPoint)).toEqual([0, 1, 1, 0, 6]);
  });
});

describe("the mesh of the shadows", () => {
  const side = 0.001;
  const [x, y] = SHANGHAI;
  const ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]];
  const house: GeoJSON.Feature = { type: "Feature", geometry: { type: "Polygon", coordinates: [ring] }, properties: { height: 30 } };

  it("has two corners for each of the footprint's, walls and a roof", () => {
    const mesh = meshOf([house], [x, y]);
    expect(mesh.corners).toHaveLength(4 * 2 * 3);
    expect(mesh.triangles).toHaveLength((4 * 2 + 2) * 3);
    expect(Math.max(...mesh.triangles)).toBe(7);
    const heights = [...mesh.corners].filter((_, at) => at % 3 === 2);
    expect(heights).toEqual([0, 30, 0, 30, 0, 30, 0, 30]);
    const eastward = mesh.corners[6] ?? 0;
    expect(eastward).toBeCloseTo((side / 360) * 40_075_016.686 * Math.cos((y * Math.PI) / 180), 1);
  });

  it("counts holes and every part of a multipolygon, and leaves out what has no area", () => {
    const inner = ring.map(([a = 0, b = 0]) => [x + (a - x) / 2 + side / 8, y + (b - y) / 2 + side / 8]);
    const court: GeoJSON.Feature = { ...house, geometry: { type: "Polygon", coordinates: [ring, inner] } };
    expect(meshOf([court], [x, y]).triangles).toHaveLength((8 * 2 + 8) * 3);
    const two: GeoJSON.Feature = { ...house, geometry: { type: "MultiPolygon", coordinates: [[ring], [ring]] } };
    expect(meshOf([two], [x, y]).corners).toHaveLength(48);
    const line: GeoJSON.Feature = { ...house, geometry: { type: "LineString", coordinates: ring } };
    const flat: GeoJSON.Feature = { ...house, geometry: { type: "Polygon", coordinates: [[[x, y], [x, y]]] } };
    expect(meshOf([line, flat], [x, y]).triangles).toHaveLength(0);
  });

  it("is put in its place with north up", () => {
    const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    expect([...placed(identity, 0.25, 0.5, 2)]).toEqual([2, 0, 0, 0, -0, -2, -0, -0, 0, 0, 2, 0, 0.25, 0.5, 0, 1]);
  });
});
