/** The map as a picture to take away: with its time, what its colours mean, and whom to credit. */

import { BASE, type Theme } from "./colours";
import type { ScaleRow } from "./legend";
import { FONTS } from "./map-style";

export interface Caption {
  title: string;
  /** Time shown, and how it lies to the run. */
  time: string;
  /** What is made up; empty where nothing is. */
  labels: readonly string[];
  attribution: string;
}

const EDGE = 24;
const LINE = 30;

/** Break a text into lines that fit. */
export function lines(text: string, fits: (line: string) => boolean): string[] {
  const found: string[] = [];
  let line = "";
  // Chinese may be broken anywhere, Latin words only between them.
  for (const piece of text.match(/[\u2e80-\uffef]|[^\s\u2e80-\uffef]+\s*|\s+/g) ?? []) {
    if (line && !fits((line + piece).trimEnd())) {
      found.push(line.trimEnd());
      line = piece.trimStart();
    } else line += piece;
  }
  if (line.trim()) found.push(line.trimEnd());
  return found;
}

export function drawPicture(map: HTMLCanvasElement, caption: Caption, scales: readonly ScaleRow[], theme: Theme): HTMLCanvasElement {
  const base = BASE[theme];
  const canvas = document.createElement("canvas");
  const width = Math.max(map.width, 720);
  canvas.width = width;
  const pen = canvas.getContext("2d");
  if (!pen) return canvas;
  const font = (size: number, weight = 400) => `${weight} ${size}px ${FONTS.join(",")}`;
  pen.font = font(22);
  const above = lines(caption.time, (line) => pen.measureText(line).width <= width - 2 * EDGE);
  pen.font = font(20);
  const small = (line: string) => pen.measureText(line).width <= width - 2 * EDGE;
  const below = [...caption.labels, caption.attribution].filter(Boolean).flatMap((text) => lines(text, small));
  const head = (1 + above.length) * LINE + EDGE;
  const scaled = scales.length * 3 * LINE;
  const foot = scaled + (below.length + 1) * LINE + EDGE;
  canvas.height = head + map.height + foot;
  pen.fillStyle = base.halo;
  pen.fillRect(0, 0, width, canvas.height);
  pen.drawImage(map, 0, head, width, map.height);
  pen.fillStyle = base.label;
  pen.textBaseline = "middle";
  pen.font = font(26, 600);
  pen.fillText(caption.title, EDGE, EDGE);
  pen.font = font(22);
  above.forEach((line, at) => pen.fillText(line, EDGE, EDGE + (1 + at) * LINE));
  scales.forEach((row, at) => drawScale(pen, head + map.height + (0.8 + 3 * at) * LINE, width, row, base.label, font(18)));
  pen.font = font(20);
  pen.fillStyle = base.label;
  below.forEach((line, at) => pen.fillText(line, EDGE, head + map.height + scaled + (0.8 + at) * LINE));
  return canvas;
}

function drawScale(pen: CanvasRenderingContext2D, y: number, width: number, { title, classes }: ScaleRow, ink: string, font: string): void {
  const box = Math.min(110, (width - 2 * EDGE) / classes.length);
  pen.font = font;
  pen.fillStyle = ink;
  pen.fillText(title, EDGE, y);
  pen.textAlign = "center";
  classes.forEach(({ colour, said }, at) => {
    pen.fillStyle = colour;
    pen.fillRect(EDGE + at * box, y + 16, box - 3, 16);
    pen.fillStyle = ink;
    pen.fillText(said, EDGE + (at + 0.5) * box, y + 46);
  });
  pen.textAlign = "left";
}

/** Hand a canvas to the person as a file. */
export function savePicture(canvas: HTMLCanvasElement, name: string): Promise<void> {
  return new Promise((done) => {
    canvas.toBlob((blob) => {
      if (blob) {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = name;
        link.click();
        window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      }
      done();
    }, "image/png");
  });
}
