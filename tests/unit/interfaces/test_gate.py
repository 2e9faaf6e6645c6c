"""Doors and locks over HTTP: the page's endpoints, NGSI-LD, and what operators ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lingjing.engine.access import AccessSettings, Doors, Gate
from lingjing.engine.access_keys import KeyRing
from lingjing.interfaces.http.gate import role_of
from lingjing.interfaces.http.operations import Measured, Meters
from lingjing.interfaces.http.root import Root, create_root
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.outgoing import Networks, Outgoing
from lingjing.interfaces.ngsild.service import Service
from lingjing.twin.ledger import Ledger
from lingjing.twin.sqlite_ledger import SqliteLedger

ENTITY = {"id": "urn:ngsi-ld:Riser:d:1", "type": "Riser"}
NGSI = "/ngsi-ld/v1"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = SqliteLedger(tmp_path / "twin.sqlite")
    yield opened
    opened.close()


def root_over(ledger: Ledger, folder: Path, doors: Doors, *, beyond: bool = False) -> Root:
    settings = AccessSettings(access=doors)
    gate = Gate(settings, ledger, folder, beyond_loopback=beyond)
    contexts = Contexts(ledger, {}, Outgoing(Networks(())))
    return create_root(folder, Service(ledger, contexts, None, settings.limits, gate), gate=gate)


def client(root: object, host: str = "127.0.0.1", key: str = "") -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(app=root)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}", headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/", None),
        ("GET", "/assets/app.js", None),
        ("GET", "/health", None),
        ("GET", "/metrics", "read"),
        ("GET", "/api/v1/districts", "read"),
        ("POST", "/api/v1/observations", "sense"),
        ("DELETE", "/api/v1/anything", "operate"),
        ("GET", "/assetsx", "read"),
    ],
)
def test_each_address_needs_a_role(method: str, path: str, role: str | None) -> None:
    assert role_of(method, path) == role


async def statuses(root: Root, key: str = "", host: str = "127.0.0.1") -> dict[str, int]:
    async with client(root, host, key) as ask:
        return {
            "health": (await ask.get("/health")).status_code,
            "ready": (await ask.get("/ready")).status_code,
            "metrics": (await ask.get("/metrics")).status_code,
            "districts": (await ask.get("/api/v1/districts")).status_code,
            "read": (await ask.get(f"{NGSI}/types")).status_code,
            "write": (await ask.post(f"{NGSI}/entities", json=ENTITY)).status_code,
            "delete": (await ask.delete(f"{NGSI}/entities/{ENTITY['id']}")).status_code,
            "purge": (await ask.delete(f"{NGSI}/entities", params={"type": "Riser"})).status_code,
        }


OPEN = {"health": 200, "ready": 200, "metrics": 200, "districts": 200, "read": 200}


def test_loopback_without_settings_is_open(ledger: Ledger, tmp_path: Path) -> None:
    found = asyncio.run(statuses(root_over(ledger, tmp_path, Doors())))
    assert found == {**OPEN, "write": 201, "delete": 204, "purge": 204}


def test_where_a_key_is_needed_only_health_answers_without(ledger: Ledger, tmp_path: Path) -> None:
    root = root_over(ledger, tmp_path, Doors(required=True))
    found = asyncio.run(statuses(root))
    assert {name for name, status in found.items() if status == 200} == {"health", "ready"}
    assert {status for name, status in found.items() if name not in ("health", "ready")} == {401}


@pytest.mark.parametrize(
    ("role", "write", "delete", "read"),
    [
        ("read", 403, 403, 200),
        ("sense", 201, 403, 403),
        ("operate", 201, 204, 200),
        ("administer", 201, 204, 200),
    ],
)
def test_a_key_does_what_its_role_says(
    ledger: Ledger, tmp_path: Path, role: str, write: int, delete: int, read: int
) -> None:
    root = root_over(ledger, tmp_path, Doors(required=True))
    _, key = KeyRing(ledger).create(role)
    found = asyncio.run(statuses(root, key))
    assert (found["write"], found["delete"]) == (write, delete)
    assert (found["read"], found["districts"], found["metrics"]) == (read, read, read)


def test_a_refusal_names_its_rule_in_both_languages_and_the_challenge(
    ledger: Ledger, tmp_path: Path
) -> None:
    async def ask() -> tuple[httpx.Response, httpx.Response]:
        root = root_over(ledger, tmp_path, Doors(required=True))
        async with client(root) as asked:
            return await asked.get("/api/v1/districts"), await asked.get(f"{NGSI}/types")

    page, interface = asyncio.run(ask())
    for answer in (page, interface):
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "credentials-required" in answer.text
        assert "凭据" in answer.text


def test_another_tenant_is_behind_a_wall(ledger: Ledger, tmp_path: Path) -> None:
    root = root_over(ledger, tmp_path, Doors(required=True))
    _, key = KeyRing(ledger).create("operate", ("east",))

    async def ask(tenant: str) -> int:
        headers = {"NGSILD-Tenant": tenant} if tenant else {}
        async with client(root, key=key) as asked:
            answer = await asked.post(f"{NGSI}/entities", json=ENTITY, headers=headers)
            return answer.status_code

    assert asyncio.run(ask("east")) == 201
    assert asyncio.run(ask("west")) == 403
    assert asyncio.run(ask("")) == 403
    assert "west" not in ledger.tenants()


def test_a_foreign_host_name_is_refused_where_something_is_open(
    ledger: Ledger, tmp_path: Path
) -> None:
    for doors in (Doors(), Doors(required=True, anonymous="read")):
        found = asyncio.run(statuses(root_over(ledger, tmp_path, doors), host="evil.example"))
        assert set(found.values()) == {421}


def test_with_keys_any_host_name_is_answered(ledger: Ledger, tmp_path: Path) -> None:
    _, key = KeyRing(ledger).create("operate")
    root = root_over(ledger, tmp_path, Doors(), beyond=True)
    assert asyncio.run(statuses(root, key, "twin.example"))["read"] == 200
    assert asyncio.run(statuses(root, "", "twin.example"))["read"] == 401


def test_metrics_count_what_was_answered(ledger: Ledger, tmp_path: Path) -> None:
    async def ask() -> str:
        meters = Meters()
        contexts = Contexts(ledger, {}, Outgoing(Networks(())))
        service = Service(ledger, contexts)
        root = Measured(create_root(tmp_path, service, meters=meters), meters)
        async with client(root) as asked:
            await asked.get(f"{NGSI}/types")
            await asked.get(f"{NGSI}/entities/urn:ngsi-ld:Riser:d:none")
            return (await asked.get("/metrics")).text

    text = asyncio.run(ask())
    assert 'lingjing_requests_total{area="ngsi-ld",method="GET",status="200"} 1.0' in text
    assert 'lingjing_requests_total{area="ngsi-ld",method="GET",status="404"} 1.0' in text
    assert 'lingjing_twin_held{what="entities"} 0.0' in text


def test_readiness_fails_when_the_twin_is_gone(ledger: Ledger, tmp_path: Path) -> None:
    root = root_over(ledger, tmp_path, Doors())
    ledger.close()

    async def ask() -> tuple[int, int]:
        async with client(root) as asked:
            return (
                (await asked.get("/health")).status_code,
                (await asked.get("/ready")).status_code,
            )

    assert asyncio.run(ask()) == (200, 503)


def test_a_key_of_another_tenant_reads_nothing_of_the_districts(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.ensure_tenant("elsewhere")
    root = root_over(ledger, tmp_path, Doors(required=True))
    districts = ("/api/v1/districts", "/api/v1/runs", "/ogc", "/3dtiles/tileset.json", "/metrics")

    async def ask(tenants: list[str]) -> list[int]:
        key = KeyRing(ledger).create("operate", tenants)[1]
        async with client(root, key=key) as one:
            one.headers["NGSILD-Tenant"] = "elsewhere"
            answers = [await one.get(path) for path in (*districts, "/api/v1/branches")]
        return [answer.status_code for answer in answers]

    assert asyncio.run(ask(["elsewhere"])) == [403] * len(districts) + [200]
    # whoever may enter both is let in; these addresses say that the tenant has no district
    assert asyncio.run(ask(["", "elsewhere"])) == [200, 200, 404, 404, 200, 200]
