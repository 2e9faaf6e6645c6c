"""A district as a run sees it: loaded once, read-only, and small enough to hand to a guest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lingjing.sdk import LingjingError
from lingjing.twin.contract import Twin
from lingjing.twin.entities import District
from lingjing.twin.views import TwinView
from lingjing.vocabulary import WeatherTable


@dataclass(frozen=True)
class Snapshot:
    """The reading side of one district, held in memory. Keeps the `Twin` protocol.

    Attributes:
        record: The district's record.
        views: Kind → columns.
        declared: Kinds that may be read; None allows all.
    """

    record: District
    views: Mapping[str, TwinView]
    declared: frozenset[str] | None = None

    @property
    def district(self) -> District:
        """The district's record, settings included."""
        return self.record

    def kinds(self) -> tuple[str, ...]:
        """Kinds present, sorted; only those that may be read."""
        return tuple(sorted(kind for kind in self.views if len(self.views[kind]) > 0))

    def view(self, kind: str) -> TwinView:
        """All entities of a kind as columns; an empty view where there are none.

        Raises:
            LingjingError: `scenario.undeclared-kind`.
        """
        if self.declared is not None and kind not in self.declared:
            raise LingjingError("scenario.undeclared-kind", kind=kind)
        found = self.views.get(kind)
        return empty_view(kind) if found is None else found

    def only(self, kinds: Iterable[str]) -> Snapshot:
        """The same district, narrowed to what a guest declared."""
        declared = frozenset(kinds)
        views = {kind: view for kind, view in self.views.items() if kind in declared}
        return Snapshot(self.record, views, declared)


def snapshot_of(twin: Twin) -> Snapshot:
    """Load everything a district holds."""
    return Snapshot(twin.district, {kind: _plain(twin.view(kind)) for kind in twin.kinds()})


def empty_view(kind: str) -> TwinView:
    """A view without entities."""
    nothing = np.empty(0, dtype=object)
    zero = np.empty(0, dtype=np.float64)
    return TwinView(kind, nothing, zero, zero, {}, {}, (), {}, nothing)


def _plain(view: TwinView) -> TwinView:
    """The view with ordinary dictionaries, which can be handed to another process."""
    return TwinView(
        kind=view.kind,
        ids=view.ids,
        longitude_deg=view.longitude_deg,
        latitude_deg=view.latitude_deg,
        columns=dict(view.columns),
        relationships=dict(view.relationships),
        provenances=tuple(view.provenances),
        provenance_index=dict(view.provenance_index),
        wkb=view.wkb,
    )


def hash_district(snapshot: Snapshot, sources: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 of everything a run could depend on in a district, import times left out."""
    digest = hashlib.sha256()
    record = snapshot.record
    stable = (
        record.name,
        record.pack,
        record.title_zh,
        record.title_en,
        record.settings,
        record.bounds,
        record.synthetic,
        list(sources),
    )
    digest.update(msgspec.json.encode(stable, order="deterministic"))
    for kind in sorted(snapshot.views):
        view = snapshot.views[kind]
        digest.update(kind.encode())
        _update(digest, view.ids)
        _update(digest, view.longitude_deg)
        _update(digest, view.latitude_deg)
        _update(digest, view.wkb)
        provenances = msgspec.json.encode(view.provenances, order="deterministic")
        digest.update(hashlib.sha256(provenances).digest())
        for table in (view.columns, view.relationships, view.provenance_index):
            for name in sorted(table):
                digest.update(name.encode())
                _update(digest, table[name])
    return digest.hexdigest()


def hash_weather(weather: WeatherTable) -> str:
    """SHA-256 of a weather table's content, wherever it lies."""
    digest = hashlib.sha256()
    stable = (
        dict(weather.methods),
        weather.provenance,
        weather.attribution,
        weather.longitude_deg,
        weather.latitude_deg,
        weather.notes,
    )
    digest.update(msgspec.json.encode(stable, order="deterministic"))
    _update(digest, weather.times.astype("datetime64[s]").astype(np.int64))
    for name in sorted(weather.columns):
        digest.update(name.encode())
        _update(digest, weather.columns[name])
    return digest.hexdigest()


def _update(digest: Any, values: NDArray[Any]) -> None:
    """Feed an array, its shape and type; objects are text, bytes or None."""
    digest.update(f"|{values.dtype.str}{values.shape}|".encode())
    if values.dtype != object:
        digest.update(np.ascontiguousarray(values).tobytes())
        return
    parts = [_bytes(item) for item in values.ravel()]
    digest.update(np.array([len(part) for part in parts], dtype=np.int64).tobytes())
    digest.update(b"".join(parts))


def _bytes(item: Any) -> bytes:
    if item is None:
        return b"\x00"
    if isinstance(item, bytes):
        return item
    return str(item).encode()
