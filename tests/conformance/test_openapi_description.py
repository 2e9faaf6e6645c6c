"""The interface is as its description says, also when it is asked nonsense."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from conformance_client import Api
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lingjing.interfaces.ngsild.living import ROUTES
from lingjing.interfaces.ngsild.openapi import PARAMETERS, describe
from lingjing.twin.sqlite_ledger import SqliteLedger

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(describe(ROUTES))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    ledger = SqliteLedger(tmp_path_factory.mktemp("twin") / "twin.sqlite")
    with Api(ledger, {}) as opened:
        yield opened
    ledger.close()


def test_every_operation_is_described_under_a_name_of_its_own() -> None:
    described = describe(ROUTES)
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    assert len(operations) == len(ROUTES)
    names = [operation["operationId"] for operation in operations]
    assert all(names)
    assert len(set(names)) == len(names)
    for operation in operations:
        assert operation["summary"].endswith("."), operation
        assert operation["x-role"] in ("read", "sense", "operate", "administer")


def test_every_parameter_is_described() -> None:
    used = set(itertools.chain.from_iterable(route.parameters for route in ROUTES))
    assert used <= PARAMETERS.keys()
    assert PARAMETERS.keys() <= used | {"at"}, "nothing is described that no operation takes"


def test_the_description_is_served(server: Api) -> None:
    answer = server.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == describe(ROUTES)
    assert answer.json()["openapi"] == "3.1.0"
    assert "/openapi.json" in answer.json()["paths"]


def test_a_described_operation_that_fails_inside_is_found(
    server: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check below can fail: a server that breaks is seen."""

    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(server.service.ledger, "types", fail)
    with pytest.raises(FailureGroup, match="Server error"):
        probe(server, "listTypes", examples=5)


@pytest.mark.parametrize("name", [route.operation for route in ROUTES])
def test_nonsense_is_answered_as_described(server: Api, name: str) -> None:
    probe(server, name, examples=6)


def probe(server: Api, name: str, examples: int) -> None:
    """Ask an operation with generated input, and check the answers against the description."""

    @hypothesis.settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=SCHEMA.find_operation_by_id(name).as_strategy())
    def ask(case: Any) -> None:
        options = case.as_transport_kwargs(base_url="http://127.0.0.1/ngsi-ld/v1")
        body = options.pop("data", None)
        case.validate_response(server.send_whole(content=body, **options), checks=CHECKS)

    ask()
