"""Clauses 4.4, 5.5.5 to 5.5.7 and 6.3.5: names, and the @context they are understood by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conformance_client import CONTEXT, CONTEXT_LINK, VOCABULARY, Api, problem

CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
RISER = "urn:ngsi-ld:Riser:1"
LINKED = {"Link": CONTEXT_LINK}
LD = {"Content-Type": "application/ld+json"}
LD_WANTED = {"Accept": "application/ld+json"}


def riser(**more: Any) -> dict[str, Any]:
    return {"id": RISER, "type": "Riser", "temperature": {"type": "Property", "value": 3}, **more}


def send(api: Api, body: Any, **headers: str) -> Any:
    return api.send("POST", "/entities", content=json.dumps(body), headers={**LD, **headers})


def test_4_4_keywords_of_json_ld_are_taken_and_never_answered(api: Api) -> None:
    api.make({"@id": RISER, "@type": "Riser"})
    assert api.entity(RISER) == {"id": RISER, "type": "Riser"}


def test_4_4_a_user_context_cannot_redefine_core_terms(api: Api) -> None:
    context = [{"Property": "https://evil.example/P", "value": "https://evil.example/v"}, CONTEXT]
    assert send(api, riser(**{"@context": context})).status_code == 201
    assert api.entity(RISER, headers=LINKED)["temperature"] == {"type": "Property", "value": 3}


def test_4_6_2_names_in_chinese_are_names(api: Api) -> None:
    body = {"id": "urn:ngsi-ld:立管:一", "type": "立管", "温度": {"type": "Property", "value": 3}}
    api.make(body)
    assert api.entity("urn:ngsi-ld:立管:一") == body


WRONG_NAMES = ["my attr", "9lives", "a-b", "a<b", "a'b", "a;b", "a(b)", "a=b"]


def test_4_6_2_names_with_forbidden_characters_are_refused(api: Api) -> None:
    for name in WRONG_NAMES:
        assert problem(api.post("/entities", riser(**{name: 1}))) == (400, "BadRequestData")
        assert problem(api.post("/entities", riser(type=name))) == (400, "BadRequestData")


def test_5_5_5_without_a_context_names_belong_to_the_default_vocabulary(api: Api) -> None:
    api.make(riser())
    answer = api.get(f"/entities/{RISER}", headers=LD_WANTED)
    assert answer.json() == {"@context": CORE, **riser()}
    told = api.entity(RISER, headers=LINKED)
    assert told["type"] == "ngsi-ld:default-context/Riser"
    assert api.ids(f"/entities?type={DEFAULT}Riser") == [RISER]


def test_5_5_7_names_of_a_context_are_compacted_by_it_alone(api: Api) -> None:
    api.make(riser(), headers=LINKED)
    assert api.entity(RISER)["type"] == VOCABULARY + "Riser"
    assert api.entity(RISER, headers=LINKED) == riser()
    assert api.ids("/entities?type=Riser") == []
    assert api.ids("/entities?type=Riser", headers=LINKED) == [RISER]


def test_5_5_7_scoped_contexts_are_refused(api: Api) -> None:
    context = {"Riser": {"@id": "https://example.org/R", "@context": {"a": "urn:a"}}}
    assert problem(send(api, riser(**{"@context": context}))) == (400, "BadRequestData")
    assert api.get(f"/entities/{RISER}").status_code == 404


def test_5_5_7_an_attribute_has_no_context_of_its_own(api: Api) -> None:
    wrong = riser(pressure={"type": "Property", "value": 1, "@context": {"a": "urn:a"}})
    assert problem(api.post("/entities", wrong)) == (400, "BadRequestData")


def test_6_3_5_a_plain_answer_names_its_context_in_the_link(api: Api) -> None:
    api.make(riser(), headers=LINKED)
    answer = api.get(f"/entities/{RISER}", headers=LINKED)
    assert answer.headers["link"].startswith(f"<{CONTEXT}>")
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in answer.headers["link"]
    assert "@context" not in answer.json()


def test_6_3_5_a_linked_data_answer_carries_its_context(api: Api) -> None:
    api.make(riser(), headers=LINKED)
    answer = api.get(f"/entities/{RISER}", headers={**LINKED, **LD_WANTED})
    assert answer.headers["content-type"].startswith("application/ld+json")
    assert CONTEXT in answer.json()["@context"]


def test_6_3_5_a_linked_data_body_needs_its_context_and_no_link(api: Api) -> None:
    assert problem(send(api, riser())) == (400, "BadRequestData")
    both = send(api, riser(**{"@context": CONTEXT}), Link=CONTEXT_LINK)
    assert problem(both) == (400, "BadRequestData")


def test_6_3_5_a_plain_body_has_no_context(api: Api) -> None:
    assert problem(api.post("/entities", riser(**{"@context": CONTEXT}))) == (400, "BadRequestData")


@pytest.mark.parametrize("context", [{"a": "urn:a"}, [{"a": "urn:a"}, CONTEXT], CONTEXT, [CONTEXT]])
def test_6_3_5_contexts_come_as_addresses_objects_and_lists(api: Api, context: Any) -> None:
    body = {"id": RISER, "type": "A", "a": {"type": "Property", "value": 1}, "@context": context}
    assert send(api, body).status_code == 201


@pytest.mark.parametrize(
    ("context", "status", "kind"),
    [
        ("https://nowhere.invalid/c.jsonld", 504, "LdContextNotAvailable"),
        (["https://nowhere.invalid/c.jsonld", CONTEXT], 504, "LdContextNotAvailable"),
        (5, 400, "BadRequestData"),
        ("not an address", 400, "BadRequestData"),
        ({"Riser": "no iri"}, 400, "BadRequestData"),
        ({"a": "b:c", "b": "a:c"}, 400, "BadRequestData"),
    ],
)
def test_5_5_6_a_context_that_cannot_be_had_or_understood_is_told_apart(
    api: Api, context: Any, status: int, kind: str
) -> None:
    assert problem(send(api, riser(**{"@context": context}))) == (status, kind)
    assert api.get(f"/entities/{RISER}").status_code == 404


def test_5_5_6_a_link_that_leads_nowhere_is_told(api: Api) -> None:
    link = '<https://nowhere.invalid/c>; rel="http://www.w3.org/ns/json-ld#context"'
    answer = api.get("/entities?type=Riser", headers={"Link": link})
    assert problem(answer) == (504, "LdContextNotAvailable")


def test_6_3_5_a_link_to_an_address_in_chinese_is_percent_encoded(api: Api) -> None:
    files = api.service.contexts._files
    files["https://contexts.example/%E6%9D%A8%E6%B5%A6.jsonld"] = files[CONTEXT]
    query = {
        "type": "Query",
        "entities": [{"type": "Riser"}],
        "@context": "https://contexts.example/杨浦.jsonld",
    }
    headers = {**LD, "Accept": "application/json"}
    answer = api.send("POST", "/entityOperations/query", content=json.dumps(query), headers=headers)
    assert answer.status_code == 200
    link = answer.headers["link"]
    assert link.startswith("<https://contexts.example/%E6%9D%A8%E6%B5%A6.jsonld>")
    assert api.get("/entities?type=Riser", headers={"Link": link}).status_code == 200
    details = api.get("/jsonldContexts/https%3A%2F%2Fcontexts.example%2F杨浦.jsonld?details=true")
    assert details.json()["kind"] == "Cached"
