"""`POST /api/v1/observations`, as a gateway meets it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from ledgers import START_US, create, entity, iri, urn

from lingjing.engine.ingest import Intake
from lingjing.engine.ingest_rules import read_batch
from lingjing.interfaces.cli import run
from lingjing.interfaces.http.observations import PATH, REPLAY, Observations
from lingjing.sources.sensor_rules import IntakeRules, SensorRules
from lingjing.twin.documents import instant_text
from lingjing.twin.ledger import Job, Ledger
from lingjing.twin.sqlite_ledger import SqliteLedger

Post = Callable[..., httpx.Response]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with SqliteLedger(tmp_path / "twin.sqlite") as made:
        create(made, made.branch(""), entity(1))
        yield made


def client(
    ledger: Ledger, intake: Intake | None = None, path: str = PATH, data: Path | None = None
) -> Post:
    app = Observations(intake or Intake(ledger), SensorRules(), 10_000, data)

    def call(content: Any = b"", method: str = "POST", **headers: str) -> httpx.Response:
        body = content if isinstance(content, bytes) else msgspec.json.encode(content)

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://twin") as made:
                return await made.request(method, path, content=body, headers=headers)

        return asyncio.run(send())

    return call


def batch(*values: Any) -> dict[str, Any]:
    return {
        "source": "gate",
        "observations": [
            {
                "entity": urn(1),
                "attribute": "supply_temperature",
                "value": value,
                "observedAt": instant_text(START_US + place),
            }
            for place, value in enumerate(values)
        ],
    }


def test_what_is_acknowledged_can_be_queried(ledger: Ledger) -> None:
    answer = client(ledger)(batch(5, "x", 6))
    assert answer.status_code == 200
    receipt = answer.json()
    assert {name: receipt[name] for name in ("taken", "late", "repeated", "dead")} == {
        "taken": 2, "late": 0, "repeated": 0, "dead": 1,
    }  # fmt: skip
    assert len(receipt["dead_letters"]) == 1
    document = ledger.records(ledger.branch(""), [urn(1)])[urn(1)].document
    assert document["attributes"][iri("supply_temperature")][""]["value"] == 6


def test_a_batch_sent_twice_counts_once(ledger: Ledger) -> None:
    post = client(ledger)
    assert post(batch(1, 2)).json()["taken"] == 2
    assert post(batch(1, 2)).json() == {
        "taken": 0, "late": 0, "repeated": 2, "dead": 0, "dead_letters": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "ingest.bad-batch"),
        (b" " * 10_001, 413, "ingest.body-too-large"),
    ],
)
def test_bodies_that_cannot_be_taken(
    ledger: Ledger, content: bytes, status: int, code: str
) -> None:
    answer = client(ledger)(content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_other_methods_and_tenants_are_refused(ledger: Ledger) -> None:
    post = client(ledger)
    assert post(method="GET").status_code == 405
    answer = post(batch(1), **{"NGSILD-Tenant": "nobody"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "twin.no-tenant")


def test_who_sends_too_much_is_told_when_to_come_again(ledger: Ledger) -> None:
    intake = Intake(ledger, IntakeRules(waiting=2))
    post = client(ledger, intake)
    go: Future[None] = Future()
    ledger.submit(Job(ledger.branch(""), (), lambda _: go.result(30)))
    (held,) = intake.hand_in(read_batch(msgspec.json.encode(batch(1, 2)), "", SensorRules()))
    refused = post(batch(3))
    go.set_result(None)
    held.result(30)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["code"] == "ingest.busy"
    assert post(batch(1, 2, 3)).json()["taken"] == 1


def test_a_twin_that_cannot_write_now_says_so(ledger: Ledger) -> None:
    post = client(ledger)
    ledger.close()
    answer = post(batch(1))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


def test_dead_letters_are_tried_again_by_the_server_that_holds_the_twin(
    ledger: Ledger, tmp_path: Path
) -> None:
    intake = Intake(ledger)
    sent = batch(5, 6)
    for item in sent["observations"]:
        item["entity"] = urn("late")
    sent["messages"] = [{"topic": "heat/1", "payload": {"value": 4}}]
    first = client(ledger, intake)(sent).json()
    assert (first["taken"], first["dead"]) == (0, 3)
    again = client(ledger, intake, REPLAY, tmp_path)
    assert again({}).json()["tried"] == 3
    create(ledger, ledger.branch(""), entity("late"))
    letter = first["dead_letters"][0]
    one = again({"ids": [letter]})
    assert one.status_code == 200, one.text
    assert (one.json()["tried"], one.json()["taken"], one.json()["dead"]) == (1, 1, 0)
    # The rule that lacked is read when it is there, without a new start.
    rule = """
        [[rules]]
        name = "heat"
        topic = "heat/{id}"
        entity = "urn:ngsi-ld:Thing:1"
        create = "Thing"
        [rules.attributes.supply_temperature]
        field = "value"
    """
    (tmp_path / "sensors.toml").write_text(rule, encoding="utf-8")
    rest = again(b"")
    assert rest.status_code == 200, rest.text
    assert (rest.json()["tried"], rest.json()["dead"]) == (2, 0)
    assert intake.dead_letters() == []


@pytest.mark.parametrize(
    ("content", "status"), [({"ids": ["nothing"]}, 404), ({"id": 1}, 400), (b"{", 400)]
)
def test_what_cannot_be_tried_again_is_refused(ledger: Ledger, content: Any, status: int) -> None:
    answer = client(ledger, None, REPLAY)(content)
    assert answer.status_code == status, answer.text


def test_the_command_has_the_server_try_again(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    intake = Intake(ledger)
    sent = batch(5)
    sent["observations"][0]["entity"] = urn("late")
    assert client(ledger, intake)(sent).json()["dead"] == 1
    create(ledger, ledger.branch(""), entity("late"))
    app = Observations(intake, SensorRules(), 10_000)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))  # type: ignore[arg-type]
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            words = ["sensors", "dead-letters", "replay", "--data", str(tmp_path), "--json"]
            assert run([*words, "--to", url]) == 0
            assert msgspec.json.decode(capsys.readouterr().out)["taken"] == 1
            assert run([*words, "--to", url, "no-such-letter"]) != 0
            assert "no-such-letter" in capsys.readouterr().err
        finally:
            server.should_exit = True
            thread.join(10)
