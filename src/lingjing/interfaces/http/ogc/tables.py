"""A kind of a district as a table that filters are answered over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.twin.contract import Store
from lingjing.twin.cql2.values import Values, time_of
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError, Quantity, attribute_word, kinds

ID: Final = "id"
GEOMETRY: Final = "geometry"
INFERRED: Final = "inferred"
SYNTHETIC: Final = "synthetic"
OBSERVED_AT: Final = "observed_at"
_ATTEMPTS: Final = 5


class FeatureTable:
    """The rows of a view, with a spatial index that is made once; a `cql2.values.Table`.

    Beside the kind's attributes and relationships it has `inferred` (names of the attributes that
    were inferred, not told or measured), `synthetic` (something is made up), and `observed_at` (the
    latest time at which any of its values was observed).
    """

    def __init__(self, view: TwinView) -> None:
        self.view = view
        self._held: dict[str, Values] = {}

    def __len__(self) -> int:
        return len(self.view)

    @cached_property
    def shapes(self) -> NDArray[np.object_]:
        """Geometries [n]."""
        return np.asarray(shapely.from_wkb(self.view.wkb), dtype=object)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.shapes)

    def intersecting(self, geometry: Any) -> NDArray[np.int64]:
        """Rows whose geometry intersects another, by the spatial index."""
        found: NDArray[np.int64] = self._tree.query(geometry, predicate="intersects")
        return found

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Attributes and relationships that features carry, in the order of the kind's table."""
        own = kinds()[self.view.kind].attributes
        present = [name for name in own if name in self.view.columns]
        return (*present, *self.view.relationships, INFERRED, SYNTHETIC, OBSERVED_AT)

    def names(self) -> tuple[str, ...]:
        """All that can be queried, whether or not any feature has it."""
        return (*queryables(self.view.kind, self.view.relationships), GEOMETRY)

    def values(self, name: str) -> Values | None:
        """A property's values; None where there is no such property."""
        if name not in self._held:
            found = self._made(name)
            if found is None:
                return None
            self._held[name] = found
        return self._held[name]

    def _made(self, name: str) -> Values | None:
        own: dict[str, Callable[[], Values]] = {
            GEOMETRY: lambda: Values("geometry", self.shapes, np.zeros(len(self), dtype=bool)),
            ID: lambda: _texts(self.view.ids),
            INFERRED: lambda: _texts(self._inferred()),
            SYNTHETIC: self._synthetic,
            OBSERVED_AT: self._observed,
        }
        if name in own:
            return own[name]()
        if name in self.view.relationships:
            return _texts(self.view.relationships[name])
        return self._attribute(name) if name in kinds()[self.view.kind].attributes else None

    def _synthetic(self) -> Values:
        made_up = self._where([item.synthetic for item in self.view.provenances])
        found = np.asarray(made_up.any(axis=0), dtype=bool)
        return Values("flag", found, np.zeros(len(self), dtype=bool))

    def _attribute(self, name: str) -> Values:
        view, count = self.view, len(self.view)
        word = attribute_word(name)
        if isinstance(word, Quantity):
            numbers = view.number(name)
            return Values("number", numbers, np.isnan(numbers))
        if word.type == "flag":
            known = view.provenance_index.get(name)
            null = np.ones(count, dtype=bool) if known is None else known < 0
            return Values("flag", view.flag(name), null)
        return _texts(view.text(name))

    def _where(self, chosen: list[bool]) -> NDArray[np.bool_]:
        """Whether each attribute [a] of each row [n] comes from one of the chosen provenances."""
        table = np.array([*chosen, False])  # −1, for absent, takes the last
        rows = [table[index] for index in self.view.provenance_index.values()]
        return np.array(rows, dtype=bool).reshape(-1, len(self.view))

    def _inferred(self) -> NDArray[np.object_]:
        names = list(self.view.provenance_index)
        found = self._where([item.kind == "inferred" for item in self.view.provenances])
        said: dict[bytes, str] = {}
        texts = np.empty(len(self.view), dtype=object)
        for row, flags in enumerate(np.packbits(found, axis=0).T):
            key = flags.tobytes()
            if key not in said:
                said[key] = ",".join(
                    name for name, flag in zip(names, found[:, row], strict=True) if flag
                )
            texts[row] = said[key] or None
        return texts

    def _observed(self) -> Values:
        latest = np.full(len(self.view), np.iinfo(np.int64).min)
        times = [_instant(item.observed_at) for item in self.view.provenances]
        table = np.array([*times, np.iinfo(np.int64).min], dtype=np.int64)
        for index in self.view.provenance_index.values():
            np.maximum(latest, table[index], out=latest)
        return Values("time", latest, latest == np.iinfo(np.int64).min)

    def provenance(self, row: int) -> dict[str, Any]:
        """How each attribute of a feature is known."""
        return {
            name: msgspec.to_builtins(self.view.provenances[index[row]])
            for name, index in self.view.provenance_index.items()
            if index[row] >= 0
        }


def queryables(kind: str, relationships: Any = ()) -> tuple[str, ...]:
    """Names of a kind's properties that can be queried, geometry left out."""
    own = kinds()[kind].attributes
    return (ID, *own, *sorted(relationships), INFERRED, SYNTHETIC, OBSERVED_AT)


def _instant(text: str | None) -> int:
    if text:
        try:
            return time_of(text)[0]
        except LingjingError:
            pass  # a time that cannot be read counts as none
    return int(np.iinfo(np.int64).min)


def _texts(column: NDArray[np.object_]) -> Values:
    null = np.array([item is None for item in column.tolist()], dtype=bool)
    data = column
    if null.any():
        data = column.copy()
        data[null] = ""
    return Values("text", data, null)


class Tables:
    """Tables of the present, each kept as long as its view stands; those of the past are made.

    Args:
        store: Where districts are read.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], FeatureTable] = {}

    def table(self, district: str, kind: str, at_us: int | None = None) -> FeatureTable:
        """A kind of a district, now or as known at an instant [µs].

        Raises:
            LingjingError: `twin.no-district`.
        """
        view = self._view(district, kind, at_us)
        key = (district, kind)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.view is view:
                return kept
        table = FeatureTable(view)
        if at_us is None:
            with self._lock:
                self._kept[key] = table
        return table

    def _view(self, district: str, kind: str, at_us: int | None) -> TwinView:
        for _ in range(_ATTEMPTS):
            try:
                return self._store().twin(district, at_us=at_us).view(kind)
            except LingjingError as error:
                # imported between the two calls: look again
                if error.code != "twin.changed-meanwhile":
                    raise
        return self._store().twin(district, at_us=at_us).view(kind)
