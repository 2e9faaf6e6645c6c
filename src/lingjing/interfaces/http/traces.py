"""What the twin remembers of an object: readings of its sensors, its changes, earlier forecasts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lingjing.interfaces.http.cards import attribute_titles, in_order, quantity_content
from lingjing.interfaces.http.shelf import Shelf
from lingjing.interfaces.http.table import ObjectTable
from lingjing.twin.documents import DEFAULT_TERMS, Instance, instant_text, plain_number
from lingjing.twin.ledger import TRUNK, Branch, Ledger, Moment, Selection, Span
from lingjing.vocabulary import (
    Quantity,
    attribute_word,
    format_instant,
    parse_instant,
    quantities,
    units,
)

MOST_READINGS: Final = 2_000
MOST_CHANGES: Final = 40
MOST_RUNS: Final = 8
NEAR_M: Final = 2_000.0
"""A sensor farther away says nothing about the object."""
BEFORE_S: Final = 24 * 3600
"""How long before the run readings are given [s]."""
_EARTH_M: Final = 6_371_000.0


def readings_content(
    shelf: Shelf, ledger: Ledger | None, run: str, entity_id: str
) -> dict[str, Any]:
    """What sensors said at an object, or at the nearest of its kind, around a run's window.

    Args:
        shelf: The data folder.
        ledger: The living twin; None where there is none.
        run: Name of the run.
        entity_id: URN.

    Raises:
        LingjingError: `http.no-run`, `twin.no-entity`.
    """
    head = shelf.head(run)
    entity = shelf.store.entity(entity_id)
    start = int(parse_instant(head["start"]).timestamp())
    window = (start - BEFORE_S, start + int(head["hours"]) * 3600)
    found: list[dict[str, Any]] = []
    if ledger is not None:
        branch = ledger.branch("", TRUNK)
        found = _readings(ledger, branch, entity_id, window)
        if not found:
            table = shelf.table(head["district"])
            near = _nearest(ledger, branch, table, entity.kind, entity_id, window)
            if near is not None:
                other, distance = near
                row = table.row_of[other]
                of = {
                    "id": other,
                    "title": {"zh-CN": table.title_zh[row], "en": table.title_en[row]},
                    "distance_m": round(distance),
                }
                found = [{**item, "of": of} for item in _readings(ledger, branch, other, window)]
    return {
        "from": format_instant(_instant(window[0])),
        "to": format_instant(_instant(window[1])),
        "kept": ledger is not None,
        "readings": found,
    }


def _instant(seconds: int) -> Any:
    return parse_instant(instant_text(seconds * 1_000_000))


def _span(window: tuple[int, int], **wanted: Any) -> Span:
    return Span(from_us=window[0] * 1_000_000, to_us=window[1] * 1_000_000 + 1, **wanted)


def _readings(
    ledger: Ledger, branch: Branch, entity_id: str, window: tuple[int, int]
) -> list[dict[str, Any]]:
    """Observed quantities of an entity in the window, a list of points for each attribute."""
    points: dict[str, list[Moment]] = {}
    for moment in ledger.history(branch, entity_id, _span(window, last=MOST_READINGS)):
        if moment.attribute is not None and moment.instance is not None:
            points.setdefault(moment.attribute, []).append(moment)
    found = []
    for attribute, moments in points.items():
        name = attribute.removeprefix(DEFAULT_TERMS)
        if name not in quantities():
            continue
        values = [_point(moment) for moment in moments]
        first = moments[-1].instance or {}
        found.append(
            {
                **quantity_content(name),
                "source": str(_own(first, "source") or ""),
                "synthetic": any(
                    _own(item.instance or {}, "synthetic") is True for item in moments
                ),
                "points": sorted(point for point in values if point is not None),
            }
        )
    return [item for item in found if item["points"]]


def _point(moment: Moment) -> tuple[str, float] | None:
    value = None if moment.instance is None else plain_number(moment.instance)
    if value is None or moment.observed_us is None:
        return None
    return instant_text(moment.observed_us), round(value, 3)


def _own(instance: Instance, name: str) -> Any:
    """Value of an attribute of the attribute, None where it has none."""
    held = instance.get("attributes", {}).get(DEFAULT_TERMS + name, {}).get("")
    return None if held is None else held.get("value")


def _nearest(
    ledger: Ledger,
    branch: Branch,
    table: ObjectTable,
    kind: str,
    entity_id: str,
    window: tuple[int, int],
) -> tuple[str, float] | None:
    """The nearest other object of a kind that was observed in the window, and how far it is [m]."""
    here = table.row_of.get(entity_id)
    if here is None:
        return None
    selection = Selection(types=((DEFAULT_TERMS + kind,),))
    ids = ledger.history_ids(branch, selection, _span(window))
    rows = np.array([table.row_of[urn] for urn in ids if urn in table.row_of], dtype=np.int64)
    rows = rows[rows != here]
    if rows.size == 0:
        return None
    latitude = table.latitude_deg[here]
    across = np.radians(table.longitude_deg[rows] - table.longitude_deg[here])
    across *= math.cos(math.radians(latitude))
    along = np.radians(table.latitude_deg[rows] - latitude)
    distances = _EARTH_M * np.hypot(across, along)
    nearest = int(np.argmin(distances))
    if distances[nearest] > NEAR_M:
        return None
    return str(table.ids[rows[nearest]]), float(distances[nearest])


def history_content(
    shelf: Shelf, ledger: Ledger | None, run: str, entity_id: str
) -> dict[str, Any]:
    """How an object changed in the twin, and what other runs foresaw for it.

    Args:
        shelf: The data folder.
        ledger: The living twin; None where there is none.
        run: Name of the run that the card is read by.
        entity_id: URN.

    Raises:
        LingjingError: `http.no-run`, `twin.no-entity`.
    """
    head = shelf.head(run)
    entity = shelf.store.entity(entity_id)
    changes: list[dict[str, Any]] = []
    if ledger is not None:
        branch = ledger.branch("", TRUNK)
        span = Span(time="modifiedAt", last=MOST_CHANGES)
        # What sensors said is given as readings; here it would hide all else.
        moments = [
            moment
            for moment in ledger.history(branch, entity_id, span)
            if moment.observed_us is None
        ]
        moments.sort(key=lambda moment: moment.sequence, reverse=True)
        changes = [_change(moment) for moment in moments[:MOST_CHANGES]]
    others = [
        item for item in shelf.runs() if item["district"] == head["district"] and item["run"] != run
    ]
    return {
        "kept": ledger is not None,
        "changes": changes,
        "forecasts": [_forecast(shelf, item, entity.id) for item in others[:MOST_RUNS]],
        "forecasts_total": len(others),
    }


def _change(moment: Moment) -> dict[str, Any]:
    name = None if moment.attribute is None else moment.attribute.removeprefix(DEFAULT_TERMS)
    instance = moment.instance or {}
    number = None if not instance else plain_number(instance)
    value = instance.get("value") if number is None else round(number, 4)
    return {
        "at": instant_text(moment.recorded_us),
        "operation": moment.operation,
        "attribute": name,
        **({"title": None, "unit": ""} if name is None else _word(name)),
        "value": value if isinstance(value, str | int | float | bool) else None,
        "source": str(_own(instance, "source") or ""),
        "provenance": str(_own(instance, "provenance") or ""),
        "synthetic": _own(instance, "synthetic") is True,
    }


def _word(name: str) -> dict[str, Any]:
    """Title and unit of an attribute; one that is not ours shows its own name."""
    try:
        word = attribute_word(name)
    except KeyError:
        return {"title": {"zh-CN": name, "en": name}, "unit": ""}
    unit = units()[word.unit].sign if isinstance(word, Quantity) else ""
    return {"title": attribute_titles(word), "unit": unit}


COLUMNS: Final = ["asset", "quantity", "probability", "onset_p10", "onset_p50", "onset_p90"]


def _forecast(shelf: Shelf, head: dict[str, Any], entity_id: str) -> dict[str, Any]:
    """The weightiest event that a run foresaw for an object; only its rows are read."""
    path = shelf.reader(head["run"]).path / "outcomes.parquet"
    rows = pq.read_table(path, columns=COLUMNS, filters=pc.field("asset") == entity_id).to_pylist()
    events: Sequence[dict[str, Any]] = [
        row for row in in_order(rows) if row["probability"] is not None
    ]
    known = {name: head[name] for name in ("run", "start", "hours", "weather", "written_at")}
    if not events:
        return {**known, "quantity": None, "title": None, "probability": None, "onset_p50": None}
    row = events[0]
    onset = row["onset_p50"]
    return {
        **known,
        **{name: quantity_content(row["quantity"])[name] for name in ("quantity", "title")},
        "probability": round(row["probability"], 4),
        "onset_p50": None if onset is None else format_instant(onset),
    }
