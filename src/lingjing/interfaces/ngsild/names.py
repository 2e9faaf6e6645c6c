"""Names in addresses: ids of entities, and attributes."""

from __future__ import annotations

import re
from typing import Final

from lingjing.interfaces.ngsild.requests import Request
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.vocabulary import LingjingError

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x1f]+")
_ATTRIBUTE: Final = re.compile(r"[^\s@<>\"{}|\\^`\x00-\x1f][^\s<>\"{}|\\^`\x00-\x1f]*")


def is_uri(text: str) -> bool:
    """Whether the text is an absolute URI."""
    return _URI.fullmatch(text) is not None


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
    if name in NOT_ATTRIBUTES or not _ATTRIBUTE.fullmatch(name):
        raise LingjingError("ngsild.bad-attribute", name=name[:300])
    return terms.expand(name)


NOT_ATTRIBUTES: Final = frozenset(
    {"id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt", "@context"}
)
"""Members of an entity that are no attributes."""
