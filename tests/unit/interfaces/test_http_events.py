"""Live events of the whole server: imports, runs, tiles out of date, who may listen, stopping."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import sample_district as sample
import uvicorn
from ledgers import iri, value
from viewers import Viewer

from lingjing.engine.access import AccessSettings, Doors, Gate
from lingjing.engine.access_keys import KeyRing
from lingjing.engine.live import LiveSettings
from lingjing.interfaces.http.root import Root, create_root
from lingjing.interfaces.http.serving import _Server
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.service import Service
from lingjing.twin.ledger import Change, Desk, Job
from lingjing.twin.sqlite_ledger import SqliteLedger

QUICK = LiveSettings(gather_s=0.02, beat_s=0.1, look_s=0.05)

BUILDING = sample.identifier("Building", "b0-01")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(sample.write_sample(tmp_path_factory.mktemp("written")))


@pytest.fixture
def data(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "data"))


@pytest.fixture
def ledger(data: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(data / "twin.sqlite") as opened:
        yield opened


def root_over(
    ledger: SqliteLedger, data: Path, gate: Gate | None = None, settings: LiveSettings = QUICK
) -> Root:
    service = Service(ledger, Contexts(ledger), gate=gate)
    return create_root(data, service, gate=gate, live_settings=settings)


def told(root: Root, story: Callable[[], Awaitable[None]]) -> None:
    """Run a story with a server; it stops at the end."""

    async def run() -> None:
        try:
            await story()
        finally:
            root.page.state.live.stop()

    asyncio.run(run())
    root.page.state.shelf.close()


def raise_building(ledger: SqliteLedger, height: float) -> None:
    """Give a building another height, as anybody who writes over NGSI-LD."""

    def run(desk: Desk) -> None:
        held = desk.document(BUILDING)
        assert held is not None
        instance = value(height)
        attributes = {**held["attributes"], iri("height"): {"": instance}}
        change = Change("update", iri("height"), "", instance)
        desk.put({**held, "modifiedAt": desk.now, "attributes": attributes}, [change])

    ledger.submit(Job(ledger.branch(""), (BUILDING,), run)).result(30)


def test_an_import_is_told_and_so_are_the_tiles_it_spoilt(ledger: SqliteLedger, data: Path) -> None:
    root = root_over(ledger, data)
    shelf = root.page.state.shelf

    def again() -> None:
        (source, *_) = shelf.store.sources(sample.NAME)
        rest = [item for item in sample.entities() if item.id != BUILDING]
        shelf.store.import_entities(shelf.store.district(sample.NAME), source, rest)

    async def story() -> None:
        await asyncio.to_thread(shelf.tiles.build, sample.NAME)
        async with Viewer(root) as viewer, Viewer(root, "districts=other") as other:
            await viewer.next("hello")
            await other.next("hello")
            await asyncio.to_thread(again)
            # What the import changed may be noticed, and its tiles told, before the import itself.
            spoilt, *_ = await viewer.until(lambda: viewer.told("tiles"))
            (event,) = await viewer.until(lambda: viewer.told("district"))
            assert event == {"district": sample.NAME, "change": "imported"}
            assert (spoilt["district"], spoilt["layer"]) == (sample.NAME, "buildings")
            assert set(spoilt["tiles"]) <= {str(zoom) for zoom in range(11, 17)}
            assert {"district", "tiles"}.isdisjoint(dict(other.events))

    told(root, story)


def test_a_change_of_what_is_drawn_spoils_its_tiles_and_others_none(
    ledger: SqliteLedger, data: Path
) -> None:
    root = root_over(ledger, data)
    tiles = root.page.state.shelf.tiles

    async def story() -> None:
        await asyncio.to_thread(tiles.build, sample.NAME)
        layer = tiles.layer(sample.NAME, "buildings")
        async with Viewer(root) as viewer:
            await viewer.next("hello")
            encoded = layer.encoded
            await asyncio.to_thread(raise_building, ledger, 77.0)
            (item,) = await viewer.entities()
            assert item["attributes"] == [{"name": "height", "value": 77.0}]
            spoilt = await viewer.next("tiles")
            every = [(int(z), x, y) for z, places in spoilt["tiles"].items() for x, y in places]
            assert {zoom for zoom, _, _ in every} == set(range(11, 17))
            assert layer.encoded == encoded
            await asyncio.to_thread(layer.build)
            assert layer.encoded - encoded == len(every)

    told(root, story)


def test_a_district_that_is_deleted_while_watched_is_told(ledger: SqliteLedger, data: Path) -> None:
    root = root_over(ledger, data)
    shelf = root.page.state.shelf

    async def story() -> None:
        await asyncio.to_thread(shelf.tiles.build, sample.NAME)
        assert (data / "tiles" / sample.NAME).is_dir()
        async with Viewer(root) as viewer:
            await viewer.next("hello")
            await asyncio.to_thread(shelf.store.forget_district, sample.NAME)
            event = await viewer.next("district")
            assert event == {"district": sample.NAME, "change": "deleted"}
            transport = httpx.ASGITransport(root)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                address = f"/api/v1/districts/{sample.NAME}/tiles/buildings.json"
                await asyncio.sleep(0.3)  # tiles look at the district that often
                answer = await client.get(address)
            assert answer.json()["error"]["code"] == "twin.no-district"
            assert not (data / "tiles" / sample.NAME).exists()

    told(root, story)


def test_a_finished_run_is_told(ledger: SqliteLedger, data: Path) -> None:
    root = root_over(ledger, data)

    async def story() -> None:
        async with Viewer(root) as viewer:
            await viewer.next("hello")
            shutil.copytree(data / "runs" / sample.RUN, data / "runs" / ".making")
            (data / "runs" / ".making").rename(data / "runs" / "another")
            assert await viewer.next("run") == {"run": "another", "change": "finished"}
            shutil.rmtree(data / "runs" / "another")
            assert await viewer.next("run") == {"run": "another", "change": "deleted"}

    told(root, story)


def test_only_who_may_read_a_tenant_hears_of_it(ledger: SqliteLedger, data: Path) -> None:
    gate = Gate(AccessSettings(access=Doors(required=True)), ledger, data)
    keys = KeyRing(ledger)
    ledger.ensure_tenant("north")
    _, reader = keys.create("read", ("north",), "", None)
    _, sensor = keys.create("sense", ("",), "", None)
    root = root_over(ledger, data, gate)
    north = {"NGSILD-Tenant": "north"}

    async def refused(headers: dict[str, str]) -> tuple[int, bytes]:
        async with Viewer(root, headers=headers) as viewer:
            await viewer.until(lambda: viewer.is_over)
            return viewer.status, viewer.body

    async def story() -> None:
        async with Viewer(root, headers={"X-API-Key": reader, **north}) as viewer:
            await viewer.next("hello")
            assert viewer.headers["x-content-type-options"] == "nosniff"
        for headers, status, code in (
            (north, 401, b"access.needed"),
            ({"X-API-Key": reader}, 403, b"access.tenant"),
            ({"X-API-Key": sensor}, 403, b"access.role"),
            ({"Host": "evil.example", "X-API-Key": reader}, 403, b"access.tenant"),
        ):
            answered, body = await refused(headers)
            assert (answered, code in body) == (status, True)

    told(root, story)


def test_who_loses_the_right_to_read_hears_no_more(
    ledger: SqliteLedger, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lingjing.engine.access._KEPT_S", 0.0)
    gate = Gate(AccessSettings(access=Doors(required=True)), ledger, data)
    record, reader = KeyRing(ledger).create("read", ("",), "", None)
    root = root_over(ledger, data, gate)

    async def story() -> None:
        async with Viewer(root, headers={"X-API-Key": reader}) as viewer:
            await viewer.next("beat")
            await asyncio.to_thread(KeyRing(ledger).revoke, record.id)
            end = await viewer.next("end")
            assert (end["reason"], end["error"]["code"]) == ("refused", "access.unknown-key")
            await viewer.until(lambda: viewer.is_over)

    told(root, story)


def test_only_reading_is_possible(ledger: SqliteLedger, data: Path) -> None:
    root = root_over(ledger, data)

    async def story() -> None:
        async with Viewer(root, method="POST") as viewer:
            await viewer.until(lambda: viewer.is_over)
            assert viewer.status == 405

    told(root, story)


def test_a_foreign_host_name_hears_nothing(ledger: SqliteLedger, data: Path) -> None:
    root = root_over(ledger, data)

    async def story() -> None:
        async with Viewer(root, headers={"host": "evil.example"}) as viewer:
            await viewer.until(lambda: viewer.is_over)
            assert viewer.status == 421

    told(root, story)


def test_a_server_with_viewers_stops_at_once_and_tells_them(
    ledger: SqliteLedger, data: Path
) -> None:
    root = root_over(ledger, data, settings=msgspec.structs.replace(QUICK, beat_s=60.0))
    config = uvicorn.Config(root, log_level="error", lifespan="on")
    server = _Server(config, root.page.state.live)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    heard: list[str] = []
    try:
        while not server.started:
            thread.join(0.01)
        with httpx.stream("GET", f"http://127.0.0.1:{port}/api/v1/events", timeout=30) as answer:
            for line in answer.iter_lines():
                heard.append(line)
                if line == "event: hello":
                    server.should_exit = True
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
    assert not thread.is_alive()
    assert 'data: {"reason":"stopping"}' in heard


def test_without_viewers_nothing_is_put_together(
    ledger: SqliteLedger, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError

    root = root_over(ledger, data)

    async def story() -> None:
        async with Viewer(root) as viewer:
            await viewer.next("hello")
        monkeypatch.setattr("lingjing.engine.live.gathered", never)
        before = root.page.state.live.position()
        await asyncio.to_thread(raise_building, ledger, 78.0)
        while root.page.state.live.position() == before:  # noqa: ASYNC110 - nobody is woken
            await asyncio.sleep(0.01)

    told(root, story)
