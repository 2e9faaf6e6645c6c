"""The conditions of a subscription on an entity, compiled once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from lingjing.interfaces.ngsild.members import refuse
from lingjing.twin.documents import DEFAULT_TERMS
from lingjing.twin.query.evaluating import Query, parse_query
from lingjing.twin.query.geo import GeoQuery, parse_geo


class Names:
    """What the names of a query stand for, remembered while they are looked up.

    Args:
        expand: Gives the IRI of a name; None where only what is remembered is to be used.
        found: What is remembered already; names that `expand` knows are looked up anew.
    """

    def __init__(
        self, expand: Callable[[str], str] | None, found: Mapping[str, str] | None = None
    ) -> None:
        self._expand = expand
        self.found = dict(found or {})

    def __call__(self, name: str) -> str:
        if self._expand is not None:
            self.found[name] = self._expand(name)
        return self.found.get(name, DEFAULT_TERMS + name)


def query_of(text: str, names: Names, parameter: str = "q") -> Query:
    """A compiled query.

    Raises:
        LingjingError: `query.bad-syntax`, `query.bad-pattern`, `query.too-complex`.
    """
    # not from the cache: the names are to be looked up, and remembered, each time
    return parse_query.__wrapped__(text, names, (), None, parameter)


def geometry_of_query(
    query: Mapping[str, Any], attribute: str, parameter: str = "geoQ"
) -> GeoQuery:
    """A test of an entity's geometry.

    Args:
        query: `georel`, `geometry` and `coordinates`.
        attribute: IRI of the GeoProperty.
        parameter: Name under which a fault is reported.

    Raises:
        LingjingError: `query.…`.
    """
    coordinates = query["coordinates"]
    # up to version 1.3 of the standard the coordinates were JSON in a string
    text = coordinates if isinstance(coordinates, str) else json.dumps(coordinates)
    georel, geometry = query["georel"], query["geometry"]
    if not isinstance(georel, str) or not isinstance(geometry, str):
        refuse(f"{parameter}.georel", "string")
    return parse_geo(georel, geometry, text, attribute)
