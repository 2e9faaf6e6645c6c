"""Reading finished runs back, fast enough to answer a page while somebody waits."""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from lingjing.engine.outputs_tables import NUMBERS, PERCENTILES, WORK_COLUMNS
from lingjing.engine.record import RECORD, read_record
from lingjing.engine.summary import part_of
from lingjing.sdk import LingjingError
from lingjing.vocabulary import EntityId, Locale

RUNS = "runs"
NEEDED = (RECORD, "summary.json", "summary.md", "work.csv", "outcomes.parquet", "series.parquet")


class RunFolder:
    """One finished run. Tables are mapped into memory and read by kind.

    Args:
        path: The run folder.

    Raises:
        LingjingError: `run.no-run` where a file is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if any(not (path / name).is_file() for name in NEEDED):
            raise LingjingError("run.no-run", folder=str(path))

    def record(self) -> dict[str, Any]:
        """Content of `run.json`."""
        return read_record(self.path / RECORD)

    def summary(self) -> dict[str, Any]:
        """Content of `summary.json`."""
        try:
            return dict(msgspec.json.decode((self.path / "summary.json").read_bytes()))
        except (OSError, msgspec.DecodeError, TypeError, ValueError) as error:
            raise LingjingError("run.no-run", folder=str(self.path)) from error

    def words(self, locale: Locale) -> str:
        """The summary in one language, Markdown."""
        return part_of((self.path / "summary.md").read_text(encoding="utf-8"), locale)

    @cached_property
    def _work(self) -> pa.Table:
        types = dict.fromkeys(WORK_COLUMNS, pa.string())
        types |= dict.fromkeys((*NUMBERS, "longitude_deg", "latitude_deg"), pa.float64())
        types |= dict.fromkeys(("rank", "asset_count"), pa.int64())
        return pyarrow.csv.read_csv(
            self.path / "work.csv",
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types, strings_can_be_null=False
            ),
        )

    def work(
        self, offset: int = 0, limit: int | None = None, filters: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Rows of the work list, the first rank first.

        Args:
            offset: Rows to leave out at the start.
            limit: Most rows to give; None gives all.
            filters: Column → the value it must have (`owner`, `action`, `hazard`, …).

        Raises:
            LingjingError: `run.no-outcome` for a column that does not exist.
        """
        table = self._filtered_work(filters)
        rows: list[dict[str, Any]] = table.slice(max(offset, 0), limit).to_pylist()
        return rows

    def work_count(self, filters: Mapping[str, str] | None = None) -> int:
        """Number of rows of the work list that pass the filters."""
        return int(self._filtered_work(filters).num_rows)

    def _filtered_work(self, filters: Mapping[str, str] | None) -> pa.Table:
        table = self._work
        for name, value in (filters or {}).items():
            if name not in table.column_names:
                raise LingjingError("run.no-outcome", what=name)
            table = table.filter(pc.equal(table[name].cast(pa.string()), value))
        return table

    def outcomes(self, kind: str | None = None, quantity: str | None = None) -> pa.Table:
        """Rows of `outcomes.parquet`, of one kind and quantity where asked."""
        return self._read("outcomes.parquet", {"kind": kind, "quantity": quantity})

    def series(self, kind: str, quantity: str, situation: int) -> dict[str, Any]:
        """Hourly percentiles or probability of one situation.

        Raises:
            LingjingError: `run.no-outcome`.
        """
        wanted: dict[str, str | int | None] = {
            "kind": kind,
            "quantity": quantity,
            "situation": situation,
        }
        rows = self._read("series.parquet", wanted).to_pylist()
        if not rows:
            raise LingjingError("run.no-outcome", what=f"{kind} {quantity} {situation}")
        return dict(rows[0])

    def asset(self, asset_id: str) -> dict[str, Any]:
        """Everything foreseen for one asset: its outcomes, each with its hourly series.

        Returns:
            `asset`, `kind`, and `outcomes`: rows of `outcomes.parquet` with `series` (the hourly
            lists that are not null).

        Raises:
            LingjingError: `vocabulary.bad-id` or `run.no-outcome`.
        """
        kind = EntityId.parse(asset_id).kind
        rows = self._read("outcomes.parquet", {"kind": kind, "asset": asset_id}).to_pylist()
        if not rows:
            raise LingjingError("run.no-outcome", what=asset_id)
        for row in rows:
            series = self.series(kind, row["quantity"], row["situation"])
            row["series"] = {
                name: series[name]
                for name in (*PERCENTILES, "probability")
                if series[name] is not None
            }
        return {"asset": asset_id, "kind": kind, "outcomes": rows}

    def _read(self, name: str, wanted: Mapping[str, str | int | None]) -> pa.Table:
        filters = [(key, "=", value) for key, value in wanted.items() if value is not None]
        return pq.read_table(self.path / name, filters=filters or None, memory_map=True)


def list_runs(data_dir: Path, without: Container[str] = ()) -> list[RunFolder]:
    """Finished runs kept in a data folder, the newest first; half-made folders are left out.

    Args:
        data_dir: The data folder.
        without: Names of runs that are not wanted; nothing of them is read.
    """
    parent = data_dir / RUNS
    if not parent.is_dir():
        return []
    found = []
    for folder in parent.iterdir():
        if folder.name.startswith(".") or folder.name in without or not folder.is_dir():
            continue
        try:
            run = RunFolder(folder)
            found.append((str(run.record().get("written_at", "")), folder.name, run))
        except LingjingError:
            continue
    return [run for *_, run in sorted(found, key=lambda item: item[:2], reverse=True)]
