"""What the operations of NGSI-LD do to a document: pure functions, no store, no clock.

Each takes the document as it stands, what was sent, and the time, and gives an `Outcome`: the
document afterwards and the changes that history is to remember. Neither argument is changed.

A *fragment* is what a request carries: `type`, `scope`, `expiresAt` where given, and `attributes`
in the form of a document, without times. An instance whose payload is `urn:ngsi-ld:null` asks for
deletion, where the operation allows it. The clauses are those of ETSI GS CIM 009 v1.9.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from lingjing.twin.documents import CORE, PAYLOADS, Document, Instance
from lingjing.twin.ledger import Change, Operation
from lingjing.vocabulary import LingjingError, Place

NULL: Final = "urn:ngsi-ld:null"
SCOPE: Final = CORE + "scope"
"""The name under which history keeps what an entity's scopes were."""

Fragment = Mapping[str, Any]
Instances = Mapping[str, Instance]


class Outcome(msgspec.Struct, frozen=True):
    """What an operation did.

    Attributes:
        document: The entity afterwards.
        changes: For history, in order.
        updated: Attributes (IRIs) that were set, or deleted by NGSI-LD null, each once.
        not_updated: Attribute → why not: `exists` or `absent`.
    """

    document: Document
    changes: tuple[Change, ...]
    updated: tuple[str, ...] = ()
    not_updated: Mapping[str, str] = {}


def is_null(instance: Instance) -> bool:
    """Whether the instance is an NGSI-LD null."""
    payload = instance.get(PAYLOADS.get(instance.get("type", "Property"), "value"))
    if payload == NULL:
        return True
    return isinstance(payload, dict) and payload.get("@none") == NULL and len(payload) == 1


def created(document: Document, now: str) -> Document:
    """A new entity with its times set (5.6.1)."""
    attributes = {
        name: {dataset: _stamped(item, now) for dataset, item in datasets.items()}
        for name, datasets in document["attributes"].items()
    }
    return {**document, "createdAt": now, "modifiedAt": now, "attributes": attributes}


def creation(document: Document) -> tuple[Change, ...]:
    """The changes that a created document is noted with."""
    return (
        Change("create"),
        *(
            Change("create", name, dataset, item)
            for name, datasets in document["attributes"].items()
            for dataset, item in datasets.items()
        ),
        *scope_changes(None, document.get("scope"), document["createdAt"]),
    )


def scope_changes(
    before: Sequence[str] | None, after: Sequence[str] | None, now: str
) -> tuple[Change, ...]:
    """What history is told where an entity's scopes change; it has no part in the present."""
    if not after and not before:
        return ()
    if not after:
        return (Change("delete", SCOPE, "", None, current=False),)
    instance: Instance = {
        "type": "Property",
        "value": list(after),
        "observedAt": now,
        "createdAt": now,
        "modifiedAt": now,
    }
    return (Change("update" if before else "create", SCOPE, "", instance, current=False),)


def partial_instance(held: Instance, fragment: Instance, now: str) -> Instance:
    """An instance with some members replaced, the others kept."""
    return _partly(held, fragment, now, merge_values=False)


def appended(
    document: Document, fragment: Fragment, now: str, *, overwrite: bool = True
) -> Outcome:
    """Attributes added, and existing ones replaced unless they are not to be (5.6.3).

    Scopes that are not to be replaced are kept beside the new ones.
    """
    work = _Work(document, now)
    if not overwrite and "scope" in fragment and document.get("scope"):
        both = list(dict.fromkeys((*document["scope"], *fragment["scope"])))
        fragment = {**fragment, "scope": both}
    work.take_head(fragment)
    for name, datasets in fragment["attributes"].items():
        for dataset, item in datasets.items():
            held = work.held(name, dataset)
            if held is not None and not overwrite:
                work.leave(name, "exists")
            elif is_null(item):
                work.remove(name, dataset)
            else:
                work.set(name, dataset, item)
    return work.outcome()


def updated(document: Document, fragment: Fragment, now: str) -> Outcome:
    """Attributes replaced, and those that the entity lacks added (5.6.2, 5.5.8).

    A scope is only replaced; where there is none, it is left out.
    """
    work = _Work(document, now)
    if "scope" in fragment and "scope" not in document:
        work.leave("scope", "absent")
        fragment = {name: value for name, value in fragment.items() if name != "scope"}
    work.take_head(fragment)
    for name, datasets in fragment["attributes"].items():
        for dataset, item in datasets.items():
            if is_null(item):
                work.remove(name, dataset)
            else:
                work.set(name, dataset, item)
    return work.outcome()


def patched(document: Document, attribute: str, fragment: Instance, now: str) -> Outcome:
    """Some members of one instance replaced, the others kept (5.6.4).

    Raises:
        LingjingError: `twin.no-attribute`, `twin.other-attribute-type`.
    """
    work = _Work(document, now)
    dataset = fragment.get("datasetId", "")
    held = _require(work, attribute, dataset)
    if fragment.get("type", held["type"]) != held["type"]:
        raise LingjingError(
            "twin.other-attribute-type",
            Place(field=attribute),
            attribute=attribute,
            held=held["type"],
            given=fragment["type"],
        )
    if is_null({**fragment, "type": held["type"]}):
        work.remove(attribute, dataset)
    else:
        work.put(attribute, dataset, _partly(held, fragment, now, merge_values=False))
    return work.outcome()


def merged(document: Document, fragment: Fragment, now: str) -> Outcome:
    """The fragment merged in, member by member, as a JSON merge patch does (5.6.17)."""
    work = _Work(document, now)
    work.take_head(fragment)
    for name, datasets in fragment["attributes"].items():
        for dataset, item in datasets.items():
            held = work.held(name, dataset)
            if is_null(item):
                work.remove(name, dataset)
            elif held is None or item.get("type", held["type"]) != held["type"]:
                work.set(name, dataset, without_nulls(item))
            else:
                work.put(name, dataset, _partly(held, item, now, merge_values=True))
    return work.outcome()


def replaced(document: Document, new: Document, now: str) -> Outcome:
    """Everything but the id and the time of creation replaced (5.6.18)."""
    head = {key: value for key, value in new.items() if key != "attributes"}
    work = _Work({**head, "createdAt": document["createdAt"], "attributes": {}}, now)
    old = document["attributes"]
    for name, datasets in new["attributes"].items():
        for dataset, item in datasets.items():
            held = old.get(name, {}).get(dataset)
            work.put(name, dataset, _stamped(item, now, held), existed=held is not None)
    gone = [
        Change("delete", name, dataset)
        for name, datasets in old.items()
        for dataset in datasets
        if dataset not in new["attributes"].get(name, {})
    ]
    scopes = scope_changes(document.get("scope"), new.get("scope"), now)
    if document.get("scope") == new.get("scope"):
        scopes = ()
    return work.outcome((Change("update"), *gone, *scopes))


def attribute_replaced(document: Document, attribute: str, new: Instances, now: str) -> Outcome:
    """One attribute's instances replaced, dataset by dataset (5.6.19).

    Raises:
        LingjingError: `twin.no-attribute`.
    """
    work = _Work(document, now)
    for dataset, item in new.items():
        _require(work, attribute, dataset)
        if is_null(item):
            work.remove(attribute, dataset)
        else:
            work.set(attribute, dataset, item)
    return work.outcome()


def attribute_deleted(
    document: Document, attribute: str, dataset: str, now: str, *, all_datasets: bool = False
) -> Outcome:
    """One instance of an attribute, or all, removed (5.6.5).

    Raises:
        LingjingError: `twin.no-attribute`.
    """
    work = _Work(document, now)
    held = document["attributes"].get(attribute, {})
    for name in held if all_datasets else (dataset,):
        _require(work, attribute, name)
        work.remove(attribute, name)
    if not held:
        raise _no_attribute(document, attribute, dataset)
    return work.outcome()


def without_nulls(item: Instance) -> Instance:
    """An instance for a place that holds nothing yet: what asks for deletion is left out."""
    payload_name = PAYLOADS.get(item.get("type", "Property"), "value")
    payload = item.get(payload_name)
    cleaned = dict(item)
    if isinstance(payload, dict):
        cleaned[payload_name] = _merged_value({}, payload)
    nested = {
        name: kept
        for name, datasets in item.get("attributes", {}).items()
        if (kept := {key: sub for key, sub in datasets.items() if not is_null(sub)})
    }
    cleaned.pop("attributes", None)
    if nested:
        cleaned["attributes"] = nested
    return {key: value for key, value in cleaned.items() if value != NULL}


class _Work:
    """A document being changed: its attributes are copied once, when first touched."""

    def __init__(self, document: Document, now: str) -> None:
        self.head = document
        self._now = now
        self._attributes: dict[str, dict[str, Instance]] = dict(document["attributes"])
        self._changes: list[Change] = []
        self._updated: dict[str, None] = {}
        self._left: dict[str, str] = {}
        self._head_changes: dict[str, Any] = {}

    def held(self, attribute: str, dataset: str) -> Instance | None:
        """The instance that stands now."""
        return self._attributes.get(attribute, {}).get(dataset)

    def leave(self, attribute: str, why: str) -> None:
        """Note that an attribute was not updated."""
        self._left[attribute] = why

    def take_head(self, fragment: Fragment) -> None:
        """Types are added, scopes and expiry replaced; a scope of null goes."""
        if not ("type" in fragment or "scope" in fragment or "expiresAt" in fragment):
            return
        changes: dict[str, Any] = {}
        types = self.head["type"]
        new_types = [item for item in fragment.get("type", ()) if item not in types]
        if new_types:
            changes["type"] = [*types, *new_types]
        for name in ("scope", "expiresAt"):
            if name in fragment and fragment[name] != self.head.get(name):
                changes[name] = fragment[name]
        if changes:
            self._head_changes = changes
            self._changes.append(Change("update"))
        if "scope" in changes:
            given = changes["scope"]
            scopes = [] if given in (NULL, [NULL]) else given
            self._changes.extend(scope_changes(self.head.get("scope"), scopes, self._now))

    def set(self, attribute: str, dataset: str, item: Instance) -> None:
        """Replace an instance whole, or add it; its time of creation stays."""
        held = self.held(attribute, dataset)
        if NULL in item.values() or ("attributes" in item and _has_nulls_inside(item)):
            item = without_nulls(item)
        self.put(attribute, dataset, _stamped(item, self._now, held), existed=held is not None)

    def put(
        self, attribute: str, dataset: str, item: Instance, *, existed: bool | None = None
    ) -> None:
        """Lay down an instance that has its times already."""
        if existed is None:
            existed = self.held(attribute, dataset) is not None
        self._attributes[attribute] = {**self._attributes.get(attribute, {}), dataset: item}
        operation: Operation = "update" if existed else "create"
        self._changes.append(Change(operation, attribute, dataset, item))
        self._updated[attribute] = None

    def remove(self, attribute: str, dataset: str) -> None:
        """Take an instance away, where there is one."""
        datasets = self._attributes.get(attribute, {})
        if dataset not in datasets:
            self.leave(attribute, "absent")
            return
        rest = {key: item for key, item in datasets.items() if key != dataset}
        if rest:
            self._attributes[attribute] = rest
        else:
            del self._attributes[attribute]
        self._changes.append(Change("delete", attribute, dataset))
        self._updated[attribute] = None

    def outcome(self, head: Sequence[Change] = ()) -> Outcome:
        """What came of it; a document that nothing touched is given back as it was."""
        changes = (*head, *self._changes)
        if not changes:
            return Outcome(self.head, (), (), self._left)
        document = {**self.head, **self._head_changes, "modifiedAt": self._now}
        for name in ("scope", "expiresAt"):
            if name in document and document[name] in (NULL, [NULL], []):
                del document[name]
        document["attributes"] = self._attributes
        return Outcome(document, changes, tuple(self._updated), self._left)


def _has_nulls_inside(item: Instance) -> bool:
    """Whether an attribute of the attribute is to go."""
    return any(is_null(sub) for subs in item["attributes"].values() for sub in subs.values())


def _stamped(item: Instance, now: str, held: Instance | None = None) -> Instance:
    """The instance with its times, and those of the attributes in it."""
    stamped = dict(item)
    stamped["createdAt"] = now if held is None else held.get("createdAt", now)
    stamped["modifiedAt"] = now
    nested = item.get("attributes")
    if nested:
        before = {} if held is None else held.get("attributes", {})
        stamped["attributes"] = {
            name: {
                dataset: _stamped(sub, now, before.get(name, {}).get(dataset))
                for dataset, sub in datasets.items()
            }
            for name, datasets in nested.items()
        }
    return stamped


def _partly(held: Instance, fragment: Instance, now: str, *, merge_values: bool) -> Instance:
    """The held instance with the members of the fragment laid over it."""
    result = {**held, "modifiedAt": now}
    payload_name = PAYLOADS[held["type"]]
    for key, value in fragment.items():
        if key in ("attributes", "type", "datasetId"):
            continue
        if value == NULL and key != payload_name:
            result.pop(key, None)
        elif key == payload_name and merge_values and isinstance(value, dict):
            base = held.get(key)
            result[key] = _merged_value(base if isinstance(base, dict) else {}, value)
        else:
            result[key] = value
    nested = {name: dict(datasets) for name, datasets in held.get("attributes", {}).items()}
    for name, datasets in fragment.get("attributes", {}).items():
        for dataset, sub in datasets.items():
            _lay_nested(nested, name, (dataset, sub), now, merge_values=merge_values)
    result.pop("attributes", None)
    if nested:
        result["attributes"] = nested
    return result


def _lay_nested(
    nested: dict[str, dict[str, Instance]],
    name: str,
    given: tuple[str, Instance],
    now: str,
    *,
    merge_values: bool,
) -> None:
    """Lay one attribute of an attribute over those that are held."""
    dataset, sub = given
    held = nested.get(name, {}).get(dataset)
    if is_null(sub):
        if held is not None:
            del nested[name][dataset]
            if not nested[name]:
                del nested[name]
    elif held is not None and merge_values and sub.get("type", held["type"]) == held["type"]:
        nested[name][dataset] = _partly(held, sub, now, merge_values=True)
    else:
        nested.setdefault(name, {})[dataset] = _stamped(without_nulls(sub), now, held)


def _merged_value(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396 over JSON objects, with the NGSI-LD null in the place of null."""
    result = dict(base)
    for key, value in patch.items():
        if value == NULL:
            result.pop(key, None)
        elif isinstance(value, dict):
            held = result.get(key)
            result[key] = _merged_value(held if isinstance(held, dict) else {}, value)
        else:
            result[key] = value
    return result


def _require(work: _Work, attribute: str, dataset: str) -> Instance:
    held = work.held(attribute, dataset)
    if held is None:
        raise _no_attribute(work.head, attribute, dataset)
    return held


def _no_attribute(document: Document, attribute: str, dataset: str) -> LingjingError:
    return LingjingError(
        "twin.no-attribute",
        Place(field=attribute),
        id=document["id"],
        attribute=attribute,
        dataset=dataset or "—",
    )
