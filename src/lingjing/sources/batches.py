"""What a source hands over: features in WGS 84 and the vocabulary's units, and a report."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from shapely.geometry.base import BaseGeometry

from lingjing.vocabulary import Attribute, Provenance


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing found in a source, not yet part of a district.

    Attributes:
        kind: A kind of `kinds.toml`.
        local: The source's own name for it, unique within its kind and stable between reads
            (`osm-way-1234`).
        geometry: In WGS 84 longitude and latitude [°]; valid.
        attributes: By name, in the unit of the quantity, each with its provenance.
        relationships: Name → (kind, local) of another feature, such as the building of a riser.
    """

    kind: str
    local: str
    geometry: BaseGeometry
    attributes: Mapping[str, Attribute]
    relationships: Mapping[str, tuple[str, str]] = field(default_factory=lambda: _NONE)


_NONE: Mapping[str, tuple[str, str]] = {}
"""Shared by the many features that hang on nothing; mappings of features are not changed."""


@dataclass(slots=True)
class Dropped:
    """Features of one sort that were left out, and why.

    Attributes:
        reason: Key of the reason, such as `self-crossing`, `out-of-range`, `no-geometry`.
        count: How many.
        examples: The source's names of the first few.
    """

    reason: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ImportReport:
    """What a reader saw: filled while the features stream out, complete once they are all read.

    Attributes:
        read: Objects seen in the source, by what the source calls them.
        kept: Features handed over, by kind.
        repaired: Repairs made, by key (`closed-ring`, `split-at-junction`), with counts.
        dropped: What was left out, by reason.
        notes: Remarks for people, in (zh-CN, en) pairs.
    """

    read: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, Dropped] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def drop(self, reason: str, example: str) -> None:
        """Count one object left out, keeping the first five names as examples."""
        entry = self.dropped.setdefault(reason, Dropped(reason))
        entry.count += 1
        if len(entry.examples) < 5:
            entry.examples.append(example)

    def keep(self, kind: str) -> None:
        """Count one feature handed over."""
        self.kept[kind] = self.kept.get(kind, 0) + 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything one source gives in one read.

    Attributes:
        name: Name of the source, stable between reads (`osm:yangpu-siping`, `stock-model`).
        features: May be a generator; read once.
        provenance: Of the source as a whole.
        attribution: Whom to credit wherever the data or its products are shown.
        licence: Short name of the licence, `unstated` where the source gives none.
        sha256: Hash of the file read; empty for a source that is not a file.
        report: Complete once `features` is exhausted.
    """

    name: str
    features: Iterable[Feature]
    provenance: Provenance
    attribution: str
    licence: str
    sha256: str
    report: ImportReport


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """Pause the search for garbage while millions of lasting objects are made.

    None of them is garbage, and looking through them again and again takes a third of the time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
