"""What things are made of: pipes, tanks and roads, keyed by the words of `kinds.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from lingjing.physics.arrays import FloatArray, Numbers, floats
from lingjing.vocabulary import LingjingError, Place


@dataclass(frozen=True, slots=True)
class PipeMaterial:
    """A wall: how it carries heat and how much it bears.

    Attributes:
        conductivity_W_mK: Heat conductivity [W/mK].
        heat_capacity_J_m3K: Volumetric heat capacity [J/m³K].
        strength_MPa: Tensile stress at which it fails near 0 °C [MPa].
        stiffness_GPa: Modulus of elasticity near 0 °C [GPa].
        joint_efficiency: What the weakest joint bears of the wall's strength (assumed: 0.25 for
            old threads, 0.7 otherwise); it puts steel and copper at the 20 to 30 MPa at which
            Gordon (1996) saw pipes burst.

    Handbook values (VDI Heat Atlas for heat; EN 10255, EN 545, EN 1057, EN ISO 15874, EN 12201
    and EN ISO 1452 families for strength), ±10 % for metals, ±30 % for plastics; joints and old
    threads are weaker than the wall.
    """

    conductivity_W_mK: float
    heat_capacity_J_m3K: float
    strength_MPa: float
    stiffness_GPa: float
    joint_efficiency: float = 0.7


PIPE_MATERIALS: Final[dict[str, PipeMaterial]] = {
    "galvanised_steel": PipeMaterial(50.0, 3.6e6, 320.0, 200.0, 0.25),
    "ductile_iron": PipeMaterial(35.0, 3.6e6, 420.0, 170.0),
    "stainless_steel": PipeMaterial(15.0, 3.9e6, 500.0, 195.0),
    "copper": PipeMaterial(380.0, 3.45e6, 220.0, 120.0),
    "ppr": PipeMaterial(0.22, 1.7e6, 25.0, 1.1),
    "pe": PipeMaterial(0.42, 2.1e6, 24.0, 1.2),
    "pvc": PipeMaterial(0.16, 1.3e6, 48.0, 3.2),
    "brass": PipeMaterial(110.0, 3.2e6, 250.0, 100.0, 0.25),
    "concrete": PipeMaterial(1.6, 2.1e6, 3.0, 30.0),
    "other": PipeMaterial(0.5, 2.0e6, 30.0, 3.0),
}


class RoadMaterial(IntEnum):
    """Codes of `RoadColumns.surface_material`."""

    ASPHALT = 0
    CONCRETE = 1
    PAVING_STONES = 2
    GRAVEL = 3


ROAD_MATERIAL_OF_SURFACE: Final[dict[str, RoadMaterial]] = {
    "asphalt": RoadMaterial.ASPHALT,
    "concrete": RoadMaterial.CONCRETE,
    "paving_stones": RoadMaterial.PAVING_STONES,
    "gravel": RoadMaterial.GRAVEL,
    "unpaved": RoadMaterial.GRAVEL,
    "other": RoadMaterial.ASPHALT,
}


@dataclass(frozen=True, slots=True)
class RoadLayer:
    """A layer of a road: down to which depth [m], conductivity [W/mK], heat capacity [J/m³K].

    `moisture_m3_m3` is water in its pores that freezes near 0 °C [m³/m³].
    """

    bottom_m: float
    conductivity_W_mK: float
    heat_capacity_J_m3K: float
    moisture_m3_m3: float = 0.0


@dataclass(frozen=True, slots=True)
class RoadBuild:
    """A road's albedo when dry, its layers on the ground, and what a deck of it is made of."""

    albedo: float
    ground: tuple[RoadLayer, ...]
    deck: tuple[RoadLayer, ...]


# Conductivities and capacities are those of METRo (asphalt 0.8, gravel 0.95, concrete 2.2, sand
# and soil 1.0 W/mK; 2.1e6, soil 2.0e6 J/m3K; Crevier & Delage 2001, J. Appl. Meteorol. 40,
# 2026-2037). Albedo 0.1 is that of METRo and RoadSurf for asphalt; the others are handbook values
# (Oke et al. 2017, Urban Climates, table 5.1). Moisture that freezes: drained base 5 %, soil 15 %
# (assumed; `RoadParameters.moisture_factor` carries the doubt).
_SOIL = RoadLayer(99.0, 1.0, 2.0e6, 0.15)
_DECK = RoadLayer(99.0, 2.2, 2.1e6)
_ASPHALT_DECK = (RoadLayer(0.07, 0.8, 2.1e6), _DECK)
ROAD_BUILDS: Final[dict[RoadMaterial, RoadBuild]] = {
    RoadMaterial.ASPHALT: RoadBuild(
        0.10,
        (RoadLayer(0.15, 0.8, 2.1e6), RoadLayer(0.45, 0.95, 2.1e6, 0.05), _SOIL),
        _ASPHALT_DECK,
    ),
    RoadMaterial.CONCRETE: RoadBuild(
        0.25, (RoadLayer(0.22, 2.2, 2.1e6), RoadLayer(0.45, 0.95, 2.1e6, 0.05), _SOIL), (_DECK,)
    ),
    RoadMaterial.PAVING_STONES: RoadBuild(
        0.20,
        (
            RoadLayer(0.10, 2.2, 2.1e6),
            RoadLayer(0.15, 1.0, 2.1e6),
            RoadLayer(0.40, 0.95, 2.1e6, 0.05),
            _SOIL,
        ),
        (RoadLayer(0.10, 2.2, 2.1e6), _DECK),
    ),
    RoadMaterial.GRAVEL: RoadBuild(
        0.20, (RoadLayer(0.30, 0.95, 2.1e6, 0.05), _SOIL), _ASPHALT_DECK
    ),
}


def pipe_material(name: str) -> PipeMaterial:
    """The material of that name.

    Raises:
        LingjingError: `physics.unknown-method` for a name that is not a choice of `kinds.toml`.
    """
    try:
        return PIPE_MATERIALS[name]
    except KeyError:
        raise LingjingError(
            "physics.unknown-method",
            Place(field="material"),
            name=name,
            known=", ".join(PIPE_MATERIALS),
        ) from None


def burst_share(
    inner_diameter_m: Numbers, wall_thickness_m: Numbers, material: str = "galvanised_steel"
) -> FloatArray:
    """Share of the water confined behind a plug that must freeze before the wall fails.

    Freezing a share x of confined water wants 9 % of x more room; the water is compressed and the
    wall stretched until the hoop stress reaches the strength: p = j S 2t/d and
    0.09 x = p (1/K + d/(E t)), K = 2.0 GPa, the wall's stretch thin-walled.

    Args:
        inner_diameter_m: Inner diameter [m].
        wall_thickness_m: Wall [m].
        material: A choice of `kinds.toml`.

    Returns:
        Share, held to 0.001..1. Metals fail within per cents; plastics stretch much further.

    References:
        Gordon (1996), An investigation into freezing and bursting water pipes in residential
        construction, University of Illinois, Building Research Council.

    >>> round(float(burst_share(0.0157, 0.00275)), 3)
    0.165
    """
    wall = pipe_material(material)
    ratio = floats(inner_diameter_m) / floats(wall_thickness_m)
    pressure = wall.joint_efficiency * wall.strength_MPa * 1e6 * 2.0 / ratio
    stretch = 1.0 / 2.0e9 + ratio / (wall.stiffness_GPa * 1e9)
    return (pressure * stretch / 0.09).clip(1e-3, 1.0)
