"""City models kept beside the twin, and given back with what has changed in the twin since.

A city model holds more than the twin does: surfaces, textures, roads, trees. The file is kept as
it came, in the data folder, under its hash; an export writes the twin's changes into it.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from lingjing.engine.district_features import urn
from lingjing.sources.batches import Feature, ImportReport
from lingjing.sources.cityjson import BUILDING, PART, city_features
from lingjing.sources.cityjson_document import (
    SURFACE_DEPTH,
    CityModel,
    nested,
    open_city_model,
)
from lingjing.sources.cityjson_writing import Block, blank_model, with_changes
from lingjing.sources.comparing import there_already
from lingjing.sources.map_files import sha256_of
from lingjing.sources.whole_files import whole_file
from lingjing.twin import Entity, SourceRecord, Store
from lingjing.vocabulary import AttributeValue, LingjingError, Place, local_part

FOLDER: Final = "city-models"
MEMBER: Final = "city_model"
"""Member of a source's report that says which file was kept, and how it was read."""

_SAME_PLACE_DEG: Final = 1e-9


@dataclass(frozen=True)
class CityExport:
    """What an export wrote.

    Attributes:
        objects: City objects in the document.
        changed: Buildings and parts whose attributes or footprint differ from the file's.
        added: Those the file does not hold.
        removed: Those the twin no longer holds.
        source: Name of the source whose file was the ground; None for a document made anew.
    """

    objects: int
    changed: int
    added: int
    removed: int
    source: str | None


def keep_city_model(data_dir: Path, path: Path) -> str:
    """Keep the file as it is, packed; its hash.

    Raises:
        LingjingError: `citymodel.cannot-write`.
    """
    digest = sha256_of(path)
    target = _kept(data_dir, digest)
    if target.is_file():
        return digest
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            path.open("rb") as file,
            whole_file(target) as raw,
            gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed,
        ):
            packed_already = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with gzip.open(file) if packed_already else file as stream:
                shutil.copyfileobj(stream, packed)
    except OSError as error:
        raise LingjingError(
            "citymodel.cannot-write", Place(file=str(target)), detail=error.strerror or str(error)
        ) from error
    return digest


def _kept(data_dir: Path, digest: str) -> Path:
    return data_dir / FOLDER / f"{digest}.city.json.gz"


def drop_unused_models(data_dir: Path, store: Store) -> None:
    """Remove kept files that no district was made from any more."""
    used = {
        item.report[MEMBER]["sha256"]
        for district in store.districts()
        for item in city_sources(store, district.name)
    }
    for path in (data_dir / FOLDER).glob("*.city.json.gz"):
        if path.name.partition(".")[0] not in used:
            path.unlink(missing_ok=True)


def city_sources(store: Store, district: str) -> list[SourceRecord]:
    """The sources of a district whose city model was kept."""
    return [item for item in store.sources(district) if MEMBER in item.report]


def kept_model(data_dir: Path, district: str, source: SourceRecord) -> CityModel:
    """The city model that a source was made from, opened again.

    Raises:
        LingjingError: `citymodel.not-kept`.
    """
    said = source.report[MEMBER]
    path = _kept(data_dir, said["sha256"])
    if not path.is_file():
        raise LingjingError(
            "citymodel.not-kept",
            Place(file=str(path)),
            district=district,
            sha256=said["sha256"][:12],
        )
    return open_city_model(path, said.get("crs"))


def _chosen(store: Store, district: str, source: str | None) -> SourceRecord | None:
    held = city_sources(store, district)
    known = ", ".join(item.name for item in held) or "—"
    if source is not None:
        found = next((item for item in held if item.name == source), None)
        if found is None:
            raise LingjingError("citymodel.no-source", district=district, name=source, known=known)
        return found
    if len(held) > 1:
        raise LingjingError("citymodel.which-model", district=district, known=known)
    return held[0] if held else None


def export_city_model(
    store: Store, data_dir: Path, district: str, path: Path, *, source: str | None = None
) -> CityExport:
    """Write a district as CityJSON.

    A district made from a city model gives back that model: every city object, geometry,
    semantics, appearance and extension as it came, with the twin's changes of attributes and
    footprints, without the buildings the twin no longer holds, and with those it holds besides as
    prisms of level 1. Any other district is written as prisms in the UTM zone of its middle.

    Args:
        store: Where the district is kept.
        data_dir: Where the model's file is kept.
        district: Name of the district.
        path: File to write; it is replaced whole.
        source: Name of the source, where there are several city models.

    Raises:
        LingjingError: `twin.no-district`, `citymodel.which-model`, `citymodel.no-source`,
            `citymodel.not-kept`, `citymodel.cannot-write`.
    """
    record = store.district(district)
    chosen = _chosen(store, district, source)
    if chosen is None:
        model, features = blank_model(*record.centre), []
    else:
        model = kept_model(data_dir, district, chosen)
        features = list(city_features(model, ImportReport()))
    absent = (
        {tuple(item) for item in chosen.report[MEMBER].get("left_out", ())} if chosen else set()
    )
    comparison = _Comparison(model, district, features, absent)
    for kind in (BUILDING, PART):
        for entity in store.entities(district, kind):
            comparison.take(entity)
    document = comparison.document()
    _write(document, path)
    return CityExport(
        len(document["CityObjects"]),
        comparison.changed,
        comparison.added,
        comparison.removed,
        chosen.name if chosen else None,
    )


class _Comparison:
    """What the twin holds against what the file gave."""

    def __init__(
        self,
        model: CityModel,
        district: str,
        features: Sequence[Feature],
        absent: Set[tuple[str, ...]],
    ) -> None:
        self._model = model
        # What was not taken in, for the district held it already: the file's own drawing of it
        # is given back, and the district's is not added to it.
        self._twins = np.array(
            [
                item.geometry
                for item in features
                if item.kind == BUILDING and (item.kind, item.local) in absent
            ],
            dtype=object,
        )
        names = {
            (BUILDING if item["type"] == BUILDING else PART, local_part(name)): name
            for name, item in model.objects.items()
            if item["type"] in (BUILDING, PART)
        }
        # entity id → the feature the file gave, and the id of its city object
        self._given = {
            urn(item.kind, district, item.local): (item, names[item.kind, item.local])
            for item in features
            if (item.kind, item.local) not in absent
        }
        self._changes: dict[str, dict[str, AttributeValue]] = {}
        self._redrawn: dict[str, Entity] = {}
        self._new: dict[str, Entity] = {}
        self._seen: set[str] = set()

    @property
    def changed(self) -> int:
        """Objects of the file that differ."""
        return len(self._changes.keys() | self._redrawn.keys())

    @property
    def added(self) -> int:
        """Objects the file does not hold."""
        return len(self._new)

    @property
    def removed(self) -> int:
        """Objects the twin does not hold any more."""
        return len(self._given) - len(self._seen)

    def take(self, entity: Entity) -> None:
        """Compare one entity of the twin."""
        if entity.id not in self._given:
            self._new[entity.id] = entity
            return
        self._seen.add(entity.id)
        feature, name = self._given[entity.id]
        changed = _differences(feature, entity)
        if changed:
            self._changes[name] = changed
        if not entity.shape().equals_exact(feature.geometry, _SAME_PLACE_DEG):
            self._redrawn[name] = entity

    def document(self) -> dict[str, Any]:
        """The file's document with all differences."""
        self._leave_twins()
        gone = [name for key, (_, name) in self._given.items() if key not in self._seen]
        plain = {k: v for k, v in self._changes.items() if k not in self._redrawn}
        blocks = [
            _block(name, entity, self._changes.get(name, {}))
            for name, entity in self._redrawn.items()
        ]
        return with_changes(self._model, plain, gone, [*blocks, *self._added()], self._ground())

    def _leave_twins(self) -> None:
        """Drop what the file draws itself, with its parts."""
        buildings = [key for key, entity in self._new.items() if entity.kind == BUILDING]
        shapes = np.array([self._new[key].shape() for key in buildings], dtype=object)
        same = there_already(shapes, self._twins) >= 0
        gone = {key for key, twin in zip(buildings, same, strict=True) if twin}
        self._new = {
            key: entity
            for key, entity in self._new.items()
            if key not in gone and entity.relationships.get("building") not in gone
        }

    def _added(self) -> list[Block]:
        """Blocks of what the file does not hold, buildings before their parts."""
        names = {key: name for key, (_, name) in self._given.items() if key in self._seen}
        for key in self._new:
            names[key] = key.rsplit(":", 1)[1]
        parents = {
            key: names.get(entity.relationships.get("building", ""))
            for key, entity in self._new.items()
        }
        with_parts = {
            parents[key] for key, entity in self._new.items() if "height" in entity.attributes
        }
        blocks = []
        for key, entity in self._new.items():
            stated = {
                name: item.value
                for name, item in entity.attributes.items()
                if item.provenance.kind in ("imported", "observed")
            }
            block = _block(names[key], entity, stated, parents[key])
            if names[key] in with_parts:
                # its parts are drawn in its stead
                block = replace(block, top_m=None)
            blocks.append(block)
        return blocks

    def _ground(self) -> float:
        """Where blocks stand: the middle of the lowest points of the file's objects."""
        lowest = []
        for item in self._model.objects.values():
            if item["type"] == BUILDING:
                corners = [
                    index
                    for geometry in item.get("geometry", ())
                    if geometry["type"] in SURFACE_DEPTH
                    for surface in nested(geometry["boundaries"], SURFACE_DEPTH[geometry["type"]])
                    for ring in surface
                    for index in ring
                ]
                if corners:
                    lowest.append(self._model.vertices[corners, 2].min())
        return float(np.median(lowest)) if lowest else 0.0


def _differences(feature: Feature, entity: Entity) -> dict[str, AttributeValue]:
    """Attributes of the entity that the file states otherwise, or that a person added."""
    found = {}
    for name, attribute in entity.attributes.items():
        given = feature.attributes.get(name)
        if given is None and attribute.provenance.kind in ("inferred", "simulated"):
            continue
        if name != "footprint_area" and (given is None or given.value != attribute.value):
            found[name] = attribute.value
    return found


def _block(
    name: str,
    entity: Entity,
    attributes: Mapping[str, AttributeValue],
    parent: str | None = None,
) -> Block:
    height = entity.attributes.get("height")
    lowest = entity.attributes.get("min_height")
    said = {key: value for key, value in attributes.items() if key != "footprint_area"}
    if height is not None and height.provenance.kind == "inferred":
        said |= {"height_estimated": True}
    return Block(
        name,
        entity.shape(),
        float(lowest.value) if lowest else 0.0,
        float(height.value) if height else None,
        said,
        parent,
    )


def _write(document: dict[str, Any], path: Path) -> None:
    """Put the document in the place of the file, whole or not at all."""
    try:
        with whole_file(path) as file:
            file.write(msgspec.json.encode(document))
            os.fchmod(file.fileno(), 0o644)
    except OSError as error:
        raise LingjingError(
            "citymodel.cannot-write", Place(file=str(path)), detail=error.strerror or str(error)
        ) from error
