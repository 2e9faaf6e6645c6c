"""Clauses 5.7.1, 5.7.2 and 5.7.5 to 5.7.10: retrieve, query and discover."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_client import CONTEXT_LINK, VOCABULARY, Api, problem


def urn(name: object, kind: str = "Riser") -> str:
    return f"urn:ngsi-ld:{kind}:{name}"


def number(value: float) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def riser(name: object, temperature: float, **more: Any) -> dict[str, Any]:
    return {"id": urn(name), "type": "Riser", "temperature": number(temperature), **more}


def link(target: str) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}


@pytest.fixture(autouse=True)
def district(api: Api) -> None:
    api.make(
        riser(1, 3, fedBy=link(urn(1, "Tank")), scope="/yangpu/wujiaochang"),
        riser(2, 1, fedBy=link(urn(1, "Tank"))),
        riser(3, 2, pressure=number(5)),
        {"id": urn(1, "Tank"), "type": "Tank", "level": number(9), "inside": link(urn(1, "House"))},
        {"id": urn(1, "House"), "type": "House", "name": {"type": "Property", "value": "甲"}},
    )


# 5.7.1 retrieve


def test_an_entity_can_be_shown_in_several_forms(api: Api) -> None:
    path = f"/entities/{urn(3)}"
    assert api.entity(urn(3)) == riser(3, 2, pressure=number(5))
    plain = api.get(path, params={"options": "keyValues"}).json()
    assert plain == {"id": urn(3), "type": "Riser", "temperature": 2, "pressure": 5}
    assert api.get(path, params={"format": "simplified"}).json() == plain
    timed = api.get(path, params={"options": "sysAttrs"}).json()
    assert timed["createdAt"] <= timed["temperature"]["modifiedAt"]
    picked = api.get(path, params={"pick": "id,pressure", "options": "keyValues"}).json()
    assert picked == {"id": urn(3), "pressure": 5}
    assert "pressure" not in api.get(path, params={"omit": "pressure"}).json()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=Tank", (404, "ResourceNotFound")),
        ("attrs=flow", (404, "ResourceNotFound")),
        ("pick=flow", (404, "ResourceNotFound")),
        ("omit=id,type,temperature,pressure", (404, "ResourceNotFound")),
        ("options=sometimes", (400, "InvalidRequest")),
        ("format=sometimes", (400, "InvalidRequest")),
        ("pick=id&attrs=flow", (400, "BadRequestData")),
        ("join=sideways", (400, "BadRequestData")),
        ("geometryProperty=location", (400, "BadRequestData")),
    ],
)
def test_an_entity_that_cannot_be_shown_so_is_refused(
    api: Api, query: str, expected: tuple[int, str]
) -> None:
    assert problem(api.get(f"/entities/{urn(3)}?{query}")) == expected


def test_linked_entities_are_shown_inside_or_beside(api: Api) -> None:
    inline = api.get(f"/entities/{urn(1)}", params={"join": "inline", "joinLevel": 2}).json()
    tank = inline["fedBy"]["entity"]
    assert tank["level"] == number(9)
    assert tank["inside"]["entity"]["id"] == urn(1, "House")
    shallow = api.get(f"/entities/{urn(1)}", params={"join": "inline"}).json()
    assert "entity" not in shallow["fedBy"]["entity"]["inside"]
    flat = api.get(f"/entities/{urn(1)}", params={"join": "flat", "joinLevel": 2}).json()
    assert [item["id"] for item in flat] == [urn(1), urn(1, "Tank"), urn(1, "House")]


# 5.7.2 query


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=Riser", [1, 2, 3]),
        ("type=Riser&q=temperature>1", [1, 3]),
        ("type=Riser&q=temperature>1;pressure", [3]),
        (f"type=Riser&id={urn(1)},{urn(2)},urn:a:none", [1, 2]),
        ("type=Riser&idPattern=.*[23]$", [2, 3]),
        ("attrs=pressure", [3]),
        ("type=Riser&scopeQ=/yangpu/%23", [1]),
        ("type=Riser&orderBy=temperature", [2, 3, 1]),
        ("type=Riser&orderBy=temperature;desc", [1, 3, 2]),
        ("type=Riser&orderBy=temperature&limit=1&offset=1", [3]),
        ("type=Riser&q=fedBy{level}>8&join=inline", [1, 2]),
        ("type=Riser&pick=pressure,id", [1, 2, 3]),
        ("type=Pump", []),
    ],
)
def test_a_query_finds_what_meets_it_in_order(api: Api, query: str, found: list[int]) -> None:
    assert api.ids(f"/entities?{query}") == [urn(name) for name in found]


def test_a_projection_that_shows_nothing_of_an_entity_leaves_it_out(api: Api) -> None:
    shown = api.get("/entities?type=Riser&pick=pressure&count=true")
    assert shown.json() == [{"pressure": number(5)}]
    assert shown.headers["ngsild-results-count"] == "1"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "id=urn:a:b",
        "idPattern=.*",
        "scopeQ=/a",
        "attrs=createdAt",
        "type=",
        "type=(Riser",
        "type=Riser&id=no-uri",
        "type=Riser&idPattern=**",
        "type=Riser&limit=-1",
        "type=Riser&limit=x",
        "type=Riser&limit=0",
        "type=Riser&offset=-1",
        "type=Riser&q=;;",
        "type=Riser&q=temperature==",
        "type=Riser&georel=near;maxDistance==5",
        "type=Riser&georel=far&geometry=Point&coordinates=[0,0]",
        "type=Riser&georel=within&geometry=Point&coordinates=[[0",
        "type=Riser&scopeQ=//",
        "type=Riser&orderBy=;up",
        "type=Riser&q=fedBy{level}>8",
    ],
)
def test_a_query_that_is_too_wide_or_unclear_is_refused(api: Api, query: str) -> None:
    assert problem(api.get(f"/entities?{query}")) == (400, "BadRequestData")


def test_pages_lead_forward_and_back(api: Api) -> None:
    first = api.get("/entities?type=Riser&limit=1&count=true")
    assert first.headers["ngsild-results-count"] == "3"
    links = [one for one in first.headers.get_list("link") if "rel=" in one]
    assert any('rel="next"' in one and "offset=1" in one for one in links)
    assert not any('rel="prev"' in one for one in links)
    seen: list[str] = []
    path = "/entities?type=Riser&limit=1"
    while path:
        answer = api.get(path)
        seen += [item["id"] for item in answer.json()]
        following = [one for one in answer.headers.get_list("link") if 'rel="next"' in one]
        path = following[0].partition("<")[2].partition(">")[0] if following else ""
        path = path.removeprefix("/ngsi-ld/v1")
    assert seen == [urn(1), urn(2), urn(3)]


def test_the_number_can_be_asked_for_alone(api: Api) -> None:
    answer = api.get("/entities?type=Riser&limit=0&count=true")
    assert answer.json() == []
    assert answer.headers["ngsild-results-count"] == "3"
    assert 'rel="next"' not in answer.headers["link"]


def test_a_page_is_bounded(api: Api) -> None:
    most = api.service.limits.page_most
    answer = api.get(f"/entities?type=Riser&limit={most + 1}")
    assert problem(answer) == (403, "TooManyResults")


def test_a_query_can_be_posted(api: Api) -> None:
    body = {
        "type": "Query",
        "entities": [{"type": "Riser", "idPattern": ".*[12]$"}, {"type": "Tank"}],
        "q": "temperature>1|level>1",
    }
    answer = api.post("/entityOperations/query", body)
    assert [item["id"] for item in answer.json()] == [urn(1), urn(1, "Tank")]
    fault = api.post("/entityOperations/query", {"type": "Riser"})
    assert problem(fault) == (400, "BadRequestData")


# 5.7.5 to 5.7.10 discovery


def test_types_in_use_are_listed_and_described(api: Api) -> None:
    assert api.get("/types").json()["typeList"] == ["House", "Riser", "Tank"]
    described = {item["typeName"]: item for item in api.get("/types?details=true").json()}
    assert sorted(described["Riser"]["attributeNames"]) == ["fedBy", "pressure", "temperature"]
    one = api.get("/types/Riser").json()
    assert one["entityCount"] == 3
    kinds = {item["attributeName"]: item["attributeTypes"] for item in one["attributeDetails"]}
    assert kinds["fedBy"] == ["Relationship"]
    assert problem(api.get("/types/Pump")) == (404, "ResourceNotFound")
    api.delete(f"/entities/{urn(1, 'House')}")
    assert api.get("/types").json()["typeList"] == ["Riser", "Tank"]


def test_attributes_in_use_are_listed_and_described(api: Api) -> None:
    listed = api.get("/attributes").json()["attributeList"]
    assert sorted(listed) == ["fedBy", "inside", "level", "name", "pressure", "temperature"]
    details = {item["attributeName"]: item for item in api.get("/attributes?details=true").json()}
    assert details["inside"]["typeNames"] == ["Tank"]
    one = api.get("/attributes/temperature").json()
    assert (one["attributeCount"], one["attributeTypes"], one["typeNames"]) == (
        3,
        ["Property"],
        ["Riser"],
    )
    for name in ("flow", "id", "type", "createdAt"):
        assert problem(api.get(f"/attributes/{name}")) == (404, "ResourceNotFound")


def test_discovery_speaks_the_words_of_the_context(api: Api) -> None:
    linked = {"Link": CONTEXT_LINK}
    api.make({"id": "urn:a:b", "type": "Road", "status": number(1)}, headers=linked)
    assert "Road" in api.get("/types", headers=linked).json()["typeList"]
    assert VOCABULARY + "Road" in api.get("/types").json()["typeList"]
    assert api.get("/types/Road", headers=linked).json()["id"] == VOCABULARY + "Road"
    assert problem(api.get("/types/Road")) == (404, "ResourceNotFound")
