"""Clauses 5.8.1 to 5.8.5: create, update, retrieve, query and delete subscriptions."""

from __future__ import annotations

from typing import Any

from conformance_client import CONTEXT, CONTEXT_LINK, VOCABULARY, Api, problem
from watching import S, kept, subscription

NOTIFY = {"endpoint": {"uri": "http://localhost:1/"}}


def test_a_new_subscription_is_answered_with_its_address_and_can_be_read_there(api: Api) -> None:
    answer = api.post("/subscriptions", subscription(description="Cold risers", q="temperature<0"))
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["location"] == f"/ngsi-ld/v1/subscriptions/{S}"
    assert kept(api) == subscription(
        description="Cold risers",
        q="temperature<0",
        status="active",
        notificationTrigger=["attributeCreated", "attributeUpdated"],
    )


def test_a_subscription_without_an_id_is_given_one(api: Api) -> None:
    answer = api.post("/subscriptions", subscription(id=None))
    name = answer.headers["location"].rpartition("/")[2]
    assert name.startswith("urn:ngsi-ld:Subscription:")
    assert kept(api, name)["id"] == name


def test_an_id_that_exists_is_a_conflict(api: Api) -> None:
    assert api.post("/subscriptions", subscription()).status_code == 201
    assert problem(api.post("/subscriptions", subscription())) == (409, "AlreadyExists")


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"id": "no-uri"}, "id"),
    ({"type": "Riser"}, "type"),
    ({"type": None}, "type"),
    ({"entities": None}, "entities"),
    ({"entities": []}, "entities"),
    ({"entities": [{}]}, "entities[0].type"),
    ({"entities": [{"type": "A;;B"}]}, "entities[0].type"),
    ({"entities": [{"type": "A", "id": "x y"}]}, "entities[0].id[0]"),
    ({"entities": [{"type": "A", "idPattern": "("}]}, "entities[0].idPattern"),
    ({"watchedAttributes": []}, "watchedAttributes"),
    ({"watchedAttributes": [1]}, "watchedAttributes[0]"),
    ({"notificationTrigger": ["entityChanged"]}, "notificationTrigger[0]"),
    ({"timeInterval": 0}, "timeInterval"),
    ({"timeInterval": 1.5}, "timeInterval"),
    ({"timeInterval": True}, "timeInterval"),
    ({"timeInterval": 5, "throttling": 5}, "throttling"),
    ({"timeInterval": 5, "watchedAttributes": ["a"]}, "watchedAttributes"),
    ({"throttling": -30}, "throttling"),
    ({"q": "temperature>"}, "q"),
    ({"csf": "(("}, "csf"),
    ({"scopeQ": "/a//b"}, "scopeQ"),
    ({"geoQ": {"georel": "within"}}, "geoQ.geometry"),
    ({"geoQ": {"georel": "on", "geometry": "Point", "coordinates": [1, 2]}}, "georel"),
    ({"geoQ": {"georel": "within", "geometry": "Point", "coordinates": [1]}}, "coordinates"),
    ({"expiresAt": "tomorrow"}, "expiresAt"),
    ({"expiresAt": "2000-01-01T00:00:00Z"}, "expiresAt"),
    ({"isActive": "yes"}, "isActive"),
    ({"datasetId": ["no uri"]}, "datasetId[0]"),
    ({"jsonldContext": "nowhere"}, "jsonldContext"),
    ({"notification": {"endpoint": None}}, "notification.endpoint"),
    ({"notification": {"endpoint": {}}}, "notification.endpoint.uri"),
    ({"notification": {"endpoint": {"uri": "ftp://a/b"}}}, "notification.endpoint.uri"),
    ({"notification": {"endpoint": {"uri": "mqtt://a"}}}, "notification.endpoint.uri"),
    ({"notification": {"endpoint": {"uri": "mqtt://a/b/#"}}}, "notification.endpoint.uri"),
    ({"notification": {**NOTIFY, "format": "xml"}}, "notification.format"),
    ({"notification": {**NOTIFY, "attributes": []}}, "notification.attributes"),
    ({"notification": {**NOTIFY, "pick": []}}, "notification.pick"),
    ({"notification": {**NOTIFY, "joinLevel": 99}}, "notification.joinLevel"),
    ({"notification": {**NOTIFY, "pick": ["a"], "omit": ["a"]}}, "notification.pick"),
    ({"notification": {**NOTIFY, "pick": ["a"], "attributes": ["a"]}}, "notification.pick"),
    (
        {"notification": {**NOTIFY, "format": "keyValues", "showChanges": True}},
        "notification.showChanges",
    ),
    (
        {"notification": {"endpoint": {"uri": "http://a/", "receiverInfo": [{"key": "k"}]}}},
        "notification.endpoint.receiverInfo[0].value",
    ),
    (
        {"notification": {"endpoint": {"uri": "http://a/", "receiverInfo": [
            {"key": "k", "value": "a\r\nHost: b"}]}}},
        "notification.endpoint.receiverInfo[0].value",
    ),
    (
        {"notification": {"endpoint": {"uri": "mqtt://a/b", "notifierInfo": [
            {"key": "MQTT-QoS", "value": "3"}]}}},
        "notification.endpoint.notifierInfo",
    ),
)  # fmt: skip


def test_what_does_not_fit_is_refused_and_its_place_named(api: Api) -> None:
    for members, field in WRONG:
        answer = api.post("/subscriptions", subscription(**members))
        assert problem(answer) == (400, "BadRequestData"), members
        assert answer.json()["field"] == field, members
    assert api.get("/subscriptions").json() == []


def test_members_that_the_server_keeps_itself_and_unknown_ones_are_ignored(api: Api) -> None:
    given = subscription(
        status="expired", __context="http://elsewhere/", notification={**NOTIFY, "timesSent": 42}
    )
    assert api.post("/subscriptions", given).status_code == 201
    read = kept(api)
    assert read["status"] == "active"
    assert "__context" not in read
    assert "timesSent" not in read["notification"]


def test_names_are_written_as_the_context_of_the_reader_says(api: Api) -> None:
    body = subscription(
        entities=[{"type": "(Riser|Tank)"}],
        watchedAttributes=["temperature"],
        notification={**NOTIFY, "pick": ["id", "pressure"]},
        geoQ={
            "georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [121.5, 31.3],
            "geoproperty": "inside",
        },
    )  # fmt: skip
    headers = {"Link": CONTEXT_LINK}
    assert api.post("/subscriptions", body, headers=headers).status_code == 201
    near = kept(api, headers=headers)
    assert near["entities"] == [{"type": "(Riser|Tank)"}]
    assert near["watchedAttributes"] == ["temperature"]
    assert near["geoQ"]["geoproperty"] == "inside"
    far = kept(api)
    assert far["entities"] == [{"type": f"({VOCABULARY}Riser|{VOCABULARY}Tank)"}]
    assert far["watchedAttributes"] == [f"{VOCABULARY}temperature"]
    assert far["notification"]["pick"] == ["id", f"{VOCABULARY}pressure"]
    assert far["geoQ"]["geoproperty"] == f"{VOCABULARY}inside"


def test_a_context_that_cannot_be_had_is_told_and_nothing_is_kept(api: Api) -> None:
    answer = api.post("/subscriptions", subscription(jsonldContext="http://10.0.0.1/context"))
    status, kind = problem(answer)
    assert (status // 100, kind) == (5, "LdContextNotAvailable")
    assert api.get("/subscriptions").json() == []
    assert api.post("/subscriptions", subscription(jsonldContext=CONTEXT)).status_code == 201


def test_an_update_changes_what_it_names_and_the_status(api: Api) -> None:
    api.post("/subscriptions", subscription(q="temperature<0"))
    steps: tuple[tuple[dict[str, Any], str], ...] = (
        ({"isActive": False}, "paused"),
        ({"expiresAt": "2099-01-01T00:00:00Z"}, "paused"),
        ({"isActive": True}, "active"),
    )
    for change, status in steps:
        answer = api.patch(f"/subscriptions/{S}", {"type": "Subscription", **change})
        assert (answer.status_code, answer.content) == (204, b"")
        read = kept(api)
        assert read["status"] == status, change
        assert read["q"] == "temperature<0"
        assert change.items() <= read.items()


def test_a_member_that_is_null_goes_unless_it_is_mandatory(api: Api) -> None:
    api.post("/subscriptions", subscription(q="temperature<0"))
    assert api.patch(f"/subscriptions/{S}", {"q": None}).status_code == 204
    assert "q" not in kept(api)
    for fragment in (
        {"type": None}, {"notification": None}, {"entities": None},
        {"notification": {"format": "normalized", "endpoint": None}},
    ):  # fmt: skip
        refused = api.patch(f"/subscriptions/{S}", fragment)
        assert problem(refused) == (400, "BadRequestData"), fragment
    assert kept(api)["entities"] == [{"type": "Riser"}]


def test_an_update_that_does_not_fit_changes_nothing(api: Api) -> None:
    api.post("/subscriptions", subscription())
    before = kept(api)
    fragments: tuple[Any, ...] = (
        {"notification": {"format": "keyValues"}}, {"expiresAt": "2000-01-01T00:00:00Z"},
        {"throttling": 1, "timeInterval": 2}, {"id": "urn:other"}, {"type": "Riser"}, [],
    )  # fmt: skip
    for fragment in fragments:
        refused = api.patch(f"/subscriptions/{S}", fragment)
        assert problem(refused) == (400, "BadRequestData"), fragment
        assert kept(api) == before


def test_one_that_is_unknown_or_named_wrongly_is_refused(api: Api) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {"isActive": True}} if method == "PATCH" else {}
        unknown = api.send(method, "/subscriptions/urn:ngsi-ld:Subscription:none", **body)
        assert problem(unknown) == (404, "ResourceNotFound"), method
        wrong = api.send(method, "/subscriptions/none", **body)
        assert problem(wrong) == (400, "BadRequestData"), method


def test_an_update_or_deletion_without_an_id_is_not_allowed(api: Api) -> None:
    assert api.patch("/subscriptions/", {"isActive": True}).status_code == 405
    assert api.delete("/subscriptions/").status_code == 405


def test_a_deleted_subscription_is_gone(api: Api) -> None:
    api.post("/subscriptions", subscription())
    answer = api.delete(f"/subscriptions/{S}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert problem(api.get(f"/subscriptions/{S}")) == (404, "ResourceNotFound")
    assert api.post("/subscriptions", subscription()).status_code == 201


def test_subscriptions_are_listed_a_page_at_a_time(api: Api) -> None:
    names = [f"urn:ngsi-ld:Subscription:{number}" for number in range(5)]
    for name in reversed(names):
        api.post("/subscriptions", subscription(id=name))
    first = api.get("/subscriptions?limit=2&count=true")
    assert [item["id"] for item in first.json()] == names[:2]
    assert first.headers["ngsild-results-count"] == "5"
    assert 'offset=2>;rel="next"' in first.headers["link"]
    assert 'rel="prev"' not in first.headers["link"]
    last = api.get("/subscriptions?limit=2&offset=4")
    assert [item["id"] for item in last.json()] == names[4:]
    assert 'offset=2>;rel="prev"' in last.headers["link"]
    assert 'rel="next"' not in last.headers["link"]
    assert api.get("/subscriptions?limit=0&count=true").json() == []
    assert problem(api.get("/subscriptions?limit=-1"))[0] == 400
    assert problem(api.get("/subscriptions?limit=0"))[0] == 400


def test_times_of_creation_and_change_are_shown_when_they_are_asked_for(api: Api) -> None:
    api.post("/subscriptions", subscription())
    assert "createdAt" not in kept(api)
    api.patch(f"/subscriptions/{S}", {"description": "x"})
    read = api.get(f"/subscriptions/{S}?options=sysAttrs").json()
    assert read["createdAt"] < read["modifiedAt"]


def test_subscriptions_of_one_tenant_are_not_seen_by_another(api: Api) -> None:
    api.post("/subscriptions", subscription(), headers={"NGSILD-Tenant": "east"})
    assert api.get("/subscriptions").json() == []
    east = api.get("/subscriptions", headers={"NGSILD-Tenant": "east"})
    assert [item["id"] for item in east.json()] == [S]
    assert problem(api.get("/subscriptions", headers={"NGSILD-Tenant": "west"})) == (
        404,
        "NonexistentTenant",
    )


def test_a_preferred_version_is_heeded_and_said(api: Api) -> None:
    api.post("/subscriptions", subscription())
    preferences = {
        "ngsi-ld=1.3": "ngsi-ld=1.3",
        'respond-async, NGSI-LD="1.0";q=0.1': "ngsi-ld=1.0",
        "respond-async": None,
        "ngsi-ld=9.9": None,
    }
    for prefer, applied in preferences.items():
        answer = api.get(f"/subscriptions/{S}", headers={"Prefer": prefer})
        assert answer.headers.get("preference-applied") == applied, prefer
