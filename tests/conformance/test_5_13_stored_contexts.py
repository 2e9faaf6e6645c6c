"""Clause 5.13: adding, listing, serving, and deleting @contexts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from conformance_client import CONTEXT, CONTEXT_LINK, DEFINITIONS, VOCABULARY, Api, problem

PATH = "/jsonldContexts"
TERMS = {"Valve": "https://example.org/Valve"}
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
NORTH = {"NGSILD-Tenant": "north"}
SOUTH = {"NGSILD-Tenant": "south"}


def host(api: Api, context: Any = TERMS, **options: Any) -> str:
    """Add an @context; gives its address below the base."""
    answer = api.post(PATH, {"@context": context}, **options)
    assert answer.status_code == 201, answer.text
    assert answer.content == b""
    return str(answer.headers["location"].removeprefix("/ngsi-ld/v1"))


def cached(api: Api) -> str:
    """Use the @context that is at hand as a file; gives its address here."""
    api.make({"id": "urn:x:1", "type": "Riser"}, headers={"Link": CONTEXT_LINK})
    return f"{PATH}/{quote(CONTEXT, safe='')}"


def linked(address: str) -> dict[str, str]:
    return {"Link": f'<{address}>; rel="http://www.w3.org/ns/json-ld#context"'}


def test_5_13_2_an_added_context_is_served_as_it_was_sent(api: Api) -> None:
    answer = api.get(host(api))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {"@context": TERMS}


def test_5_13_2_an_added_context_gives_names_to_entities(api: Api) -> None:
    address = "https://anywhere.example/ngsi-ld/v1" + host(api)
    api.make({"id": "urn:x:1", "type": "Valve"}, headers=linked(address))
    assert api.entity("urn:x:1")["type"] == "https://example.org/Valve"
    assert api.entity("urn:x:1", headers=linked(address))["type"] == "Valve"


@pytest.mark.parametrize("body", [{"Valve": "urn:Valve"}, [], 5])
def test_5_13_2_a_body_without_a_context_is_an_invalid_request(api: Api, body: Any) -> None:
    assert problem(api.post(PATH, body)) == (400, "InvalidRequest")


def test_5_13_2_broken_json_is_an_invalid_request(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.send("POST", PATH, content=b'{"@context": {', headers=headers)
    assert problem(answer) == (400, "InvalidRequest")


@pytest.mark.parametrize("context", [5, True, [5], {"a": "not an iri"}, {"a": {"@context": {}}}])
def test_5_13_2_a_context_that_means_nothing_is_bad_data(api: Api, context: Any) -> None:
    answer = api.post(PATH, {"@context": context})
    assert problem(answer) == (400, "BadRequestData")
    assert "location" not in answer.headers


def test_5_13_3_addresses_are_listed_by_kind(api: Api) -> None:
    hosted = host(api)
    cached(api)
    everything = api.get(PATH).json()
    assert {CORE, CONTEXT} < set(everything)
    assert [item for item in everything if item.endswith(hosted)]
    assert [item.endswith(hosted) for item in api.get(f"{PATH}?kind=Hosted").json()] == [True]
    assert set(api.get(f"{PATH}?kind=Cached").json()) == {CORE, CONTEXT}
    assert api.get(f"{PATH}?kind=ImplicitlyCreated").json() == []


def test_5_13_3_details_tell_what_each_is(api: Api) -> None:
    hosted = host(api)
    (found,) = api.get(f"{PATH}?details=true&kind=Hosted").json()
    assert found["URL"].endswith(hosted)
    assert hosted.endswith(found["localId"])
    assert found["kind"] == "Hosted"
    assert found["createdAt"].endswith("Z")
    assert found["numberOfHits"] == 0


@pytest.mark.parametrize("query", ["kind=other", "details=other", "details=true&kind=other"])
def test_5_13_3_values_that_mean_nothing_are_refused(api: Api, query: str) -> None:
    assert problem(api.get(f"{PATH}?{query}")) == (400, "BadRequestData")


def test_5_13_4_details_of_a_hosted_context_count_its_uses(api: Api) -> None:
    hosted = host(api)
    assert api.get(f"{hosted}?details=true").json()["numberOfHits"] == 0
    headers = linked("http://127.0.0.1/ngsi-ld/v1" + hosted)
    api.make({"id": "urn:x:1", "type": "Valve"}, headers=headers)
    details = api.get(f"{hosted}?details=true").json()
    assert details["numberOfHits"] == 1
    assert details["lastUsage"].endswith("Z")


def test_5_13_4_a_downloaded_context_is_told_about_and_not_served(api: Api) -> None:
    address = cached(api)
    details = api.get(f"{address}?details=true").json()
    assert (details["URL"], details["kind"]) == (CONTEXT, "Cached")
    assert problem(api.get(address)) == (422, "OperationNotSupported")
    assert api.get(f"{PATH}/{details['localId']}?details=true").json()["URL"] == CONTEXT


def test_5_13_4_the_core_context_is_known(api: Api) -> None:
    address = f"{PATH}/{quote(CORE, safe='')}"
    assert api.get(f"{address}?details=true").json()["URL"] == CORE


@pytest.mark.parametrize("query", ["", "?details=true", "?details=false"])
def test_5_13_4_an_unknown_context_is_not_found(api: Api, query: str) -> None:
    assert problem(api.get(f"{PATH}/unknown{query}")) == (404, "ResourceNotFound")


def test_5_13_5_a_deleted_context_is_gone(api: Api) -> None:
    hosted = host(api)
    headers = linked("http://127.0.0.1/ngsi-ld/v1" + hosted)
    api.make({"id": "urn:x:1", "type": "Valve"}, headers=headers)
    assert api.delete(hosted).status_code == 204
    assert problem(api.get(hosted)) == (404, "ResourceNotFound")
    assert problem(api.delete(hosted)) == (404, "ResourceNotFound")
    answer = api.post("/entities", {"id": "urn:x:2", "type": "Valve"}, headers=headers)
    assert problem(answer) == (504, "LdContextNotAvailable")


def test_5_13_5_a_downloaded_context_can_be_forgotten_and_comes_back_with_use(api: Api) -> None:
    address = cached(api)
    assert api.delete(address).status_code == 204
    assert problem(api.get(f"{address}?details=true")) == (404, "ResourceNotFound")
    assert api.entity("urn:x:1", headers={"Link": CONTEXT_LINK})["type"] == "Riser"
    assert api.get(f"{address}?details=true").status_code == 200


def test_5_13_5_a_downloaded_context_can_be_loaded_anew(api: Api) -> None:
    address = cached(api)
    file = api.service.contexts._files[CONTEXT]
    file.write_text(json.dumps({"@context": {**DEFINITIONS, "Pipe": VOCABULARY + "Riser"}}))
    assert api.entity("urn:x:1", headers={"Link": CONTEXT_LINK})["type"] == "Riser"
    assert api.delete(f"{address}?reload=true").status_code == 204
    assert api.entity("urn:x:1", headers={"Link": CONTEXT_LINK})["type"] == "Pipe"


def test_5_13_5_where_loading_anew_fails_the_old_copy_stays(api: Api) -> None:
    address = cached(api)
    file = api.service.contexts._files[CONTEXT]
    file.unlink()
    answer = api.delete(f"{address}?reload=true")
    assert problem(answer) == (504, "LdContextNotAvailable")
    assert api.get(f"{address}?details=true").json()["kind"] == "Cached"
    assert api.entity("urn:x:1", headers={"Link": CONTEXT_LINK})["type"] == "Riser"
    assert api.delete(address).status_code == 204


def test_5_13_5_only_a_downloaded_context_can_be_loaded_anew(api: Api) -> None:
    hosted = host(api)
    assert problem(api.delete(f"{hosted}?reload=true")) == (400, "BadRequestData")
    assert problem(api.delete(f"{PATH}/unknown?reload=true")) == (400, "BadRequestData")
    assert problem(api.delete(f"{hosted}?reload=other")) == (400, "BadRequestData")
    assert api.get(hosted).status_code == 200


def test_5_13_5_the_core_context_cannot_be_deleted(api: Api) -> None:
    address = f"{PATH}/{quote(CORE, safe='')}"
    assert problem(api.delete(address)) == (400, "BadRequestData")
    assert api.delete(f"{address}?reload=true").status_code == 204


def test_a_hosted_context_is_private_to_its_tenant(api: Api) -> None:
    hosted = host(api, headers=NORTH)
    assert api.get(hosted, headers=NORTH).json() == {"@context": TERMS}
    api.make({"id": "urn:x:1", "type": "A"}, headers=SOUTH)
    for headers in ({}, SOUTH):
        assert problem(api.get(hosted, headers=headers)) == (404, "ResourceNotFound")
        answer = api.get(f"{hosted}?details=true", headers=headers)
        assert problem(answer) == (404, "ResourceNotFound")
        assert problem(api.delete(hosted, headers=headers)) == (404, "ResourceNotFound")
        assert hosted not in api.get(f"{PATH}?details=true", headers=headers).text
    assert api.delete(hosted, headers=NORTH).status_code == 204


def test_what_the_default_tenant_hosts_is_not_everybodys(api: Api) -> None:
    hosted = host(api)
    api.make({"id": "urn:x:1", "type": "A"}, headers=SOUTH)
    assert problem(api.get(hosted, headers=SOUTH)) == (404, "ResourceNotFound")
    headers = {**SOUTH, **linked("http://127.0.0.1/ngsi-ld/v1" + hosted)}
    answer = api.get("/entities?type=Valve", headers=headers)
    assert problem(answer) == (504, "LdContextNotAvailable")


def test_a_query_with_its_own_context_answers_with_an_address_that_leads_to_it(api: Api) -> None:
    api.make({"id": "urn:x:1", "type": "https://example.org/Valve"})
    query = {"type": "Query", "entities": [{"type": "Valve"}], "@context": TERMS}
    headers = {"Content-Type": "application/ld+json", "Accept": "application/json"}
    answer = api.send("POST", "/entityOperations/query", content=json.dumps(query), headers=headers)
    assert [item["type"] for item in answer.json()] == ["Valve"]
    link = answer.headers["link"].split(">")[0].lstrip("<")
    assert "/ngsi-ld/v1/jsonldContexts/" in link
    address = link[link.index(PATH) :]
    assert api.get(address).json()["@context"] == TERMS
    assert api.get(f"{address}?details=true").json()["kind"] == "ImplicitlyCreated"
