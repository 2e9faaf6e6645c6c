/** Signs of the map, drawn here so that nothing has to be fetched. */

import type { Locale } from "./api";
import { BASE, type Theme } from "./colours";
import { FONTS } from "./map-style";
import { t } from "./text";

const FACILITIES = ["hospital", "nursing_home", "market", "fire_station", "school", "shelter"];

/** The disc under a rank. */
export function workDisc(theme: Theme): ImageData | undefined {
  const size = 48;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  if (!pen) return undefined;
  pen.fillStyle = BASE[theme].halo;
  pen.strokeStyle = BASE[theme].label;
  pen.lineWidth = 4;
  pen.beginPath();
  pen.arc(size / 2, size / 2, size / 2 - 3, 0, 2 * Math.PI);
  pen.fill();
  pen.stroke();
  return pen.getImageData(0, 0, size, size);
}

/** Symbols of the facilities, drawn here so that nothing has to be fetched. */
export function facilityImages(theme: Theme, locale: Locale): Map<string, ImageData> {
  const images = new Map<string, ImageData>();
  const size = 44;
  for (const kind of FACILITIES) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size;
    const pen = canvas.getContext("2d");
    if (!pen) continue;
    pen.fillStyle = BASE[theme].facility;
    pen.strokeStyle = BASE[theme].halo;
    pen.lineWidth = 3;
    pen.beginPath();
    if (kind === "hospital" || kind === "nursing_home") pen.roundRect(3, 3, size - 6, size - 6, 8);
    else if (kind === "fire_station") {
      pen.moveTo(size / 2, 2);
      pen.lineTo(size - 2, size / 2);
      pen.lineTo(size / 2, size - 2);
      pen.lineTo(2, size / 2);
      pen.closePath();
    } else pen.arc(size / 2, size / 2, size / 2 - 3, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
    pen.fillStyle = BASE[theme].facilityText;
    const room = kind === "fire_station" ? 0.75 : 1;
    pen.font = `600 ${(locale === "en" ? 24 : 22) * room}px ${FONTS.join(",")}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(t(`sign.${kind}`), size / 2, size / 2 + 1);
    images.set(`facility-${kind}`, pen.getImageData(0, 0, size, size));
  }
  return images;
}
