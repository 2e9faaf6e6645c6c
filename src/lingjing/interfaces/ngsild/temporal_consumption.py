"""Reading the evolution of entities: of one, or of those that meet a query (5.7.3, 5.7.4)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from lingjing.interfaces.ngsild import entity_maps
from lingjing.interfaces.ngsild.asked import Asked, bad, conflict
from lingjing.interfaces.ngsild.entity_maps import EntityMap, map_header
from lingjing.interfaces.ngsild.names import entity_id_of
from lingjing.interfaces.ngsild.pages import page_links
from lingjing.interfaces.ngsild.presentation import read_presentation
from lingjing.interfaces.ngsild.query_parameters import EntityQuery, asked_of, read_query
from lingjing.interfaces.ngsild.requests import BODIES, Answer, Request, Route, content
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.temporal_aggregation import read_aggregates
from lingjing.interfaces.ngsild.temporal_evolution import (
    Evolution,
    Page,
    cut,
    kind_teller,
    read_evolution,
    scope_points,
    within_scope,
)
from lingjing.interfaces.ngsild.temporal_parameters import (
    QUERY_PARAMETERS,
    RETRIEVE_PARAMETERS,
    TEMPORAL_OPTIONS,
    TemporalQuery,
    read_temporal_query,
)
from lingjing.interfaces.ngsild.temporal_provision import no_evolution
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.interfaces.ngsild.writing import HEAD, Representation
from lingjing.interfaces.ngsild.writing_temporal import (
    no_pairs,
    write_aggregates,
    write_evolution,
)
from lingjing.twin.changes import SCOPE
from lingjing.twin.documents import instant_text
from lingjing.twin.ledger import Branch, Ledger, Selection, Span
from lingjing.vocabulary import LingjingError

Written = dict[str, Any]

_clock: Final = time.monotonic


async def retrieve_evolution(service: Service, request: Request) -> Answer:
    """The evolution of one entity (5.7.3)."""
    entity_id = entity_id_of(request)
    _refuse_past(request)
    terms = await request.terms()
    asked = Asked(request.query)
    query = read_temporal_query(asked, is_needed=False)
    form = read_presentation(asked, request, terms, TEMPORAL_OPTIONS).representation
    _refuse_links(form)
    work = _Work(service.ledger, request.branch, terms, query, form, _most(service))
    await service.read_long(work.refuse_unknown, entity_id)
    answer = await service.read_long(work.answer_of, [entity_id])
    if not answer.written or not answer.written[0]:
        raise no_evolution(entity_id)
    headers = answer.headers()
    headers += await entity_maps.headers_for_one(service, request, entity_id)
    return content(request, terms, answer.written[0], answer.status, headers)


async def query_evolutions(service: Service, request: Request) -> Answer:
    """The evolution of entities that meet a query, a page of them (5.7.4)."""
    terms = await request.terms()
    query, times = temporal_query_of(request, terms)
    named = await entity_maps.named_map(service, request)
    work = _Work(
        service.ledger, request.branch, terms, times,
        query.presentation.representation, _most(service),
    )  # fmt: skip
    ids = await service.read_long(matching_ids, service.ledger, request.branch, query, times, named)
    if named is not None:
        await entity_maps.prune(service, request, named, set(named.ids) - set(ids))
    is_new = entity_maps.wants_new(request, is_flagged=query.entity_map, named=named)
    if is_new:
        named = await entity_maps.make_map(service, request, ids, query.map_lifetime)
    wanted = ids[query.offset : query.offset + query.limit]
    answer = await service.read_long(work.answer_of, wanted, query)
    headers = answer.headers()
    has_more = len(ids) > query.offset + query.limit
    headers += [
        (b"link", link)
        for link in page_links(request, query.offset, query.limit, has_more=has_more)
    ]
    if query.count:
        headers.append((b"ngsild-results-count", b"%d" % len(ids)))
    if named is not None:
        headers.append(map_header(named))
    status = 201 if is_new and answer.status == 200 else answer.status
    return content(request, terms, answer.written, status, headers)


def _most(service: Service) -> int:
    return service.limits.temporal_instances


def temporal_query_of(request: Request, terms: Terms) -> tuple[EntityQuery, TemporalQuery]:
    """What a query of evolutions asks, checked.

    Raises:
        LingjingError: `query.…`, `ngsild.…`.
    """
    _refuse_past(request)
    asked = asked_of(request, is_temporal=True)
    times = read_temporal_query(asked, is_needed=True)
    query = read_query(asked, request, terms, more_options=TEMPORAL_OPTIONS)
    _refuse_links(query.presentation.representation)
    if query.query is not None and query.query.depth:
        raise LingjingError("query.linked-too-deep", depth=query.query.depth, level=0)
    for text in asked.names("orderBy"):
        if text.partition(";")[0].strip() != "id":
            raise bad("orderBy", text, "id | id;asc | id;desc")
    return query, times


def _refuse_past(request: Request) -> None:
    """Refuse `at`: the evolution is told as it is known now, and its window says which part."""
    if request.at_us is not None:
        raise conflict("at", "timerel")


def _refuse_links(form: Representation) -> None:
    """Refuse members of linked entities, which have no evolution here (5.7.3.4)."""
    for name, members in (("pick", form.pick), ("omit", form.omit)):
        if members is not None and members.linked:
            raise bad(name, "{…}", "AttrName")


def matching_ids(
    ledger: Ledger,
    branch: Branch,
    query: EntityQuery,
    times: TemporalQuery,
    within: EntityMap | None = None,
) -> list[str]:
    """Ids of entities whose evolution meets a query, in the order wanted.

    Args:
        ledger: Where evolutions are kept.
        branch: As which they are seen.
        query: What is asked of the entities; conditions hold of instances in the window.
        times: The window.
        within: Only entities of this map.

    Raises:
        LingjingError: `twin.query-too-costly`, `query.too-complex`.
    """
    selection = query.selection()
    selection = msgspec.structs.replace(
        selection, accept=None, bounds=None, offset=0, limit=None, count=False
    )
    if within is not None and not selection.ids:
        selection = msgspec.structs.replace(selection, ids=within.ids)
    span = msgspec.structs.replace(times.span(_spanned(query)), last=None)
    ids = _ids_in(ledger, branch, selection, span, query.presentation.representation.datasets)
    if within is not None:
        kept = frozenset(within.ids)
        ids = [one for one in ids if one in kept]
    test = _Test(ledger, branch, query, times)
    if test.is_needed:
        if len(ids) > query.most_scanned:
            raise LingjingError("twin.query-too-costly", most=query.most_scanned)
        ids = _tested(ids, test, query.longest_s)
    if query.ordering is not None and query.ordering.terms[0].descending:
        ids.reverse()
    return ids


def _tested(ids: Sequence[str], test: _Test, longest_s: float) -> list[str]:
    """Those that pass a test, as long as it does not take too long.

    Raises:
        LingjingError: `query.too-complex`.
    """
    end = _clock() + longest_s
    kept = []
    for entity_id in ids:
        if _clock() > end:
            raise LingjingError(
                "query.too-complex", parameter="q", measure="seconds", limit=longest_s
            )
        if test.accept(entity_id):
            kept.append(entity_id)
    return kept


def _ids_in(
    ledger: Ledger,
    branch: Branch,
    selection: Selection,
    span: Span,
    datasets: frozenset[str] | None,
) -> list[str]:
    """Ids of entities with rows in a span, of these datasets where they are named."""
    if datasets is None:
        return ledger.history_ids(branch, selection, span)
    found: set[str] = set()
    for dataset in datasets:
        inside = msgspec.structs.replace(span, dataset=dataset)
        found.update(ledger.history_ids(branch, selection, inside))
    return sorted(found)


def _spanned(query: EntityQuery) -> tuple[str, ...]:
    """Attributes of which an entity must have an instance in the window."""
    pick = query.presentation.representation.pick
    if query.attributes:
        return query.attributes
    return tuple(sorted(pick.members - set(HEAD))) if pick is not None else ()


class _Test:
    """Whether the evolution of an entity meets what a query asks of values, places and scopes."""

    def __init__(
        self, ledger: Ledger, branch: Branch, query: EntityQuery, times: TemporalQuery
    ) -> None:
        self.ledger = ledger
        self.branch = branch
        self.query = query
        self.times = msgspec.structs.replace(times, last=None)
        names = [*(query.query.attributes if query.query is not None else ())]
        if query.geo is not None:
            names.append(query.geo.attribute)
        self.attributes = tuple(dict.fromkeys(names))
        self.is_whole = len(query.selectors) > 1
        self.is_needed = bool(
            query.query is not None
            or query.geo is not None
            or query.scopes is not None
            or self.is_whole
        )

    def accept(self, entity_id: str) -> bool:
        """Whether the entity is wanted."""
        query = self.query
        evolution = read_evolution(
            self.ledger, self.branch, entity_id, self.times, self.attributes or (SCOPE,)
        )
        if evolution is None:
            return False
        document = evolution.as_document()
        if self.is_whole and not any(one.accept(document) for one in query.selectors):
            return False
        if query.query is not None and not query.query.accept(document):
            return False
        if query.geo is not None and not query.geo.accept(document):
            return False
        return query.scopes is None or self._in_scope(entity_id)

    def _in_scope(self, entity_id: str) -> bool:
        """Whether anything was observed while a wanted scope was valid."""
        scopes = self.query.scopes
        if scopes is None:
            return True
        evolution = read_evolution(self.ledger, self.branch, entity_id, self.times)
        if evolution is None:
            return False
        told = scope_points(self.ledger, self.branch, entity_id, self.times)
        found = within_scope(evolution, told, scopes)
        return any(name != SCOPE for name in found.points)


class _Answer(msgspec.Struct, frozen=True):
    """Evolutions as they are written, and the range of times they cover where that is a part."""

    written: list[Written]
    page: Page | None = None

    @property
    def status(self) -> int:
        """206 where there is more."""
        return 200 if self.page is None else 206

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The range of times (6.3.10)."""
        if self.page is None:
            return []
        first, last = _plain(self.page.first_us), _plain(self.page.last_us)
        size = "*" if self.page.size is None else str(self.page.size)
        return [(b"content-range", f"date-time {first}-{last}/{size}".encode())]


def _plain(microseconds: int) -> str:
    return instant_text(microseconds).replace(".000000Z", "Z")


class _Work:
    """Reads evolutions and writes them in one representation."""

    def __init__(
        self,
        ledger: Ledger,
        branch: Branch,
        terms: Terms,
        query: TemporalQuery,
        form: Representation,
        most: int,
    ) -> None:
        self.ledger = ledger
        self.branch = branch
        self.terms = terms
        self.query = query
        self.form = form
        self.most = most
        self.attributes = _attributes(form)

    def refuse_unknown(self, entity_id: str) -> None:
        """Refuse an entity that is not known, or never had any of the attributes wanted.

        Raises:
            LingjingError: `ngsild.no-evolution`.
        """
        if self.ledger.known_to_history(self.branch, entity_id) is None:
            raise no_evolution(entity_id)
        if self.form.attributes is not None or (self.attributes and not self._shows_head()):
            span = Span(attributes=self.attributes, time="modifiedAt", last=1)
            if not self.ledger.history(self.branch, entity_id, span):
                raise no_evolution(entity_id)

    def _shows_head(self) -> bool:
        return self.form.pick is None or not self.form.pick.members.isdisjoint(HEAD)

    def answer_of(self, ids: Sequence[str], query: EntityQuery | None = None) -> _Answer:
        """The evolutions of entities, as many instances as one answer holds."""
        if self.query.form == "aggregatedValues":
            return _Answer([self._aggregated(entity_id) for entity_id in ids])
        evolutions = [
            evolution
            for entity_id in ids
            if (evolution := self._evolution(entity_id, query)) is not None
        ]
        page = cut(evolutions, self.query, self.most)
        kept = evolutions if page is None else page.evolutions
        return _Answer([self._written(evolution) for evolution in kept], page)

    def _evolution(self, entity_id: str, query: EntityQuery | None) -> Evolution | None:
        scopes = None if query is None else query.scopes
        first = self.most + 1 if scopes is None else None
        evolution = read_evolution(
            self.ledger, self.branch, entity_id, self.query, self.attributes, first
        )
        if evolution is None:
            return None
        datasets = self.form.datasets
        if datasets is not None:
            evolution = evolution.only(lambda point: point.moment.dataset in datasets)
        if scopes is not None:
            told = scope_points(self.ledger, self.branch, entity_id, self.query)
            evolution = within_scope(evolution, told, scopes)
        return evolution

    def _written(self, evolution: Evolution) -> Written:
        is_simple = self.query.form == "temporalValues"
        written = write_evolution(
            evolution.head(),
            evolution.moments(),
            self.terms,
            representation=self.form,
            form="simplified" if is_simple else "normalized",
            time=self.query.time_property,
            kind_of=kind_teller(self.ledger, self.branch, evolution.id),
        )
        for name, points in evolution.points.items():
            if not points and self._is_shown(name):
                written[self.terms.compact(name)] = (
                    no_pairs(evolution.kinds[name]) if is_simple else []
                )
        if evolution.deleted_us is not None and self.form.has_times:
            written["deletedAt"] = instant_text(evolution.deleted_us)
        return written

    def _is_shown(self, attribute: str) -> bool:
        form = self.form
        if form.pick is not None and attribute not in form.pick.members:
            return False
        return form.omit is None or attribute not in form.omit.members

    def _aggregated(self, entity_id: str) -> Written:
        types = self.ledger.known_to_history(self.branch, entity_id) or ()
        record = self.ledger.records(self.branch, (entity_id,)).get(entity_id)
        known = {} if record is None else record.document
        head = {name: value for name, value in known.items() if name != "attributes"}
        aggregates = read_aggregates(
            self.ledger, self.branch, entity_id, self.query, self.attributes, self.form.datasets
        )
        shown = {name: found for name, found in aggregates.items() if self._is_shown(name)}
        return write_aggregates(
            {**head, "id": entity_id, "type": list(types)},
            shown,
            self.terms,
            representation=self.form,
        )


def _attributes(form: Representation) -> tuple[str, ...]:
    """IRIs of the attributes to be read; empty for all."""
    if form.attributes is not None:
        return tuple(sorted(form.attributes))
    if form.pick is None:
        return ()
    names = {SCOPE if name == "scope" else name for name in form.pick.members}
    return tuple(sorted(names - set(HEAD)))


_ENTITY: Final = "/temporal/entities/{id}"

ROUTES: Final = (
    Route(
        method="GET",
        pattern=_ENTITY,
        handler=retrieve_evolution,
        operation="retrieveTemporal",
        clause="5.7.3",
        parameters=RETRIEVE_PARAMETERS,
    ),
    Route(
        method="GET",
        pattern="/temporal/entities",
        handler=query_evolutions,
        operation="queryTemporal",
        clause="5.7.4",
        parameters=QUERY_PARAMETERS,
    ),
    Route(
        method="POST",
        pattern="/temporal/entityOperations/query",
        handler=query_evolutions,
        operation="queryTemporalBatch",
        clause="5.7.4",
        parameters=QUERY_PARAMETERS,
        consumes=BODIES,
    ),
)
