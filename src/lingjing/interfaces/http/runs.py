"""Reading a run's folder for the endpoints: what is large is read once and kept."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lingjing.engine.results import RunFolder
from lingjing.vocabulary import LOCALES

FILES = {
    "outcomes.parquet": "application/vnd.apache.parquet",
    "series.parquet": "application/vnd.apache.parquet",
    "work.csv": "text/csv; charset=utf-8",
    "work.geojson": "application/geo+json",
    "summary.json": "application/json",
    "summary.md": "text/markdown; charset=utf-8",
    "run.json": "application/json",
    "figures/temperature_fan.svg": "image/svg+xml",
    "figures/onset_histogram.svg": "image/svg+xml",
    "figures/map.svg": "image/svg+xml",
}
"""Files of a run that may be downloaded, and nothing else."""

EVENT_ORDER = (
    "plugged",
    "road_slippery",
    "cracked",
    "burst",
    "freezing",
    "road_below_zero",
    "road_icy",
)
"""Events by weight: where one has to stand for an asset, the first it has."""

LEVELS = ("p10", "p25", "p50", "p75", "p90")


def as_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Probabilities 0 to 1 as 0 to 255; gaps are 0."""
    scaled: NDArray[np.uint8] = np.rint(
        np.clip(np.nan_to_num(values), 0.0, 1.0) * np.float32(255.0)
    ).astype(np.uint8)
    return scaled


class RunReader:
    """One run's folder, its tables read on first use and kept."""

    def __init__(self, folder: RunFolder, stamp: int = 0) -> None:
        self.folder = folder
        self.stamp = stamp
        """Another whenever the run was replaced on the disk."""
        self.path = folder.path
        self.name = folder.path.name
        self._outcomes: pa.Table | None = None
        self._series: pa.Table | None = None
        self._work: list[dict[str, Any]] | None = None

    def record(self) -> dict[str, Any]:
        """Content of `run.json`."""
        return self.folder.record()

    def summary(self) -> dict[str, Any]:
        """Content of `summary.json`."""
        return self.folder.summary()

    def files(self) -> list[str]:
        """Names of the files that can be downloaded."""
        return [name for name in FILES if (self.path / name).is_file()]

    def outcomes(self) -> pa.Table:
        """All of `outcomes.parquet`."""
        if self._outcomes is None:
            self._outcomes = pq.read_table(self.path / "outcomes.parquet")
        return self._outcomes

    def series(self) -> pa.Table:
        """All of `series.parquet`."""
        if self._series is None:
            self._series = pq.read_table(self.path / "series.parquet")
        return self._series

    def work(self) -> list[dict[str, Any]]:
        """Rows of the ranked work, first rank first; see `work_row`."""
        if self._work is None:
            self._work = [work_row(row) for row in self.folder.work()]
        return self._work

    def outcomes_of(self, asset: str) -> list[dict[str, Any]]:
        """Outcome rows of one asset."""
        table = self.outcomes()
        rows: list[dict[str, Any]] = table.filter(pc.equal(table["asset"], asset)).to_pylist()
        return rows

    def chances(self, ids: list[str], start_s: int) -> dict[str, dict[str, Any]]:
        """Asset → its weightiest event: quantity, probability, median onset and hourly bytes."""
        table = self.outcomes()
        wanted = pc.and_(
            pc.is_in(table["asset"], pa.array(ids, type=pa.string())),
            pc.is_valid(table["probability"]),
        )
        place = {name: index for index, name in enumerate(EVENT_ORDER)}
        rows = table.filter(wanted).to_pylist()
        rows.sort(key=lambda row: place.get(row["quantity"], len(place)), reverse=True)
        weightiest = {row["asset"]: row for row in rows}
        hourly = {
            (kind, quantity): self.hourly(quantity, (kind,))
            for kind, quantity in {(r["kind"], r["quantity"]) for r in weightiest.values()}
        }
        found: dict[str, dict[str, Any]] = {}
        for asset, row in weightiest.items():
            values = hourly[row["kind"], row["quantity"]].get((row["kind"], row["situation"]))
            onset = row["onset_p50"]
            found[asset] = {
                "quantity": row["quantity"],
                "probability": round(row["probability"], 4),
                "onset_p50_hours": None
                if onset is None
                else round((onset.timestamp() - start_s) / 3600, 2),
                "hourly": None
                if values is None
                else base64.b64encode(as_bytes(values).tobytes()).decode(),
            }
        return found

    def outcomes_with(self, quantity: str, kinds: tuple[str, ...]) -> pa.Table:
        """Outcome rows of one quantity for some kinds."""
        table = self.outcomes()
        wanted = pc.and_(
            pc.equal(table["quantity"], quantity), pc.is_in(table["kind"], pa.array(kinds))
        )
        return table.filter(wanted)

    def hourly(
        self, quantity: str, kinds: tuple[str, ...]
    ) -> dict[tuple[str, int], NDArray[np.float32]]:
        """(kind, situation) → hourly probability [hours + 1] of one event quantity."""
        table = self.series()
        wanted = pc.and_(
            pc.equal(table["quantity"], quantity), pc.is_in(table["kind"], pa.array(kinds))
        )
        rows = table.filter(wanted).select(["kind", "situation", "probability"]).to_pylist()
        return {
            (row["kind"], row["situation"]): np.asarray(row["probability"], dtype=np.float32)
            for row in rows
            if row["probability"] is not None
        }

    def series_of(self, kind: str, quantity: str, situation: int) -> dict[str, Any] | None:
        """Hourly percentiles or probability of one situation, None where there are none."""
        table = self.series()
        wanted = pc.and_(
            pc.and_(pc.equal(table["kind"], kind), pc.equal(table["quantity"], quantity)),
            pc.equal(table["situation"], situation),
        )
        rows = table.filter(wanted).to_pylist()
        if not rows:
            return None
        names = (*LEVELS, "probability")
        return {
            name: [None if value is None else round(value, 3) for value in rows[0][name]]
            for name in names
            if rows[0].get(name) is not None
        }


def run_head(reader: RunReader) -> dict[str, Any]:
    """What a list of runs says of one."""
    summary, record = reader.summary(), reader.record()
    window, weather = summary["window"], summary["weather"]
    return {
        "run": reader.name,
        "district": summary["district"]["name"],
        "scenario": summary["scenario"]["id"],
        "scenario_title": summary["scenario"]["title"],
        "weather": weather["name"],
        "start": window["start"],
        "hours": window["hours"],
        "zone": window["zone"],
        "members": weather["members"],
        "written_at": record.get("written_at"),
        "whatif": (record.get("whatif") or {}).get("name"),
        "synthetic": summary["synthetic"],
        "labels": summary["labels"],
    }


def headline(reader: RunReader) -> dict[str, list[str]]:
    """The sentences of the summary that stand in bold, by locale."""
    found: dict[str, list[str]] = {}
    for locale in LOCALES:
        lines = reader.folder.words(locale).splitlines()
        bold = [line for line in lines if line.startswith("**") and line.endswith("**")]
        found[locale] = [line.strip("*") for line in bold]
    return found


WORK_CELLS = (
    "rank",
    "id",
    "action",
    "target",
    "place",
    "hazard",
    "owner",
    "probability",
    "expected_failures",
    "expected_harm_households",
    "averted_share",
    "score",
    "effort_minutes",
    "amount",
    "amount_unit",
    "longitude_deg",
    "latitude_deg",
)


def work_row(cells: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `work.csv` with lists as lists and texts by locale."""
    row: dict[str, Any] = {name: cells[name] for name in WORK_CELLS}
    row["assets"] = cells["assets"].split()
    row["onset"] = cells["onset_utc"] or None
    row["onset_early"] = cells["onset_early_utc"] or None
    for name, column in (
        ("title", "title"),
        ("action_title", "action_title"),
        ("reason", "reason"),
        ("ranking_reason", "rank_reason"),
    ):
        row[name] = {"zh-CN": cells[f"{column}_zh"], "en": cells[f"{column}_en"]}
    return row


MOST_JOB_ASSETS = 20


def job_content(row: dict[str, Any]) -> dict[str, Any]:
    """A work row for an answer: a district-wide job has thousands of assets, so the first stand."""
    assets = row["assets"]
    return {
        **row,
        "assets": assets[:MOST_JOB_ASSETS],
        "asset_count": len(assets),
        "factors": factors(row),
    }


def factors(row: dict[str, Any]) -> dict[str, float | None]:
    """What a job's score is made of: expected harm × averted share × lead factor."""
    harm, share = row["expected_harm_households"], row["averted_share"]
    return {
        "expected_harm_households": harm,
        "averted_share": share,
        "lead_factor": round(min(row["score"] / (harm * share), 1.0), 3) if harm * share else None,
    }
