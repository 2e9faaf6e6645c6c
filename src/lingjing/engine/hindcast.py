"""Behind `lingjing hindcast road`: read a record and a site, run the road, write the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from lingjing.engine.road_site import load_site
from lingjing.forecast.road_calibration import calibrate_road
from lingjing.forecast.road_hindcast import MEMBERS, Hindcast, RoadSite, hindcast_road
from lingjing.physics.road_condition import METRO_CODES, RoadCondition, road_condition
from lingjing.sources.metro_files import read_metro, write_metro_roadcast
from lingjing.sources.roadsurf_files import Station, read_roadsurf, write_roadsurf
from lingjing.sources.series_csv import read_series
from lingjing.sources.weather_files import read_text
from lingjing.vocabulary import LingjingError, Place, moment_of
from lingjing.vocabulary.series import HourlySeries, Values

OBSERVED: Final = ("road_temperature_C", "pavement_temperature_C")
"""Columns in which a road's own temperature may stand."""
Style = Literal["csv", "metro", "roadsurf"]
COLUMNS: Final = (
    "road_temperature_C", "water_mm", "snow_mm", "ice_mm", "frost_mm", "p10", "p90",
)  # fmt: skip
_DECIMALS: Final = {"road_temperature_C": 3, "p10": 3, "p90": 3}


def load_series(path: Path, zone: tzinfo | None = None, station: int | None = None) -> HourlySeries:
    """Read measurements: CSV, an XML file of METRo or a JSON file of RoadSurf, by what it holds.

    Args:
        path: The file.
        zone: Of times of a CSV that carry none.
        station: Which of several stations of a RoadSurf file.

    Raises:
        LingjingError: `series.*`, or as any weather file that cannot be read.
    """
    text = read_text(path)
    begin = text.lstrip()[:1]
    if begin == "<":
        return read_metro(text, path.name)
    if begin not in ("[", "{"):
        return read_series(text, path.name, zone=zone)
    stations = read_roadsurf(text, path.name)
    chosen = [item for item in stations if station in (None, item.number)]
    if len(chosen) != 1:
        known = ", ".join(str(item.number) for item in stations)
        raise LingjingError(
            "series.which-station", Place(path.name, field="--station"), known=known
        )
    return chosen[0].series


@dataclass(frozen=True)
class HindcastRequest:
    """What is asked for.

    Attributes:
        forcing: CSV, METRo XML or RoadSurf JSON, see `load_series`.
        out: File to write; hours in which the run is split are left out.
        site: SITE.toml.
        zone: Of times that carry none.
        members: Samples for each material that may be.
        seed: Of the samples.
        station: Which of several stations of a RoadSurf file.
        style: `csv` (time and `COLUMNS`), `metro` (roadcast.xml) or `roadsurf` (its output JSON).
        calibrate_on: Observations of the road to calibrate on before the run.
        calibrate_until: Time up to which they may be looked at; None takes the first half of the
            record.
        readings: Observations of the road that hold its state while they last.
        readings_until: Time up to which they count; None takes them all.
        gain: Share of the flux that they show to be lacking that is carried on.
    """

    forcing: Path
    out: Path
    site: Path | None = None
    zone: tzinfo | None = None
    members: int = MEMBERS
    seed: int = 7
    station: int | None = None
    style: Style = "csv"
    calibrate_on: Path | None = None
    calibrate_until: str | None = None
    readings: Path | None = None
    readings_until: str | None = None
    gain: float = 1.0


def hindcast_file(request: HindcastRequest) -> dict[str, Any]:
    """Run a road through a record and write the result.

    Returns:
        What was done, for a person or a machine.

    Raises:
        LingjingError: As `load_series`, `load_site`, `hindcast_road`; `output.not-writable`.
    """
    zone, out = request.zone, request.out
    series = load_series(request.forcing, zone, request.station)
    chosen = load_site(request.site) if request.site is not None else RoadSite()
    found = None
    if request.calibrate_on is not None:
        truth = load_observed(request.calibrate_on, series, zone)
        until = _hours_until(series, request.calibrate_until, zone, "--calibrate-until")
        until = series.hours // 2 if until is None else until
        found = calibrate_road(
            series, truth, chosen, until=until, members=request.members, seed=request.seed
        )
        chosen = replace(chosen, correction=found.correction)
    readings = None
    if request.readings is not None:
        readings = load_observed(request.readings, series, zone)
        readings[_hours_until(series, request.readings_until, zone, "--readings-until") :] = np.nan
    done = hindcast_road(
        series, chosen, members=request.members, seed=request.seed, readings=readings,
        gain=request.gain,
    )  # fmt: skip
    text = _WRITERS[request.style](done)
    try:
        out.write_text(text, encoding="utf-8", newline="\n")
    except OSError as fault:
        raise LingjingError(
            "output.not-writable", Place(str(out)), folder=str(out), detail=fault.strerror or "?"
        ) from None
    return {
        "out": str(out),
        "hours": sum(part.hours for part in done.parts),
        "parts": [
            {
                "start": series.time_text(part.first),
                "end": series.time_text(part.first + part.hours - 1),
                "hours": part.hours,
            }
            for part in done.parts
        ],
        "splits": [
            {"start": series.time_text(a), "end": series.time_text(b), "hours": b - a + 1}
            for a, b in done.splits
        ],
        "calibration": None if found is None else asdict(found),
        "bridged_h": dict(done.bridged_h),
        "methods": dict(done.methods),
        "notes": list(done.notes),
    }


def load_observed(path: Path, series: HourlySeries, zone: tzinfo | None) -> Values:
    """A road's own record on the hours of a series; NaN where it has none.

    Raises:
        LingjingError: `series.*`, `verify.no-column`.
    """
    record = load_series(path, zone)
    for name in OBSERVED:
        if name in record.columns:
            return record.at(name, series.times)
    raise LingjingError(
        "verify.no-column", Place(path.name), name=" | ".join(OBSERVED),
        known=", ".join(record.columns) or "-",
    )  # fmt: skip


def _hours_until(
    series: HourlySeries, until: str | None, zone: tzinfo | None, option: str
) -> int | None:
    """Hours of the record before a time; None where none is given."""
    if until is None:
        return None
    try:
        instant = datetime.fromisoformat(until)
    except ValueError:
        place = Place(field=option)
        raise LingjingError("series.bad-time", place, value=until) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=zone or series.zone)
    moment = moment_of(instant.astimezone(UTC)).astype("datetime64[s]")
    return int(np.clip((moment - series.times[0]) // np.timedelta64(3600, "s"), 0, series.hours))


def hindcast_csv(done: Hindcast) -> str:
    """The result as CSV; no cell is empty."""
    table = np.stack([done.column(name) for name in COLUMNS], axis=1)
    lines = [",".join(("time", *COLUMNS))]
    for hour in np.flatnonzero(np.isfinite(table).all(axis=1)):
        cells = (
            f"{value:.{_DECIMALS.get(name, 4)}f}"
            for name, value in zip(COLUMNS, table[hour], strict=True)
        )
        lines.append(",".join((done.series.time_text(int(hour)), *cells)))
    return "\n".join(lines) + "\n"


def _road(done: Hindcast) -> HourlySeries:
    """The road beside its weather, for the files of other models; from the longest part."""
    part = max(done.parts, key=lambda item: item.hours)
    inside = slice(part.first, part.first + part.hours)
    columns = {name: values[inside] for name, values in done.series.columns.items()}
    for name in COLUMNS[:5]:
        columns[name] = done.column(name)[inside]
    return HourlySeries(done.series.name, done.series.times[inside], columns)


def hindcast_metro(done: Hindcast) -> str:
    """The result as METRo's `roadcast.xml`; snow stands for all that is solid, as there."""
    road = _road(done)
    stores = [road.columns[name] for name in ("water_mm", "snow_mm", "ice_mm", "frost_mm")]
    codes = road_condition(road.columns["road_temperature_C"], *stores)
    solid = stores[1] + stores[2] + stores[3]
    whole = replace(road, columns={**road.columns, "snow_mm": solid})
    return write_metro_roadcast(whole, [METRO_CODES[RoadCondition(int(code))] for code in codes])


def hindcast_roadsurf(done: Hindcast) -> str:
    """The result as a RoadSurf output file of one station."""
    road = _road(done)
    kept = {name: road.columns[name] for name in COLUMNS[:5]}
    return write_roadsurf([Station(1, None, None, replace(road, columns=kept))])


_WRITERS: Final[dict[Style, Callable[[Hindcast], str]]] = {
    "csv": hindcast_csv,
    "metro": hindcast_metro,
    "roadsurf": hindcast_roadsurf,
}
