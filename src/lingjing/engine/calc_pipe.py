"""How long a standing pipe takes to freeze in steady cold: behind `lingjing calc pipe`."""

# Field names carry units as they are written (°C, W/mK).
# ruff: noqa: N815

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from lingjing.physics.materials import PIPE_MATERIALS
from lingjing.physics.pipe_sizes import (
    BARE_FILM_W_M2K,
    COVERED_FILM_W_M2K,
    INSULATION_W_MK,
    PipeTimes,
    pipe_size_mm,
    pipe_times,
)
from lingjing.vocabulary import LingjingError, Place

METHODS = {
    "to_zero": "ISO 12241 cooling, wall included",
    "to_quarter_ice": "ISO 12241 freezing, 25 %",
    "to_plug": "quasi-steady annulus",
}
Answer = TypeVar("Answer")
_OPTIONS = {
    "inner_diameter_m": "--inner-diameter-mm",
    "wall_thickness_m": "--wall-thickness-mm",
    "insulation_thickness_m": "--insulation-mm",
    "insulation_conductivity_W_mK": "--insulation-conductivity",
    "film_coefficient_W_m2K": "--film-coefficient",
    "air_temperature_C": "--air-temperature-c",
    "water_temperature_C": "--water-temperature-c",
    "nominal_mm": "--nominal-mm",
    "material": "--material",
}
_IN_METRES = ("inner_diameter_m", "wall_thickness_m", "insulation_thickness_m")


@dataclass(frozen=True)
class PipeQuestion:
    """A pipe in steady cold, in the units of the command line.

    Attributes:
        nominal_mm: Nominal size; None where bore and wall are given.
        material: A material of `kinds.toml`, or the beginning of its name.
        insulation_mm: Thickness of the insulation [mm].
        air_temperature_C: Steady air [°C].
        water_temperature_C: Water at the start [°C].
        film_coefficient_W_m2K: None takes 15 for a bare pipe, 12 for a covered one.
        insulation_conductivity_W_mK: Of the insulation [W/mK].
        inner_diameter_mm, wall_thickness_mm: Instead of a nominal size.
    """

    nominal_mm: float | None
    material: str
    insulation_mm: float
    air_temperature_C: float
    water_temperature_C: float
    film_coefficient_W_m2K: float | None = None
    insulation_conductivity_W_mK: float = INSULATION_W_MK
    inner_diameter_mm: float | None = None
    wall_thickness_mm: float | None = None


def calc_pipe(question: PipeQuestion) -> dict[str, Any]:
    """Hours to 0 °C, to 25 % ice and to the plug, with all that was assumed.

    Returns:
        Plain data: `hours_to_zero`, then from there `hours_zero_to_quarter_ice` and
        `hours_zero_to_plug`, the sums `hours_to_quarter_ice` and `hours_to_plug`, `inputs` and
        `methods`. Hours are None where it never happens.

    Raises:
        LingjingError: `physics.*` with the option as its place.
    """
    material = _at_option(lambda: _material(question.material))
    inner_mm, wall_mm = _at_option(lambda: _size(question, material))
    film = question.film_coefficient_W_m2K
    if film is None:
        film = BARE_FILM_W_M2K if question.insulation_mm == 0.0 else COVERED_FILM_W_M2K
    times: PipeTimes = _at_option(
        lambda: pipe_times(
            inner_mm / 1000.0,
            wall_mm / 1000.0,
            material,
            insulation_thickness_m=question.insulation_mm / 1000.0,
            air_temperature_C=question.air_temperature_C,
            water_temperature_C=question.water_temperature_C,
            insulation_conductivity_W_mK=question.insulation_conductivity_W_mK,
            film_coefficient_W_m2K=film,
        )
    )
    return {
        "hours_to_zero": _hours(times.to_zero_h),
        "hours_zero_to_quarter_ice": _hours(times.zero_to_quarter_h),
        "hours_zero_to_plug": _hours(times.zero_to_plug_h),
        "hours_to_quarter_ice": _hours(times.to_zero_h + times.zero_to_quarter_h),
        "hours_to_plug": _hours(times.to_zero_h + times.zero_to_plug_h),
        "inputs": {
            "nominal_mm": question.nominal_mm,
            "material": material,
            "inner_diameter_mm": round(inner_mm, 3),
            "wall_thickness_mm": round(wall_mm, 3),
            "insulation_mm": question.insulation_mm,
            "insulation_conductivity_W_mK": question.insulation_conductivity_W_mK,
            "film_coefficient_W_m2K": film,
            "air_temperature_C": question.air_temperature_C,
            "water_temperature_C": question.water_temperature_C,
            "resistance_mK_W": round(times.resistance_mK_W, 6),
        },
        "methods": dict(METHODS),
    }


def _hours(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _material(given: str) -> str:
    """The material whose name is, or alone begins with, what was given."""
    name = given.strip().lower().replace("-", "_").replace(" ", "_")
    if name in PIPE_MATERIALS:
        return name
    near = [item for item in PIPE_MATERIALS if name and item.startswith(name)]
    if len(near) == 1:
        return near[0]
    raise LingjingError(
        "physics.unknown-method",
        Place(field="material"),
        name=given,
        known=", ".join(PIPE_MATERIALS),
    )


def _size(question: PipeQuestion, material: str) -> tuple[float, float]:
    """Bore and wall [mm], as given or by the nominal size."""
    inner, wall = question.inner_diameter_mm, question.wall_thickness_mm
    if question.nominal_mm is not None:
        if not math.isfinite(question.nominal_mm):
            raise LingjingError("physics.not-finite", Place(field="nominal_mm"), name="nominal_mm")
        outer, standard_wall = pipe_size_mm(question.nominal_mm, material)
        wall = standard_wall if wall is None else wall
        return (outer - 2.0 * wall if inner is None else inner), wall
    missing = "inner_diameter_m" if inner is None else "wall_thickness_m"
    if inner is None or wall is None:
        raise LingjingError("physics.no-size", Place(field=missing))
    return inner, wall


def _at_option(act: Callable[[], Answer]) -> Answer:
    """Let a fault of the physics name the option it came from, in the option's unit."""
    try:
        return act()
    except LingjingError as error:
        field = error.place.field if error.place else None
        if field not in _OPTIONS:
            raise
        values = dict(error.values)
        if values.get("name") == field:
            values["name"] = _OPTIONS[field]
        if field in _IN_METRES and error.code == "physics.out-of-range":
            values |= {key: _millimetres(values[key]) for key in ("lower", "upper", "value")}
        raise LingjingError(error.code, Place(field=_OPTIONS[field]), **values) from None


def _millimetres(metres: Any) -> float:
    return round(float(metres) * 1000.0, 6)
