"""Changes find the subscriptions that they concern, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingjing.interfaces.ngsild.subscriptions_matching import Index, Watch, touched
from lingjing.interfaces.ngsild.subscriptions_reading import TRIGGERS, read_subscription
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import DEFAULT_TERMS, Document
from lingjing.twin.ledger import TRUNK, Branch, Change, Entry

BRANCH = Branch(1, "", TRUNK, None, 0, 0)
TERMS = Terms()


def iri(name: str) -> str:
    return DEFAULT_TERMS + name


def watch(name: str = "s", **members: Any) -> Watch:
    body = {
        "id": f"urn:s:{name}",
        "type": "Subscription",
        "notification": {"endpoint": {"uri": "http://localhost/"}},
        **members,
    }
    read = read_subscription(body, TERMS, 0)
    return Watch(("subscriptions", 1, read.kept["id"]), BRANCH, read.kept, read.names, 0)


def document(name: str = "1", kind: str = "Riser", **values: Any) -> Document:
    return {
        "id": f"urn:{kind}:{name}",
        "type": [iri(kind)],
        "attributes": {
            iri(key): {"": {"type": "Property", "value": value}} for key, value in values.items()
        },
    }


def created(after: Document) -> Entry:
    return Entry(after["id"], None, after, (Change("create"),))


def deleted(before: Document) -> Entry:
    return Entry(before["id"], before, None, (Change("delete"),))


def written(before: Document, after: Document, *, current: bool = True) -> Entry:
    changes = []
    for name in sorted(before["attributes"].keys() | after["attributes"].keys()):
        old, new = before["attributes"].get(name), after["attributes"].get(name)
        if old == new:
            continue
        operation: Any = "create" if old is None else "delete" if new is None else "update"
        item = None if new is None else new[""]
        changes.append(Change(operation, name, "", item, current=current))
    return Entry(after["id"], before, after, tuple(changes))


def is_told(one: Watch, entry: Entry) -> bool:
    what = touched(entry)
    known = entry.after or entry.before
    assert known is not None
    return what is not None and one.is_triggered(what) and one.takes(known)


PLAIN = document(a=1, b=1)
CASES = {
    "entityCreated": created(PLAIN),
    "entityDeleted": deleted(PLAIN),
    "attributeCreated": written(document(b=1), PLAIN),
    "attributeUpdated": written(document(a=0, b=1), PLAIN),
    "attributeDeleted": written(document(a=0, b=1, c=1), document(a=0, b=1)),
}
TOLD_BY = {
    "entityCreated": {"entityCreated", "attributeCreated"},
    "entityDeleted": {"entityDeleted", "attributeDeleted"},
    "attributeCreated": {"entityUpdated", "attributeCreated"},
    "attributeUpdated": {"entityUpdated", "attributeUpdated"},
    "attributeDeleted": {"entityUpdated", "attributeDeleted"},
}


@pytest.mark.parametrize("what", CASES)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_trigger_tells_what_it_names_and_nothing_else(what: str, trigger: str) -> None:
    one = watch(entities=[{"type": "Riser"}], notificationTrigger=[trigger])
    assert is_told(one, CASES[what]) is (trigger in TOLD_BY[what])


def test_without_triggers_attributes_that_come_or_change_are_told() -> None:
    one = watch(entities=[{"type": "Riser"}])
    told = {name for name, entry in CASES.items() if is_told(one, entry)}
    assert told == {"entityCreated", "attributeCreated", "attributeUpdated"}


def test_only_watched_attributes_are_told() -> None:
    one = watch(watchedAttributes=["a"])
    assert is_told(one, written(document(a=0, b=0), document(a=1, b=0)))
    assert not is_told(one, written(document(a=0, b=0), document(a=0, b=1)))
    assert is_told(one, created(document(a=0)))
    assert not is_told(one, created(document(b=0)))


def test_an_observation_that_only_belongs_to_the_past_is_not_told() -> None:
    one = watch(entities=[{"type": "Riser"}])
    assert not is_told(one, written(document(a=0), document(a=1), current=False))


def test_a_change_of_the_types_alone_is_an_update_of_the_entity() -> None:
    entry = Entry(PLAIN["id"], PLAIN, {**PLAIN, "scope": ["/x"]}, (Change("update"),))
    assert is_told(
        watch(entities=[{"type": "Riser"}], notificationTrigger=["entityUpdated"]), entry
    )
    assert not is_told(watch(entities=[{"type": "Riser"}]), entry)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"entities": [{"type": "Riser"}]}, True),
        ({"entities": [{"type": "Tank"}]}, False),
        ({"entities": [{"type": "Tank"}, {"type": "Riser"}]}, True),
        ({"entities": [{"type": "(Tank|Riser)"}]}, True),
        ({"entities": [{"type": "Riser;Tank"}]}, False),
        ({"entities": [{"type": "*"}]}, True),
        ({"entities": [{"type": "Riser", "id": "urn:Riser:1"}]}, True),
        ({"entities": [{"type": "Riser", "id": ["urn:Riser:2", "urn:Riser:1"]}]}, True),
        ({"entities": [{"type": "Riser", "id": "urn:Riser:2"}]}, False),
        ({"entities": [{"type": "Riser", "idPattern": ":1$"}]}, True),
        ({"entities": [{"type": "Riser", "idPattern": ":2$"}]}, False),
        ({"entities": [{"type": "Riser"}], "q": "a==1;b<2"}, True),
        ({"entities": [{"type": "Riser"}], "q": "a%3D%3D1"}, True),
        ({"entities": [{"type": "Riser"}], "q": "a>1"}, False),
        ({"entities": [{"type": "Riser"}], "scopeQ": "/east/#"}, True),
        ({"entities": [{"type": "Riser"}], "scopeQ": "/west/#"}, False),
    ],
)
def test_conditions_on_the_entity_hold(members: dict[str, Any], *, told: bool) -> None:
    entity = {**document(a=1, b=1), "scope": ["/east/7"]}
    assert is_told(watch(**members), created(entity)) is told


def test_a_condition_on_the_place_holds() -> None:
    near = {"georel": "near;maxDistance==500", "geometry": "Point", "coordinates": [121.5, 31.3]}
    one = watch(entities=[{"type": "Riser"}], geoQ=near)

    def at(longitude: float) -> Document:
        point = {"type": "Point", "coordinates": [longitude, 31.3]}
        place = {"": {"type": "GeoProperty", "value": point}}
        return {**document(), "attributes": {"https://uri.etsi.org/ngsi-ld/location": place}}

    assert is_told(one, created(at(121.504)))
    assert not is_told(one, created(at(121.51)))
    assert not is_told(one, created(document()))


def test_a_subscription_sleeps_while_it_is_paused_and_after_it_expired() -> None:
    one = watch(entities=[{"type": "Riser"}], expiresAt="1970-01-01T00:01:00Z")
    assert one.is_awake(59_999_999)
    assert not one.is_awake(60_000_000)
    assert not watch(entities=[{"type": "Riser"}], isActive=False).is_awake(0)


KINDS = ("Riser", "Tank", "Road")
NAMES = ("a", "b", "c")
subscriptions = st.fixed_dictionaries(
    {},
    optional={
        "entities": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from((*KINDS, "Riser|Tank", "Riser;Tank", "*"))},
                optional={"id": st.sampled_from([f"urn:{kind}:1" for kind in KINDS])},
            ),
            min_size=1,
            max_size=2,
        ),
        "watchedAttributes": st.lists(st.sampled_from(NAMES), min_size=1, max_size=2),
        "notificationTrigger": st.lists(st.sampled_from(TRIGGERS), min_size=1, max_size=3),
    },
).filter(lambda members: "entities" in members or "watchedAttributes" in members)
values = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1))


@given(
    st.lists(subscriptions, max_size=6), st.sampled_from(KINDS), st.none() | values,
    st.none() | values, st.integers(0, 5),
)  # fmt: skip
def test_the_index_finds_exactly_what_asking_each_one_finds(
    members: list[dict[str, Any]],
    kind: str,
    before: dict[str, int] | None,
    after: dict[str, int] | None,
    gone: int,
) -> None:
    index = Index()
    watches = [watch(str(number), **one) for number, one in enumerate(members)]
    for one in watches:
        index.add(one)
    for one in watches[gone:]:  # some come and go
        index.remove(one.key)
        index.add(one)
    for one in watches[:1]:
        index.remove(one.key)
    old = None if before is None else document(kind=kind, **before)
    new = None if after is None else document(kind=kind, **after)
    if old is None and new is None:
        return
    if old is not None and new is not None:
        entry = written(old, new)
    else:
        entry = created(new) if new is not None else deleted(old or {})
    what = touched(entry)
    found = set() if what is None else {one.key for one in index.concerned(entry, what)}
    asked = {one.key for one in watches[1:] if is_told(one, entry)}
    assert asked <= found
    told = {one.key for one in watches[1:] if one.key in found and is_told(one, entry)}
    assert told == asked
    assert not any(one.key in found for one in watches[:1])


def test_ten_thousand_subscriptions_to_others_are_not_looked_at() -> None:
    index = Index()
    for number in range(5_000):
        index.add(watch(f"i{number}", entities=[{"type": "Riser", "id": f"urn:Riser:x{number}"}]))
        index.add(watch(f"t{number}", entities=[{"type": f"Kind{number}"}]))
    index.add(watch("mine", entities=[{"type": "Riser"}], watchedAttributes=["a"]))
    entry = written(document(a=0), document(a=1))
    what = touched(entry)
    assert what is not None
    assert [one.key[2] for one in index.concerned(entry, what)] == ["urn:s:mine"]
