"""Standard pipes in steady cold."""

from __future__ import annotations

import math

import pytest

from lingjing.physics.materials import PIPE_MATERIALS
from lingjing.physics.pipe_sizes import PIPE_SIZES_MM, PipeTimes, pipe_size_mm, pipe_times
from lingjing.vocabulary import LingjingError

ROWS = {
    "DN15 bare": (15, "galvanised_steel", 0.0),
    "DN20 bare": (20, "galvanised_steel", 0.0),
    "DN20 + 20 mm": (20, "galvanised_steel", 0.020),
    "DN20 + 50 mm": (20, "galvanised_steel", 0.050),
    "PPR 25 x 3.5 bare": (25, "ppr", 0.0),
    "DN50 + 30 mm": (50, "galvanised_steel", 0.030),
}
# air: for each row hours to 0 degC, + to 25 % ice, + to the plug; start 5 degC
TABLE = {
    -3.0: [(0.4, 1.4, 5.8), (0.5, 2.0, 8.4), (2.7, 11.3, 45.7), (4.4, 18.1, 72.7),
           (0.4, 1.9, 8.0), (10.3, 50.8, 205)],
    -5.0: [(0.3, 0.8, 3.5), (0.3, 1.2, 5.1), (1.9, 6.8, 27.4), (3.1, 10.8, 43.6),
           (0.3, 1.2, 4.8), (7.3, 30.5, 123)],
    -7.2: [(0.2, 0.6, 2.4), (0.3, 0.8, 3.5), (1.5, 4.7, 19.0), (2.3, 7.5, 30.3),
           (0.2, 0.8, 3.3), (5.6, 21.2, 85.6)],
    -10.1: [(0.2, 0.4, 1.7), (0.2, 0.6, 2.5), (1.1, 3.4, 13.6), (1.8, 5.4, 21.6),
            (0.2, 0.6, 2.4), (4.2, 15.1, 61.0)],
}  # fmt: skip


def _times(row: str, air: float, **other: float) -> PipeTimes:
    nominal, material, insulation = ROWS[row]
    outer, wall = pipe_size_mm(nominal, material)
    return pipe_times(
        (outer - 2 * wall) / 1000,
        wall / 1000,
        material,
        insulation_thickness_m=insulation,
        air_temperature_C=air,
        water_temperature_C=other.pop("water", 5.0),
        **other,
    )


@pytest.mark.parametrize("air", TABLE)
@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_pipe_table_is_met_within_two_per_cent(row: str, air: float) -> None:
    published = TABLE[air][list(ROWS).index(row)]
    times = _times(row, air)
    found = (times.to_zero_h, times.zero_to_quarter_h, times.zero_to_plug_h)
    for ours, theirs in zip(found, published, strict=True):
        rounding = 0.5 if theirs > 100 else 0.05  # the table's last digit
        assert ours == pytest.approx(theirs, abs=0.02 * theirs + rounding)


def test_nothing_freezes_in_air_that_is_not_below_zero_and_water_at_zero_starts_at_once() -> None:
    mild = _times("DN20 bare", 0.0)
    assert mild.to_zero_h == mild.zero_to_plug_h == math.inf
    assert _times("DN20 bare", -5.0, water=0.0).to_zero_h == 0.0


def test_a_stronger_film_shortens_every_time_in_proportion_for_a_bare_metal_pipe() -> None:
    calm = _times("DN20 bare", -5.0, film_coefficient_W_m2K=10.0)
    windy = _times("DN20 bare", -5.0, film_coefficient_W_m2K=30.0)
    assert calm.to_zero_h == pytest.approx(3 * windy.to_zero_h, rel=0.01)


@pytest.mark.parametrize("material", PIPE_SIZES_MM)
def test_sizes_are_of_known_materials_grow_and_leave_a_bore(material: str) -> None:
    assert material in PIPE_MATERIALS
    sizes = list(PIPE_SIZES_MM[material].values())
    assert sizes == sorted(sizes)
    assert all(outer > 4 * wall for outer, wall in sizes)


@pytest.mark.parametrize(
    ("nominal", "material", "code", "words"),
    [
        (17, "galvanised_steel", "physics.unknown-size", "15, 20, 25"),
        (20, "concrete", "physics.unknown-size", "inner diameter"),
        (20, "wood", "physics.unknown-method", "copper"),
    ],
)
def test_a_size_or_material_that_does_not_exist_is_refused_with_what_does(
    nominal: float, material: str, code: str, words: str
) -> None:
    with pytest.raises(LingjingError) as caught:
        pipe_size_mm(nominal, material)
    assert caught.value.code == code
    assert words in caught.value.remedy("en")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("insulation_thickness_m", -0.01),
        ("air_temperature_C", math.nan),
        ("water_temperature_C", -1.0),
        ("film_coefficient_W_m2K", 0.0),
        ("insulation_conductivity_W_mK", 0.0),
    ],
)
def test_impossible_numbers_are_refused_by_name(name: str, value: float) -> None:
    given = {
        "insulation_thickness_m": 0.0, "air_temperature_C": -5.0, "water_temperature_C": 5.0,
        name: value,
    }  # fmt: skip
    with pytest.raises(LingjingError) as caught:
        pipe_times(0.02, 0.003, "copper", **given)
    assert caught.value.place is not None
    assert caught.value.place.field == name
