"""What an operation did to several attributes or entities, as the standard writes it down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from lingjing.interfaces.ngsild.problems import problem_details
from lingjing.interfaces.ngsild.requests import JSON, Answer, done
from lingjing.twin.changes import Outcome
from lingjing.vocabulary import LingjingError

_JSON_TYPE: Final = (b"content-type", JSON.encode())
_encode: Final = msgspec.json.Encoder().encode


def update_answer(outcome: Outcome) -> Answer:
    """204 where all was done, else 207 with what was and what was not (5.2.18).

    Attributes are named by their IRI: the answer carries no `@context` to read short names by.
    """
    if not outcome.not_updated:
        return done()
    body = {
        "updated": list(outcome.updated),
        "notUpdated": [
            {"attributeName": name, "reason": _reason(name, reason)}
            for name, reason in outcome.not_updated.items()
        ],
    }
    return Answer(207, _encode(body), [_JSON_TYPE])


def _reason(name: str, reason: str) -> str:
    """Why an attribute was left as it was, in words."""
    code = "ngsild.attribute-exists" if reason == "exists" else "ngsild.attribute-absent"
    return LingjingError(code, name=name).what("en")


def batch_answer(
    succeeded: Iterable[str], failed: Iterable[tuple[str, LingjingError]], made: Iterable[str] = ()
) -> Answer:
    """What a batch did.

    Args:
        succeeded: Ids of the entities that were done.
        failed: Ids of those that were not, and why; an id that is not known is empty.
        made: Ids of the entities that came into being; where all went well they are answered
            with 201.
    """
    errors: list[dict[str, Any]] = [_failure(name, error) for name, error in failed]
    if errors:
        body: Mapping[str, Any] = {"success": list(succeeded), "errors": errors}
        return Answer(207, _encode(body), [_JSON_TYPE])
    new = list(made)
    return Answer(201, _encode(new), [_JSON_TYPE]) if new else done()


def _failure(entity_id: str, error: LingjingError) -> dict[str, Any]:
    problem = problem_details(error)
    return {"entityId": entity_id, "error": problem} if entity_id else {"error": problem}
