"""From the tree of a query to a test of documents, made once and run often."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Final

from lingjing.twin.documents import CORE, PAYLOADS, Document, Instance
from lingjing.twin.query.comparing import Check, check_of, plain
from lingjing.twin.query.nodes import All, Link, Node, Path, Term, terms
from lingjing.twin.query.reading import parse

Expand = Callable[[str], str]
Resolve = Callable[[str], Document | None]
"""Gives the entity of an id, or None."""
Accept = Callable[[Document], bool]
Test = Callable[[Document, Resolve | None], bool]
_Holder = dict[str, Any]
_Predicate = Callable[[Instance], bool]

SYSTEM_MEMBERS: Final = ("createdAt", "modifiedAt", "deletedAt", "expiresAt")
"""Members of an entity that are no attributes of its own but can be asked for."""
INSTANCE_MEMBERS: Final = (
    *SYSTEM_MEMBERS,
    "observedAt",
    "unitCode",
    "datasetId",
    "instanceId",
)
"""Members of an instance that can be asked for like an attribute of it."""
NOT_ATTRIBUTES: Final = frozenset((*SYSTEM_MEMBERS, "id", "type", "scope", "instanceId"))
"""Names that never count as an attribute of the entity (a query about them alone is too wide)."""
ANY_LANGUAGE: Final = "*"


class Query:
    """A compiled query.

    Attributes:
        text: As it was written.
        node: Its tree.
        attributes: IRIs of the attributes of the entity that it names, in order.
        needs: An entity that is accepted has at least one of these; empty where nothing is known.
        depth: Most relationships that one of its paths follows.
        system_only: Whether it names nothing but members such as `createdAt`.
    """

    __slots__ = ("_test", "attributes", "depth", "needs", "node", "system_only", "text")

    def __init__(self, text: str, node: Node, test: Test, expand: Expand) -> None:
        found = terms(node)
        names = [_first(term.path) for term in found]
        self.text = text
        self.node = node
        self.attributes = tuple(
            dict.fromkeys(expand(name) for name in names if name not in NOT_ATTRIBUTES)
        )
        self.needs = _needs(node, expand) or ()
        self.depth = max(len(term.path.links) for term in found)
        self.system_only = all(name in NOT_ATTRIBUTES for name in names)
        self._test = test

    def accept(self, document: Document) -> bool:
        """Whether the document meets the query; paths over relationships never match."""
        return self._test(document, None)

    def joined(self, resolve: Resolve) -> Accept:
        """The same test, following relationships by `resolve`."""
        test = self._test
        return lambda document: test(document, resolve)


@functools.lru_cache(maxsize=1_024)
def parse_query(
    text: str,
    expand: Expand,
    expand_values: tuple[str, ...] = (),
    expand_vocab: Expand | None = None,
    parameter: str = "q",
) -> Query:
    """Read and compile a query.

    Args:
        text: The query.
        expand: Gives the IRI of an attribute or type name.
        expand_values: Attribute names whose values are words of the vocabulary.
        expand_vocab: Gives the IRI of a word of the vocabulary; `expand` where absent.
        parameter: Name under which a fault is reported.

    Raises:
        LingjingError: `query.bad-syntax`, `query.bad-pattern`, `query.too-complex`.
    """
    node = parse(text, parameter)
    compiler = _Compiler(expand, frozenset(expand_values), expand_vocab or expand)
    return Query(text, node, compiler.test(node), expand)


def _first(path: Path) -> str:
    return path.links[0].relationship if path.links else path.names[0]


def _needs(node: Node, expand: Expand) -> tuple[str, ...] | None:
    """Attributes of which an accepted entity has at least one; None where nothing can be said."""
    if isinstance(node, Term):
        name = _first(node.path)
        if node.operator == "lacks" or name in NOT_ATTRIBUTES:
            return None
        return (expand(name),)
    below = [_needs(part, expand) for part in node.parts]
    known = [part for part in below if part is not None]
    if isinstance(node, All):
        return min(known, key=len, default=None)
    if len(known) < len(below):
        return None
    return tuple(dict.fromkeys(iri for part in known for iri in part))


class _Compiler:
    def __init__(self, expand: Expand, vocabulary: frozenset[str], expand_vocab: Expand) -> None:
        self.expand = expand
        self.vocabulary = vocabulary
        self.expand_vocab = expand_vocab

    def test(self, node: Node) -> Test:
        if isinstance(node, Term):
            return self.term(node)
        tests = tuple(self.test(part) for part in node.parts)
        if len(tests) == 2:
            return _both(*tests) if isinstance(node, All) else _either(*tests)
        if isinstance(node, All):
            return lambda document, resolve: all(test(document, resolve) for test in tests)
        return lambda document, resolve: any(test(document, resolve) for test in tests)

    def term(self, term: Term) -> Test:
        path = term.path
        if term.operator == "lacks":
            exists = self.term(Term(path, "exists"))
            return lambda document, resolve: not exists(document, resolve)
        check = self.check(term)
        if path.names[0] in SYSTEM_MEMBERS and len(path.names) == 1 and not path.inside:
            test = _member(path.names[0], check)
        else:
            test = self.attribute(path.names, self.value(path, check, term))
        for link in reversed(path.links):
            test = self.linked(link, test)
        return test

    def check(self, term: Term) -> Check | None:
        if term.operator == "exists":
            return None
        coerce = None
        if term.path.names[-1] in self.vocabulary or _first(term.path) in self.vocabulary:
            coerce = self.expand_vocab
        return check_of(term, coerce)

    def value(self, path: Path, check: Check | None, term: Term) -> _Predicate:
        """The test of the instance at the end of the path."""
        if path.inside:
            return _inside(path.inside, check, unequal=term.operator in ("!=", "!~="))
        if check is None:
            return _anything
        return _payload(check, term.operator)

    def attribute(self, names: tuple[str, ...], predicate: _Predicate) -> Test:
        for name in reversed(names[1:]):
            predicate = self.step(name, predicate)
        iri = self.expand(names[0])

        def test(document: Document, _resolve: Resolve | None) -> bool:
            found = document["attributes"].get(iri)
            if found is None:
                return False
            for instance in found.values():  # noqa: SIM110  (half the time of any())
                if predicate(instance):
                    return True
            return False

        return test

    def step(self, name: str, predicate: _Predicate) -> _Predicate:
        """From an instance to an attribute of it, or to a member such as `observedAt`."""
        iri = self.expand(name)
        member = name if name in INSTANCE_MEMBERS else ""
        if not member and iri.removeprefix(CORE) in INSTANCE_MEMBERS:
            member = iri.removeprefix(CORE)

        def below(instance: Instance) -> bool:
            if member and member in instance:
                return predicate({"type": "Property", "value": instance[member]})
            found = instance.get("attributes")
            if not found or iri not in found:
                return False
            return any(predicate(one) for one in found[iri].values())

        return below

    def linked(self, link: Link, test: Test) -> Test:
        types = frozenset(self.expand(kind) for kind in link.types)
        find = self.attribute((link.relationship,), _anything)
        iri = self.expand(link.relationship)

        def follow(document: Document, resolve: Resolve | None) -> bool:
            if resolve is None or not find(document, resolve):
                return False
            for instance in document["attributes"][iri].values():
                for target in targets(instance):
                    other = resolve(target)
                    if other is None or (types and types.isdisjoint(other["type"])):
                        continue
                    if test(other, resolve):
                        return True
            return False

        return follow


def targets(instance: Instance) -> Iterable[str]:
    """Ids that a relationship points at; none for other instances."""
    if instance["type"] == "Relationship":
        found = instance.get("object")
    elif instance["type"] == "ListRelationship":
        found = instance.get("objectList")
    else:
        return
    for one in found if isinstance(found, list) else (found,):
        target = one.get("object") if isinstance(one, dict) else one
        if isinstance(target, str):
            yield target


def _anything(_instance: Instance) -> bool:
    return True


def _both(left: Test, right: Test) -> Test:
    return lambda document, resolve: left(document, resolve) and right(document, resolve)


def _either(left: Test, right: Test) -> Test:
    return lambda document, resolve: left(document, resolve) or right(document, resolve)


def _member(name: str, check: Check | None) -> Test:
    def test(document: Document, _resolve: Resolve | None) -> bool:
        value = document.get(name)
        return value is not None and (check is None or check(value))

    return test


def _payload(check: Check, operator: str) -> _Predicate:
    """The test of an instance's own value."""
    equality = operator in ("==", "!=")
    unequal = operator in ("!=", "!~=")

    def predicate(instance: Instance) -> bool:
        kind = instance["type"]
        if kind in ("Property", "GeoProperty"):
            return check(instance.get("value"))
        if kind in ("Relationship", "ListRelationship"):
            return equality and check(list(targets(instance)))
        if kind == "LanguageProperty":
            return _in_languages(instance, ANY_LANGUAGE, check, unequal=unequal)
        return check(instance.get(PAYLOADS[kind]))

    return predicate


def _in_languages(instance: Instance, language: str, check: Check, *, unequal: bool) -> bool:
    found = instance.get("languageMap")
    if not isinstance(found, dict):
        return False
    if language != ANY_LANGUAGE:
        return language in found and check(found[language])
    values = list(found.values())
    return (
        all(check(value) for value in values) if unequal else any(check(value) for value in values)
    )


def _inside(members: tuple[str, ...], check: Check | None, *, unequal: bool) -> _Predicate:
    """The test of a member within the value; one that is absent never matches."""

    def predicate(instance: Instance) -> bool:
        kind = instance["type"]
        if kind == "LanguageProperty" and len(members) == 1:
            if check is None:
                found = instance.get("languageMap") or {}
                return bool(found) if members[0] == ANY_LANGUAGE else members[0] in found
            return _in_languages(instance, members[0], check, unequal=unequal)
        if kind in ("Relationship", "ListRelationship"):
            return False
        value = plain(instance.get(PAYLOADS[kind]))
        return any(check is None or check(one) for one in _reached(value, members))

    return predicate


def _reached(value: Any, members: tuple[str, ...]) -> list[Any]:
    """What the members lead to: at most one value, or one for each element of a list on the way."""
    reached = [value]
    for member in members:
        after: list[Any] = []
        for one in reached:
            items = one if isinstance(one, list) else (one,)
            after.extend(
                plain(item[member])
                for item in items
                if isinstance(item, dict) and item.get(member) is not None
            )
            if isinstance(one, list) and member.isdecimal() and int(member) < len(one):
                after.append(plain(one[int(member)]))
        reached = after
    return reached
