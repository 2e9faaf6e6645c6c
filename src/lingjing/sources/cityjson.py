"""City models in CityJSON: buildings and their parts, with footprints and heights derived."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lingjing.sources.batches import Batch, Feature, ImportReport
from lingjing.sources.cityjson_document import CityModel, open_city_model
from lingjing.sources.cityjson_faces import Built, build, faces_of
from lingjing.sources.coordinates import check_plausible, to_wgs84
from lingjing.sources.geometry import areas_m2, clean_polygons
from lingjing.sources.map_files import sha256_of
from lingjing.sources.vector_files import note, remark_on_system
from lingjing.vocabulary import (
    Attribute,
    AttributeValue,
    LingjingError,
    Place,
    Provenance,
    local_part,
    quantities,
)

BUILDING: Final = "Building"
PART: Final = "BuildingPart"
# Flatter than this, eaves and ridge are not told apart [m].
_LOWEST_ROOF_M: Final = 0.3
# A part begins above ground where its underside lies this far over the building's [m].
_RAISED_M: Final = 0.5
_YEAR_LENGTH: Final = 4


@functools.cache
def tables() -> dict[str, dict[str, list[str]]]:
    """The tables of `city_attributes.toml`."""
    page = resources.files("lingjing.sources") / "city_attributes.toml"
    return tomllib.loads(page.read_text(encoding="utf-8"))


@functools.cache
def by_word(table: str) -> dict[str, str]:
    """Word of a file, in small letters → word of the twin."""
    return {word: ours for ours, words in tables()[table].items() for word in words}


def read_cityjson(path: Path, name: str, *, crs: str | None = None) -> Batch:
    """Read a CityJSON or CityJSONSeq file.

    Buildings become `Building`, their parts `BuildingPart` with a relationship `building`; the
    footprint of a building covers its parts. Heights are what the file states, else what the
    geometry shows. Other city objects are counted; an export gives them back.

    Args:
        path: The file.
        name: Of the source, stable between reads.
        crs: Name of the coordinate system, see `open_city_model`.

    Raises:
        LingjingError: What `open_city_model` raises; `citymodel.no-buildings`,
            `maps.swapped-coordinates`, `maps.outside-area`.
    """
    model = open_city_model(path, crs)
    report = ImportReport()
    features = list(city_features(model, report))
    remark_on_system(report, model.system, model.declared, overruled=model.overruled)
    if not report.kept.get(BUILDING):
        raise LingjingError("citymodel.no-buildings", Place(file=str(path)))
    title = str((model.document.get("metadata") or {}).get("title") or path.name)
    return Batch(
        name=name,
        features=features,
        provenance=Provenance("imported", path.name),
        attribution=title,
        licence="unstated",
        sha256=sha256_of(path),
        report=report,
    )


def city_features(model: CityModel, report: ImportReport) -> Iterator[Feature]:
    """The buildings of a model and their parts, in the order of the document."""
    for item in model.objects.values():
        kind = str(item["type"])
        report.read[kind] = report.read.get(kind, 0) + 1
    others = sum(count for kind, count in report.read.items() if kind not in (BUILDING, PART))
    if others:
        note(report, "other-city-objects", count=others)
    names = [name for name, item in model.objects.items() if item["type"] == BUILDING]
    groups = [[name, *_parts(model, name)] for name in names]
    parts = [(part, row) for row, group in enumerate(groups) for part in group[1:]]
    rows = [*groups, *([part] for part, _ in parts)]
    built = build(faces_of(model, rows), len(rows), geographic=model.geographic)
    labels = [*names, *(part for part, _ in parts)]
    shapes, keep = _footprints(model, built, labels, report)
    areas = np.zeros(len(rows))
    areas[keep] = areas_m2(shapes[keep])
    reader = _Attributes(model, report)
    for row, label in enumerate(labels):
        if not keep[row]:
            continue
        relationships: dict[str, tuple[str, str]] = {}
        ground = row
        if row >= len(names):
            ground = parts[row - len(names)][1]
            if not keep[ground]:
                report.drop("part-without-building", label)
                continue
            relationships = {"building": (BUILDING, local_part(names[ground]))}
        kind = PART if relationships else BUILDING
        attributes = reader.of(label, kind, built, row, float(built.bottom[ground]))
        attributes["footprint_area"] = reader.guess(
            round(float(areas[row]), 2), "area-of-outline", 0.95
        )
        report.keep(kind)
        yield Feature(kind, local_part(label), shapes[row], attributes, relationships)


def _parts(model: CityModel, name: str) -> list[str]:
    """Ids of the parts of a building, and of their parts."""
    found = []
    for child in model.objects[name].get("children", ()):
        if model.objects[child]["type"] == PART:
            found += [child, *_parts(model, child)]
    return found


def _footprints(
    model: CityModel, built: Built, labels: list[str], report: ImportReport
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Footprints in WGS 84, and which of them can be used."""
    shapes = np.array([None] * len(labels), dtype=object)
    drawn = np.zeros(len(labels), dtype=bool)
    for row, shape in enumerate(built.footprints):
        if shape is None:
            report.drop("no-geometry", labels[row])
        else:
            shapes[row], drawn[row] = shape, True
    if not bool(drawn.any()):
        return shapes, drawn
    place = Place(file=str(model.path))
    flat = to_wgs84(shapes[drawn], model.system)
    check_plausible(flat, model.system, place)
    mine = [labels[row] for row in np.flatnonzero(drawn)]
    shapes[drawn], good = clean_polygons(flat, mine, report)
    drawn[drawn] = good
    return shapes, drawn


class _Attributes:
    """Reads the attributes of objects, and adds what the geometry shows."""

    def __init__(self, model: CityModel, report: ImportReport) -> None:
        self._model = model
        self._report = report
        self._imported = Provenance("imported", model.path.name)
        self._guesses: dict[tuple[str, float], Provenance] = {}

    def guess(self, value: AttributeValue, rule: str, confidence: float) -> Attribute:
        """A value that follows from others."""
        key = (rule, confidence)
        if key not in self._guesses:
            self._guesses[key] = Provenance(
                "inferred", self._model.path.name, rule=rule, confidence=confidence
            )
        return Attribute(value, self._guesses[key])

    def of(
        self, label: str, kind: str, built: Built, row: int, ground: float
    ) -> dict[str, Attribute]:
        """Attributes of an object; `ground` is the bottom of its building [units of height]."""
        item = self._model.objects[label]
        found: dict[str, Attribute] = {}
        for name, keys in tables()["cityjson"].items():
            if kind == PART and name == "construction_year":
                continue
            value = self._stated(item.get("attributes") or {}, name, keys, label)
            if value is not None:
                found[name] = Attribute(value, self._imported)
        address = _address(item.get("address"))
        if address and kind == BUILDING:
            found["address"] = Attribute(address, self._imported)
        self._measured(found, built, row, ground)
        return found

    def _stated(
        self, attributes: Mapping[str, Any], name: str, keys: list[str], label: str
    ) -> AttributeValue | None:
        for key in keys:
            raw = attributes.get(key)
            if raw is None or raw == "":
                continue
            value = city_value(name, raw)
            if value is not None:
                return value
            if name in quantities():
                self._report.drop(f"unreadable-tag-{key}", f"{label} {key}={str(raw)[:40]}")
        return None

    def _measured(self, found: dict[str, Attribute], built: Built, row: int, ground: float) -> None:
        metres = self._model.metres_per_height
        top, bottom, eaves = built.top[row], built.bottom[row], built.eaves[row]
        if np.isnan(top):
            return
        height = (top - ground) * metres
        if "height" not in found and 0.0 < height <= quantities()["height"].upper:
            found["height"] = self.guess(round(float(height), 2), "top-less-ground", 0.95)
        if (bottom - ground) * metres > _RAISED_M:
            found["min_height"] = self.guess(
                round(float((bottom - ground) * metres), 2), "bottom-less-ground", 0.95
            )
        roof = (top - eaves) * metres
        if roof > _LOWEST_ROOF_M:
            found["roof_height"] = self.guess(round(float(roof), 2), "top-less-eaves", 0.9)


def city_value(name: str, raw: Any) -> AttributeValue | None:
    """A file's value of an attribute in the words of the twin; None where it says nothing."""
    if name in ("use", "roof_shape"):
        return by_word(name).get(str(raw).strip().lower())
    if name not in quantities():
        return raw.strip() or None if isinstance(raw, str) else None
    if name == "construction_year" and isinstance(raw, str):
        raw = raw[:_YEAR_LENGTH]
    try:
        number = float(raw)
    except (TypeError, ValueError):
        return None
    quantity = quantities()[name]
    positive = name == "construction_year" or number > 0
    return number if positive and quantity.lower <= number <= quantity.upper else None


def _address(page: Any) -> str | None:
    """The first address in words, where the file keeps one as the standard shows it."""
    entry = page[0] if isinstance(page, list) and page else page
    if not isinstance(entry, dict):
        return None
    words = {str(key).lower(): value for key, value in entry.items()}
    parts = [words.get(key) for key in ("thoroughfarename", "thoroughfarenumber")]
    text = " ".join(str(part) for part in parts if part not in (None, ""))
    return text or None
