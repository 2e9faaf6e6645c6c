"""OGC API - Features: the past, what was just written, and who may come in."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import sample_district as sample
from asgi_client import Client
from ledgers import changed, do

from lingjing.engine.access import AccessSettings, Doors, Gate
from lingjing.engine.access_keys import KeyRing
from lingjing.interfaces.http import create_app
from lingjing.interfaces.http.root import create_root
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.service import Service
from lingjing.twin.ledger import Desk
from lingjing.twin.sqlite_ledger import SqliteLedger

ITEMS = f"/ogc/collections/{sample.NAME}.Building/items"
ALL = sample.COLUMNS * sample.ROWS


def locals_of(answer: httpx.Response) -> list[str]:
    """Local parts of the ids of an answer's features."""
    assert answer.status_code == 200, answer.text
    return [item["id"].rsplit(":", 1)[1] for item in answer.json()["features"]]


def links(content: dict[str, Any], rel: str) -> list[str]:
    return [item["href"] for item in content["links"] if item["rel"] == rel]


# Times


def test_the_past_is_asked_for_by_datetime(tmp_path: Path) -> None:
    sample.write_district(tmp_path)
    target, gone = sample.identifier("Building", "b0-01"), sample.identifier("Building", "b0-02")

    def at() -> str:
        time.sleep(0.01)
        now = time.time_ns() // 1000
        time.sleep(0.01)
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now // 10**6))}.{now % 10**6:06}Z"

    with SqliteLedger(tmp_path / "twin.sqlite") as ledger:
        trunk = ledger.branch("")

        def raise_roof(desk: Desk) -> None:
            document = desk.document(target)
            assert document is not None
            desk.put(*changed(document, desk.now, height=33.0))

        imported = at()
        do(ledger, trunk, raise_roof, target)
        raised = at()
        do(ledger, trunk, lambda desk: desk.delete(gone), gone)
        removed = at()
        with Client(create_app(tmp_path, ledger=ledger, store=ledger.store)) as client:

            def seen(datetime: str | None) -> tuple[int, list[float], int]:
                query = {"datetime": datetime} if datetime else {}
                answer = client.get(ITEMS, params={**query, "id": target})
                heights = [item["properties"]["height"] for item in answer.json()["features"]]
                total = client.get(ITEMS, params={**query, "limit": 1}).json()["numberMatched"]
                left = client.get(ITEMS, params={**query, "id": gone}).json()["numberMatched"]
                return total, heights, left

            assert seen(None) == (ALL - 1, [33.0], 0)
            assert seen(imported) == (ALL, [17.5], 1)
            assert seen(raised) == (ALL, [33.0], 1)
            assert seen(removed) == (ALL - 1, [33.0], 0)
            assert seen("2020-01-01T00:00:00Z") == (0, [], 0)
            assert seen("2020-01-01/2021-01-01") == (0, [], 0)
            assert seen("../2020-01-01") == (0, [], 0)
            assert seen("2999-01-01/..") == (ALL - 1, [33.0], 0)
            assert seen(f"{raised}/..") == (ALL, [33.0], 1), "it existed when the span began"
            assert seen(f"{removed}/..") == (ALL - 1, [33.0], 0)
            assert seen(f"../{raised}") == (ALL, [33.0], 1)
            query = {"datetime": f"{raised}/..", "limit": "1000"}
            ids = [item["id"] for item in client.get(ITEMS, params=query).json()["features"]]
            assert ids == sorted(ids)
            assert gone in ids
            paged = client.get(ITEMS, params={**query, "limit": "3"}).json()
            assert [item["id"] for item in paged["features"]] == ids[:3]
            more = client.get(links(paged, "next")[0]).json()
            assert [item["id"] for item in more["features"]] == ids[3:6]


def test_what_is_written_shows_at_once(tmp_path: Path) -> None:
    sample.write_district(tmp_path)
    target = sample.identifier("Building", "b0-01")
    with (
        SqliteLedger(tmp_path / "twin.sqlite") as ledger,
        Client(create_app(tmp_path, ledger=ledger, store=ledger.store)) as client,
    ):
        assert locals_of(client.get(ITEMS, params={"filter": "height > 90"})) == []

        def raise_roof(desk: Desk) -> None:
            document = desk.document(target)
            assert document is not None
            desk.put(*changed(document, desk.now, height=99.0))

        do(ledger, ledger.branch(""), raise_roof, target)
        assert locals_of(client.get(ITEMS, params={"filter": "height > 90"})) == ["b0-01"]


# Who may


def test_features_need_a_key_that_reads_this_tenant(tmp_path: Path) -> None:
    sample.write_district(tmp_path)
    with SqliteLedger(tmp_path / "twin.sqlite") as ledger:
        ring = KeyRing(ledger)
        keys = {
            "nobody": "",
            "reader": ring.create("read", [""])[1],
            "sensor": ring.create("sense", [""])[1],
            "stranger": ring.create("read", ["elsewhere"])[1],
        }
        gate = Gate(AccessSettings(access=Doors(required=True)), ledger, tmp_path)
        root = create_root(tmp_path, Service(ledger, Contexts(ledger), gate=gate), gate=gate)

        async def ask() -> dict[str, list[int]]:
            transport = httpx.ASGITransport(root)
            found: dict[str, list[int]] = {}
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as one:
                for name, key in keys.items():
                    shown = {"x-api-key": key} if key else {}
                    elsewhere = {**shown, "NGSILD-Tenant": "elsewhere"}
                    answers = [await one.get(ITEMS, headers=item) for item in (shown, elsewhere)]
                    found[name] = [answer.status_code for answer in answers]
            return found

        found = asyncio.run(ask())
        root.page.state.shelf.close()
    assert found["reader"] == [200, 403]
    assert found["nobody"] == [401, 401]
    assert found["sensor"] == [403, 403]
    assert found["stranger"][0] == 403
    assert found["stranger"][1] == 403
