"""Laws of histories in short: what goes into templates, columns and files comes out the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.twin import chunks, sealing
from lingjing.twin.chunks import Columns
from lingjing.twin.documents import decode, encode, instant_text
from lingjing.twin.moments import lengthen, read_template, shorten

micros = st.integers(-(2**50), 2**52)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
numbers = (
    st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
)
contents = numbers | st.none() | texts | st.lists(st.integers(0, 9), max_size=2)


def written(at_us: int, style: int) -> str:
    """An instant in one of the ways people write it."""
    whole = instant_text(at_us)
    return {
        0: whole,
        1: whole[:19] + "Z",
        2: whole[:23] + "Z",
        3: whole[:19] + "+00:00",
        4: whole[:-1] + "+08:00",
    }[style]


@st.composite
def instances(draw: st.DrawFn) -> tuple[dict[str, Any], int]:
    """An instance, and when it was recorded [µs]."""
    recorded_us = draw(micros)
    now = instant_text(recorded_us)
    made: dict[str, Any] = {"type": "Property", "value": draw(contents)}
    if draw(st.booleans()):
        made["observedAt"] = written(draw(micros), draw(st.integers(0, 4)))
    if draw(st.booleans()):
        made["unitCode"] = draw(texts)
    if draw(st.booleans()):
        made["datasetId"] = "urn:x:1"
    stamp = draw(st.sampled_from([now, instant_text(recorded_us - 7), "2026-01-01T00:00:00Z"]))
    if draw(st.booleans()):
        made["createdAt"] = stamp
    made["modifiedAt"] = draw(st.sampled_from([now, stamp]))
    if draw(st.booleans()):
        part = {"type": "Property", "value": draw(contents), "createdAt": stamp, "modifiedAt": now}
        made["attributes"] = {"x:accuracy": {"": part, "urn:x:2": {**part, "value": now}}}
    return made, recorded_us


@settings(deadline=None, max_examples=300)
@given(instances())
def test_an_instance_in_short_gives_itself_back(given_: tuple[dict[str, Any], int]) -> None:
    instance, recorded_us = given_
    short = shorten(instance, recorded_us)
    if short.body is not None:
        assert decode(short.body) == decode(encode(instance))
        assert short.template is None
        return
    assert short.template is not None
    assert short.number is not None
    back = lengthen(
        read_template(short.template), short.number, short.observed_us, recorded_us,
        short.created_us,
    )  # fmt: skip
    assert back == instance
    assert type(back["value"]) is type(instance["value"])


def test_a_sensor_that_says_one_number_after_another_needs_one_template() -> None:
    made = set()
    for turn in range(50):
        now = 1_700_000_000_000_000 + turn
        instance = {
            "type": "Property",
            "value": turn / 2,
            "unitCode": "CEL",
            "observedAt": instant_text(now - 1_000),
            "createdAt": instant_text(1_700_000_000_000_000),
            "modifiedAt": instant_text(now),
            "attributes": {
                "x:source": {
                    "": {"type": "Property", "value": "s", "modifiedAt": instant_text(now)}
                }
            },
        }
        made.add(shorten(instance, now).template)
    # The first is recorded when it is created, so its two times are one.
    assert None not in made
    assert len(made) <= 2


def test_what_says_no_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="soon"):
        shorten({"type": "Property", "value": 1, "observedAt": "soon"}, 0)


times = st.none() | st.integers(-(2**60), 2**60)
rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        times,
        st.integers(0, 2**60),
        times,
        st.none() | st.integers(0, 9),
        st.none() | st.floats(allow_nan=False),
        st.none() | st.binary(max_size=9),
    ),
    max_size=40,
).map(lambda found: [(place, *row) for place, row in enumerate(found, start=1)])


@settings(deadline=None, max_examples=150)
@given(rows)
def test_columns_come_back_from_bytes_as_they_went_in(found: list[chunks.Row]) -> None:
    columns = chunks.from_rows(found[::-1])
    assert chunks.to_rows(columns) == found
    assert chunks.to_rows(chunks.decode(chunks.encode(columns))) == found
    half = len(found) // 2
    parts = [chunks.from_rows(found[half:]), chunks.from_rows(found[:half])]
    assert chunks.to_rows(chunks.joined(parts)) == found
    at_us, values = chunks.decode_numbers(chunks.encode(columns), 2)
    assert at_us.tolist() == columns.recorded_us.tolist()
    np.testing.assert_array_equal(values, columns.number)


@settings(deadline=None, max_examples=20)
@given(st.lists(rows, min_size=1, max_size=4))
def test_sealed_rows_come_back_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, found: list[list[chunks.Row]]
) -> None:
    folder: Path = tmp_path_factory.mktemp("sealed")
    parts = [chunks.from_rows(item) for item in found if item]
    stretches = [
        sealing.Stretch(f"urn:x:{place}", "x:a", "", part, [b"{}"] * len(part))
        for place, part in enumerate(parts)
    ]
    places = [
        item for group in sealing.write(folder / "a.parquet", iter(stretches)) for item in group
    ]
    files = sealing.SealedFiles(folder)
    back: list[Columns] = [files.read(place) for _, place in places]
    assert [chunks.to_rows(part) for part in back] == [chunks.to_rows(part) for part in parts]
