"""Requests that are slightly or wildly wrong, for as long as asked: nothing but 2xx and 4xx."""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.soak.server import BASE, Server

POINT = {"type": "Point", "coordinates": [121.5, 31.3]}
RISER = {
    "id": "urn:ngsi-ld:Riser:fuzz:1",
    "type": "Riser",
    "scope": "/east/one",
    "insulation": {"type": "Property", "value": 3, "observedAt": "2026-01-01T00:00:00Z"},
    "name": {"type": "LanguageProperty", "languageMap": {"zh": "立管", "en": "riser"}},
    "of": {"type": "Relationship", "object": "urn:ngsi-ld:Building:fuzz:1"},
    "many": [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": [1, {"a": None}], "datasetId": "urn:d:1"},
    ],
    "list": {"type": "ListProperty", "valueList": [1, 2]},
    "word": {"type": "VocabProperty", "vocab": "steel"},
    "json": {"type": "JsonProperty", "json": {"a": [1, 2, {"b": "c"}]}},
    "location": {"type": "GeoProperty", "value": POINT},
}
SUBSCRIPTION = {
    "type": "Subscription",
    "entities": [{"type": "Riser", "idPattern": ".*"}],
    "watchedAttributes": ["insulation"],
    "q": "insulation>2;name[en]==riser",
    "geoQ": {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": [121.5, 31.3]},
    "notification": {"attributes": ["insulation"], "endpoint": {"uri": "http://127.0.0.1:9/x"}},
    "throttling": 5,
}
TEMPORAL = {
    "id": "urn:ngsi-ld:Riser:fuzz:2",
    "type": "Riser",
    "insulation": [
        {"type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00Z"},
        {"type": "Property", "value": 2, "observedAt": "2026-01-01T01:00:00Z"},
    ],
}
FRAGMENT = {"insulation": {"type": "Property", "value": 4}}
QUERY = {"type": "Query", "entities": [{"type": "Riser"}], "q": "insulation>1"}
ONE = "/entities/urn:ngsi-ld:Riser:fuzz:1"

SEEDS: tuple[tuple[str, str, dict[str, str], Any], ...] = (
    ("POST", "/entities", {}, RISER),
    ("GET", ONE, {"options": "concise", "lang": "en", "pick": "insulation,name"}, None),
    ("GET", "/entities", {"type": "Riser", "q": "insulation>=1;name[en]~=ris.*|!of",
                          "limit": "5", "count": "true"}, None),
    ("GET", "/entities", {"type": "(Riser|Pipe);Valve", "georel": "near;maxDistance==500",
                          "geometry": "Point", "coordinates": "[121.5,31.3]"}, None),
    ("GET", "/entities", {"type": "Riser", "georel": "within", "geometry": "Polygon",
                          "coordinates": "[[[121,31],[122,31],[122,32],[121,31]]]"}, None),
    ("GET", "/entities", {"idPattern": "urn:.*:1$", "scopeQ": "/east/#", "type": "*",
                          "orderBy": "insulation;!name", "offset": "1"}, None),
    ("GET", "/entities", {"type": "Riser", "at": "2026-01-01T00:00:00Z"}, None),
    ("POST", f"{ONE}/attrs", {"options": "noOverwrite"}, FRAGMENT),
    ("PATCH", f"{ONE}/attrs", {}, FRAGMENT),
    ("PATCH", f"{ONE}/attrs/insulation", {}, {"value": 9, "unitCode": "MMT"}),
    ("PATCH", ONE, {}, FRAGMENT),
    ("PUT", ONE, {}, RISER),
    ("DELETE", f"{ONE}/attrs/many", {"datasetId": "urn:d:1"}, None),
    ("DELETE", "/entities", {"type": "Riser", "q": "insulation>100"}, None),
    ("POST", "/entityOperations/upsert", {"options": "update"}, [RISER, RISER]),
    ("POST", "/entityOperations/merge", {}, [RISER]),
    ("POST", "/entityOperations/query", {}, QUERY),
    ("POST", "/entityOperations/delete", {}, ["urn:ngsi-ld:Riser:fuzz:1"]),
    ("POST", "/temporal/entities", {}, TEMPORAL),
    ("GET", "/temporal/entities", {"type": "Riser", "timerel": "between",
                                   "timeAt": "2026-01-01T00:00:00Z",
                                   "endTimeAt": "2027-01-01T00:00:00Z", "lastN": "3",
                                   "options": "temporalValues"}, None),
    ("GET", "/temporal/entities/urn:ngsi-ld:Riser:fuzz:2",
     {"aggrMethods": "avg,max", "aggrPeriodDuration": "PT1H", "options": "aggregatedValues"}, None),
    ("GET", "/temporal/entities", {"type": "Riser", "timerel": "after", "lastN": "2",
                                   "timeAt": "2020-01-01T00:00:00Z",
                                   "timeproperty": "createdAt"}, None),
    ("GET", "/temporal/entities/urn:ngsi-ld:Riser:fuzz:1", {"timeproperty": "deletedAt"}, None),
    ("POST", "/subscriptions", {}, SUBSCRIPTION),
    ("GET", "/subscriptions", {"limit": "3"}, None),
    ("POST", "/jsonldContexts", {}, {"@context": {"a": "http://x.example/a", "b": "a:b"}}),
    ("GET", "/jsonldContexts", {"details": "true"}, None),
    ("POST", "/csourceRegistrations", {}, {"type": "ContextSourceRegistration",
                                           "endpoint": "http://127.0.0.1:9",
                                           "information": [{"entities": [{"type": "A"}]}]}),
    ("POST", "/snapshots", {}, {"type": "Snapshot"}),
    ("GET", "/types", {"details": "true"}, None),
    ("GET", "/attributes/insulation", {}, None),
)  # fmt: skip

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, 2**70, "", " ", "\u0000", "é\ud83d\ude00", "urn:ngsi-ld:null",
    "a" * 5000, [], {}, [[[[[[]]]]]], {"@value": 1}, {"type": "Property"}, {"@context": 1},
    "'; DROP TABLE entity;--", "../../etc/passwd", "http://127.0.0.1:1/x", "NaN",
    "2026-13-45T99:99:99Z", "((((", 'a;b|c=="', "{0}",
)  # fmt: skip


def spoiled(draw: random.Random, content: Any, chance: float = 0.12) -> Any:
    """The content with some parts replaced, dropped, doubled or renamed."""
    if draw.random() < chance / 3:
        return draw.choice(ODD)
    if isinstance(content, dict):
        items = [
            (draw.choice([*map(str, ODD[:12]), key]) if draw.random() < chance / 4 else key,
             spoiled(draw, value, chance))
            for key, value in content.items()
            if draw.random() > chance / 3
        ]  # fmt: skip
        draw.shuffle(items)
        return dict(items)
    if isinstance(content, list):
        made = [spoiled(draw, value, chance) for value in content]
        return made * 2 if draw.random() < chance / 4 else made
    if isinstance(content, str) and draw.random() < chance:
        return spoiled_text(draw, content)
    return content


def spoiled_text(draw: random.Random, text: str) -> str:
    """The text with a few characters inserted, dropped or swapped."""
    letters = list(text)
    for _ in range(draw.randint(1, 4)):
        where = draw.randrange(len(letters) + 1)
        if letters and draw.random() < 0.4:
            letters.pop(min(where, len(letters) - 1))
        else:
            letters.insert(where, draw.choice("()[]{};|=<>!~\"'\\/,.:*+?^$#%& \u0000é中0e-"))
    return "".join(letters)


def one(draw: random.Random) -> tuple[str, str, dict[str, str], bytes | None]:
    """A request: method, target, headers, body."""
    method, path, query, content = draw.choice(SEEDS)
    if draw.random() < 0.05:
        method = draw.choice(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"])
    if draw.random() < 0.1:
        path = "/".join(quote(spoiled_text(draw, part)) for part in path.split("/"))
    pairs = {
        key if draw.random() > 0.03 else spoiled_text(draw, key):
        value if draw.random() > 0.3 else spoiled_text(draw, value)
        for key, value in query.items()
        if draw.random() > 0.1
    }  # fmt: skip
    target = BASE + path
    if pairs:
        target += "?" + "&".join(f"{quote(key)}={quote(value)}" for key, value in pairs.items())
    headers = {}
    body = None
    if content is not None:
        body = json.dumps(spoiled(draw, content)).encode()
        if draw.random() < 0.1:
            cut = draw.randrange(len(body) + 1)
            body = body[:cut] + bytes(draw.randrange(256) for _ in range(3)) + body[cut + 2 :]
        headers["content-type"] = draw.choice(
            ["application/json"] * 8
            + ["application/ld+json", "application/merge-patch+json", "text/plain", ""]
        )
    if draw.random() < 0.1:
        headers["accept"] = draw.choice(["*/*", "application/ld+json", "text/html;q=x", ",", "a/b"])
    if draw.random() < 0.05:
        headers["ngsild-tenant"] = draw.choice(["fuzz", "a b", "x" * 300, "é"])
    if draw.random() < 0.05:
        headers["link"] = draw.choice(["<x>", '<http://127.0.0.1:9/c>; rel="nothing"', "<" * 99])
    return method, target, headers, body


def fuzz(seconds: float, seed: int = 7, store: str | None = None) -> dict[str, Any]:
    """Send such requests for so long; how many there were, by status, and what went wrong."""
    draw = random.Random(seed)  # noqa: S311 replayable, not secret
    statuses: Counter[int] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="lingjing-soak-") as folder:
        server = Server(Path(folder), store)
        server.start()
        connection = server.connect()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            method, target, headers, body = one(draw)
            try:
                connection.request(method, target, body, {
                    name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()
                })  # fmt: skip
                answer = connection.getresponse()
                answer.read()
                statuses[answer.status] += 1
                if answer.status >= 500 and answer.status != 503:
                    wrong.append(f"{answer.status} {method} {target[:300]} {body and body[:600]!r}")
            except OSError as error:
                # The server may close a connection over nonsense, but must go on living.
                connection.close()
                connection = server.connect()
                if server.ask("GET", "/ready", absolute=True)[0] != 200:
                    wrong.append(f"{error} after {method} {target[:300]}")
            except Exception as error:  # noqa: BLE001 whatever the client makes of the answer
                statuses[-1] += 1
                connection.close()
                connection = server.connect()
                if statuses[-1] > 100:
                    wrong.append(repr(error))
                    break
        peak = _peak_mib(server.pid)
        server.stop()
    return {
        "requests": sum(statuses.values()),
        "statuses": dict(sorted(statuses.items())),
        "wrong": wrong,
        "peak_mib": peak,
    }


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def page(seconds: float, store: str | None = None) -> str:
    """Fuzz, and write down what came of it."""
    found = fuzz(seconds, store=store)
    where, option = ("", "") if store is None else (" over PostgreSQL", " --store URL")
    by_class: Counter[str] = Counter()
    for status, count in found["statuses"].items():
        by_class[f"{status // 100}xx" if status > 0 else "unreadable"] += count
    told = ", ".join(f"{count:,} × {name}" for name, count in sorted(by_class.items()))
    faults = "\n".join(f"- `{line}`" for line in found["wrong"][:20])
    return (
        f"## Fuzzed{where}\n\n"
        f"`python -m benchmarks.soak fuzz --seconds {seconds:g}{option}`: {found['requests']:,}"
        f" requests made wrong on purpose: {told}. Faults of ours: {len(found['wrong'])}."
        f" Peak memory of the server {found['peak_mib']:.0f} MiB.\n{faults}\n"
    )
