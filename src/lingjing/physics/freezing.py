"""Closed forms for freezing, and the numerical fronts that check them."""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np

from lingjing.physics.arrays import FloatArray, Numbers, floats
from lingjing.vocabulary import LingjingError, Place

WATER_DENSITY: Final = 1000.0  # kg/m3
ICE_DENSITY: Final = 917.0  # kg/m3
WATER_HEAT_CAPACITY: Final = 4200.0  # J/kgK
ICE_HEAT_CAPACITY: Final = 2100.0  # J/kgK
HEAT_OF_FUSION: Final = 333_600.0  # J/kg
ICE_CONDUCTIVITY: Final = 2.22  # W/mK
WATER_CONDUCTIVITY: Final = 0.569  # W/mK


def hours_to_zero_insulated(
    inner_diameter_m: Numbers,
    insulation_inner_diameter_m: Numbers,
    insulation_thickness_m: Numbers,
    insulation_conductivity_W_mK: Numbers,
    water_temperature_C: Numbers,
    air_temperature_C: Numbers,
) -> FloatArray:
    """Time in which standing water in an insulated pipe cools to 0 °C.

    The water's heat leaves through the insulation alone: no film, no wall, no latent heat.

    Args:
        inner_diameter_m: Diameter of the water [m].
        insulation_inner_diameter_m: Outer diameter of the bare pipe [m].
        insulation_thickness_m: Thickness of the insulation [m].
        insulation_conductivity_W_mK: Its conductivity [W/mK].
        water_temperature_C: Water at the start [°C], above 0.
        air_temperature_C: Constant air temperature [°C], below 0.

    Returns:
        Time [h].

    References:
        ASHRAE Handbook, Fundamentals, chapter on insulation for mechanical systems.

    >>> inch = 0.0254  # NPS 2, 1.5 in insulation, 0.30 Btu in/h ft2 F, 42 F water, -18 F air
    >>> round(float(hours_to_zero_insulated(
    ...     2.067 * inch, 2.375 * inch, 1.5 * inch, 0.30 * 0.14423, 5.556, -27.78)), 2)
    1.38
    """
    core, inner = floats(inner_diameter_m), floats(insulation_inner_diameter_m)
    outer = inner + 2.0 * floats(insulation_thickness_m)
    resistance = np.log(outer / inner) / (2.0 * np.pi * floats(insulation_conductivity_W_mK))
    heat = WATER_DENSITY * WATER_HEAT_CAPACITY * np.pi * core**2 / 4.0
    air = floats(air_temperature_C)
    return heat * resistance * np.log((floats(water_temperature_C) - air) / (0.0 - air)) / 3600.0


def hours_to_cool(
    heat_capacity_J_mK: Numbers,
    resistance_mK_W: Numbers,
    start_C: Numbers,
    end_C: Numbers,
    air_temperature_C: Numbers,
) -> FloatArray:
    """Time in which a pipe with its water cools from one temperature to another (ISO 12241 form).

    Args:
        heat_capacity_J_mK: Heat of water and wall together [J/mK].
        resistance_mK_W: Wall, insulation and film in series [mK/W].
        start_C: Start [°C].
        end_C: End [°C], between start and air.
        air_temperature_C: Constant air temperature [°C].

    Returns:
        Time [h]; infinite where the air is not colder than `end_C`.
    """
    air = floats(air_temperature_C)
    start, end = floats(start_C) - air, floats(end_C) - air
    with np.errstate(divide="ignore", invalid="ignore"):
        hours = floats(heat_capacity_J_mK) * floats(resistance_mK_W) * np.log(start / end) / 3600.0
    return np.where(end > 0.0, hours, np.inf)


def hours_to_ice_share(
    ice_share: Numbers,
    inner_radius_m: Numbers,
    resistance_mK_W: Numbers,
    air_temperature_C: Numbers,
) -> FloatArray:
    """Time at 0 °C until a share of the bore is ice, the ice's own resistance left out.

    Args:
        ice_share: Share of the cross-section, 0 to 1; 0.25 is the usual allowance.
        inner_radius_m: Inner radius of the pipe [m].
        resistance_mK_W: Wall, insulation and film in series [mK/W].
        air_temperature_C: Constant air temperature [°C], below 0.

    Returns:
        Time [h].

    References:
        ISO 12241, freezing of stationary water.
    """
    mass = floats(ice_share) * ICE_DENSITY * np.pi * floats(inner_radius_m) ** 2
    loss = (0.0 - floats(air_temperature_C)) / floats(resistance_mK_W)
    return mass * HEAT_OF_FUSION / loss / 3600.0


def hours_to_ice_radius(
    ice_radius_m: Numbers,
    inner_radius_m: Numbers,
    resistance_mK_W: Numbers,
    air_temperature_C: Numbers,
) -> FloatArray:
    """Time at 0 °C until annular ice has grown inward to a radius (quasi-steady cylinder).

    t = rho_i L/(-t_a) {pi (ri² - r²) R + [(ri² - r²)/4 - (r²/2) ln(ri/r)]/k_i}.

    Args:
        ice_radius_m: Radius of the remaining water [m]; 0 is the plug.
        inner_radius_m: Inner radius of the pipe [m].
        resistance_mK_W: Wall, insulation and film in series [mK/W].
        air_temperature_C: Constant air temperature [°C], below 0.

    Returns:
        Time [h]. The heat stored in the ice is left out: within 2 % for c_i |t_a| << L.

    >>> ri, ro = 0.01065, 0.01345  # galvanised DN20, bare, film 15 W/m2K
    >>> bare = 1 / (2 * 3.141592653589793 * ro * 15) + 0.0007
    >>> round(float(hours_to_ice_radius(0.0, ri, bare, -5.0)), 1)
    5.0
    """
    radius, inner = floats(ice_radius_m), floats(inner_radius_m)
    area = inner**2 - radius**2
    # A core far thinner than any molecule is a plug; its ratio would only overflow.
    ratio = inner / np.where(radius > 1e-12 * inner, radius, inner)
    own = (area / 4.0 - radius**2 / 2.0 * np.log(ratio)) / ICE_CONDUCTIVITY
    drive = ICE_DENSITY * HEAT_OF_FUSION / (0.0 - floats(air_temperature_C))
    return drive * (np.pi * area * floats(resistance_mK_W) + own) / 3600.0


def neumann_lambda(
    surface_C: float,
    water_C: float = 0.0,
    *,
    ice_density: float = WATER_DENSITY,
    heat_of_fusion: float = HEAT_OF_FUSION,
) -> float:
    """The similarity constant of Neumann's solution for a freezing half-space.

    Solves exp(-x²)/erf(x) = x L sqrt(pi)/(c_i (0-Ts))
    + (k_w/k_i) sqrt(a_i/a_w) (T0/(0-Ts)) exp(-x² a_i/a_w)/erfc(x sqrt(a_i/a_w)).

    Args:
        surface_C: Constant surface temperature [°C], below 0.
        water_C: Water far away at the start [°C], 0 or above.
        ice_density: Density of ice [kg/m³]; that of water by default, as no volume change is
            part of the solution.
        heat_of_fusion: Latent heat [J/kg].

    Returns:
        The dimensionless constant; the front stands at `2 lambda sqrt(alpha_ice t)`.

    References:
        Carslaw & Jaeger (1959), Conduction of Heat in Solids, section 11.2.

    >>> round(neumann_lambda(-10.0), 5), round(neumann_lambda(-10.0, 5.0), 4)
    (0.17559, 0.1661)
    """
    ice = ICE_CONDUCTIVITY / (ice_density * ICE_HEAT_CAPACITY)
    water = WATER_CONDUCTIVITY / (WATER_DENSITY * WATER_HEAT_CAPACITY)
    ratio = ice / water
    cold = 0.0 - surface_C

    def excess(x: float) -> float:
        liquid = math.erfc(x * math.sqrt(ratio))
        warm = (
            WATER_CONDUCTIVITY
            / ICE_CONDUCTIVITY
            * math.sqrt(ratio)
            * water_C
            / cold
            * math.exp(-x * x * ratio)
            / liquid
        )
        latent = x * heat_of_fusion * math.sqrt(math.pi) / (ICE_HEAT_CAPACITY * cold)
        return math.exp(-x * x) / math.erf(x) - warm - latent

    low, high = 1e-9, 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high)


def neumann_front_m(hours: Numbers, surface_C: float, water_C: float = 0.0) -> FloatArray:
    """Depth of ice [m] after some hours under a constant surface temperature.

    >>> round(1000 * float(neumann_front_m(6.0, -7.2)), 2)
    45.16
    """
    diffusivity = ICE_CONDUCTIVITY / (WATER_DENSITY * ICE_HEAT_CAPACITY)
    scale = 2.0 * neumann_lambda(surface_C, water_C)
    return scale * np.sqrt(diffusivity * floats(hours) * 3600.0)


def enthalpy_freezing_front(
    hours: float,
    surface_C: float,
    water_C: float = 0.0,
    *,
    spacing_m: float = 0.0025,
    scheme: Literal["plain", "tracked"] = "plain",
) -> float:
    """Depth of ice [m] from an explicit one-dimensional enthalpy scheme: a check on Neumann.

    A half-space deep enough to stay undisturbed, cells of `spacing_m`.

    Args:
        hours: Time under the surface temperature [h].
        surface_C: Constant surface temperature [°C], below 0.
        water_C: Water at the start [°C], 0 or above.
        spacing_m: Size of a cell [m].
        scheme: `plain` mixes the conductivities of a freezing cell and holds 0 °C in its middle:
            first order, the front lags by about 0.4 of a cell. `tracked` holds 0 °C at the front
            inside the cell, ice before it and water behind: within 0.5 % of Neumann at 2.5 mm from
            the first hour on.

    Raises:
        LingjingError: `physics.unknown-method`.
    """
    if scheme not in _SCHEMES:
        raise LingjingError(
            "physics.unknown-method", Place(field="scheme"), name=scheme, known=", ".join(_SCHEMES)
        )
    depth = 4.0 * float(neumann_front_m(hours, surface_C)) + 0.25
    cells = math.ceil(depth / spacing_m)
    enthalpy = np.full(cells, WATER_DENSITY * (HEAT_OF_FUSION + WATER_HEAT_CAPACITY * water_C))
    ice_capacity = WATER_DENSITY * ICE_HEAT_CAPACITY
    water_capacity = WATER_DENSITY * WATER_HEAT_CAPACITY
    latent = WATER_DENSITY * HEAT_OF_FUSION
    safe, halves = _SCHEMES[scheme]
    limit = safe * spacing_m**2 * ice_capacity / ICE_CONDUCTIVITY
    steps = math.ceil(hours * 3600.0 / limit)
    step_s = hours * 3600.0 / steps
    flux = np.zeros(cells + 1)
    for _ in range(steps):
        temperature = np.where(
            enthalpy < 0.0,
            enthalpy / ice_capacity,
            np.where(enthalpy > latent, (enthalpy - latent) / water_capacity, 0.0),
        )
        near, far = halves(np.clip(1.0 - enthalpy / latent, 0.0, 1.0), spacing_m)
        flux[1:-1] = (temperature[:-1] - temperature[1:]) / (far[:-1] + near[1:])
        flux[0] = (surface_C - temperature[0]) / near[0]
        enthalpy += step_s / spacing_m * (flux[:-1] - flux[1:])
    return float(np.clip(1.0 - enthalpy / latent, 0.0, 1.0).sum() * spacing_m)


def _mixed_halves(frozen: FloatArray, spacing_m: float) -> tuple[FloatArray, FloatArray]:
    """Resistances [m²K/W] from each cell's middle to both faces, conductivities mixed."""
    conductivity = frozen * ICE_CONDUCTIVITY + (1.0 - frozen) * WATER_CONDUCTIVITY
    half = 0.5 * spacing_m / conductivity
    return half, half


def _front_halves(frozen: FloatArray, spacing_m: float) -> tuple[FloatArray, FloatArray]:
    """Resistances [m²K/W] from the front inside each cell to its near face and its far face."""
    freezing = (frozen > 0.0) & (frozen < 1.0)
    near_share = np.where(freezing, np.maximum(frozen, _THINNEST), 0.5)
    far_share = np.where(freezing, 1.0 - frozen, 0.5)
    near = near_share * spacing_m / np.where(frozen > 0.0, ICE_CONDUCTIVITY, WATER_CONDUCTIVITY)
    far = far_share * spacing_m / np.where(frozen < 1.0, WATER_CONDUCTIVITY, ICE_CONDUCTIVITY)
    return near, far


_THINNEST = 0.05  # of a cell; keeps the first flux into a cell finite
_SCHEMES: Final = {"plain": (0.4, _mixed_halves), "tracked": (0.2, _front_halves)}
"""Scheme → share of the stable step, resistances on both sides of where a cell has 0 °C."""
