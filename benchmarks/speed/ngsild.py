"""The NGSI-LD interface over HTTP, with `wrk` as the clients, beside the least a server can do.

The ceiling is an ASGI application without anything: msgspec decodes what is sent into a dict and
encodes what is asked for, served by the same uvicorn on the same machine in the same run. Clients
and server share the processors, so both are slower than on machines of their own.

    python -m benchmarks.speed.ngsild --sizes 10000,100000
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import uvicorn

BASE = "/ngsi-ld/v1"
SHARED = (
    "Over PostgreSQL, requests that wait at the same time are read for by one statement, and equal"
    " queries are answered together; all clients of `type=…` ask the same here."
)
WEST, SOUTH, WIDTH = 121.49, 31.26, 0.07
BATCH = 100
NEAR = (
    "type=Sensor&q=temperature%3E0&georel=near%3BmaxDistance%3D%3D500&geometry=Point"
    "&coordinates=%5B121.52%2C31.30%5D&limit=20"
)
SECONDS = 8
CONNECTIONS = 32

_kept: dict[str, bytes] = {}
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """The ceiling: decode and keep what is posted, encode what is asked for."""
    if scope["type"] != "http":
        return
    body, status = b"", 200
    if scope["method"] == "POST":
        entity = _decode((await receive())["body"])
        _kept[entity["id"]] = entity
        status = 201
    else:
        body = _encode(next(iter(_kept.values()), {}))
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def urn(number: int) -> str:
    """Id of a sensor."""
    return f"urn:ngsi-ld:Sensor:bench:{number:07d}"


def sensor(number: int) -> dict[str, Any]:
    """A sensor with four attributes, somewhere in the district."""
    east = WEST + WIDTH * ((number * 7919) % 100_003) / 100_003
    north = SOUTH + WIDTH * ((number * 104_729) % 99_991) / 99_991
    return {
        "id": urn(number),
        "type": "Sensor",
        "temperature": {
            "type": "Property",
            "value": round(-8 + (number % 200) / 10, 1),
            "unitCode": "CEL",
            "observedAt": "2026-01-01T00:00:00Z",
        },
        "name": {"type": "Property", "value": f"sensor {number}"},
        "partOf": {"type": "Relationship", "object": f"urn:ngsi-ld:Building:bench:{number // 8}"},
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [round(east, 7), round(north, 7)]},
        },
    }


CREATE = """
local id, step = {first}, 0
local body = [[{body}]]
function setup(thread) thread:set("number", id); id = id + 10000000 end
function request()
  number = number + 1
  wrk.headers["Content-Type"] = "application/json"
  return wrk.format("POST", "{path}", nil, (body:gsub("@ID@", string.format("%08d", number))))
end
"""
READ = """
function request()
  return wrk.format("GET", "{path}/urn:ngsi-ld:Sensor:bench:" ..
    string.format("%07d", math.random(0, {most})))
end
"""
OBSERVE = """
local number = 0
local reading = [[{{"id":"urn:ngsi-ld:Sensor:bench:@N@","temperature":{{"type":"Property",
"value":@V@,"unitCode":"CEL","observedAt":"@T@"}}}}]]
function request()
  local parts = {{}}
  local first = math.random(0, {most} - {batch})
  local time = os.date("!%Y-%m-%dT%H:%M:%S", 1800000000 + number) .. "Z"
  number = number + 1
  for i = 1, {batch} do
    parts[i] = reading:gsub("@N@", string.format("%07d", first + i))
      :gsub("@V@", tostring(number % 400 / 10)):gsub("@T@", time)
  end
  wrk.headers["Content-Type"] = "application/json"
  return wrk.format("POST", "{path}", nil, "[" .. table.concat(parts, ",") .. "]")
end
"""


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, path: str) -> Iterator[str]:
    """A server in a process of its own, once it answers; its address."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(address + path, timeout=1)
                break
            time.sleep(0.1)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()


def wrk(
    address: str, script: str = "", seconds: int = SECONDS, connections: int = CONNECTIONS
) -> dict[str, float]:
    """Requests a second that succeeded, and the 99th percentile of their time [ms]."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = [
            "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency",
            *(["-s", file.name] if script else []), address,
        ]  # fmt: skip
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    whole = re.search(r"Requests/sec:\s*([\d.]+)", said)
    slow = re.search(r"99%\s*([\d.]+)(us|ms|s)", said)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    asked = re.search(r"(\d+) requests in", said)
    if not (whole and slow and asked):
        raise RuntimeError(said)
    factor = {"us": 1e-3, "ms": 1.0, "s": 1e3}[slow[2]]
    share = 1 - int(failed[1]) / max(1, int(asked[1])) if failed else 1.0
    return {"per_s": float(whole[1]) * share, "p99_ms": float(slow[1]) * factor}


def ceiling() -> dict[str, float]:
    """The bare application: POST and GET a second."""
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.speed.ngsild", "--bare", str(port)], port, "/"):
        address = f"http://127.0.0.1:{port}"
        posted = wrk(address, create_script("/", 0))
        read = wrk(address)
    return {"post": posted["per_s"], "get": read["per_s"]}


def create_script(path: str, first: int) -> str:
    """The clients that create entities that are not there yet."""
    body = json.dumps({**sensor(7), "id": "urn:ngsi-ld:Sensor:new:@ID@"})
    return CREATE.replace("{first}", str(first)).replace("{path}", path).replace("{body}", body)


def fill(address: str, entities: int) -> None:
    """Put entities in."""
    with httpx.Client(timeout=120) as client:
        for first in range(0, entities, 1000):
            batch = [sensor(number) for number in range(first, min(first + 1000, entities))]
            client.post(f"{address}{BASE}/entityOperations/create", json=batch).raise_for_status()


def measure(entities: int, store: str | None = None) -> dict[str, dict[str, float]]:
    """All figures over one store, filled with so many entities."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-c", "from lingjing.interfaces.start import main; main()",
            "serve", "--no-browser", "--data", folder, "--port", str(port),
            *(["--store", store] if store else []),
        ]  # fmt: skip
        with running(command, port, "/health") as address:
            fill(address, entities)
            path = f"{address}{BASE}/entities"
            observe = OBSERVE.format(
                most=entities, batch=BATCH, path=f"{BASE}/entityOperations/update"
            )
            found = {
                "create": wrk(path, create_script(f"{BASE}/entities", 0)),
                "read": wrk(path, READ.format(path=f"{BASE}/entities", most=entities - 1)),
                "page": wrk(f"{path}?type=Sensor&limit=20"),
                "near": wrk(f"{path}?{NEAR}"),
                "near alone": wrk(f"{path}?{NEAR}", connections=4),
                "observe": wrk(path, observe),
            }
            found["observe"]["per_s"] *= BATCH
            found["memory"] = {"mib": memory_mib(port)}
    return found


def memory_mib(port: int) -> float:
    """Resident memory of the server on a port [MiB], from its own figures."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    found = re.search(r"^process_resident_memory_bytes ([\d.e+]+)", text, re.MULTILINE)
    return float(found[1]) / 2**20 if found else float("nan")


TITLES = {
    "create": "create one entity of four attributes [/s]",
    "read": "read one [/s]",
    "page": "`type=…&limit=20` [/s]",
    "near": "`q` and within 500 m [/s]",
    "near alone": "the same, 4 clients [/s]",
    "observe": f"observations in batches of {BATCH} [/s]",
}
AGAINST = {"create": "post", "read": "get", "page": "get", "near": "get", "near alone": "get"}


Stores = dict[str, tuple[Callable[[], str | None], list[int]]]
"""Name → gives the address of an empty store (None: a file), and the numbers of entities."""


def page(stores: Stores) -> str:
    """The figures as a table."""
    top = ceiling()
    how = (
        f"`wrk -t 1 -c {CONNECTIONS} -d {SECONDS}s` on the same machine; a ratio is to the bare"
        " ASGI and msgspec ceiling of this run:"
    )
    lines = [
        "## NGSI-LD over HTTP",
        "",
        f"{how} {top['post']:,.0f} POST/s, {top['get']:,.0f} GET/s. {SHARED}",
        "",
        "| store | entities | what | per second | of the ceiling | p99 [ms] |",
        "|---|---|---|---|---|---|",
    ]
    for name, (make, sizes) in stores.items():
        for size in sizes:
            found = measure(size, make())
            for key, title in TITLES.items():
                one = found[key]
                share = f"{one['per_s'] / top[AGAINST[key]]:.2f}" if key in AGAINST else "–"
                lines.append(
                    f"| {name} | {size:,} | {title} | {one['per_s']:,.0f} | {share} |"
                    f" {one['p99_ms']:.1f} |"
                )
            lines.append(
                f"| {name} | {size:,} | memory of the server [MiB] |"
                f" {found['memory']['mib']:,.0f} | – | – |"
            )
    lines += ["", f"Machine: {platform.machine()}, Python {platform.python_version()}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Serve the ceiling, or measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bare", type=int, metavar="PORT")
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--store", metavar="URL", help="measure this PostgreSQL store too")
    given = parser.parse_args()
    if given.bare is not None:
        uvicorn.run(bare, port=given.bare, log_level="error", access_log=False, lifespan="off")
        return
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed")
    sizes = [int(size) for size in given.sizes.split(",")]
    stores: Stores = {"SQLite": (lambda: None, sizes)}
    if given.store:
        stores["PostgreSQL"] = (lambda: given.store, sizes)
    print(page(stores))


if __name__ == "__main__":
    main()
