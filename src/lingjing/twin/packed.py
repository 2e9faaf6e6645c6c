"""Imported things as documents, and documents of known kinds as things of a district."""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

import shapely

from lingjing.twin.checks import acceptable
from lingjing.twin.documents import (
    DEFAULT_TERMS,
    LOCATION,
    Document,
    Instance,
    instances,
    micros,
)
from lingjing.twin.entities import Entity
from lingjing.vocabulary import (
    Attribute,
    AttributeValue,
    Provenance,
    kinds,
    quantities,
)

UNIT_CODES: Final = {
    "degC": "CEL",
    "%": "P1",
    "m/s": "MTS",
    "degree": "DD",
    "hPa": "A97",
    "m": "MTR",
    "mm": "MMT",
    "m2": "MTK",
    "m3": "MTQ",
    "year": "ANN",
    "hour": "HUR",
    "t": "TNE",
    "W/m2": "D54",
    "W/(m K)": "D53",
    "km/h": "KMH",
    "L/h": "E32",
}
"""UN/CEFACT common codes of the vocabulary's units, for those that have one."""

PROVENANCE: Final = DEFAULT_TERMS + "provenance"
SOURCE: Final = DEFAULT_TERMS + "source"
RULE: Final = DEFAULT_TERMS + "rule"
CONFIDENCE: Final = DEFAULT_TERMS + "confidence"
SYNTHETIC: Final = DEFAULT_TERMS + "synthetic"
WRITTEN: Final = "api"
"""Source of values that came through the interface and name none."""

_POINT: Final = struct.Struct("<BIdd")
_POINT_HEAD: Final = b"\x01\x01\x00\x00\x00"
_KINDS_OF_PROVENANCE: Final = ("observed", "imported", "inferred", "simulated")


def type_of(kind: str) -> str:
    """Type IRI of a kind."""
    return DEFAULT_TERMS + kind


def attribute_of(name: str) -> str:
    """Attribute IRI of a quantity, a word or a relationship of the vocabulary."""
    return DEFAULT_TERMS + name


def packed_document(
    entity_id: str,
    kind: str,
    values: Mapping[str, tuple[AttributeValue, Provenance]],
    relationships: Mapping[str, str],
    geometry: bytes,
    times: tuple[str, str],
) -> Document:
    """The document of an imported thing.

    Args:
        entity_id: Its id.
        kind: Its kind.
        values: Name → value and where it comes from.
        relationships: Name → id.
        geometry: WKB.
        times: When it was first and last imported, as text.
    """
    created, modified = times
    stamps = {"createdAt": created, "modifiedAt": modified}
    attributes: dict[str, dict[str, Instance]] = {
        LOCATION: {"": {"type": "GeoProperty", "value": geojson(geometry), **stamps}}
    }
    for name, (value, provenance) in values.items():
        item: Instance = {"type": "Property", "value": value}
        unit = unit_code(name)
        if unit is not None:
            item["unitCode"] = unit
        if provenance.observed_at is not None and _is_instant(provenance.observed_at):
            item["observedAt"] = provenance.observed_at
        item.update(stamps)
        item["attributes"] = provenance_attributes(provenance, modified)
        attributes[DEFAULT_TERMS + name] = {"": item}
    for name, target in relationships.items():
        attributes[DEFAULT_TERMS + name] = {
            "": {"type": "Relationship", "object": target, **stamps}
        }
    return {
        "id": entity_id,
        "type": [DEFAULT_TERMS + kind],
        "createdAt": created,
        "modifiedAt": modified,
        "attributes": attributes,
    }


def geojson(geometry: bytes) -> dict[str, Any]:
    """GeoJSON of a WKB geometry."""
    if len(geometry) == _POINT.size and geometry[:5] == _POINT_HEAD:
        # Half of a city is points, and shapely takes ten times as long.
        return {"type": "Point", "coordinates": list(_POINT.unpack(geometry)[2:])}
    made: dict[str, Any] = json.loads(shapely.to_geojson(shapely.from_wkb(geometry)))
    return made


@functools.lru_cache(maxsize=4096)
def _provenance_values(provenance: Provenance) -> tuple[tuple[str, AttributeValue], ...]:
    found: list[tuple[str, AttributeValue]] = [
        (PROVENANCE, provenance.kind),
        (SOURCE, provenance.source),
    ]
    if provenance.rule is not None:
        found.append((RULE, provenance.rule))
    if provenance.confidence is not None:
        found.append((CONFIDENCE, provenance.confidence))
    if provenance.synthetic:
        found.append((SYNTHETIC, True))
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def provenance_attributes(provenance: Provenance, now: str) -> dict[str, dict[str, Instance]]:
    """A provenance as attributes of an attribute; shared by all that have the same."""
    return {
        name: {"": {"type": "Property", "value": value, "createdAt": now, "modifiedAt": now}}
        for name, value in _provenance_values(provenance)
    }


@functools.cache
def unit_code(name: str) -> str | None:
    """UN/CEFACT code of a quantity's unit; None where it has none, or the name is a word."""
    found = quantities().get(name)
    return None if found is None else UNIT_CODES.get(found.unit)


def _is_instant(text: str) -> bool:
    try:
        micros(text)
    except ValueError:
        return False
    return True


def kind_and_district(entity_id: str, types: Sequence[str]) -> tuple[str, str] | None:
    """Kind and district that an id names, where the kind is one of ours and among the types."""
    if not entity_id.startswith("urn:ngsi-ld:"):
        return None
    parts = entity_id.split(":", 4)
    if len(parts) < 5 or parts[2] not in kinds() or DEFAULT_TERMS + parts[2] not in types:
        return None
    return parts[2], parts[3]


def document_entity(document: Document, kind: str, district: str) -> Entity | None:
    """What physics may take of a document of a known kind; None where it has no location.

    Attributes that the kind does not know, or whose values cannot be believed, are left out.
    """
    places = instances(document, LOCATION)
    place = places.get("")
    if place is None or place["type"] != "GeoProperty":
        return None
    try:
        geometry = shapely.to_wkb(shapely.from_geojson(json.dumps(place["value"])))
    except shapely.errors.ShapelyError:
        return None
    attributes = {}
    known = kinds()[kind].attributes
    relationships = {}
    for name, datasets in document["attributes"].items():
        item = datasets.get("")
        if item is None or not name.startswith(DEFAULT_TERMS):
            continue
        short = name[len(DEFAULT_TERMS) :]
        if item["type"] == "Relationship":
            if isinstance(item["object"], str):
                relationships[short] = item["object"]
        elif (
            item["type"] == "Property" and short in known and acceptable(kind, short, item["value"])
        ):
            attributes[short] = Attribute(item["value"], provenance_of(item))
    return Entity(document["id"], kind, district, geometry, attributes, relationships)


def provenance_of(item: Instance) -> Provenance:
    """Where a value comes from, as its attributes say; else it was written through the API."""
    held = item.get("attributes", {})

    def said(name: str) -> Any:
        found = held.get(name, {}).get("")
        return None if found is None else found.get("value")

    kind, confidence, rule = said(PROVENANCE), said(CONFIDENCE), said(RULE)
    if kind not in _KINDS_OF_PROVENANCE:
        kind = "observed" if "observedAt" in item else "imported"
    source = said(SOURCE)
    return Provenance(
        kind,
        source if isinstance(source, str) else WRITTEN,
        rule=rule if isinstance(rule, str) else None,
        confidence=float(confidence)
        if isinstance(confidence, int | float) and not isinstance(confidence, bool)
        else None,
        observed_at=item.get("observedAt"),
        synthetic=said(SYNTHETIC) is True,
    )


def packed_shape(
    kind: str, names: Sequence[str], relationships: Sequence[str]
) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    """What an imported thing looks like; see `document_shape`."""
    found = [(DEFAULT_TERMS + name, ("Property",)) for name in names if name not in relationships]
    found += [(DEFAULT_TERMS + name, ("Relationship",)) for name in relationships]
    found.append((LOCATION, ("GeoProperty",)))
    return (DEFAULT_TERMS + kind,), tuple(sorted(found))


def document_shape(
    document: Document,
) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    """Types, sorted, and attributes, sorted, each with the kinds of its instances."""
    found = []
    for name, datasets in document["attributes"].items():
        if len(datasets) == 1:
            (item,) = datasets.values()
            found.append((name, (item["type"],)))
        else:
            found.append((name, tuple(sorted({item["type"] for item in datasets.values()}))))
    found.sort()
    return tuple(sorted(document["type"])), tuple(found)


Box = tuple[float, float, float, float]


def boxes(document: Document) -> dict[str, list[Box]]:
    """Boxes of an entity's GeoProperties by attribute."""
    found: dict[str, list[Box]] = {}
    for name, datasets in document["attributes"].items():
        for item in datasets.values():
            if item["type"] == "GeoProperty":
                box = box_of(item.get("value"))
                if box is not None:
                    found.setdefault(name, []).append(box)
    return found


def box_of(value: Any) -> Box | None:
    """West, south, east, north of a GeoJSON geometry; None where it has no positions."""
    if not isinstance(value, dict):
        return None
    if value.get("type") == "Point":
        found = value.get("coordinates")
        if isinstance(found, list) and len(found) >= 2:
            return found[0], found[1], found[0], found[1]
        return None
    positions: list[tuple[float, float]] = []
    if value.get("type") == "GeometryCollection":
        for part in value.get("geometries", ()):
            box = box_of(part)
            if box is not None:
                positions += [box[:2], box[2:]]
    else:
        _gather(value.get("coordinates"), positions)
    if not positions:
        return None
    longitudes, latitudes = zip(*positions, strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def _gather(item: Any, into: list[tuple[float, float]]) -> None:
    if not isinstance(item, list) or not item:
        return
    if isinstance(item[0], int | float):
        if len(item) >= 2:
            into.append((item[0], item[1]))
        return
    for part in item:
        _gather(part, into)


def compared(before: Document, after: Document) -> tuple[bool, bool]:
    """Whether any GeoProperty differs, and whether the shape may; documents share what stayed."""
    old: dict[str, dict[str, Instance]] = before["attributes"]
    new: dict[str, dict[str, Instance]] = after["attributes"]
    moved = False
    reshaped = len(old) != len(new) or before["type"] != after["type"]
    for name, datasets in new.items():
        others = old.get(name)
        if others is datasets:
            continue
        if others is not None and len(others) == len(datasets) == 1:
            # By far the commonest: one instance that is followed by another.
            (one,), (other,) = datasets.values(), others.values()
            if one["type"] == other["type"] != "GeoProperty":
                continue
        kinds = [item["type"] for item in datasets.values()]
        earlier = [] if others is None else [item["type"] for item in others.values()]
        moved = moved or "GeoProperty" in kinds or "GeoProperty" in earlier
        reshaped = reshaped or kinds != earlier
    if reshaped:
        gone = (held for name, held in old.items() if name not in new)
        moved = moved or any(
            item["type"] == "GeoProperty" for held in gone for item in held.values()
        )
    return moved, reshaped


def around(held: Sequence[Box]) -> Box:
    """West, east, south, north around boxes: the order of the index."""
    wests, souths, easts, norths = zip(*held, strict=True)
    return min(wests), max(easts), min(souths), max(norths)
