"""Clause 5.8.6: notification behaviour, with receivers that really listen."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_client import CONTEXT, CONTEXT_LINK, VOCABULARY, Api
from receivers import Receiver, answers, in_turn, sleeps
from watching import RISER, TANK, S, kept, prop, riser, subscribe, told, until

NULL = "urn:ngsi-ld:null"
ATTRIBUTES = f"/entities/{RISER}/attrs"


def test_a_change_is_told_with_its_entity_and_counted(api: Api) -> None:
    api.make(riser())
    with Receiver() as receiver:
        subscribe(api, receiver)
        api.patch(ATTRIBUTES, {"temperature": prop(-1)})
        got = receiver.next()
        body = got.json
        assert body["id"].startswith("urn:ngsi-ld:Notification:")
        assert (body["type"], body["subscriptionId"]) == ("Notification", S)
        assert body["notifiedAt"].endswith("Z")
        assert body["data"] == [riser(temperature=prop(-1))]
        assert got.headers["content-type"] == "application/json"
        assert got.headers["link"].startswith("<https://uri.etsi.org/ngsi-ld/")
        counted = kept(api)["notification"]
        assert (counted["timesSent"], counted["status"]) == (1, "ok")
        assert counted["lastSuccess"] >= counted["lastNotification"]
        assert "timesFailed" not in counted


def test_what_was_there_before_the_subscription_is_not_told(api: Api) -> None:
    api.make(riser())
    with Receiver() as receiver:
        subscribe(api, receiver)
        assert receiver.nothing()


TOLD_OF = {
    "entityCreated": ["create"],
    "entityUpdated": ["update", "append", "remove"],
    "entityDeleted": ["delete"],
    "attributeCreated": ["create", "append"],
    "attributeUpdated": ["update"],
    "attributeDeleted": ["remove", "delete"],
}


def test_triggers_tell_what_they_name(api: Api) -> None:
    steps = {
        "create": lambda: api.make(riser()),
        "update": lambda: api.patch(ATTRIBUTES, {"temperature": prop(1)}),
        "append": lambda: api.post(ATTRIBUTES, {"pressure": prop(2)}),
        "remove": lambda: api.delete(f"{ATTRIBUTES}/pressure"),
        "delete": lambda: api.delete(f"/entities/{RISER}"),
    }
    with Receiver() as receiver:
        for trigger in TOLD_OF:
            subscribe(api, receiver, id=f"urn:s:{trigger}", notificationTrigger=[trigger])
        for step, take in steps.items():
            take()
            expected = {f"urn:s:{trigger}" for trigger, of in TOLD_OF.items() if step in of}
            got = {receiver.next().json["subscriptionId"] for _ in expected}
            assert got == expected, step
        assert receiver.nothing(0.15)


def test_only_watched_attributes_and_matching_entities_are_told(api: Api) -> None:
    api.make(riser(), riser(id=TANK, type="Tank"))
    with Receiver() as receiver:
        subscribe(api, receiver, watchedAttributes=["temperature"], q="temperature<0|temperature>9")
        api.patch(ATTRIBUTES, {"temperature": prop(1)})  # not in the query
        api.post(ATTRIBUTES, {"pressure": prop(2)})  # not watched
        api.patch(f"/entities/{TANK}/attrs", {"temperature": prop(-5)})  # another type
        api.patch(ATTRIBUTES, {"temperature": prop(-1)})
        assert told(receiver) == [riser(temperature=prop(-1), pressure=prop(2))]
        assert receiver.nothing(0.15)


def test_a_query_over_linked_entities_follows_them(api: Api) -> None:
    api.make({"id": TANK, "type": "Tank", "level": prop(0.3)})
    api.make({"id": TANK + "x", "type": "Tank", "level": prop(0.9)})
    link = {"type": "Relationship"}
    with Receiver() as receiver:
        subscribe(api, receiver, q="fedBy{Tank:level}<0.5")
        api.make(riser(id=RISER + "x", fedBy={**link, "object": TANK + "x"}))
        api.make(riser(fedBy={**link, "object": TANK}))
        assert told(receiver)[0]["id"] == RISER
        assert receiver.nothing(0.15)


def test_a_place_and_a_scope_narrow_what_is_told(api: Api) -> None:
    def at(longitude: float) -> dict[str, Any]:
        point = {"type": "Point", "coordinates": [longitude, 31.3]}
        return {"type": "GeoProperty", "value": point}

    near = {"georel": "near;maxDistance==500", "geometry": "Point", "coordinates": [121.5, 31.3]}
    with Receiver() as receiver:
        subscribe(api, receiver, geoQ=near, scopeQ="/east/#")
        api.make(riser(id=RISER + "far", scope="/east/a1", location=at(121.6)))
        api.make(riser(id=RISER + "west", scope="/west/a1", location=at(121.5)))
        api.make(riser(scope="/east/a1", location=at(121.501)))
        assert told(receiver)[0]["id"] == RISER
        assert receiver.nothing(0.15)


def test_a_batch_is_told_at_once_with_all_its_entities(api: Api) -> None:
    with Receiver() as receiver:
        subscribe(api, receiver)
        api.post("/entityOperations/create", [riser(id=f"{RISER}-{n}") for n in range(5)])
        seen: list[str] = []
        while len(seen) < 5:
            seen += [entity["id"] for entity in told(receiver)]
        assert seen == [f"{RISER}-{n}" for n in range(5)]


def test_the_form_is_the_one_that_was_asked_for(api: Api) -> None:
    forms = {"normalized": prop(1), "concise": 1, "keyValues": 1, "simplified": 1}
    for form, temperature in forms.items():
        with Receiver() as receiver:
            subscribe(api, receiver, notification={"format": form})
            api.make(riser(temperature=prop(1)))
            assert told(receiver) == [riser(temperature=temperature)], form
            api.delete(f"/subscriptions/{S}")
            api.delete(f"/entities/{RISER}")


MEMBERS: tuple[tuple[dict[str, Any], set[str]], ...] = (
    ({"attributes": ["pressure"]}, {"id", "type", "pressure"}),
    ({"pick": ["id", "pressure"]}, {"id", "pressure"}),
    ({"omit": ["type", "pressure"]}, {"id", "temperature"}),
    ({"sysAttrs": True}, {"id", "type", "temperature", "pressure", "createdAt", "modifiedAt"}),
    ({"onlyChangedAttributes": True}, {"id", "type", "temperature"}),
)


def test_members_are_those_that_were_asked_for(api: Api) -> None:
    api.make(riser(pressure=prop(2)))
    for value, (notification, members) in enumerate(MEMBERS):
        with Receiver() as receiver:
            subscribe(api, receiver, notification=notification)
            api.patch(ATTRIBUTES, {"temperature": prop(value)})
            assert set(told(receiver)[0]) == members, notification
            api.delete(f"/subscriptions/{S}")


def test_only_wanted_datasets_are_told(api: Api) -> None:
    dataset = "urn:ngsi-ld:Dataset:roof"
    both = [prop(1), prop(2, datasetId=dataset)]
    with Receiver() as receiver:
        subscribe(api, receiver, datasetId=[dataset])
        api.make(riser(temperature=both, pressure=prop(5)))
        expected = riser(temperature=prop(2, datasetId=dataset))
        assert told(receiver) == [expected]


def test_changes_are_shown_with_what_was_before(api: Api) -> None:
    api.make(
        riser(
            fedBy={"type": "Relationship", "object": TANK},
            name={"type": "LanguageProperty", "languageMap": {"zh": "立管"}},
        )
    )
    triggers = ["attributeUpdated", "attributeDeleted"]
    with Receiver() as receiver:
        subscribe(api, receiver, notification={"showChanges": True}, notificationTrigger=triggers)
        api.patch(ATTRIBUTES, {"temperature": prop(9)})
        changed = told(receiver)[0]
        assert changed["temperature"] == prop(9, previousValue=3.5)
        assert "previousObject" not in changed["fedBy"]
        api.delete(f"{ATTRIBUTES}/fedBy")
        gone = told(receiver)[0]["fedBy"]
        assert gone == {"type": "Relationship", "object": NULL, "previousObject": TANK}
        api.delete(f"{ATTRIBUTES}/name")
        assert told(receiver)[0]["name"] == {
            "type": "LanguageProperty",
            "languageMap": {"@none": NULL},
            "previousLanguageMap": {"zh": "立管"},
        }


def test_what_is_gone_is_told_with_the_null(api: Api) -> None:
    api.make(riser(pressure=prop(2)))
    with Receiver() as receiver:
        subscribe(api, receiver, notificationTrigger=["attributeDeleted"])
        api.delete(f"{ATTRIBUTES}/pressure")
        assert told(receiver) == [riser(pressure=prop(NULL))]
        api.delete(f"/entities/{RISER}")
        gone = told(receiver)[0]
        assert gone.pop("deletedAt")
        assert gone == riser(temperature=prop(NULL))


def test_the_time_of_a_deletion_is_told_with_the_other_times(api: Api) -> None:
    api.make(riser(pressure=prop(2)))
    with Receiver() as receiver:
        triggers = ["attributeDeleted"]
        subscribe(api, receiver, notification={"sysAttrs": True}, notificationTrigger=triggers)
        api.delete(f"{ATTRIBUTES}/pressure")
        gone = told(receiver)[0]["pressure"]
        assert gone["value"] == NULL
        assert gone["createdAt"] < gone["deletedAt"]


def test_an_entity_that_is_gone_is_told_by_its_name_and_time(api: Api) -> None:
    api.make(riser())
    with Receiver() as receiver:
        subscribe(api, receiver, notificationTrigger=["entityDeleted"])
        api.delete(f"/entities/{RISER}")
        assert set(told(receiver)[0]) == {"id", "type", "deletedAt"}


@pytest.mark.parametrize("join", ["inline", "flat"])
def test_linked_entities_come_along(api: Api, join: str) -> None:
    tank = {"id": TANK, "type": "Tank", "level": prop(1)}
    api.make(tank)
    link = {"type": "Relationship", "object": TANK}
    with Receiver() as receiver:
        subscribe(api, receiver, notification={"join": join, "joinLevel": 1})
        api.make(riser(fedBy=link))
        data = told(receiver)
        if join == "flat":
            assert data == [riser(fedBy=link), tank]
        else:
            assert data == [riser(fedBy={**link, "entity": tank})]


def test_names_are_told_in_the_context_of_the_subscription(api: Api) -> None:
    named = {"Link": CONTEXT_LINK}
    with Receiver() as receiver:
        endpoint = {"uri": receiver.url}
        body = {"id": S, "type": "Subscription", "entities": [{"type": "Riser"}]}
        api.post("/subscriptions", {**body, "notification": {"endpoint": endpoint}}, headers=named)
        api.make(riser(), headers=named)
        got = receiver.next()
        assert got.json["data"] == [riser()]
        assert got.headers["link"].startswith(f"<{CONTEXT}>")
        api.patch(f"/subscriptions/{S}", {"jsonldContext": "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"})  # fmt: skip  # noqa: E501
        api.patch(ATTRIBUTES, {"temperature": prop(1)}, headers=named)
        assert told(receiver)[0]["type"] == f"{VOCABULARY}Riser"


def test_json_ld_carries_the_context_in_each_entity_and_no_link(api: Api) -> None:
    with Receiver() as receiver:
        subscribe(api, receiver, endpoint={"accept": "application/ld+json"})
        api.make(riser())
        got = receiver.next()
        assert got.headers["content-type"] == "application/ld+json"
        assert "link" not in got.headers
        assert "@context" in got.json["data"][0]


def test_geojson_is_a_collection_of_features(api: Api) -> None:
    point = {"type": "Point", "coordinates": [121.5, 31.3]}
    with Receiver() as receiver:
        subscribe(api, receiver, endpoint={"accept": "application/geo+json"})
        api.make(riser(location={"type": "GeoProperty", "value": point}))
        got = receiver.next()
        assert got.headers["content-type"] == "application/geo+json"
        assert got.json["data"]["features"][0]["geometry"] == point


def test_the_tenant_and_the_headers_of_the_receiver_go_along(api: Api) -> None:
    east = {"NGSILD-Tenant": "east"}
    with Receiver() as receiver:
        info = [{"key": "X-Key", "value": "secret"}]
        endpoint = {"uri": receiver.url, "receiverInfo": info}
        body = {"id": S, "type": "Subscription", "entities": [{"type": "Riser"}]}
        api.post("/subscriptions", {**body, "notification": {"endpoint": endpoint}}, headers=east)
        api.make(riser())  # of the default tenant
        api.make(riser(), headers=east)
        got = receiver.next()
        assert (got.headers["ngsild-tenant"], got.headers["x-key"]) == ("east", "secret")
        assert receiver.nothing(0.15)


def test_a_paused_subscription_is_silent_until_it_goes_on(api: Api) -> None:
    with Receiver() as receiver:
        subscribe(api, receiver, isActive=False)
        api.make(riser())
        assert receiver.nothing(0.2)
        api.patch(f"/subscriptions/{S}", {"isActive": True})
        api.patch(ATTRIBUTES, {"temperature": prop(1)})
        assert told(receiver) == [riser(temperature=prop(1))]


def test_a_changed_subscription_is_told_elsewhere_and_a_deleted_one_nowhere(api: Api) -> None:
    with Receiver() as first, Receiver() as second:
        subscribe(api, first)
        api.make(riser())
        told(first)
        api.patch(f"/subscriptions/{S}", {"notification": {"endpoint": {"uri": second.url}}})
        api.patch(ATTRIBUTES, {"temperature": prop(1)})
        told(second)
        api.delete(f"/subscriptions/{S}")
        api.patch(ATTRIBUTES, {"temperature": prop(2)})
        assert second.nothing(0.2)
        assert first.nothing(0)


def test_a_failure_is_counted_and_made_good(api: Api) -> None:
    with Receiver(in_turn(answers(503), answers(200))) as receiver:
        subscribe(api, receiver)
        api.make(riser())
        first, second = receiver.next(), receiver.next()
        assert first.body == second.body
        counted = until(lambda: _with(api, "lastSuccess"))
        assert (counted["timesSent"], counted["timesFailed"]) == (1, 1)
        assert counted["lastFailure"] < counted["lastSuccess"]
        assert counted["status"] == "ok"


def _with(api: Api, member: str) -> dict[str, Any] | None:
    notification: dict[str, Any] = kept(api)["notification"]
    return notification if member in notification else None


def test_a_receiver_outside_the_allowed_networks_is_a_failure(api: Api) -> None:
    body = {"id": S, "type": "Subscription", "entities": [{"type": "Riser"}]}
    endpoint = {"uri": "http://10.1.2.3/notify"}
    answer = api.post("/subscriptions", {**body, "notification": {"endpoint": endpoint}})
    assert answer.status_code == 201
    api.make(riser())
    counted = until(lambda: _with(api, "lastFailure"))
    assert (counted["status"], counted["timesFailed"]) == ("failed", 1)


def test_a_slow_receiver_delays_neither_writers_nor_others(api: Api) -> None:
    with Receiver(sleeps(30)) as slow, Receiver() as good:
        endpoint = {"timeout": 30_000}
        subscribe(api, slow, id="urn:s:slow", endpoint=endpoint)
        subscribe(api, good)
        api.make(riser())
        for value in range(20):
            api.patch(ATTRIBUTES, {"temperature": prop(value)})
        last = {"temperature": prop(19)}
        assert until(lambda: told(good)[-1] == riser(**last))
        assert slow.received.qsize() == 1


def test_periodic_notifications_tell_what_is_there_changed_or_not(api: Api) -> None:
    api.make(riser(), riser(id=RISER + "2", temperature=prop(50)))
    with Receiver() as receiver:
        subscribe(api, receiver, timeInterval=1, q="temperature<9")
        first, second = receiver.next(), receiver.next()
        assert first.json["data"] == second.json["data"] == [riser()]
        assert 0.7 < second.at_s - first.at_s < 3


def test_a_subscription_of_a_snapshot_hears_of_the_snapshot_alone(api: Api) -> None:
    trunk = api.ledger.ensure_tenant("")
    api.ledger.create_branch(trunk, "urn:ngsi-ld:Snapshot:what-if")
    inside = {"NGSILD-Snapshot": "urn:ngsi-ld:Snapshot:what-if"}
    with Receiver() as receiver:
        body = {"id": S, "type": "Subscription", "entities": [{"type": "Riser"}]}
        notification = {"endpoint": {"uri": receiver.url}}
        made = api.post("/subscriptions", {**body, "notification": notification}, headers=inside)
        assert made.status_code == 201, made.text
        assert api.get("/subscriptions").json() == []
        api.make(riser())
        api.make(riser(temperature=prop(-40)), headers=inside)
        assert told(receiver) == [riser(temperature=prop(-40))]
        assert receiver.nothing(0.15)
