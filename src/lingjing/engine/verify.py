"""Behind `lingjing verify`: a forecast and what was observed, brought to one axis and scored."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import numpy as np

from lingjing.engine.figures_verify import draw_verification
from lingjing.engine.hindcast import OBSERVED, load_series
from lingjing.engine.results import RunFolder
from lingjing.forecast.scores import Contingency, Errors
from lingjing.forecast.verification import Verification, verify
from lingjing.vocabulary import LingjingError, Place, moment_of, parse_instant
from lingjing.vocabulary.series import HourlySeries, Values

LEVELS: Final = {"p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9}
DARK_W_M2: Final = 5.0
NIGHT_FROM_H, NIGHT_TO_H = 18, 6
_HOUR: Final = np.timedelta64(3600, "s")


def load_forecast(path: Path, zone: tzinfo | None, asset: str | None) -> HourlySeries:
    """A hindcast's CSV, or one road of a run folder, as a series.

    Raises:
        LingjingError: `series.*`, `verify.no-column`, `run.no-run`, `run.no-outcome`,
            `verify.which-asset`.
    """
    if not path.is_dir():
        return load_series(path, zone)
    run = RunFolder(path)
    if asset is None:
        raise LingjingError("verify.which-asset", Place(field="--asset"), folder=path.name)
    rows = run.asset(asset)["outcomes"]
    found = [row for row in rows if row["quantity"] == "road_surface_temperature"]
    if not found:
        raise LingjingError("run.no-outcome", what=f"{asset} road_surface_temperature")
    levels = found[0]["series"]
    start = parse_instant(run.record()["request"]["start"], None, Place(path.name, field="start"))
    hours = len(levels["p50"])
    times = moment_of(start).astype("datetime64[s]") + np.arange(hours) * _HOUR
    columns = {name: np.asarray(levels[name], dtype=np.float64) for name in LEVELS}
    columns["road_temperature_C"] = columns["p50"]
    return HourlySeries(path.name, times, columns)


def verify_files(
    forecast: Path,
    observed: Path,
    *,
    column: str | None = None,
    asset: str | None = None,
    zone: tzinfo | None = None,
    threshold_C: float = 0.0,
    skip_h: int = 0,
    out: Path | None = None,
) -> dict[str, Any]:
    """Score a forecast against observations.

    Args:
        forecast: CSV of a hindcast, or a run folder.
        observed: CSV with times and a temperature of the road.
        column: Of the observations; None takes the first of `OBSERVED` there is.
        asset: Id of the road, for a run folder.
        zone: Of times that carry none.
        threshold_C: The event is lying below it.
        skip_h: Hours at the beginning of the forecast that are left out.
        out: Folder for `scores.json` and figures.

    Returns:
        All scores.

    Raises:
        LingjingError: `series.*`, `verify.*`, `run.*`, `output.not-writable`.
    """
    said = load_forecast(forecast, zone, asset)
    came = load_series(observed, zone)
    name = _column(came, observed, column)
    if "road_temperature_C" not in said.columns:
        raise LingjingError(
            "verify.no-column", Place(forecast.name), name="road_temperature_C",
            known=", ".join(said.columns) or "-",
        )  # fmt: skip
    truth = came.at(name, said.times)
    point = said.columns["road_temperature_C"].copy()
    point[: min(skip_h, point.size)] = np.nan
    if not (np.isfinite(truth) & np.isfinite(point)).any():
        raise LingjingError(
            "verify.no-overlap", Place(observed.name), start=said.time_text(0),
            end=said.time_text(said.hours - 1),
        )  # fmt: skip
    quantiles = {LEVELS[key]: said.columns[key] for key in LEVELS if key in said.columns}
    if quantiles and 0.5 not in quantiles:
        quantiles[0.5] = np.clip(point, quantiles[min(quantiles)], quantiles[max(quantiles)])
    night, how = _night(said, came)
    done = verify(
        point, truth, night=night, quantiles=quantiles if len(quantiles) > 1 else None,
        threshold_C=threshold_C,
    )  # fmt: skip
    scores = as_document(done, said) | {
        "forecast": forecast.name,
        "observed": observed.name,
        "column": name,
        "night": how,
        "notes": [*said.notes, *came.notes],
    }
    if out is not None:
        _write(out, scores, done, point, truth, quantiles)
    return scores


def _column(came: HourlySeries, observed: Path, column: str | None) -> str:
    wanted = OBSERVED if column is None else (column,)
    for name in wanted:
        if name in came.columns:
            return name
    raise LingjingError(
        "verify.no-column", Place(observed.name), name=" | ".join(wanted),
        known=", ".join(came.columns) or "-",
    )  # fmt: skip


def _night(said: HourlySeries, came: HourlySeries) -> tuple[np.ndarray, str]:
    """Which hours are night: by the sun where either file measured it, else by the clock."""
    for series in (came, said):
        if "shortwave_down_W_m2" in series.columns:
            sun = series.at("shortwave_down_W_m2", said.times)
            return np.nan_to_num(sun, nan=0.0) < DARK_W_M2, f"shortwave < {DARK_W_M2:g} W/m2"
    hours = np.array([int(said.time_text(index)[11:13]) for index in range(said.hours)])
    dark = (hours >= NIGHT_FROM_H) | (hours < NIGHT_TO_H)
    return dark, f"{NIGHT_FROM_H}:00-{NIGHT_TO_H}:00"


def as_document(done: Verification, said: HourlySeries) -> dict[str, Any]:
    """The scores as plain values; what cannot be said is null."""
    clock = None
    if done.clock is not None:
        clock = {
            "offset_h": done.clock.offset_h,
            "doubted": done.clock.doubted,
            "scan": [{"offset_h": a, "scatter_C": b} for a, b in done.clock.scan],
            "stretches": [
                {
                    "start": said.time_text(item.first),
                    "end": said.time_text(item.last),
                    "offset_h": item.offset_h,
                    "scatter_C": item.error_C,
                    "scatter_as_given_C": item.error_as_given_C,
                }
                for item in done.clock.stretches
            ],
            "repeats": [
                {
                    "start": said.time_text(item.first),
                    "end": said.time_text(item.last),
                    "lag_h": item.lag_h,
                }
                for item in done.clock.repeats
            ],
        }
    mended = None
    if done.mended is not None:
        mended = {
            "hours": done.mended.hours,
            "errors": {name: _errors(item) for name, item in done.mended.errors.items()},
            "events": {name: _events(item) for name, item in done.mended.events.items()},
        }
    document: dict[str, Any] = _plain(
        {
            "threshold_C": done.threshold_C,
            "errors": {name: _errors(item) for name, item in done.errors.items()},
            "events": {name: _events(item) for name, item in done.events.items()},
            "brier": done.brier,
            "brier_skill": done.brier_skill,
            "reliability": [dataclasses.asdict(item) for item in done.reliability],
            "crps_C": done.crps_C,
            "within_p10_p90": done.within_p10_p90,
            "onsets": {
                "observed": done.onsets.observed,
                "forecast": done.onsets.forecast,
                "matched": done.onsets.matched,
                "errors_h": _errors(done.onsets.errors) if done.onsets.errors else None,
            },
            "value": [dataclasses.asdict(item) for item in done.value],
            "clock": clock,
            "mended": mended,
        }
    )
    return document


def _errors(item: Errors) -> dict[str, float]:
    return {
        "count": item.count,
        "mae": item.mean_absolute,
        "bias": item.bias,
        "rmse": item.root_mean_square,
    }


def _events(item: Contingency) -> dict[str, float]:
    return {
        **dataclasses.asdict(item),
        "pod": item.detection,
        "far": item.false_alarm_ratio,
        "miss_rate": item.miss_rate,
    }


def _plain(value: Any) -> Any:
    """The same with null for what is not a number."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write(
    out: Path,
    scores: dict[str, Any],
    done: Verification,
    point: Values,
    truth: Values,
    quantiles: dict[float, Values],
) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(scores, ensure_ascii=False, indent=2, allow_nan=False)
        (out / "scores.json").write_text(text + "\n", encoding="utf-8", newline="\n")
        draw_verification(done, point, truth, quantiles, out)
    except OSError as fault:
        raise LingjingError(
            "output.not-writable", Place(str(out)), folder=str(out), detail=fault.strerror or "?"
        ) from None
