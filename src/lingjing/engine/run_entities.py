"""A run's results in the twin: entities and history with the provenance `simulated`.

A run folder is whole and replays to the byte; what is kept here is what others ask the twin for:
the run itself, an `Outcome` for each asset that something may befall, linked to the asset and the
run, and an `OutcomeSeries` for each situation that these share, whose hours are its history.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lingjing.engine.results import RunFolder
from lingjing.engine.run_content import both
from lingjing.sdk import LingjingError, Progress
from lingjing.twin import changes
from lingjing.twin.documents import DEFAULT_TERMS, LOCATION, Document, Instance
from lingjing.twin.ledger import Branch, Change, Desk, Job, Ledger, Selection
from lingjing.vocabulary import EntityId, local_part, parse_instant

LEAST_PROBABILITY: Final = 0.05
"""An outcome less likely than this stays in the run folder alone."""

RUN, OUTCOME, SERIES = "Run", "Outcome", "OutcomeSeries"
WRITING, COMPLETE = "writing", "complete"

_AT_ONCE: Final = 2_000
_PERCENTILES: Final = ("p10", "p25", "p50", "p75", "p90")

Place = tuple[float, float]
Locate = Callable[[str], Mapping[str, Place]]
"""Kind → id → longitude and latitude."""


class Kept(msgspec.Struct, frozen=True):
    """What was put into the twin.

    Attributes:
        run: URN of the run.
        outcomes, series: How many of each.
        anew: False where the same run was already there.
    """

    run: str
    outcomes: int
    series: int
    anew: bool


def run_urn(district: str, name: str) -> str:
    """The URN of a run, by the name of its folder."""
    return str(EntityId(RUN, district, local_part(name)))


def keep_run(
    ledger: Ledger,
    branch: Branch,
    run: RunFolder,
    locate: Locate,
    *,
    least_probability: float = LEAST_PROBABILITY,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Kept:
    """Put a run's results into a branch of the twin.

    The run's entity says `writing` until all is there; a run that was broken off is written anew
    by the next call, and one that is complete and unchanged is left alone.

    Args:
        ledger, branch: Where to.
        run: The finished run.
        locate: Where the assets of a kind are.
        least_probability: Outcomes below it are left out.
        progress: Takes reports.
        cancelled: Asked between parts; true stops, and the run's entity goes on saying `writing`.

    Raises:
        LingjingError: `run.no-run`, `run.interrupted`, and what the ledger raises.
    """
    progress = progress or Progress()
    record = run.record()
    district = str(record["inputs"]["district"]["name"])
    urn = run_urn(district, run.path.name)
    digest = str(record["outputs"]["outcomes.parquet"]["sha256"])
    held = ledger.records(branch, [urn]).get(urn)
    if held is not None and _is_complete(held.document, digest):
        return Kept(urn, 0, 0, anew=False)
    maker = _Maker(run, record, urn, district)
    _forget(ledger, branch, maker.prefixes)
    _put(ledger, branch, [(maker.run(WRITING, digest), ())])
    outcomes = series = 0
    table = maker.likely(least_probability)
    total = max(table.num_rows, 1)
    wanted: dict[tuple[str, str, int], None] = {}
    for part in _parts(maker.outcomes(table, locate, wanted)):
        _heed(cancelled)
        outcomes += _put(ledger, branch, [(document, ()) for document in part])
        progress.report(0.7 * outcomes / total, both("progress.keep"))
    for lot in _parts(maker.series(wanted)):
        _heed(cancelled)
        series += _put(ledger, branch, lot)
        progress.report(0.7 + 0.3 * series / max(len(wanted), 1), both("progress.keep"))
    _put(ledger, branch, [(maker.run(COMPLETE, digest), ())])
    progress.report(1.0, both("progress.keep"))
    return Kept(urn, outcomes, series, anew=True)


def forget_run(ledger: Ledger, branch: Branch, district: str, name: str) -> int:
    """Take a run's results out of the twin; how many entities went."""
    return _forget(ledger, branch, _prefixes(district, name))


class _Maker:
    """Makes the documents of one run."""

    def __init__(self, run: RunFolder, record: Mapping[str, Any], urn: str, district: str) -> None:
        self._run = run
        self._record = record
        self._urn = urn
        self._district = district
        self._start: datetime = parse_instant(record["request"]["start"])
        self.prefixes = _prefixes(district, run.path.name)
        scenario = record["scenario"]
        origin = {
            "provenance": _property("simulated"),
            "source": _property(self._urn),
            "rule": _property(f"{scenario['id']} {scenario['version']}"),
        }
        if record["synthetic"]:
            origin["synthetic"] = _property(True)  # noqa: FBT003 it is the value
        self._origin = {DEFAULT_TERMS + name: {"": item} for name, item in origin.items()}

    def run(self, state: str, digest: str) -> Document:
        """The run itself."""
        request, inputs = self._record["request"], self._record["inputs"]
        facts: dict[str, Any] = {
            "state": state,
            "scenario": self._record["scenario"]["id"],
            "district": self._district,
            "weather": inputs["weather"]["name"],
            "windowStart": _moment(self._start),
            "windowHours": request["hours"],
            "members": self._record["settings"]["members"],
            "seed": request["seed"],
            "writtenAt": _moment(parse_instant(self._record["written_at"])),
            "folder": self._run.path.name,
            "outcomesSha256": digest,
            "synthetic": bool(self._record["synthetic"]),
        }
        attributes = {name: _property(value) for name, value in facts.items()}
        labels = self._record.get("labels") or []
        if labels:
            spoken = {locale: " ".join(text[locale] for text in labels) for locale in labels[0]}
            attributes["label"] = {"type": "LanguageProperty", "languageMap": spoken}
        return _document(self._urn, RUN, attributes)

    def likely(self, least: float) -> pa.Table:
        """Rows of events that are likely enough, by kind, quantity and asset."""
        table = self._run.outcomes()
        chosen = table.filter(pc.greater_equal(table["probability"], least))
        return chosen.sort_by([("kind", "ascending"), ("quantity", "ascending"),
                               ("asset", "ascending")])  # fmt: skip

    def outcomes(
        self, table: pa.Table, locate: Locate, wanted: dict[tuple[str, str, int], None]
    ) -> Iterator[Document]:
        """One document a row; notes the series they share in `wanted`."""
        places: Mapping[str, Place] = {}
        kind = ""
        for batch in table.to_batches(max_chunksize=_AT_ONCE):
            for row in batch.to_pylist():
                if row["kind"] != kind:
                    kind = row["kind"]
                    places = locate(kind)
                key = (kind, row["quantity"], row["situation"])
                wanted[key] = None
                yield self._outcome(row, self._series_urn(key), places.get(row["asset"]))

    def _outcome(self, row: Mapping[str, Any], series: str, place: Place | None) -> Document:
        asset, quantity = row["asset"], row["quantity"]
        local = f"{local_part(self._run.path.name)}.{quantity}.{EntityId.parse(asset).local}"
        onset = {
            name: _property(_moment(row[f"onset_{name}"]))
            for name in ("p10", "p50", "p90")
            if row[f"onset_{name}"] is not None
        }
        attributes: dict[str, Instance] = {
            "quantity": _property(quantity),
            "probability": _property(
                round(row["probability"], 4), self._origin, observedAt=_moment(self._end())
            ),
            "ofEntity": {"type": "Relationship", "object": asset},
            "ofRun": {"type": "Relationship", "object": self._urn},
            "hasSeries": {"type": "Relationship", "object": series},
        }
        if "p50" in onset:
            spread = {DEFAULT_TERMS + name: {"": item} for name, item in onset.items()}
            attributes["onset"] = _property(onset["p50"]["value"], spread)
        if place is not None:
            point = {"type": "Point", "coordinates": [round(place[0], 7), round(place[1], 7)]}
            attributes[LOCATION] = {"type": "GeoProperty", "value": point}
        return _document(str(EntityId(OUTCOME, self._district, local)), OUTCOME, attributes)

    def series(
        self, wanted: Mapping[tuple[str, str, int], None]
    ) -> Iterator[tuple[Document, tuple[Change, ...]]]:
        """One document a situation, with its hours as changes for the history."""
        for key in wanted:
            kind, quantity, situation = key
            row = self._run.series(kind, quantity, situation)
            lists = {
                name: row[name] for name in (*_PERCENTILES, "probability") if row[name] is not None
            }
            attributes: dict[str, Instance] = {
                "kind": _property(kind),
                "quantity": _property(quantity),
                "situation": _property(situation),
                "ofRun": {"type": "Relationship", "object": self._urn},
            }
            hours: list[Change] = []
            for name, values in lists.items():
                made = [self._hour(hour, value) for hour, value in enumerate(values)]
                attributes[name] = made[-1]
                hours.extend(
                    Change("update", DEFAULT_TERMS + name, "", item, current=False)
                    for item in made[:-1]
                )
            yield _document(self._series_urn(key), SERIES, attributes), tuple(hours)

    def _hour(self, hour: int, value: float) -> Instance:
        at = _moment(self._start + timedelta(hours=hour))
        return _property(round(float(value), 4), self._origin, observedAt=at)

    def _end(self) -> datetime:
        return self._start + timedelta(hours=int(self._record["request"]["hours"]))

    def _series_urn(self, key: tuple[str, str, int]) -> str:
        kind, quantity, situation = key
        local = f"{local_part(self._run.path.name)}.{quantity}.{kind}.{situation}"
        return str(EntityId(SERIES, self._district, local))


def _prefixes(district: str, name: str) -> tuple[str, ...]:
    """How the ids of a run's entities begin, the run's own last."""
    local = local_part(name)
    parts = [str(EntityId(kind, district, local)) + "." for kind in (OUTCOME, SERIES)]
    return (*parts, run_urn(district, name))


def _property(
    value: Any, attributes: Mapping[str, Mapping[str, Instance]] | None = None, **more: str
) -> Instance:
    instance: Instance = {"type": "Property", "value": value, **more}
    if attributes:
        instance["attributes"] = attributes
    return instance


def _document(urn: str, kind: str, attributes: Mapping[str, Instance]) -> Document:
    return {
        "id": urn,
        "type": [DEFAULT_TERMS + kind],
        "attributes": {
            name if ":" in name else DEFAULT_TERMS + name: {"": item}
            for name, item in attributes.items()
        },
    }


def _is_complete(document: Document, digest: str) -> bool:
    values = {
        name: document["attributes"].get(DEFAULT_TERMS + name, {}).get("", {}).get("value")
        for name in ("state", "outcomesSha256")
    }
    return values == {"state": COMPLETE, "outcomesSha256": digest}


def _put(ledger: Ledger, branch: Branch, lot: list[tuple[Document, tuple[Change, ...]]]) -> int:
    """Put documents, and further changes into their history, in one commit."""

    def run(desk: Desk) -> int:
        for document, further in lot:
            held = desk.document(document["id"])
            if held is None:
                made = changes.created(document, desk.now)
                desk.put(made, changes.creation(made))
            else:
                outcome = changes.replaced(held, document, desk.now)
                desk.put(outcome.document, outcome.changes)
            if further:
                desk.record_history(document["id"], document["type"], further)
        return len(lot)

    ids = tuple(document["id"] for document, _ in lot)
    return ledger.submit(Job(branch, ids, run)).result()


def _forget(ledger: Ledger, branch: Branch, prefixes: tuple[str, ...]) -> int:
    """Remove the entities whose ids begin so, the run itself last; history goes with them."""
    gone = 0
    types = {OUTCOME: prefixes[0], SERIES: prefixes[1]}
    for kind, prefix in types.items():
        after = prefix
        while True:
            found = ledger.find(
                branch,
                Selection(types=((DEFAULT_TERMS + kind,),), after=after, limit=_AT_ONCE),
            )
            ids = [record.id for record in found.records if record.id.startswith(prefix)]
            if ids:
                gone += _delete(ledger, branch, ids)
                after = ids[-1]
            if len(ids) < _AT_ONCE:
                break
    if prefixes[-1] in ledger.records(branch, prefixes[-1:]):
        gone += _delete(ledger, branch, list(prefixes[-1:]))
    return gone


def _delete(ledger: Ledger, branch: Branch, ids: list[str]) -> int:
    def run(desk: Desk) -> int:
        for entity_id in ids:
            desk.delete(entity_id, forget_history=True)
        return len(ids)

    return ledger.submit(Job(branch, tuple(ids), run)).result()


def _parts(items: Iterator[Any]) -> Iterator[list[Any]]:
    while part := list(itertools.islice(items, _AT_ONCE)):
        yield part


def _moment(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _heed(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise LingjingError("run.interrupted")
