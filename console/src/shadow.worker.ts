/** Reads the buildings and makes their mesh, off the page's thread. */

import { meshOf, type Mesh } from "./shadow-mesh";

export interface ShadowTask {
  address: string;
  headers: Record<string, string>;
  origin: [number, number];
}

export type ShadowAnswer = { mesh: Mesh } | { failed: string };

self.addEventListener("message", (event: MessageEvent<ShadowTask>) => void answer(event.data));

async function answer(task: ShadowTask): Promise<void> {
  const post = (what: ShadowAnswer, transfer: Transferable[] = []) => self.postMessage(what, { transfer });
  try {
    const response = await fetch(task.address, { headers: task.headers });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const { features } = (await response.json()) as GeoJSON.FeatureCollection;
    const mesh = meshOf(features, task.origin);
    post({ mesh }, [mesh.corners.buffer, mesh.triangles.buffer]);
  } catch (error) {
    post({ failed: String(error) });
  }
}
