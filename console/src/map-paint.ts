/** Tells the map which class each feature is of; only what changed since the last time is told. */

import type { Map as MapLibre } from "maplibre-gl";
import { NONE } from "./colours";

export class Painter {
  private readonly shown = new Map<string, Int8Array>();

  constructor(private readonly map: MapLibre) {}

  /** Give every feature of a source its class, by row. `null` takes all of them away. */
  paint(source: string, next: Int8Array | null, sourceLayer?: string): number {
    const target = sourceLayer === undefined ? { source } : { source, sourceLayer };
    const before = this.shown.get(source);
    if (!next) {
      if (before && this.map.getSource(source)) this.map.removeFeatureState(target);
      this.shown.delete(source);
      return 0;
    }
    if (!this.map.getSource(source)) return 0;
    let told = 0;
    for (let id = 0; id < next.length; id++) {
      const c = next[id] ?? NONE;
      if (c === (before?.[id] ?? NONE)) continue;
      this.map.setFeatureState({ ...target, id }, { c });
      told++;
    }
    for (let id = next.length; before && id < before.length; id++) {
      if (before[id] !== NONE) this.map.setFeatureState({ ...target, id }, { c: NONE });
    }
    this.shown.set(source, next);
    return told;
  }

  /** Take all state of a source away, whichever of its layers it lies on. */
  clear(source: string): void {
    const type = this.map.getSource(source)?.type;
    if (type) this.map.removeFeatureState(type === "vector" ? { source, sourceLayer: source } : { source });
    this.shown.delete(source);
  }

  /** The map holds no state of this source any more. */
  forget(source: string): void {
    this.shown.delete(source);
  }
}
