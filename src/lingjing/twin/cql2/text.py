"""From CQL2-Text to the tree.

One ladder of precedence for all: or, and, not, predicates, sums, products, powers. What kind of
value stands where is looked at when the filter is answered.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Final, NamedTuple

import shapely

from lingjing.twin.cql2.tree import (
    COMPARISONS,
    DEEPEST,
    GEOMETRIES,
    LONGEST,
    OPERATORS,
    Tree,
    checked,
    too_complex,
)
from lingjing.vocabulary import LingjingError, Place

_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^']|'')*')
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<quoted>"(?:[^"]|"")+")
    |(?P<name>[^\W\d][\w.:]*)
    |(?P<sign><=|>=|<>|[=<>+\-*/%^(),])
    |(?P<end>\Z)
    )""",
    re.VERBOSE,
)
_WKT: Final = {name.upper(): name for name in GEOMETRIES}
_FUNCTIONS: Final = {
    name.lower(): name for name in OPERATORS if name[:2] in ("s_", "t_") or name.endswith("centi")
} | {"casei": "casei"}
_KEYWORDS: Final = frozenset(("and", "or", "not", "like", "between", "in", "is", "null", "div"))


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


@functools.lru_cache(maxsize=256)
def parse_text(text: str) -> Tree:
    """A filter out of CQL2-Text.

    Raises:
        LingjingError: `cql2.bad-syntax` with the position, `cql2.too-complex`,
            `cql2.unknown-operator`, `cql2.bad-argument`.
    """
    if len(text) > LONGEST:
        raise too_complex("length", LONGEST)
    parser = _Parser(text)
    tree = parser.either(0)
    if parser.here.kind != "end":
        raise parser.fault("AND, OR")
    return checked(tree)


class _Parser:
    def __init__(self, text: str) -> None:
        self.source = text
        self.tokens: list[_Token] = []
        at = 0
        while not self.tokens or self.tokens[-1].kind != "end":
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                at += len(text[at:]) - len(text[at:].lstrip())
                raise self.fault("…", at)
            kind = found.lastgroup
            self.tokens.append(_Token(kind, found[kind], found.start(kind)))
            at = found.end()
        self.place = 0

    @property
    def here(self) -> _Token:
        return self.tokens[self.place]

    def fault(self, expected: str, at: int | None = None) -> LingjingError:
        position = self.here.at if at is None else at
        return LingjingError(
            "cql2.bad-syntax",
            Place(field="filter"),
            position=position + 1,
            expected=expected,
            found=self.source[position : position + 24] or "∅",
        )

    def take(self, *signs: str) -> str:
        """The sign or keyword that comes next, in small letters, if it is one of these."""
        token = self.here
        if token.kind in ("sign", "name") and token.text.lower() in signs:
            self.place += 1
            return token.text.lower()
        return ""

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise self.fault(sign.upper())

    def either(self, depth: int) -> Tree:
        if depth > DEEPEST:
            raise too_complex("depth", DEEPEST)
        parts = [self.both(depth)]
        while self.take("or"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else {"op": "or", "args": parts}

    def both(self, depth: int) -> Tree:
        parts = [self.negated(depth)]
        while self.take("and"):
            parts.append(self.negated(depth))
        return parts[0] if len(parts) == 1 else {"op": "and", "args": parts}

    def negated(self, depth: int) -> Tree:
        times = 0
        while self.take("not"):
            times += 1
            if times > DEEPEST:
                raise too_complex("depth", DEEPEST)
        tree = self.predicate(depth)
        for _ in range(times):
            tree = {"op": "not", "args": [tree]}
        return tree

    def predicate(self, depth: int) -> Tree:
        left = self.sum(depth)
        sign = self.take(*COMPARISONS)
        if sign:
            return {"op": sign, "args": [left, self.sum(depth)]}
        if self.take("is"):
            negated = self.take("not")
            self.need("null")
            return _unless(negated, {"op": "isNull", "args": [left]})
        negated = self.take("not")
        if self.take("like"):
            return _unless(negated, {"op": "like", "args": [left, self.sum(depth)]})
        if self.take("between"):
            low = self.sum(depth)
            self.need("and")
            return _unless(negated, {"op": "between", "args": [left, low, self.sum(depth)]})
        if self.take("in"):
            return _unless(negated, {"op": "in", "args": [left, self.listed(depth)]})
        if negated:
            raise self.fault("LIKE, BETWEEN, IN")
        return left

    def listed(self, depth: int) -> list[Tree]:
        self.need("(")
        items = [self.sum(depth)]
        while self.take(","):
            items.append(self.sum(depth))
        self.need(")")
        return items

    def sum(self, depth: int) -> Tree:
        tree = self.product(depth)
        while sign := self.take("+", "-"):
            tree = {"op": sign, "args": [tree, self.product(depth)]}
        return tree

    def product(self, depth: int) -> Tree:
        tree = self.power(depth)
        while sign := self.take("*", "/", "%", "div"):
            tree = {"op": sign, "args": [tree, self.power(depth)]}
        return tree

    def power(self, depth: int) -> Tree:
        tree = self.one(depth)
        while self.take("^"):
            tree = {"op": "^", "args": [tree, self.one(depth)]}
        return tree

    def one(self, depth: int) -> Tree:
        negative = False
        while self.take("-"):
            negative = not negative
        tree = self.operand(depth)
        if not negative:
            return tree
        if isinstance(tree, int | float) and not isinstance(tree, bool):
            return -tree
        return {"op": "*", "args": [-1, tree]}

    def operand(self, depth: int) -> Tree:
        token = self.here
        if self.take("("):
            tree = self.either(depth + 1)
            self.need(")")
            return tree
        if token.kind in ("end", "sign") or token.text.lower() in _KEYWORDS:
            raise self.fault("'…', 0, NAME, (")
        self.place += 1
        if token.kind != "name":
            return _written(token)
        word = token.text.lower()
        if word in ("true", "false"):
            return word == "true"
        if token.text.upper() in _WKT and (self.here.text == "(" or self.here.text.upper() == "Z"):
            return self.geometry(token)
        if self.here.text == "(" and self.here.kind == "sign":
            return self.called(token, depth)
        return {"property": token.text}

    def called(self, token: _Token, depth: int) -> Tree:
        """A function, or a literal that is written like one."""
        word = token.text.lower()
        if word not in _FUNCTIONS and word not in ("date", "timestamp", "interval", "bbox"):
            known = ", ".join(sorted(_FUNCTIONS.values()))
            place = Place(field="filter")
            raise LingjingError("cql2.unknown-operator", place, name=token.text[:60], known=known)
        self.need("(")
        arguments = [self.either(depth + 1)]
        while self.take(","):
            arguments.append(self.either(depth + 1))
        self.need(")")
        if word in ("date", "timestamp"):
            if len(arguments) != 1 or not isinstance(arguments[0], str):
                raise self.fault(f"{token.text}('…')", token.at)
            return {word: arguments[0]}
        if word in ("interval", "bbox"):
            return {word: arguments}
        return {"op": _FUNCTIONS[word], "args": arguments}

    def geometry(self, token: _Token) -> Tree:
        """WKT, up to the parenthesis that closes it."""
        open_ones = 0
        while True:
            item = self.here
            if item.kind == "end":
                raise self.fault(")")
            self.place += 1
            open_ones += {"(": 1, ")": -1}.get(item.text, 0)
            if item.text == ")" and not open_ones:
                break
        written = self.source[token.at : item.at + 1]
        try:
            made: Tree = json.loads(shapely.to_geojson(shapely.from_wkt(written)))
        except (shapely.errors.GEOSException, ValueError):
            raise self.fault("WKT", token.at) from None
        return made


def _written(token: _Token) -> Tree:
    if token.kind == "text":
        return token.text[1:-1].replace("''", "'")
    if token.kind == "quoted":
        return {"property": token.text[1:-1].replace('""', '"')}
    return int(token.text) if token.text.isdigit() else float(token.text)


def _unless(negated: str, tree: Tree) -> Tree:
    return {"op": "not", "args": [tree]} if negated else tree
