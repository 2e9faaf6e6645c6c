"""Behind `lingjing hindcast road`: read a record and a site, run the road, write the result."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from lingjing.forecast.road_calibration import calibrate_road
from lingjing.forecast.road_hindcast import Correction, Hindcast, RoadSite, hindcast_road
from lingjing.physics.materials import ROAD_BUILDS, RoadBuild, RoadLayer, RoadMaterial
from lingjing.physics.road_condition import METRO_CODES, RoadCondition, road_condition
from lingjing.physics.road_grid import check_layers
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

# name → lowest, highest
_SITE: Final = {"longitude_deg": (-180.0, 180.0), "latitude_deg": (-90.0, 90.0)}
_ROAD: Final = {
    "albedo": (0.0, 1.0),
    "deck_thickness_m": (0.05, 10.0),
    "sky_view_factor": (0.0, 1.0),
    "traffic_per_day": (0.0, 1e6),
    "deep_temperature_C": (-40.0, 60.0),
}
_CALIBRATION: Final = {
    "albedo_factor": (0.0, 10.0),
    "longwave_offset_W_m2": (-100.0, 100.0),
    "film_factor": (0.05, 20.0),
}
_LAYER: Final = ("bottom_m", "conductivity_W_mK", "heat_capacity_J_m3K", "moisture_m3_m3")


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


def load_site(path: Path) -> RoadSite:
    """Read SITE.toml: tables `site`, `road` (with `layers`) and `calibration`.

    Raises:
        LingjingError: `hindcast.bad-site`, `physics.bad-layer`.
    """
    try:
        document = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as fault:
        raise LingjingError("weather.unreadable", Place(path.name), detail=str(fault)) from None
    for name in document:
        if name not in ("site", "road", "calibration"):
            raise _wrong(path, name, document[name], "site | road | calibration")
    place = _numbers(path, "site", document, _SITE, others=("name",))
    road = _numbers(path, "road", document, _ROAD, others=("material", "bridge", "layers"))
    given = document.get("road", {})
    material = given.get("material")
    known = {item.name.lower() for item in RoadMaterial}
    if material is not None and material not in known:
        raise _wrong(path, "road.material", material, " | ".join(sorted(known)))
    bridge = given.get("bridge", False)
    if not isinstance(bridge, bool):
        raise _wrong(path, "road.bridge", bridge, "true | false")
    return RoadSite(
        material=material,
        bridge=bridge,
        build=_build(path, given, material),
        correction=Correction(**_numbers(path, "calibration", document, _CALIBRATION)),
        **place,
        **road,
    )


def _wrong(path: Path, name: str, value: object, expected: str) -> LingjingError:
    place = Place(path.name, field=name)
    return LingjingError("hindcast.bad-site", place, name=name, value=value, expected=expected)


def _numbers(
    path: Path,
    table: str,
    document: Mapping[str, Any],
    known: Mapping[str, tuple[float, float]],
    others: tuple[str, ...] = (),
) -> dict[str, float]:
    given = document.get(table, {})
    if not isinstance(given, dict):
        raise _wrong(path, table, given, f"[{table}]")
    found = {}
    for name, value in given.items():
        if name in others:
            continue
        field = f"{table}.{name}"
        if name not in known:
            raise _wrong(path, field, value, " | ".join((*known, *others)))
        lower, upper = known[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not lower <= value <= upper:
            raise _wrong(path, field, value, f"{lower:g} … {upper:g}")
        found[name] = float(value)
    return found


def _build(path: Path, road: Mapping[str, Any], material: str | None) -> RoadBuild | None:
    """Layers of the site in place of the material's."""
    if "layers" not in road:
        return None
    layers = []
    for number, row in enumerate(road["layers"], start=1):
        for name in row:
            if name not in _LAYER or not isinstance(row[name], int | float):
                field = f"road.layers[{number}].{name}"
                raise _wrong(path, field, row[name], " | ".join(_LAYER))
        missing = [name for name in _LAYER[:3] if name not in row]
        if missing:
            raise _wrong(path, f"road.layers[{number}]", "-", ", ".join(missing))
        layers.append(RoadLayer(*(float(row.get(name, 0.0)) for name in _LAYER)))
    check_layers(layers)
    standard = ROAD_BUILDS[RoadMaterial[(material or "asphalt").upper()]]
    return RoadBuild(standard.albedo, tuple(layers), tuple(layers))


def hindcast_file(
    forcing: Path,
    out: Path,
    *,
    site: Path | None = None,
    zone: tzinfo | None = None,
    members: int | None = None,
    seed: int = 7,
    station: int | None = None,
    style: Style = "csv",
    calibrate_on: Path | None = None,
    calibrate_until: str | None = None,
) -> dict[str, Any]:
    """Run a road through a record and write the result.

    Args:
        forcing: CSV, see `load_series`.
        out: File to write; hours in which the run is split are left out.
        site: SITE.toml.
        zone: Of times that carry none.
        members: Samples for each material that may be; None takes the default.
        seed: Of the samples.
        station: Which of several stations of a RoadSurf file.
        calibrate_on: Observations of the road to calibrate on before the run.
        calibrate_until: Time up to which they may be looked at; None takes the first half of the
            record.
        style: `csv` (time and `COLUMNS`), `metro` (roadcast.xml) or `roadsurf` (its output JSON).

    Returns:
        What was done, for a person or a machine.

    Raises:
        LingjingError: As `load_series`, `load_site`, `hindcast_road`; `output.not-writable`.
    """
    series = load_series(forcing, zone, station)
    chosen = load_site(site) if site is not None else RoadSite()
    more = {} if members is None else {"members": members}
    found = None
    if calibrate_on is not None:
        truth = load_observed(calibrate_on, series, zone)
        until = _hours_until(series, calibrate_until, zone)
        found = calibrate_road(series, truth, chosen, until=until, seed=seed, **more)
        chosen = replace(chosen, correction=found.correction)
    done = hindcast_road(series, chosen, seed=seed, **more)
    text = _WRITERS[style](done)
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


def _hours_until(series: HourlySeries, until: str | None, zone: tzinfo | None) -> int:
    if until is None:
        return series.hours // 2
    try:
        instant = datetime.fromisoformat(until)
    except ValueError:
        place = Place(field="--calibrate-until")
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
