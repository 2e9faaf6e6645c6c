"""The whole server: host names, headers, the gate, and which part answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lingjing.engine.access import AccessSettings, Doors, Gate
from lingjing.engine.access_keys import KeyRing
from lingjing.interfaces.http.root import create_root
from lingjing.interfaces.http.security import HEADERS
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.service import Service
from lingjing.twin.sqlite_ledger import SqliteLedger

ENTITY = {"id": "urn:ngsi-ld:Riser:r-1", "type": "Riser"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(tmp_path / "twin.sqlite") as opened:
        yield opened


def ask(
    ledger: SqliteLedger, tmp_path: Path, settings: AccessSettings, *requests: dict[str, Any]
) -> list[httpx.Response]:
    """Answers of a server with these settings to requests, one after another."""
    gate = Gate(settings, ledger, tmp_path)
    service = Service(ledger, Contexts(ledger), gate=gate)
    root = create_root(tmp_path, service, gate=gate)

    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(root)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return [await client.request(**request) for request in requests]

    return asyncio.run(all_of_them())


def test_a_foreign_host_name_is_turned_away_everywhere(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    paths = ("/ngsi-ld/v1/types", "/health", "/api/v1/districts", "/")
    foreign = {"Host": "evil.example"}
    answers = ask(
        ledger,
        tmp_path,
        AccessSettings(),
        *({"method": "GET", "url": path, "headers": foreign} for path in paths),
        {"method": "GET", "url": "/ngsi-ld/v1/types"},
        {"method": "GET", "url": "/ngsi-ld/v1/types", "headers": foreign},
    )
    assert [answer.status_code for answer in answers] == [421] * 4 + [200, 421]
    assert all(answer.headers["x-content-type-options"] == "nosniff" for answer in answers)


def test_host_names_can_be_added(ledger: SqliteLedger, tmp_path: Path) -> None:
    settings = AccessSettings(access=Doors(hosts=("Twin.example",)))
    named = {"Host": "twin.example:8787"}
    answers = ask(
        ledger,
        tmp_path,
        settings,
        *(
            {"method": "GET", "url": path, "headers": named}
            for path in ("/ngsi-ld/v1/types", "/health", "/api/v1/districts")
        ),
    )
    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_every_answer_carries_the_security_headers(ledger: SqliteLedger, tmp_path: Path) -> None:
    answers = ask(
        ledger,
        tmp_path,
        AccessSettings(),
        {"method": "GET", "url": "/ngsi-ld/v1/types"},
        {"method": "GET", "url": "/ngsi-ld/v1/entities/no-uri"},
        {"method": "OPTIONS", "url": "/ngsi-ld/v1/entities"},
    )
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value


def test_the_gate_stands_before_ngsi_ld(ledger: SqliteLedger, tmp_path: Path) -> None:
    settings = AccessSettings(access=Doors(required=True))
    ledger.ensure_tenant("north")
    _, reader = KeyRing(ledger).create("read", ("",), "a reader", None)
    shown = {"X-API-Key": reader}
    url = "/ngsi-ld/v1/entities"
    without, reading, writing, elsewhere, described = ask(
        ledger,
        tmp_path,
        settings,
        {"method": "POST", "url": url, "json": ENTITY},
        {"method": "GET", "url": f"{url}?type=Riser", "headers": shown},
        {"method": "POST", "url": url, "json": ENTITY, "headers": shown},
        {
            "method": "GET",
            "url": f"{url}?type=Riser",
            "headers": {**shown, "NGSILD-Tenant": "north"},
        },
        {"method": "GET", "url": "/ngsi-ld/v1/openapi.json"},
    )
    assert without.status_code == 401
    assert "bearer" in without.headers["www-authenticate"].lower()
    assert without.json()["code"] == "access.needed"
    assert (reading.status_code, reading.json()) == (200, [])
    assert (writing.status_code, writing.json()["code"]) == (403, "access.role")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "access.tenant")
    assert described.status_code == 401
    trunk = ledger.branch("")
    assert ledger.types(trunk) == {}
