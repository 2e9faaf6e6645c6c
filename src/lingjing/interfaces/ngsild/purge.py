"""Many entities ended by a query, or stripped of attributes (5.6.21)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from lingjing.interfaces.ngsild import desks
from lingjing.interfaces.ngsild.asked import Asked, conflict
from lingjing.interfaces.ngsild.query_parameters import (
    SELECTING_PARAMETERS,
    EntityQuery,
    read_query,
)
from lingjing.interfaces.ngsild.requests import Answer, Request, Route
from lingjing.interfaces.ngsild.results import batch_answer
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin import changes
from lingjing.twin.documents import Document
from lingjing.twin.ledger import Change, Desk, Job
from lingjing.vocabulary import LingjingError

_PER_JOB: Final = 1000
"""Entities changed in one job, so that others get their turn between."""


async def purge_entities(service: Service, request: Request) -> Answer:
    """Entities that meet a query ended, or attributes of them deleted (5.6.21)."""
    terms = await request.terms()
    asked = Asked(request.query)
    keep, drop = _members(asked, "keep", terms), _members(asked, "drop", terms)
    if keep is not None and drop is not None:
        raise conflict("keep", "drop")
    if "{" in asked.text("attrs"):
        raise LingjingError("ngsild.purge-linked")
    query = read_query(asked, request, terms)
    if query.query is not None and query.query.depth > 0:
        raise LingjingError("ngsild.purge-linked")
    ids = await service.read_long(_ids, service, request, query)
    succeeded: list[str] = []
    failed: list[tuple[str, LingjingError]] = []
    strip = _stripper(keep, drop)
    for start in range(0, len(ids), _PER_JOB):
        part = tuple(ids[start : start + _PER_JOB])
        done, refused = await service.write(
            Job(request.branch, part, partial(_work, ids=part, query=query, strip=strip))
        )
        succeeded += done
        failed += refused
    return batch_answer(succeeded, failed)


def _members(asked: Asked, name: str, terms: Terms) -> frozenset[str] | None:
    names = asked.names(name)
    return frozenset(map(terms.expand, names)) if names else None


def _ids(service: Service, request: Request, query: EntityQuery) -> list[str]:
    selection = msgspec.structs.replace(query.selection(), offset=0, limit=None, count=False)
    return [record.id for record in service.ledger.find(request.branch, selection).records]


def _stripper(
    keep: frozenset[str] | None, drop: frozenset[str] | None
) -> Callable[[str], bool] | None:
    """Which attributes go; None where the whole entity goes."""
    if keep is not None:
        return lambda attribute: attribute not in keep
    if drop is not None:
        return lambda attribute: attribute in drop
    return None


def _work(
    desk: Desk, ids: Sequence[str], query: EntityQuery, strip: Callable[[str], bool] | None
) -> tuple[list[str], list[tuple[str, LingjingError]]]:
    """Do it to those that still meet the query at the job's turn."""
    accept = query.accept()
    succeeded: list[str] = []
    failed: list[tuple[str, LingjingError]] = []
    for entity_id in ids:
        document = desk.document(entity_id)
        if document is None or (accept is not None and not accept(document)):
            continue  # it was changed or ended since
        try:
            if strip is None:
                desk.delete(entity_id)
            else:
                _strip(desk, document, strip)
        except LingjingError as error:
            failed.append((entity_id, error))
        else:
            succeeded.append(entity_id)
    return succeeded, failed


def _strip(desk: Desk, document: Document, strip: Callable[[str], bool]) -> None:
    done: list[Change] = []
    for attribute in list(document["attributes"]):
        if strip(attribute):
            outcome = changes.attribute_deleted(
                document, attribute, "", desk.now, all_datasets=True
            )
            document = outcome.document
            done.extend(outcome.changes)
    if done:
        desks.put(desk, document, done)


ROUTES: Final = (
    Route(
        method="DELETE",
        pattern="/entities",
        handler=purge_entities,
        role="operate",
        operation="purgeEntities",
        clause="5.6.21",
        parameters=(SELECTING_PARAMETERS | {"attrs", "keep", "drop", "datasetId"})
        - {"limit", "offset", "count", "orderBy", "entityMap", "entityMapLifetime"},
    ),
)
