import { describe, expect, it } from "vitest";
import { BASE, classes, differenceSteps, NONE, type Theme } from "../src/colours";
import { signed } from "../src/compare-table";
import { differenceState, ZERO } from "../src/difference";
import { setLocale } from "../src/text";
import type { DifferenceContent } from "../src/whatif-api";
import { asChange, changesOf } from "../src/whatif-form";

const DRAFT = { kind: "Riser", street: "", age: "", building: "", bare: false, attribute: "insulation_thickness", value: "30" };

function form(values: Record<string, string>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(values)) data.set(name, value);
  return data;
}

describe("what the form asks for", () => {
  it("is nothing where nothing was changed", () => {
    const untouched = { air_temperature_shift_C: "0", wind_speed_scale: "1", precipitation_scale: "1.0", spread_scale: "", record: "", crews: "1", salt_stock: "1", straw_mats: "" };
    expect(changesOf(form(untouched), [])).toEqual({});
  });

  it("holds what differs, as numbers", () => {
    const data = form({ air_temperature_shift_C: "-3.5", wind_speed_scale: "1", record: "tonight", salt_stock: "0.5" });
    expect(changesOf(data, [DRAFT])).toEqual({
      weather: { air_temperature_shift_C: -3.5, record: "tonight" },
      assets: [{ select: { kind: "Riser" }, set: { insulation_thickness: 30 } }],
      supplies: { salt_stock: 0.5 },
    });
  });

  it("narrows a change by everything that was chosen", () => {
    const draft = { ...DRAFT, street: "四平路街道", age: "lilong", building: " 鞍山新村 ", bare: true };
    expect(asChange(draft).select).toEqual({ kind: "Riser", sub_districts: ["四平路街道"], age_classes: ["lilong"], building_name: "鞍山新村", bare: true });
  });

  it("sends words and flags as what they are", () => {
    expect(asChange({ ...DRAFT, attribute: "material", value: "ppr" }).set).toEqual({ material: "ppr" });
    expect(asChange({ ...DRAFT, attribute: "bridge", value: "true" }).set).toEqual({ bridge: true });
  });
});

describe("a difference", () => {
  const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));
  const content = (changes: number[]): DifferenceContent => ({
    ...{ start: "2023-12-20T09:00:00Z", hours: 1, features: 2, quantity: "plugged", data_version: "v" },
    hourly_change: base64(new Uint8Array(new Int8Array(changes).buffer)),
    probability_change: base64(new Uint8Array(new Float32Array([-1, 0.5]).buffer)),
    onset_shift_hours: base64(new Uint8Array(new Float32Array([Number.NaN, 2]).buffer)),
    known: base64(new Uint8Array([1, 1])),
  });

  it("keeps its sign on the way to the map", () => {
    const state = differenceState(content([-127, 0, 127, -10]));
    expect([...state.hourly]).toEqual([ZERO - 127, ZERO, ZERO + 127, ZERO - 10]);
    expect(state.probability[0]).toBe(-1);
    expect(state.onset[1]).toBe(2);
  });

  it("is refused where its arrays are of another size", () => {
    expect(() => differenceState(content([0, 0, 0]))).toThrow("sizes");
  });

  it("falls into classes of its own on either side, and into none where little changed", () => {
    const table = classes("difference");
    const at = (change: number) => table[ZERO + Math.round(change * 127)];
    expect([-1, -0.4, -0.1, 0, 0.02, 0.1, 0.4, 1].map(at)).toEqual([0, 1, 2, NONE, NONE, 3, 4, 5]);
  });
});

/** Linear light as the eye without red (protan) or green (deutan) cones has it: Viénot, Brettel and Mollon 1999. */
const BLIND: Record<"protan" | "deutan", number[][]> = {
  protan: [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
  deutan: [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
};

function lab(hex: string, eye?: keyof typeof BLIND): [number, number, number] {
  let light = [1, 3, 5].map((from) => {
    const share = parseInt(hex.slice(from, from + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  if (eye) light = BLIND[eye].map((row) => row.reduce((sum, weight, at) => sum + weight * (light[at] ?? 0), 0));
  const [r, g, b] = light as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function apart(one: string, other: string, eye?: keyof typeof BLIND): number {
  const [a, b] = [lab(one, eye), lab(other, eye)];
  return Math.hypot(...a.map((value, at) => value - (b[at] ?? 0)));
}

describe("the colours of a difference", () => {
  for (const theme of ["day", "night"] as Theme[]) {
    const colours = differenceSteps(theme).map((step) => step.colour);

    it(`by ${theme} stand out the more, the greater the change, alike on both sides`, () => {
      const ground = lab(BASE[theme].district)[0];
      const away = colours.map((colour) => Math.abs(lab(colour)[0] - ground));
      const [less, more] = [away.slice(0, 3).reverse(), away.slice(3)];
      for (const side of [less, more]) expect([...side].sort((a, b) => a - b)).toEqual(side);
      less.forEach((value, at) => expect(Math.abs(value - (more[at] ?? 0))).toBeLessThan(0.08));
    });

    it(`by ${theme} tell less from more with any common colour blindness`, () => {
      for (const eye of [undefined, "protan", "deutan"] as const) {
        for (const less of colours.slice(0, 3)) for (const more of colours.slice(3)) expect(apart(less, more, eye), `${less} ${more} ${eye}`).toBeGreaterThan(0.08);
      }
    });
  }
});

describe("signed numbers", () => {
  it("carry their sign, and a true minus", () => {
    setLocale("en");
    expect([signed(3.25), signed(-3.25), signed(0)]).toEqual(["+3.3", "−3.3", "±0"]);
  });
});
