"""Many viewers of live changes: how soon all have seen one, and what they cost.

    python -m benchmarks.speed.viewers

One `lingjing serve` on the machine's two cores; the viewers are connections of one other process,
which shares those cores, so that what is measured is an upper bound. A change is a batch of
observations over HTTP; a viewer has seen it when the bytes of its event have arrived.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.soak.server import Server, request

VIEWERS = 200
CHANGES = 20
SENSORS = 500
PAUSE_S = 0.4
STEADY_PER_S = 1_000
PATH = "/api/v1/events?types=Sensor"


class _Viewer(asyncio.Protocol):
    """Notes when each marked value arrived."""

    def __init__(self, seen: dict[str, list[float]]) -> None:
        self._seen = seen
        self._held = b""
        self.is_greeted = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        head = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
        transport.write(head.encode())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        whole = self._held + data
        if not self.is_greeted.done() and b"event: hello" in whole:
            self.is_greeted.set_result(None)
        read = 0
        while (at := whole.find(b'"mark-', read)) >= 0:
            end = whole.find(b'"', at + 1)
            if end < 0:
                break
            self._seen.setdefault(whole[at + 1 : end].decode(), []).append(now)
            read = end
        self._held = whole[at:] if at >= 0 else whole[max(read, len(whole) - 5) :]


def batch(values: dict[str, Any]) -> dict[str, Any]:
    """Observations, as a gateway sends them."""
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {
        "source": "bench",
        "observations": [
            {
                "entity": f"urn:ngsi-ld:Sensor:bench:{name}",
                "type": "https://uri.etsi.org/ngsi-ld/default-context/Sensor",
                "attribute": "reading",
                "value": value,
                "observedAt": at,
            }
            for name, value in values.items()
        ],
    }


def send(connection: http.client.HTTPConnection, values: dict[str, Any]) -> None:
    """Hand in observations."""
    status, body = request(connection, "POST", "/api/v1/observations", batch(values))
    if status != 200 or json.loads(body)["dead"]:
        raise RuntimeError(f"{status} {body[:300]!r}")


async def _steadily(port: int, per_s: int, stop: asyncio.Event) -> int:
    """Other observations that flow in meanwhile; how many."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sent, began = 0, time.monotonic()
    lot = max(per_s // 10, 1)
    while not stop.is_set():
        values = {f"s{(sent + place) % SENSORS}": sent + place + 0.5 for place in range(lot)}
        await asyncio.to_thread(send, connection, values)
        sent += lot
        await asyncio.sleep(max(0.0, sent / per_s - (time.monotonic() - began)))
    connection.close()
    return sent


async def watch(server: Server, viewers: int, per_s: int) -> dict[str, float]:
    """Delays from sending a change until the first, the middle and the last viewer has it [s]."""
    seen: dict[str, list[float]] = {}
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Viewer(seen), "127.0.0.1", server.port)
        for _ in range(viewers)
    ]
    await asyncio.gather(*(viewer.is_greeted for _, viewer in made))
    stop = asyncio.Event()
    steady = loop.create_task(_steadily(server.port, per_s, stop)) if per_s else None
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    middles, lasts = [], []
    spent = _processor_s(server.pid)
    began = time.monotonic()
    for number in range(CHANGES):
        mark = f"mark-{per_s}-{number}"
        sent = time.monotonic()
        await asyncio.to_thread(send, connection, {"marked": mark})
        while len(seen.get(mark, ())) < viewers:
            await asyncio.sleep(0.002)
            if time.monotonic() - sent > 30:
                raise RuntimeError(f"{len(seen.get(mark, ()))} of {viewers} have seen {mark}")
        delays = sorted(at - sent for at in seen[mark])
        middles.append(delays[viewers // 2])
        lasts.append(delays[-1])
        await asyncio.sleep(PAUSE_S)
    taken = time.monotonic() - began
    spent = _processor_s(server.pid) - spent
    stop.set()
    flowed = 0 if steady is None else await steady
    for transport, _ in made:
        transport.close()
    return {
        "middle": statistics.median(middles),
        "last": statistics.median(lasts),
        "worst": max(lasts),
        "cores": spent / taken,
        "per_s": flowed / taken,
    }


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(viewers: int = VIEWERS) -> list[tuple[str, dict[str, float]]]:
    """Alone, and while other observations flow in."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        try:
            connection = server.connect()
            send(connection, {"marked": "start", **{f"s{n}": 0.0 for n in range(SENSORS)}})
            connection.close()
            return [
                ("one change at a time", asyncio.run(watch(server, viewers, 0))),
                (
                    f"while {STEADY_PER_S:,} observations a second flow in",
                    asyncio.run(watch(server, viewers, STEADY_PER_S)),
                ),
            ]
        finally:
            server.stop()


def page() -> str:
    """Measure, and write the table."""
    lines = [
        f"## {VIEWERS} viewers of live changes\n",
        (
            f"`python -m benchmarks speed --only viewers` on {os.cpu_count()} cores, which server,"
            f" viewers and sender share; {CHANGES} changes, seconds from sending one to its"
            " arrival. Changes are gathered for 0.1 s.\n"
        ),
        "| | half have it | all have it | slowest of all | cores of the server |",
        "|---|---|---|---|---|",
    ]
    for title, found in measure():
        lines.append(
            f"| {title} | {found['middle']:.3f} | {found['last']:.3f} | {found['worst']:.3f} |"
            f" {found['cores']:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page())
