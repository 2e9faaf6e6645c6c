"""A twin over entities that are simply given."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from lingjing.twin import District, Entity, MemoryTwin, Twin
from lingjing.vocabulary import Attribute, AttributeValue, LingjingError, Provenance

DISTRICT = District("d", "p", "区", "D", {"k": 1}, (0, 0, 1, 1), True, "2026-01-01T00:00:00Z")
MADE_UP = Provenance("simulated", "test", synthetic=True)


def pipe(name: str, *points: tuple[float, float], **values: AttributeValue) -> Entity:
    return Entity(
        f"urn:ngsi-ld:WaterPipe:d:{name}",
        "WaterPipe",
        "d",
        shapely.to_wkb(shapely.LineString(points or [(0, 0), (0.2, 0)])),
        {key: Attribute(value, MADE_UP) for key, value in values.items()},
    )


def test_columns_are_in_order_of_id() -> None:
    twin: Twin = MemoryTwin(
        DISTRICT, [pipe("b", length=3.0), pipe("a", (0, 0), (0, 0.4), material="pe")]
    )
    view = twin.view("WaterPipe")
    assert twin.kinds() == ("WaterPipe",)
    assert twin.district.settings == {"k": 1}
    assert [item[-1] for item in view.ids] == ["a", "b"]
    np.testing.assert_array_equal(view.number("length"), [np.nan, 3.0])
    assert view.text("material").tolist() == ["pe", None]
    assert view.latitude_deg.tolist() == pytest.approx([0.2, 0.0])
    assert view.provenances == (MADE_UP,)


def test_provenances_are_in_order_of_content_whoever_came_first() -> None:
    mapped = Provenance("imported", "map")
    first = pipe("a", length=1.0)
    second = pipe("b")
    second.attributes["length"] = Attribute(2.0, mapped)
    view = MemoryTwin(DISTRICT, [first, second]).view("WaterPipe")
    assert view.provenances == (mapped, MADE_UP)
    assert view.provenance_index["length"].tolist() == [1, 0]


def test_a_kind_that_is_absent_gives_an_empty_view() -> None:
    assert len(MemoryTwin(DISTRICT, []).view("Tap")) == 0


@pytest.mark.parametrize(
    ("entities", "code"),
    [
        ([pipe("a"), pipe("a")], "twin.duplicate-id"),
        ([pipe("a", colour="red")], "twin.unknown-attribute"),
        ([pipe("a", length=-1.0)], "vocabulary.out-of-bounds"),
        ([pipe("a", (0, 0), (999, 0))], "twin.geometry-out-of-range"),
    ],
)
def test_what_a_store_refuses_is_refused_here(entities: list[Entity], code: str) -> None:
    with pytest.raises(LingjingError) as caught:
        MemoryTwin(DISTRICT, entities)
    assert caught.value.code == code
