"""Clause 5.6.21: entities ended by a query."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_client import Api, problem


def riser(name: object, temperature: float) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Riser:{name}",
        "type": "Riser",
        "temperature": {"type": "Property", "value": temperature},
        "flow": {"type": "Property", "value": 1},
    }


@pytest.fixture(autouse=True)
def risers(api: Api) -> None:
    api.make(riser(1, 1), riser(2, 2), riser(3, 3))
    api.make({"id": "urn:ngsi-ld:Tank:1", "type": "Tank"})


def left(api: Api) -> list[str]:
    return [name.rpartition("ngsi-ld:")[2] for name in api.ids("/entities?local=true")]


def test_purge_ends_what_the_query_finds_and_nothing_else(api: Api) -> None:
    assert (
        api.delete("/entities", params={"type": "Riser", "q": "temperature>1"}).status_code == 204
    )
    assert left(api) == ["Riser:1", "Tank:1"]
    assert api.delete("/entities", params={"type": "Riser"}).status_code == 204
    assert left(api) == ["Tank:1"]
    assert api.delete("/entities", params={"local": "true"}).status_code == 204
    assert left(api) == []


def test_purge_can_drop_or_keep_attributes(api: Api) -> None:
    params = {"type": "Riser", "q": "temperature==1", "drop": "flow"}
    assert api.delete("/entities", params=params).status_code == 204
    assert "flow" not in api.entity("urn:ngsi-ld:Riser:1")
    assert "flow" in api.entity("urn:ngsi-ld:Riser:2")
    assert api.delete("/entities", params={"type": "Riser", "keep": "flow"}).status_code == 204
    assert left(api) == ["Riser:1", "Riser:2", "Riser:3", "Tank:1"]
    assert api.entity("urn:ngsi-ld:Riser:2") == {
        "id": "urn:ngsi-ld:Riser:2",
        "type": "Riser",
        "flow": {"type": "Property", "value": 1},
    }


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"id": "urn:ngsi-ld:Riser:1"},
        {"idPattern": ".*"},
        {"attrs": "createdAt"},
        {"q": 'modifiedAt>"2020-01-01T00:00:00Z"'},
        {"type": "Riser", "keep": "flow", "drop": "temperature"},
        {"type": "Riser", "q": 'fedBy{name}=="x"'},
        {"type": "Riser", "attrs": "fedBy{name}"},
        {"type": "Riser", "q": "temperature>>1"},
    ],
)
def test_a_purge_that_is_too_wide_or_unclear_is_refused(api: Api, params: dict[str, str]) -> None:
    assert problem(api.delete("/entities", params=params))[0] == 400
    assert left(api) == ["Riser:1", "Riser:2", "Riser:3", "Tank:1"]


def test_purge_is_one_tenant_s_own(api: Api) -> None:
    elsewhere = {"NGSILD-Tenant": "minhang"}
    api.make(riser(9, 9), headers=elsewhere)
    assert api.delete("/entities", params={"local": "true"}, headers=elsewhere).status_code == 204
    assert len(left(api)) == 4
