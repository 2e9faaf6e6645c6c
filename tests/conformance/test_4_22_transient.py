"""Clause 4.22: entities and attributes that expire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from conformance_client import Api, problem

RISER = "urn:ngsi-ld:Riser:r-1"
PATH = f"/entities/{RISER}"
SOON_S = 0.6


def after(seconds: float) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def number(value: float, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def test_an_entity_is_there_until_it_expires(api: Api) -> None:
    api.make({"id": RISER, "type": "Riser", "expiresAt": after(SOON_S), "a": number(1)})
    assert "expiresAt" not in api.entity(RISER)
    assert "expiresAt" in api.entity(RISER, params={"options": "sysAttrs"})
    api.wait(SOON_S + 0.2)
    assert problem(api.get(PATH)) == (404, "ResourceNotFound")
    assert api.ids("/entities?type=Riser") == []
    assert api.get("/types").json()["typeList"] == []
    assert api.get(f"/temporal{PATH}").status_code == 200, "its past stays"
    api.make({"id": RISER, "type": "Riser"})


def test_attributes_and_single_instances_expire_by_themselves(api: Api) -> None:
    dataset = "urn:ngsi-ld:Dataset:gps"
    api.make({
        "id": RISER,
        "type": "Riser",
        "a": number(1, expiresAt=after(SOON_S)),
        "b": [number(2), number(3, datasetId=dataset, expiresAt=after(SOON_S))],
        "c": number(4),
    })  # fmt: skip
    assert {"a", "b", "c"} <= api.entity(RISER).keys()
    api.wait(SOON_S + 0.2)
    entity = api.entity(RISER)
    assert "a" not in entity
    assert entity["b"] == number(2)
    assert entity["c"] == number(4)


def test_an_expiry_can_be_set_moved_and_taken_back(api: Api) -> None:
    api.make({"id": RISER, "type": "Riser", "a": number(1, expiresAt=after(SOON_S))})
    assert api.patch(f"{PATH}/attrs", {"a": number(2)}).status_code == 204, "replaced: no expiry"
    assert api.patch(PATH, {"expiresAt": after(60)}).status_code == 204
    api.wait(SOON_S + 0.2)
    assert api.entity(RISER)["a"] == number(2)
    assert api.patch(PATH, {"expiresAt": "2020-01-01T00:00:00Z"}).status_code == 204
    assert problem(api.get(PATH)) == (404, "ResourceNotFound")
    assert problem(api.patch(PATH, {"a": number(3)})) == (404, "ResourceNotFound")


def test_a_server_that_starts_again_knows_what_expires(api: Api) -> None:
    api.make({"id": RISER, "type": "Riser", "expiresAt": after(SOON_S)})
    other = Api(api.ledger, {})
    with other:
        assert other.entity(RISER)["type"] == "Riser"
        other.wait(SOON_S + 0.2)
        assert problem(other.get(PATH)) == (404, "ResourceNotFound")
        assert api.ledger.records(api.ledger.branch(""), (RISER,)) == {}, "it is taken away too"
