"""What an NGSI-LD handler gets and gives: the parsed request, the answer, and the route."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

import msgspec

from lingjing.interfaces.ngsild import addresses, media
from lingjing.interfaces.ngsild.snapshots import Snapshots, no_snapshot
from lingjing.twin.ledger import TRUNK, Branch
from lingjing.vocabulary import LingjingError

if TYPE_CHECKING:
    from lingjing.interfaces.ngsild.service import Service
    from lingjing.interfaces.ngsild.terms import Terms

BASE: Final = addresses.BASE
CONTEXT_RELATION: Final = addresses.CONTEXT_RELATION
link_header: Final = addresses.link_header
JSON: Final = media.JSON
LD_JSON: Final = media.LD_JSON
GEO_JSON: Final = media.GEO_JSON
MERGE_PATCH: Final = media.MERGE_PATCH
BODIES: Final = media.BODIES
PATCH_BODIES: Final = media.PATCH_BODIES
ANSWERS: Final = media.ANSWERS
GEO_ANSWERS: Final = media.GEO_ANSWERS

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_LINK: Final = re.compile(r"<([^>]*)>((?:\s*;\s*[^,;=\s]+\s*=\s*(?:\"[^\"]*\"|[^,;\s]*))*)")


@functools.lru_cache(maxsize=4096)
def context_link(header: str) -> str:
    """The `@context` address that a Link header names; empty where it names none."""
    for target, parameters in _LINK.findall(header):
        for parameter in parameters.split(";"):
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "rel" and value.strip().strip('"') == CONTEXT_RELATION:
                return str(target.strip())
    return ""


@functools.lru_cache(maxsize=1024)
def media_name(header: str) -> str:
    """The media type of a Content-Type header, without its parameters, in lower case."""
    return header.partition(";")[0].strip().lower()


def parse_query(text: bytes) -> dict[str, str]:
    """Query parameters, decoded; empty values are kept.

    Raises:
        LingjingError: `ngsild.parameter-twice`, `ngsild.bad-encoding`.
    """
    if not text:
        return {}
    query: dict[str, str] = {}
    for pair in text.split(b"&"):
        if not pair:
            continue
        raw_name, _, raw_value = pair.partition(b"=")
        try:
            name = unquote_plus(raw_name.decode("ascii"), errors="strict")
            value = unquote_plus(raw_value.decode("ascii"), errors="strict")
        except UnicodeDecodeError:
            raise LingjingError("ngsild.bad-encoding") from None
        if name in query:
            raise LingjingError("ngsild.parameter-twice", name=name[:100])
        query[name] = value
    return query


class Request:
    """One HTTP request, parsed.

    Attributes:
        service: What the handlers work with.
        method: In capitals.
        path: Below the base, without a trailing slash, as it was sent.
        parts: Path parameters, percent-decoded.
        query: Parameters, decoded; empty values are kept.
        headers: By lower-case name; where a header stands twice the values are joined by commas.
        body: As sent.
        media: The media type to answer in, chosen from what the route produces by `Accept`.
        at_us: Instant to read the twin at [µs since 1970 UTC], from `at`; None for now.
    """

    __slots__ = (
        "_branch", "_json", "_terms", "at_us", "body", "headers", "media", "method", "parts",
        "path", "query", "service",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        method: str,
        path: str,
        parts: dict[str, str],
        query: dict[str, str],
        headers: dict[str, str],
        body: bytes = b"",
        media: str = JSON,
    ) -> None:
        self.service = service
        self.method = method
        self.path = path
        self.parts = parts
        self.query = query
        self.headers = headers
        self.body = body
        self.media = media
        self.at_us: int | None = None
        self._branch: Branch | None = None
        self._json: Any = None
        self._terms: Terms | None = None

    @property
    def tenant(self) -> str:
        """The tenant named in `NGSILD-Tenant`; empty for the default one."""
        return self.headers.get("ngsild-tenant", "")

    @property
    def branch(self) -> Branch:
        """The branch that the request is about: the snapshot in `NGSILD-Snapshot`, or the trunk.

        Raises:
            LingjingError: `twin.no-tenant`, `twin.no-branch`, `ngsild.no-snapshot`.
        """
        if self._branch is None:
            name = self.headers.get("ngsild-snapshot") or TRUNK
            ledger = self.service.ledger
            if name != TRUNK and Snapshots(ledger).is_closed(self.tenant, name):
                raise no_snapshot(name)
            self._branch = ledger.branch(self.tenant, name)
        return self._branch

    @property
    def has_ld_body(self) -> bool:
        """Whether the body brings its own `@context`."""
        return media_name(self.headers.get("content-type", "")) == LD_JSON

    def flag(self, name: str) -> bool:
        """A parameter that is `true` or `false`; false where it is absent.

        Raises:
            LingjingError: `ngsild.bad-parameter`.
        """
        value = self.query.get(name, "false")
        if value not in ("true", "false"):
            raise LingjingError("ngsild.bad-parameter", name=name, value=value[:100])
        return value == "true"

    def options(self, *allowed: str) -> frozenset[str]:
        """The values of `options`; those that mean nothing here are refused.

        Raises:
            LingjingError: `ngsild.bad-parameter`.
        """
        text = self.query.get("options", "")
        if not text:
            return frozenset()
        chosen = frozenset(option.strip() for option in text.split(","))
        for option in chosen:
            if option not in allowed:
                raise LingjingError("ngsild.bad-parameter", name="options", value=option[:100])
        return chosen

    def json(self) -> Any:
        """The body, decoded once.

        Raises:
            LingjingError: `ngsild.bad-json`, `ngsild.too-deep`.
        """
        if self._json is None:
            try:
                self._json = _decode(self.body)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise LingjingError("ngsild.bad-json", detail=str(error)) from None
            except RecursionError:
                raise LingjingError("ngsild.too-deep") from None
            if _is_deeper(self._json, self.service.limits.depth):
                raise LingjingError("ngsild.too-deep")
        return self._json

    async def terms(self) -> Terms:
        """The `@context` in force: that of a JSON-LD body, else of the Link header.

        Raises:
            LingjingError: `ngsild.context-…`.
        """
        if self._terms is None:
            if self.has_ld_body and self.body:
                body = self.json()
                if isinstance(body, list):
                    self._terms = await self._linked_terms()
                else:
                    self._terms = await self.terms_of(body)
            else:
                body = self.json() if self.body else None
                if isinstance(body, dict) and "@context" in body:
                    raise LingjingError("ngsild.context-in-body")
                self._terms = await self._linked_terms()
        return self._terms

    async def terms_of(self, member: Any) -> Terms:
        """The `@context` in force for a JSON-LD body, or for one entity of a batch.

        Raises:
            LingjingError: `ngsild.context-…`.
        """
        inside = isinstance(member, dict) and "@context" in member
        if not self.has_ld_body:
            if inside:
                raise LingjingError("ngsild.context-in-body")
            return await self._linked_terms()
        if context_link(self.headers.get("link", "")):
            raise LingjingError("ngsild.context-in-link")
        if not inside:
            raise LingjingError("ngsild.context-missing")
        return await self.service.contexts.terms(member["@context"], self.tenant)

    async def _linked_terms(self) -> Terms:
        address = context_link(self.headers.get("link", ""))
        if not address:
            return self.service.contexts.core
        return await self.service.contexts.terms(address, self.tenant)


def _is_deeper(value: Any, most: int) -> bool:
    """Whether lists and objects are nested more than so many levels deep."""
    level = [value]
    for _ in range(most + 1):
        level = [
            child
            for item in level
            if item.__class__ is dict or item.__class__ is list
            for child in (item.values() if item.__class__ is dict else item)
        ]
        if not level:
            return False
    return True


class Answer:
    """What goes back: status, body, and headers in lower case."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int, body: bytes = b"", headers: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else []


Handler = Callable[["Service", Request], Awaitable[Answer]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of the interface.

    Attributes:
        method: HTTP method in capitals.
        pattern: Path below the base, such as `/entities/{id}/attrs/{attribute}`.
        handler: What answers.
        role: Least role: read, sense, operate or administer.
        operation: Name of the operation in the description, such as `retrieveEntity`.
        clause: Clause of the standard that it follows, such as `5.7.1`.
        parameters: Names of query parameters that mean something; any other is refused.
        consumes: Media types of the body; empty where there is no body.
        produces: Media types it can answer in, the preferred one first.
        makes_tenant: Whether a tenant named for the first time comes into being.
        is_branched: Whether it works on the branch that `NGSILD-Snapshot` names.
    """

    method: str
    pattern: str
    handler: Handler
    role: str = "read"
    operation: str = ""
    clause: str = ""
    parameters: frozenset[str] = frozenset()
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ANSWERS
    makes_tenant: bool = False
    is_branched: bool = True


NO_CONTENT: Final = 204


def done() -> Answer:
    """204 without a body."""
    return Answer(NO_CONTENT)


def created(location: str) -> Answer:
    """201, with where the new thing is found (percent-encoded, from the root)."""
    return Answer(201, b"", [(b"location", location.encode("ascii"))])


def content(
    request: Request,
    terms: Terms,
    value: Any,
    status: int = 200,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> Answer:
    """JSON in the media type of the request, with the `@context` where that type carries it.

    In JSON-LD the `@context` is put in front of an object, or of each object of a list.
    """
    lines = headers or []
    if request.media == LD_JSON:
        if isinstance(value, list):
            value = [
                {"@context": terms.body, **item} if isinstance(item, dict) else item
                for item in value
            ]
        else:
            value = {"@context": terms.body, **value}
        lines.append((b"content-type", LD_JSON.encode()))
    else:
        lines.append((b"content-type", request.media.encode()))
        lines.append((b"link", link_header(terms.link)))
    return Answer(status, _encode(value), lines)
