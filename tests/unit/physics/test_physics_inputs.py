"""What the physics refuses, and how it says so."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from lingjing.physics.materials import (
    PIPE_MATERIALS,
    RoadMaterial,
    burst_share,
    pipe_material,
)
from lingjing.physics.pipes import PipeColumns, PipeForcing, PipeParameters, simulate_pipes
from lingjing.physics.road import RoadColumns, RoadForcing, RoadParameters, simulate_roads
from lingjing.physics.tanks import TankColumns, TankForcing, TankParameters, simulate_tanks
from lingjing.vocabulary import LingjingError, words

GOOD = np.zeros((2, 5))
ROAD = RoadColumns(np.zeros(1), np.zeros(1), 1.0, 0.0, 0.0)
ROAD_FORCING = RoadForcing(GOOD, GOOD - 2, GOOD, GOOD, GOOD + 250, GOOD, np.zeros(5))
PIPE = PipeColumns(np.full(2, 0.02), 0.003, 50.0, 3.6e6, 0.02, 0.036, 8.0, 0.5, 0.0, 0.0)
PIPE_FORCING = PipeForcing(GOOD, GOOD, np.zeros(5))
TANK = TankColumns(np.ones(1), 1.0, 0.003, 15.0, 0.0, 0.036, 8.0, 0.5, 0.0, 0.5)
TANK_FORCING = TankForcing(GOOD, GOOD, np.zeros(5))


def _code(call: object, *arguments: object, **named: object) -> tuple[str, str | None]:
    with pytest.raises(LingjingError) as caught:
        call(*arguments, **named)  # type: ignore[operator]
    place = caught.value.place
    return caught.value.code, place.field if place else None


@pytest.mark.parametrize("name", [field.name for field in fields(RoadForcing)[:6]])
def test_a_gap_in_a_road_forcing_is_named(name: str) -> None:
    values = np.array(getattr(ROAD_FORCING, name))
    values[1, 3] = np.nan
    found = _code(
        simulate_roads, ROAD, replace(ROAD_FORCING, **{name: values}), RoadParameters.central(2)
    )
    assert found == ("physics.not-finite", name)


@pytest.mark.parametrize("name", ["air_temperature_C", "wind_speed_m_s"])
def test_a_gap_in_a_pipe_or_tank_forcing_is_named(name: str) -> None:
    values = GOOD.copy()
    values[0, 0] = np.nan
    expected = ("physics.not-finite", name)
    pipes = replace(PIPE_FORCING, **{name: values})
    tanks = replace(TANK_FORCING, **{name: values})
    assert _code(simulate_pipes, PIPE, pipes, PipeParameters.central(2)) == expected
    assert _code(simulate_tanks, TANK, tanks, TankParameters.central(2)) == expected


def test_a_member_that_diverges_is_refused_with_its_index_before_anything_is_computed() -> None:
    values = GOOD.copy()
    values[1, 3] = np.inf
    with pytest.raises(LingjingError) as caught:
        simulate_pipes(
            PIPE, replace(PIPE_FORCING, air_temperature_C=values), PipeParameters.central(2)
        )
    assert "[1, 3]" in caught.value.what("en")
    assert "[1, 3]" in caught.value.what("zh-CN")
    values[1, 3] = 75.0
    with pytest.raises(LingjingError) as caught:
        simulate_pipes(
            PIPE, replace(PIPE_FORCING, air_temperature_C=values), PipeParameters.central(2)
        )
    assert caught.value.code == "physics.out-of-range"
    assert "air_temperature_C[1, 3]" in caught.value.what("en")
    assert "75.0" in caught.value.what("en")


def test_a_tank_without_a_wall_is_refused() -> None:
    found = _code(
        simulate_tanks, replace(TANK, wall_thickness_m=0.0), TANK_FORCING, TankParameters.central(2)
    )
    assert found == ("physics.out-of-range", "wall_thickness_m")


def test_members_of_unequal_length_are_refused() -> None:
    forcing = replace(ROAD_FORCING, dew_point_C=np.zeros((3, 5)))
    assert _code(simulate_roads, ROAD, forcing, RoadParameters.central(2)) == (
        "physics.wrong-shape",
        "dew_point_C",
    )
    assert _code(simulate_pipes, PIPE, PIPE_FORCING, PipeParameters.central(3)) == (
        "physics.wrong-shape",
        "film_factor",
    )
    one_axis = replace(TANK_FORCING, air_temperature_C=np.zeros(5))
    assert _code(simulate_tanks, TANK, one_axis, TankParameters.central(2)) == (
        "physics.wrong-shape",
        "air_temperature_C",
    )


@pytest.mark.parametrize("value", [-100.0, 400.0])
def test_impossible_air_is_refused(value: float) -> None:
    forcing = replace(PIPE_FORCING, air_temperature_C=np.full((2, 5), value))
    assert _code(simulate_pipes, PIPE, forcing, PipeParameters.central(2)) == (
        "physics.out-of-range",
        "air_temperature_C",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("inner_diameter_m", 20.0),
        ("wall_thickness_m", 0.0),
        ("insulation_thickness_m", -0.01),
        ("wind_exposure", 1.2),
        ("renewal_factor", -0.1),
        ("insulation_soundness", 1.1),
        ("sun_exposure", -0.1),
        ("drip_L_h", -1.0),
        ("exposed_length_m", 0.0),
        ("confined_ratio", 0.5),
    ],
)
def test_impossible_pipes_are_refused(name: str, value: float) -> None:
    columns = replace(PIPE, **{name: np.full(2, value)})
    assert _code(simulate_pipes, columns, PIPE_FORCING, PipeParameters.central(2)) == (
        "physics.out-of-range",
        name,
    )


def test_a_deck_without_thickness_and_an_unknown_material_are_refused() -> None:
    central = RoadParameters.central(2)
    bridge = replace(ROAD, bridge=np.ones(1))
    assert _code(simulate_roads, bridge, ROAD_FORCING, central)[1] == "deck_thickness_m"
    odd = replace(ROAD, surface_material=np.array([7]))
    assert _code(simulate_roads, odd, ROAD_FORCING, central)[1] == "surface_material"


def test_a_first_output_beyond_the_weather_and_odd_steps_are_refused() -> None:
    central = RoadParameters.central(2)
    assert _code(simulate_roads, ROAD, ROAD_FORCING, central, first_output=5)[1] == "first_output"
    assert _code(simulate_roads, ROAD, ROAD_FORCING, central, step_s=3600.0)[1] == "step_s"


def test_no_columns_give_empty_histories() -> None:
    none = np.zeros(0)
    roads = simulate_roads(
        RoadColumns(none, none, none, none, none), ROAD_FORCING, RoadParameters.central(2)
    )
    assert roads.surface_temperature_C.shape == (0, 2, 5)


def test_every_material_of_the_vocabulary_is_known_and_no_other() -> None:
    assert set(PIPE_MATERIALS) == set(words()["material"].choices)
    assert _code(pipe_material, "wood") == ("physics.unknown-method", "material")
    assert [member.name for member in RoadMaterial] == [
        "ASPHALT",
        "CONCRETE",
        "PAVING_STONES",
        "GRAVEL",
    ]


def test_plastic_stretches_further_than_metal_and_thick_walls_bear_more() -> None:
    copper = float(burst_share(0.0145, 0.0007, "copper"))
    plastic = float(burst_share(0.018, 0.0035, "ppr"))
    assert copper < 0.2 < plastic
    assert float(burst_share(0.02, 0.002)) < float(burst_share(0.02, 0.004))
