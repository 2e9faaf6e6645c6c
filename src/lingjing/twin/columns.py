"""Building the read-only columns of a view from rows that share their attribute names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.twin.views import TwinView
from lingjing.vocabulary import Provenance, quantities, words


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with the same attribute names.

    Attributes:
        names: The names, in order.
        positions: Where the rows stand in the view.
        rows: Per row the values in the order of the names, then their provenance keys.
    """

    names: tuple[str, ...]
    positions: list[int]
    rows: list[Any]


def build_view(
    kind: str,
    ids: Sequence[str],
    *,
    points_deg: tuple[Sequence[float], Sequence[float]],
    wkb: Sequence[bytes],
    groups: Iterable[Group],
    provenances: Mapping[int, Provenance],
    relationships: Mapping[int, Mapping[str, str]],
) -> TwinView:
    """Columns over entities that are already in the order of their ids.

    Args:
        kind: The kind of all of them.
        ids: URNs [n], sorted.
        points_deg: Longitudes and latitudes [n].
        wkb: Geometries [n].
        groups: All rows, by attribute names; together they cover each position at most once.
        provenances: By the keys that stand in the rows.
        relationships: Position → name → id, where there are any.
    """
    count = len(ids)
    columns: dict[str, NDArray[Any]] = {}
    sources: dict[str, NDArray[np.int32]] = {}
    rank = _ranks(provenances)
    used: set[int] = set()
    for group in groups:
        positions = np.asarray(group.positions, dtype=np.int64)
        turned = list(zip(*group.rows, strict=True))
        for index, name in enumerate(group.names):
            if name not in columns:
                columns[name] = _gaps(name, count)
                sources[name] = np.full(count, -1, dtype=np.int32)
            column = columns[name]
            column[positions] = np.array(turned[index], dtype=column.dtype)
            keys = turned[index + len(group.names)]
            used.update(keys)
            sources[name][positions] = np.array([rank[key] for key in keys], dtype=np.int32)
    kept = _close_up(sources, sorted(rank[key] for key in used), len(rank))
    by_rank = {rank[key]: provenances[key] for key in used}
    related: dict[str, NDArray[np.object_]] = {}
    for position, names in relationships.items():
        for name, target in names.items():
            if name not in related:
                related[name] = np.full(count, None, dtype=object)
            related[name][position] = target
    return TwinView(
        kind=kind,
        ids=_objects(ids),
        longitude_deg=_frozen(np.array(points_deg[0], dtype=np.float64)),
        latitude_deg=_frozen(np.array(points_deg[1], dtype=np.float64)),
        columns={name: _frozen(columns[name]) for name in sorted(columns)},
        relationships={name: _frozen(related[name]) for name in sorted(related)},
        provenances=tuple(by_rank[rank_] for rank_ in sorted(by_rank)),
        provenance_index={name: _frozen(kept[name]) for name in sorted(kept)},
        wkb=_objects(wkb),
    )


def _ranks(provenances: Mapping[int, Provenance]) -> dict[int, int]:
    """Key → place among the distinct provenances in order of content, whatever the keys were."""
    content = {key: msgspec.json.encode(item) for key, item in provenances.items()}
    order = {text: place for place, text in enumerate(sorted(set(content.values())))}
    return {key: order[text] for key, text in content.items()}


def _close_up(
    sources: Mapping[str, NDArray[np.int32]], used: Sequence[int], total: int
) -> dict[str, NDArray[np.int32]]:
    """Renumber ranks so that those in use count from zero; −1 stays."""
    table = np.full(total + 1, -1, dtype=np.int32)
    for place, rank in enumerate(dict.fromkeys(used)):
        table[rank] = place
    return {name: table[column] for name, column in sources.items()}


def _gaps(name: str, count: int) -> NDArray[Any]:
    if name in quantities():
        return np.full(count, np.nan)
    if words()[name].type == "flag":
        return np.zeros(count, dtype=bool)
    return np.full(count, None, dtype=object)


def _objects(items: Sequence[object]) -> NDArray[np.object_]:
    column = np.empty(len(items), dtype=object)
    column[:] = items
    return _frozen(column)


def _frozen(column: NDArray[Any]) -> NDArray[Any]:
    column.setflags(write=False)
    return column
