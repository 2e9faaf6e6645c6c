"""Whatever is sent as a body, the server answers in its own words and stays up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from conformance_client import Api
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.twin.sqlite_ledger import SqliteLedger

LD: Final = {"Content-Type": "application/ld+json"}
RISER: Final = "urn:ngsi-ld:Riser:1"
WORDS: Final = """
id type @id @type @context @value value object languageMap vocab json valueList objectList datasetId
observedAt unitCode scope coordinates location dataset expiresAt temperature Property GeoProperty
Relationship Point @vocab @none @import @list urn:ngsi-ld:null urn:x:1 2026-01-20T09:00:00Z
"""
ADDRESSES: Final = (
    ("POST", "/entities"),
    ("POST", f"/entities/{RISER}/attrs"),
    ("PATCH", f"/entities/{RISER}"),
    ("PATCH", f"/entities/{RISER}/attrs"),
    ("PATCH", f"/entities/{RISER}/attrs/temperature"),
    ("PUT", f"/entities/{RISER}"),
    ("PUT", f"/entities/{RISER}/attrs/temperature"),
    ("POST", "/entityOperations/upsert"),
    ("POST", "/entityOperations/query"),
    ("POST", "/temporal/entities"),
    ("POST", "/subscriptions"),
    ("POST", "/jsonldContexts"),
)

words = st.sampled_from(WORDS.split()) | st.text(st.characters(codec="utf-8"), max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words
bodies = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("bodies")
    ledger = SqliteLedger(folder / "twin.sqlite")
    with Api(ledger, {}) as api:
        api.make({"id": RISER, "type": "Riser", "temperature": {"type": "Property", "value": 3}})
        yield api
    ledger.close()


def answers_soundly(api: Api, address: tuple[str, str], body: bytes) -> None:
    answer = api.send(*address, content=body, headers=LD)
    assert answer.status_code < 500 or answer.status_code == 504, answer.text
    if answer.status_code >= 400:
        told = answer.json()
        assert told["type"].startswith("https://uri.etsi.org/ngsi-ld/errors/")
        assert told["title"]


@given(st.sampled_from(ADDRESSES), bodies, st.sampled_from(["{}", '[{"temperature": "urn:t"}]']))
@settings(max_examples=400, deadline=None)
def test_any_json_is_answered(
    server: Api, address: tuple[str, str], body: Any, context: str
) -> None:
    if isinstance(body, dict):
        body = {"id": RISER, "type": "Riser", "@context": json.loads(context), **body}
    answers_soundly(server, address, json.dumps(body).encode())


@given(st.sampled_from(ADDRESSES), st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_answered(server: Api, address: tuple[str, str], body: bytes) -> None:
    answers_soundly(server, address, body)


@pytest.mark.parametrize("address", ADDRESSES)
def test_nesting_without_end_is_answered(server: Api, address: tuple[str, str]) -> None:
    for depth in (90, 300, 900, 5_000):
        for opening, closing in (('{"value":', "}"), ("[", "]"), ('{"temperature":', "}")):
            inner = opening * depth + "1" + closing * depth
            answers_soundly(server, address, inner.encode())
            head = f'{{"id": "urn:x:1", "type": "A", "@context": {{}}, "temperature": {inner}}}'
            answers_soundly(server, address, head.encode())


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x10", "01"]
)
def test_numbers_that_are_none_are_refused(server: Api, number: str) -> None:
    body = f'{{"id": "urn:x:n", "type": "A", "@context": {{}}, "temperature": {number}}}'
    answer = server.send("POST", "/entities", content=body.encode(), headers=LD)
    assert answer.status_code == 400
    assert server.get("/entities/urn:x:n").status_code == 404


def test_numbers_of_any_length_come_back_as_they_were(server: Api) -> None:
    number = 10**30 + 7
    body = {"id": "urn:x:long", "type": "A", "temperature": number}
    assert server.post("/entities", body).status_code in (201, 400)
    answer = server.get("/entities/urn:x:long?options=keyValues")
    assert answer.status_code == 404 or answer.json()["temperature"] == number
