"""Laws of settling rows into an even table: nothing known changes, nothing filled runs wild."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.sources.weather_raw import RawWeather, settle
from lingjing.vocabulary import LingjingError, Provenance

START = np.datetime64("2024-01-22T00:00:00", "s")

cells = st.one_of(st.none(), st.integers(-400, 400).map(lambda tenths: tenths / 10.0))
series = st.lists(cells, min_size=2, max_size=60)


def raw(values: list[float | None], keep: list[int] | None = None) -> RawWeather:
    column = np.array([np.nan if value is None else value for value in values])
    times = START + np.arange(column.size) * np.timedelta64(3600, "s")
    rows = np.arange(column.size) if keep is None else np.array(keep)
    return RawWeather(
        name="law",
        file="law.csv",
        times=times[rows],
        columns={"air_temperature": column[rows][np.newaxis, :]},
        methods={"air_temperature": "observed"},
        provenance=Provenance("observed", "law"),
        attribution="law",
        lines=range(2, rows.size + 2),
    )


@settings(max_examples=150, deadline=None)
@given(series, st.integers(0, 8))
def test_known_values_stay_and_filled_ones_lie_between_their_neighbours(
    values: list[float | None], limit: int
) -> None:
    known = [hour for hour, value in enumerate(values) if value is not None]
    longest = max((b - a - 1 for a, b in itertools.pairwise(known)), default=0)
    if len(known) < 2:
        # a single hour, or hours too few to make a table of
        with pytest.raises(LingjingError, match=r"weather\.empty"):
            settle(raw(values), fill_gaps_hours=limit)
        return
    if longest > limit:
        with pytest.raises(LingjingError, match=r"weather\.gap") as caught:
            settle(raw(values), fill_gaps_hours=limit)
        assert int(str(caught.value.values["hours"])) > limit
        return
    table = settle(raw(values), fill_gaps_hours=limit)
    air = table.columns["air_temperature"][0]
    assert air.size == known[-1] - known[0] + 1
    for hour in known:
        assert air[hour - known[0]] == np.float32(values[hour])
    for left, right in itertools.pairwise(known):
        between = air[left - known[0] : right - known[0] + 1]
        steps = np.diff(between)
        assert bool((steps >= -1e-5).all() or (steps <= 1e-5).all())
    assert ("gap-linear" in table.methods["air_temperature"]) == (longest > 0)


@settings(max_examples=60, deadline=None)
@given(series)
def test_a_missing_row_and_an_empty_cell_are_the_same_gap(values: list[float | None]) -> None:
    known = [hour for hour, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return
    empty = settle(raw(values), fill_gaps_hours=60)
    absent = settle(raw(values, keep=known), fill_gaps_hours=60)
    np.testing.assert_array_equal(empty.times, absent.times)
    np.testing.assert_array_equal(
        empty.columns["air_temperature"], absent.columns["air_temperature"]
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-40, 40), min_size=5, max_size=40), st.data())
def test_a_window_is_the_part_of_the_whole(values: list[float], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(values) - 2))
    last = data.draw(st.integers(first + 1, len(values) - 1))
    whole = settle(raw(list(values)))
    moments = [whole.start.timestamp() + 3600 * hour for hour in (first, last)]
    window = tuple(type(whole.start).fromtimestamp(at, tz=whole.start.tzinfo) for at in moments)
    part = settle(raw(list(values)), window=(window[0], window[1]))
    np.testing.assert_array_equal(
        part.columns["air_temperature"], whole.columns["air_temperature"][:, first : last + 1]
    )
