import { describe, expect, it } from "vitest";
import { BASE, ONSET_BOUNDS, PROBABILITY_BOUNDS, steps, type Mode, type Theme } from "../src/colours";

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
