"""Read-only columns over the entities of one kind: what physics and scenarios take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from lingjing.vocabulary import Provenance, words


@dataclass(frozen=True)
class TwinView:
    """Entities of one kind as columns, in the order of their ids.

    Attributes:
        kind: The kind.
        ids: URNs [n], sorted.
        longitude_deg, latitude_deg: A point inside or on each geometry [n], WGS 84.
        columns: Attribute name → values [n]: float64 with NaN for quantities, bool for flags,
            object (str or None) for text and choices. Read-only.
        relationships: Name → ids [n], None where absent.
        provenances: The distinct provenances.
        provenance_index: Attribute name → index into `provenances` [n], −1 where absent.
        wkb: Geometries [n].
    """

    kind: str
    ids: NDArray[np.object_]
    longitude_deg: NDArray[np.float64]
    latitude_deg: NDArray[np.float64]
    columns: Mapping[str, NDArray[Any]]
    relationships: Mapping[str, NDArray[np.object_]]
    provenances: tuple[Provenance, ...]
    provenance_index: Mapping[str, NDArray[np.int32]]
    wkb: NDArray[np.object_]

    def __len__(self) -> int:
        return int(self.ids.size)

    def rows(self, chosen: NDArray[np.intp]) -> TwinView:
        """Some rows of the view, in the order asked for, as plain data."""
        return TwinView(
            kind=self.kind,
            ids=self.ids[chosen],
            longitude_deg=self.longitude_deg[chosen],
            latitude_deg=self.latitude_deg[chosen],
            columns={name: values[chosen] for name, values in self.columns.items()},
            relationships={name: values[chosen] for name, values in self.relationships.items()},
            provenances=tuple(self.provenances),
            provenance_index={
                name: values[chosen] for name, values in self.provenance_index.items()
            },
            wkb=self.wkb[chosen],
        )

    def number(self, name: str, default: float | None = None) -> NDArray[np.float64]:
        """A quantity's column [n]; gaps are NaN, or `default` where one is given."""
        column = self.columns.get(name)
        values = (
            np.full(len(self), np.nan) if column is None else np.asarray(column, dtype=np.float64)
        )
        return values if default is None else np.where(np.isnan(values), default, values)

    def flag(self, name: str) -> NDArray[np.bool_]:
        """A flag's column [n]; absent is False."""
        column = self.columns.get(name)
        return np.zeros(len(self), dtype=bool) if column is None else np.asarray(column, dtype=bool)

    def text(self, name: str, default: str | None = None) -> NDArray[np.object_]:
        """A text or choice column [n]; gaps are None, or `default` where one is given."""
        if name not in words():
            raise KeyError(name)
        column = self.columns.get(name)
        values = np.full(len(self), None, dtype=object) if column is None else column
        if default is None:
            return values
        return np.array([default if item is None else item for item in values], dtype=object)

    def related(self, name: str) -> NDArray[np.object_]:
        """Ids [n] that the relationship points at, None where absent."""
        return self.relationships.get(name, np.full(len(self), None, dtype=object))

    def shape(self, index: int) -> BaseGeometry:
        """Geometry of one entity."""
        return shapely.from_wkb(self.wkb[index])
