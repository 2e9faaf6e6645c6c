"""What is known of a road: SITE.toml, read and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lingjing.forecast.road_hindcast import Correction, RoadSite
from lingjing.physics.materials import ROAD_BUILDS, RoadBuild, RoadLayer, RoadMaterial
from lingjing.physics.road_grid import check_layers
from lingjing.sources.weather_files import read_text
from lingjing.vocabulary import LingjingError, Place

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
_OTHERS: Final = ("material", "bridge", "layers", "horizon_deg")


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
    road = _numbers(path, "road", document, _ROAD, others=_OTHERS)
    given = document.get("road", {})
    material = given.get("material")
    known = {item.name.lower() for item in RoadMaterial}
    if material is not None and material not in known:
        raise _wrong(path, "road.material", material, " | ".join(sorted(known)))
    bridge = given.get("bridge", False)
    if not isinstance(bridge, bool):
        raise _wrong(path, "road.bridge", bridge, "true | false")
    known_site = RoadSite(
        material=material,
        bridge=bridge,
        horizon_deg=_horizon(path, given),
        build=_build(path, given, material),
        correction=Correction(**_numbers(path, "calibration", document, _CALIBRATION)),
    )
    made: RoadSite = replace(known_site, **place, **road)  # type: ignore[arg-type]
    if made.horizon_deg is not None and made.place is None:
        raise _wrong(path, "road.horizon_deg", "-", "site.longitude_deg, site.latitude_deg")
    return made


def _horizon(path: Path, road: Mapping[str, Any]) -> tuple[float, ...] | None:
    given = road.get("horizon_deg")
    if given is None:
        return None
    numbers = isinstance(given, list) and all(
        isinstance(item, int | float) and not isinstance(item, bool) and 0 <= item <= 90
        for item in given
    )
    if not numbers or len(given) < 4:
        raise _wrong(path, "road.horizon_deg", given, "[0 … 90, …], 4 …")
    return tuple(float(item) for item in given)


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
    if not isinstance(road["layers"], list) or not all(isinstance(r, dict) for r in road["layers"]):
        raise _wrong(path, "road.layers", road["layers"], "[[road.layers]]")
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
