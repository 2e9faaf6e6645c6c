"""Addresses: where the interface begins, and how one is written in a header."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

BASE: Final = "/ngsi-ld/v1"
_URI_CHARACTERS: Final = "%:/?#[]@!$&'()*+,;=-._~"


def as_uri(address: str) -> str:
    """An IRI as a URI: what is not ASCII is percent-encoded."""
    return address if address.isascii() else quote(address, safe=_URI_CHARACTERS)
