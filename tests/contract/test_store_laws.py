"""Laws of the store, tried on whatever hypothesis thinks of."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.twin import District, Entity, SourceRecord, SqliteStore
from lingjing.vocabulary import (
    Attribute,
    LingjingError,
    Provenance,
    Quantity,
    attribute_word,
    kinds,
    words,
)

DISTRICT = District("d", "p", "区", "D", {}, (0, 0, 0, 0), False, "2026-01-01T00:00:00Z")
SOURCE = SourceRecord("s", "d", "a", "l", "", "2026-01-01T00:00:00Z", False, {})

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
provenances = st.builds(
    Provenance,
    kind=st.sampled_from(["observed", "imported", "inferred", "simulated"]),
    source=text,
    rule=st.none() | text,
    confidence=st.none() | st.floats(0, 1),
    synthetic=st.booleans(),
)
positions = st.tuples(st.integers(-20, 20), st.integers(-20, 20)).map(
    lambda steps: (121.5 + steps[0] / 64, 31.25 + steps[1] / 64)
)


def values(name: str) -> st.SearchStrategy[Any]:
    rule = attribute_word(name)
    if isinstance(rule, Quantity):
        whole = st.integers(int(np.ceil(rule.lower)), int(rule.upper))
        return st.floats(rule.lower, rule.upper) | whole
    return {"flag": st.booleans(), "text": text, "choice": st.sampled_from(rule.choices or ("",))}[
        rule.type
    ]


def geometry_of(kind: str, at: tuple[float, float], size: float) -> bytes:
    shape = kinds()[kind].geometry
    x, y = at
    made = {
        "point": shapely.Point(x, y),
        "line": shapely.LineString([(x, y), (x + size, y + size)]),
        "polygon": shapely.Polygon([(x, y), (x + size, y), (x, y + size)]),
    }
    return shapely.to_wkb(made[shape])


@st.composite
def entities(draw: st.DrawFn, among: tuple[str, ...] = tuple(sorted(kinds()))) -> Entity:
    kind = draw(st.sampled_from(among))
    names = draw(st.sets(st.sampled_from(kinds()[kind].attributes), max_size=5))
    return Entity(
        f"urn:ngsi-ld:{kind}:d:{draw(st.integers(0, 10**6))}",
        kind,
        "d",
        geometry_of(kind, draw(positions), draw(st.sampled_from([1 / 64, 5 / 64]))),
        {name: Attribute(draw(values(name)), draw(provenances)) for name in names},
        draw(st.dictionaries(st.sampled_from(["building", "street"]), text, max_size=2)),
    )


collections = st.lists(entities(), max_size=12, unique_by=lambda entity: entity.id)
alike = st.lists(
    entities(("Tap",)), min_size=2, max_size=6, unique_by=lambda entity: entity.id
).filter(lambda things: all(thing.attributes for thing in things))


def filled(things: list[Entity]) -> SqliteStore:
    store = SqliteStore(":memory:")
    store.import_entities(DISTRICT, SOURCE, things)
    return store


@settings(deadline=None, max_examples=60)
@given(collections)
def test_what_is_put_is_what_is_got(things: list[Entity]) -> None:
    with filled(things) as store:
        assert list(store.entities("d")) == sorted(things, key=lambda item: item.id)
        for thing in things:
            got = store.entity(thing.id)
            assert got == thing
            for name, attribute in got.attributes.items():
                assert type(attribute.value) is type(thing.attributes[name].value)


@settings(deadline=None, max_examples=60)
@given(collections, positions, positions)
def test_a_box_finds_what_brute_force_finds(
    things: list[Entity], one: tuple[float, float], other: tuple[float, float]
) -> None:
    (west, east), (south, north) = (sorted(pair) for pair in zip(one, other, strict=True))
    box = shapely.box(west, south, east, north)
    expected = {thing.id for thing in things if shapely.intersects(box, thing.shape())}
    with filled(things) as store:
        found = [thing.id for thing in store.entities("d", bounds=(west, south, east, north))]
    assert found == sorted(expected)


@settings(deadline=None, max_examples=40)
@given(collections | alike)
def test_views_do_not_depend_on_the_order_of_insertion(things: list[Entity]) -> None:
    with filled(things) as first, filled(things[::-1]) as second:
        for kind in kinds():
            mine, theirs = first.twin("d").view(kind), second.twin("d").view(kind)
            assert mine.ids.tolist() == theirs.ids.tolist()
            assert mine.provenances == theirs.provenances
            assert list(mine.columns) == list(theirs.columns)
            for name in mine.columns:
                np.testing.assert_array_equal(mine.columns[name], theirs.columns[name])
                np.testing.assert_array_equal(
                    mine.provenance_index[name], theirs.provenance_index[name]
                )


@settings(deadline=None, max_examples=40)
@given(collections)
def test_views_say_what_the_entities_say(things: list[Entity]) -> None:
    with filled(things) as store:
        twin = store.twin("d")
        for thing in things:
            view = twin.view(thing.kind)
            row = view.ids.tolist().index(thing.id)
            for name, column in view.columns.items():
                origin = int(view.provenance_index[name][row])
                attribute = thing.attributes.get(name)
                if attribute is None:
                    assert origin == -1
                    empty = np.isnan(column[row]) if name not in words() else not column[row]
                    assert empty
                else:
                    assert column[row] == attribute.value
                    assert view.provenances[origin] == attribute.provenance


@settings(deadline=None, max_examples=30)
@given(collections, collections)
def test_an_import_replaces_whatever_was_there(before: list[Entity], after: list[Entity]) -> None:
    with filled(before) as store, filled(after) as fresh:
        store.import_entities(DISTRICT, SOURCE, after)
        assert list(store.entities("d")) == list(fresh.entities("d"))
        assert store.counts("d") == fresh.counts("d")


@settings(deadline=None, max_examples=30)
@given(collections.filter(bool), st.data())
def test_a_repeated_id_undoes_everything(things: list[Entity], data: st.DataObject) -> None:
    again = data.draw(st.sampled_from(things))
    with SqliteStore(":memory:") as store:
        with pytest.raises(LingjingError, match=re.escape("twin.duplicate-id")):
            store.import_entities(DISTRICT, SOURCE, [*things, again])
        assert store.districts() == []
