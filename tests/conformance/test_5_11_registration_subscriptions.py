"""Clause 5.11: subscriptions to context-source registrations."""

from __future__ import annotations

from typing import Any

from conformance_client import Api, problem
from receivers import Receiver
from watching import S, subscription, until

R = "urn:ngsi-ld:ContextSourceRegistration:c-1"
PATH = "/csourceSubscriptions"


def subscribe(api: Api, receiver: Receiver, **members: Any) -> None:
    """Subscribe a receiver to sources of risers."""
    answer = api.post(PATH, subscription(receiver.url, **members))
    assert answer.status_code == 201, answer.text


def register(api: Api, name: str = R, *types: str, **members: Any) -> None:
    """Register a source."""
    body = {
        "id": name,
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": kind}]} for kind in types or ("Riser",)],
        "endpoint": "http://source.example",
        **members,
    }
    answer = api.post("/csourceRegistrations", body)
    assert answer.status_code == 201, answer.text


def told(receiver: Receiver) -> tuple[str, list[str]]:
    """Reason and ids of the next notification."""
    body = receiver.next().json
    assert body["type"] == "ContextSourceNotification"
    assert body["subscriptionId"] == S
    return body["triggerReason"], [item["id"] for item in body["data"]]


def test_it_is_kept_apart_from_subscriptions_to_entities(api: Api) -> None:
    made = api.post(PATH, subscription())
    assert made.headers["location"] == f"/ngsi-ld/v1{PATH}/{S}"
    assert api.get("/subscriptions").json() == []
    assert api.get(f"{PATH}/{S}").json() == subscription(status="active")
    assert problem(api.post(PATH, subscription())) == (409, "AlreadyExists")
    assert api.delete(f"{PATH}/{S}").status_code == 204
    assert problem(api.get(f"{PATH}/{S}")) == (404, "ResourceNotFound")


def test_what_does_not_fit_is_refused(api: Api) -> None:
    for members in (
        {"notification": None}, {"type": "Riser"}, {"q": "speed>"}, {"watchedAttributes": []},
        {"expiresAt": "2000-01-01T00:00:00Z"}, {"temporalQ": {"timerel": "before"}},
        {"temporalQ": {"timerel": "between", "timeAt": "2026-01-01T00:00:00Z"}},
    ):  # fmt: skip
        assert problem(api.post(PATH, subscription() | members)) == (400, "BadRequestData"), members


def test_a_new_subscription_is_told_at_once_what_matches_all_together(api: Api) -> None:
    register(api, "urn:r:1")
    register(api, "urn:r:2")
    register(api, "urn:r:3", "Tank")
    with Receiver() as receiver:
        subscribe(api, receiver)
        assert told(receiver) == ("newlyMatching", ["urn:r:1", "urn:r:2"])
        api.patch(f"{PATH}/{S}", {"entities": [{"type": "Tank"}]})
        assert told(receiver) == ("newlyMatching", ["urn:r:3"])


def test_changes_of_registrations_are_told_with_their_reason(api: Api) -> None:
    with Receiver() as receiver:
        subscribe(api, receiver)
        register(api, R)
        assert told(receiver) == ("newlyMatching", [R])
        api.patch(f"/csourceRegistrations/{R}", {"endpoint": "http://other.example"})
        assert told(receiver) == ("updated", [R])
        api.patch(f"/csourceRegistrations/{R}", {"information": [{"entities": [{"type": "Tank"}]}]})
        assert told(receiver) == ("noLongerMatching", [R])
        api.delete(f"/csourceRegistrations/{R}")
        assert receiver.nothing(0.15)


def test_a_source_that_ends_no_longer_matches(api: Api) -> None:
    register(api)
    with Receiver() as receiver:
        subscribe(api, receiver)
        told(receiver)
        api.delete(f"/csourceRegistrations/{R}")
        assert told(receiver) == ("noLongerMatching", [R])


def test_only_the_information_that_matters_is_told(api: Api) -> None:
    with Receiver() as receiver:
        subscribe(api, receiver)
        register(api, R, "Riser", "Tank")
        (data,) = receiver.next().json["data"]
        assert data["information"] == [{"entities": [{"type": ["Riser"]}]}]


def test_conditions_narrow_what_is_told(api: Api) -> None:
    near = {"georel": "near;maxDistance==500", "geometry": "Point", "coordinates": [121.5, 31.3]}
    point = {"type": "Point", "coordinates": [121.5, 31.3]}
    interval = {"startAt": "2026-01-01T00:00:00Z", "endAt": "2026-02-01T00:00:00Z"}
    after = {"timerel": "after", "timeAt": "2026-01-15T00:00:00Z"}
    cases: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        ({"geoQ": near}, {"location": point}),
        ({"temporalQ": after}, {"observationInterval": interval}),
        ({"temporalQ": {**after, "timeproperty": "createdAt"}}, {"managementInterval": interval}),
        ({"csf": 'maker=="Acme"'}, {"maker": "Acme"}),
        ({"scopeQ": "/east/#"}, {"scope": "/east/yard"}),
    )
    for condition, members in cases:
        with Receiver() as receiver:
            subscribe(api, receiver, **condition)
            register(api, "urn:r:plain")
            register(api, R, **members)
            assert told(receiver) == ("newlyMatching", [R]), condition
            for path in (
                f"{PATH}/{S}",
                "/csourceRegistrations/urn:r:plain",
                f"/csourceRegistrations/{R}",
            ):
                api.delete(path)


def test_a_paused_one_is_not_told_and_deliveries_are_counted(api: Api) -> None:
    with Receiver() as receiver:
        subscribe(api, receiver)
        api.patch(f"{PATH}/{S}", {"isActive": False})
        register(api)
        assert receiver.nothing(0.2)
        api.patch(f"{PATH}/{S}", {"isActive": True})
        assert told(receiver) == ("newlyMatching", [R])
        counted = api.get(f"{PATH}/{S}").json()["notification"]
        assert (counted["timesSent"], counted["status"]) == (1, "ok")


def test_a_periodic_one_is_told_again_and_again(api: Api) -> None:
    register(api)
    with Receiver() as receiver:
        subscribe(api, receiver, timeInterval=1)
        assert told(receiver) == told(receiver) == ("newlyMatching", [R])
        assert until(lambda: api.get(f"{PATH}/{S}").json()["notification"].get("timesSent", 0) >= 2)
