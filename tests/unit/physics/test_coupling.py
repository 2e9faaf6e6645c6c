"""What sensors teach the roads near them."""

from __future__ import annotations

import numpy as np
import pytest

from lingjing.physics.coupling import NOISE, carry_over, likeness
from lingjing.vocabulary import LingjingError


def test_a_road_at_the_sensor_takes_the_stated_gain_and_a_far_one_nothing() -> None:
    found = carry_over([-30.0], [[0.0], [500.0], [50_000.0]], np.ones((3, 1)))
    assert found.gain[0] == pytest.approx(1.0 / (1.0 + NOISE))
    assert found.lacking_W_m2 == pytest.approx(-30.0 * found.gain)
    assert found.gain[0] > found.gain[1] > 0.5
    assert found.gain[2] == pytest.approx(0.0, abs=1e-9)


def test_unlike_places_learn_less() -> None:
    alike = likeness([0, 1, 0, 0], [0, 0, 1, 0], [0.8, 0.8, 0.8, 0.3], [0], [0], [0.8])
    assert alike[0, 0] == 1.0
    assert (alike[1:, 0] < 0.6).all()
    gain = carry_over([-30.0], np.zeros((4, 1)), alike).gain
    assert gain.argmax() == 0


def test_sensors_side_by_side_share_their_vote() -> None:
    near, alike = np.zeros((1, 2)), np.ones((1, 2))
    together = carry_over([-20.0, -20.0], near, alike, between_m=np.zeros((2, 2)))
    alone = carry_over([-20.0], near[:, :1], alike[:, :1])
    assert alone.gain[0] < together.gain[0] < 1.0
    assert carry_over([-20.0, -20.0], near, alike).gain[0] == together.gain[0]
    opposed = carry_over([-20.0, 20.0], near, alike, between_m=np.zeros((2, 2)))
    assert opposed.lacking_W_m2[0] == pytest.approx(0.0, abs=1e-9)


def test_impossible_sensors_are_named() -> None:
    for given, field in (
        (([np.nan], [[0.0]], [[1.0]]), "lacking_W_m2"),
        (([1.0], [[-1.0]], [[1.0]]), "distance_m"),
        (([1.0], [[1.0]], [[2.0]]), "alike"),
    ):
        with pytest.raises(LingjingError) as caught:
            carry_over(*given)  # type: ignore[arg-type]
        assert caught.value.place is not None
        assert caught.value.place.field == field
    with pytest.raises(LingjingError):
        carry_over([1.0], [[1.0]], [[1.0]], noise=0.0)
