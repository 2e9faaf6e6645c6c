"""What differs between two runs of a district: by street and kind, by object, and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from lingjing.engine.results import RunFolder
from lingjing.sdk import LingjingError
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LOCALES, Locale, catalogue, kinds, quantities

MESSAGES: Final = catalogue("lingjing.engine.whatifs")
THRESHOLD: Final = 0.5
"""Probability from which an asset counts as likely, unless another is asked for."""
SAME: Final = 5e-4
"""Probabilities closer than this are the same: runs keep four digits."""

_KEPT_ORDERS: Final = 40

Views = Callable[[str], TwinView]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """One event of one kind in both runs, in the order of the assets that either has.

    Attributes:
        quantity, kind: Which.
        assets: Ids [n], sorted.
        sub_district: Street of each [n]; empty where unknown.
        before, after: Probability [n]; NaN where a run lacks the asset.
        onset_before_s, onset_after_s: Median onset [n] [s since 1970]; NaN where never.
    """

    quantity: str
    kind: str
    assets: NDArray[np.object_]
    sub_district: NDArray[np.object_]
    before: Floats
    after: Floats
    onset_before_s: Floats
    onset_after_s: Floats

    @property
    def difference(self) -> Floats:
        """After less before [n]; an asset that a run lacks counts as never there."""
        return np.nan_to_num(self.after) - np.nan_to_num(self.before)

    @property
    def shift_hours(self) -> Floats:
        """How much later the onset is [n] [h]; NaN where one of them never comes."""
        return (self.onset_after_s - self.onset_before_s) / 3600.0


class Comparison:
    """Two runs beside each other; tables are read once.

    Args:
        before, after: The runs.
        views: Gives the columns of a kind, for streets.

    Raises:
        LingjingError: `whatif.other-districts`, `run.no-run`.
    """

    def __init__(self, before: RunFolder, after: RunFolder, views: Views) -> None:
        self.before, self.after = before, after
        self._summaries = before.summary(), after.summary()
        one, other = (item["district"]["name"] for item in self._summaries)
        if one != other:
            raise LingjingError("whatif.other-districts", one=one, other=other)
        self.district = str(one)
        self.pairs = tuple(_pairs(_events(before), _events(after), views))
        self._orders: dict[tuple[str | None, str | None], NDArray[np.int64]] = {}

    def content(self, threshold: float = THRESHOLD) -> dict[str, Any]:
        """Everything but the single objects, for machines and in words."""
        rows = [row for pair in self.pairs for row in _rows(pair, threshold)]
        work = _work(*self._summaries)
        households = _households(*self._summaries)
        return {
            "a": self._head(self.before, 0),
            "b": self._head(self.after, 1),
            "district": self.district,
            "threshold": threshold,
            "same_outcomes": not any(_changed(pair).any() for pair in self.pairs),
            "same_members": self._same_members(),
            "changed_objects": sum(int(_changed(pair).sum()) for pair in self.pairs),
            "rows": rows,
            "households": households,
            "work": work,
            "words": self._words(rows, households, work),
        }

    def _head(self, folder: RunFolder, which: int) -> dict[str, Any]:
        record, summary = folder.record(), self._summaries[which]
        return {
            "run": folder.path.name,
            "branch": record["request"].get("branch", "main"),
            "whatif": record.get("whatif"),
            "weather": record["inputs"]["weather"]["name"],
            "weather_changes": record["request"].get("weather_changes", {}),
            "start": summary["window"]["start"],
            "hours": summary["window"]["hours"],
            "synthetic": summary["synthetic"],
            "labels": summary["labels"],
        }

    def _same_members(self) -> bool:
        """Whether both drew the same members, so that they differ by their changes alone."""
        records = (self.before.record(), self.after.record())
        facts = [
            (
                item["request"]["scenario"], item["request"]["start"], item["request"]["hours"],
                item["request"]["seed"], item["settings"]["members"], item["code_sha256"],
            )
            for item in records
        ]  # fmt: skip
        other_weather = any(_has_own_weather(item) for item in records)
        weathers = [item["inputs"]["weather"]["sha256"] for item in records]
        return facts[0] == facts[1] and (other_weather or weathers[0] == weathers[1])

    def objects(
        self, quantity: str | None, kind: str | None, offset: int, limit: int
    ) -> tuple[int, list[dict[str, Any]]]:
        """Objects that differ, the largest difference first: how many, and a page of them.

        Ties go to the larger shift of the onset, then to the order of ids.
        """
        places = self._in_order(quantity, kind)
        page = places[offset : offset + limit]
        return len(places), [_object(self.pairs[pair], row) for pair, row in page.tolist()]

    def _in_order(self, quantity: str | None, kind: str | None) -> NDArray[np.int64]:
        """Pair and row of each object that differs [n, 2]; kept, since pages follow each other."""
        key = (quantity, kind)
        if key not in self._orders:
            parts = [
                (place, np.flatnonzero(_changed(pair)))
                for place, pair in enumerate(self.pairs)
                if quantity in (None, pair.quantity) and kind in (None, pair.kind)
            ]
            pairs = _joined([np.full(rows.size, float(place)) for place, rows in parts])
            rows = _joined([rows.astype(np.float64) for _, rows in parts]).astype(np.int64)
            size = _joined([np.abs(self.pairs[at].difference[rows]) for at, rows in parts])
            shift = _joined([np.abs(self.pairs[at].shift_hours[rows]) for at, rows in parts])
            # the rows are in order of id within a pair, and the sort is stable
            order = np.lexsort((-np.nan_to_num(shift), -np.round(size, 6)))
            if len(self._orders) >= _KEPT_ORDERS:
                self._orders.clear()
            self._orders[key] = np.stack([pairs.astype(np.int64), rows], axis=1)[order]
        return self._orders[key]

    def _words(
        self,
        rows: list[dict[str, Any]],
        households: list[dict[str, Any]],
        work: list[dict[str, Any]],
    ) -> dict[str, list[str]]:
        said: dict[str, list[str]] = {locale: [] for locale in LOCALES}

        def say(key: str, **values: object) -> None:
            for locale in LOCALES:
                spoken = {
                    name: value[locale] if isinstance(value, dict) else value
                    for name, value in values.items()
                }
                said[locale].append(MESSAGES.text(key, locale, **spoken))

        if not any(_changed(pair).any() for pair in self.pairs):
            say("compare.same")
        for row in rows:
            if row["sub_district"] is None and abs(row["expected_change"]) >= 0.05:
                say(
                    "compare.expected",
                    kind=row["kind_title"], quantity=row["quantity_title"],
                    before=number(row["expected_a"]), after=number(row["expected_b"]),
                    change=signed(row["expected_change"]), onset=_onset_words(row),
                )  # fmt: skip
        total = next((item for item in households if item["sub_district"] is None), None)
        if total is not None and abs(total["change"]) >= 0.5:
            say("compare.households", before=number(total["a"]), after=number(total["b"]),
                change=signed(total["change"]))  # fmt: skip
        for item in work:
            told = item["id"] in ("crew_hours", "jobs") or item["id"].startswith("material")
            if told and abs(item["change"]) >= 0.05:
                say("compare.work", what=item["title"], before=number(item["a"]),
                    after=number(item["b"]), change=signed(item["change"]))  # fmt: skip
        if not self._same_members():
            say("compare.other-members")
        return said


def number(value: float) -> str:
    """A number for people."""
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"


def signed(value: float) -> str:
    """A number with its sign, and a true minus."""
    return f"{'+' if value > 0 else '−' if value < 0 else '±'}{number(abs(value))}"


def _onset_words(row: dict[str, Any]) -> dict[Locale, str]:
    shift = row["onset_shift_hours"]
    if shift is None or abs(shift) < 0.05:
        return dict.fromkeys(LOCALES, "")
    key = "compare.later" if shift > 0 else "compare.sooner"
    return MESSAGES.both(key, hours=f"{abs(shift):.1f}")


def _has_own_weather(record: dict[str, Any]) -> bool:
    """Whether another weather record is among the changes of a what-if."""
    changes = (record.get("whatif") or {}).get("changes", {})
    return bool(changes.get("weather", {}).get("record"))


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.empty(0)


def _events(run: RunFolder) -> pa.Table:
    table = run.outcomes()
    columns = ["kind", "quantity", "asset", "probability", "onset_p50"]
    return table.filter(pc.is_valid(table["probability"])).select(columns)


def _pairs(before: pa.Table, after: pa.Table, views: Views) -> Iterable[Pair]:
    names = {
        (row["quantity"], row["kind"])
        for table in (before, after)
        for row in table.group_by(["quantity", "kind"]).aggregate([]).to_pylist()
    }
    for quantity, kind in sorted(names):
        parts = [_part(table, quantity, kind) for table in (before, after)]
        assets = pc.unique(
            pa.concat_arrays([part["asset"].combine_chunks() for part in parts])
        ).sort()
        columns = [_aligned(part, assets) for part in parts]
        view = views(kind)
        place = pc.index_in(assets, value_set=pa.array([str(i) for i in view.ids], pa.string()))
        rows = pc.fill_null(place, -1).to_numpy(zero_copy_only=False)
        streets = np.append(view.text("sub_district", ""), "")
        yield Pair(
            quantity, kind, assets.to_numpy(zero_copy_only=False), streets[rows],
            columns[0][0], columns[1][0], columns[0][1], columns[1][1],
        )  # fmt: skip


def _part(table: pa.Table, quantity: str, kind: str) -> pa.Table:
    return table.filter(
        pc.and_(pc.equal(table["quantity"], quantity), pc.equal(table["kind"], kind))
    )


def _aligned(part: pa.Table, assets: pa.Array) -> tuple[Floats, Floats]:
    """Probability and onset [s] in the order of the assets, NaN where the part lacks one."""
    place = pc.fill_null(pc.index_in(assets, value_set=part["asset"].combine_chunks()), -1)
    rows = place.to_numpy(zero_copy_only=False)
    chance = np.append(part["probability"].to_numpy().astype(np.float64), np.nan)
    seconds = pc.divide(pc.cast(part["onset_p50"].cast(pa.int64()), pa.float64()), 1000.0)
    onset = np.append(seconds.to_numpy(), np.nan)
    return chance[rows], onset[rows]


def _changed(pair: Pair) -> NDArray[np.bool_]:
    never = np.isnan(pair.onset_before_s) != np.isnan(pair.onset_after_s)
    moved = np.abs(np.nan_to_num(pair.shift_hours)) > 1e-6
    found: NDArray[np.bool_] = (np.abs(pair.difference) > SAME) | moved | never
    return found


def _rows(pair: Pair, threshold: float) -> Iterable[dict[str, Any]]:
    """The whole district first, then each street."""
    everywhere = np.ones(pair.assets.size, dtype=bool)
    yield _row(pair, everywhere, None, threshold)
    names = sorted({str(name) for name in pair.sub_district if name})
    for name in names:
        yield _row(pair, pair.sub_district == name, name, threshold)


def _row(
    pair: Pair, here: NDArray[np.bool_], street: str | None, threshold: float
) -> dict[str, Any]:
    before, after = np.nan_to_num(pair.before[here]), np.nan_to_num(pair.after[here])
    shifts = pair.shift_hours[here]
    # an onset says something where the event is more than a freak of one member
    told = shifts[np.isfinite(shifts) & (np.maximum(before, after) >= 0.05)]
    known, kind = quantities()[pair.quantity], kinds()[pair.kind]
    return {
        "quantity": pair.quantity,
        "quantity_title": {"zh-CN": known.title_zh, "en": known.title_en},
        "kind": pair.kind,
        "kind_title": {"zh-CN": kind.title_zh, "en": kind.title_en},
        "sub_district": street,
        "objects": int(here.sum()),
        "expected_a": round(float(before.sum()), 2),
        "expected_b": round(float(after.sum()), 2),
        "expected_change": round(float(after.sum() - before.sum()), 2),
        "likely_a": int((before >= threshold).sum()),
        "likely_b": int((after >= threshold).sum()),
        "likely_change": int((after >= threshold).sum() - (before >= threshold).sum()),
        "better": int((after < before - SAME).sum()),
        "worse": int((after > before + SAME).sum()),
        "onset_shift_hours": round(float(np.median(told)), 2) if told.size else None,
    }


def _object(pair: Pair, row: int) -> dict[str, Any]:
    def moment(value: float) -> str | None:
        stamp = np.datetime64(int(value), "s") if np.isfinite(value) else None
        return None if stamp is None else f"{stamp}Z"

    def chance(value: float) -> float | None:
        return round(float(value), 4) if np.isfinite(value) else None

    shift = float(pair.shift_hours[row])
    return {
        "id": str(pair.assets[row]),
        "kind": pair.kind,
        "quantity": pair.quantity,
        "sub_district": str(pair.sub_district[row]) or None,
        "probability_a": chance(pair.before[row]),
        "probability_b": chance(pair.after[row]),
        "change": round(float(pair.difference[row]), 4),
        "onset_a": moment(pair.onset_before_s[row]),
        "onset_b": moment(pair.onset_after_s[row]),
        "onset_shift_hours": round(shift, 2) if np.isfinite(shift) else None,
    }


def _households(one: dict[str, Any], other: dict[str, Any]) -> list[dict[str, Any]]:
    """Households expected to be struck, by street, the whole district first.

    Each run's summary counts a building's households once, by the kind that expects most.
    """
    counts = [
        {item["name"]: float(item["expected_households"]) for item in part["sub_districts"]}
        for part in (one, other)
    ]
    totals = [sum(part.values()) for part in counts]
    names: list[str | None] = [None, *sorted({*counts[0], *counts[1]} - {""})]
    return [
        {
            "sub_district": name,
            "a": round(pair[0], 1),
            "b": round(pair[1], 1),
            "change": round(pair[1] - pair[0], 1),
        }
        for name in names
        for pair in [totals if name is None else [part.get(name, 0.0) for part in counts]]
    ]


def _work(one: dict[str, Any], other: dict[str, Any]) -> list[dict[str, Any]]:
    """Jobs, crew hours, material and harm averted in both runs."""
    found = [_work_numbers(part["work"]) for part in (one, other)]
    rows = []
    for name in dict.fromkeys([*found[0], *found[1]]):
        title = (found[0].get(name) or found[1][name])[0]
        a, b = (part[name][1] if name in part else 0.0 for part in found)
        rows.append({
            "id": name, "title": title, "a": round(a, 1), "b": round(b, 1),
            "change": round(b - a, 1),
        })  # fmt: skip
    return rows


def _work_numbers(work: dict[str, Any]) -> dict[str, tuple[dict[Locale, str], float]]:
    found = {
        name: (MESSAGES.both(f"work.{name}"), float(work[name] or 0.0))
        for name in ("jobs", "crew_hours", "harm_averted_households", "covered")
    }
    for item in work["by_action"]:
        found[f"action.{item['action']}"] = (item["title"], float(item["jobs"]))
    for item in work["material"]:
        key = f"unit.{item['unit'].replace(' ', '_')}"
        known = MESSAGES.texts["en"]
        title = MESSAGES.both(key) if key in known else dict.fromkeys(LOCALES, item["unit"])
        found[f"material.{item['unit']}"] = (title, float(item["amount"]))
    return found
