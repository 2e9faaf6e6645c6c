"""Clauses 5.9 and 5.10: register, change, find and end context sources."""

from __future__ import annotations

from typing import Any

from conformance_client import CONTEXT_LINK, VOCABULARY, Api, problem
from watching import RISER, TANK, riser

R = "urn:ngsi-ld:ContextSourceRegistration:c-1"


def registration(**members: Any) -> dict[str, Any]:
    """A source of risers."""
    body = {
        "id": R,
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": "Riser"}]}],
        "endpoint": "http://source.example/ngsi-ld/v1",
        **members,
    }
    return {name: value for name, value in body.items() if value is not None}


def register(api: Api, **members: Any) -> None:
    """Make a registration."""
    answer = api.post("/csourceRegistrations", registration(**members))
    assert answer.status_code == 201, answer.text


def found(api: Api, query: str, **options: Any) -> list[str]:
    """Last parts of the ids that a query finds."""
    answer = api.get(f"/csourceRegistrations?{query}", **options)
    assert answer.status_code == 200, answer.text
    return [item["id"].rsplit(":", 1)[1] for item in answer.json()]


def test_a_registration_is_kept_as_it_was_sent_with_the_defaults(api: Api) -> None:
    given = registration(
        information=[
            {
                "entities": [{"type": "Riser", "idPattern": ".*1$"}, {"type": "Tank", "id": TANK}],
                "propertyNames": ["temperature"],
                "relationshipNames": ["fedBy"],
            }
        ],
        observationInterval={"startAt": "2026-01-01T00:00:00Z"},
        location={"type": "Point", "coordinates": [121.5, 31.3]},
        expiresAt="2099-01-01T00:00:00Z",
        contextSourceInfo=[{"key": "X-Key", "value": "k"}],
        scope="/east",
        maker="Acme",
    )
    answer = api.post("/csourceRegistrations", given)
    assert answer.headers["location"] == f"/ngsi-ld/v1/csourceRegistrations/{R}"
    read = api.get(f"/csourceRegistrations/{R}").json()
    assert read == {**given, "mode": "inclusive", "operations": ["federationOps"]}
    assert problem(api.post("/csourceRegistrations", given)) == (409, "AlreadyExists")


def test_one_without_an_id_is_given_one(api: Api) -> None:
    made = api.post("/csourceRegistrations", registration(id=None))
    name = made.headers["location"].rpartition("/")[2]
    assert api.get(f"/csourceRegistrations/{name}").json()["id"] == name


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"type": "Riser"}, "type"),
    ({"information": None}, "information"),
    ({"information": []}, "information"),
    ({"information": [{}]}, "information[0].entities"),
    ({"information": [{"entities": [{"id": RISER}]}]}, "information[0].entities[0].type"),
    ({"endpoint": None}, "endpoint"),
    ({"endpoint": "ftp://a/"}, "endpoint"),
    ({"expiresAt": "2000-01-01T00:00:00Z"}, "expiresAt"),
    ({"mode": "shared"}, "mode"),
    ({"operations": ["everything"]}, "operations[0]"),
    ({"mode": "auxiliary", "operations": ["updateEntity"]}, "operations"),
    ({"mode": "exclusive"}, "information[0].entities[0].id"),
    ({"contextSourceInfo": [{"key": "a", "value": 1}]}, "contextSourceInfo[0].value"),
    ({"management": "yes"}, "management"),
    ({"management": {"cacheDuration": "bogus"}}, "management.cacheDuration"),
    ({"management": {"timeout": 0}}, "management.timeout"),
    ({"location": {"type": "Point", "coordinates": [999, 0]}}, "coordinates"),
    ({"observationInterval": {"endAt": "2026-01-01T00:00:00Z"}}, "observationInterval.startAt"),
)


def test_what_does_not_fit_is_refused_and_its_place_named(api: Api) -> None:
    for members, field in WRONG:
        answer = api.post("/csourceRegistrations", registration(**members))
        assert problem(answer) == (400, "BadRequestData"), members
        assert answer.json()["field"] == field, members
    assert found(api, "type=Riser") == []


def test_an_update_changes_what_it_names_and_null_takes_away(api: Api) -> None:
    register(api, expiresAt="2099-01-01T00:00:00Z", maker="Acme")
    changed = api.patch(
        f"/csourceRegistrations/{R}",
        {"endpoint": "http://other.example", "expiresAt": None, "maker": None},
    )
    assert (changed.status_code, changed.content) == (204, b"")
    read = api.get(f"/csourceRegistrations/{R}").json()
    assert read["endpoint"] == "http://other.example"
    assert not {"expiresAt", "maker"} & read.keys()
    for fragment in (
        {"information": None},
        {"endpoint": None},
        {"type": "building"},
        {"id": "u:x"},
    ):
        refused = api.patch(f"/csourceRegistrations/{R}", fragment)
        assert problem(refused) == (400, "BadRequestData"), fragment


def test_one_that_is_unknown_or_named_wrongly_is_refused(api: Api) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {"endpoint": "http://a/"}} if method == "PATCH" else {}
        unknown = api.send(method, f"/csourceRegistrations/{R}", **body)
        assert problem(unknown) == (404, "ResourceNotFound"), method
        wrong = api.send(method, "/csourceRegistrations/x", **body)
        assert problem(wrong) == (400, "BadRequestData"), method
        if method != "GET":
            without = api.send(method, "/csourceRegistrations/", **body)
            assert (without.status_code, without.content) == (405, b"")


def test_a_deleted_one_is_gone(api: Api) -> None:
    register(api)
    assert api.delete(f"/csourceRegistrations/{R}").status_code == 204
    assert found(api, "type=Riser") == []


def test_queries_find_the_sources_that_may_answer_them(api: Api) -> None:
    by_name = {
        "risers": {},
        "one": {"information": [{"entities": [{"type": "Riser", "id": RISER}]}]},
        "odd": {"information": [{"entities": [{"type": "Riser", "idPattern": "odd$"}]}]},
        "tanks": {"information": [{"entities": [{"type": ["Tank", "Building"]}]}]},
        "names": {"information": [{"propertyNames": ["temperature"]}]},
        "east": {"scope": "/east/yard", "maker": "Acme"},
        "here": {"location": {"type": "Point", "coordinates": [121.5, 31.3]}},
        "past": {
            "observationInterval": {
                "startAt": "2026-01-01T00:00:00Z", "endAt": "2026-02-01T00:00:00Z",
            }
        },
    }  # fmt: skip
    for name, members in by_name.items():
        register(api, id=f"urn:r:{name}", **members)
    plain = ["east", "here"]
    cases = {
        "type=Riser": [*plain, "names", "odd", "one", "risers"],
        "type=Tank": ["names", "tanks"],
        "type=Building|Road": ["names", "tanks"],
        f"type=Riser&id={RISER}": [*plain, "names", "one", "risers"],
        "type=Riser&id=urn:odd": [*plain, "names", "odd", "risers"],
        "type=Riser&idPattern=r-1$": [*plain, "names", "odd", "one", "risers"],
        "type=Riser&idPattern=none$": [*plain, "names", "odd", "risers"],
        "type=Tank&attrs=temperature": ["names", "tanks"],
        "type=Tank&attrs=pressure": ["tanks"],
        "attrs=pressure": ["east", "here", "odd", "one", "risers", "tanks"],
        "type=Riser&scopeQ=/east/%23": ["east"],
        "type=Riser&csf=maker==%22Acme%22": ["east"],
        "q=maker==%22Acme%22": ["east"],
        "type=Riser&csf=endpoint==%22http://source.example/ngsi-ld/v1%22;!maker": [
            "here", "names", "odd", "one", "risers",
        ],
        "type=Riser&georel=near;maxDistance==100&geometry=Point&coordinates=[121.5,31.3]": ["here"],
        "type=Riser&timerel=before&timeAt=2026-01-15T00:00:00Z": ["past"],
        "type=Riser&timerel=after&timeAt=2026-01-15T00:00:00Z": ["past"],
        "type=Riser&timerel=after&timeAt=2026-03-15T00:00:00Z": [],
        "type=Riser&timerel=between&timeAt=2026-01-20T00:00:00Z&endTimeAt=2026-05-01T00:00:00Z": [
            "past",
        ],
        "type=Riser&timerel=before&timeAt=2026-03-01T00:00:00Z&timeproperty=modifiedAt": [],
    }  # fmt: skip
    for query, expected in cases.items():
        assert found(api, query) == expected, query


def test_a_query_without_anything_that_narrows_it_or_with_faults_is_refused(api: Api) -> None:
    for query in (
        "", "limit=5", "id=no-uri", "type=A;", "q=(a", "georel=within", "timerel=before",
        "type=A&timerel=soon&timeAt=2026-01-01T00:00:00Z", "type=A&timerel=before&timeAt=soon",
        "type=A&idPattern=(", "type=A&timeAt=2026-01-01T00:00:00Z",
    ):  # fmt: skip
        answer = api.get(f"/csourceRegistrations?{query}")
        assert problem(answer) == (400, "BadRequestData"), query


def test_results_come_in_pages_with_links(api: Api) -> None:
    for number in range(3):
        register(api, id=f"urn:r:{number}")
    answer = api.get("/csourceRegistrations?type=Riser&limit=1&offset=1&count=true")
    assert [item["id"] for item in answer.json()] == ["urn:r:1"]
    assert answer.headers["ngsild-results-count"] == "3"
    assert '?type=Riser&limit=1&offset=0&count=true>;rel="prev"' in answer.headers["link"]
    assert '?type=Riser&limit=1&offset=2&count=true>;rel="next"' in answer.headers["link"]


def test_names_are_understood_and_written_by_their_context(api: Api) -> None:
    named = {"Link": CONTEXT_LINK}
    information = [{"entities": [{"type": "Riser"}], "propertyNames": ["temperature"]}]
    api.post("/csourceRegistrations", registration(information=information), headers=named)
    read = api.get(f"/csourceRegistrations/{R}").json()
    assert read["information"][0]["propertyNames"] == [f"{VOCABULARY}temperature"]
    assert found(api, "type=Riser", headers=named) == ["c-1"]
    assert found(api, "type=Riser") == []


def test_an_exclusive_source_stands_alone_for_its_entity_and_attributes(api: Api) -> None:
    def source(name: str, mode: str, *attributes: str) -> Any:
        entities = [{"type": "Riser", "id": RISER}]
        information = [{"entities": entities, "propertyNames": list(attributes)}]
        body = registration(id=f"urn:r:{name}", mode=mode, information=information)
        return api.post("/csourceRegistrations", body)

    assert source("a", "exclusive", "temperature").status_code == 201
    for mode in ("exclusive", "redirect"):
        assert problem(source("b", mode, "temperature", "pressure")) == (409, "Conflict")
    assert source("c", "inclusive", "temperature").status_code == 201
    assert source("d", "exclusive", "pressure").status_code == 201
    assert source("e", "redirect", "name").status_code == 201
    assert source("f", "redirect", "name").status_code == 201


def test_what_the_twin_keeps_itself_is_not_given_away(api: Api) -> None:
    api.make(riser())
    entities = [{"type": "Riser", "id": RISER}]
    redirect = registration(mode="redirect", information=[{"entities": entities}])
    assert problem(api.post("/csourceRegistrations", redirect)) == (409, "Conflict")
    for name, status in (("temperature", 409), ("pressure", 201)):
        information = [{"entities": entities, "propertyNames": [name]}]
        exclusive = registration(mode="exclusive", information=information)
        assert api.post("/csourceRegistrations", exclusive).status_code == status
