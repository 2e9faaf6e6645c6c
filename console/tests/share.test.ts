import { describe, expect, it } from "vitest";
import { formatPlace, parsePlace, understood, type SharedPlace } from "../src/share";

const PLACE: SharedPlace = {
  district: "杨浦",
  run: "r-1",
  hour: 31,
  mode: "onset",
  object: "urn:ngsi-ld:Building:x:1",
  tab: "objects",
  stage: "compare",
  view: { longitude_deg: 121.5, latitude_deg: 31.25, zoom: 15.5, bearing_deg: -20, pitch_deg: 60 },
  solid: true,
  sunlit: true,
  quantities: { roads: "road_icy", buildings: "burst" },
  shared: { filter: "a=b&c=#d" },
};

describe("a shared address", () => {
  it("comes back as it was", () => {
    expect(parsePlace(formatPlace(PLACE))).toEqual(PLACE);
    expect(understood(formatPlace(PLACE))).toBe("current");
    for (const hour of [0, -5, null]) expect(parsePlace(formatPlace({ ...PLACE, hour })).hour).toBe(hour);
    expect(parsePlace(formatPlace({ ...PLACE, view: null })).view).toBeNull();
  });

  it("of the first form is brought up to date", () => {
    const old = "#district=siping&run=r-1&hour=12&mode=onset&object=urn:x";
    const place = parsePlace(old);
    expect(understood(old)).toBe("older");
    expect(place).toMatchObject({ district: "siping", run: "r-1", hour: 12, mode: "onset", object: "urn:x" });
    expect(parsePlace(formatPlace(place))).toEqual(place);
  });

  it("of a newer form is read as far as it is known", () => {
    expect(understood("#v=9&hour=4&orbit=low")).toBe("newer");
    expect(parsePlace("#v=9&hour=4&orbit=low").hour).toBe(4);
  });

  it("falls back where it is nonsense", () => {
    expect(parsePlace("#hour=x&show=other&view=0,0")).toMatchObject({ hour: null, mode: "probability", view: null });
    expect(parsePlace("#hour=1e999").hour).toBeNull();
    expect(parsePlace("#hour=").hour).toBeNull();
    expect(parsePlace("#view=31.2,121.5,15").view).toBeNull(); // latitude first
    expect(parsePlace("#hour=0").hour).toBe(0);
    expect(understood("")).toBe("current");
  });
});
