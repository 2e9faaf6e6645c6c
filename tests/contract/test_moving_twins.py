"""A twin that is moved, within a driver or between them, is the same twin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shapely
from ledgers import (
    HOUR,
    START_US,
    create,
    delete,
    do,
    entity,
    iri,
    note_late,
    observed,
    update,
    urn,
    value,
)
from private_postgres import PrivatePostgres

from lingjing.twin import District, Entity, SourceRecord
from lingjing.twin.ledger import Branch, Change, Ledger, Selection, Span
from lingjing.twin.postgres_ledger import PostgresLedger
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import Attribute, LingjingError, Provenance

FLOW = iri("flow")
PAIRS = [
    ("sqlite", "postgresql"),
    ("postgresql", "sqlite"),
    ("postgresql", "postgresql"),
    ("sqlite", "sqlite"),
]
MAPPED = Provenance("imported", "OpenStreetMap", observed_at="2024-01-01T00:00:00Z")
DISTRICT = District("d", "p", "片区", "District", {"a": [1]}, (0, 0, 0, 0), False, "2026-01-01")
SOURCE = SourceRecord("osm:a", "d", "©", "ODbL", "00", "2026-01-01T00:00:00Z", False, {"kept": 2})


@pytest.fixture(params=PAIRS, ids=["-to-".join(pair) for pair in PAIRS])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Any, Any]]:
    """A ledger to move from, and an empty one to move to."""
    opened: list[Ledger] = []
    schemas = []
    for place, driver in enumerate(request.param):
        if driver == "sqlite":
            opened.append(SqliteLedger(tmp_path / f"twin-{place}.sqlite"))
            continue
        server: PrivatePostgres = request.getfixturevalue("postgres")
        schemas.append(server.schema())
        opened.append(PostgresLedger(schemas[-1].__enter__()))
    yield opened[0], opened[1]
    for ledger in opened:
        ledger.close()
    for schema in schemas:
        schema.__exit__(None, None, None)


def building(number: int, height: float = 10.0) -> Entity:
    corner = 121.5 + 0.001 * number
    return Entity(
        f"urn:ngsi-ld:Building:d:b{number}",
        "Building",
        "d",
        shapely.to_wkb(shapely.box(corner, 31.3, corner + 0.0005, 31.3005)),
        {"height": Attribute(height, MAPPED), "name": Attribute("楼", MAPPED)},
        {"feeds": urn(1)},
    )


def lived(ledger: Any, tmp_path: Path) -> list[int]:
    """A twin with a past of every sort; instants between."""
    trunk = ledger.branch("")
    instants: list[int] = []

    def tick() -> None:
        time.sleep(0.002)
        instants.append(do(ledger, trunk, lambda desk: desk.now_us))
        time.sleep(0.002)

    ledger.store.put_district(DISTRICT)
    create(ledger, trunk, entity(1, flow=observed(1, START_US), at=(121.5, 31.3)), entity(2))
    create(ledger, trunk, entity(3, types=("Riser", "Pipe"), heat=1), entity(4, heat=1))
    note_late(
        ledger, trunk, 1, "flow",
        *(observed(n, START_US - n * HOUR) for n in range(1, 700)),
    )  # fmt: skip
    note_late(ledger, trunk, "history-only", "flow", observed("text", START_US, unitCode="CEL"))
    ledger.store.import_entities(DISTRICT, SOURCE, [building(1), building(2)])
    tick()
    branch = ledger.create_branch(trunk, "what-if", "colder")
    ledger.store.import_entities(DISTRICT, SOURCE, [building(1, 12.0), building(3)])
    update(ledger, trunk, 1, flow=observed(5, START_US + HOUR))
    do(ledger, trunk, lambda desk: desk.put(entity(3, heat=9), []))
    delete(ledger, trunk, 2)
    tick()
    update(ledger, branch, 1, flow=observed(7, START_US + 2 * HOUR))
    delete(ledger, branch, 4)
    create(ledger, branch, entity(5, flow=2))
    deeper = ledger.create_branch(branch, "deeper")
    update(ledger, branch, 5, flow=3)
    do(ledger, deeper, lambda desk: desk.erase_history(urn(1), FLOW))
    first = ledger.history(branch, urn(1), Span(attributes=(FLOW,)))[0].sequence
    better = observed(-5, START_US - 699 * HOUR)
    do(ledger, branch, lambda desk: desk.amend_history(urn(1), first, better))
    tick()
    update(ledger, trunk, 3, heat=None, cold=2)
    change = Change("create", FLOW, "urn:x:2", observed(3, START_US), current=False)
    do(ledger, trunk, lambda desk: desk.record_history(urn(3), [iri("Riser")], [change]))
    east = ledger.ensure_tenant("east")
    create(ledger, east, entity(1, flow=value("东")))
    do(ledger, east, lambda desk: desk.put_note("keys", "k", b"\x00east"))
    do(ledger, trunk, lambda desk: desk.put_note("keys", "k", b"trunk"))
    ledger.seal(START_US - 600 * HOUR, tmp_path / "sealed")
    tick()
    return instants


def portrait(ledger: Any, instants: list[int]) -> dict[str, Any]:
    """All that can be read of a twin."""
    found: dict[str, Any] = {"tenants": ledger.tenants()}
    for tenant in ledger.tenants():
        for branch in ledger.branches(tenant):
            of = f"{tenant}/{branch.name}"
            found[of] = (branch.base, branch.created_us, branch.note)
            for at_us in (None, *instants):
                records = ledger.find(branch, Selection(), at_us).records
                found[f"{of}@{at_us}"] = {item.id: item.document for item in records}
            found[f"{of} revisions"] = {
                item.id: item.revision for item in ledger.find(branch, Selection()).records
            }
            found[f"{of} changed"] = changed_ids(ledger, branch)
            for name in (urn(1), urn(2), urn(3), urn(4), urn(5), urn("history-only")):
                for span in (Span(), Span(time="modifiedAt")):
                    found[f"{of} {name} {span.time}"] = ledger.history(branch, name, span)
                found[f"{of} {name} types"] = sorted(ledger.known_to_history(branch, name) or ())
            sums = ledger.aggregate(branch, urn(1), FLOW, Span(), ("sum", "totalCount"), None)
            found[f"{of} sums"] = {name: item.tolist() for name, item in sums.values.items()}
            found[f"{of} types"] = ledger.types(branch)
            near = Selection(bounds=(121.0, 31.0, 122.0, 32.0))
            found[f"{of} near"] = [item.id for item in ledger.find(branch, near).records]
        found[f"{tenant} notes"] = ledger.notes(tenant, "keys")
    store = ledger.store
    found["districts"] = store.districts()
    found["sources"] = store.sources("d")
    found["things"] = list(store.entities("d"))
    view = store.twin("d").view("Building")
    found["view"] = (view.ids.tolist(), view.number("height").tolist(), view.provenances)
    then = store.twin("d", "what-if").view("Building")
    found["view of a branch"] = (then.ids.tolist(), then.number("height").tolist())
    return found


def changed_ids(ledger: Ledger, branch: Branch) -> list[str]:
    return [] if branch.parent is None else ledger.changed_ids(branch)


def test_nothing_is_lost_on_the_way(pair: tuple[Any, Any], tmp_path: Path) -> None:
    old, new = pair
    instants = lived(old, tmp_path)
    before = portrait(old, instants)
    new.fill(old.parts())
    after = portrait(new, instants)
    assert list(after) == list(before)
    for name, expected in before.items():
        assert after[name] == expected, name
    assert new.check() == []
    assert new.size()["entities"] == old.size()["entities"]


def test_a_moved_twin_lives_on(pair: tuple[Any, Any], tmp_path: Path) -> None:
    old, new = pair
    lived(old, tmp_path)
    new.fill(old.parts())
    trunk = new.branch("")
    last = max(record.revision for record in old.stream(old.branch("")))
    update(new, trunk, 1, flow=observed(8, START_US + 3 * HOUR))
    record = new.records(trunk, [urn(1)])[urn(1)]
    assert record.revision > last
    assert record.document["attributes"][FLOW][""]["value"] == 8
    new.store.import_entities(DISTRICT, SOURCE, [building(1, 12.0), building(3)])
    assert new.store.counts("d")["Building"] == 2
    made = new.create_branch(trunk, "fresh")
    delete(new, made, 1)
    assert urn(1) in new.records(trunk, [urn(1)])
    assert new.check() == []


def test_a_twin_that_holds_something_takes_no_other(pair: tuple[Any, Any], tmp_path: Path) -> None:
    old, new = pair
    lived(old, tmp_path)
    create(new, new.branch(""), entity(9))
    with pytest.raises(LingjingError) as caught:
        new.fill(old.parts())
    assert caught.value.code == "twin.not-empty"
    assert [record.id for record in new.stream(new.branch(""))] == [urn(9)]


def test_half_a_twin_is_not_taken(pair: tuple[Any, Any], tmp_path: Path) -> None:
    old, new = pair
    lived(old, tmp_path)

    def broken() -> Iterator[Any]:
        for place, part in enumerate(old.parts()):
            if place == 12:
                raise RuntimeError
            yield part

    with pytest.raises(RuntimeError):
        new.fill(broken())
    assert new.tenants() == [""]
    assert list(new.stream(new.branch(""))) == []
    new.fill(old.parts())
    assert new.check() == []
