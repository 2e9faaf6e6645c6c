"""Driving a district with made-up sensors: straight into the twin, to a server, or to a broker."""

from __future__ import annotations

import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import httpx
import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from lingjing.engine.ingest import Intake, Receipt
from lingjing.engine.sensor_simulation import ATTRIBUTES, Sent
from lingjing.sources.sensor_batches import read_observation
from lingjing.twin.contract import Twin
from lingjing.twin.documents import instant_text
from lingjing.vocabulary import LingjingError

_BATCH: Final = 1_000
_PATIENCE_S: Final = 60.0
_AT_LEAST_ONCE: Final = 1
TOPIC: Final = "lingjing/simulated"


class Driven(msgspec.Struct, frozen=True):
    """What was sent, and what became of it.

    Attributes:
        sent: Messages.
        by_fault: Of those, how many had which fault.
        receipt: What the receiver said; None where it does not say (MQTT).
    """

    sent: int
    by_fault: dict[str, int]
    receipt: Receipt | None


class Target(Protocol):
    """Where messages go."""

    def send(self, batch: Sequence[Sent]) -> Receipt | None:
        """Send some messages."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


def things_of(twin: Twin, wanted: Sequence[str], most: int) -> list[tuple[str, str]]:
    """Ids and kinds of things to put sensors on, spread over the kinds.

    Raises:
        LingjingError: `ingest.nothing-to-simulate`.
    """
    chosen = [kind for kind in (wanted or ATTRIBUTES) if kind in ATTRIBUTES]
    by_kind = {kind: twin.view(kind).ids.tolist() for kind in chosen}
    found: list[tuple[str, str]] = []
    for kind, ids in by_kind.items():
        share = most // len(by_kind)
        step = max(1, len(ids) // max(1, share))
        found += [(entity_id, kind) for entity_id in ids[::step][:share]]
    if not found:
        raise LingjingError(
            "ingest.nothing-to-simulate",
            district=twin.district.name,
            kinds=", ".join(wanted or ATTRIBUTES),
        )
    return found


def drive(
    stream: Iterator[Sent],
    target: Target,
    *,
    live: bool = False,
    together: int = _BATCH,
) -> Driven:
    """Send everything, as fast as it is taken or each message at its time.

    Args:
        stream: Messages in order of sending.
        target: Where they go.
        live: Wait until each is due.
        together: Most messages sent at once.
    """
    sent = 0
    faults: Counter[str] = Counter()
    receipt: Receipt | None = None
    batch: list[Sent] = []

    def flush() -> None:
        nonlocal sent, receipt
        if batch:
            got = target.send(batch)
            if got is not None:
                receipt = got if receipt is None else receipt.plus(got)
            sent += len(batch)
            batch.clear()

    for item in stream:
        wait_s = item.sent_us / 1e6 - time.time() if live else 0.0
        if wait_s > 0:
            flush()
            time.sleep(wait_s)
        batch.append(item)
        faults[item.fault or "none"] += 1
        if len(batch) >= together:
            flush()
    flush()
    return Driven(sent, dict(sorted(faults.items())), receipt)


def as_observation(item: Sent) -> dict[str, Any]:
    """A message in the words of `POST /api/v1/observations`."""
    return {
        "entity": item.entity,
        "attribute": item.attribute,
        "value": item.value,
        "observedAt": instant_text(item.observed_us),
        "sequence": item.sequence,
    }


class IntoTwin:
    """Writes straight into the twin."""

    def __init__(self, intake: Intake, tenant: str) -> None:
        self._intake = intake
        self._tenant = tenant

    def send(self, batch: Sequence[Sent]) -> Receipt:
        """Take them, and wait until that is durable."""
        return self._intake.take(
            [
                read_observation(
                    msgspec.json.encode(as_observation(item)),
                    item.source,
                    self._tenant,
                    synthetic=True,
                )
                for item in batch
            ]
        )

    def close(self) -> None:
        """Nothing to let go of."""


class OverHttp:
    """Posts to a server, a source at a time; told to come later, it does."""

    def __init__(self, url: str, tenant: str, key: str | None) -> None:
        headers = {"NGSILD-Tenant": tenant} if tenant else {}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._client = httpx.Client(headers=headers, timeout=_PATIENCE_S)
        self._url = url.rstrip("/") + "/api/v1/observations"

    def send(self, batch: Sequence[Sent]) -> Receipt:
        """Send them."""
        by_source: dict[str, list[Sent]] = {}
        for item in batch:
            by_source.setdefault(item.source, []).append(item)
        receipt = Receipt()
        for source, items in by_source.items():
            body = {
                "source": source,
                "synthetic": True,
                "observations": [as_observation(item) for item in items],
            }
            receipt = receipt.plus(self._post(msgspec.json.encode(body)))
        return receipt

    def _post(self, body: bytes) -> Receipt:
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            try:
                answer = self._client.post(self._url, content=body)
            except httpx.HTTPError as error:
                raise LingjingError(
                    "ingest.server-unreachable", url=self._url, detail=str(error)
                ) from error
            if answer.status_code == 200:
                return msgspec.json.decode(answer.content, type=Receipt)
            if answer.status_code not in (429, 503) or time.monotonic() > give_up:
                raise LingjingError(
                    "ingest.server-unreachable", url=self._url, detail=answer.text[:300]
                )
            time.sleep(float(answer.headers.get("Retry-After", "1")))

    def replay(self, ids: Sequence[str]) -> tuple[int, Receipt]:
        """Have the server try dead letters again; how many it tried, and what became of them.

        Raises:
            LingjingError: `ingest.server-unreachable`.
        """
        url = f"{self._url}/dead-letters/replay"
        try:
            answer = self._client.post(url, content=msgspec.json.encode({"ids": ids}))
        except httpx.HTTPError as error:
            raise LingjingError("ingest.server-unreachable", url=url, detail=str(error)) from error
        if answer.status_code != 200:
            raise LingjingError("ingest.server-unreachable", url=url, detail=answer.text[:300])
        tried = msgspec.json.decode(answer.content)["tried"]
        return tried, msgspec.json.decode(answer.content, type=Receipt)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class OverMqtt:
    """Publishes to a broker under `lingjing/simulated/<entity>/<attribute>`."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(200)
        connected = threading.Event()
        self._client.on_connect = lambda *_: connected.set()
        try:
            self._client.connect(parts.hostname or "127.0.0.1", parts.port or 1883)
        except OSError as error:
            raise LingjingError("ingest.broker-unreachable", url=url, detail=str(error)) from error
        self._client.loop_start()
        connected.wait(_PATIENCE_S)

    def send(self, batch: Sequence[Sent]) -> None:
        """Publish them, and wait until the broker has them."""
        waiting = [
            self._client.publish(
                f"{TOPIC}/{item.entity}/{item.attribute}",
                msgspec.json.encode(
                    {
                        "value": item.value,
                        "at": instant_text(item.observed_us),
                        "seq": item.sequence,
                        "source": item.source,
                        "synthetic": True,
                    }
                ),
                qos=_AT_LEAST_ONCE,
            )
            for item in batch
        ]
        for one in waiting:
            one.wait_for_publish(_PATIENCE_S)

    def close(self) -> None:
        """Close the connection."""
        self._client.disconnect()
        self._client.loop_stop()
