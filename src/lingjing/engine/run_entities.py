"""A run's results in the twin: entities and history with the provenance `simulated`.

A run folder is whole and replays to the byte; what is kept here is what others ask the twin for:
the run itself, and an `Outcome` for each situation in which something is likely enough to happen,
linked to the run and to the assets that share the situation (decision 0004). Its hours are the
outcome's history.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import pyarrow.compute as pc

from lingjing.engine.results import RunFolder
from lingjing.engine.run_content import both
from lingjing.sdk import LingjingError, Progress
from lingjing.twin import changes
from lingjing.twin.documents import DEFAULT_TERMS, Document, Instance
from lingjing.twin.ledger import Branch, Change, Desk, Job, Ledger, Selection
from lingjing.vocabulary import EntityId, local_part, parse_instant

LEAST_PROBABILITY: Final = 0.05
"""An outcome less likely than this stays in the run folder alone."""

RUN, OUTCOME = "Run", "Outcome"
WRITING, COMPLETE = "writing", "complete"

_AT_ONCE: Final = 500
_ONSETS: Final = ("onset_p10", "onset_p50", "onset_p90")
_PERCENTILES: Final = ("p10", "p25", "p50", "p75", "p90")


Lot = tuple[Document, tuple[Change, ...]]
"""A document, and further changes for its history."""


class Kept(msgspec.Struct, frozen=True):
    """What was put into the twin.

    Attributes:
        run: URN of the run.
        outcomes: How many.
        assets: How many assets they are about, counted once for each outcome.
        anew: False where the same run was already there.
    """

    run: str
    outcomes: int
    assets: int
    anew: bool


def run_urn(district: str, name: str) -> str:
    """The URN of a run, by the name of its folder."""
    return str(EntityId(RUN, district, local_part(name)))


def keep_run(
    ledger: Ledger,
    branch: Branch,
    run: RunFolder,
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
    _forget(ledger, branch, urn, _outcome_prefix(district, run.path.name))
    maker = _Maker(run, record, urn, district)
    _put(ledger, branch, [(maker.run(WRITING, digest), ())])
    situations = maker.situations(least_probability)
    done = assets = 0
    for part in _parts(maker.outcomes(situations)):
        if cancelled():
            raise LingjingError("run.interrupted")
        done += _put(ledger, branch, part)
        assets += sum(_asset_count(document) for document, _ in part)
        progress.report(done / max(len(situations), 1), both("progress.keep"))
    _put(ledger, branch, [(maker.run(COMPLETE, digest), ())])
    progress.report(1.0, both("progress.keep"))
    return Kept(urn, done, assets, anew=True)


def forget_run(ledger: Ledger, branch: Branch, district: str, name: str) -> int:
    """Take a run's results out of the twin; how many entities went."""
    return _forget(ledger, branch, run_urn(district, name), _outcome_prefix(district, name))


class _Maker:
    """Makes the documents of one run."""

    def __init__(self, run: RunFolder, record: Mapping[str, Any], urn: str, district: str) -> None:
        self._run = run
        self._record = record
        self._urn = urn
        self._district = district
        self._start: datetime = parse_instant(record["request"]["start"])
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

    def situations(self, least: float) -> list[dict[str, Any]]:
        """Situations whose event is likely enough, each with its assets, in a fixed order."""
        table = self._run.outcomes()
        likely = table.filter(pc.greater_equal(table["probability"], least))
        keys = ["kind", "quantity", "situation"]
        # Assets of one situation share everything but their ids.
        shared = [(name, "first") for name in ("probability", *_ONSETS)]
        grouped = likely.group_by(keys, use_threads=False).aggregate([*shared, ("asset", "list")])
        rows: list[dict[str, Any]] = grouped.sort_by([(k, "ascending") for k in keys]).to_pylist()
        return rows

    def outcomes(self, rows: list[dict[str, Any]]) -> Iterator[Lot]:
        """A document a situation, with its earlier hours as changes for the history."""
        for row in rows:
            hours = self._hours(row)
            yield (
                self._outcome(row, {name: items[-1] for name, items in hours.items()}),
                tuple(
                    Change("update", DEFAULT_TERMS + name, "", item, current=False)
                    for name, items in hours.items()
                    for item in items[:-1]
                ),
            )

    def _hours(self, row: Mapping[str, Any]) -> dict[str, list[Instance]]:
        """Hourly instances by the attribute's name; the probability's are named `hourly`."""
        series = self._run.series(row["kind"], row["quantity"], row["situation"])
        names = {"probability": "hourly", **{name: name for name in _PERCENTILES}}
        return {
            name: [self._hour(hour, value) for hour, value in enumerate(series[column])]
            for column, name in names.items()
            if series[column] is not None
        }

    def _outcome(self, row: Mapping[str, Any], last: Mapping[str, Instance]) -> Document:
        kind, quantity, situation = row["kind"], row["quantity"], row["situation"]
        onset = {
            name: _property(_moment(row[f"onset_{name}_first"]))
            for name in ("p10", "p50", "p90")
            if row[f"onset_{name}_first"] is not None
        }
        chance = round(row["probability_first"], 4)
        attributes: dict[str, Instance] = {
            "kind": _property(kind),
            "quantity": _property(quantity),
            "situation": _property(situation),
            "probability": _property(chance, self._origin, observedAt=_moment(self._end())),
            "ofRun": {"type": "Relationship", "object": self._urn},
            "ofAssets": {"type": "ListRelationship", "objectList": sorted(row["asset_list"])},
            **last,
        }
        if "p50" in onset:
            spread = {DEFAULT_TERMS + name: {"": item} for name, item in onset.items()}
            attributes["onset"] = _property(onset["p50"]["value"], spread)
        prefix = _outcome_prefix(self._district, self._run.path.name)
        return _document(f"{prefix}{quantity}.{kind}.{situation}", OUTCOME, attributes)

    def _hour(self, hour: int, value: float) -> Instance:
        at = _moment(self._start + timedelta(hours=hour))
        return _property(round(float(value), 4), self._origin, observedAt=at)

    def _end(self) -> datetime:
        return self._start + timedelta(hours=int(self._record["request"]["hours"]))


def _outcome_prefix(district: str, name: str) -> str:
    """How the ids of a run's outcomes begin."""
    return str(EntityId(OUTCOME, district, local_part(name))) + "."


def _asset_count(document: Document) -> int:
    return len(document["attributes"][DEFAULT_TERMS + "ofAssets"][""]["objectList"])


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


def _forget(ledger: Ledger, branch: Branch, run: str, prefix: str) -> int:
    """Remove a run's outcomes, then the run itself; their history goes with them."""
    gone = 0
    after = prefix
    while True:
        found = ledger.find(
            branch, Selection(types=((DEFAULT_TERMS + OUTCOME,),), after=after, limit=_AT_ONCE)
        )
        ids = [record.id for record in found.records if record.id.startswith(prefix)]
        if ids:
            gone += _delete(ledger, branch, ids)
            after = ids[-1]
        if len(ids) < _AT_ONCE:
            break
    if run in ledger.records(branch, [run]):
        gone += _delete(ledger, branch, [run])
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
