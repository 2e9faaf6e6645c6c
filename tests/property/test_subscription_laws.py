"""Subscriptions and registrations are taken or refused, and what is taken comes back as sent."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lingjing.interfaces.ngsild.registrations_matching import RegistrationQuery
from lingjing.interfaces.ngsild.registrations_reading import (
    read_registration,
    write_registration,
)
from lingjing.interfaces.ngsild.subscriptions_matching import Watch
from lingjing.interfaces.ngsild.subscriptions_reading import (
    FORMATS,
    TRIGGERS,
    read_change,
    read_subscription,
)
from lingjing.interfaces.ngsild.subscriptions_records import (
    Stored,
    decode_stored,
    encode_stored,
)
from lingjing.interfaces.ngsild.subscriptions_writing import write_subscription
from lingjing.interfaces.ngsild.terms import Term, Terms
from lingjing.twin.ledger import TRUNK, Branch
from lingjing.vocabulary import LingjingError

NOW_US = 1_768_900_000_000_000
BRANCH = Branch(1, "", TRUNK, None, 0, 0)
TERMS = Terms({name: Term(f"https://v.example/{name}") for name in ("Riser", "temperature")})

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
names = st.sampled_from(("temperature", "pressure", "https://v.example/x", "id", "type", "x y"))
uris = st.sampled_from(("urn:a:1", "urn:ngsi-ld:Riser:立管", "http://a/b?c", "none", ""))
receivers = st.sampled_from(
    ("http://localhost/", "https://a.example:99999/", "mqtt://u:p@h/t", "mqtt://h/#", "x")
)
endpoints = st.fixed_dictionaries(
    {"uri": receivers | json},
    optional={"accept": json, "timeout": json, "cooldown": json, "receiverInfo": json},
)
notifications = st.fixed_dictionaries(
    {"endpoint": endpoints | json},
    optional={
        "format": st.sampled_from(FORMATS) | json,
        "attributes": st.lists(names) | json,
        "pick": st.lists(names) | json,
        "omit": st.lists(names) | json,
        "showChanges": st.booleans() | json,
        "sysAttrs": st.booleans() | json,
        "join": json,
        "joinLevel": st.integers(0, 12) | json,
    },
)
selectors = st.fixed_dictionaries(
    {"type": st.sampled_from(("Riser", "Riser|Tank", "(Riser;Tank)", "*", "A;;B", "")) | json},
    optional={"id": uris | st.lists(uris) | json, "idPattern": st.text(max_size=6) | json},
)
bodies = st.fixed_dictionaries(
    {"type": st.just("Subscription") | json, "notification": notifications | json},
    optional={
        "id": uris | json,
        "entities": st.lists(selectors, max_size=2) | json,
        "watchedAttributes": st.lists(names) | json,
        "notificationTrigger": st.lists(st.sampled_from(TRIGGERS)) | json,
        "q": st.sampled_from(("temperature<0", "a[b.c]==1|!x", "(", "a~=(")) | json,
        "scopeQ": st.sampled_from(("/a/#", "//")) | json,
        "geoQ": st.fixed_dictionaries(
            {"georel": st.sampled_from(("within", "near;maxDistance==5")) | json,
             "geometry": st.just("Point") | json, "coordinates": json}
        )
        | json,
        "expiresAt": st.sampled_from(("2099-01-01T00:00:00Z", "2000-01-01T00:00:00Z")) | json,
        "throttling": st.integers(-1, 9) | json,
        "timeInterval": json,
        "isActive": json,
        "datasetId": uris | json,
        "jsonldContext": uris | json,
        "temporalQ": json,
        "csf": json,
    },
)  # fmt: skip


@given(bodies | json)
def test_a_subscription_is_taken_or_refused_and_read_again_as_it_was(body: Any) -> None:
    try:
        read = read_subscription(body, TERMS, NOW_US)
    except LingjingError:
        return
    read.kept.setdefault("id", "urn:s:1")
    stored = Stored(read.kept, read.names, None, NOW_US, NOW_US)
    assert decode_stored(encode_stored(stored)) == stored
    Watch(("subscriptions", 1, "urn:s:1"), BRANCH, read.kept, read.names, NOW_US)
    written = write_subscription(stored, TERMS, {}, NOW_US)
    again = read_subscription(written, TERMS, NOW_US)
    # what is shown although it was not sent says what holds anyway
    again.kept.pop("notificationTrigger", None)
    read.kept.pop("notificationTrigger", None)
    assert again.kept == read.kept


@given(st.dictionaries(st.sampled_from((
    "id", "type", "entities", "notification", "q", "expiresAt", "isActive", "throttling",
    "timeInterval", "watchedAttributes",
)), json | bodies))  # fmt: skip
def test_an_update_is_taken_or_refused_and_leaves_what_it_does_not_name(
    fragment: dict[str, Any],
) -> None:
    held = read_subscription(
        {
            "id": "urn:s:1",
            "type": "Subscription",
            "entities": [{"type": "Riser"}],
            "description": "kept",
            "notification": {"endpoint": {"uri": "http://a/"}},
        },
        TERMS,
        NOW_US,
    )
    before = dict(held.kept)
    try:
        changed = read_change(fragment, TERMS, held.kept, held.names, NOW_US)
    except LingjingError:
        assert held.kept == before
        return
    for name in before.keys() - fragment.keys():
        assert changed.kept[name] == before[name]


registrations = st.fixed_dictionaries(
    {
        "type": st.just("ContextSourceRegistration"),
        "endpoint": st.sampled_from(("http://a/", "x")) | json,
        "information": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "entities": st.lists(selectors, max_size=2) | json,
                    "propertyNames": st.lists(names) | json,
                },
            ),
            max_size=2,
        )
        | json,
    },
    optional={
        "mode": json,
        "operations": json,
        "location": json,
        "observationInterval": json,
        "management": json,
        "scope": json,
        "maker": json,
        "expiresAt": json,
    },
)


@given(registrations | json)
def test_a_registration_is_taken_or_refused_and_read_again_as_it_was(body: Any) -> None:
    try:
        read = read_registration(body, TERMS, NOW_US)
    except LingjingError:
        return
    read.kept.setdefault("id", "urn:r:1")
    assert RegistrationQuery().relevant(read) or "observationInterval" in read.kept
    written = write_registration(read, TERMS)
    again = read_registration(written, TERMS, NOW_US)
    assert again.kept.items() >= read.kept.items()
    assert again.properties == read.properties or any(
        value is None for value in read.properties.values()
    )
