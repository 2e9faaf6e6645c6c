"""Addresses: where the interface begins, and how one is written in a header."""

from __future__ import annotations

import functools
from typing import Final
from urllib.parse import quote

from lingjing.interfaces.ngsild.media import LD_JSON

BASE: Final = "/ngsi-ld/v1"
CONTEXT_RELATION: Final = "http://www.w3.org/ns/json-ld#context"
_URI_CHARACTERS: Final = "%:/?#[]@!$&'()*+,;=-._~"


def as_uri(address: str) -> str:
    """An IRI as a URI: what is not ASCII is percent-encoded."""
    return address if address.isascii() else quote(address, safe=_URI_CHARACTERS)


@functools.lru_cache(maxsize=4096)
def link_header(address: str) -> bytes:
    """The Link header that names an `@context`."""
    return f'<{as_uri(address)}>; rel="{CONTEXT_RELATION}"; type="{LD_JSON}"'.encode("ascii")
