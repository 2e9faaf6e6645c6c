"""Standard sizes of water pipes, and how long steady cold takes to freeze one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from lingjing.physics.arrays import checked
from lingjing.physics.freezing import (
    WATER_DENSITY,
    WATER_HEAT_CAPACITY,
    hours_to_cool,
    hours_to_ice_radius,
    hours_to_ice_share,
)
from lingjing.physics.materials import pipe_material
from lingjing.vocabulary import LingjingError, Place

BARE_FILM_W_M2K: Final = 15.0  # light wind
COVERED_FILM_W_M2K: Final = 12.0
INSULATION_W_MK: Final = 0.036  # closed-cell foam
QUARTER: Final = 0.25  # share of ice that ISO 12241 commonly allows

_THREADED = {15: (21.3, 2.75), 20: (26.8, 2.75), 25: (33.5, 3.25), 32: (42.3, 3.25),
             40: (48.0, 3.5), 50: (60.0, 3.5), 65: (75.5, 3.75), 80: (88.5, 4.0),
             100: (114.0, 4.0)}  # fmt: skip
PIPE_SIZES_MM: Final[dict[str, dict[int, tuple[float, float]]]] = {
    "galvanised_steel": _THREADED,
    "brass": _THREADED,
    "ppr": {20: (20.0, 2.8), 25: (25.0, 3.5), 32: (32.0, 4.4), 40: (40.0, 5.5), 50: (50.0, 6.9),
            63: (63.0, 8.6)},
    "pe": {20: (20.0, 2.0), 25: (25.0, 2.3), 32: (32.0, 3.0), 40: (40.0, 3.7), 50: (50.0, 4.6),
           63: (63.0, 5.8)},
    "pvc": {20: (20.0, 1.5), 25: (25.0, 1.9), 32: (32.0, 2.4), 40: (40.0, 3.0), 50: (50.0, 3.7),
            63: (63.0, 4.7)},
    "copper": {15: (15.0, 1.0), 22: (22.0, 1.0), 28: (28.0, 1.0), 35: (35.0, 1.2), 42: (42.0, 1.2),
               54: (54.0, 1.5)},
    "stainless_steel": {15: (15.0, 1.0), 22: (22.0, 1.2), 28: (28.0, 1.2), 35: (35.0, 1.5),
                        42: (42.0, 1.5), 54: (54.0, 1.5)},
    "ductile_iron": {80: (98.0, 6.0), 100: (118.0, 6.0), 150: (170.0, 6.0), 200: (222.0, 6.3)},
}  # fmt: skip
"""Material → nominal size → outer diameter and wall [mm].

Threaded steel as GB/T 3091 had it in 1993, the pipe of the old stock (nominal is near the bore;
later editions are 0.05 to 0.3 mm off); PP-R of series S3.2, PE of
SDR 11 from 25 mm, PVC-U of PN 16, copper (EN 1057), stainless steel (EN 10312) by their outside;
ductile iron after EN 545.
"""


@dataclass(frozen=True, slots=True)
class PipeTimes:
    """How long a standing pipe takes in steady cold [h]; infinite in air that is not below 0 °C.

    Attributes:
        to_zero_h: From the start until water and wall are at 0 °C.
        zero_to_quarter_h: From 0 °C until a quarter of the bore is ice.
        zero_to_plug_h: From 0 °C until ice closes the bore.
        resistance_mK_W: Wall, insulation and film in series [mK/W].
    """

    to_zero_h: float
    zero_to_quarter_h: float
    zero_to_plug_h: float
    resistance_mK_W: float


def pipe_size_mm(nominal_mm: float, material: str) -> tuple[float, float]:
    """Outer diameter and wall [mm] of a nominal size.

    Raises:
        LingjingError: `physics.unknown-method` for a material that is not known,
            `physics.unknown-size` for a size the material does not come in.

    >>> pipe_size_mm(20, "galvanised_steel")
    (26.8, 2.75)
    """
    pipe_material(material)
    sizes = PIPE_SIZES_MM.get(material, {})
    for size, found in sizes.items():
        if size == nominal_mm:
            return found
    known = ", ".join(map(str, sizes)) or "—"
    place = Place(field="nominal_mm")
    raise LingjingError(
        "physics.unknown-size", place, size=f"{nominal_mm:g}", material=material, known=known
    )


def pipe_times(
    inner_diameter_m: float,
    wall_thickness_m: float,
    material: str,
    *,
    insulation_thickness_m: float,
    air_temperature_C: float,
    water_temperature_C: float,
    insulation_conductivity_W_mK: float = INSULATION_W_MK,
    film_coefficient_W_m2K: float | None = None,
) -> PipeTimes:
    """Times to 0 °C, to a quarter of ice and to the plug of a standing pipe in steady cold.

    Args:
        inner_diameter_m: Bore [m], 0.001 to 5.
        wall_thickness_m: Wall [m], above 0.
        material: A choice of `kinds.toml`.
        insulation_thickness_m: Insulation [m]; 0 is bare.
        air_temperature_C: Steady air [°C], -80 to 60.
        water_temperature_C: Water and wall at the start [°C], 0 to 60.
        insulation_conductivity_W_mK: Of the insulation [W/mK].
        film_coefficient_W_m2K: Between surface and air [W/m²K]; None takes 15 for a bare pipe and
            12 for a covered one.

    Returns:
        PipeTimes, in the closed forms (b) and (c) of `freezing`: the wall's heat counts before
        0 °C, supercooling does not, the ice's own resistance counts on the way to the plug only.

    Raises:
        LingjingError: `physics.not-finite`, `physics.out-of-range`, `physics.unknown-method`.

    >>> times = pipe_times(0.0213, 0.0028, "galvanised_steel", insulation_thickness_m=0.0,
    ...     air_temperature_C=-7.2, water_temperature_C=5.0)
    >>> round(times.to_zero_h, 1), round(times.zero_to_quarter_h, 1), round(times.zero_to_plug_h, 1)
    (0.3, 0.8, 3.5)
    """
    wall = pipe_material(material)
    film = film_coefficient_W_m2K
    if film is None:
        film = BARE_FILM_W_M2K if insulation_thickness_m == 0.0 else COVERED_FILM_W_M2K
    bounds = {
        "inner_diameter_m": (inner_diameter_m, 1e-3, 5.0),
        "wall_thickness_m": (wall_thickness_m, 1e-5, 0.5),
        "insulation_thickness_m": (insulation_thickness_m, 0.0, 2.0),
        "insulation_conductivity_W_mK": (insulation_conductivity_W_mK, 1e-3, 10.0),
        "film_coefficient_W_m2K": (film, 0.1, 500.0),
        "air_temperature_C": (air_temperature_C, -80.0, 60.0),
        "water_temperature_C": (water_temperature_C, 0.0, 60.0),
    }
    for name, (value, lower, upper) in bounds.items():
        checked(name, value, (), lower=lower, upper=upper)
    inner = 0.5 * inner_diameter_m
    outer = inner + wall_thickness_m
    skin = outer + insulation_thickness_m
    resistance = (
        math.log(outer / inner) / (2.0 * math.pi * wall.conductivity_W_mK)
        + math.log(skin / outer) / (2.0 * math.pi * insulation_conductivity_W_mK)
        + 1.0 / (2.0 * math.pi * skin * film)
    )
    heat = WATER_DENSITY * WATER_HEAT_CAPACITY * math.pi * inner**2
    heat += wall.heat_capacity_J_m3K * math.pi * (outer**2 - inner**2)
    if air_temperature_C >= 0.0:
        return PipeTimes(math.inf, math.inf, math.inf, resistance)
    return PipeTimes(
        float(hours_to_cool(heat, resistance, water_temperature_C, 0.0, air_temperature_C)),
        float(hours_to_ice_share(QUARTER, inner, resistance, air_temperature_C)),
        float(hours_to_ice_radius(0.0, inner, resistance, air_temperature_C)),
        resistance,
    )
