"""From the JSON of a context-source registration to what is kept of it, and back (5.2.9)."""

from __future__ import annotations

from typing import Any, Final

from lingjing.interfaces.ngsild import members as take
from lingjing.interfaces.ngsild.durations import parse_duration
from lingjing.interfaces.ngsild.members import Check
from lingjing.interfaces.ngsild.registrations_records import Registration
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import instant_text, micros
from lingjing.twin.query.geo import shape
from lingjing.twin.query.patterns import finder
from lingjing.vocabulary import LingjingError
from lingjing.vocabulary.errors import Place

MODES: Final = ("inclusive", "exclusive", "redirect", "auxiliary")
GROUPS: Final = ("federationOps", "updateOps", "retrieveOps", "redirectionOps")
OPERATIONS: Final = frozenset((
    "createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs", "deleteEntity",
    "mergeEntity", "replaceEntity", "replaceAttrs", "purgeEntity", "createBatch", "upsertBatch",
    "updateBatch", "deleteBatch", "mergeBatch", "upsertTemporal", "appendAttrsTemporal",
    "deleteAttrsTemporal", "updateAttrsTemporal", "deleteAttrInstanceTemporal", "deleteTemporal",
    "retrieveEntity", "queryEntity", "queryBatch", "retrieveTemporal", "queryTemporal",
    "retrieveEntityTypes", "retrieveEntityTypeDetails", "retrieveEntityTypeInfo",
    "retrieveAttrTypes", "retrieveAttrTypeDetails", "retrieveAttrTypeInfo", "createSubscription",
    "updateSubscription", "retrieveSubscription", "querySubscription", "deleteSubscription",
    "retrieveEntityMap", "updateEntityMap", "deleteEntityMap", "createSnapshot", "cloneSnapshot",
    "retrieveSnapshot", "updateSnapshot", "deleteSnapshot", "purgeSnapshot",
))  # fmt: skip
_AUXILIARY: Final = frozenset(("retrieveOps", "retrieveEntity", "queryEntity"))
GEOMETRIES: Final = ("location", "observationSpace", "operationSpace")
_NAME_LISTS: Final = ("propertyNames", "relationshipNames")
# What the server keeps itself, or what frames the document; never a context-source property.
_NOT_PROPERTIES: Final = frozenset(
    ("@context", "status", "timesSent", "timesFailed", "lastSuccess", "lastFailure",
     "createdAt", "modifiedAt", "deletedAt")
)  # fmt: skip


def read_registration(
    body: Any, terms: Terms, now_us: int, held: Registration | None = None
) -> Registration:
    """A registration, checked.

    Args:
        body: The JSON as it was sent.
        terms: The `@context` that its names are to be understood by.
        now_us: The present [µs], which `expiresAt` must lie beyond.
        held: What it is laid over, where it is an update; members that are null go.

    Raises:
        LingjingError: `ngsild.member-…`, `ngsild.expired`, `query.…`.
    """
    body = take.mapping(body, "$")
    checks = _checks(terms)
    if held is not None and "id" in body and body["id"] != held.id:
        take.refuse("id", held.id)
    for name in ("type", "information", "endpoint") if held is not None else ():
        if name in body and body[name] is None:
            take.need(body, name)
    given = {name: value for name, value in body.items() if value is not None}
    read = take.checked(given, checks)
    properties = {
        terms.expand(name): value
        for name, value in given.items()
        if name not in checks and name not in _NOT_PROPERTIES
    }
    created_us = now_us
    if held is not None:
        gone = {name for name, value in body.items() if value is None}
        lost = {terms.expand(name) for name in gone if name not in checks}
        read = {name: value for name, value in held.kept.items() if name not in gone} | read
        kept = {name: value for name, value in held.properties.items() if name not in lost}
        properties = kept | properties
        created_us = held.created_us
    take.need(read, "type", "information", "endpoint")
    _check_mode(read)
    if "expiresAt" in given and micros(read["expiresAt"]) <= now_us:
        instant = read["expiresAt"]
        raise LingjingError("ngsild.expired", Place(field="expiresAt"), instant=instant)
    return Registration(read, properties, created_us, now_us)


def write_registration(
    registration: Registration,
    terms: Terms,
    *,
    with_times: bool = False,
    information: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """A registration as JSON.

    Args:
        registration: What is kept.
        terms: The `@context` to write in.
        with_times: Whether times of creation and change are shown.
        information: What of its information is shown; all where None.
    """
    kept = registration.kept
    shown = kept["information"] if information is None else information
    written: dict[str, Any] = {
        "id": kept["id"],
        **kept,
        "information": [_written_information(item, terms) for item in shown],
    }
    if len(kept.get("scope", ())) == 1:
        written["scope"] = kept["scope"][0]
    written.setdefault("mode", "inclusive")
    written.setdefault("operations", ["federationOps"])
    for iri, value in registration.properties.items():
        written[terms.compact(iri)] = value
    if with_times:
        written["createdAt"] = instant_text(registration.created_us)
        written["modifiedAt"] = instant_text(registration.modified_us)
    return written


def _written_information(kept: dict[str, Any], terms: Terms) -> dict[str, Any]:
    written = dict(kept)
    if "entities" in kept:
        written["entities"] = [
            {**entity, "type": _compacted(entity["type"], terms)} for entity in kept["entities"]
        ]
    for name in _NAME_LISTS:
        if name in kept:
            written[name] = [terms.compact(iri) for iri in kept[name]]
    return written


def _compacted(types: str | list[str], terms: Terms) -> str | list[str]:
    if isinstance(types, str):
        return terms.compact(types)
    return [terms.compact(iri) for iri in types]


def _checks(terms: Terms) -> dict[str, Check]:
    return {
        "id": take.uri,
        "type": take.one_of("ContextSourceRegistration"),
        "registrationName": take.text,
        "description": take.text,
        "information": take.some(_information(terms)),
        "tenant": take.text,
        "observationInterval": _interval,
        "managementInterval": _interval,
        **dict.fromkeys(GEOMETRIES, _geometry),
        "expiresAt": take.instant,
        "endpoint": _endpoint,
        "contextSourceInfo": take.pairs,
        "contextSourceAlias": take.text,
        "scope": take.some(take.text, alone=True),
        "mode": take.one_of(*MODES),
        "operations": take.some(take.one_of(*GROUPS, *sorted(OPERATIONS))),
        "refreshRate": _duration,
        "management": _management,
        "datasetId": take.some(take.text, alone=True),
    }


def _information(terms: Terms) -> Check:
    """Which entities and attributes a source has (5.2.10)."""
    attribute = take.attribute(terms)

    def types(value: Any, path: str) -> str | list[str]:
        if isinstance(value, list):
            names: list[str] = take.some(attribute)(value, path)
            return names
        return terms.expand(take.text(value, path))

    def pattern(value: Any, path: str) -> str:
        finder(take.text(value, path), path)
        return str(value)

    entity_checks: dict[str, Check] = {"id": take.uri, "idPattern": pattern, "type": types}

    def entity(value: Any, path: str) -> dict[str, Any]:
        given = take.mapping(value, path)
        take.need(given, "type", prefix=f"{path}.")
        return take.checked(given, entity_checks, f"{path}.")

    checks: dict[str, Check] = {
        "entities": take.some(entity),
        "propertyNames": take.some(attribute),
        "relationshipNames": take.some(attribute),
    }

    def check(value: Any, path: str) -> dict[str, Any]:
        kept = take.checked(take.mapping(value, path), checks, f"{path}.")
        if not kept:
            take.need(kept, "entities", prefix=f"{path}.")
        return kept

    return check


def _check_mode(kept: dict[str, Any]) -> None:
    """Rules of the modes (4.3.6.3, 5.9.2.4)."""
    mode = kept.get("mode", "inclusive")
    if mode == "auxiliary" and not set(kept.get("operations", ("federationOps",))) <= _AUXILIARY:
        take.refuse("operations", " | ".join(sorted(_AUXILIARY)))
    if mode != "exclusive":
        return
    for index, item in enumerate(kept["information"]):
        path = f"information[{index}]"
        take.need(item, "entities", prefix=f"{path}.")
        for place, entity in enumerate(item["entities"]):
            if "idPattern" in entity:
                take.refuse(f"{path}.entities[{place}].idPattern", "—")
            take.need(entity, "id", prefix=f"{path}.entities[{place}].")
        if not any(name in item for name in _NAME_LISTS):
            take.need(item, "propertyNames", prefix=f"{path}.")


def _endpoint(value: Any, path: str) -> str:
    address = take.uri(value, path)
    if not address.startswith(("http://", "https://")):
        take.refuse(path, "http://… | https://…")
    return address


def _interval(value: Any, path: str) -> dict[str, Any]:
    """A time interval (5.2.11)."""
    given = take.mapping(value, path)
    take.need(given, "startAt", prefix=f"{path}.")
    moments = take.checked(given, {"startAt": take.instant, "endAt": take.instant}, f"{path}.")
    if "endAt" in moments and micros(moments["endAt"]) < micros(moments["startAt"]):
        take.refuse(f"{path}.endAt", "≥ startAt")
    return moments


def _geometry(value: Any, path: str) -> dict[str, Any]:
    """A GeoJSON geometry, or a GeoProperty that holds one."""
    given = take.mapping(value, path)
    if given.get("type") == "GeoProperty":
        given = take.mapping(given.get("value"), f"{path}.value")
    kind = given.get("type")
    shape(kind if isinstance(kind, str) else "", given.get("coordinates"))
    return given


def _duration(value: Any, path: str) -> str:
    parse_duration(take.text(value, path), path)
    return str(value)


def _management(value: Any, path: str) -> dict[str, Any]:
    """How the source is to be called (5.2.34)."""
    checks: dict[str, Check] = {
        "localOnly": take.flag,
        "cacheDuration": _duration,
        "timeout": take.count,
        "cooldown": take.count,
    }
    return take.checked(take.mapping(value, path), checks, f"{path}.")
