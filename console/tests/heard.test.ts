// @vitest-environment happy-dom
import { render } from "lit";
import { afterEach, describe, expect, it } from "vitest";
import type { HeardSensor, RunReadings } from "../src/api";
import { heardOf, MOST_NAMED } from "../src/heard";
import { CATALOGUES, setLocale } from "../src/text";

const sensor = (change: Partial<HeardSensor> = {}): HeardSensor => ({
  asset: "urn:ngsi-ld:RoadSegment:siping:way-1",
  kind: "RoadSegment",
  quantity: "road_temperature",
  reason: null,
  gain: 0.63,
  silent_h: 0.5,
  ...change,
});

function shown(readings: RunReadings | null): HTMLElement {
  const place = document.createElement("div");
  render(heardOf(readings), place);
  return place;
}

const readings = (sensors: HeardSensor[]): RunReadings => ({
  taken: sensors.filter((item) => item.reason === null).length,
  refused: sensors.filter((item) => item.reason !== null).length,
  observations: 96,
  until: "2011-01-14T00:00:00Z",
  synthetic: true,
  sensors,
});

afterEach(() => setLocale("zh-CN"));

describe("what a run heard from sensors", () => {
  it("is said of a run that heard none", () => {
    expect(shown(null).textContent).toContain(CATALOGUES["zh-CN"]["heard.none"]);
    expect(shown(readings([])).textContent).toContain(CATALOGUES["zh-CN"]["heard.none"]);
  });

  it("names who corrected it, who was refused and why, and that it is made up", () => {
    setLocale("en");
    const text = shown(readings([sensor(), sensor({ reason: "stuck", gain: 0 })])).textContent ?? "";
    expect(text).toContain("1 taken, 1 refused; 96 readings");
    expect(text).toContain("gain 63 %");
    expect(text).toContain("refused: readings that do not change");
    expect(text).toContain(CATALOGUES.en["label.synthetic"]);
  });

  it("opens a sensor's object", () => {
    const place = shown(readings([sensor()]));
    let opened = "";
    place.addEventListener("open-object", (event) => (opened = (event as CustomEvent<{ id: string }>).detail.id));
    place.querySelector("button")?.click();
    expect(opened).toBe("urn:ngsi-ld:RoadSegment:siping:way-1");
  });

  it("names a bounded number and counts the rest", () => {
    setLocale("en");
    const place = shown(readings(Array.from({ length: MOST_NAMED + 7 }, () => sensor())));
    expect(place.querySelectorAll("li").length).toBe(MOST_NAMED);
    expect(place.textContent).toContain("7 more");
  });
});
