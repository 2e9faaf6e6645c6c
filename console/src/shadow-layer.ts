/** Shadows of the buildings on the ground: a layer of its own under roads and buildings. */

import { MercatorCoordinate, type CustomLayerInterface, type CustomRenderMethodInput, type Map as MapLibre } from "maplibre-gl";
import { placed, type Mesh } from "./shadow-mesh";
import type { ShadowAnswer, ShadowTask } from "./shadow.worker";

const VERTEX = `#version 300 es
uniform mat4 u_matrix;
uniform vec2 u_shadow;
in vec3 a_corner;
void main() {
  gl_Position = u_matrix * vec4(a_corner.xy + a_corner.z * u_shadow, 0.0, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
uniform vec3 u_colour;
out vec4 colour;
void main() { colour = vec4(u_colour, 1.0); }`;

interface Drawn {
  program: WebGLProgram;
  array: WebGLVertexArrayObject;
  count: number;
  origin: [number, number];
}

export class ShadowLayer implements CustomLayerInterface {
  readonly id = "shadows";
  readonly type = "custom" as const;
  readonly renderingMode = "2d" as const;
  /** East and north for a metre of height; null draws nothing. */
  shadow: readonly [number, number] | null = null;
  /** Red, green, blue, 0 to 1. */
  colour: readonly [number, number, number] = [0.8, 0.8, 0.8];
  private map: MapLibre | null = null;
  private gl: WebGL2RenderingContext | null = null;
  private drawn: Drawn | null = null;
  private mesh: Mesh | null = null;
  private worker: Worker | null = null;

  /** Read the buildings' mesh; what was drawn goes. */
  read(task: ShadowTask): void {
    this.worker?.terminate();
    this.mesh = null;
    this.drop();
    this.worker = new Worker(new URL("./shadow.worker.ts", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", (event: MessageEvent<ShadowAnswer>) => {
      this.worker?.terminate();
      this.worker = null;
      if ("mesh" in event.data) this.mesh = event.data.mesh;
      this.map?.triggerRepaint();
      if ("failed" in event.data) console.error("shadows", event.data.failed);
    });
    this.worker.postMessage(task);
  }

  /** Whether nothing is being read. */
  get settled(): boolean {
    return this.worker === null;
  }

  onAdd(map: MapLibre, gl: WebGLRenderingContext | WebGL2RenderingContext): void {
    this.map = map;
    this.gl = gl as WebGL2RenderingContext;
    this.drawn = null;
  }

  onRemove(): void {
    this.drop();
    this.worker?.terminate();
    this.worker = null;
    this.gl = null;
  }

  render(context: WebGLRenderingContext | WebGL2RenderingContext, input: CustomRenderMethodInput): void {
    const gl = context as WebGL2RenderingContext;
    if (!this.shadow || !this.mesh) return;
    this.drawn ??= build(gl, this.mesh);
    const { program, array, count, origin } = this.drawn;
    const at = MercatorCoordinate.fromLngLat(origin);
    const matrix = placed(input.defaultProjectionData.mainMatrix, at.x, at.y, at.meterInMercatorCoordinateUnits());
    gl.useProgram(program);
    gl.uniformMatrix4fv(gl.getUniformLocation(program, "u_matrix"), false, matrix);
    gl.uniform2f(gl.getUniformLocation(program, "u_shadow"), ...this.shadow);
    gl.uniform3f(gl.getUniformLocation(program, "u_colour"), ...this.colour);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.STENCIL_TEST);
    gl.disable(gl.CULL_FACE);
    // The darker of ground and shade: where shadows overlap it gets no darker than one.
    gl.enable(gl.BLEND);
    gl.blendEquation(gl.MIN);
    gl.bindVertexArray(array);
    gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
    gl.bindVertexArray(null);
    gl.blendEquation(gl.FUNC_ADD);
  }

  private drop(): void {
    if (this.gl && this.drawn) {
      this.gl.deleteProgram(this.drawn.program);
      this.gl.deleteVertexArray(this.drawn.array);
    }
    this.drawn = null;
  }
}

function build(gl: WebGL2RenderingContext, mesh: Mesh): Drawn {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind);
    if (!shader) continue; // the context was lost; a new one builds anew
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, mesh.corners, gl.STATIC_DRAW);
  const corner = gl.getAttribLocation(program, "a_corner");
  gl.enableVertexAttribArray(corner);
  gl.vertexAttribPointer(corner, 3, gl.FLOAT, false, 0, 0);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles, gl.STATIC_DRAW);
  gl.bindVertexArray(null);
  return { program, array, count: mesh.triangles.length, origin: mesh.origin };
}
