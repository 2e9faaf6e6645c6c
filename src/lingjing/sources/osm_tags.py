"""What OpenStreetMap tags mean in the words of the twin.

Values are read strictly: a tag that does not say a number or a known word is reported and left
out, never repaired by guesswork. The tables are in `osm_tags.toml`.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from lingjing.sources.batches import ImportReport
from lingjing.vocabulary import Attribute, AttributeValue, Provenance, quantities

Tags = Mapping[str, str]
SOURCE: Final = "OpenStreetMap"

_NUMBER: Final = r"([0-9]+(?:\.[0-9]+)?)"
_LENGTH: Final = re.compile(_NUMBER + r"\s*(m|metres|meters|ft|feet|'|′)?")
_FEET_AND_INCHES: Final = re.compile(r"([0-9]+)\s*(?:'|′|ft)\s*" + _NUMBER + r'\s*(?:"|″|in)')
_PLAIN: Final = re.compile(_NUMBER)
_SPEED: Final = re.compile(_NUMBER + r"\s*(km/h|kmh|kph|mph)?")
_DATE: Final = re.compile(r"([0-9]{4})(?:-[0-9]{2}(?:-[0-9]{2})?)?")
# Up to so many tags are copied faster than asked for.
_FEW: Final = 2
_FOOT_M: Final = 0.3048
_MILE_KM: Final = 1.609344
_STOREY_M: Final = 3.0
_IDEOGRAPH: Final = re.compile(r"[\u3400-\u9fff]")
_NO: Final = frozenset({"no", "false", "0"})


@functools.cache
def tables() -> dict[str, Any]:
    """The tables of `osm_tags.toml`."""
    page = resources.files("lingjing.sources") / "osm_tags.toml"
    return tomllib.loads(page.read_text(encoding="utf-8"))


@functools.cache
def _by_value(table: str) -> dict[str, str]:
    return {value: word for word, values in tables()[table].items() for value in values}


def length_m(text: str) -> float | None:
    """A length in metres from `12`, `12.5 m`, `40 ft` or `7'4"`; None when it is none of these."""
    match = _LENGTH.fullmatch(text.strip())
    if match:
        metric = match[2] in (None, "m", "metres", "meters")
        return float(match[1]) * (1.0 if metric else _FOOT_M)
    match = _FEET_AND_INCHES.fullmatch(text.strip())
    return (float(match[1]) + float(match[2]) / 12.0) * _FOOT_M if match else None


def plain_number(text: str) -> float | None:
    """A number without unit, sign or list; None otherwise."""
    return float(text) if _PLAIN.fullmatch(text.strip()) else None


def speed_km_h(text: str) -> float | None:
    """A speed in km/h from `50`, `50 km/h` or `30 mph`; None for `none`, `signals` and the like."""
    match = _SPEED.fullmatch(text.strip())
    if not match:
        return None
    return float(match[1]) * (_MILE_KM if match[2] == "mph" else 1.0)


def year(text: str) -> float | None:
    """A year from `1987`, `1987-05` or `1987-05-01`; None for `1980s`, `~1950`, `C19`."""
    match = _DATE.fullmatch(text.strip())
    return float(match[1]) if match else None


_READERS: Final = {
    "height": ("height", length_m),
    "building:levels": ("levels", plain_number),
    "start_date": ("construction_year", year),
    "width": ("width", length_m),
    "lanes": ("lanes", plain_number),
    "maxspeed": ("speed_limit", speed_km_h),
    "beds": ("beds", plain_number),
    "min_height": ("min_height", length_m),
    "building:min_level": ("min_level", plain_number),
    "roof:height": ("roof_height", length_m),
}
# These stand for things that exist, so 0 is a mapping fault and not a value.
_POSITIVE: Final = frozenset({"height", "levels", "width", "lanes", "speed_limit"})


# Keys that are looked at, by what they are looked at for. Asking for these few is several times
# faster than copying all tags of an object.
_SORTING_KEYS: Final = ("highway", "building", "building:part")
_ROAD_KEYS: Final = (
    *("oneway", "junction", "area", "lanes", "width", "maxspeed", "surface"),
    *("bridge", "tunnel"),
)
_NAME_KEYS: Final = ("name", "name:zh", "name:en")
_PLACE_KEYS: Final = (
    *("addr:full", "addr:street", "addr:housenumber", "height", "building:levels"),
    *("start_date", "office", "phone", "contact:phone", "beds"),
    *("min_height", "building:min_level", "roof:shape", "roof:height"),
)


def known_tags(tags: Any) -> dict[str, str]:
    """Those tags of an OSM object that this room understands."""
    if len(tags) <= _FEW:
        # most buildings say little more than that they are one
        return {tag.k: tag.v for tag in tags if tag.k in _all_keys()}
    get = tags.get
    keys: tuple[str, ...] = (*_SORTING_KEYS, *_facility_keys())
    found = {key: value for key in keys if (value := get(key)) is not None}
    if "highway" in found:
        keys = (*_ROAD_KEYS, *_NAME_KEYS)
        found |= {key: value for key in keys if (value := get(key)) is not None}
    if len(found) > ("highway" in found):
        keys = (*_PLACE_KEYS, *_NAME_KEYS)
        found |= {key: value for key in keys if (value := get(key)) is not None}
    return found


@functools.cache
def _facility_keys() -> tuple[str, ...]:
    """Keys that decide about facilities, sorted."""
    return tuple(sorted({key for row in tables()["facility"] for key in row["tags"]}))


@functools.cache
def _all_keys() -> frozenset[str]:
    return frozenset((*_SORTING_KEYS, *_facility_keys(), *_ROAD_KEYS, *_NAME_KEYS, *_PLACE_KEYS))


class TagReader:
    """Turns tags into attributes, counting in the report what could not be read.

    Args:
        report: Takes unreadable tags under `unreadable-tag-<key>`.
        observed_at: When the map was current, ISO 8601 UTC, if it says so.
    """

    def __init__(self, report: ImportReport, observed_at: str | None = None) -> None:
        self.report = report
        self.imported = Provenance("imported", SOURCE, observed_at=observed_at)
        self._shared: dict[tuple[str, str, AttributeValue], Attribute] = {}
        self._inferred: dict[str, Provenance] = {}
        self._roads: dict[tuple[tuple[str, str], ...], dict[str, Attribute]] = {}
        self._area_rule = self._rule("area-of-outline", 0.95)

    def _attribute(self, value: AttributeValue) -> Attribute:
        # few distinct values on many objects: one instance each
        key = ("", type(value).__name__, value)
        found = self._shared.get(key)
        if found is None:
            found = self._shared[key] = Attribute(value, self.imported)
        return found

    def _rule(self, rule: str, confidence: float) -> Provenance:
        if rule not in self._inferred:
            self._inferred[rule] = Provenance("inferred", SOURCE, rule=rule, confidence=confidence)
        return self._inferred[rule]

    def _guess(self, value: AttributeValue, rule: str, confidence: float) -> Attribute:
        key = (rule, type(value).__name__, value)
        found = self._shared.get(key)
        if found is None:
            found = self._shared[key] = Attribute(value, self._rule(rule, confidence))
        return found

    def _number(self, tags: Tags, key: str, name: str, into: dict[str, Attribute]) -> float | None:
        """Read one numeric tag into the attributes; what cannot be believed is reported."""
        text = tags.get(key)
        if text is None:
            return None
        attribute, reader = _READERS[key]
        value = reader(text)
        bounds = quantities()[attribute]
        if (
            value is None
            or not bounds.lower <= value <= bounds.upper
            or (value == 0.0 and attribute in _POSITIVE)
        ):
            self.report.drop(f"unreadable-tag-{key}", f"{name} {key}={text[:40]}")
            return None
        into[attribute] = self._attribute(value)
        return value

    def _names(self, tags: Tags, into: dict[str, Attribute], *, english: bool) -> None:
        name = tags.get("name") or tags.get("name:zh")
        if name:
            into["name"] = self._attribute(name)
        if english and tags.get("name:en"):
            into["name_en"] = self._attribute(tags["name:en"])

    def _address(self, tags: Tags, into: dict[str, Attribute]) -> None:
        address = tags.get("addr:full")
        street, number = tags.get("addr:street", ""), tags.get("addr:housenumber", "")
        if not address and number:
            joint = "" if _IDEOGRAPH.search(street) else " "
            address = f"{street}{joint}{number}".strip()
        if address:
            into["address"] = Attribute(address, self.imported)

    def building(self, tags: Tags, name: str, area_m2: float) -> dict[str, Attribute]:
        """Attributes of a building; `name` is what the report calls it."""
        found: dict[str, Attribute] = {
            "footprint_area": Attribute(round(area_m2, 2), self._area_rule)
        }
        word = building_use(tags)
        if word is not None:
            found["use"] = self._attribute(word)
        if len(tags) == 1:
            return found
        self._names(tags, found, english=False)
        self._address(tags, found)
        height = self._number(tags, "height", name, found)
        levels = self._number(tags, "building:levels", name, found)
        if height is None and levels is not None:
            found["height"] = self._guess(levels * _STOREY_M, "3-m-a-storey", 0.8)
        self._number(tags, "start_date", name, found)
        self._roof(tags, name, found)
        return found

    def part(self, tags: Tags, name: str, area_m2: float) -> dict[str, Attribute]:
        """Attributes of a part of a building (`building:part`)."""
        found: dict[str, Attribute] = {
            "footprint_area": Attribute(round(area_m2, 2), self._area_rule)
        }
        word = _by_value("use").get(tags["building:part"])
        if word is not None:
            found["use"] = self._attribute(word)
        self._names(tags, found, english=False)
        levels = self._number(tags, "building:levels", name, found)
        height = self._number(tags, "height", name, found)
        if height is None and levels is not None:
            found["height"] = self._guess(levels * _STOREY_M, "3-m-a-storey", 0.8)
        self._roof(tags, name, found)
        return found

    def _roof(self, tags: Tags, name: str, into: dict[str, Attribute]) -> None:
        """Where a building or part begins, and what roof it has."""
        lowest = self._number(tags, "min_height", name, into)
        level = self._number(tags, "building:min_level", name, into)
        if lowest is None and level is not None:
            into["min_height"] = self._guess(level * _STOREY_M, "3-m-a-storey", 0.8)
        self._number(tags, "roof:height", name, into)
        text = tags.get("roof:shape")
        if text is not None:
            word = _by_value("roof_shape").get(text)
            if word is None:
                self.report.drop("unreadable-tag-roof:shape", f"{name} roof:shape={text[:40]}")
            else:
                into["roof_shape"] = self._attribute(word)
        top, bottom = into.get("height"), into.get("min_height")
        if top and bottom and float(bottom.value) >= float(top.value):
            # one of the two is wrong, and nobody knows which
            self.report.drop("unreadable-tag-min_height", f"{name} min_height={bottom.value:g}")
            del into["min_height"]

    def road(self, tags: Tags, name: str) -> dict[str, Attribute]:
        """Attributes that all segments of a way share; `oneway` is true both ways round.

        Ways of the same tags share them too; the mapping is not to be changed.
        """
        key = tuple(tags.items())
        known = self._roads.get(key)
        if known is not None:
            return known
        complaints = sum(entry.count for entry in self.report.dropped.values())
        found = self._road(tags, name)
        if complaints == sum(entry.count for entry in self.report.dropped.values()):
            # what cannot be read is counted for every way
            self._roads[key] = found
        return found

    def _road(self, tags: Tags, name: str) -> dict[str, Attribute]:
        highway = tags["highway"]
        row = tables()["road"][highway]
        found: dict[str, Attribute] = {"road_class": self._attribute(row["class"])}
        self._names(tags, found, english=True)
        for flag in ("bridge", "tunnel"):
            if tags.get(flag, "no") not in _NO:
                found[flag] = self._attribute(True)  # noqa: FBT003
        if highway.endswith("_link"):
            found["ramp"] = self._attribute(True)  # noqa: FBT003
        self._oneway(tags, found)
        self._number(tags, "maxspeed", name, found)
        self._surface(tags, name, found)
        self._size(tags, name, row, found)
        return found

    def _oneway(self, tags: Tags, into: dict[str, Attribute]) -> None:
        text = tags.get("oneway")
        if text is not None:
            into["oneway"] = self._attribute(text in {"yes", "true", "1", "-1", "reverse"})
        elif tags["highway"] in {"motorway", "motorway_link"} or tags.get("junction") in {
            "roundabout",
            "circular",
        }:
            into["oneway"] = self._guess(True, "one-way-by-class", 0.98)  # noqa: FBT003
        else:
            into["oneway"] = self._guess(False, "two-way-unless-tagged", 0.9)  # noqa: FBT003

    def _surface(self, tags: Tags, name: str, into: dict[str, Attribute]) -> None:
        text = tags.get("surface")
        if text is None:
            return
        word = _by_value("surface").get(text)
        if word is None:
            self.report.drop("unreadable-tag-surface", f"{name} surface={text[:40]}")
        else:
            into["surface"] = self._attribute(word)

    def _size(self, tags: Tags, name: str, row: dict[str, Any], into: dict[str, Attribute]) -> None:
        lanes = self._number(tags, "lanes", name, into)
        counted = lanes is not None
        if lanes is None and "lanes" in row:
            lanes = float(row["lanes_oneway" if into["oneway"].value else "lanes"])
            into["lanes"] = self._guess(lanes, "lanes-by-class", 0.5)
        if self._number(tags, "width", name, into) is not None:
            return
        if lanes is not None and "lane_width_m" in row:
            rule, confidence = ("width-by-lanes", 0.7) if counted else ("width-by-class", 0.4)
            into["width"] = self._guess(lanes * row["lane_width_m"], rule, confidence)
        elif "width_m" in row:
            into["width"] = self._guess(row["width_m"], "width-by-class", 0.4)

    def facility(self, tags: Tags, kind: str, name: str) -> dict[str, Attribute]:
        """Attributes of a facility of that kind (see `facility_kind`)."""
        found = {"facility_kind": self._attribute(kind)}
        self._names(tags, found, english=True)
        self._address(tags, found)
        phone = tags.get("phone") or tags.get("contact:phone")
        if phone:
            found["phone"] = Attribute(phone, self.imported)
        self._number(tags, "beds", name, found)
        return found

    def sub_district(self, tags: Tags) -> dict[str, Attribute]:
        """Attributes of a sub-district."""
        found: dict[str, Attribute] = {}
        self._names(tags, found, english=True)
        return found


def building_use(tags: Tags) -> str | None:
    """The use a building's tags state; None where they say nothing."""
    value = tags["building"]
    if value != "yes":
        return _by_value("use").get(value, "other")
    if len(tags) == 1:
        return None
    word = _by_value("use_by_amenity").get(tags.get("amenity", ""))
    if word is None and "shop" in tags:
        word = "commercial"
    if word is None and "office" in tags:
        word = "office"
    return word


def facility_kind(tags: Tags) -> str | None:
    """The kind of facility that the tags state, or None."""
    if tags.keys().isdisjoint(_facility_keys()):
        return None
    for row in tables()["facility"]:
        if all(tags.get(key) in values for key, values in row["tags"].items()):
            return str(row["kind"])
    return None


def is_building(tags: Tags) -> bool:
    """Whether the tags make it a building (`building=no` says it is not)."""
    return tags.get("building", "no") not in _NO


def is_part(tags: Tags) -> bool:
    """Whether the tags make it a part of a building and no building of its own."""
    return tags.get("building:part", "no") not in _NO and not is_building(tags)


def runs_backwards(tags: Tags) -> bool:
    """Whether traffic runs against the drawn direction (`oneway=-1`)."""
    return tags.get("oneway") in {"-1", "reverse"}
