"""Branches over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ledgers import create, entity, update

from lingjing.interfaces.http.root import Root, create_root
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.outgoing import Networks, Outgoing
from lingjing.interfaces.ngsild.service import Service
from lingjing.twin.ledger import Ledger
from lingjing.twin.sqlite_ledger import SqliteLedger

BRANCHES = "/api/v1/branches"
Ask = Callable[..., httpx.Response]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = SqliteLedger(tmp_path / "twin.sqlite")
    create(opened, opened.branch(""), entity("a", insulation=0), entity("b", insulation=1))
    yield opened
    opened.close()


@pytest.fixture
def root(ledger: Ledger, tmp_path: Path) -> Root:
    contexts = Contexts(ledger, {}, Outgoing(Networks(())))
    return create_root(tmp_path, Service(ledger, contexts))


@pytest.fixture
def ask(root: Root) -> Ask:
    def send(method: str, path: str, content: Any = None, **more: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app=root)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as own:
                return await own.request(method, path, json=content, **more)

        return asyncio.run(once())

    return send


def test_a_branch_is_made_listed_and_dropped(ask: Ask) -> None:
    made = ask("POST", BRANCHES, {"name": "wrap", "note": "wrap them"})
    assert (made.status_code, made.json()["parent"], made.json()["changed"]) == (201, "main", 0)
    listed = ask("GET", BRANCHES).json()["branches"]
    assert [(item["name"], item["note"]) for item in listed] == [
        ("main", ""),
        ("wrap", "wrap them"),
    ]
    assert ask("DELETE", f"{BRANCHES}/wrap").status_code == 204
    assert ask("DELETE", f"{BRANCHES}/wrap").status_code == 404
    assert len(ask("GET", BRANCHES).json()["branches"]) == 1


def test_a_branch_is_written_over_ngsi_ld_compared_and_taken_over(ask: Ask) -> None:
    ask("POST", BRANCHES, {"name": "wrap"})
    path = "/ngsi-ld/v1/entities/urn:ngsi-ld:Riser:d:a"
    content = {"insulation": {"type": "Property", "value": 50}}
    header = {"NGSILD-Snapshot": "wrap"}
    assert ask("PATCH", f"{path}/attrs", content, headers=header).status_code == 204
    assert ask("GET", path, headers=header).json()["insulation"]["value"] == 50
    assert ask("GET", path).json()["insulation"]["value"] == 0
    [found] = ask("GET", f"{BRANCHES}/wrap/diff").json()["differences"]
    assert found["kind"] == "changed"
    assert found["attributes"][0]["after"]["value"] == 50
    planned = ask("POST", f"{BRANCHES}/wrap/merge", {"dry_run": True}).json()
    assert (planned["done"], len(planned["applied"])) == (False, 1)
    other = {"attributes": ["length"]}
    assert ask("POST", f"{BRANCHES}/wrap/merge", other).json()["applied"] == []
    assert ask("POST", f"{BRANCHES}/wrap/merge", {"types": ["Riser"]}).json()["done"] is True
    assert ask("GET", path).json()["insulation"]["value"] == 50


def test_a_conflict_is_told_with_its_own_status(ask: Ask, ledger: Ledger) -> None:
    ask("POST", BRANCHES, {"name": "wrap"})
    update(ledger, ledger.branch("", "wrap"), "a", insulation=50)
    update(ledger, ledger.branch(""), "a", insulation=25)
    refused = ask("POST", f"{BRANCHES}/wrap/merge", {})
    assert refused.status_code == 409
    assert refused.json()["conflicts"][0]["parent"]["value"] == 25
    taken = ask("POST", f"{BRANCHES}/wrap/merge", {"on_conflict": "take"})
    assert (taken.status_code, taken.json()["done"]) == (200, True)


def test_two_branches_are_compared(ask: Ask, ledger: Ledger) -> None:
    for name in ("one", "two"):
        ask("POST", BRANCHES, {"name": name})
    update(ledger, ledger.branch("", "two"), "b", insulation=9)
    found = ask("GET", f"{BRANCHES}/one/diff", params={"with": "two"}).json()["differences"]
    assert [item["attributes"][0]["after"]["value"] for item in found] == [9]


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        ("POST", "", {"name": "main"}, 409, "twin.branch-exists"),
        ("POST", "", {"name": " "}, 400, "twin.bad-branch-name"),
        ("POST", "", {"name": "x", "parent": "none"}, 404, "twin.no-branch"),
        ("POST", "", {"name": "x", "colour": "red"}, 400, "http.bad-body"),
        ("POST", "", ["x"], 400, "http.bad-body"),
        ("POST", "/main/merge", {}, 400, "twin.trunk-has-no-base"),
        ("POST", "/main/merge", {"on_conflict": "shrug"}, 400, "http.bad-body"),
        ("GET", "/none/diff", None, 404, "twin.no-branch"),
        ("GET", "/main/diff", None, 400, "twin.trunk-has-no-base"),
        ("DELETE", "/main", None, 409, "twin.branch-in-use"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_code(
    ask: Ask, method: str, path: str, content: Any, status: int, code: str
) -> None:
    answer = ask(method, BRANCHES + path, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_only_json_is_taken_so_that_no_foreign_page_can_send_a_form(ask: Ask) -> None:
    refused = ask("POST", BRANCHES, {"name": "x"}, headers={"content-type": "text/plain"})
    assert refused.json()["error"]["code"] == "http.bad-body"
    assert len(ask("GET", BRANCHES).json()["branches"]) == 1


def test_an_unknown_tenant_is_said_to_be_unknown(ask: Ask) -> None:
    answer = ask("GET", BRANCHES, headers={"NGSILD-Tenant": "nobody"})
    assert answer.json()["error"]["code"] == "twin.no-tenant"
