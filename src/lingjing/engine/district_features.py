"""From a source's features to the twin's entities."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.sources.batches import Batch, Feature, ImportReport
from lingjing.twin import Entity, TwinView
from lingjing.vocabulary import Attribute, EntityId, Provenance, kinds, local_part

_CHUNK: Final = 2_000
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

CONTAINMENT: Final = "sub-district:containment"
"""Rule that puts a thing into the sub-district whose outline holds it."""

NEAREST: Final = "sub-district:nearest-schematic-centre"
"""Rule that puts a thing into the sub-district whose rough centre in the pack is nearest."""

_FAR_KM: Final = 4.0


def entities_of(batch: Batch, district: str) -> Iterator[Entity]:
    """The batch's features as entities of a district, streaming.

    Args:
        batch: Read once.
        district: Name of the district; it becomes part of every id.

    Raises:
        LingjingError: `vocabulary.bad-id`, and what reading the features raises.
    """
    features = iter(batch.features)
    while chunk := list(islice(features, _CHUNK)):
        geometries = shapely.to_wkb([feature.geometry for feature in chunk])
        for feature, geometry in zip(chunk, geometries, strict=True):
            yield Entity(
                urn(feature.kind, district, feature.local),
                feature.kind,
                district,
                geometry,
                dict(feature.attributes),
                {
                    name: urn(kind, district, local)
                    for name, (kind, local) in feature.relationships.items()
                },
            )


def urn(kind: str, district: str, local: str) -> str:
    """Id of the entity that a feature becomes."""
    # Readers hand over names that are safe already; encoding them twice would break relationships.
    safe = local if _SAFE.fullmatch(local) else local_part(local)
    return _prefix(kind, district) + safe


@functools.cache
def _prefix(kind: str, district: str) -> str:
    return str(EntityId(kind, district, "x")).removesuffix("x")


@dataclass(frozen=True)
class Outlines:
    """The sub-districts whose outlines are known.

    Attributes:
        names: Their names [n].
        shapes: Their outlines [n].
        source: Where the outlines come from, for the provenance of what is derived.
        synthetic: The outlines are made up.
    """

    names: tuple[str, ...]
    shapes: NDArray[np.object_]
    source: str
    synthetic: bool

    @classmethod
    def among(cls, features: Iterable[Feature], provenance: Provenance) -> Outlines:
        """Those of a source's features that are sub-districts with a name."""
        found = [
            (str(feature.attributes["name"].value), feature.geometry)
            for feature in features
            if feature.kind == "SubDistrict" and "name" in feature.attributes
        ]
        return cls(
            tuple(name for name, _ in found),
            np.array([shape for _, shape in found], dtype=object),
            provenance.source,
            provenance.synthetic,
        )

    @classmethod
    def held(cls, view: TwinView, source: str, *, synthetic: bool) -> Outlines:
        """Those that the twin holds."""
        named = [row for row, name in enumerate(view.text("name")) if name is not None]
        return cls(
            tuple(str(view.text("name")[row]) for row in named),
            shapely.from_wkb(view.wkb[named]),
            source,
            synthetic,
        )

    def placed(self, features: Sequence[Feature]) -> list[Feature]:
        """The features, each with the sub-district that holds its middle where one does.

        A sub-district that the source itself states is kept. Where outlines overlap, the first
        by name wins.
        """
        if not self.names:
            return list(features)
        order = sorted(range(len(self.names)), key=lambda index: self.names[index])
        tree = shapely.STRtree(self.shapes[order])
        middles = shapely.point_on_surface([feature.geometry for feature in features])
        held: dict[int, int] = {}
        for row, place in zip(*tree.query(middles, predicate="intersects"), strict=True):
            held[int(row)] = min(int(place), held.get(int(row), int(place)))
        by_rule = Provenance(
            "inferred", self.source, rule=CONTAINMENT, confidence=0.9, synthetic=self.synthetic
        )
        values = [Attribute(self.names[index], by_rule) for index in order]
        placed = []
        for row, feature in enumerate(features):
            carries = "sub_district" in kinds()[feature.kind].attributes
            if row in held and carries and "sub_district" not in feature.attributes:
                attributes = {**feature.attributes, "sub_district": values[held[row]]}
                placed.append(replace(feature, attributes=attributes))
            else:
                placed.append(feature)
        return placed


def near_centres(
    features: Sequence[Feature], settings: Mapping[str, Any], source: str
) -> list[Feature]:
    """The features, those without a sub-district given that of the nearest rough centre.

    A guess for maps whose outlines are missing: it is right in the middle of a sub-district and
    often wrong at its edge, hence the low confidence. Farther than 4 km from all centres nothing
    is guessed.

    Args:
        features: To be placed.
        settings: Of the district's pack, with `sub_districts` and their `schematic_centre`.
        source: Name of the pack, for the provenance.
    """
    centred = [item for item in settings.get("sub_districts", ()) if "schematic_centre" in item]
    if not centred or not features:
        return list(features)
    centres = np.array([item["schematic_centre"] for item in centred], dtype=np.float64)
    by_rule = Provenance("inferred", source, rule=NEAREST, confidence=0.4)
    values = [Attribute(item["name_zh"], by_rule) for item in centred]
    middles = shapely.get_coordinates(shapely.centroid([item.geometry for item in features]))
    east_km = (middles[:, None, 0] - centres[:, 0]) * 111.32 * np.cos(np.radians(centres[:, 1]))
    north_km = (middles[:, None, 1] - centres[:, 1]) * 110.57
    distance_km = np.hypot(east_km, north_km)
    nearest = distance_km.argmin(axis=1)
    return [
        feature
        if "sub_district" in feature.attributes
        or "sub_district" not in kinds()[feature.kind].attributes
        or distance_km[row, nearest[row]] > _FAR_KM
        else replace(
            feature, attributes={**feature.attributes, "sub_district": values[nearest[row]]}
        )
        for row, feature in enumerate(features)
    ]


def plain_report(report: ImportReport, **more: object) -> dict[str, Any]:
    """An import report as the twin keeps it: plain values, in a fixed order."""
    return {
        "read": dict(sorted(report.read.items())),
        "kept": dict(sorted(report.kept.items())),
        "repaired": dict(sorted(report.repaired.items())),
        "dropped": [
            {"reason": entry.reason, "count": entry.count, "examples": list(entry.examples)}
            for _, entry in sorted(report.dropped.items())
        ],
        "notes": [{"zh-CN": chinese, "en": english} for chinese, english in report.notes],
        **more,
    }


def provenance_counts(view: TwinView) -> dict[str, int]:
    """How many attribute values of a kind were observed, imported, inferred or simulated."""
    by_provenance = np.zeros(len(view.provenances) + 1, dtype=np.int64)
    for column in view.provenance_index.values():
        by_provenance += np.bincount(column + 1, minlength=len(by_provenance))
    counts: dict[str, int] = {}
    for provenance, count in zip(view.provenances, by_provenance[1:].tolist(), strict=True):
        counts[provenance.kind] = counts.get(provenance.kind, 0) + count
    return dict(sorted(counts.items()))


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Counts as shares of their sum, to four digits."""
    total = sum(counts.values())
    return {name: round(count / total, 4) for name, count in counts.items()} if total else {}
