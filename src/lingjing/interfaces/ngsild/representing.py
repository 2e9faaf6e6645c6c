"""Entities in the form that a request wants: JSON, JSON-LD or GeoJSON, alone or with others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from lingjing.interfaces.ngsild import writing
from lingjing.interfaces.ngsild.presentation import Presentation
from lingjing.interfaces.ngsild.requests import (
    GEO_JSON,
    Answer,
    Request,
    content,
    link_header,
)
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.interfaces.ngsild.versions import preferred, reformat
from lingjing.twin.documents import Document
from lingjing.twin.ledger import Record
from lingjing.vocabulary import LingjingError

Headers = list[tuple[bytes, bytes]]

_encode: Final = msgspec.json.Encoder().encode
_PREFER_JSON: Final = "body=json"


async def found(service: Service, request: Request, ids: Sequence[str]) -> Mapping[str, Document]:
    """Entities of the request's branch that exist and have not expired, by id."""
    records = await service.records(request.branch, ids, request.at_us)
    return shown(service, request, records.values())


def shown(service: Service, request: Request, records: Any) -> dict[str, Document]:
    """Documents of records, without what has expired."""
    documents: dict[str, Document] = {}
    for record in records:
        document = document_of(service, request, record)
        if document is not None:
            documents[record.id] = document
    return documents


def document_of(service: Service, request: Request, record: Record) -> Document | None:
    """The document of a record as it may be shown; None where it has expired."""
    if request.at_us is not None:
        return record.document
    return service.transience.seen(request.branch, record.document)


async def one_answer(
    service: Service, request: Request, terms: Terms, document: Document, asked: Presentation
) -> Answer:
    """The answer with one entity."""
    form = asked.representation
    if request.media == GEO_JSON:
        has_context = _PREFER_JSON not in request.headers.get("prefer", "")
        feature = writing.write_feature(
            document,
            terms,
            form,
            geometry_property=asked.geometry_property,
            dataset=_geometry_dataset(asked),
            has_context=has_context,
        )
        return _geo_answer(feature, terms, has_context=has_context)
    if not asked.join:
        written = writing.write_entity(document, terms, form)
        if not written:
            raise LingjingError("ngsild.no-such-attributes", id=document["id"][:300])
        return answer_as(request, terms, written)
    return answer_as(request, terms, await _joined(service, request, terms, [document], asked))


async def list_answer(
    service: Service,
    request: Request,
    terms: Terms,
    documents: Sequence[Document],
    asked: Presentation,
    headers: Headers,
    status: int = 200,
) -> Answer:
    """The answer with a list of entities."""
    await service.contexts.keep(terms, request.tenant)
    form = asked.representation
    if request.media == GEO_JSON:
        has_context = _PREFER_JSON not in request.headers.get("prefer", "")
        collection = writing.write_features(
            documents,
            terms,
            form,
            geometry_property=asked.geometry_property,
            dataset=_geometry_dataset(asked),
            has_context=has_context,
        )
        return _geo_answer(collection, terms, headers, has_context=has_context, status=status)
    if asked.join:
        written = await _joined(service, request, terms, documents, asked, is_list=True)
    else:
        written = writing.writer(terms, form).entities(documents)
    return answer_as(request, terms, written, headers, status)


def answer_as(
    request: Request,
    terms: Terms,
    written: Any,
    headers: Headers | None = None,
    status: int = 200,
) -> Answer:
    """What was written, in the version of the standard that the request prefers (4.3.6.8)."""
    prefer = request.headers.get("prefer", "")
    version = preferred(prefer) if prefer else None
    if version is None:
        return content(request, terms, written, status, headers)
    lines = [*(headers or ()), (b"preference-applied", f"ngsi-ld={version}".encode())]
    if status == 200 and reformat(written, version):
        status = 203
    return content(request, terms, written, status, lines)


def _geometry_dataset(asked: Presentation) -> str:
    """The instance of the geometry: the only dataset that is wanted, else the default one."""
    datasets = asked.representation.datasets
    return next(iter(datasets)) if datasets is not None and len(datasets) == 1 else ""


def _geo_answer(
    body: dict[str, Any],
    terms: Terms,
    headers: Headers | None = None,
    *,
    has_context: bool,
    status: int = 200,
) -> Answer:
    lines = [*(headers or ()), (b"content-type", GEO_JSON.encode())]
    if not has_context:
        lines.append((b"link", link_header(terms.link)))
    return Answer(status, _encode(body), lines)


async def _joined(
    service: Service,
    request: Request,
    terms: Terms,
    documents: Sequence[Document],
    asked: Presentation,
    *,
    is_list: bool = False,
) -> Any:
    """Entities with those that their relationships lead to (4.5.23)."""
    form = asked.representation

    async def fetch(ids: list[str]) -> Mapping[str, Document]:
        return await found(service, request, ids)

    linked = await writing.linked_documents(
        documents, terms, form, asked.join_level, fetch, asked.contained_by
    )
    if asked.join == "flat":
        written = writing.write_flat(documents, linked, terms, form)
        return written if is_list or len(written) > 1 else written[0]
    writer = writing.writer(terms, form)
    inline = [writer.entity(document, linked, asked.join_level) for document in documents]
    return inline if is_list else inline[0]
