"""Notifications over MQTT 3.1.1 and 5 (clause 7): a message with metadata and body on a topic."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import ssl
import uuid
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiomqtt
import msgspec

from lingjing.interfaces.ngsild.outgoing import Networks
from lingjing.vocabulary import LingjingError

MOST_CONNECTIONS: Final = 64
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_KEEPALIVE_S: Final = 30
# The library reports each connection; a broken one is told by the error of the call.
_QUIET: Final = logging.getLogger("lingjing.mqtt")
_QUIET.setLevel(logging.CRITICAL)


class Broker(msgspec.Struct, frozen=True):
    """A broker, and how it is spoken to. Messages to the same one share a connection."""

    host: str
    port: int
    is_encrypted: bool
    user: str
    password: str
    version: str


class MqttTarget(msgspec.Struct, frozen=True):
    """Where an MQTT notification goes.

    Attributes:
        broker: To whom.
        topic: Under which topic.
        quality: Quality of service, 0 to 2.
    """

    broker: Broker
    topic: str
    quality: int

    @classmethod
    def of(cls, uri: str, notifier: tuple[tuple[str, str], ...] = ()) -> MqttTarget:
        """The target of `mqtt[s]://[user[:password]@]host[:port]/topic`.

        Args:
            uri: The endpoint.
            notifier: `MQTT-QoS` (0) and `MQTT-Version` (`mqtt5.0`), where they are given.

        Raises:
            LingjingError: `ngsild.bad-address`.
        """
        parts = urlsplit(uri)
        topic = unquote(uri.partition(f"{parts.netloc}/")[2])
        if parts.scheme not in _PORTS or not parts.hostname or not topic:
            raise LingjingError("ngsild.bad-address", address=_without_password(uri))
        settings = dict(notifier)
        broker = Broker(
            parts.hostname,
            parts.port or _PORTS[parts.scheme],
            parts.scheme == "mqtts",
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            settings.get("MQTT-Version", "mqtt5.0"),
        )
        return cls(broker, topic, int(settings.get("MQTT-QoS", "0")))


def _without_password(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"[:200]


class _PinnedContext(ssl.SSLContext):
    """Encryption to an address, checked against the name that the address was found by."""

    name: str = ""
    made: ssl.SSLSocket | None = None

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        """As the base class does, for the name."""
        self.made = super().wrap_socket(*arguments, **{**named, "server_hostname": self.name})
        return self.made


class MqttSender:
    """Publishes messages, and keeps the connections to the brokers. One event loop uses it.

    Args:
        networks: Where brokers may be.
    """

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._clients: collections.OrderedDict[Broker, aiomqtt.Client] = collections.OrderedDict()
        self._locks: dict[Broker, asyncio.Lock] = {}

    async def publish(
        self, target: MqttTarget, metadata: dict[str, str], body: bytes, timeout_s: float
    ) -> None:
        """Publish `{"metadata": …, "body": …}`; with quality 1 or 2 until it is acknowledged.

        Args:
            metadata: What would be headers in HTTP.
            body: JSON.
            timeout_s: For connecting and for the acknowledgement, each [s].

        Raises:
            LingjingError: `ngsild.network-refused`, `ngsild.unreachable`.
        """
        payload = msgspec.json.encode({"metadata": metadata, "body": msgspec.Raw(body)})
        for attempt in (1, 2):
            client, is_new = await self._client(target.broker, timeout_s)
            try:
                await client.publish(target.topic, payload, qos=target.quality, timeout=timeout_s)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                await self._drop(target.broker, client)
                # a connection that was kept may have ended unseen; a new one tells the truth
                if is_new or attempt == 2:
                    raise _unreachable(target.broker, error) from None
            else:
                return

    async def close(self) -> None:
        """Disconnect from all brokers."""
        for broker, client in list(self._clients.items()):
            await self._drop(broker, client)

    async def _client(self, broker: Broker, timeout_s: float) -> tuple[aiomqtt.Client, bool]:
        async with self._locks.setdefault(broker, asyncio.Lock()):
            held = self._clients.get(broker)
            if held is not None:
                self._clients.move_to_end(broker)
                return held, False
            client = await self._connect(broker, timeout_s)
            self._clients[broker] = client
            if len(self._clients) > MOST_CONNECTIONS:
                oldest = next(iter(self._clients))
                await self._drop(oldest, self._clients[oldest])
            return client, True

    async def _connect(self, broker: Broker, timeout_s: float) -> aiomqtt.Client:
        (_, address), *_ = await self._networks.resolve(broker.host, broker.port)
        context = None
        if broker.is_encrypted:
            context = _PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_default_certs()
            context.name = broker.host
        version = aiomqtt.ProtocolVersion
        client = aiomqtt.Client(
            address,
            broker.port,
            username=broker.user or None,
            password=broker.password or None,
            identifier=f"lingjing-{uuid.uuid4().hex[:16]}",
            protocol=version.V311 if broker.version == "mqtt3.1.1" else version.V5,
            timeout=timeout_s,
            keepalive=_KEEPALIVE_S,
            tls_context=context,
            logger=_QUIET,
        )
        try:
            await client.__aenter__()
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            if context is not None and context.made is not None:
                context.made.close()  # the library leaves it open when the handshake fails
            raise _unreachable(broker, error) from None
        return client

    async def _drop(self, broker: Broker, client: aiomqtt.Client) -> None:
        if self._clients.get(broker) is client:
            del self._clients[broker]
        with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
            await client.__aexit__(None, None, None)


def _unreachable(broker: Broker, error: Exception) -> LingjingError:
    detail = str(error) or type(error).__name__
    return LingjingError("ngsild.unreachable", host=broker.host, detail=detail)
