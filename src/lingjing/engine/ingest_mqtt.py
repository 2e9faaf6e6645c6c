"""Messages over MQTT: acknowledged to the broker once they are durable in the twin."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import threading
import urllib.parse
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from lingjing.engine.ingest import Intake, Receipt
from lingjing.sources.sensor_rules import MqttRules, SensorRules
from lingjing.vocabulary import LingjingError

EMBEDDED: Final = "embedded"
_log = logging.getLogger(__name__)

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_KEEP_ALIVE_S: Final = 60
_STARTING_S: Final = 15.0
_AT_LEAST_ONCE: Final = 1
_LONGEST_PAUSE_S: Final = 30


class MqttIntake:
    """Listens to a broker and hands what comes to the intake.

    Messages of quality 1 are acknowledged when they are in the twin, or among its dead letters.
    A broker sends only so many unacknowledged ones, so a twin that cannot keep up slows it down;
    messages whose writing failed stay unacknowledged, and come again when the connection does.

    Args:
        intake: Takes the messages.
        rules: Which topics, and what they mean.
        environment: For the password.

    Raises:
        LingjingError: `ingest.bad-rule` (no usable address), `ingest.port-taken`.
    """

    def __init__(
        self, intake: Intake, rules: SensorRules, environment: Mapping[str, str] | None = None
    ) -> None:
        assert rules.mqtt is not None  # noqa: S101
        self._intake = intake
        self._rules = rules
        self._settings: MqttRules = rules.mqtt
        self._broker = None
        self.subscribed = threading.Event()
        scheme, host, port = _address(self._settings)
        if self._settings.url == EMBEDDED:
            self._broker = EmbeddedBroker(self._settings.port)
        self._url = f"{scheme}://{host}:{port}"
        self._client = self._make_client(scheme, os.environ if environment is None else environment)
        self._client.connect_async(host, port, keepalive=_KEEP_ALIVE_S)
        self._client.loop_start()

    def _make_client(self, scheme: str, environment: Mapping[str, str]) -> paho.Client:
        settings = self._settings
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=False,
            manual_ack=True,
        )
        if settings.user:
            client.username_pw_set(settings.user, environment.get(settings.password_variable))
        if scheme == "mqtts":
            client.tls_set()
        client.reconnect_delay_set(1, _LONGEST_PAUSE_S)
        client.on_connect = self._connected
        client.on_connect_fail = self._not_connected
        client.on_subscribe = lambda *_: self.subscribed.set()
        client.on_message = self._came
        return client

    def _connected(self, client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            self._complain(str(reason))
            return
        for topic in self._rules.topics:
            client.subscribe(topic, qos=_AT_LEAST_ONCE)

    def _not_connected(self, _client: Any, _data: Any) -> None:
        self._complain("—")

    def _complain(self, detail: str) -> None:
        error = LingjingError("ingest.broker-unreachable", url=self._url, detail=detail)
        _log.warning("%s", error)

    def _came(self, client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        """Hand a message in; called on the client's thread."""
        said = self._rules.message(message.topic, bytes(message.payload))
        acknowledge = functools.partial(self._acknowledge, client, message.mid, message.qos)
        try:
            for future in self._intake.hand_in([said]):
                future.add_done_callback(acknowledge)
        except LingjingError as error:
            # Not acknowledged: the broker keeps it, and sends it again.
            _log.warning("%s", error)

    def _acknowledge(self, client: Any, number: int, quality: int, future: Future[Receipt]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            _log.warning("%s", error)
        elif quality:
            client.ack(number, quality)

    def close(self) -> None:
        """Stop listening; the broker keeps what comes meanwhile."""
        self._client.disconnect()
        self._client.loop_stop()
        if self._broker is not None:
            self._broker.close()


def _address(settings: MqttRules) -> tuple[str, str, int]:
    if settings.url == EMBEDDED:
        return "mqtt", "127.0.0.1", settings.port
    try:
        parts = urllib.parse.urlsplit(settings.url)
        port = parts.port
    except ValueError:
        parts, port = urllib.parse.urlsplit(""), None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.path:
        raise LingjingError("ingest.bad-rule", detail=f"mqtt.url: {settings.url!r}")
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]


class EmbeddedBroker:
    """An MQTT broker in this process, for this machine alone.

    It keeps messages in memory only; districts whose sensors must not lose any while the server
    is away need a broker of their own.

    Args:
        port: On loopback.

    Raises:
        LingjingError: `ingest.port-taken`.
    """

    def __init__(self, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(port,), name="embedded MQTT broker", daemon=True
        )
        self._thread.start()
        try:
            self._started.result(_STARTING_S)
        except Exception as error:
            self._thread.join(_STARTING_S)
            raise LingjingError("ingest.port-taken", port=port) from error

    def _run(self, port: int) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(port))
        except Exception as error:  # noqa: BLE001 told to who starts it
            if not self._started.done():
                self._started.set_exception(error)
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self, port: int) -> None:
        from amqtt.broker import Broker  # noqa: PLC0415 only who embeds a broker loads it

        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
                "plugins": {
                    "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
                },
            }
        )
        await broker.start()
        self._started.set_result(None)
        await self._stop.wait()
        await broker.shutdown()

    def close(self) -> None:
        """Stop it."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STARTING_S)
