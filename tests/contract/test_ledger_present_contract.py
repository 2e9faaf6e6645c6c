"""What every ledger promises of the present state: finding, small records, care."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ledgers import (
    create,
    delete,
    do,
    entity,
    iri,
    names,
    place,
    read,
    shape,
    update,
    urn,
)  # fmt: skip

from lingjing.twin.documents import CORE, LOCATION
from lingjing.twin.ledger import Branch, Change, Desk, Ledger, Selection
from lingjing.vocabulary import LingjingError

Opener = Callable[[], Ledger]


@pytest.fixture
def trunk(ledger: Ledger) -> Branch:
    return ledger.branch("")


def refused(code: str, call: Callable[..., Any], *arguments: Any) -> None:
    with pytest.raises(LingjingError) as caught:
        call(*arguments)
    assert caught.value.code == code


def found(ledger: Ledger, branch: Branch, **selection: Any) -> list[str]:
    return names(ledger.find(branch, Selection(**selection)).records)


# Present state


@pytest.fixture
def town(ledger: Ledger, trunk: Branch) -> Ledger:
    create(
        ledger,
        trunk,
        entity("a", types=("Riser",), at=(121.50, 31.30), flow=1),
        entity("b", types=("Riser", "Pipe"), at=(121.51, 31.30), flow=2),
        entity("c", types=("Pipe",), heat=3),
        entity("d", types=("Tank",), at=(121.53, 31.30), heat=4),
    )
    return ledger


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, "abcd"),
        ({"ids": (urn("d"), urn("zz"), urn("a"))}, "ad"),
        ({"id_pattern": "[bc]$"}, "bc"),
        ({"id_pattern": "^urn:.*:d:a"}, "a"),
        ({"types": ((iri("Riser"),),)}, "ab"),
        ({"types": ((iri("Riser"), iri("Pipe")),)}, "b"),
        ({"types": ((iri("Riser"), iri("Pipe")), (iri("Tank"),))}, "bd"),
        ({"types": ((iri("None"),),)}, ""),
        ({"without_type": (iri("Pipe"),)}, "ad"),
        ({"types": ((iri("Riser"),),), "without_type": (iri("Pipe"), iri("Tank"))}, "a"),
        ({"attributes": (iri("heat"),)}, "cd"),
        ({"attributes": (iri("heat"), iri("flow"))}, "abcd"),
        ({"attributes": (iri("nothing"),)}, ""),
        ({"after": urn("b")}, "cd"),
        ({"offset": 1, "limit": 2}, "bc"),
        ({"offset": 9}, ""),
        ({"limit": 0}, ""),
        ({"types": ((iri("Riser"),), (iri("Pipe"),)), "limit": 2, "after": urn("a")}, "bc"),
        ({"ids": (urn("a"), urn("c")), "types": ((iri("Pipe"),),)}, "c"),
    ],
)
def test_entities_are_selected(
    town: Ledger, trunk: Branch, selection: dict[str, Any], expected: str
) -> None:
    assert found(town, trunk, **selection) == list(expected)
    branch = town.create_branch(trunk, "same")
    assert found(town, branch, **selection) == list(expected)
    whole = {key: item for key, item in selection.items() if key not in ("offset", "limit")}
    counted = town.find(trunk, Selection(**selection, count=True))
    assert counted.total == len(found(town, trunk, **whole))
    assert town.find(trunk, Selection(**selection)).total is None


def test_accept_decides_and_is_asked_in_order(town: Ledger, trunk: Branch) -> None:
    asked: list[str] = []

    def warm(document: dict[str, Any]) -> bool:
        asked.append(document["id"])
        return iri("heat") in document["attributes"]

    assert found(town, trunk, accept=warm) == ["c", "d"]
    assert asked == sorted(asked)
    result = town.find(trunk, Selection(accept=warm, offset=1, limit=5, count=True))
    assert (names(result.records), result.total) == (["d"], 2)


def test_a_search_that_costs_too_much_is_refused(town: Ledger, trunk: Branch) -> None:
    def never(_: dict[str, Any]) -> bool:
        return False

    selection = Selection(accept=never, most_scanned=3)
    refused("twin.query-too-costly", town.find, trunk, selection)
    assert town.find(trunk, Selection(accept=never, most_scanned=4)).records == []


def test_a_box_gives_all_that_touch_it(town: Ledger, trunk: Branch) -> None:
    line = {"type": "LineString", "coordinates": [[121.5, 31.2], [121.6, 31.4]]}
    create(
        town,
        trunk,
        entity("e", location2=shape(line)),
        {**entity("f"), "attributes": {LOCATION: {"": shape(line), "urn:x:2": place(100.0, 20.0)}}},
    )
    near = (121.505, 31.29, 121.52, 31.31)
    assert {"b"} <= set(found(town, trunk, bounds=near)) <= {"b", "f"}
    assert "f" in found(town, trunk, bounds=(121.549, 31.299, 121.551, 31.301))
    assert found(town, trunk, bounds=(99.0, 19.0, 101.0, 21.0)) == ["f"]
    assert found(town, trunk, bounds=(0.0, 0.0, 1.0, 1.0)) == []
    operation = CORE + "operationSpace"
    assert found(town, trunk, bounds=near, geo_attribute=operation) == []
    assert found(town, trunk, bounds=near, types=((iri("Riser"),),), limit=1) == ["b"]


def test_a_box_follows_what_moves(town: Ledger, trunk: Branch) -> None:
    old, new = (121.495, 31.29, 121.505, 31.31), (10.0, 50.0, 11.0, 51.0)
    branch = town.create_branch(trunk, "before")

    def move(desk: Desk) -> None:
        document = desk.document(urn("a"))
        assert document is not None
        instance = place(10.5, 50.5)
        content = {**document["attributes"], LOCATION: {"": instance}}
        change = Change("update", LOCATION, "", instance)
        desk.put({**document, "attributes": content}, [change])

    do(town, trunk, move, urn("a"))
    assert found(town, trunk, bounds=old) == []
    assert found(town, trunk, bounds=new) == ["a"]
    assert found(town, branch, bounds=old) == ["a"]
    assert found(town, branch, bounds=new) == []
    do(town, branch, move, urn("a"))
    delete(town, trunk, "a")
    assert found(town, branch, bounds=old) == []
    assert found(town, branch, bounds=new) == ["a"]
    assert found(town, trunk, bounds=new) == []


def test_order_is_that_of_code_points(ledger: Ledger, trunk: Branch) -> None:
    odd = [
        "Z",
        "a",
        "B",
        "é",
        "z",
        "一",
        "\U0001f9ca",
        "_",
        "-",
        "a b",
        "a'b",
        '"',
        "%",
        "\\",
        "A;--",
    ]
    create(ledger, trunk, *(entity(name) for name in odd))
    assert found(ledger, trunk) == sorted(odd)
    for name in odd:
        assert read(ledger, trunk, name) == {}
    assert [item.id for item in ledger.stream(trunk)] == [urn(name) for name in sorted(odd)]
    assert found(ledger, trunk, after=urn("é")) == [name for name in sorted(odd) if name > "é"]


def test_pages_join_to_the_whole(ledger: Ledger, trunk: Branch) -> None:
    create(ledger, trunk, *(entity(f"{number:05}", n=number) for number in range(2_500)))
    branch = ledger.create_branch(trunk, "b")
    delete(ledger, branch, "00007")
    update(ledger, trunk, "00008", n=-1)
    create(ledger, trunk, entity("00002x"))
    whole = [record.id for record in ledger.stream(branch)]
    assert len(whole) == 2_499
    paged: list[str] = []
    while page := ledger.find(
        branch,
        Selection(types=((iri("Riser"),),), after=paged[-1] if paged else "", limit=700),
    ).records:
        paged.extend(record.id for record in page)
    assert paged == whole
    second = ledger.find(branch, Selection(offset=2_000, limit=10, count=True))
    assert [record.id for record in second.records] == whole[2_000:2_010]
    assert second.total == 2_499
    assert read(ledger, branch, "00008") == {"n": 8}


def test_types_and_attributes_in_use(town: Ledger, trunk: Branch) -> None:
    assert town.types(trunk) == {iri("Riser"): 2, iri("Pipe"): 2, iri("Tank"): 1}
    uses = {use.attribute: use for use in town.attribute_uses(trunk)}
    assert list(uses) == sorted(uses)
    assert set(uses) == {LOCATION, iri("flow"), iri("heat")}
    heat = uses[iri("heat")]
    assert (heat.count, set(heat.entity_types)) == (2, {iri("Pipe"), iri("Tank")})
    assert uses[LOCATION].instance_types == ("GeoProperty",)
    only = {use.attribute: use.count for use in town.attribute_uses(trunk, [iri("Tank")])}
    assert only == {LOCATION: 1, iri("heat"): 1}
    delete(town, trunk, "d")
    assert iri("Tank") not in town.types(trunk)


# Small records


def test_notes_are_kept_by_collection_in_order_of_key(ledger: Ledger, trunk: Branch) -> None:
    def fill(desk: Desk) -> None:
        for key in ("b", "a", "Z", "一"):
            desk.put_note("subscriptions", key, key.encode())
        desk.put_note("other", "a", b"\x00\xff")

    do(ledger, trunk, fill)
    assert [key for key, _ in ledger.notes("", "subscriptions")] == ["Z", "a", "b", "一"]
    assert ledger.notes("", "subscriptions", after="a", limit=1) == [("b", b"b")]
    assert ledger.note("", "other", "a") == b"\x00\xff"
    assert ledger.notes("", "none") == []
    assert do(ledger, trunk, lambda desk: desk.delete_note("other", "a")) is True
    assert do(ledger, trunk, lambda desk: desk.delete_note("other", "a")) is False
    assert ledger.note("", "other", "a") is None
    do(ledger, trunk, lambda desk: desk.put_note("subscriptions", "a", b"new"))
    assert ledger.note("", "subscriptions", "a") == b"new"


def test_a_deleted_note_is_gone_for_the_rest_of_the_job(ledger: Ledger, trunk: Branch) -> None:
    def run(desk: Desk) -> tuple[bool, bytes | None]:
        desk.put_note("c", "k", b"1")
        return desk.delete_note("c", "k"), desk.note("c", "k")

    assert do(ledger, trunk, run) == (True, None)
    assert ledger.notes("", "c") == []


# Care


def test_a_ledger_in_good_health_has_nothing_to_say(town: Ledger, trunk: Branch) -> None:
    branch = town.create_branch(trunk, "b")
    update(town, branch, "a", flow=3)
    delete(town, trunk, "b")
    assert town.check() == []
    size = town.size()
    assert size["entities"] >= 3
    assert size["branches"] == 2
    assert size["bytes"] > 0
