"""Whatever a stranger asks is answered, or refused with a reason."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from conformance_client import Api
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.interfaces.ngsild.query_parameters import ENTITY_QUERY_PARAMETERS
from lingjing.interfaces.ngsild.temporal_parameters import QUERY_PARAMETERS

JSON = {"Content-Type": "application/json"}
TANK = "urn:ngsi-ld:Tank:t-1"
WORDS = (
    "Tank", "level", "level>1", "near;maxDistance==5", "Point", "[1,2]", "Polygon", "within",
    "[[[0,0],[1,0],[1,1],[0,0]]]", "true", "false", "0", "1", "-1", "99999999999999999999",
    "inline", "after", "between", "2026-01-20T09:00:00Z", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z", "observedAt", "deletedAt", "avg,max", "PT1H", "P1M", "P9999Y",
    "PT0.000001S", "/a/#", "@none", "id,level", "und", "level;desc", "location;dist-asc",
    "temporalValues", "aggregatedValues", "sysAttrs", TANK, "*", "NaN", "1e999", "-P1D",
    "'; DROP TABLE entity; --", "%00", "\x00", "\ud7ff", "级", "a" * 300, "(" * 40, "{" * 40,
    "((a))", 'level=="x"', "level[a.b]==1", "a{b{c}}==1", "createdAt>2020-01-01T00:00:00Z",
)  # fmt: skip
texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=12))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture
def twin(api: Api) -> Api:
    """A twin with something in it."""
    level = {"type": "Property", "value": 4, "observedAt": "2026-01-20T09:00:00Z"}
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
    api.make({"id": TANK, "type": "Tank", "scope": "/a/b", "level": level, "location": place})
    return api


def parameters(names: frozenset[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(sorted(names)), texts, max_size=5)


def fixed(api: Api, path: str, asked: dict[str, str], base: str) -> None:
    text = "&".join(
        f"{name}={quote(value, safe='', errors='replace')}" for name, value in asked.items()
    )
    answer = api.get(f"{path}?{base}&{text}" if base else f"{path}?{text}")
    assert answer.status_code < 500, (text, answer.text)
    if answer.status_code >= 400:
        assert answer.json()["code"]


PATHS: list[tuple[str, str, frozenset[str]]] = [
    ("/entities", "", ENTITY_QUERY_PARAMETERS - {"type"}),
    ("/entities", "type=Tank", ENTITY_QUERY_PARAMETERS - {"type"}),
    (f"/entities/{TANK}", "", frozenset({"attrs", "pick", "omit", "options", "lang", "join"})),
    (
        "/temporal/entities",
        "type=Tank&timerel=after&timeAt=2020-01-01T00:00:00Z",
        QUERY_PARAMETERS - {"type", "timerel", "timeAt"},
    ),
    ("/temporal/entities", "type=Tank", QUERY_PARAMETERS - {"type"}),
    (
        f"/temporal/entities/{TANK}",
        "",
        QUERY_PARAMETERS & {"timerel", "timeAt", "endTimeAt", "lastN", "aggrMethods", "format"},
    ),
    ("/entityMaps", "type=Tank", ENTITY_QUERY_PARAMETERS - {"type"}),
    ("/temporal/entityMaps", "type=Tank", QUERY_PARAMETERS - {"type"}),
]


def ask_at(api: Api, path: str, base: str, names: frozenset[str]) -> None:
    @settings(max_examples=25, deadline=None)
    @given(parameters(names))
    def ask(asked: dict[str, str]) -> None:
        fixed(api, path, asked, base)

    ask()


def test_no_address_brings_the_server_down(twin: Api) -> None:
    for path, base, names in PATHS:
        ask_at(twin, path, base, names)


MEMBERS = (
    "type", "entities", "attrs", "q", "geoQ", "csf", "temporalQ", "scopeQ", "lang", "pick", "omit",
    "join", "joinLevel", "datasetId", "entityMap", "ordering", "aggrParams", "expandValues", "id",
    "snapshotQueries", "snapshotPriority", "expiresAt", "level", "scope", "observedAt", "value",
)  # fmt: skip
bodies = st.dictionaries(st.sampled_from(MEMBERS), anything, max_size=5)


STARTS: dict[str, dict[str, Any]] = {
    "/entityOperations/query": {"type": "Query", "entities": [{"type": "Tank"}]},
    "/temporal/entityOperations/query": {
        "type": "Query",
        "entities": [{"type": "Tank"}],
        "temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"},
    },
    "/temporal/entities": {"id": "urn:x:new", "type": "Tank"},
    f"/temporal/entities/{TANK}/attrs": {},
    "/snapshots": {"type": "Snapshot", "snapshotQueries": []},
}


def send_to(api: Api, path: str, start: dict[str, Any]) -> None:
    @settings(max_examples=25, deadline=None)
    @given(bodies)
    def send(body: dict[str, Any]) -> None:
        text = json.dumps({**start, **body}).encode()
        answer = api.send("POST", path, content=text, headers=JSON)
        assert answer.status_code < 500, (body, answer.text)
        if answer.status_code >= 400:
            assert answer.json()["code"]

    send()


def test_no_body_brings_the_server_down(twin: Api) -> None:
    for path, start in STARTS.items():
        send_to(twin, path, start)
    assert twin.get(f"/entities/{TANK}").is_success


def test_deep_and_broken_bodies_are_refused(twin: Api) -> None:
    for text in ("", "{", "[" * 20_000, '{"type":"Query","entities":' + "[" * 20_000, "NaN", '"x"'):
        for path in ("/entityOperations/query", "/temporal/entities", "/snapshots"):
            answer = twin.send("POST", path, content=text.encode(), headers=JSON)
            assert 400 <= answer.status_code < 500, (text[:40], answer.text)
