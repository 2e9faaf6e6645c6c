"""Faults are told with the status and type of clause 5.5.3, and what to do about them."""

from __future__ import annotations

import json

import pytest

from lingjing.interfaces.ngsild.problems import PROBLEMS, problem_answer, problem_details
from lingjing.vocabulary import LingjingError, Place
from lingjing.vocabulary.errors import error_texts

ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
WORDS = {
    "BadRequestData",
    "InvalidRequest",
    "AlreadyExists",
    "ResourceNotFound",
    "OperationNotSupported",
    "LdContextNotAvailable",
    "TooManyResults",
    "TooComplexQuery",
    "NonexistentTenant",
    "InternalError",
}


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (LingjingError("ngsild.bad-uri", value="x"), 400, "BadRequestData"),
        (LingjingError("ngsild.not-an-object"), 400, "InvalidRequest"),
        (LingjingError("ngsild.no-context", id="x"), 404, "ResourceNotFound"),
        (
            LingjingError("ngsild.context-unavailable", address="x", detail="y"),
            504,
            "LdContextNotAvailable",
        ),
        (LingjingError("ngsild.context-circular", address="x"), 400, "BadRequestData"),
        (LingjingError("twin.no-entity", id="x"), 404, "ResourceNotFound"),
    ],
)
def test_each_fault_has_its_status_and_type(error: LingjingError, status: int, kind: str) -> None:
    answer = problem_answer(error)
    body = json.loads(answer.body)
    assert answer.status == body["status"] == status
    assert body["type"] == ERRORS + kind
    assert (b"content-type", b"application/json") in answer.headers


def test_a_fault_tells_what_and_where_and_what_to_do_in_both_languages() -> None:
    details = problem_details(LingjingError("ngsild.bad-uri", Place(field="a.object"), value="x y"))
    assert details["field"] == "a.object"
    assert details["code"] == "ngsild.bad-uri"
    assert details["title"] == "'x y' is not a URI."
    assert set(details["what"]) == set(details["remedy"]) == {"zh-CN", "en"}
    assert "a.object" in details["detail"]
    assert details["remedy"]["en"] in details["detail"]


def test_a_client_that_can_try_again_is_told_when() -> None:
    later = problem_answer(LingjingError("ngsild.context-unavailable", address="x", detail="y"))
    assert (b"retry-after", b"5") in later.headers
    now = problem_answer(LingjingError("ngsild.not-an-object"))
    assert all(name != b"retry-after" for name, _ in now.headers)


def test_the_table_speaks_of_codes_and_types_that_there_are() -> None:
    assert set(PROBLEMS) <= set(error_texts())
    general = {
        kind for status, kind in PROBLEMS.values() if status in (400, 404, 422, 500, 503, 504)
    }
    assert general <= WORDS
