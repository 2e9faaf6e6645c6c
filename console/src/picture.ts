/** The map as a picture to take away: with its time, what its colours mean, and whom to credit. */

import { BASE, ONSET_BOUNDS, PROBABILITY_BOUNDS, steps, type Mode, type Theme } from "./colours";
import { FONTS } from "./map-style";
import { t } from "./text";

export interface Caption {
  title: string;
  /** Time shown, and how it lies to the run. */
  time: string;
  /** What the colours show. */
  shows: string;
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

export function drawPicture(map: HTMLCanvasElement, caption: Caption, mode: Mode, theme: Theme): HTMLCanvasElement {
  const base = BASE[theme];
  const canvas = document.createElement("canvas");
  const width = Math.max(map.width, 720);
  canvas.width = width;
  const pen = canvas.getContext("2d");
  if (!pen) return canvas;
  const font = (size: number, weight = 400) => `${weight} ${size}px ${FONTS.join(",")}`;
  pen.font = font(22);
  const above = lines(`${caption.time} · ${caption.shows}`, (line) => pen.measureText(line).width <= width - 2 * EDGE);
  pen.font = font(20);
  const small = (line: string) => pen.measureText(line).width <= width - 2 * EDGE;
  const below = [...caption.labels, caption.attribution].filter(Boolean).flatMap((text) => lines(text, small));
  const head = (1 + above.length) * LINE + EDGE;
  const foot = 3 * LINE + below.length * LINE + EDGE;
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
  drawScale(pen, head + map.height + LINE, width, mode, theme, font(18));
  pen.font = font(20);
  pen.fillStyle = base.label;
  below.forEach((line, at) => pen.fillText(line, EDGE, head + map.height + (3.2 + at) * LINE));
  return canvas;
}

function drawScale(pen: CanvasRenderingContext2D, y: number, width: number, mode: Mode, theme: Theme, font: string): void {
  const base = BASE[theme];
  const bounds: readonly number[] = mode === "onset" ? ONSET_BOUNDS : PROBABILITY_BOUNDS.map((bound) => Math.round(bound * 100));
  const scale = steps(mode, theme);
  const box = Math.min(110, (width - 2 * EDGE) / (scale.length + 1));
  pen.font = font;
  pen.textAlign = "center";
  const said = [t(mode === "onset" ? "legend.unlikely" : "legend.below"), ...bounds.map((low, at) => `${low}–${bounds[at + 1] ?? (mode === "onset" ? "" : 100)}`)];
  [base.building, ...scale.map((step) => step.colour)].forEach((colour, at) => {
    pen.fillStyle = colour;
    pen.fillRect(EDGE + at * box, y - 14, box - 3, 16);
    pen.fillStyle = base.label;
    pen.fillText(said[at] ?? "", EDGE + (at + 0.5) * box, y + 18);
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
