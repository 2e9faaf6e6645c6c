"""Terms made from an @context and the documents that it names, without any network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lingjing.interfaces.ngsild.context_parsing import ContextReader
from lingjing.interfaces.ngsild.terms import Terms


def terms_of(context: Any, documents: Mapping[str, Any] | None = None) -> Terms:
    """Terms of an @context; documents by address stand in for the web."""
    reader = ContextReader()
    reading = reader.read(context)
    try:
        address = next(reading)
        while True:
            address = reading.send((documents or {})[address])
    except StopIteration:
        return Terms(reader.terms, "https://example.org/context", context)
