import { afterEach, describe, expect, it } from "vitest";
import { preferredLanguage } from "../src/memory";
import { age, CATALOGUES, clock, headOf, hourOfDay, of, percent, setEnglishNames, setLocale, setZone, t, toldApart } from "../src/text";

afterEach(() => {
  setLocale("zh-CN");
  setZone("Asia/Shanghai");
});

const sources = import.meta.glob<string>("../src/*.ts", { query: "?raw", import: "default", eager: true });

const fields = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe("the catalogues", () => {
  const { "zh-CN": zh, en } = CATALOGUES;

  it("have the same keys, none empty, with the same fields", () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
    for (const [key, text] of Object.entries(zh)) {
      expect(text, key).not.toBe("");
      expect(en[key], key).not.toBe("");
      expect(fields(text), key).toEqual(fields(en[key] ?? ""));
    }
  });

  it("hold every key that the code names", () => {
    const missing: string[] = [];
    expect(Object.keys(sources).length).toBeGreaterThan(10);
    for (const [name, code] of Object.entries(sources)) {
      for (const match of code.matchAll(/\bt\(\s*"([^"]+)"/g)) {
        if (!(match[1] as string in zh)) missing.push(`${name}: ${match[1]}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it("leave no sentence for people in the code", () => {
    const allowed = ["../src/text.ts"]; // date pattern
    for (const [name, code] of Object.entries(sources)) {
      if (allowed.includes(name)) continue;
      expect(code.replace("中文", "").match(/[\u4e00-\u9fff]+/g), name).toBeNull();
    }
  });
});

describe("words for people", () => {
  it("show the district's clock, not the reader's", () => {
    expect(clock("2023-12-20T19:00:00Z")).toBe("12月21日 周四 03:00");
    setZone("Asia/Urumqi");
    expect(clock("2023-12-20T19:00:00Z")).toBe("12月21日 周四 01:00");
    expect(hourOfDay(Date.parse("2023-12-20T18:00:00Z"))).toBe(0);
  });

  it("never claim a false certainty", () => {
    expect(percent(0)).toBe("0 %");
    expect(percent(0.004)).toBe("<1 %");
    expect(percent(0.996)).toBe(">99 %");
    expect(percent(1)).toBe("100 %");
  });

  it("say how old a number is", () => {
    const now = Date.parse("2023-12-21T00:00:00Z");
    expect(age("2023-12-20T23:30:00Z", now)).toBe("30 分钟前");
    setLocale("en");
    expect(age("2023-12-20T00:00:00Z", now)).toBe("24 h ago");
    expect(age(null, now)).toBe("—");
  });

  it("show a key that has no words, so that the gap is seen", () => {
    expect(t("no.such.key")).toBe("no.such.key");
  });
});

describe("names of places", () => {
  afterEach(() => setEnglishNames({}));

  it("are English in English texts, the longer name before one inside it", () => {
    setEnglishNames({ 长海: "Changhai", 长海路街道: "Changhailu" });
    setLocale("en");
    expect(of({ "zh-CN": "告知长海路街道", en: "Tell 长海路街道" })).toBe("Tell Changhailu");
    setLocale("zh-CN");
    expect(of({ "zh-CN": "告知长海路街道", en: "Tell 长海路街道" })).toBe("告知长海路街道");
  });

  it("leave out what follows a label's colon on a badge", () => {
    expect(headOf("合成城区：本城区为程序生成")).toBe("合成城区");
    expect(headOf("Synthetic district: made up")).toBe("Synthetic district");
    expect(headOf("天气为历史重建")).toBe("天气为历史重建");
  });
});

describe("the language", () => {
  it("is the browser's only where that is English", () => {
    expect(preferredLanguage(["en-GB", "zh-CN"])).toBe("en");
    expect(preferredLanguage(["fr"])).toBe("zh-CN");
    expect(preferredLanguage([])).toBe("zh-CN");
  });
});

describe("choices that read the same", () => {
  it("are told apart by their marks, and only those", () => {
    expect(toldApart(["杨浦", "武昌", "杨浦"], ["sketch", "wuchang", "siping"])).toEqual(["杨浦 · sketch", "武昌", "杨浦 · siping"]);
    expect(toldApart([], [])).toEqual([]);
  });
});
