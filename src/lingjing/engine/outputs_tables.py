"""The run folder's tables: `outcomes.parquet`, `series.parquet`, `work.csv`, `work.geojson`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lingjing.decision.work import Ranked
from lingjing.engine.run_content import RunContent
from lingjing.sdk import LEVELS, Outcome, quantity
from lingjing.vocabulary import LOCALES, format_instant, format_local

PERCENTILES = tuple(f"p{level}" for level in LEVELS)
ONSETS = ("onset_p10", "onset_p50", "onset_p90")
SERIES_ROWS = 512

OUTCOME_SCHEMA = pa.schema(
    [
        ("asset", pa.string()),
        ("kind", pa.string()),
        ("quantity", pa.string()),
        ("unit", pa.string()),
        ("situation", pa.int32()),
        *[(name, pa.float32()) for name in (*PERCENTILES, "probability")],
        *[(name, pa.timestamp("s", tz="UTC")) for name in ONSETS],
        ("sensor_gain", pa.float32()),
    ]
)
SERIES_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("quantity", pa.string()),
        ("situation", pa.int32()),
        *[(name, pa.list_(pa.float32())) for name in (*PERCENTILES, "probability")],
    ]
)
WORK_COLUMNS = (
    "label",
    "rank",
    "id",
    "action",
    "action_title_zh",
    "action_title_en",
    "title_zh",
    "title_en",
    "place",
    "owner",
    "hazard",
    "probability",
    "expected_failures",
    "expected_harm_households",
    "averted_share",
    "score",
    "onset_utc",
    "onset_early_utc",
    "onset_local",
    "onset_early_local",
    "effort_minutes",
    "amount",
    "amount_unit",
    "longitude_deg",
    "latitude_deg",
    "target",
    "asset_count",
    "assets",
    "reason_zh",
    "reason_en",
    "rank_reason_zh",
    "rank_reason_en",
    "place_en",
    "covered",
    "coverage_zh",
    "coverage_en",
    "attribution",
)


COVERED = {True: "yes", False: "no", None: ""}
"""Whether material and crews reach for a job; empty where that is not known."""


def metadata(content: RunContent) -> dict[str, str]:
    """What every table says about itself."""
    return {
        "lingjing.run": content.run_id,
        "lingjing.window_start": format_instant(content.start),
        "lingjing.window_hours": str(content.outlook.window.hours),
        "lingjing.synthetic": str(content.synthetic).lower(),
        **{f"lingjing.label.{locale}": content.label(locale) for locale in LOCALES},
        "lingjing.attribution": "; ".join(content.attribution),
    }


def write_outcomes(content: RunContent, path: Path) -> int:
    """Write one row for each asset and quantity, one row group for each kind and quantity."""
    schema = OUTCOME_SCHEMA.with_metadata(metadata(content))
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for outcome in content.outcomes:
            table = _outcome_table(content, outcome, schema)
            rows += table.num_rows
            if table.num_rows:
                writer.write_table(table, row_group_size=table.num_rows)
    return rows


def _outcome_table(content: RunContent, outcome: Outcome, schema: pa.Schema) -> pa.Table:
    count = int(outcome.assets.size)
    unit = quantity(outcome.quantity).unit
    empty = pa.nulls(count, pa.float32())
    columns: dict[str, Any] = {
        "asset": pa.array(outcome.assets.tolist(), pa.string()),
        "kind": pa.repeat(pa.scalar(outcome.kind), count),
        "quantity": pa.repeat(pa.scalar(outcome.quantity), count),
        "unit": pa.repeat(pa.scalar(unit), count),
        "situation": pa.array(outcome.situation),
    }
    for index, name in enumerate(PERCENTILES):
        levels = outcome.levels
        columns[name] = empty if levels is None else _float32(outcome.of_assets(levels[:, index]))
    chance = outcome.probability
    columns["probability"] = empty if chance is None else _float32(outcome.of_assets(chance))
    gain = outcome.sensor_gain
    columns["sensor_gain"] = empty if gain is None else _float32(outcome.of_assets(gain))
    for name in ONSETS:
        level = LEVELS.index(int(name.removeprefix("onset_p")))
        columns[name] = _onsets(content, outcome, level)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _onsets(content: RunContent, outcome: Outcome, level: int) -> pa.Array:
    kind = pa.timestamp("s", tz="UTC")
    if outcome.onset_hours is None:
        return pa.nulls(int(outcome.assets.size), kind)
    hours = outcome.of_assets(outcome.onset_hours[:, level]).astype(np.float64)
    gaps = np.isnan(hours)
    begun = int(content.start.timestamp())
    seconds = begun + np.rint(np.where(gaps, 0.0, hours) * 3600).astype(np.int64)
    return pa.array(seconds, pa.int64(), mask=gaps).cast(kind)


def _float32(values: NDArray[np.floating]) -> pa.Array:
    return pa.array(values.astype(np.float32), pa.float32())


def write_series(content: RunContent, path: Path) -> int:
    """Write one row for each kind, quantity and situation, with hourly lists."""
    schema = SERIES_SCHEMA.with_metadata(metadata(content))
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for outcome in content.outcomes:
            table = _series_table(outcome, schema)
            rows += table.num_rows
            if table.num_rows:
                writer.write_table(table, row_group_size=SERIES_ROWS)
    return rows


def _series_table(outcome: Outcome, schema: pa.Schema) -> pa.Table:
    some = outcome.fan if outcome.fan is not None else outcome.hourly
    count = 0 if some is None else int(some.shape[0])
    empty = pa.nulls(count, pa.list_(pa.float32()))
    columns: dict[str, Any] = {
        "kind": pa.repeat(pa.scalar(outcome.kind), count),
        "quantity": pa.repeat(pa.scalar(outcome.quantity), count),
        "situation": pa.array(np.arange(count, dtype=np.int32)),
        "probability": empty if outcome.hourly is None else _lists(outcome.hourly),
    }
    for index, name in enumerate(PERCENTILES):
        columns[name] = empty if outcome.fan is None else _lists(outcome.fan[:, index])
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _lists(values: NDArray[np.float32]) -> pa.Array:
    rows, length = values.shape
    offsets = pa.array(np.arange(0, (rows + 1) * length, length, dtype=np.int32))
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel(), pa.float32())
    return pa.ListArray.from_arrays(offsets, flat)


def work_rows(content: RunContent) -> Iterable[dict[str, str]]:
    """The ranked work as text cells, in order of rank."""
    titles = {action.name: action for action in content.manifest.actions}
    credit = "; ".join(content.attribution)
    label = " / ".join(filter(None, (content.label(locale) for locale in LOCALES)))
    for row in content.plan.rows:
        work = row.work
        action = titles[work.action]
        yield {
            "label": label,
            "rank": str(row.rank),
            "id": work.id,
            "action": work.action,
            "action_title_zh": _cell(action.title_zh),
            "action_title_en": _cell(action.title_en),
            "title_zh": _cell(work.title["zh-CN"]),
            "title_en": _cell(work.title["en"]),
            "place": _cell(work.place),
            "owner": _cell(work.owner),
            "hazard": work.hazard,
            "probability": fixed(work.probability, 4),
            "expected_failures": fixed(work.expected_failures, 3),
            "expected_harm_households": fixed(work.weight, 3),
            "averted_share": fixed(work.averted_share, 3),
            "score": fixed(row.score, 4),
            **_onset_cells(content, row),
            "effort_minutes": fixed(work.effort_minutes, 1),
            "amount": fixed(work.amount, 2),
            "amount_unit": _cell(work.amount_unit),
            "longitude_deg": fixed(work.longitude_deg, 6),
            "latitude_deg": fixed(work.latitude_deg, 6),
            "target": work.target,
            "asset_count": str(len(work.assets)),
            "assets": " ".join(work.assets),
            "reason_zh": _cell(work.reason.text["zh-CN"]),
            "reason_en": _cell(work.reason.text["en"]),
            "rank_reason_zh": _cell(row.reason.text["zh-CN"]),
            "rank_reason_en": _cell(row.reason.text["en"]),
            "place_en": _cell(content.sub_district(work.place)["en"]),
            "covered": COVERED[row.covered],
            "coverage_zh": "" if row.coverage is None else _cell(row.coverage.text["zh-CN"]),
            "coverage_en": "" if row.coverage is None else _cell(row.coverage.text["en"]),
            "attribution": _cell(credit),
        }


def _onset_cells(content: RunContent, row: Ranked) -> dict[str, str]:
    cells = {}
    for name, hours in (
        ("onset", row.work.onset_hours),
        ("onset_early", row.work.onset_early_hours),
    ):
        known = not math.isnan(hours)
        instant = content.instant(hours) if known else content.start
        cells[f"{name}_utc"] = format_instant(instant) if known else ""
        cells[f"{name}_local"] = format_local(instant, content.zone) if known else ""
    return cells


def write_work_csv(content: RunContent, path: Path) -> None:
    """Write the ranked work; with a byte-order mark, so that spreadsheets read the Chinese."""
    text = io.StringIO()
    writer = csv.DictWriter(text, WORK_COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(work_rows(content))
    path.write_bytes(text.getvalue().encode("utf-8-sig"))


def write_work_geojson(content: RunContent, path: Path) -> None:
    """Write the ranked work as points, one feature a line."""
    head = {
        "type": "FeatureCollection",
        "name": content.run_id,
        "synthetic": content.synthetic,
        "label": {locale: content.label(locale) for locale in LOCALES},
        "attribution": list(content.attribution),
    }
    opening = msgspec.json.encode(head).decode()[:-1]
    lines = [msgspec.json.encode(_feature(row)).decode() for row in work_rows(content)]
    path.write_text(
        f'{opening},"features":[\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8", newline="\n"
    )


NUMBERS = (
    "probability",
    "expected_failures",
    "expected_harm_households",
    "averted_share",
    "score",
    "effort_minutes",
    "amount",
)


def _feature(row: dict[str, str]) -> dict[str, Any]:
    left_out = {"label", "longitude_deg", "latitude_deg", "assets", "attribution"}
    properties: dict[str, Any] = {k: v for k, v in row.items() if k not in left_out}
    properties["synthetic"] = bool(row["label"])
    for name in NUMBERS:
        properties[name] = float(row[name])
    for name in ("rank", "asset_count"):
        properties[name] = int(row[name])
    properties["covered"] = {"yes": True, "no": False, "": None}[row["covered"]]
    point = [float(row["longitude_deg"]), float(row["latitude_deg"])]
    return {
        "type": "Feature",
        "id": row["id"],
        "geometry": {"type": "Point", "coordinates": point},
        "properties": properties,
    }


def fixed(value: float, digits: int) -> str:
    """A number with so many digits at most, never `-0` or an exponent."""
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _cell(text: str) -> str:
    """Text that a spreadsheet will not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
