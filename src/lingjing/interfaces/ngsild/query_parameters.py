"""Which entities a query asks for: the parameters of the address or the body of a POST query.

Both ways of asking are read by the same code; what stands in the body comes first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from lingjing.interfaces.ngsild.asked import Asked, bad, conflict, missing
from lingjing.interfaces.ngsild.durations import Duration, parse_duration
from lingjing.interfaces.ngsild.presentation import (
    PRESENTATION_PARAMETERS,
    Presentation,
    read_presentation,
)
from lingjing.interfaces.ngsild.requests import Request
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import LOCATION, Document
from lingjing.twin.ledger import Selection
from lingjing.twin.query.evaluating import NOT_ATTRIBUTES, Query, Resolve, parse_query
from lingjing.twin.query.geo import GEOMETRIES, GeoQuery, parse_geo, reference
from lingjing.twin.query.ordering import Ordering, parse_ordering
from lingjing.twin.query.patterns import finder
from lingjing.twin.query.reading import parse
from lingjing.twin.query.scopes import ScopeTest, parse_scopes
from lingjing.twin.query.types import Groups, holds, parse_types
from lingjing.vocabulary import LingjingError

Accept = Callable[[Document], bool]

ANY_TYPE: Final = "*"
QUERY: Final = "Query"
SELECTING_PARAMETERS: Final = frozenset(
    (
        "collation",
        "coordinates",
        "count",
        "csf",
        "entityMap",
        "entityMapLifetime",
        "expandValues",
        "geometry",
        "geoproperty",
        "georel",
        "id",
        "idPattern",
        "limit",
        "local",
        "offset",
        "orderBy",
        "orderFrom",
        "orderGeometry",
        "q",
        "scopeQ",
        "splitEntities",
        "type",
    )
)
ENTITY_QUERY_PARAMETERS: Final = SELECTING_PARAMETERS | PRESENTATION_PARAMETERS
"""Names of the parameters of a query of entities in the address."""


class Selector(msgspec.Struct, frozen=True):
    """One way of being meant: all of its conditions hold together (5.2.33)."""

    ids: tuple[str, ...] = ()
    id_pattern: str = ""
    types: Groups = ()

    def accept(self, document: Document) -> bool:
        """Whether the entity is meant."""
        if self.ids and document["id"] not in self.ids:
            return False
        if self.id_pattern and not finder(self.id_pattern)(document["id"]):
            return False
        return holds(self.types, document["type"])


class EntityQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query of entities, read and checked.

    Attributes:
        selectors: An entity is meant by at least one of them; empty for all.
        attributes: Has at least one of these attributes (`attrs`); empty for any.
        query: Condition on values.
        geo: Geographic condition.
        scopes: Condition on scopes.
        ordering: Order wanted instead of that of ids.
        presentation: How the entities are to be shown.
        offset, limit: Part of the result.
        count: Whether the total is wanted.
        entity_map: Whether an entity map is to be made of the result.
        map_lifetime: How long that is to be kept, where the request says.
        most_scanned: Most documents to look at.
        longest_s: Longest time to look [s].
    """

    selectors: tuple[Selector, ...]
    attributes: tuple[str, ...]
    query: Query | None
    geo: GeoQuery | None
    scopes: ScopeTest | None
    ordering: Ordering | None
    presentation: Presentation
    offset: int
    limit: int
    count: bool
    entity_map: bool
    map_lifetime: Duration | None
    most_scanned: int
    longest_s: float

    def accept(self, resolve: Resolve | None = None) -> Accept | None:
        """The test of what the driver does not select by itself; None where nothing is left.

        Args:
            resolve: Gives linked entities; needed where the query follows relationships.
        """
        tests: list[Accept] = []
        if len(self.selectors) > 1:
            selectors = self.selectors
            tests.append(lambda document: any(one.accept(document) for one in selectors))
        if self.scopes is not None:
            scopes = self.scopes
            tests.append(lambda document: scopes(document.get("scope") or ()))
        if self.geo is not None:
            tests.append(self.geo.accept)
        if self.query is not None:
            is_linked = self.query.depth > 0 and resolve is not None
            tests.append(self.query.joined(resolve) if is_linked and resolve else self.query.accept)
        if not tests:
            return None
        if len(tests) == 1:
            return tests[0]
        if len(tests) == 2:
            first, second = tests
            return lambda document: first(document) and second(document)
        return lambda document: all(test(document) for test in tests)

    def selection(self, resolve: Resolve | None = None) -> Selection:
        """The selection for a ledger: the wanted page, or everything where an order is wanted."""
        is_whole = self.ordering is not None
        alone = self.selectors[0] if len(self.selectors) == 1 else None
        return Selection(
            ids=alone.ids if alone else self._all_ids(),
            id_pattern=alone.id_pattern if alone else "",
            types=alone.types if alone else self._all_types(),
            attributes=self.attributes or (self.query.needs if self.query else ()),
            bounds=self.geo.bounds if self.geo else None,
            geo_attribute=self.geo.attribute if self.geo else LOCATION,
            accept=self.accept(resolve),
            offset=0 if is_whole else self.offset,
            limit=None if is_whole else self.limit,
            count=self.count,
            most_scanned=self.most_scanned,
        )

    def _all_types(self) -> Groups:
        """Types of all selectors together; none where one of them takes any type."""
        if not all(selector.types for selector in self.selectors):
            return ()
        return tuple(
            dict.fromkeys(group for selector in self.selectors for group in selector.types)
        )

    def _all_ids(self) -> tuple[str, ...]:
        if not all(selector.ids for selector in self.selectors):
            return ()
        return tuple(dict.fromkeys(name for selector in self.selectors for name in selector.ids))


async def entity_query(request: Request, terms: Terms) -> EntityQuery:
    """The query of entities that a GET, or a POST with a body, asks.

    Raises:
        LingjingError: `query.…`, `ngsild.bad-name`, `ngsild.bad-json`, `ngsild.not-an-object`.
    """
    return read_query(asked_of(request), request, terms)


def asked_of(request: Request, *, is_temporal: bool = False) -> Asked:
    """What the request asks, with the body of a POST checked to be a query.

    Raises:
        LingjingError: `query.bad-parameter`, `ngsild.bad-json`, `ngsild.not-an-object`.
    """
    if request.method != "POST":
        return Asked(request.query)
    body = request.json()
    if not isinstance(body, dict):
        raise LingjingError("ngsild.not-an-object")
    if body.get("type") != QUERY:
        raise bad("type", body.get("type"), QUERY)
    if "temporalQ" in body and not is_temporal:
        raise bad("temporalQ", "{…}", "temporal/entityOperations/query")
    return Asked(request.query, _flat(body))


def _flat(body: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a query body under the names that the address has for them."""
    flat = {name: value for name, value in body.items() if name not in ("@context", "type")}
    for outer, names in (
        ("geoQ", {name: name for name in ("georel", "geometry", "coordinates", "geoproperty")}),
        (
            "ordering",
            {
                "orderBy": "orderBy",
                "collation": "collation",
                "coordinates": "orderFrom",
                "geometry": "orderGeometry",
            },
        ),
        (
            "temporalQ",
            {
                name: name
                for name in (
                    "timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods",
                    "aggrPeriodDuration",
                )
            },
        ),
        ("aggrParams", {name: name for name in ("aggrMethods", "aggrPeriodDuration")}),
    ):  # fmt: skip
        inner = flat.pop(outer, None)
        if inner is None:
            continue
        if not isinstance(inner, dict):
            raise bad(outer, inner, "{…}")
        flat.update({names[name]: value for name, value in inner.items() if name in names})
    return flat


def read_query(
    asked: Asked,
    request: Request,
    terms: Terms,
    *,
    is_too_wide: Callable[[Asked], bool] | None = None,
    more_options: frozenset[str] = frozenset(),
) -> EntityQuery:
    """The query that the parameters ask.

    Args:
        asked: The parameters.
        request: For the limits and the media type of the answer.
        terms: The @context in force.
        is_too_wide: Whether nothing narrows the query; the rule of clause 5.7.2.4 where absent.
        more_options: Values of `options` that mean something besides the forms of writing.

    Raises:
        LingjingError: See `entity_query`.
    """
    presentation = read_presentation(asked, request, terms, more_options)
    query = _condition(asked, terms)
    selectors = _selectors(asked, terms)
    if (is_too_wide or _is_too_wide)(asked) or (query is not None and _only_system(asked, query)):
        raise LingjingError("query.too-wide")
    depth = query.depth if query is not None else 0
    level = presentation.join_level if presentation.join else 0
    if depth > level:
        raise LingjingError("query.linked-too-deep", depth=depth, level=level)
    if asked.text("csf"):
        parse(asked.text("csf"), "csf")
    asked.flag("splitEntities")
    offset, limit, count = page_of(asked, request)
    lifetime = asked.text("entityMapLifetime")
    return EntityQuery(
        selectors=selectors,
        attributes=tuple(terms.expand(name) for name in asked.names("attrs")),
        query=query,
        geo=geo_of(asked, terms),
        scopes=parse_scopes(asked.text("scopeQ")) if asked.has("scopeQ") else None,
        ordering=_ordering(asked, terms),
        presentation=presentation,
        offset=offset,
        limit=limit,
        count=count,
        entity_map=asked.flag("entityMap"),
        map_lifetime=parse_duration(lifetime, "entityMapLifetime") if lifetime else None,
        most_scanned=request.service.limits.query_documents,
        # a little less than the request has, so that there is time left to say what was wrong
        longest_s=0.8 * request.service.limits.request_s,
    )


def page_of(asked: Asked, request: Request) -> tuple[int, int, bool]:
    """Offset, limit, and whether the total is wanted.

    Raises:
        LingjingError: `query.bad-parameter`, `query.too-many-results`.
    """
    limits = request.service.limits
    count = asked.flag("count")
    limit = asked.whole("limit")
    if limit is None:
        limit = limits.page
    elif limit == 0 and not count:
        raise bad("limit", 0, "limit ≥ 1 | count=true")
    elif limit > limits.page_most:
        raise LingjingError("query.too-many-results", most=limits.page_most, asked=limit)
    return asked.whole("offset") or 0, limit, count


def _is_too_wide(asked: Asked) -> bool:
    """Whether no type, attribute, condition, area nor `local` narrows the query (5.7.2.4)."""
    if any(asked.has(name) for name in ("q", "georel")) or asked.flag("local"):
        return False
    if asked.has("type"):
        return False
    if any(isinstance(one, dict) and "type" in one for one in _entities(asked)):
        return False
    return all(name in NOT_ATTRIBUTES for name in asked.names("attrs"))


def _only_system(asked: Asked, query: Query) -> bool:
    """Whether members such as `modifiedAt` are all that narrows the query."""
    if not query.system_only or asked.has("type") or asked.has("entities"):
        return False
    if asked.has("georel") or asked.flag("local"):
        return False
    return all(name in NOT_ATTRIBUTES for name in asked.names("attrs"))


def _entities(asked: Asked) -> list[Any]:
    found = asked.body.get("entities")
    if found is None:
        return []
    if not isinstance(found, list) or not found:
        raise bad("entities", found, "EntitySelector[]")
    return found


def _selectors(asked: Asked, terms: Terms) -> tuple[Selector, ...]:
    entities = _entities(asked)
    if entities:
        return tuple(_body_selector(one, terms) for one in entities)
    ids = asked.iris("id")
    pattern = asked.text("idPattern")
    if pattern:
        finder(pattern)
    text = asked.text("type")
    if text == ANY_TYPE and "local" in asked.query and not asked.flag("local"):
        raise conflict("type", "local")
    types = parse_types(text, terms.expand) if text and text != ANY_TYPE else ()
    if not (ids or pattern or types):
        return ()
    return (Selector(ids, "" if ids else pattern, types),)


def _body_selector(value: Any, terms: Terms) -> Selector:
    if not isinstance(value, dict):
        raise bad("entities", value, "EntitySelector")
    asked = Asked({}, value)
    text = asked.text("type")
    if not text:
        raise missing("type", "entities")
    ids = asked.iris("id")
    pattern = asked.text("idPattern")
    if pattern:
        finder(pattern)
    types = parse_types(text, terms.expand) if text != ANY_TYPE else ()
    return Selector(ids, "" if ids else pattern, types)


def _condition(asked: Asked, terms: Terms) -> Query | None:
    text = asked.text("q")
    if not text:
        return None
    return parse_query(text, terms.expand, asked.names("expandValues"), terms.expand_vocab)


def geo_of(asked: Asked, terms: Terms) -> GeoQuery | None:
    """The geographic condition; None where there is none.

    Raises:
        LingjingError: `query.missing-parameter`, `query.bad-georel`, `query.bad-geometry`,
            `ngsild.bad-name`.
    """
    names = ("georel", "geometry", "coordinates")
    given = [name for name in names if asked.has(name)]
    if not given:
        if asked.has("geoproperty"):
            raise missing("georel", "geoproperty")
        return None
    for name in names:
        if name not in given:
            raise missing(name, given[0])
    attribute = asked.text("geoproperty")
    return parse_geo(
        asked.text("georel"),
        asked.text("geometry"),
        _coordinates(asked, "coordinates"),
        terms.expand(attribute) if attribute else LOCATION,
    )


def _coordinates(asked: Asked, name: str) -> str:
    """Coordinates as JSON text; a body may give them as a list or as text."""
    value = asked.body.get(name)
    if isinstance(value, list):
        return json.dumps(value)
    return asked.text(name)


def _ordering(asked: Asked, terms: Terms) -> Ordering | None:
    texts = asked.names("orderBy")
    if "orderFrom" in asked.body and not isinstance(asked.body["orderFrom"], list):
        raise bad("coordinates", asked.body["orderFrom"], "[…]")
    geometry = asked.text("orderGeometry") or GEOMETRIES[0]
    if not texts:
        return None
    around = None
    if asked.has("orderFrom"):
        around = reference(geometry, _coordinates(asked, "orderFrom"))
    return parse_ordering(texts, terms.expand, asked.text("collation"), around)
