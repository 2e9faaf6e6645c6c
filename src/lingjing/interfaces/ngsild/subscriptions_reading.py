"""From the JSON of a subscription to what is kept of it (5.2.12, 5.8.1, 5.8.2).

What is kept has every name written out as an IRI, so that matching needs no `@context`. A query
(`q`, `csf`) is kept as it was written, with the IRIs that its names stand for beside it.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote, urlsplit

from lingjing.interfaces.ngsild import members as take
from lingjing.interfaces.ngsild.media import BODIES, GEO_ANSWERS
from lingjing.interfaces.ngsild.members import Check
from lingjing.interfaces.ngsild.subscriptions_conditions import Names, geometry_of_query, query_of
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import LOCATION, micros
from lingjing.twin.query.patterns import finder
from lingjing.twin.query.scopes import parse_scopes
from lingjing.twin.query.types import parse_types
from lingjing.vocabulary import LingjingError
from lingjing.vocabulary.errors import Place

Kept = dict[str, Any]
TRIGGERS: Final = (
    "entityCreated",
    "entityUpdated",
    "entityDeleted",
    "attributeCreated",
    "attributeUpdated",
    "attributeDeleted",
)
DEFAULT_TRIGGERS: Final = ("attributeCreated", "attributeUpdated")
FORMATS: Final = ("normalized", "concise", "keyValues", "simplified")
PLAIN_FORMATS: Final = frozenset(("keyValues", "simplified"))
MQTT_VERSIONS: Final = ("mqtt3.1.1", "mqtt5.0")
SCHEMES: Final = ("http", "https", "mqtt", "mqtts")
DEEPEST_JOIN: Final = 10
ANY_TYPE: Final = "*"
# `null` says the same as leaving these out when a subscription is made.
_MAY_BE_NULL: Final = (
    "id", "subscriptionName", "description", "watchedAttributes", "notificationTrigger",
    "timeInterval", "q", "geoQ", "csf", "isActive", "expiresAt", "throttling", "temporalQ",
    "scopeQ", "lang", "datasetId", "jsonldContext", "splitEntities", "localOnly",
)  # fmt: skip


class ReadSubscription:
    """A subscription as it was read.

    Attributes:
        kept: Its members, names written out.
        names: IRIs of the names in its queries.
    """

    __slots__ = ("kept", "names")

    def __init__(self, kept: Kept, names: dict[str, str]) -> None:
        self.kept = kept
        self.names = names


def read_subscription(body: Any, terms: Terms, now_us: int) -> ReadSubscription:
    """A whole subscription, checked.

    Args:
        body: The JSON as it was sent.
        terms: The `@context` that its names are to be understood by.
        now_us: The present [µs], which `expiresAt` must lie beyond.

    Raises:
        LingjingError: `ngsild.member-…`, `ngsild.members-exclude`, `ngsild.expired`, `query.…`.
    """
    body = _object(body)
    take.need(body, "type", "notification")
    names = Names(terms.expand)
    kept = take.checked(body, _checks(terms, names), absent=_MAY_BE_NULL)
    _together(kept)
    _refuse_past(kept, now_us)
    return ReadSubscription(kept, names.found)


def read_change(
    body: Any, terms: Terms, held: Kept, held_names: dict[str, str], now_us: int
) -> ReadSubscription:
    """A subscription as it is after an update: members that are null go, others are replaced.

    Args:
        body: The fragment.
        terms: The `@context` that the fragment's names are to be understood by.
        held: What is kept of the subscription.
        held_names: IRIs of the names in its queries.
        now_us: The present [µs].

    Raises:
        LingjingError: As for `read_subscription`.
    """
    body = _object(body)
    if "id" in body and body["id"] != held["id"]:
        take.refuse("id", held["id"])
    names = Names(terms.expand, held_names)
    given = {name: value for name, value in body.items() if value is not None}
    changed = take.checked(given, _checks(terms, names))
    merged = {name: value for name, value in held.items() if body.get(name, "") is not None}
    merged |= changed
    take.need(merged, "type", "notification")
    _together(merged)
    if "expiresAt" in changed:
        _refuse_past(merged, now_us)
    return ReadSubscription(merged, names.found)


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        take.refuse("$", "{…}")
    if not body:
        raise LingjingError("ngsild.member-missing", Place(field="type"), member="type")
    return body


def _together(kept: Kept) -> None:
    """Rules about members that stand side by side."""
    if "entities" not in kept and "watchedAttributes" not in kept:
        take.need(kept, "entities")
    take.exclude(kept, "throttling", "timeInterval")
    take.exclude(kept, "watchedAttributes", "timeInterval")


def _refuse_past(kept: Kept, now_us: int) -> None:
    if "expiresAt" in kept and micros(kept["expiresAt"]) <= now_us:
        instant = kept["expiresAt"]
        raise LingjingError("ngsild.expired", Place(field="expiresAt"), instant=instant)


def _checks(terms: Terms, names: Names) -> dict[str, Check]:
    attribute = take.attribute(terms)
    return {
        "id": take.uri,
        "type": take.one_of("Subscription"),
        "subscriptionName": take.text,
        "description": take.text,
        "entities": take.some(_selector(terms)),
        "watchedAttributes": take.some(attribute),
        "notificationTrigger": take.some(take.one_of(*TRIGGERS)),
        "timeInterval": take.count,
        "throttling": take.count,
        "q": _query(names),
        "csf": _query(names),
        "scopeQ": _scopes,
        "geoQ": _geometry(terms),
        "temporalQ": _temporal,
        "isActive": take.flag,
        "expiresAt": take.instant,
        "lang": take.text,
        "datasetId": take.some(_dataset, alone=True),
        "jsonldContext": take.uri,
        "splitEntities": take.flag,
        "localOnly": take.flag,
        "notification": _notification(terms),
    }


def _selector(terms: Terms) -> Check:
    """An entity selector (5.2.33): types, and ids or a pattern of ids."""

    def types(value: Any, path: str) -> str:
        selection = take.text(value, path)
        if selection == ANY_TYPE:
            return selection
        parse_types(selection, terms.expand, path)
        return take.renamed_types(selection, terms.expand)

    def pattern(value: Any, path: str) -> str:
        finder(take.text(value, path), path)
        return str(value)

    checks: dict[str, Check] = {
        "id": take.some(take.uri, alone=True),
        "idPattern": pattern,
        "type": types,
    }

    def check(value: Any, path: str) -> Kept:
        selector = take.mapping(value, path)
        take.need(selector, "type", prefix=f"{path}.")
        kept = take.checked(selector, checks, f"{path}.")
        if isinstance(selector.get("id"), str):
            kept["id"] = selector["id"]
        return kept

    return check


def _query(names: Names) -> Check:
    def check(value: Any, path: str) -> str:
        # clients copy queries out of URLs, with what a URL needs quoted
        query = unquote(take.text(value, path))
        query_of(query, names, path)
        return query

    return check


def _scopes(value: Any, path: str) -> str:
    parse_scopes(take.text(value, path), path)
    return str(value)


def _geometry(terms: Terms) -> Check:
    def check(value: Any, path: str) -> Kept:
        given = take.mapping(value, path)
        take.need(given, "georel", "geometry", "coordinates", prefix=f"{path}.")
        kept = {name: given[name] for name in ("georel", "geometry", "coordinates")}
        if given.get("geoproperty") is not None:
            name = take.text(given["geoproperty"], f"{path}.geoproperty")
            kept["geoproperty"] = terms.expand(name)
        geometry_of_query(kept, kept.get("geoproperty", LOCATION), path)
        return kept

    return check


def _temporal(value: Any, path: str) -> Kept:
    given = take.mapping(value, path)
    take.need(given, "timerel", "timeAt", prefix=f"{path}.")
    checks: dict[str, Check] = {
        "timerel": take.one_of("before", "after", "between"),
        "timeAt": take.instant,
        "endTimeAt": take.instant,
        "timeproperty": take.one_of("observedAt", "createdAt", "modifiedAt", "deletedAt"),
    }
    kept = take.checked(given, checks, f"{path}.")
    if kept["timerel"] == "between":
        take.need(kept, "endTimeAt", prefix=f"{path}.")
        if micros(kept["endTimeAt"]) <= micros(kept["timeAt"]):
            take.refuse(f"{path}.endTimeAt", "> timeAt")
    return kept


def _dataset(value: Any, path: str) -> str:
    return "@none" if value == "@none" else take.uri(value, path)


def _notification(terms: Terms) -> Check:
    """Notification parameters (5.2.14), without what the server keeps about its deliveries."""
    checks: dict[str, Check] = {
        "attributes": take.some(take.attribute(terms)),
        "pick": take.some(take.member_name(terms)),
        "omit": take.some(take.member_name(terms)),
        "format": take.one_of(*FORMATS),
        "sysAttrs": take.flag,
        "showChanges": take.flag,
        "onlyChangedAttributes": take.flag,
        "join": take.one_of("inline", "flat", "@none"),
        "joinLevel": _join_level,
        "endpoint": _endpoint,
    }

    def check(value: Any, path: str) -> Kept:
        given = take.mapping(value, path)
        take.need(given, "endpoint", prefix=f"{path}.")
        kept = take.checked(given, checks, f"{path}.")
        take.exclude(kept, "pick", "attributes", f"{path}.")
        take.exclude(kept, "omit", "attributes", f"{path}.")
        if not set(kept.get("pick", ())).isdisjoint(kept.get("omit", ())):
            raise LingjingError(
                "ngsild.members-exclude", Place(field=f"{path}.pick"), one="pick", other="omit"
            )
        if kept.get("showChanges") and kept.get("format") in PLAIN_FORMATS:
            raise LingjingError(
                "ngsild.members-exclude",
                Place(field=f"{path}.showChanges"),
                one="showChanges",
                other=f"format={kept['format']}",
            )
        return kept

    return check


def _join_level(value: Any, path: str) -> int:
    level = take.count(value, path)
    if level > DEEPEST_JOIN:
        take.refuse(path, f"1–{DEEPEST_JOIN}")
    return level


def _endpoint(value: Any, path: str) -> Kept:
    """Where notifications go (5.2.15)."""
    given = take.mapping(value, path)
    take.need(given, "uri", prefix=f"{path}.")
    checks: dict[str, Check] = {
        "uri": _receiver,
        "accept": take.one_of(*GEO_ANSWERS),
        "timeout": take.count,
        "cooldown": take.whole,
        "receiverInfo": take.pairs,
        "notifierInfo": take.pairs,
    }
    kept = take.checked(given, checks, f"{path}.")
    if kept["uri"].startswith("mqtt") and kept.get("accept", BODIES[0]) not in GEO_ANSWERS:
        take.refuse(f"{path}.accept", " | ".join(GEO_ANSWERS))
    for pair in kept.get("notifierInfo", ()):
        allowed = _NOTIFIER.get(pair["key"])
        if allowed and pair["value"] not in allowed:
            take.refuse(f"{path}.notifierInfo", f"{pair['key']}: {' | '.join(allowed)}")
    return kept


_NOTIFIER: Final[dict[str, tuple[str, ...]]] = {
    "MQTT-Version": MQTT_VERSIONS,
    "MQTT-QoS": ("0", "1", "2"),
}


def _receiver(value: Any, path: str) -> str:
    """The address of a receiver: HTTP, or MQTT with a topic."""
    expected = "http://… | https://… | mqtt://host/topic | mqtts://host/topic"
    address = take.uri(value, path)
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        take.refuse(path, expected)
    if parts.scheme not in SCHEMES or not host:
        take.refuse(path, expected)
    topic = unquote(address.partition(f"{parts.netloc}/")[2])
    if parts.scheme.startswith("mqtt") and (not topic or any(mark in topic for mark in "#+\0")):
        take.refuse(path, expected)
    return address
