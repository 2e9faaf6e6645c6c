"""The version of the standard that a client prefers (4.3.6.8), as the Prefer header of RFC 7240
says it."""

from __future__ import annotations

import re
from typing import Final

from lingjing.interfaces.ngsild.requests import Request

VERSIONS: Final = frozenset(f"1.{minor}" for minor in range(10))
_PREFERENCE: Final = re.compile(r"\s*ngsi-ld\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def preferred_version(header: str) -> str:
    """The version that a Prefer header names, such as `1.3`; empty where it names none we know."""
    for part in header.split(","):
        found = _PREFERENCE.match(part)
        if found is not None:
            version = found.group(1) or found.group(2) or ""
            return version if version in VERSIONS else ""
    return ""


def applied_version(request: Request) -> list[tuple[bytes, bytes]]:
    """The header that says which preferred version was heeded, where one was named.

    For resources that look the same in all versions, so that nothing is to be changed.
    """
    version = preferred_version(request.headers.get("prefer", ""))
    return [(b"preference-applied", f"ngsi-ld={version}".encode())] if version else []
