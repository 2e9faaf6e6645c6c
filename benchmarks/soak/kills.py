"""Killed with −9 under write load, again and again: is any acknowledged write lost?"""

from __future__ import annotations

import http.client
import random
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.soak.server import BASE, Server, request, run_command

WRITERS = 4
KILLS = 50


@dataclass
class Acknowledged:
    """What the server has acknowledged to one writer: entity → last value."""

    created: set[str] = field(default_factory=set)
    values: dict[str, int] = field(default_factory=dict)


def _entity(name: str, value: int) -> dict[str, object]:
    return {
        "id": name,
        "type": "Gauge",
        "count": {"type": "Property", "value": value},
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [121.5, 31.3]},
        },
    }


def _write(server: Server, known: Acknowledged, prefix: str, halt: threading.Event) -> None:
    """Create, update and batch until the server dies or the writer is told to stop."""
    connection = server.connect()
    number = len(known.created)
    try:
        while not halt.is_set():
            name = f"{prefix}:{number:06d}"
            status, _ = request(connection, "POST", f"{BASE}/entities", _entity(name, 0))
            if status == 201:
                known.created.add(name)
                known.values[name] = 0
            for value in range(1, 4):
                content = {"count": {"type": "Property", "value": value}}
                status, _ = request(connection, "PATCH", f"{BASE}/entities/{name}/attrs", content)
                if status == 204:
                    known.values[name] = value
            if number % 5 == 0:
                many = [_entity(f"{name}:{part}", 7) for part in range(20)]
                status, _ = request(connection, "POST", f"{BASE}/entityOperations/upsert", many)
                if status in (200, 201, 204):
                    for item in many:
                        known.created.add(str(item["id"]))
                        known.values[str(item["id"])] = 7
            number += 1
    except (OSError, http.client.HTTPException):
        return
    finally:
        connection.close()


def _lost(server: Server, known: Acknowledged) -> list[str]:
    """Acknowledged writes that are not there any more."""
    lost = []
    connection = server.connect()
    for name in sorted(known.created):
        path = f"{BASE}/entities/{name}?options=keyValues"
        status, body = request(connection, "GET", path)
        if status != 200:
            lost.append(f"{name}: {status}")
            continue
        held = int(body.partition(b'"count":')[2].partition(b",")[0].rstrip(b"}"))
        if held < known.values[name]:
            lost.append(f"{name}: {held} < {known.values[name]}")
    connection.close()
    return lost


def kills(times: int = KILLS, seed: int = 7, store: str | None = None) -> dict[str, int]:
    """Kill the server so many times; what was acknowledged, lost, and found wrong by the check.

    Between kills only the newest entities are read again, at the end all of them.
    """
    draw = random.Random(seed)  # noqa: S311 replayable, not secret
    found = {"kills": 0, "acknowledged": 0, "lost": 0, "faults": 0}
    ledgers = [Acknowledged() for _ in range(WRITERS)]
    with tempfile.TemporaryDirectory(prefix="lingjing-soak-") as folder:
        server = Server(Path(folder), store)
        for turn in range(times):
            server.start()
            halt = threading.Event()
            fresh = [Acknowledged() for _ in range(WRITERS)]
            threads = [
                threading.Thread(
                    target=_write,
                    args=(server, known, f"urn:ngsi-ld:Gauge:soak:{turn}-{index}", halt),
                )
                for index, known in enumerate(fresh)
            ]
            for thread in threads:
                thread.start()
            time.sleep(draw.uniform(0.05, 1.2))
            server.kill()
            halt.set()
            for thread in threads:
                thread.join()
            found["kills"] += 1
            if store is None:
                checked = run_command("store", "check", "--data", folder)
                found["faults"] += checked.returncode != 0
            server.start()
            for known, new in zip(ledgers, fresh, strict=True):
                found["lost"] += len(_lost(server, new))
                known.created |= new.created
                known.values |= new.values
            server.stop()
        server.start()
        for known in ledgers:
            found["lost"] += len(_lost(server, known))
            found["acknowledged"] += len(known.created) + sum(known.values.values())
        server.stop()
    return found


def page(times: int = KILLS) -> str:
    """Kill, and write down what came of it."""
    found = kills(times)
    return (
        "## Killed under load\n\n"
        f"`python -m benchmarks.soak kills`: {found['kills']} times −9 at a random moment while "
        f"{WRITERS} writers create, update and send batches: {found['acknowledged']:,} writes "
        f"acknowledged, {found['lost']} lost; `store check` found {found['faults']} faults.\n"
    )
