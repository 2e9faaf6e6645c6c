import { describe, expect, it } from "vitest";
import { BASE, ONSET_BOUNDS, PROBABILITY_BOUNDS, steps, type Mode, type Theme } from "../src/colours";
import { PLAIN, scaleOf, type Showing } from "../src/showing";
import type { QuantityState } from "../src/state-stream";

const linear = (byte: number) => {
  const share = byte / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
};
const channels = (hex: string) => [1, 3, 5].map((at) => linear(parseInt(hex.slice(at, at + 2), 16))) as [number, number, number];

/** Lightness in OKLab (Ottosson 2020), 0 to 1. */
function lightness(hex: string): number {
  const [r, g, b] = channels(hex);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s;
}

function contrast(one: string, other: string): number {
  const luminance = (hex: string) => {
    const [r, g, b] = channels(hex);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

type Triple = [number, number, number];

/** How a colour looks to an eye that lacks one kind of cone, completely (Machado, Oliveira, Fernandes 2009). */
const BLIND: Record<string, readonly Triple[]> = {
  "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  "no green cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  "no blue cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const EYES: Record<string, readonly Triple[]> = { ...BLIND, "all cones": [[1, 0, 0], [0, 1, 0], [0, 0, 1]] };

const times = (rows: readonly Triple[], v: Triple): Triple =>
  rows.map((row) => Math.min(Math.max(row[0] * v[0] + row[1] * v[1] + row[2] * v[2], 0), 1)) as Triple;

/** CIELAB of linear RGB, D65. */
function lab([r, g, b]: Triple): Triple {
  const xyz = [
    (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047,
    0.2126729 * r + 0.7151522 * g + 0.072175 * b,
    (0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883,
  ].map((t) => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116)) as Triple;
  return [116 * xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])];
}

const rad = (degrees: number) => (degrees * Math.PI) / 180;
const angle = (b: number, a: number) => (a === 0 && b === 0 ? 0 : ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360);

/** CIEDE2000 (Sharma, Wu, Dalal 2005). */
function deltaE([l1, a1, b1]: Triple, [l2, a2, b2]: Triple): number {
  const mean7 = ((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2) ** 7;
  const g = 1 + 0.5 * (1 - Math.sqrt(mean7 / (mean7 + 25 ** 7)));
  const [c1, c2] = [Math.hypot(g * a1, b1), Math.hypot(g * a2, b2)];
  const [h1, h2] = [angle(b1, g * a1), angle(b2, g * a2)];
  let dh = c1 * c2 === 0 ? 0 : h2 - h1;
  if (dh > 180) dh -= 360;
  else if (dh < -180) dh += 360;
  const dH = 2 * Math.sqrt(c1 * c2) * Math.sin(rad(dh / 2));
  let h = h1 + h2;
  if (c1 * c2 !== 0) h = Math.abs(h1 - h2) <= 180 ? h / 2 : (h < 360 ? h + 360 : h - 360) / 2;
  const [l, c] = [(l1 + l2) / 2, (c1 + c2) / 2];
  const t = 1 - 0.17 * Math.cos(rad(h - 30)) + 0.24 * Math.cos(rad(2 * h)) + 0.32 * Math.cos(rad(3 * h + 6)) - 0.2 * Math.cos(rad(4 * h - 63));
  const sl = 1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2);
  const [sc, sh] = [1 + 0.045 * c, 1 + 0.015 * c * t];
  const rt = -2 * Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7)) * Math.sin(rad(60 * Math.exp(-(((h - 275) / 25) ** 2))));
  const [x, y, z] = [(l2 - l1) / sl, (c2 - c1) / sc, dH / sh];
  return Math.sqrt(x * x + y * y + z * z + rt * y * z);
}

describe("the difference of two colours", () => {
  it("is that of the published examples", () => {
    // Pairs 1, 9 and 25 of the reference data of Sharma, Wu and Dalal.
    expect(deltaE([50, 2.6772, -79.7751], [50, 0, -82.7485])).toBeCloseTo(2.0425, 4);
    expect(deltaE([50, 2.5, 0], [50, 0, -2.5])).toBeCloseTo(4.3065, 4);
    expect(deltaE([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387])).toBeCloseTo(1.2644, 4);
  });
});

describe("the scales for every eye", () => {
  const seen = (hex: string, eye: readonly Triple[]) => lab(times(eye, channels(hex)));
  const cold: Showing = { ...PLAIN, number: { unit: "°C" } as QuantityState };

  for (const theme of ["day", "night"] as Theme[]) {
    for (const [name, eye] of Object.entries(EYES)) {
      it(`keep neighbours apart by ${theme} with ${name}`, () => {
        for (const scale of [scaleOf("probability", PLAIN, theme), scaleOf("onset", PLAIN, theme), scaleOf("probability", cold, theme)]) {
          const looks = scale.colours.map((colour) => seen(colour, eye));
          const steps = looks.slice(1).map((look, at) => deltaE(look, looks[at] as Triple));
          expect(Math.min(...steps), scale.kind).toBeGreaterThan(7); // thrice what is just noticed
        }
      });
    }

    it(`are even by ${theme}: no step of probability is twice another`, () => {
      const looks = scaleOf("probability", PLAIN, theme).colours.map((colour) => lab(channels(colour)));
      const steps = looks.slice(1).map((look, at) => deltaE(look, looks[at] as Triple));
      expect(Math.max(...steps) / Math.min(...steps)).toBeLessThan(2);
    });

    it(`tell frost from what is above it by ${theme}, for every eye`, () => {
      const { colours, bounds } = scaleOf("probability", cold, theme);
      const zero = bounds.indexOf(0);
      for (const eye of Object.values(EYES)) {
        expect(deltaE(seen(colours[zero - 1] ?? "", eye), seen(colours[zero] ?? "", eye))).toBeGreaterThan(15);
      }
    });
  }
});

describe("the scales", () => {
  for (const mode of ["probability", "onset"] as Mode[]) {
    for (const theme of ["day", "night"] as Theme[]) {
      it(`${mode} by ${theme} change evenly in lightness, all one way`, () => {
        const levels = steps(mode, theme).map((step) => lightness(step.colour));
        const differences = levels.slice(1).map((level, at) => level - (levels[at] ?? 0));
        const sign = Math.sign(differences[0] ?? 0);
        const sizes = differences.map((difference) => difference * sign);
        expect(Math.min(...sizes)).toBeGreaterThan(0.08);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(0.03);
      });
    }
  }

  it("has a colour for each bound, the first bounds first", () => {
    expect(steps("probability", "day")).toHaveLength(PROBABILITY_BOUNDS.length);
    expect(steps("onset", "night")).toHaveLength(ONSET_BOUNDS.length);
    const from = steps("probability", "day").map((step) => step.from);
    expect(from).toEqual([...from].sort((a, b) => a - b));
  });

  it("makes what is urgent stand out most from the ground", () => {
    for (const theme of ["day", "night"] as Theme[]) {
      const ground = BASE[theme].district;
      const likely = steps("probability", theme).map((step) => contrast(step.colour, ground));
      expect(Math.max(...likely)).toBe(likely.at(-1));
      const soon = steps("onset", theme).map((step) => contrast(step.colour, ground));
      expect(Math.max(...soon)).toBe(soon[0]);
    }
  });

  it("keeps labels readable", () => {
    for (const theme of ["day", "night"] as Theme[]) {
      expect(contrast(BASE[theme].label, BASE[theme].halo)).toBeGreaterThan(7);
      expect(contrast(BASE[theme].facilityText, BASE[theme].facility)).toBeGreaterThan(4.5);
    }
  });
});
