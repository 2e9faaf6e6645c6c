"""Answers: JSON with an entity tag, compressed once, and errors as code, what and remedy."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lingjing.vocabulary import LingjingError

STATUS = {
    "usage": 400,
    "input": 400,
    "missing": 404,
    "outside": 502,
    "changed": 409,
    "output": 500,
    "scenario": 500,
    "internal": 500,
    "refused": 403,
    "interrupted": 503,
}
"""HTTP status of each family of errors."""

STATUS_BY_CODE = {
    "http.method-not-allowed": 405,
    "http.foreign-host": 421,
    "twin.branch-exists": 409,
    "twin.branch-in-use": 409,
    "whatif.too-many": 429,
    "whatif.busy": 429,
    "access.needed": 401,
    "access.unknown-scheme": 401,
    "access.unknown-key": 401,
    "access.expired-key": 401,
    "access.bad-token": 401,
    "access.issuer-unreachable": 503,
}


def encode(content: object) -> bytes:
    """Content as compact JSON; NaN becomes null."""
    return msgspec.json.encode(content)


@dataclass(frozen=True)
class Packed:
    """An answer kept for later requests: compressed, with the tag that names its version."""

    compressed: bytes
    etag: str
    media_type: str

    @classmethod
    def of(cls, body: bytes, media_type: str = "application/json") -> Packed:
        """Pack a body; the tag is its hash."""
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        return cls(gzip.compress(body, compresslevel=6, mtime=0), etag, media_type)

    def answer(self, request: Request) -> Response:
        """The packed body, or 304 where the client holds it already."""
        headers = {
            "ETag": self.etag,
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
        }
        held = request.headers.get("if-none-match", "")
        if self.etag in (tag.strip().removeprefix("W/") for tag in held.split(",")):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(self.compressed, headers=headers, media_type=self.media_type)
        body = gzip.decompress(self.compressed)
        return Response(body, headers=headers, media_type=self.media_type)


def answer(content: object, status: int = 200) -> Response:
    """Content that may change at any time, so it is not kept by anyone."""
    return Response(
        encode(content),
        status_code=status,
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )


def error_answer(error: LingjingError) -> Response:
    """An error for machines and people, with the status that fits its family."""
    content: dict[str, Any] = {"error": error.as_dict()}
    return answer(content, status_of(error))


def status_of(error: LingjingError) -> int:
    """The HTTP status that fits an error."""
    return STATUS_BY_CODE.get(error.code, STATUS.get(error.text.family, 500))
