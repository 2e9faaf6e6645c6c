"""Everything about one object: what it is, how we know, what is foreseen, what protects it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lingjing.interfaces.http.layers import rounded_geometries
from lingjing.interfaces.http.runs import EVENT_ORDER, LEVELS, RunReader, job_content
from lingjing.interfaces.http.shelf import Shelf
from lingjing.interfaces.http.titles import title_of
from lingjing.twin.entities import Entity
from lingjing.vocabulary import (
    LingjingError,
    Provenance,
    Quantity,
    Word,
    attribute_word,
    format_instant,
    kinds,
    quantities,
    units,
)

ONSETS = ("onset_p10", "onset_p50", "onset_p90")
MOST_PARTS = 60


def card_content(shelf: Shelf, run: str, entity_id: str) -> dict[str, Any]:
    """The card of an entity in the light of a run.

    Raises:
        LingjingError: `http.no-run`, `twin.no-entity`, `http.other-district`.
    """
    reader = shelf.reader(run)
    entity = shelf.store.entity(entity_id)
    if entity.district != reader.summary()["district"]["name"]:
        raise LingjingError("http.other-district", id=entity_id, run=run)
    parts = building_parts(shelf, reader, entity) if entity.kind == "Building" else []
    outcomes = reader.outcomes_of(entity.id)
    shown, of = series_content(reader, outcomes), None
    if not shown and parts:
        of = named(shelf, parts[0]["id"])
        shown = series_content(reader, reader.outcomes_of(parts[0]["id"]))
    work = shelf.work(run)
    imported = {item.name: item.imported_at for item in shelf.store.sources(entity.district)}
    return {
        **named_entity(shelf, entity),
        "kind_title": title_of_kind(entity.kind),
        "geometry": json.loads(rounded_geometries(np.array([entity.geometry], dtype=object))[0]),
        "point": point_of(entity),
        "synthetic": is_synthetic(shelf, entity),
        "attributes": [attribute_content(entity, name, imported) for name in ordered_names(entity)],
        "relationships": {
            name: named(shelf, target) for name, target in sorted(entity.relationships.items())
        },
        "outcomes": [outcome_content(row) for row in in_order(outcomes)],
        "series": shown,
        "series_of": of,
        "jobs": jobs_for(work, entity.id, {part["id"] for part in parts}),
        "jobs_of": len(work),
        "parts": [{**named(shelf, part["id"]), **part} for part in parts[:MOST_PARTS]],
        "parts_total": len(parts),
    }


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outcome rows, events first, the weightiest quantity first."""
    place = {name: index for index, name in enumerate(EVENT_ORDER)}
    return sorted(
        rows,
        key=lambda row: (
            row["probability"] is None,
            place.get(row["quantity"], len(place)),
            row["quantity"],
        ),
    )


def title_of_kind(kind: str) -> dict[str, str]:
    """A kind's title in both languages."""
    return {"zh-CN": kinds()[kind].title_zh, "en": kinds()[kind].title_en}


def named_entity(shelf: Shelf, entity: Entity) -> dict[str, Any]:
    """Id, kind and title."""
    zh, en = title_of(entity, lambda other: _entity(shelf, other))
    return {"id": entity.id, "kind": entity.kind, "title": {"zh-CN": zh, "en": en}}


def _entity(shelf: Shelf, entity_id: str) -> Entity | None:
    try:
        return shelf.store.entity(entity_id)
    except LingjingError:
        return None


def named(shelf: Shelf, entity_id: str) -> dict[str, Any]:
    """Title of another entity; one that is gone keeps its id as title."""
    found = _entity(shelf, entity_id)
    if found is not None:
        return named_entity(shelf, found)
    return {"id": entity_id, "kind": "", "title": {"zh-CN": entity_id, "en": entity_id}}


def point_of(entity: Entity) -> list[float]:
    """Longitude and latitude on or inside the geometry [°]."""
    point = entity.shape().representative_point()
    return [round(point.x, 6), round(point.y, 6)]


def is_synthetic(shelf: Shelf, entity: Entity) -> bool:
    """Whether the object, or its whole district, is made up."""
    if shelf.store.district(entity.district).synthetic:
        return True
    return any(item.provenance.synthetic for item in entity.attributes.values())


def ordered_names(entity: Entity) -> list[str]:
    """Attribute names in the order of the kind's table."""
    return [name for name in kinds()[entity.kind].attributes if name in entity.attributes]


def attribute_titles(word: Quantity | Word) -> dict[str, str]:
    """An attribute's title in both languages."""
    return {"zh-CN": word.title_zh, "en": word.title_en}


def attribute_content(entity: Entity, name: str, imported: dict[str, str]) -> dict[str, Any]:
    """One attribute with its title, unit and provenance, and since when it stands so.

    Args:
        entity: The object.
        name: Of the attribute.
        imported: Source → when it was brought in, for values that nobody observed.
    """
    attribute, word = entity.attributes[name], attribute_word(name)
    value, provenance = attribute.value, attribute.provenance
    return {
        "name": name,
        "title": attribute_titles(word),
        "type": "quantity" if isinstance(word, Quantity) else word.type,
        "value": round(value, 4) if isinstance(value, float) else value,
        "unit": units()[word.unit].sign if isinstance(word, Quantity) else "",
        "provenance": msgspec.to_builtins(provenance),
        "as_of": known_since(provenance, imported),
    }


def known_since(provenance: Provenance, imported: dict[str, str]) -> str | None:
    """When a value was observed, else when its source was brought in; None where nobody says."""
    if provenance.observed_at is not None:
        return str(msgspec.to_builtins(provenance.observed_at))
    if provenance.source in imported:
        return imported[provenance.source]
    # What was inferred from a source stands since the last source came in.
    return max(imported.values(), default=None)


def quantity_content(name: str) -> dict[str, Any]:
    """Title and unit sign of a quantity."""
    known = quantities()[name]
    return {
        "quantity": name,
        "title": {"zh-CN": known.title_zh, "en": known.title_en},
        "unit": units()[known.unit].sign,
    }


def outcome_content(row: dict[str, Any]) -> dict[str, Any]:
    """One row of `outcomes.parquet`; times as ISO 8601 UTC."""

    def number(name: str) -> float | None:
        return None if row[name] is None else round(row[name], 4)

    return {
        **quantity_content(row["quantity"]),
        "event": row["probability"] is not None,
        **{name: number(name) for name in (*LEVELS, "probability")},
        **{name: None if row[name] is None else format_instant(row[name]) for name in ONSETS},
        "sensor_gain": row.get("sensor_gain"),
    }


def series_content(reader: RunReader, outcomes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hourly fans and probabilities of an asset; the temperatures and stores first."""
    found = []
    for row in in_order(outcomes):
        series = reader.series_of(row["kind"], row["quantity"], row["situation"])
        if series:
            event = row["probability"] is not None
            found.append({**quantity_content(row["quantity"]), "event": event, **series})
    return sorted(found, key=lambda item: (item["event"], "temperature" not in item["quantity"]))


def building_parts(shelf: Shelf, reader: RunReader, building: Entity) -> list[dict[str, Any]]:
    """The assets of a building that the run speaks of, the likeliest to fail first."""
    from_kind: dict[str, str] = {}
    for kind in kinds().values():
        if not kind.exposed:
            continue
        view = shelf.view(building.district, kind.name)
        inside = view.ids[view.related("building") == building.id]
        from_kind.update(dict.fromkeys((str(item) for item in inside), kind.name))
    if not from_kind:
        return []
    table = reader.outcomes()
    wanted = pc.and_(
        pc.is_in(table["asset"], pa.array(sorted(from_kind))), pc.is_valid(table["probability"])
    )
    chosen: dict[str, dict[str, Any]] = {}
    for row in in_order(table.filter(wanted).to_pylist()):
        chosen.setdefault(row["asset"], row)
    ordered = sorted(chosen.values(), key=lambda row: (-row["probability"], row["asset"]))
    return [
        {
            "id": row["asset"],
            "kind_title": title_of_kind(row["kind"]),
            "quantity": row["quantity"],
            "probability": round(row["probability"], 4),
            "onset_p50": None if row["onset_p50"] is None else format_instant(row["onset_p50"]),
        }
        for row in ordered
    ]


def jobs_for(rows: list[dict[str, Any]], entity_id: str, parts: set[str]) -> list[dict[str, Any]]:
    """Work that goes to the object, or protects it or an asset in it."""
    ids = parts | {entity_id}
    return [
        job_content(row)
        for row in rows
        if row["target"] == entity_id or not ids.isdisjoint(row["assets"])
    ]
