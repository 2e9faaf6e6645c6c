"""Reading the text of an @context: JSON-LD 1.1 term definitions, as far as NGSI-LD allows them.

Nothing is fetched here: documents named by address are asked of the caller, one by one, by a
generator, so that the same reading serves whoever gets them, and from wherever.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final
from urllib.parse import urljoin

from lingjing.interfaces.ngsild.addresses import BASE
from lingjing.interfaces.ngsild.core_terms import CORE_VOCABULARY, is_core_address
from lingjing.interfaces.ngsild.terms import Term, Terms, is_iri
from lingjing.vocabulary import LingjingError, Place

HOSTED: Final = f"{BASE}/jsonldContexts/"
"""How the address of an @context that is kept here begins, from the root."""
MOST_TERMS: Final = 50_000
MOST_DOCUMENTS: Final = 32
MOST_NESTED: Final = 16

Wanted = Generator[str, Any, None]
"""Yields the address of a document, and is sent the decoded document."""

_KEYWORDS: Final = frozenset(
    {"@base", "@container", "@context", "@direction", "@graph", "@id", "@import", "@included"}
    | {"@index", "@json", "@language", "@list", "@nest", "@none", "@prefix", "@propagate"}
    | {"@protected", "@reverse", "@set", "@type", "@value", "@version", "@vocab"}
)
_DEFINITION_KEYS: Final = frozenset(
    {"@id", "@type", "@container", "@language", "@direction", "@nest", "@index", "@prefix"}
    | {"@protected", "@reverse"}
)
_GENERIC_DELIMITERS: Final = frozenset(":/?#[]@")


class ContextReader:
    """Collects the terms of an @context and of those it names.

    Attributes:
        terms: What was defined, the core left out.
        vocabulary: What `@vocab` said last.
        beneath: The terms of the core, once an @context has named it.
    """

    def __init__(self) -> None:
        self.terms: dict[str, Term] = {}
        self.vocabulary: str | None = None
        self.beneath: Mapping[str, Term] = {}
        self._documents = 0

    def read(
        self, context: Any, base: str = "", within: tuple[str, ...] = (), depth: int = 0
    ) -> Wanted:
        """Take in an @context: an address, an object, a list of both, or null.

        Args:
            context: The value of `@context`.
            base: Address of the document it stands in.
            within: Addresses of the documents that led here.
            depth: How deep in lists it stands.

        Raises:
            LingjingError: `ngsild.context-circular`, `ngsild.context-too-large`,
                `ngsild.context-bad`, `ngsild.context-bad-term`, `ngsild.context-scoped`.
        """
        if context is None:
            self.terms.clear()
            self.vocabulary = None
            self.beneath = {}
        elif isinstance(context, str):
            yield from self._read_document(context, base, within)
        elif isinstance(context, list):
            if depth >= MOST_NESTED:
                raise LingjingError("ngsild.context-too-large", most=MOST_NESTED)
            for item in context:
                yield from self.read(item, base, within, depth + 1)
        elif isinstance(context, dict):
            yield from self._read_object(context, base, within)
        else:
            raise _bad(base, "@context")

    def _read_document(self, address: str, base: str, within: tuple[str, ...]) -> Wanted:
        address = urljoin(base, address) if base else address
        if is_core_address(address):
            self.beneath = Terms().terms
            self.vocabulary = CORE_VOCABULARY
            return
        document = yield from self._document(address, within)
        yield from self.read(document["@context"], address, (*within, address))

    def _document(self, address: str, within: tuple[str, ...]) -> Generator[str, Any, Any]:
        is_web = address.startswith(("http://", "https://")) and is_iri(address)
        if not is_web and not address.startswith(HOSTED):
            raise LingjingError("ngsild.context-bad-address", address=address[:300])
        if address in within:
            raise LingjingError("ngsild.context-circular", address=address[:300])
        self._documents += 1
        if self._documents > MOST_DOCUMENTS:
            raise LingjingError("ngsild.context-too-large", most=MOST_DOCUMENTS)
        document = yield address
        if not isinstance(document, dict) or "@context" not in document:
            raise _bad(address, "@context")
        return document

    def _read_object(self, given: Mapping[str, Any], base: str, within: tuple[str, ...]) -> Wanted:
        context = dict(given)
        if "@import" in context:
            imported = context["@import"]
            if not isinstance(imported, str):
                raise _bad(base, "@import")
            address = urljoin(base, imported) if base else imported
            document = yield from self._document(address, within)
            inner = document["@context"]
            if not isinstance(inner, dict) or "@import" in inner:
                raise _bad(address, "@import")
            context = {**inner, **context}
        if context.get("@version", 1.1) not in (1.1, 1.0):
            raise _bad(base, "@version")
        if "@vocab" in context:
            vocabulary = context["@vocab"]
            if vocabulary is not None and not isinstance(vocabulary, str):
                raise _bad(base, "@vocab")
            self.vocabulary = vocabulary
        _Definitions(self, context, base).define_all()
        if len(self.terms) > MOST_TERMS:
            raise LingjingError("ngsild.context-too-large", most=MOST_TERMS)


class _Definitions:
    """One object of term definitions, being worked through."""

    def __init__(self, reader: ContextReader, context: Mapping[str, Any], base: str) -> None:
        self._terms = reader.terms
        self._context = context
        self._base = base
        self._vocabulary = reader.vocabulary
        self._beneath = reader.beneath
        self._done: dict[str, bool] = {}

    def define_all(self) -> None:
        """Define every term."""
        for name in self._context:
            if name not in _KEYWORDS or name == "@type":
                self._define(name, 0)

    def _define(self, name: str, depth: int) -> None:
        done = self._done.get(name)
        if done:
            return
        if done is False or depth > MOST_NESTED * 4:
            raise self._bad_term(name)
        self._done[name] = False
        value = self._context[name]
        self._terms.pop(name, None)
        if not name.startswith("@"):
            self._terms[name] = self._term(name, value, depth)
        elif name == "@type" and not isinstance(value, dict):
            raise self._bad_term(name)
        self._done[name] = True

    def _term(self, name: str, value: Any, depth: int) -> Term:
        if not name:
            raise self._bad_term(name)
        if value is None:
            return Term(None)
        is_simple = isinstance(value, str)
        definition = {"@id": value} if is_simple else value
        if not isinstance(definition, dict):
            raise self._bad_term(name)
        if "@context" in definition:
            raise LingjingError(
                "ngsild.context-scoped", Place(self._base or None, field=name), name=name[:200]
            )
        if not definition.keys() <= _DEFINITION_KEYS:
            raise self._bad_term(name)
        iri = self._mapping(name, definition, depth)
        if iri is None:
            return Term(None)
        is_prefix = definition.get("@prefix", is_simple and iri[-1] in _GENERIC_DELIMITERS)
        if not isinstance(is_prefix, bool):
            raise self._bad_term(name)
        return Term(
            iri,
            self._coercion(name, definition, depth),
            is_prefix and ":" not in name and "/" not in name,
            self._is_list(name, definition),
        )

    def _mapping(self, name: str, definition: Mapping[str, Any], depth: int) -> str | None:
        """What the term stands for."""
        given = definition.get("@reverse", definition.get("@id", name))
        if given is None:
            return None
        if not isinstance(given, str) or given == "@context":
            raise self._bad_term(name)
        if given != name:
            iri = self._expand(given, depth)
            if iri in _KEYWORDS or is_iri(iri) or iri.startswith("_:"):
                return iri
            raise self._bad_term(name)
        prefix, colon, rest = name.partition(":")
        if colon and prefix:
            iri = self._prefixed(name, prefix, rest, depth)
            if is_iri(iri):
                return iri
        elif self._vocabulary is not None:
            iri = self._expand_vocabulary(depth) + name
            if is_iri(iri):
                return iri
        raise self._bad_term(name)

    def _coercion(self, name: str, definition: Mapping[str, Any], depth: int) -> str:
        given = definition.get("@type")
        if given is None:
            return ""
        if not isinstance(given, str):
            raise self._bad_term(name)
        coercion = self._expand(given, depth)
        if coercion in ("@id", "@vocab", "@json", "@none") or is_iri(coercion):
            return coercion
        raise self._bad_term(name)

    def _is_list(self, name: str, definition: Mapping[str, Any]) -> bool:
        container = definition.get("@container")
        if container is None:
            return False
        kinds = container if isinstance(container, list) else [container]
        if not all(isinstance(kind, str) and kind in _KEYWORDS for kind in kinds):
            raise self._bad_term(name)
        return "@list" in kinds

    def _expand(self, text: str, depth: int) -> str:
        """An IRI as it may be written in a definition."""
        if text in _KEYWORDS:
            return text
        if text in self._context:
            self._define(text, depth + 1)
        term = self._terms.get(text) or self._beneath.get(text)
        if term is not None:
            return term.iri or text
        prefix, colon, rest = text.partition(":")
        if colon and prefix:
            return self._prefixed(text, prefix, rest, depth)
        if self._vocabulary is not None:
            return self._expand_vocabulary(depth) + text
        return text

    def _prefixed(self, text: str, prefix: str, rest: str, depth: int) -> str:
        if prefix == "_" or rest.startswith("//"):
            return text
        if prefix in self._context:
            self._define(prefix, depth + 1)
        term = self._terms.get(prefix) or self._beneath.get(prefix)
        if term is not None and term.iri and term.iri not in _KEYWORDS:
            return term.iri + rest
        return text

    def _expand_vocabulary(self, depth: int) -> str:
        given = self._vocabulary or ""
        prefix, colon, rest = given.partition(":")
        return self._prefixed(given, prefix, rest, depth) if colon and prefix else given

    def _bad_term(self, name: str) -> LingjingError:
        return LingjingError(
            "ngsild.context-bad-term", Place(self._base or None, field=name[:200]), name=name[:200]
        )


def _bad(base: str, field: str) -> LingjingError:
    return LingjingError("ngsild.context-bad", Place(base or None, field=field), name=field)
