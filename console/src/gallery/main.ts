/** The page of components: each with made-up content, by day and night, in both languages and sizes. */

import "../styles/index.css";
import "./gallery.css";
import { setLocale, t } from "../text";
import { exhibit, SPECIMENS } from "./specimens";

type Locale = "zh-CN" | "en";
const chosen = { language: "zh-CN" as Locale, theme: "day" as "day" | "night", elder: false };

async function show(): Promise<void> {
  setLocale(chosen.language);
  const root = document.documentElement;
  root.lang = chosen.language;
  root.dataset["theme"] = chosen.theme;
  root.toggleAttribute("data-elder", chosen.elder);
  document.title = t("gallery.title");
  const page = document.createElement("main");
  page.className = "gallery";
  page.append(heading(), ...switches());
  document.body.replaceChildren(page);
  for (const specimen of SPECIMENS) {
    const place = document.createElement("section");
    const name = document.createElement("h2");
    name.id = specimen.name;
    name.textContent = specimen.name;
    const frame = document.createElement("div");
    frame.className = "gallery-frame";
    place.append(name, frame);
    page.append(place);
    await exhibit(specimen, frame, { language: chosen.language, theme: chosen.theme, scale: chosen.elder ? 1.5 : 1, elder: chosen.elder });
  }
  root.dataset["shown"] = String(SPECIMENS.length);
}

function heading(): HTMLElement {
  const title = document.createElement("h1");
  title.textContent = t("gallery.title");
  return title;
}

function switches(): HTMLElement[] {
  const make = (id: string, label: string, pressed: boolean, flip: () => void) => {
    const button = Object.assign(document.createElement("button"), { type: "button", id: `gallery-${id}`, textContent: label });
    button.setAttribute("aria-pressed", String(pressed));
    button.addEventListener("click", () => {
      flip();
      void show();
    });
    return button;
  };
  return [
    make("night", t("head.night"), chosen.theme === "night", () => (chosen.theme = chosen.theme === "day" ? "night" : "day")),
    make("elder", t("head.elder"), chosen.elder, () => (chosen.elder = !chosen.elder)),
    make("language", "English", chosen.language === "en", () => (chosen.language = chosen.language === "en" ? "zh-CN" : "en")),
  ];
}

void show();
