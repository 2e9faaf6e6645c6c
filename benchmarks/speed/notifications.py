"""What subscriptions cost the writer, and how fast notifications are delivered.

Run with `python -m benchmarks.speed.notifications`. The receiver is a bare server in a process of
its own on the same machine, so both share its cores.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.speed.ledger import BATCH, creation, expand, observation, push, seconds
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.notify import Settings
from lingjing.interfaces.ngsild.subscriptions import Subscriptions
from lingjing.interfaces.ngsild.subscriptions_records import ENTITIES, Stored
from lingjing.twin.ledger import Branch, Ledger
from lingjing.twin.sqlite_ledger import SqliteLedger

SENSORS = 20_000
OTHERS = 10_000
LOT = 500


class _Receiver(asyncio.Protocol):
    """Counts entities in what it is sent, and answers 204 to each request."""

    told = 0
    requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        self._held += data
        while True:
            head, found, rest = self._held.partition(b"\r\n\r\n")
            if not found:
                return
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            if len(rest) < length:
                return
            self._held = rest[length:]
            _Receiver.told += rest[:length].count(b'"type":"Sensor"')
            _Receiver.requests += 1
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")  # type: ignore[attr-defined]


def _receive(pipe: Connection) -> None:
    """A receiver that tells its port, and how much it was told whenever it is asked."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Receiver, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        while await loop.run_in_executor(None, pipe.recv):
            pipe.send((_Receiver.told, _Receiver.requests))

    asyncio.run(run())


def stored(name: str, kind: str, uri: str) -> Stored:
    """A subscription to the temperatures of a kind of entity."""
    kept = {
        "id": f"urn:ngsi-ld:Subscription:{name}",
        "type": "Subscription",
        "entities": [{"type": expand(kind)}],
        "watchedAttributes": [expand("temperature")],
        "notification": {"endpoint": {"uri": uri}},
    }
    return Stored(kept, {}, None, 0, 0)


def writing_per_s(ledger: Ledger, trunk: Branch, first: int) -> float:
    """Observations that are taken per second, in batches."""
    lots = [range(start, start + LOT) for start in range(0, SENSORS, LOT)]
    jobs = (observation(trunk, lot, first + turn) for turn in range(2) for lot in lots)
    return 2 * SENSORS / seconds(lambda: push(ledger, jobs))


async def measure(folder: Path) -> dict[str, float]:
    """All figures."""
    ledger = SqliteLedger(folder / "twin.sqlite")
    trunk = ledger.ensure_tenant("")
    lots = [range(start, start + BATCH) for start in range(0, SENSORS, BATCH)]
    push(ledger, (creation(trunk, lot) for lot in lots))
    contexts = Contexts(ledger)
    settings = Settings(waiting_most=10 * SENSORS)
    subscriptions = Subscriptions(ledger, contexts, settings=settings)
    await subscriptions.start()
    found = {"none_per_s": await asyncio.to_thread(writing_per_s, ledger, trunk, 1)}
    for number in range(OTHERS):
        one = stored(f"o{number}", f"Kind{number % 200}", "http://127.0.0.1:1/")
        subscriptions.put(ENTITIES, trunk, one, contexts.core)
    found["others_per_s"] = await asyncio.to_thread(writing_per_s, ledger, trunk, 10)
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=_receive, args=(theirs,))
    receiver.start()
    uri = f"http://127.0.0.1:{ours.recv()}/"
    subscriptions.put(ENTITIES, trunk, stored("mine", "Sensor", uri), contexts.core)
    begin = time.perf_counter()
    found["told_per_s"] = await asyncio.to_thread(writing_per_s, ledger, trunk, 20)
    told = requests = 0
    while told < 2 * SENSORS:
        await asyncio.sleep(0.05)
        ours.send("how much?")
        told, requests = ours.recv()
    took_s = time.perf_counter() - begin
    found["delivered_per_s"] = told / took_s
    found["requests_per_s"] = requests / took_s
    ours.send("")
    await subscriptions.stop()
    await contexts.close()
    ledger.close()
    receiver.join()
    return found


def page(found: dict[str, float]) -> str:
    """The figures as a table."""
    rows = (
        ("observations/s, no subscription", "none_per_s"),
        (f"observations/s, {OTHERS:,} subscriptions to other types", "others_per_s"),
        ("observations/s, all of them told to one receiver as well", "told_per_s"),
        ("changes told/s over HTTP (written in the meantime)", "delivered_per_s"),
        ("notifications/s of up to 100 entities", "requests_per_s"),
    )
    lines = ["## Notifications", "", "| SQLite, batches of 500 | |", "|---|---|"]
    lines += [f"| {label} | {found[name]:,.0f} |" for label, name in rows]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        print(page(asyncio.run(measure(Path(folder)))))


if __name__ == "__main__":
    main()
