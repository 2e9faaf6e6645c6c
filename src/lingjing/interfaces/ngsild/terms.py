"""What names mean: an @context, read once into tables, and never changed afterwards.

A `Terms` expands the names in a request to IRIs and compacts IRIs back to names, as JSON-LD 1.1
says, with the core @context always last and protected (clauses 4.4 and 5.5.7). Both directions
remember what they worked out, so that a name costs one look into a table.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from lingjing.interfaces.ngsild.core_terms import (
    CORE_ADDRESS,
    CORE_PREFIXES,
    CORE_TERMS,
    CORE_VOCABULARY,
)
from lingjing.vocabulary import LingjingError

_REMEMBERED: Final = 20_000
_PLAIN_NAME: Final = re.compile(r"[^\W\d_]\w*\Z")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
# What RFC 3987 keeps out of an IRI among the ASCII characters.
_NOT_IN_IRI: Final = re.compile(r"[\x00-\x20\x7f<>\"{}|\\^`]")
# Characters that RFC 3987 lets through but nobody can see, and noncharacters.
_INVISIBLE: Final = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u034f")
_UNSEEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})


class Term(msgspec.Struct, frozen=True):
    """What an @context says of one name.

    Attributes:
        iri: What it stands for: an IRI or a JSON-LD keyword; None where it stands for nothing.
        coercion: Type its values are taken to be of: `@id`, `@vocab`, `@json`, an IRI, or empty.
        is_prefix: Whether it may stand in front of a colon.
        is_list: Whether its values are ordered lists.
    """

    iri: str | None
    coercion: str = ""
    is_prefix: bool = False
    is_list: bool = False


def is_iri(text: str) -> bool:
    """Whether the text is an absolute IRI without characters that cannot be seen."""
    if _SCHEME.match(text) is None or _NOT_IN_IRI.search(text) is not None:
        return False
    return text.isascii() or not any(map(_is_unseen, text))


def _is_plain(name: str) -> bool:
    return _PLAIN_NAME.match(name) is not None


def _is_unseen(character: str) -> bool:
    if character < "\x80":
        return False
    return (
        unicodedata.category(character) in _UNSEEN_CATEGORIES
        or character in _INVISIBLE
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


class _Expanded(dict[str, str]):
    """Name → IRI; what is not known yet is worked out and remembered."""

    def __init__(self, terms: Mapping[str, Term]) -> None:
        super().__init__()
        self._terms = terms

    def __missing__(self, name: str) -> str:
        iri = self._work_out(name)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[name] = iri
        return iri

    def _work_out(self, name: str) -> str:
        term = self._terms.get(name)
        if term is not None:
            return term.iri or ""
        if name.startswith("@"):
            return name
        prefix, colon, rest = name.partition(":")
        if not colon or not prefix:
            return CORE_VOCABULARY + name
        if prefix != "_" and not rest.startswith("//"):
            term = self._terms.get(prefix)
            if term is not None and term.is_prefix and term.iri:
                return term.iri + rest
        return name


class _Names(dict[str, str]):
    """Name of an attribute or a type → IRI; one that cannot be such a name is refused."""

    def __init__(self, terms: Mapping[str, Term], expanded: _Expanded) -> None:
        super().__init__()
        self._terms = terms
        self._expanded = expanded

    def __missing__(self, name: str) -> str:
        iri = self._expanded[name]
        if name not in self._terms:
            is_good = name[:1] != ":" and is_iri(iri) if ":" in name else _is_plain(name)
        else:
            is_good = iri.startswith("@") or is_iri(iri)
        if not is_good:
            raise LingjingError("ngsild.bad-name", name=name[:200])
        if len(self) >= _REMEMBERED:
            self.clear()
        self[name] = iri
        return iri


class _Compacted(dict[str, str]):
    """IRI → the name to write for it.

    Args:
        terms: What the @context defines.
        expanded: Their other direction.
        is_for_values: Whether words that could not name an attribute will do, too.
    """

    def __init__(
        self, terms: Mapping[str, Term], expanded: _Expanded, *, is_for_values: bool = False
    ) -> None:
        super().__init__()
        self._expanded = expanded
        self._is_for_values = is_for_values
        self._best: dict[str, str] = {}
        ranks: dict[str, tuple[bool, int, str]] = {}
        for name, term in terms.items():
            if term.iri is None or expanded[name] != term.iri:
                continue
            is_narrow = term.is_list or term.coercion not in ("", "@id", "@vocab", "@json")
            rank = (is_narrow, len(name), name)
            if term.iri not in ranks or rank < ranks[term.iri]:
                ranks[term.iri] = rank
                self._best[term.iri] = name
        self._prefixes = sorted(
            (term.iri, name) for name, term in terms.items() if term.is_prefix and term.iri
        )

    def __missing__(self, iri: str) -> str:
        name = self._work_out(iri)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[iri] = name
        return name

    def _work_out(self, iri: str) -> str:
        best = self._best.get(iri)
        if best is not None:
            return best
        if iri.startswith(CORE_VOCABULARY):
            suffix = iri[len(CORE_VOCABULARY) :]
            is_word = suffix != "" if self._is_for_values else _is_plain(suffix)
            if is_word and self._expanded[suffix] == iri:
                return suffix
        candidates = [
            f"{name}:{iri[len(start) :]}"
            for start, name in self._prefixes
            if iri.startswith(start) and len(iri) > len(start)
        ]
        for candidate in sorted(candidates, key=lambda text: (len(text), text)):
            if self._expanded[candidate] == iri:
                return candidate
        return iri


class Terms:
    """The names of one @context. Made by `Contexts`; use `expand` and `compact`.

    Args:
        terms: What the user's @context defines, the core left out.
        link: Address that the Link header names.
        body: What stands under `@context` in a JSON-LD answer.

    Attributes:
        key: The same for two that mean the same; for caches.
        names: Name of an attribute or type → IRI, checked (`ngsild.bad-name`).
        expanded: Any name → IRI.
        compacted: IRI → name of an attribute or type.
        words: IRI → word, for values.
    """

    __slots__ = ("body", "compacted", "expanded", "key", "link", "names", "terms", "words")

    def __init__(
        self,
        terms: Mapping[str, Term] | None = None,
        link: str = CORE_ADDRESS,
        body: Any = CORE_ADDRESS,
    ) -> None:
        self.terms: dict[str, Term] = dict(terms or {})
        self.terms.update(_CORE)
        self.link = link
        self.body = body
        self.expanded = _Expanded(self.terms)
        self.names = _Names(self.terms, self.expanded)
        self.compacted = _Compacted(self.terms, self.expanded)
        self.words = _Compacted(self.terms, self.expanded, is_for_values=True)
        self.key = _digest(self.terms)

    def expand(self, name: str) -> str:
        """IRI of the name of an attribute or a type.

        Raises:
            LingjingError: `ngsild.bad-name`.
        """
        return self.names[name]

    def compact(self, iri: str) -> str:
        """The name to write for an IRI; the IRI itself where no name fits."""
        return self.compacted[iri]

    def expand_vocab(self, value: Any) -> Any:
        """The value of a VocabProperty (a string or a list of strings), expanded."""
        if isinstance(value, list):
            return [self.expanded[item] for item in value]
        return self.expanded[value]

    def compact_vocab(self, value: Any) -> Any:
        """The value of a VocabProperty, compacted."""
        if isinstance(value, list):
            return [self.words[item] for item in value]
        return self.words[value]

    def linked(self, link: str, body: Any) -> Terms:
        """The same names under another address."""
        other = Terms.__new__(Terms)
        other.terms, other.key = self.terms, self.key
        other.expanded, other.names = self.expanded, self.names
        other.compacted, other.words = self.compacted, self.words
        other.link, other.body = link, body
        return other


_COERCED_IDS: Final = """
object datasetId instanceId entityId subscriptionId success tenant previousObject
"""
_COERCED_NAMES: Final = """
vocab objectType valueType previousVocab attributeList attributeName attributeNames attributeTypes
attributes propertyNames relationshipNames typeList typeName typeNames watchedAttributes
"""


def _core() -> dict[str, Term]:
    coercions = dict.fromkeys(_COERCED_IDS.split(), "@id")
    coercions.update(dict.fromkeys(_COERCED_NAMES.split(), "@vocab"))
    return {
        name: Term(iri, coercions.get(name, ""), name in CORE_PREFIXES)
        for name, iri in CORE_TERMS.items()
    }


_CORE: Final = _core()


def _digest(terms: Mapping[str, Term]) -> str:
    lines: Iterable[str] = (
        f"{name}\0{term.iri}\0{term.coercion}\0{term.is_prefix}\0{term.is_list}"
        for name, term in sorted(terms.items())
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
