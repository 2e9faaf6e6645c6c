"""Roads: surface temperature, water, ice, snow and frost, and when they make a road slippery."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.physics.brine import salt_dose_g_m2
from lingjing.physics.materials import ROAD_MATERIAL_OF_SURFACE
from lingjing.physics.road import (
    RoadColumns,
    RoadForcing,
    RoadHistory,
    RoadParameters,
    RoadShade,
    simulate_roads,
)
from lingjing.scenarios.coldwave.blocks import (
    BUDGET_BYTES,
    Columns,
    Floats,
    Parts,
    Reducer,
    Report,
    at_instants,
    local_hours,
    outcomes_of,
    over_blocks,
)
from lingjing.scenarios.coldwave.sensed_roads import (
    QUANTITY,
    Places,
    SensedRoads,
    listen_to_roads,
)
from lingjing.scenarios.coldwave.sensors import Hearing, matched, metres
from lingjing.scenarios.coldwave.settings import ColdwaveSettings, Numbers
from lingjing.scenarios.coldwave.shade import (
    HORIZON_STEP_DEG,
    SIDES,
    Sun,
    Surroundings,
    look_around,
    shade_of,
    sun_of,
)
from lingjing.scenarios.coldwave.situations import Situations
from lingjing.sdk import Outcome, Outlook, TwinView

SLIPPERY_MM: Final = 0.1
"""Ice, snow and frost together, as water, from which a surface below 0 °C is called slippery."""

ICY_MM: Final = 0.1  # ice alone, as water

LEAST_DOSE_G_M2: Final = 8.0  # what a spreader lays at least (Scottish network, frost)
MOST_DOSE_G_M2: Final = 40.0  # two passes of 20; beyond that the road is ploughed first

SURFACES: Final = tuple(ROAD_MATERIAL_OF_SURFACE)

SKY_VIEW_STREET: Final = 0.7  # a street between mid-rise houses
SKY_VIEW_OPEN: Final = 1.0  # a bridge or ramp
DECK_THICKNESS_M: Final = 0.45  # the deck of METRo

# Traffic by local hour, relative: low at night, two peaks; an assumption of ours.
TRAFFIC_BY_HOUR: Final = np.concatenate(
    [
        [0.25, 0.18, 0.15, 0.15, 0.2, 0.4, 0.9, 1.5, 1.8, 1.6, 1.4, 1.3],
        [1.25, 1.3, 1.35, 1.4, 1.5, 1.75, 1.7, 1.3, 1.0, 0.8, 0.55, 0.37],
    ]
)

Numbers64 = NDArray[np.float64]

STEPS: Final = {
    **dict.fromkeys(SIDES, HORIZON_STEP_DEG),
    "bridge": 1.0,
    "surface": 1.0,
    "sky_view_factor": 0.05,
    "log_traffic": 0.25,  # traffic on a logarithmic scale, four steps a decade
    "salt_round_g_m2": 1.0,
    "salt_round_hour": 1.0,
}
SALT_ROUND_HOUR: Final = 20.0  # local; before the night's ice, after the evening's traffic


def open_roads(view: TwinView) -> NDArray[np.bool_]:
    """Segments under the sky [n]: tunnels get no rain, snow or sky, and are left out."""
    return ~view.flag("tunnel")


def by_class(view: TwinView, name: str, table: Numbers) -> NDArray[np.float64]:
    """A quantity of each segment [n], by its road class where the map knows none."""
    classes = view.text("road_class", "other")
    assumed = np.array([table[item] for item in classes], dtype=np.float64)
    known = view.number(name)
    return np.where(np.isnan(known), assumed, known)


def places_of_roads(
    view: TwinView,
    settings: ColdwaveSettings,
    around: Surroundings | None,
    latitude_deg: float,
) -> Places:
    """Segments under the sky, with what tells them apart.

    A sky view that the map gives goes before the one that the buildings leave; decks and ramps
    stand above what would shade them.
    """
    traffic = by_class(view, "traffic_volume", settings.traffic_per_day)
    raised = view.flag("bridge") | view.flag("ramp")
    surface = np.array([SURFACES.index(item) for item in view.text("surface", "asphalt")])
    sky = view.number("sky_view_factor")
    street = np.full(len(view), SKY_VIEW_STREET) if around is None else around.view
    sky = np.where(np.isnan(sky), np.where(raised, SKY_VIEW_OPEN, street), sky)
    sides = np.zeros((len(view), len(SIDES)))
    if around is not None:
        sides = np.where(raised[:, None], 0.0, around.sides_deg)
    parameters = {
        **{name: sides[:, side] for side, name in enumerate(SIDES)},
        "bridge": raised.astype(np.float64),
        "surface": surface.astype(np.float64),
        "sky_view_factor": sky,
        "log_traffic": np.log10(np.maximum(traffic, 1.0)),
        **salted(view),
    }
    kept = open_roads(view)
    return Places(
        {name: values[kept] for name, values in parameters.items()},
        STEPS,
        metres(view, latitude_deg)[kept],
        view.ids[kept],
    )


def salted(view: TwinView) -> dict[str, Numbers64]:
    """The daily round of salt [n] [g/m²], and its local hour where there is a round."""
    dose = view.number("salt_round", 0.0)
    hour = view.number("salt_round_hour", SALT_ROUND_HOUR)
    return {
        "salt_round_g_m2": dose,
        "salt_round_hour": np.where(dose > 0.0, hour, SALT_ROUND_HOUR),
    }


def foresee_roads(
    view: TwinView,
    buildings: TwinView,
    settings: ColdwaveSettings,
    outlook: Outlook,
    *,
    rng: np.random.Generator,
    report: Report,
    budget_bytes: int = BUDGET_BYTES,
    hearing: Hearing | None = None,
) -> tuple[Outcome, ...]:
    """All outcomes of the district's roads under the sky.

    Args:
        view: Road segments.
        buildings: Cast their shadows where their footprints are known.
        settings: The district's, for what the map does not know.
        outlook: Complete forcings with their spin-up.
        rng: Draws the physics' uncertain parameters, one set a member.
        report: Takes the finished share.
        budget_bytes: Memory for one block; no influence on the results.
        hearing: Takes what becomes of the sensors' word.
    """
    kept = open_roads(view)
    if not bool(kept.any()):
        return ()
    around = look_around(view, buildings)
    places = places_of_roads(view, settings, around, outlook.latitude_deg)
    parameters = RoadParameters.sampled(outlook.members, rng)
    forcing = forcing_of(outlook)
    sun = None
    if around is not None:
        sun = sun_of(outlook, np.asarray(forcing.shortwave_down_W_m2, dtype=np.float32))
    heard = _listen(view, places, outlook, (forcing, parameters, sun), hearing or Hearing(()))
    situations, sensed = heard if heard is not None else (places.plain(), None)
    shared = (
        forcing, parameters, outlook.spin_up_hours, sun, local_hours(outlook.times), sensed
    )  # fmt: skip
    arrays = 8 if sensed is None else 12  # the flux that lacks comes in double precision
    blocks = over_blocks(_block, shared, situations, outlook, arrays, budget_bytes, report)
    return outcomes_of("RoadSegment", places.ids, situations.index, blocks)


def _listen(
    view: TwinView,
    places: Places,
    outlook: Outlook,
    weather: tuple[RoadForcing, RoadParameters, Sun | None],
    hearing: Hearing,
) -> tuple[Situations, SensedRoads] | None:
    """What the district's road sensors teach; None where there are none to believe."""
    rows, readings_C = matched(view, outlook.readings_of("RoadSegment", QUANTITY))
    under_sky = open_roads(view)
    heard = under_sky[rows]
    sensors = (np.cumsum(under_sky) - 1)[rows[heard]]
    if not sensors.size:
        return None
    forcing, parameters, sun = weather
    known = outlook.spin_up_hours + 1
    plain = places.plain()
    block = {name: values[plain.index[sensors]] for name, values in plain.columns.items()}
    earlier = _until(forcing, known)
    shade = None
    if sun is not None:
        lit = shade_of(np.stack([block[name] for name in SIDES], axis=1), sun)
        shade = RoadShade(np.asarray(lit.lit)[:, :known], np.asarray(lit.direct_share)[:, :known])
    return listen_to_roads(
        places, sensors, readings_C[heard], (earlier, parameters), shade, columns_of(block),
        hearing, outlook.times.size,
    )  # fmt: skip


def _until(forcing: RoadForcing, hours: int) -> RoadForcing:
    """The first hours of a forcing."""
    parts = {item.name: getattr(forcing, item.name) for item in fields(forcing)}
    return replace(forcing, **{
        name: np.asarray(values)[..., :hours] for name, values in parts.items()
        if values is not None
    })  # fmt: skip


Shared = tuple[RoadForcing, RoadParameters, int, Sun | None, NDArray[np.int64], SensedRoads | None]


def _block(shared: Shared, block: Columns) -> Parts:
    """The outcomes of one block of situations."""
    forcing, parameters, first_output, sun, clock, sensed = shared
    shade = None
    if sun is not None:
        shade = shade_of(np.stack([block[name] for name in SIDES], axis=1), sun)
    told = None
    if sensed is not None:
        told = sensed.readings(block, np.shape(forcing.air_temperature_C)[0])
    history = simulate_roads(
        columns_of(block),
        forcing,
        parameters,
        shade=shade,
        readings=told,
        salt_g_m2=_rounds(block, clock, first_output),
        first_output=first_output,
    )
    reducer = Reducer()
    _collect(reducer, history)
    if sensed is not None:
        reducer.sensor_gain(sensed.gain[block["row"].astype(np.int64)])
    return reducer.parts


def _rounds(block: Columns, clock: NDArray[np.int64], first_output: int) -> Numbers64:
    """Salt spread in the hour that ends at each instant [block, times]; none in the spin-up.

    A round at 20 o'clock spreads in the hour from then on, which ends at 21.
    """
    due = ((clock[None, :] - 1) % 24) == np.rint(block["salt_round_hour"])[:, None]
    due[:, : first_output + 1] = False
    return np.where(due, block["salt_round_g_m2"][:, None], 0.0)


def columns_of(block: Columns) -> RoadColumns:
    """The physics' columns for situations of roads."""
    count = block["bridge"].size
    return RoadColumns(
        bridge=block["bridge"] > 0.5,
        surface_material=np.array(
            [ROAD_MATERIAL_OF_SURFACE[SURFACES[int(item)]] for item in block["surface"]]
        ),
        sky_view_factor=block["sky_view_factor"],
        traffic_per_day=np.where(block["log_traffic"] > 0, 10 ** block["log_traffic"], 0.0),
        deck_thickness_m=np.full(count, DECK_THICKNESS_M),
    )


def forcing_of(outlook: Outlook) -> RoadForcing:
    """The weather as the physics of roads takes it."""
    given = outlook.forcings
    return RoadForcing(
        air_temperature_C=given["air_temperature"],
        dew_point_C=given["dew_point"],
        wind_speed_m_s=given["wind_speed"],
        shortwave_down_W_m2=at_instants(given["shortwave_down"]),
        longwave_down_W_m2=at_instants(given["longwave_down"]),
        precipitation_mm_h=given["precipitation"],
        traffic_profile=(TRAFFIC_BY_HOUR / TRAFFIC_BY_HOUR.sum())[local_hours(outlook.times)],
    )


def _collect(reducer: Reducer, history: RoadHistory) -> None:
    surface = history.surface_temperature_C
    solid = history.ice_mm + history.snow_mm + history.frost_mm
    reducer.state("road_surface_temperature", surface, "lowest")
    reducer.state("road_water", history.water_mm, "highest")
    reducer.state("road_ice", history.ice_mm, "highest")
    reducer.state("road_snow", history.snow_mm, "highest")
    reducer.state("road_frost", history.frost_mm, "highest")
    reducer.state("salt_dose", _dose(surface, history.water_mm + solid), "highest")
    reducer.event("road_below_zero", surface < 0.0)
    reducer.event("road_slippery", (solid > SLIPPERY_MM) & (surface < 0.0))
    reducer.event("road_icy", history.ice_mm > ICY_MM)


def _dose(surface_temperature_C: Floats, film_mm: Floats) -> Floats:
    """Salt that keeps the film liquid [g/m²], between what a spreader lays least and most.

    The dose is proportional to the film, so it is looked up for 1 mm on a grid of temperatures.
    """
    grid = np.arange(-21.0, 0.01, 0.05)
    for_one_mm = salt_dose_g_m2(grid, 1.0)
    dose = film_mm * np.interp(surface_temperature_C, grid, for_one_mm).astype(np.float32)
    needed = (surface_temperature_C < 0.0) & (film_mm > SLIPPERY_MM)
    spread: Floats = np.where(needed, np.clip(dose, LEAST_DOSE_G_M2, MOST_DOSE_G_M2), 0.0)
    return spread.astype(np.float32)
