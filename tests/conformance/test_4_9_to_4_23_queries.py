"""Clauses 4.9, 4.10, 4.17, 4.19, 4.21 and 4.23: what a query of entities may say."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from conformance_client import Api, problem

NORTH, SOUTH, PIPE = "urn:ngsi-ld:Tank:north", "urn:ngsi-ld:Tank:south", "urn:ngsi-ld:Pipe:p"


def value(item: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": item, **more}


def at(x: float, y: float) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [x, y]}}


@pytest.fixture(autouse=True)
def district(api: Api) -> None:
    api.make(
        {
            "id": NORTH,
            "type": ["Tank", "Heated"],
            "scope": ["/city/north", "/owner/a"],
            "level": value(4, observedAt="2026-01-20T09:00:00Z"),
            "name": value("Ängel"),
            "address": value({"road": "百禄路", "no": 7}),
            "state": {"type": "VocabProperty", "vocab": "shut"},
            "label": {"type": "LanguageProperty", "languageMap": {"en": "tank", "zh": "水箱"}},
            "feeds": {"type": "Relationship", "object": PIPE},
            "location": at(121.5, 31.25),
        },
        {
            "id": SOUTH,
            "type": "Tank",
            "scope": "/city/south/east",
            "level": [value(9), value(1, datasetId="urn:d:laser")],
            "name": value("Zander"),
            "location": at(121.5, 31.2),
            "operationSpace": at(0, 0),
        },
        {"id": PIPE, "type": "Pipe", "name": value("main"), "width": value(0.2)},
    )


def found(api: Api, **parameters: Any) -> list[str]:
    parameters.setdefault("type", "Tank,Pipe")
    text = "&".join(f"{name}={quote(str(item))}" for name, item in parameters.items())
    names = {NORTH: "north", SOUTH: "south", PIPE: "pipe"}
    return [names[one] for one in api.ids(f"/entities?{text}")]


CONDITIONS: list[Any] = [
    ("level", ["north", "south"]),
    ("!level", ["pipe"]),
    ("level>5", ["south"]),
    ("level==1", ["south"]),
    ("level==3..5", ["north"]),
    ("level!=1..5", ["south"]),
    ("level==4,9", ["north", "south"]),
    ('name=="main"|level==4', ["pipe", "north"]),
    ('(name=="Zander"|name=="main");level', ["south"]),
    ('name~="^[ÄZ]"', ["north", "south"]),
    ('name!~="^[ÄZ]"', ["pipe"]),
    ("address[road]==百禄路", ["north"]),
    ("address[no]>6", ["north"]),
    ('label[zh]=="水箱"', ["north"]),
    ('label[en]=="水箱"', []),
    (f"feeds=={PIPE}", ["north"]),
    ("level.observedAt>=2026-01-20T09:00:00Z", ["north"]),
    ("modifiedAt>2020-01-01T00:00:00Z;width<1", ["pipe"]),
]  # fmt: skip


def test_conditions_on_values(api: Api) -> None:
    for condition, expected in CONDITIONS:
        assert found(api, q=condition) == expected
        body = {"type": "Query", "entities": [{"type": "Tank"}, {"type": "Pipe"}], "q": condition}
        answer = api.post("/entityOperations/query", body)
        assert [one["id"].rpartition(":")[2].replace("p", "pipe", 1) if one["id"] == PIPE
                else one["id"].rpartition(":")[2] for one in answer.json()] == expected  # fmt: skip


def test_words_of_the_vocabulary_are_expanded_where_that_is_asked(api: Api) -> None:
    assert found(api, q="state==shut", expandValues="state") == ["north"]
    assert found(api, q="state==shut") == []


def test_conditions_on_linked_entities_need_them_to_be_retrieved(api: Api) -> None:
    assert found(api, q='feeds{name}=="main"', join="inline") == ["north"]
    assert found(api, q='feeds{Pipe:name}=="main"', join="flat", type="Tank", pick="id") == [
        "north"
    ]
    assert found(api, q='feeds{Tank:name}=="main"', join="inline") == []
    assert problem(api.get('/entities?type=Tank&q=feeds{name}=="main"')) == (400, "BadRequestData")


TYPES: list[Any] = [
    ("Tank", ["north", "south"]),
    ("Tank;Heated", ["north"]),
    ("(Tank;Heated)|Pipe", ["pipe", "north"]),
    ("Heated,Pipe", ["pipe", "north"]),
    ("*", ["pipe", "north", "south"]),
    ("Road", []),
]  # fmt: skip


def test_selections_of_types(api: Api) -> None:
    for types, expected in TYPES:
        assert found(api, type=types) == expected


SCOPES: list[Any] = [
    ("/city/north", ["north"]),
    ("/city/+", ["north"]),
    ("/city/#", ["north", "south"]),
    ("/#", ["north", "south"]),
    ("/city/north;/owner/a", ["north"]),
    ("/owner/a|/city/south/east", ["north", "south"]),
    ("/city", []),
]  # fmt: skip


def test_scopes(api: Api) -> None:
    for scopes, expected in SCOPES:
        assert found(api, scopeQ=scopes) == expected


PLACES: list[Any] = [
    ({"georel": "near;maxDistance==2000", "coordinates": "[121.5,31.25]"}, ["north"]),
    ({"georel": "near;minDistance==2000", "coordinates": "[121.5,31.25]"}, ["south"]),
    (
        {
            "georel": "within",
            "geometry": "Polygon",
            "coordinates": "[[[121,31],[122,31],[122,31.22],[121,31.22],[121,31]]]",
        },
        ["south"],
    ),
    (
        {
            "georel": "disjoint",
            "geometry": "Polygon",
            "coordinates": "[[[121,31],[122,31],[122,31.22],[121,31.22],[121,31]]]",
        },
        ["north"],
    ),
    ({"georel": "equals", "coordinates": "[121.5,31.2]"}, ["south"]),
    (
        {
            "georel": "near;maxDistance==10",
            "coordinates": "[0,0]",
            "geoproperty": "operationSpace",
        },
        ["south"],
    ),
    ({"georel": "near;maxDistance==10", "coordinates": "[0,0]"}, []),
]  # fmt: skip


def test_places(api: Api) -> None:
    for parameters, expected in PLACES:
        assert found(api, **{"geometry": "Point", **parameters}) == expected


def test_an_order_by_members_values_and_distance(api: Api) -> None:
    assert found(api, orderBy="name") == ["south", "pipe", "north"]
    assert found(api, orderBy="name", collation="de") == ["north", "pipe", "south"]
    assert found(api, orderBy="name;desc", limit=2) == ["north", "pipe"]
    assert found(api, orderBy="name;desc", limit=2, offset=2) == ["south"]
    assert found(api, orderBy="level", type="Tank") == ["north", "south"]
    nearest = {"orderBy": "location;dist-asc", "orderFrom": "[121.5,31]"}
    assert found(api, **nearest) == ["south", "north", "pipe"]
    assert problem(api.get("/entities?type=Tank&orderBy=location;dist-asc"))[0] == 400
    assert problem(api.get("/entities?type=Tank&orderBy=name&collation=!!"))[0] == 400


def test_several_selectors_of_a_body_are_alternatives(api: Api) -> None:
    def asked(*selectors: dict[str, Any]) -> list[str]:
        answer = api.post("/entityOperations/query", {"type": "Query", "entities": selectors})
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()]

    assert asked({"type": "Tank", "id": NORTH}, {"type": "Pipe"}) == [PIPE, NORTH]
    assert asked({"type": "Tank", "id": [NORTH, SOUTH]}) == [NORTH, SOUTH]
    assert asked({"type": "Tank", "idPattern": "th$"}, {"type": "Pipe", "id": NORTH}) == [
        NORTH,
        SOUTH,
    ]
    assert asked({"type": "Tank", "idPattern": "south$", "id": NORTH}) == [NORTH]


WRONG: list[Any] = [
    "", "id=urn:x:y", "idPattern=.*", "attrs=createdAt", "q=modifiedAt>2020-01-01T00:00:00Z",
    "scopeQ=/a", "type=Tank&q=level>", "type=Tank&q=level>1..2", "type=Tank&georel=near",
    "type=Tank&georel=within&geometry=Point", "type=Tank&geoproperty=location",
    "type=Tank&scopeQ=a b", "type=((", "type=*&local=false", "type=Tank&limit=-1",
    "type=Tank&limit=0", "type=Tank&limit=x", "type=Tank&offset=-1", "type=Tank&count=yes",
    "type=Tank&id=no uri", "type=Tank&idPattern=(", "type=Tank&csf=))", "type=Tank&join=deep",
    "type=Tank&join=inline&joinLevel=0", "type=Tank&join=inline&joinLevel=99",
    "type=Tank&pick=a&omit=a", "type=Tank&pick=a&attrs=a", "type=Tank&pick=a;b",
    "type=Tank&pick=a{b}", "type=Tank&pick=a{}", "type=Tank&omit=a{b", "type=Tank&pick=a,,b",
    "type=Tank&geometryProperty=location", "type=Tank&datasetId=no uri",
    "type=Tank&q=a==1&attrs=",
    "type=Tank&containedBy=no uri", "type=Tank&orderBy=;", "type=Tank&q=" + "a;" * 300 + "(",
]  # fmt: skip


def test_a_query_that_is_too_wide_or_wrong_is_refused(api: Api) -> None:
    for query in WRONG:
        if query.endswith("attrs="):
            assert api.get(f"/entities?{query}").status_code == 200
            continue
        status, kind = problem(api.get(f"/entities?{quote(query, safe='=&')}"))
        assert (status, kind) in ((400, "BadRequestData"), (403, "TooComplexQuery"))


def test_too_large_a_page_is_refused_by_its_own_name(api: Api) -> None:
    assert problem(api.get("/entities?type=Tank&limit=5000")) == (403, "TooManyResults")
    assert api.get("/entities?type=Tank&limit=0&count=true").status_code == 200


NO_QUERIES: list[Any] = [
    {"type": "Question", "entities": [{"type": "Tank"}]},
    {"type": "Query"},
    {"type": "Query", "entities": []},
    {"type": "Query", "entities": [{"id": NORTH}]},
    {"type": "Query", "entities": [{"type": "Tank", "id": [NORTH, 5]}]},
    {"type": "Query", "entities": "Tank"},
    {"type": "Query", "entities": [{"type": "Tank"}], "q": 42},
    {"type": "Query", "entities": [{"type": "Tank"}], "attrs": []},
    {"type": "Query", "entities": [{"type": "Tank"}], "pick": "name"},
    {"type": "Query", "entities": [{"type": "Tank"}], "geoQ": "near"},
    {"type": "Query", "entities": [{"type": "Tank"}], "geoQ": {"georel": "within"}},
    {"type": "Query", "entities": [{"type": "Tank"}], "ordering": {"orderBy": ["a;b"]}},
    {"type": "Query", "entities": [{"type": "Tank"}], "temporalQ": {}},
    {"type": "Query", "entities": [{"type": "Tank"}], "joinLevel": 0},
    {"type": "Query", "entities": [{"type": "Tank"}], "entityMap": "yes"},
]  # fmt: skip


def test_a_body_that_is_no_query_is_refused(api: Api) -> None:
    for body in NO_QUERIES:
        assert problem(api.post("/entityOperations/query", body)) == (400, "BadRequestData")
