"""Fuzz the readers of queries with atheris: whatever is written is read, or refused with a code.

Run `python benchmarks/soak/query_readers.py -max_total_time=600`; the arguments are libFuzzer's. A
failure leaves the input in a file and ends with a status that is not 0. atheris is not among the
project's dependencies: `pip install atheris` (Linux and macOS).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import atheris

with atheris.instrument_imports(include=["lingjing"]):
    from lingjing.interfaces.ngsild.durations import parse_duration
    from lingjing.twin.query.evaluating import parse_query
    from lingjing.twin.query.geo import parse_geo
    from lingjing.twin.query.ordering import parse_ordering
    from lingjing.twin.query.patterns import finder
    from lingjing.twin.query.reading import parse
    from lingjing.twin.query.scopes import parse_scopes
    from lingjing.twin.query.types import parse_types
    from lingjing.vocabulary import LingjingError

DOCUMENT: dict[str, Any] = {
    "id": "urn:x:1",
    "type": ["T"],
    "createdAt": "2026-01-20T09:00:00.000000Z",
    "attributes": {
        "a": {"": {"type": "Property", "value": {"b": [1, "x", {"c": None}]}}},
        "b": {"": {"type": "Relationship", "object": ["urn:x:1", "urn:x:2"]}},
        "c": {"": {"type": "LanguageProperty", "languageMap": {"en": "x"}}},
        "d": {"": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}},
    },
}


def same(name: str) -> str:
    """Names as they are."""
    return name


def query(text: str) -> None:
    """A query is evaluated, and what is written out again says the same."""
    found = parse_query(text, same, ("a",))
    found.joined(lambda _: DOCUMENT)(DOCUMENT)
    if "~=" not in text and parse(str(found.node)) != found.node:
        raise AssertionError(f"{text!r} became {found.node}")


READERS: tuple[Callable[[str], object], ...] = (
    query,
    lambda text: parse_types(text, same),
    lambda text: parse_scopes(text)(["/a/b", "/c"]),
    lambda text: parse_geo(text, "Point", "[1,2]").accept(DOCUMENT),
    lambda text: parse_geo("intersects", "Polygon", text).accept(DOCUMENT),
    lambda text: parse_geo("near;maxDistance==9", "LineString", text).accept(DOCUMENT),
    lambda text: parse_ordering((text,), same).sorted([DOCUMENT], lambda item: item),
    lambda text: parse_ordering(("a",), same, text),
    lambda text: parse_duration(text, "p").after(0),
    lambda text: finder(text)(text),
)


def once(data: bytes) -> None:
    """One input for one of the readers."""
    provider = atheris.FuzzedDataProvider(data)
    reader = READERS[provider.ConsumeIntInRange(0, len(READERS) - 1)]
    text = provider.ConsumeUnicodeNoSurrogates(200)
    try:
        reader(text)
    except LingjingError as error:
        if not error.code.startswith("query."):
            raise


if __name__ == "__main__":
    atheris.Setup(sys.argv, once)
    atheris.Fuzz()
