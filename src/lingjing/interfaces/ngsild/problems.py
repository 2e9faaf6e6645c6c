"""Faults as NGSI-LD tells them: HTTP status, error type, and a body for people and programs.

Each code of the catalogue goes with a status and one of the error types of clause 5.5.3; what is
not in the table follows from the family of the code.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lingjing.interfaces.ngsild.requests import Answer
from lingjing.vocabulary import LingjingError

ERRORS: Final = "https://uri.etsi.org/ngsi-ld/errors/"

_BAD = (400, "BadRequestData")
_INVALID = (400, "InvalidRequest")
_NONE = (404, "ResourceNotFound")
_EXISTS = (409, "AlreadyExists")
_NOT_SUPPORTED = (422, "OperationNotSupported")
_NO_CONTEXT = (504, "LdContextNotAvailable")
_LATER = (503, "InternalError")

PROBLEMS: Final[dict[str, tuple[int, str]]] = {
    "ngsild.bad-json": _INVALID,
    "ngsild.too-deep": _INVALID,
    "ngsild.not-an-object": _INVALID,
    "ngsild.unknown-parameter": _INVALID,
    "ngsild.parameter-twice": _INVALID,
    "ngsild.bad-encoding": _INVALID,
    "ngsild.no-address": _NONE,
    "ngsild.method-not-allowed": (405, "OperationNotSupported"),
    "ngsild.not-acceptable": (406, "NotAcceptable"),
    "ngsild.too-large": (413, "RequestEntityTooLarge"),
    "ngsild.unsupported-media-type": (415, "UnsupportedMediaType"),
    "ngsild.context-unavailable": _NO_CONTEXT,
    "ngsild.context-lacks-body": _INVALID,
    "ngsild.no-context": _NONE,
    "ngsild.context-not-served": _NOT_SUPPORTED,
    "ngsild.internal": (500, "InternalError"),
    "ngsild.entity-exists": _EXISTS,
    "ngsild.took-too-long": _LATER,
    "ngsild.resource-exists": _EXISTS,
    "ngsild.registration-conflict": (409, "Conflict"),
    "access.needed": (401, "Unauthorized"),
    "access.unknown-scheme": (401, "Unauthorized"),
    "access.unknown-key": (401, "Unauthorized"),
    "access.expired-key": (401, "Unauthorized"),
    "access.bad-token": (401, "Unauthorized"),
    "access.issuer-unreachable": _LATER,
    "twin.no-tenant": (404, "NonexistentTenant"),
    "twin.no-branch": _NONE,
    "twin.no-entity": _NONE,
    "twin.no-attribute": _NONE,
    "twin.branch-exists": _EXISTS,
    "query.bad-option": _INVALID,
    "query.too-complex": (403, "TooComplexQuery"),
    "query.too-many-results": (403, "TooManyResults"),
    "twin.query-too-costly": (403, "TooComplexQuery"),
    "twin.busy": _LATER,
    "twin.closed": _LATER,
    "twin.disk-full": (507, "InternalError"),
}
"""Code → HTTP status and NGSI-LD error type."""

_PARAMETERS: Final = frozenset({"query.bad-parameter", "ngsild.bad-parameter"})
_FORMS: Final = frozenset({"options", "format"})
"""Parameters whose values the standard lists; others make the whole request invalid (6.3.20)."""

_FAMILIES: Final[dict[str, tuple[int, str]]] = {
    "usage": _BAD,
    "input": _BAD,
    "missing": _NONE,
    "outside": _LATER,
    "refused": (403, "Forbidden"),
    "output": _LATER,
}

_encode: Final = msgspec.json.Encoder().encode
_HEADERS: Final = ((b"content-type", b"application/json"),)


def problem_kind(error: LingjingError) -> tuple[int, str]:
    """HTTP status of a fault, and its NGSI-LD error type without the namespace."""
    if error.code in _PARAMETERS and error.values.get("name") in _FORMS:
        return _INVALID
    known = PROBLEMS.get(error.code)
    if known is not None:
        return known
    return _FAMILIES.get(error.text.family, (500, "InternalError"))


def problem_details(error: LingjingError) -> dict[str, Any]:
    """A fault as ProblemDetails (RFC 9457, clause 5.2.31), also for lists such as batch results.

    Members beyond the standard's: `code`, and in zh-CN and en `what` and `remedy`; `field` names
    the place in the body, where it is known.
    """
    status, kind = problem_kind(error)
    facts = error.as_dict()
    details: dict[str, Any] = {
        "type": ERRORS + kind,
        "title": error.text.what["en"].format(**error.values),
        "detail": f"{error.what('en')} {error.remedy('en')}",
        "status": status,
        "code": error.code,
        "what": facts["what"],
        "remedy": facts["remedy"],
    }
    if error.place is not None and error.place.field:
        details["field"] = error.place.field
    return details


def problem_answer(error: LingjingError) -> Answer:
    """The answer to a request that failed."""
    details = problem_details(error)
    headers = list(_HEADERS)
    if details["status"] in (503, 504, 507):
        headers.append((b"retry-after", b"5"))
    if details["status"] == 401:
        headers.append((b"www-authenticate", b'Bearer realm="lingjing"'))
    return Answer(details["status"], _encode(details), headers)
