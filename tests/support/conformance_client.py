"""NGSI-LD asked in the same process, as tests do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import httpx

from lingjing.interfaces.ngsild.app import Application
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.living import ROUTES, Living
from lingjing.interfaces.ngsild.service import Service
from lingjing.interfaces.ngsild.subscriptions import Subscriptions
from lingjing.twin.ledger import Ledger

ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
CONTEXT = "https://contexts.example/district.jsonld"
"""Address of an @context that is at hand without a network."""
CONTEXT_LINK = (
    f'<{CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
)
VOCABULARY = "https://vocabulary.example/"
NAMES = (
    "Riser", "Tank", "Building", "Road", "temperature", "pressure", "name", "fedBy", "state",
    "notes", "status", "inside", "insulation", "readings", "route",
)  # fmt: skip
DEFINITIONS = {name: VOCABULARY + name for name in NAMES}


class Api:
    """Sends requests to the interface; each call waits for its answer.

    Args:
        ledger: The twin.
        contexts: Address → file.
    """

    def __init__(self, ledger: Ledger, contexts: dict[str, Path]) -> None:
        self.ledger = ledger
        self._runner = asyncio.Runner()
        found = Contexts(ledger, files=contexts)
        self.service = Service(ledger, found, Subscriptions(ledger, found))
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(Application(self.service, ROUTES)),
            base_url="http://127.0.0.1",
        )
        self._living = Living(self.service)()

    def __enter__(self) -> Api:
        self._runner.run(self._living.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._living.__aexit__(None, None, None))
        self._runner.run(self._client.aclose())
        self._runner.close()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; the path is below the base."""
        return self._runner.run(self._client.request(method, f"/ngsi-ld/v1{path}", **options))

    def send_whole(self, **options: Any) -> httpx.Response:
        """One request by its whole address."""
        cookies = options.pop("cookies", None)
        assert not cookies
        return self._runner.run(self._client.request(**options))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What a coroutine gives, run in the loop of the server."""
        return self._runner.run(work)

    def wait(self, seconds: float) -> None:
        """Let the server live on for a while."""
        self._runner.run(asyncio.sleep(seconds))

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return self.send("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """POST of a JSON body."""
        return self.send("POST", path, json=json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """PATCH with a JSON body."""
        return self.send("PATCH", path, json=json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """PUT of a JSON body."""
        return self.send("PUT", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        """DELETE."""
        return self.send("DELETE", path, **options)

    def make(self, *entities: dict[str, Any], **options: Any) -> None:
        """Create entities."""
        for entity in entities:
            answer = self.post("/entities", entity, **options)
            assert answer.status_code == 201, answer.text

    def entity(self, entity_id: str, **options: Any) -> Any:
        """An entity as it is answered."""
        answer = self.get(f"/entities/{entity_id}", **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, path: str, **options: Any) -> list[str]:
        """Ids of the entities that a query finds, in the order of the answer."""
        answer = self.get(path, **options)
        assert answer.status_code == 200, answer.text
        return [entity["id"] for entity in answer.json()]


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and error type of an answer that refuses, without its namespace."""
    body = answer.json()
    assert body["type"].startswith(ERRORS)
    assert body["title"]
    assert body["status"] == answer.status_code
    return answer.status_code, body["type"].removeprefix(ERRORS)
