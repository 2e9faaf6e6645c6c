"""Names in addresses: ids of entities, and attributes."""

from __future__ import annotations

import re
from typing import Final

from lingjing.interfaces.ngsild.reading_members import attribute_iri, is_uri
from lingjing.interfaces.ngsild.requests import Request
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.vocabulary import LingjingError

_ATTRIBUTE: Final = re.compile(r"[^\s@<>\"{}|\\^`\x00-\x1f][^\s<>\"{}|\\^`\x00-\x1f]*")


def entity_id_of(request: Request) -> str:
    """The entity that the address names.

    Raises:
        LingjingError: `ngsild.bad-id`.
    """
    entity_id = request.parts["id"]
    if not is_uri(entity_id):
        raise LingjingError("ngsild.bad-id", id=entity_id[:300])
    return entity_id


def attribute_of(request: Request, terms: Terms) -> str:
    """IRI of the attribute that the address names.

    Raises:
        LingjingError: `ngsild.bad-attribute`.
    """
    name = request.parts["attribute"]
    if not _ATTRIBUTE.fullmatch(name):
        raise LingjingError("ngsild.bad-attribute", name=name[:300])
    return attribute_iri(name, terms)
