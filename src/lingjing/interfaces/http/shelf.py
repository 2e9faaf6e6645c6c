"""What the endpoints read: the twin and the runs of one data folder, kept ready for requests."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lingjing.engine.results import RUNS, RunFolder, list_runs
from lingjing.engine.settings import open_store
from lingjing.engine.tiles import Tiles
from lingjing.engine.tiles_layers import layer_of
from lingjing.interfaces.http import state_stream
from lingjing.interfaces.http.answers import Packed, encode
from lingjing.interfaces.http.layers import LAYERS, kind_of_layer, layer_geojson
from lingjing.interfaces.http.runs import RunReader, headline, run_head
from lingjing.interfaces.http.search import SearchIndex
from lingjing.interfaces.http.state import (
    STATE_KINDS,
    choose_quantity,
    event_quantities,
    layer_state,
    number_quantities,
    state_content,
)
from lingjing.interfaces.http.state_reading import stream_of
from lingjing.interfaces.http.table import Foreseen, ObjectTable, foresee, object_table
from lingjing.twin.contract import Store
from lingjing.twin.entities import District
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LingjingError, kinds, parse_instant

_MEDIA = {"layer": "application/geo+json", "stream": state_stream.MEDIA_TYPE}
KEPT_ANSWERS = 48
KEPT_RUNS = 4
KEPT_COLUMNS = 24
COLUMNS_STAND_S = 60.0

T = TypeVar("T")


def first_events(quantities: dict[str, list[str]]) -> tuple[str, ...]:
    """The events that the page shows of a run until somebody chooses others."""
    return tuple(names[0] for layer, names in sorted(quantities.items(), reverse=True) if names)


class Shelf:
    """Reads districts and runs; large answers are packed once and kept while their data stand."""

    def __init__(self, data_dir: Path, store: Store | None = None) -> None:
        self.data_dir = data_dir
        self._store = store
        self._lock = threading.RLock()
        self._answers: OrderedDict[tuple[str, ...], Packed] = OrderedDict()
        self._makings: dict[tuple[str, ...], threading.Lock] = {}
        self._readers: OrderedDict[tuple[str, int], RunReader] = OrderedDict()
        self._columns: OrderedDict[Hashable, Any] = OrderedDict()
        self._column_lock = threading.RLock()
        self.tiles = Tiles(data_dir, lambda: self.store)

    @property
    def store(self) -> Store:
        """The twin, opened on first use."""
        with self._lock:
            if self._store is None:
                self._store = open_store(self.data_dir)
            return self._store

    def close(self) -> None:
        """Let go of the twin."""
        self.tiles.close()
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def version(self, district: District) -> str:
        """Changes whenever an import changed the district."""
        facts = [district.updated_at] + [
            f"{item.name}:{item.sha256}:{item.imported_at}"
            for item in self.store.sources(district.name)
        ]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]

    def district_content(self, district: District) -> dict[str, Any]:
        """A district for people: titles, counts, and whom to credit."""
        sources = self.store.sources(district.name)
        return {
            "name": district.name,
            "pack": district.pack,
            "title": {"zh-CN": district.title_zh, "en": district.title_en},
            "bounds": list(district.bounds),
            "synthetic": district.synthetic,
            "updated_at": district.updated_at,
            "data_version": self.version(district),
            "counts": self.store.counts(district.name),
            "attributions": list(
                dict.fromkeys(filter(None, (item.attribution for item in sources)))
            ),
            "sources": [
                {
                    "name": item.name,
                    "attribution": item.attribution,
                    "licence": item.licence,
                    "synthetic": item.synthetic,
                    "imported_at": item.imported_at,
                }
                for item in sources
            ],
        }

    def view(self, district: str, kind: str) -> TwinView:
        """A kind's columns; the store keeps them."""
        return self.store.twin(district).view(kind)

    def _built(self, key: Hashable, make: Callable[[], T]) -> T:
        """Columns kept while their data stand; one is made at a time, as they share their parts."""
        with self._column_lock:
            if key not in self._columns:
                self._columns[key] = make()
            self._columns.move_to_end(key)
            while len(self._columns) > KEPT_COLUMNS:
                self._columns.popitem(last=False)
            found: T = self._columns[key]
            return found

    def table(self, name: str) -> ObjectTable:
        """All objects of a district as columns.

        Made anew after an import, and when objects came or went; what changed within an object
        (sensors never rest) is seen after `COLUMNS_STAND_S`.
        """
        counts = self.store.counts(name)
        version = self.version(self.store.district(name))
        standing = (version, *sorted(counts.items()))
        stamp = f"{hash(standing):x}-{int(time.monotonic() / COLUMNS_STAND_S)}"

        def make() -> ObjectTable:
            views = {kind: self.view(name, kind) for kind in counts}
            before = self._columns.get(("table of", name))
            if before is not None and before[0] == standing:
                same = all(before[1][kind] is view for kind, view in views.items())
                if same:
                    found: ObjectTable = before[2]
                    return found
            table = object_table(name, f"{version}-{stamp}", counts, views.__getitem__)
            self._columns["table of", name] = (standing, views, table)
            return table

        return self._built(("table", name, stamp), make)

    def index(self, name: str) -> SearchIndex:
        """What a district's objects can be found by."""
        table = self.table(name)
        return self._built(("index", name, table.version), lambda: SearchIndex(table))

    def foreseen(self, run: str, preferred: tuple[str, ...] = ()) -> Foreseen:
        """What a run says of the rows of its district's table."""
        reader = self.reader(run)
        table = self.table(self.head(run)["district"])
        key = ("foreseen", run, reader.stamp, table.version, preferred)
        return self._built(key, lambda: foresee(table, reader, preferred))

    def rows_of_features(self, name: str, layer: str) -> NDArray[np.int64]:
        """Row of the district's table for every feature number of a layer, −1 where none [n]."""
        table = self.table(name)
        numbering = self.tiles.numbering(name, layer)

        def make() -> NDArray[np.int64]:
            rows = np.full(numbering.following, -1, dtype=np.int64)
            rows[numbering.numbers] = [table.row_of.get(urn, -1) for urn in numbering.ids]
            return rows

        return self._built(("rows", name, layer, numbering.version, table.version), make)

    def head(self, run: str) -> dict[str, Any]:
        """What a list of runs says of one."""
        return run_head(self.reader(run))

    def _kept(self, key: tuple[str, ...], make: Callable[[], bytes]) -> Packed:
        with self._lock:
            making = self._makings.setdefault(key, threading.Lock())
        with making:  # who asks for the same meanwhile waits for it instead of making it again
            with self._lock:
                if key in self._answers:
                    self._answers.move_to_end(key)
                    return self._answers[key]
            packed = Packed.of(make(), _MEDIA.get(key[0], "application/json"))
            with self._lock:
                self._answers[key] = packed
                self._makings.pop(key, None)
                while len(self._answers) > KEPT_ANSWERS:
                    self._answers.popitem(last=False)
        return packed

    def warm(self) -> None:
        """Make ready what the page asks for first: the newest run, its states, work and layers.

        Any trouble, a store closed meanwhile too, is left to the request that meets it, which
        says what is wrong.
        """
        with contextlib.suppress(Exception):
            newest = self.runs()[:1]
            for head in newest:
                content = self.run_content(head["run"])
                for layer, names in content["quantities"].items():
                    for name in names[:1]:
                        self.state(head["run"], layer, name)
                self.work(head["run"])
                self.foreseen(head["run"], first_events(content["quantities"]))
                self.index(head["district"])
            for district in [head["district"] for head in newest]:
                for layer in LAYERS:
                    self.layer(district, layer)
                self.tiles.build(district)

    def layer(self, name: str, layer: str) -> Packed:
        """A layer as GeoJSON."""
        district = self.store.district(name)
        kind = kind_of_layer(layer)
        key = ("layer", name, self.version(district), self.tiles.version(name, layer), layer)

        def make() -> bytes:
            view = self.view(name, kind)
            return layer_geojson(view, self.tiles.numbering(name, layer).of(view.ids))

        return self._kept(key, make)

    def runs(self) -> list[dict[str, Any]]:
        """All runs that can be read, the newest first."""
        heads = []
        for folder in list_runs(self.data_dir):
            try:
                heads.append(run_head(self.reader(folder.path.name)))
            except (OSError, KeyError, TypeError, ValueError, LingjingError):
                continue  # a broken folder must not hide the others; asking for it says why
        return heads

    def reader(self, run: str) -> RunReader:
        """The run of that name; one that was replaced on the disk is read anew.

        Raises:
            LingjingError: `http.no-run`, `run.no-run` where its files are not whole.
        """
        path = self.data_dir / RUNS / run
        inside = (self.data_dir / RUNS).is_dir() and path.parent == self.data_dir / RUNS
        if not inside or run.startswith(".") or not path.is_dir():
            raise LingjingError("http.no-run", name=run)
        folder = RunFolder(path)
        key = (run, (path / "run.json").stat().st_mtime_ns)
        with self._lock:
            if key not in self._readers:
                self._readers[key] = RunReader(folder, key[1])
            self._readers.move_to_end(key)
            while len(self._readers) > KEPT_RUNS:
                self._readers.popitem(last=False)
            return self._readers[key]

    def run_content(self, run: str) -> dict[str, Any]:
        """A run's head, summary, quantities by layer, and files."""
        reader = self.reader(run)
        outcomes = reader.outcomes()
        summary = reader.summary()
        return {
            **run_head(reader),
            "attributions": summary["attribution"],
            "quantities": {
                layer: event_quantities(outcomes, kinds) for layer, kinds in STATE_KINDS.items()
            },
            "numbers": {
                layer: number_quantities(outcomes, kinds) for layer, kinds in STATE_KINDS.items()
            },
            "files": reader.files(),
            "texts": headline(reader),
            "summary": summary,
            "record": reader.record(),
        }

    def work(self, run: str) -> list[dict[str, Any]]:
        """The ranked work, each row with the sub-district of its target."""
        reader = self.reader(run)
        rows = reader.work()
        if any("sub_district" not in row for row in rows):
            names = self._sub_districts(reader.summary()["district"]["name"], rows)
            for row in rows:
                row["sub_district"] = names.get(row["target"], "")
        return rows

    def _sub_districts(self, district: str, rows: list[dict[str, Any]]) -> dict[str, str]:
        targets = {row["target"] for row in rows}
        wanted = {target.split(":")[2] for target in targets if target.count(":") >= 4}
        found: dict[str, str] = {}
        for kind in sorted(wanted & kinds().keys()):
            view = self.view(district, kind)
            names = view.text("name" if kind == "SubDistrict" else "sub_district", "")
            for entity, name in zip(view.ids, names, strict=True):
                if entity in targets:
                    found[str(entity)] = str(name)
        return found

    def state(self, run: str, layer: str, quantity: str | None) -> Packed:
        """A layer's hourly state, see `state_content`."""
        reader = self.reader(run)
        kind = kind_of_layer(layer)
        chosen = choose_quantity(run, layer, quantity, reader.outcomes())
        head = run_head(reader)
        district = self.store.district(head["district"])
        version = self.version(district)
        stamp = hashlib.sha256(json.dumps(reader.record()).encode()).hexdigest()
        numbering = self.tiles.numbering(district.name, layer)
        stamp += numbering.version

        def make() -> bytes:
            kinds = STATE_KINDS[layer]
            view = self.view(district.name, kind)
            state = layer_state(
                view,
                {item: self.view(district.name, item) for item in kinds if item != kind},
                reader.outcomes_with(chosen, kinds),
                reader.hourly(chosen, kinds),
                int(parse_instant(head["start"]).timestamp()),
                int(head["hours"]),
            ).numbered(numbering.of(view.ids), numbering.following)
            return encode(state_content(run, layer, chosen, state, head["start"], version))

        return self._kept(("state", run, stamp, version, layer, chosen), make)

    def stream(self, run: str, layer: str, quantities: Sequence[str]) -> Packed:
        """All that a run foresees for a layer, see `stream_of`."""
        reader = self.reader(run)
        layer_of(layer)
        district = self.store.district(run_head(reader)["district"])
        numbering = self.tiles.numbering(district.name, layer)
        version = self.version(district)
        stamp = hashlib.sha256(json.dumps(reader.record()).encode()).hexdigest()
        key = ("stream", run, stamp, version, numbering.version, layer, *quantities)

        def make() -> bytes:
            view = functools.partial(self.view, district.name)
            return stream_of(reader, layer, quantities, view, numbering, version)

        return self._kept(key, make)
