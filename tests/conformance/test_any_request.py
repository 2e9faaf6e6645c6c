"""Whatever is sent, the server answers, and never fails inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conformance_client import Api
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingjing.interfaces.ngsild.app import Application
from lingjing.interfaces.ngsild.living import ROUTES
from lingjing.twin.sqlite_ledger import SqliteLedger

PATTERNS = sorted({route.pattern for route in ROUTES})
NAMES = sorted({name for route in ROUTES for name in route.parameters})
METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"]
WORDS = st.one_of(
    st.sampled_from([
        "urn:ngsi-ld:Riser:1", "Riser", "temperature", "*", "true", "near;maxDistance==5", "Point",
        "[1,2]", "[[[0,0],[1,1],[0,0]]]", "a==1;b>2", "(((((", "a{b}==1", "' OR 1=1 --", "\x00",
        "../../etc/passwd", "%", "2026-01-01T00:00:00Z", "P1D", "-1", "1e999", "9" * 30, "",
        "keyValues", "inline", "asc", "orderBy", "after", "\ud7ff", "甲", "a" * 3000,
    ]),
    st.text(max_size=30),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from([
                    "id", "type", "value", "object", "@context", "scope", "datasetId", "entities",
                    "q", "geoQ", "temporalQ", "notification", "endpoint", "uri", "information",
                    "languageMap", "location", "coordinates", "expiresAt", "attributes",
                ]),
                st.text(max_size=8),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(
        ["accept", "link", "ngsild-tenant", "ngsild-snapshot", "prefer", "ngsild-entitymap"]
    ),
    st.one_of(
        st.sampled_from(["application/json", "*/*;q=0.1", "<http://a/>; rel=next", "north", "x,y"]),
        st.text(st.characters(max_codepoint=255), max_size=30),
    ),
    max_size=2,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    ledger = SqliteLedger(tmp_path_factory.mktemp("twin") / "twin.sqlite")
    with Api(ledger, {}) as opened:
        opened.make({"id": "urn:ngsi-ld:Riser:1", "type": "Riser", "temperature": 1})
        yield opened
    ledger.close()


async def answer(
    server: Api, method: str, path: bytes, query: bytes, headers: dict[str, str], body: bytes
) -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    lines.append((b"content-length", b"%d" % len(body)))
    scope = {
        "type": "http",
        "method": method,
        "raw_path": b"/ngsi-ld/v1" + path,
        "path": "",
        "query_string": query,
        "headers": lines,
    }
    await Application(server.service, ROUTES)(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


def percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))


@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    method=st.sampled_from(METHODS),
    pattern=st.sampled_from(PATTERNS),
    parts=st.lists(WORDS, min_size=3, max_size=3),
    query=st.lists(st.tuples(st.sampled_from(NAMES), WORDS), max_size=3),
    headers=HEADERS,
    content_type=st.sampled_from(
        ["application/json", "application/ld+json", "application/merge-patch+json", "x/y"]
    ),
    body=st.one_of(VALUES.map(json.dumps).map(str.encode), st.binary(max_size=60)),
)
def test_no_request_makes_the_server_fail(
    server: Api,
    method: str,
    pattern: str,
    parts: list[str],
    query: list[tuple[str, str]],
    headers: dict[str, str],
    content_type: str,
    body: bytes,
) -> None:
    path = pattern
    for name, part in zip(("{id}", "{attribute}", "{instance}"), parts, strict=True):
        path = path.replace(name, percent(part))
    text = "&".join(f"{name}={percent(value)}" for name, value in query)
    status, content = server.run(
        answer(
            server,
            method,
            path.encode(),
            text.encode(),
            {**headers, "content-type": content_type},
            body,
        )
    )
    assert status < 500 or status in (501, 503, 504, 507), content[:300]
