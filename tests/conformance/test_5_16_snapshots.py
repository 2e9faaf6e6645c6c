"""Clause 5.16: snapshots, which are branches of the twin."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_client import Api, problem

from lingjing.twin.ledger import TRUNK

TANK = "urn:ngsi-ld:Tank:t-1"
OTHER = "urn:ngsi-ld:Tank:t-2"
EVERYTHING = {"type": "Query", "entities": [{"type": "*"}]}
FULL = {"type": "Query", "entities": [{"type": "Tank"}], "q": "level>50"}


@pytest.fixture(autouse=True)
def tanks(api: Api) -> None:
    for entity_id, level in ((TANK, 80), (OTHER, 30)):
        api.make({"id": entity_id, "type": "Tank", "level": {"type": "Property", "value": level}})


def make(api: Api, *queries: dict[str, Any], **more: Any) -> str:
    body = {"type": "Snapshot", "snapshotQueries": list(queries), **more}
    answer = api.post("/snapshots", body)
    assert answer.status_code == 201, answer.text
    path: str = answer.headers["location"].removeprefix("/ngsi-ld/v1")
    for _ in range(200):
        if state(api, path)["snapshotStatus"] != "preparing":
            break
        api.wait(0.02)
    return path


def state(api: Api, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def inside(path: str) -> dict[str, str]:
    return {"NGSILD-Snapshot": path.rpartition("/")[2]}


def level(api: Api, entity_id: str = TANK, **options: Any) -> Any:
    return api.entity(entity_id, **options)["level"]["value"]


def test_a_snapshot_of_everything_is_ready_at_once_and_keeps_still(api: Api) -> None:
    path = make(api, EVERYTHING)
    assert state(api, path)["snapshotStatus"] == "success"
    api.patch(f"/entities/{TANK}/attrs", {"level": {"type": "Property", "value": 10}})
    assert level(api) == 10
    assert level(api, headers=inside(path)) == 80
    answer = api.get("/entities?type=Tank", headers=inside(path))
    assert answer.headers["ngsild-snapshot"] == path.rpartition("/")[2]


def test_what_is_written_in_a_snapshot_stays_in_it(api: Api) -> None:
    path = make(api, EVERYTHING)
    change = {"level": {"type": "Property", "value": 99}}
    api.patch(f"/entities/{TANK}/attrs", change, headers=inside(path))
    api.make({"id": "urn:ngsi-ld:Tank:new", "type": "Tank"}, headers=inside(path))
    assert level(api, headers=inside(path)) == 99
    assert level(api) == 80
    assert api.get("/entities/urn:ngsi-ld:Tank:new").status_code == 404


def test_a_snapshot_of_queries_holds_what_they_find(api: Api) -> None:
    path = make(api, FULL, {"type": "Query", "entities": [{"type": "Pipe"}]})
    found = state(api, path)
    assert found["snapshotStatus"] == "success"
    assert found["snapshotQueries"][0] == FULL
    assert [one["resultStatus"] for one in found["snapshotQueriesDetails"]] == ["success", "empty"]
    assert api.ids("/entities?type=Tank", headers=inside(path)) == [TANK]
    assert api.get(f"/entities/{OTHER}", headers=inside(path)).status_code == 404
    assert api.ids("/entities?type=Tank") == [TANK, OTHER]


def test_what_a_query_left_out_is_no_change_of_the_snapshot(api: Api) -> None:
    path = make(api, FULL)
    branch = api.ledger.branch("", path.rpartition("/")[2])
    assert api.ledger.changed_ids(branch) == []


def test_a_snapshot_of_a_snapshot_lives_on_without_it(api: Api) -> None:
    first = make(api, FULL)
    change = {"level": {"type": "Property", "value": 99}}
    api.patch(f"/entities/{TANK}/attrs", change, headers=inside(first))
    answer = api.post(f"{first}/clone", {"type": "Snapshot", "snapshotPriority": 9})
    assert answer.status_code == 201
    second = answer.headers["location"].removeprefix("/ngsi-ld/v1")
    assert state(api, second)["snapshotPriority"] == 9
    assert state(api, second)["snapshotQueries"] == [FULL]
    assert api.delete(first).status_code == 204
    assert problem(api.get(first)) == (404, "ResourceNotFound")
    gone = api.get("/entities?type=Tank", headers=inside(first))
    assert problem(gone) == (404, "ResourceNotFound")
    assert level(api, headers=inside(second)) == 99
    assert api.delete(second).status_code == 204
    assert [branch.name for branch in api.ledger.branches("")] == [TRUNK]


def test_priority_and_end_can_be_changed_and_nothing_else(api: Api) -> None:
    path = make(api, EVERYTHING, snapshotPriority=3)
    assert state(api, path)["snapshotPriority"] == 3
    answer = api.patch(path, {"snapshotPriority": 2, "expiresAt": "2099-01-01T00:00:00Z"})
    assert answer.status_code == 200
    assert answer.json() == state(api, path)
    assert answer.json()["snapshotPriority"] == 2
    assert answer.json()["expiresAt"].startswith("2099-01-01T00:00:00")
    for body in (
        {"snapshotQueries": []},
        {"snapshotStatus": "failed"},
        {"snapshotPriority": 0},
        {"snapshotPriority": 11},
        {"snapshotPriority": "high"},
        {"expiresAt": "2000-01-01T00:00:00Z"},
        {"expiresAt": "soon"},
        {"type": "Tank"},
    ):
        assert problem(api.patch(path, body)) == (400, "BadRequestData")
    assert state(api, path)["snapshotPriority"] == 2


NO_SNAPSHOTS: list[Any] = [
    {"type": "Snapshot"},
    {"type": "Snapshot", "snapshotQueries": []},
    {"type": "Snapshot", "snapshotQueries": [5]},
    {"type": "Tank", "snapshotQueries": [EVERYTHING]},
    {"type": "Snapshot", "id": "no uri", "snapshotQueries": [EVERYTHING]},
    {"type": "Snapshot", "snapshotQueries": [{**FULL, "q": "level>"}]},
    {
        "type": "Snapshot",
        "snapshotQueries": [
            {**FULL, "temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}}
        ],
    },
]


def test_what_is_no_snapshot_is_refused_and_makes_no_branch(api: Api) -> None:
    for body in NO_SNAPSHOTS:
        assert problem(api.post("/snapshots", body)) == (400, "BadRequestData")
        assert [branch.name for branch in api.ledger.branches("")] == [TRUNK]


def test_an_id_is_taken_once(api: Api) -> None:
    path = make(api, EVERYTHING, id="urn:ngsi-ld:Snapshot:mine")
    assert path == "/snapshots/urn:ngsi-ld:Snapshot:mine"
    body = {"type": "Snapshot", "id": "urn:ngsi-ld:Snapshot:mine", "snapshotQueries": [FULL]}
    assert problem(api.post("/snapshots", body)) == (409, "AlreadyExists")


def test_a_purge_asks_about_snapshots_and_spares_other_branches(api: Api) -> None:
    low = make(api, EVERYTHING, snapshotPriority=2)
    high = make(api, EVERYTHING, snapshotPriority=8)
    api.ledger.create_branch(api.ledger.branch(""), "what-if")
    assert problem(api.delete("/snapshots?q=level>50")) == (400, "BadRequestData")
    assert problem(api.delete("/snapshots")) == (400, "BadRequestData")
    assert api.delete("/snapshots?q=snapshotPriority<5").status_code == 204
    assert api.get(low).status_code == 404
    assert api.get(high).status_code == 200
    assert api.delete("/snapshots?q=snapshotPriority>0").status_code == 204
    assert [branch.name for branch in api.ledger.branches("")] == [TRUNK, "what-if"]


def test_branches_made_in_other_ways_are_told_as_snapshots(api: Api) -> None:
    api.ledger.create_branch(api.ledger.branch(""), "what-if")
    path = make(api, EVERYTHING)
    listed = api.get("/snapshots").json()
    assert {one["id"] for one in listed} == {"what-if", path.rpartition("/")[2]}
    assert level(api, headers={"NGSILD-Snapshot": "what-if"}) == 80


def test_a_snapshot_that_is_not_there_cannot_be_used(api: Api) -> None:
    nowhere = {"NGSILD-Snapshot": "urn:ngsi-ld:Snapshot:none"}
    assert problem(api.get("/entities?type=Tank", headers=nowhere)) == (404, "ResourceNotFound")
    path = "/snapshots/urn:ngsi-ld:Snapshot:none"
    for answer in (
        api.get(path),
        api.delete(path),
        api.patch(path, {"snapshotPriority": 1}),
        api.post(f"{path}/clone", {"type": "Snapshot"}),
    ):
        assert problem(answer) == (404, "ResourceNotFound")
