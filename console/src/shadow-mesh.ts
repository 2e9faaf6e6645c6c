/**
 * Walls and roofs of buildings as one mesh in metres around a point of the district. On flat ground
 * the shadow of a body is the body sheared along the light and laid flat, so the mesh is made once,
 * and each hour is one vector for the graphics card.
 */

import earcut from "earcut";
import { heightOf } from "./solid";

export interface Mesh {
  /** Where the metres are counted from [°]. */
  origin: [longitude: number, latitude: number];
  /** x east, y north, z up [m], three a corner. */
  corners: Float32Array;
  triangles: Uint32Array;
}

const EARTH_M = 40_075_016.686;

/** Metres east and north of the origin, on the map's own projection, whose scale is taken at the origin. */
function metres(origin: readonly [number, number]): (at: readonly number[]) => [number, number] {
  const north = (latitude: number) => Math.asinh(Math.tan((latitude * Math.PI) / 180)) / (2 * Math.PI);
  const across = EARTH_M * Math.cos((origin[1] * Math.PI) / 180);
  const base = north(origin[1]);
  return ([longitude = 0, latitude = 0]) => [((longitude - origin[0]) / 360) * across, (north(latitude) - base) * across];
}

function polygonsOf(geometry: GeoJSON.Geometry | null): GeoJSON.Position[][][] {
  if (geometry?.type === "Polygon") return [geometry.coordinates];
  if (geometry?.type === "MultiPolygon") return geometry.coordinates;
  return [];
}

/** A ring without the closing corner. */
function open(ring: readonly GeoJSON.Position[]): readonly GeoJSON.Position[] {
  const [first, last] = [ring[0], ring.at(-1)];
  return first && last && ring.length > 1 && first[0] === last[0] && first[1] === last[1] ? ring.slice(0, -1) : ring;
}

export function meshOf(features: readonly GeoJSON.Feature[], origin: [number, number]): Mesh {
  const place = metres(origin);
  const corners: number[] = [];
  const triangles: number[] = [];
  for (const { geometry, properties } of features) {
    const { height_m } = heightOf(properties);
    for (const polygon of polygonsOf(geometry)) {
      const flat: number[] = [];
      const holes: number[] = [];
      const first = corners.length / 3;
      polygon.forEach((closed, at) => {
        const ring = open(closed);
        if (ring.length < 3) return;
        const start = flat.length / 2;
        if (at > 0) holes.push(start);
        ring.forEach((corner, step) => {
          const [x, y] = place(corner);
          flat.push(x, y);
          corners.push(x, y, 0, x, y, height_m);
          // A corner is two, at the ground and at the eaves; a wall joins it to the next one.
          const here = first + 2 * (start + step);
          const next = first + 2 * (start + ((step + 1) % ring.length));
          triangles.push(here, next, here + 1, next, next + 1, here + 1);
        });
      });
      for (const corner of earcut(flat, holes)) triangles.push(first + 2 * corner + 1);
    }
  }
  return { origin, corners: new Float32Array(corners), triangles: new Uint32Array(triangles) };
}

/** Column-major product of a matrix with a move to a point and a scaling. */
export function placed(matrix: ArrayLike<number>, x: number, y: number, scale: number): Float32Array {
  const m = (at: number) => matrix[at] ?? 0;
  const out = new Float32Array(16);
  for (let row = 0; row < 4; row++) {
    out[row] = m(row) * scale;
    out[4 + row] = -m(4 + row) * scale; // north is up, the map counts down
    out[8 + row] = m(8 + row) * scale;
    out[12 + row] = m(row) * x + m(4 + row) * y + m(12 + row);
  }
  return out;
}
