"""Clause 6.3: what HTTP adds to every operation; 4.14 and 5.5.10: tenants."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import msgspec
import pytest
from conformance_client import CONTEXT_LINK, Api, problem

RISER = "urn:ngsi-ld:Riser:r-1"
PATH = f"/entities/{RISER}"
BODY = {"id": RISER, "type": "Riser", "temperature": {"type": "Property", "value": 1}}
JSON, LD_JSON, GEO_JSON = "application/json", "application/ld+json", "application/geo+json"


# 6.3.4 media types


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (LD_JSON, LD_JSON),
        (f"{LD_JSON}, {JSON}", JSON),
        (f"{JSON};q=0.1, {LD_JSON};q=0.9", LD_JSON),
        (f"{JSON};q=0, */*", LD_JSON),
        (f"*/*;q=0.9, {LD_JSON};q=0.8", JSON),
        (f"{LD_JSON};q=much", LD_JSON),
        (f"{GEO_JSON}, {JSON}", JSON),
        (GEO_JSON, GEO_JSON),
        ("text/html, application/*;q=0.1", JSON),
    ],
)
def test_the_answer_is_of_the_type_that_is_preferred(api: Api, accept: str, expected: str) -> None:
    api.make(BODY)
    answer = api.get(PATH, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == expected


@pytest.mark.parametrize("accept", ["text/html", "application/xml", f"{JSON};q=0", "*/*;q=0"])
def test_what_cannot_be_answered_in_is_not_acceptable(api: Api, accept: str) -> None:
    api.make(BODY)
    assert api.get(PATH, headers={"Accept": accept}).status_code == 406


def test_geo_json_is_for_entities_alone(api: Api) -> None:
    assert api.get("/types", headers={"Accept": GEO_JSON}).status_code == 406
    assert api.get("/subscriptions", headers={"Accept": GEO_JSON}).status_code == 406


@pytest.mark.parametrize("given", ["application/xml", "text/plain", "", "application/geo+json"])
def test_a_body_of_another_type_is_not_read(api: Api, given: str) -> None:
    answer = api.send("POST", "/entities", content=b"{}", headers={"Content-Type": given})
    assert answer.status_code == 415
    assert api.get(PATH).status_code == 404


def test_parameters_of_the_media_type_do_not_matter(api: Api) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert api.post("/entities", BODY, headers=headers).status_code == 201


def test_a_body_without_its_length_is_refused_bare(api: Api) -> None:
    async def pieces() -> Any:
        yield b"{}"

    for method, path in (("POST", "/entities"), ("PATCH", PATH), ("PUT", PATH)):
        headers = {"Content-Type": JSON, "NGSILD-Tenant": "nowhere"}
        answer = api.send(method, path, content=pieces(), headers=headers)
        assert (answer.status_code, answer.content) == (411, b"")


def test_a_body_over_the_limit_is_refused(api: Api) -> None:
    most = api.service.limits.body_bytes
    headers = {"Content-Type": JSON, "Content-Length": str(most + 1)}
    answer = api.send("POST", "/entities", content=b"{}", headers=headers)
    assert answer.status_code == 413
    honest = api.send(
        "POST", "/entities", content=b" " * (most + 1), headers={"Content-Type": JSON}
    )
    assert honest.status_code == 413


# 6.3.5 and 6.3.6 the @context of answers


def test_json_names_the_context_in_a_link_and_json_ld_holds_it(api: Api) -> None:
    api.make(BODY, headers={"Link": CONTEXT_LINK})
    plain = api.get(PATH, headers={"Link": CONTEXT_LINK})
    assert plain.headers["link"] == CONTEXT_LINK
    assert "@context" not in plain.json()
    linked = api.get(PATH, headers={"Link": CONTEXT_LINK, "Accept": LD_JSON})
    assert "link" not in linked.headers
    assert "@context" in linked.json()
    many = api.get("/entities?local=true", headers={"Accept": LD_JSON})
    assert all("@context" in item for item in many.json())


def test_geo_json_holds_the_context_unless_json_is_preferred(api: Api) -> None:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [121.5, 31.3]}}
    api.make({**BODY, "location": place})
    whole = api.get("/entities?type=Riser", headers={"Accept": GEO_JSON})
    assert "@context" in whole.json()
    assert whole.json()["features"][0]["geometry"] == place["value"]
    bare = api.get("/entities?type=Riser", headers={"Accept": GEO_JSON, "Prefer": "body=json"})
    assert "@context" not in bare.json()
    assert "ngsi-ld-core-context" in bare.headers["link"]


# 4.3.6.8 earlier versions


def test_an_earlier_version_gets_what_it_knows(api: Api) -> None:
    api.make({**BODY, "state": {"type": "VocabProperty", "vocab": "open"}})
    earlier = api.get(PATH, headers={"Prefer": "ngsi-ld=1.5"})
    assert earlier.status_code == 203
    assert earlier.headers["preference-applied"] == "ngsi-ld=1.5"
    assert earlier.json()["state"] == {"type": "Property", "value": "open"}
    now = api.get(PATH, headers={"Prefer": "ngsi-ld=1.9"})
    assert now.status_code == 200
    assert now.json()["state"]["type"] == "VocabProperty"
    assert "preference-applied" not in api.get(PATH, headers={"Prefer": "ngsi-ld=7.1"}).headers


# 6.3.20 parameters, addresses and methods


@pytest.mark.parametrize(
    "path",
    ["/entities?type=Riser&colour=red", "/types?limit=5", f"{PATH}?deleteAll=true", "/info/x"],
)
def test_what_means_nothing_is_refused(api: Api, path: str) -> None:
    api.make(BODY)
    answer = api.get(path)
    expected = (404, "ResourceNotFound") if path == "/info/x" else (400, "InvalidRequest")
    assert problem(answer) == expected


def test_a_parameter_stands_once(api: Api) -> None:
    assert problem(api.get("/entities?type=Riser&type=Tank")) == (400, "InvalidRequest")


def test_percent_encoding_that_is_no_text_is_refused(api: Api) -> None:
    assert problem(api.get("/entities?type=%FF")) == (400, "InvalidRequest")
    assert problem(api.get("/entities/urn:a:%FF")) == (400, "InvalidRequest")


def test_the_methods_of_an_address_are_told(api: Api) -> None:
    answer = api.send("OPTIONS", PATH)
    assert answer.status_code == 204
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
    assert "application/json" in answer.headers["accept-patch"]
    refused = api.send("POST", "/types", json={})
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"


def test_head_is_get_without_the_body(api: Api) -> None:
    api.make(BODY)
    got, asked = api.get(PATH), api.send("HEAD", PATH)
    assert asked.status_code == 200
    assert asked.content == b""
    assert asked.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize("suffix", ["", "/"])
def test_an_id_is_needed_where_the_address_has_one(api: Api, suffix: str) -> None:
    assert problem(api.patch("/entities/", BODY)) == (400, "BadRequestData")
    assert problem(api.put("/entities/", BODY)) == (400, "BadRequestData")
    assert problem(api.delete(f"/entities//attrs/temperature{suffix}")) == (400, "BadRequestData")


# Errors


def test_an_error_is_for_programs_and_for_people(api: Api) -> None:
    answer = api.post("/entities", {"id": RISER, "type": "Riser", "flow": {"type": "Property"}})
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["code"].startswith("ngsild.")
    assert body["field"].startswith("flow")
    assert set(body["what"]) == set(body["remedy"]) == {"zh-CN", "en"}
    assert body["detail"]


# 4.14, 5.5.10 tenants


def test_tenants_are_walls_and_the_header_comes_back(api: Api) -> None:
    north, south = {"NGSILD-Tenant": "north"}, {"NGSILD-Tenant": "south"}
    made = api.post("/entities", BODY, headers=north)
    assert (made.status_code, made.headers["ngsild-tenant"]) == (201, "north")
    api.make({"id": "urn:ngsi-ld:Tank:1", "type": "Tank"}, headers=south)
    assert api.get(PATH, headers=north).status_code == 200
    for headers in (south, {}):
        hidden = api.get(PATH, headers=headers)
        assert problem(hidden) == (404, "ResourceNotFound")
    assert api.ids("/entities?local=true", headers=south) == ["urn:ngsi-ld:Tank:1"]
    assert api.delete(PATH, headers=south).status_code == 404
    assert api.get("/types", headers=south).json()["typeList"] == ["Tank"]


def test_a_tenant_that_never_was_is_named(api: Api) -> None:
    nowhere = {"NGSILD-Tenant": "nowhere"}
    for answer in (
        api.get(PATH, headers=nowhere),
        api.get("/entities?type=Riser", headers=nowhere),
        api.delete(PATH, headers=nowhere),
        api.post(f"{PATH}/attrs", {"a": 1}, headers=nowhere),
    ):
        assert problem(answer) == (404, "NonexistentTenant")
        assert answer.headers["ngsild-tenant"] == "nowhere"
    assert api.get("/entities?type=Riser").status_code == 200


def test_an_odd_tenant_name_is_refused(api: Api) -> None:
    odd = api.post("/entities", BODY, headers={"NGSILD-Tenant": "a b/../c;DROP TABLE"})
    assert problem(odd)[0] == 400


def test_each_tenant_of_a_server_has_a_name_of_its_own(api: Api) -> None:
    def alias(**headers: str) -> Any:
        answer = api.get("/info/sourceIdentity", headers=headers)
        assert answer.status_code == 200
        return answer.json()["contextSourceAlias"]

    names = {"NGSILD-Tenant": "north"}
    assert alias() != alias(**names)
    assert alias(**names) == alias(**names)


def test_a_fault_inside_is_told_without_its_details(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(api.service.ledger, "records", fail)
    answer = api.get(PATH)
    assert problem(answer) == (500, "InternalError")
    assert "secret" not in answer.text
    assert isinstance(answer, httpx.Response)


def test_a_request_that_takes_too_long_is_ended(api: Api) -> None:
    hurried = msgspec.structs.replace(api.service.limits, request_s=0.05)
    asked = threading.Event()

    def slow(*_: Any, **__: Any) -> Any:
        asked.wait(5)
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.service, "limits", hurried)
        patch.setattr(api.service.ledger, "attribute_uses", slow)
        answer = api.get("/attributes")
        asked.set()
    assert answer.status_code == 503
    assert answer.json()["code"] == "ngsild.took-too-long"
    assert answer.headers["retry-after"]
    assert api.get("/attributes").status_code == 200


def test_a_body_is_nested_only_so_deep(api: Api) -> None:
    def nested(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = {"a": [value]}
        return {**BODY, "notes": {"type": "Property", "value": value}}

    most = api.service.limits.depth
    assert api.post("/entities", nested((most - 4) // 2)).status_code == 201
    too_deep = api.post("/entities", nested(most))
    assert problem(too_deep) == (400, "InvalidRequest")
    assert too_deep.json()["code"] == "ngsild.too-deep"
