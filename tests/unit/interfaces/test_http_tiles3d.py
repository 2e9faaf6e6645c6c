"""`/3dtiles` over HTTP: what answers, what may be kept, who may come in."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sample_district as sample
import tiles3d_checks as checks
from asgi_client import Client

from lingjing.engine.access import AccessSettings, Doors, Gate
from lingjing.engine.access_keys import KeyRing
from lingjing.engine.tiles3d.glb import PROPERTIES
from lingjing.interfaces.http import create_app, tiles3d
from lingjing.interfaces.http.root import create_root
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.service import Service
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import error_texts

TILESET = f"/3dtiles/{sample.NAME}/tileset.json"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("data")
    sample.write_district(folder)
    with Client(create_app(folder)) as made:
        yield made


def test_the_first_address_leads_to_every_model(client: Any) -> None:
    top = client.get("/3dtiles/tileset.json").json()
    [child] = top["root"]["children"]
    assert child["content"]["uri"] == f"{sample.NAME}/tileset.json"
    tileset = client.get(f"/3dtiles/{child['content']['uri']}").json()

    def read(name: str) -> bytes:
        answer = client.get(f"/3dtiles/{sample.NAME}/{name}")
        assert answer.headers["content-type"] == "model/gltf-binary"
        return bytes(answer.content)

    assert checks.problems(tileset, read) == []
    [model] = checks.models(tileset, read).values()
    assert len(model.table["id"]) == sample.COLUMNS * sample.ROWS
    row = model.table["id"].index(sample.identifier("Building", "b0-00"))
    assert model.table["name"][row] == sample.MARKUP
    assert model.table["height"][row] == 17.5
    assert all(model.table["synthetic"])


def test_what_a_viewer_holds_is_not_sent_again(client: Any) -> None:
    first = client.get(TILESET)
    assert first.headers["cache-control"] == "no-cache"
    again = client.get(TILESET, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    name = first.json()["root"]["content"]["uri"]
    headers, content = client.raw(
        f"/3dtiles/{sample.NAME}/{name}", headers={"accept-encoding": "gzip"}
    )
    assert "immutable" in headers["cache-control"]
    assert headers["content-encoding"] == "gzip"
    assert content[:2] == b"\x1f\x8b"
    plain, whole = client.raw(
        f"/3dtiles/{sample.NAME}/{name}", headers={"accept-encoding": "identity"}
    )
    assert "content-encoding" not in plain
    assert whole[:4] == b"glTF"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/3dtiles/nowhere/tileset.json", "twin.no-district"),
        ("/3dtiles/nowhere/0123456789abcdef01234567.glb", "twin.no-district"),
        (f"/3dtiles/{sample.NAME}/0123456789abcdef01234567.glb", "tiles3d.no-model"),
        (f"/3dtiles/{sample.NAME}/twin.sqlite", "tiles3d.no-model"),
        (f"/3dtiles/{sample.NAME}/..%2f..%2ftwin.sqlite", "http.not-found"),
        ("/3dtiles/..%2f/tileset.json", "http.not-found"),
        ("/3dtiles/%2e%2e/tileset.json", "twin.no-district"),
        ("/3dtiles", "http.not-found"),
    ],
)
def test_an_unknown_address_is_said(client: Any, address: str, code: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["what"]["zh-CN"] != error["what"]["en"]


def test_another_tenant_has_no_district(client: Any) -> None:
    answer = client.get(TILESET, headers={"NGSILD-Tenant": "elsewhere"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "http.no-district-in-tenant"


def test_tiles_need_a_key_that_reads_this_tenant(tmp_path: Path) -> None:
    sample.write_district(tmp_path)
    with SqliteLedger(tmp_path / "twin.sqlite") as ledger:
        ring = KeyRing(ledger)
        keys = {
            "reader": ring.create("read", [""])[1],
            "sensor": ring.create("sense", [""])[1],
            "stranger": ring.create("read", ["elsewhere"])[1],
        }
        settings = AccessSettings(access=Doors(required=True))
        gate = Gate(settings, ledger, tmp_path)
        root = create_root(tmp_path, Service(ledger, Contexts(ledger), gate=gate), gate=gate)

        async def ask() -> dict[str, list[int]]:
            transport = httpx.ASGITransport(root)
            found: dict[str, list[int]] = {}
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as one:
                for name, key in {"nobody": "", **keys}.items():
                    shown = {"x-api-key": key} if key else {}
                    elsewhere = {**shown, "NGSILD-Tenant": "elsewhere"}
                    answers = [await one.get(TILESET, headers=item) for item in (shown, elsewhere)]
                    found[name] = [answer.status_code for answer in answers]
            return found

        found = asyncio.run(ask())
        root.page.state.shelf.close()
    assert found == {
        "nobody": [401, 401],
        "reader": [200, 403],
        "sensor": [403, 403],
        "stranger": [403, 403],
    }


def test_an_empty_twin_has_an_empty_tileset(tmp_path: Path) -> None:
    with Client(create_app(tmp_path)) as client:
        top = json.loads(client.get("/3dtiles/tileset.json").content)
    assert "children" not in top["root"]
    assert top["root"]["boundingVolume"]["region"][4:] == [0.0, 1.0]


def test_the_reference_page_names_every_address(repository: Path) -> None:
    page = (repository / "docs/reference/ogc.md").read_text(encoding="utf-8")
    written = set(re.findall(r"^### `GET (/3dtiles/\S+)`", page, flags=re.MULTILINE))
    assert written == {route.path for route in tiles3d.ROUTES}
    codes = {code for code in error_texts() if code.startswith("tiles3d.")}
    assert codes <= set(re.findall(r"^\| `([a-z0-9.-]+)` \|", page, flags=re.MULTILINE))
    section = page.partition("## 3D Tiles")[2]
    properties = set(re.findall(r"^\| `([a-z]+)` \| ", section, flags=re.MULTILINE))
    assert properties == set(PROPERTIES)
