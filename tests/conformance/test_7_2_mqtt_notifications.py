"""Clause 7.2: notifications over MQTT, with a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from conformance_client import Api
from mqtt_broker import Broker
from watching import RISER, S, kept, prop, riser, subscription, until

from lingjing.interfaces.ngsild.notify_mqtt import MqttSender, MqttTarget
from lingjing.interfaces.ngsild.outgoing import Networks
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import LingjingError

TOPIC = "district/yangpu"
PASSWORD = "s3cret"  # noqa: S105  (of a broker that lives for one test)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server over SQLite: what happens behind a commit is the same for every driver."""
    ledger = SqliteLedger(tmp_path / "twin.sqlite")
    with Api(ledger, {}) as opened:
        yield opened
    ledger.close()


def subscribe(api: Api, uri: str, **endpoint: Any) -> None:
    """Subscribe a topic."""
    body = subscription(notification={"endpoint": {"uri": uri, **endpoint}})
    answer = api.post("/subscriptions", body)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("version", ["mqtt3.1.1", "mqtt5.0", None])
def test_a_notification_is_a_message_with_metadata_and_body(
    api: Api, tmp_path: Path, version: str | None
) -> None:
    with Broker(tmp_path) as broker:
        messages = broker.listen(TOPIC)
        notifier = [{"key": "MQTT-Version", "value": version}] if version else []
        more = {"notifierInfo": notifier} if notifier else {}
        info = [{"key": "X-Key", "value": "k"}]
        subscribe(api, f"mqtt://localhost:{broker.port}/{TOPIC}", receiverInfo=info, **more)
        api.make(riser())
        quality, message = messages.get(timeout=10)
        assert quality == 0
        assert message["metadata"]["Content-Type"] == "application/json"
        assert message["metadata"]["X-Key"] == "k"
        assert "Link" in message["metadata"]
        assert message["body"]["type"] == "Notification"
        assert message["body"]["data"] == [riser()]
        assert until(lambda: kept(api)["notification"].get("status")) == "ok"


@pytest.mark.parametrize("quality", [1, 2])
def test_the_quality_of_service_is_the_one_that_was_asked_for(
    api: Api, tmp_path: Path, quality: int
) -> None:
    with Broker(tmp_path) as broker:
        messages = broker.listen(TOPIC)
        notifier = [{"key": "MQTT-QoS", "value": str(quality)}]
        subscribe(api, f"mqtt://127.0.0.1:{broker.port}/{TOPIC}", notifierInfo=notifier)
        api.make(riser())
        assert messages.get(timeout=10)[0] == quality


def test_user_and_password_of_the_address_open_the_broker(api: Api, tmp_path: Path) -> None:
    with Broker(tmp_path, password=PASSWORD) as broker:
        messages = broker.listen(TOPIC)
        place = f"127.0.0.1:{broker.port}/{TOPIC}"
        subscribe(api, f"mqtt://sender:wrong@{place}")
        api.make(riser())
        refused = until(lambda: "lastFailure" in (n := kept(api)["notification"]) and n)
        assert refused["status"] == "failed"
        endpoint = {"uri": f"mqtt://sender:{PASSWORD}@{place}"}
        api.patch(f"/subscriptions/{S}", {"notification": {"endpoint": endpoint}})
        api.patch(f"/entities/{RISER}/attrs", {"temperature": prop(1)})
        # the first one is tried again, and taken now that the password is right
        assert messages.get(timeout=20)[1]["body"]["data"]


def test_a_broker_that_was_away_is_told_when_it_is_back(api: Api, tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        subscribe(api, f"mqtt://127.0.0.1:{broker.port}/{TOPIC}")
        api.make(riser())
        until(lambda: kept(api)["notification"].get("status") == "ok")
        broker.stop()
        api.patch(f"/entities/{RISER}/attrs", {"temperature": prop(1)})
        until(lambda: kept(api)["notification"].get("status") == "failed")
        broker.start()
        messages = broker.listen(TOPIC)
        assert messages.get(timeout=20)[1]["body"]["data"] == [riser(temperature=prop(1))]


def test_a_broker_outside_the_allowed_networks_is_not_called(api: Api) -> None:
    subscribe(api, f"mqtt://10.1.2.3/{TOPIC}")
    api.make(riser())
    until(lambda: kept(api)["notification"].get("status") == "failed")


def test_an_encrypted_broker_must_show_a_certificate_of_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)

    async def publish(host: str) -> None:
        sender = MqttSender(Networks())
        target = MqttTarget.of(f"mqtts://{host}:{broker.encrypted_port}/{TOPIC}")
        try:
            await sender.publish(target, {"a": "b"}, b"[1]", 5.0)
        finally:
            await sender.close()

    with Broker(tmp_path, certificate=authority.server("localhost")) as broker:
        messages = broker.listen(TOPIC)
        with pytest.raises(LingjingError):  # signed by nobody we know
            asyncio.run(publish("localhost"))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        with pytest.raises(LingjingError):  # not the name in the certificate
            asyncio.run(publish("127.0.0.1"))
        asyncio.run(publish("localhost"))
        assert messages.get(timeout=10) == (0, {"metadata": {"a": "b"}, "body": [1]})
        assert messages.empty()


def test_a_connection_that_ended_unseen_is_made_anew_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        sender = MqttSender(Networks())
        target = MqttTarget.of(f"mqtt://127.0.0.1:{broker.port}/{TOPIC}", (("MQTT-QoS", "1"),))
        try:
            await sender.publish(target, {}, b"1", 5.0)
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(broker.start)
            await sender.publish(target, {}, b"2", 5.0)
        finally:
            await sender.close()

    with Broker(tmp_path) as broker:
        asyncio.run(scene())
