"""Road sensors: their last hours settle their own place, and teach like places the lacking flux."""

# Field names carry units as they are written (°C, W/m²).
# ruff: noqa: N815

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from lingjing.physics.coupling import likeness, shares_of_sensors
from lingjing.physics.road import (
    RoadColumns,
    RoadForcing,
    RoadParameters,
    RoadReadings,
    RoadShade,
    simulate_roads,
)
from lingjing.scenarios.coldwave.blocks import Columns
from lingjing.scenarios.coldwave.sensors import Hearing, Numbers, apart, doubted
from lingjing.scenarios.coldwave.situations import Situations, distinguish

QUANTITY: Final = "road_surface_temperature"
CELL_M: Final = 1000.0
"""Roads within a cell of half a sensor's reach take its word from the cell's middle."""
LEAST_GAIN: Final = 0.05
MOST_W_M2: Final = 300.0
"""A larger flux would be no error of a forcing any more; it is cut (assumed)."""
SHARE_STEP: Final = 1e-4


@dataclass(frozen=True)
class SensedRoads:
    """What the sensors of a district teach.

    Attributes:
        held_C: Readings of each sensor [sensors, hours], NaN after the run's start [°C].
        lacking_W_m2: What the forcing lacked there [sensors, members, hours to the start] [W/m²].
        shares: How much of each sensor's word a situation takes [situations, sensors].
        gain: Of each situation, 0 to 1.
    """

    held_C: Numbers
    lacking_W_m2: NDArray[np.float32]
    shares: Numbers
    gain: Numbers

    def readings(self, block: Columns, members: int) -> RoadReadings:
        """What the roads of a block hear, for the physics."""
        rows = block["row"].astype(np.int64)
        sensor = block["sensor"].astype(np.int64) - 1
        hours = self.held_C.shape[1]
        held = np.full((rows.size, hours), np.nan)
        own = sensor >= 0
        held[own] = self.held_C[sensor[own]]
        told = np.full((rows.size, members, hours), np.nan)
        known = self.lacking_W_m2.shape[2]
        told[~own, :, :known] = 0.0
        shares = np.where(own[:, None], 0.0, self.shares[rows])
        for place in np.flatnonzero(np.abs(shares).max(axis=0) > 0.0):
            told[~own, :, :known] += shares[~own, place, None, None] * self.lacking_W_m2[
                place
            ].astype(np.float64)
        return RoadReadings(held, 1.0, np.clip(told, -MOST_W_M2, MOST_W_M2))


@dataclass(frozen=True)
class Places:
    """Where the roads lie and what they are like, one row a road.

    Attributes:
        parameters: As situations tell roads apart.
        steps: Their rounding steps.
        metres: [n, 2] [m].
        ids: Of the roads [n].
    """

    parameters: Columns
    steps: dict[str, float]
    metres: Numbers
    ids: NDArray[np.object_]

    def plain(self) -> Situations:
        """Situations without any sensor."""
        return distinguish(self.parameters, self.steps)


def listen_to_roads(
    places: Places,
    sensors: NDArray[np.int64],
    readings_C: Numbers,
    weather: tuple[RoadForcing, RoadParameters],
    shade: RoadShade | None,
    columns: RoadColumns,
    hearing: Hearing,
    hours: int,
) -> tuple[Situations, SensedRoads] | None:
    """Compare the sensors with the weather, learn from those that fit, and say who takes it over.

    Args:
        places: All roads under the sky.
        sensors: Rows of those with a sensor [sensors].
        readings_C: What they say on the hours up to the start [sensors, hours] [°C].
        weather: Forcing up to the start, and the members' physics.
        shade: Of the sensors' roads, over those hours.
        columns: The sensors' roads, for the physics.
        hearing: Takes the verdicts.
        hours: Of the whole outlook, spin-up included.

    Returns:
        Situations that tell apart what sensors teach, and that; None where none is believed.
    """
    forcing, parameters = weather
    free = simulate_roads(columns, forcing, parameters, shade=shade)
    likely = np.median(free.surface_temperature_C, axis=1)
    misfit = readings_C - likely
    reasons = doubted(misfit)
    for row, reason in zip(sensors, reasons, strict=True):
        if reason is not None:
            hearing.refuse(QUANTITY, str(places.ids[row]), reason)
    kept = np.array([reason is None for reason in reasons])
    if not kept.any():
        return None
    told = simulate_roads(
        _some(columns, kept), forcing, parameters, shade=_shaded(shade, kept),
        readings=RoadReadings(readings_C[kept]),
    )  # fmt: skip
    lacking = np.clip(told.lacking_W_m2, -MOST_W_M2, MOST_W_M2).astype(np.float32)
    for place, row in enumerate(sensors[kept]):
        hearing.take(QUANTITY, str(places.ids[row]), 1.0, {
            "misfit_K": float(np.nanmedian(misfit[kept][place][-12:])),
            "lacking_W_m2": float(lacking[place, :, -1].mean(dtype=np.float64)),
        })  # fmt: skip
    situations, shares, gain = _take_over(places, sensors[kept])
    held = np.full((int(kept.sum()), hours), np.nan)
    held[:, : readings_C.shape[1]] = readings_C[kept]
    return situations, SensedRoads(held, lacking, shares, gain)


def _some(columns: RoadColumns, kept: NDArray[np.bool_]) -> RoadColumns:
    def part(values: npt.ArrayLike) -> Numbers:
        return np.asarray(values, dtype=np.float64)[kept]

    return RoadColumns(
        part(columns.bridge), part(columns.surface_material), part(columns.sky_view_factor),
        part(columns.traffic_per_day), part(columns.deck_thickness_m), columns.builds,
    )  # fmt: skip


def _shaded(shade: RoadShade | None, kept: NDArray[np.bool_]) -> RoadShade | None:
    return None if shade is None else replace(shade, lit=np.asarray(shade.lit)[kept])


def _take_over(places: Places, sensors: NDArray[np.int64]) -> tuple[Situations, Numbers, Numbers]:
    """Situations with sensors told apart, and how much of whose word each takes over."""
    own = np.zeros(places.ids.size)
    own[sensors] = np.arange(1, sensors.size + 1)
    cells = np.floor(places.metres / CELL_M)
    at = places.metres[sensors]
    like = {name: places.parameters[name] for name in ("bridge", "surface", "sky_view_factor")}
    alike_between = likeness(*like.values(), *(item[sensors] for item in like.values()))[sensors]
    between = apart(at, at)

    def shares_at(metres: Numbers, what: list[Numbers]) -> Numbers:
        alike = likeness(*what, *(item[sensors] for item in like.values()))
        found = shares_of_sensors(
            apart(metres, at), alike, between_m=between, between_alike=alike_between
        )
        return np.rint(found / SHARE_STEP) * SHARE_STEP

    reached = shares_at((cells + 0.5) * CELL_M, list(like.values())).sum(axis=1) >= LEAST_GAIN
    # roads out of reach keep one cell, so that they go on sharing their situations
    learns = reached & (own == 0)
    told = np.where(learns[:, None], cells, 0.0)
    parameters = {
        **places.parameters, "sensor": own, "learns": learns.astype(np.float64),
        "east": told[:, 0], "north": told[:, 1],
    }  # fmt: skip
    steps = {**places.steps, **dict.fromkeys(("sensor", "learns", "east", "north"), 1.0)}
    situations = distinguish(parameters, steps)
    columns = situations.columns
    here = np.stack([columns["east"], columns["north"]], axis=1)
    near = columns["learns"] > 0
    shares = np.zeros((len(situations), sensors.size))
    shares[near] = shares_at((here[near] + 0.5) * CELL_M, [columns[name][near] for name in like])
    gain = np.where(columns["sensor"] > 0, 1.0, np.clip(shares.sum(axis=1), 0.0, 1.0))
    numbered = {**columns, "row": np.arange(len(situations), dtype=np.float64)}
    return replace(situations, columns=numbered), shares, gain
