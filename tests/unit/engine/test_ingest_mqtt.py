"""Messages over MQTT: with the broker in this process, and with one that goes away."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
import pytest
from ledgers import START_US, create, entity, iri, urn
from paho.mqtt.enums import CallbackAPIVersion

from lingjing.engine.ingest import Intake
from lingjing.engine.ingest_mqtt import EmbeddedBroker, MqttIntake
from lingjing.sources.sensor_rules import AttributeRule, MqttRules, SensorRule, SensorRules
from lingjing.twin.ledger import Job, Ledger, Span
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import LingjingError

RULE = SensorRule(
    name="riser",
    topic="riser/{id}",
    entity="urn:ngsi-ld:Riser:d:{id}",
    time="at",
    time_form="unix_ms",
    sequence="seq",
    attributes={"supply_temperature": AttributeRule(field="t")},
)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def wait(condition: Callable[[], Any]) -> None:
    for _ in range(1_500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with SqliteLedger(tmp_path / "twin.sqlite") as made:
        create(made, made.branch(""), entity(1))
        yield made


def values(ledger: Ledger) -> list[Any]:
    span = Span(attributes=(iri("supply_temperature"),))
    rows = ledger.history(ledger.branch(""), urn(1), span)
    return [row.instance["value"] for row in rows if row.instance is not None]


def publish(port: int, *payloads: tuple[str, bytes]) -> None:
    """Publish, and wait until the broker has it."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for topic, payload in payloads:
        client.publish(topic, payload, qos=1).wait_for_publish(15)
    client.disconnect()
    client.loop_stop()


def said(number: int, temperature: float = 5.0) -> tuple[str, bytes]:
    at = START_US // 1000 + number * 1000
    return "riser/1", msgspec.json.encode({"at": at, "seq": number, "t": temperature})


def test_the_broker_in_this_process_serves_the_district(ledger: Ledger) -> None:
    port = free_port()
    intake = Intake(ledger)
    listener = MqttIntake(intake, SensorRules((RULE,), MqttRules(port=port)))
    try:
        assert listener.subscribed.wait(15)
        publish(port, said(1, 4.0), said(2, 5.0), said(2, 5.0), ("riser/1", b"broken"))
        wait(lambda: intake.totals.taken == 2 and intake.totals.dead == 1)
        wait(lambda: intake.totals.repeated == 1)
        assert values(ledger) == [4.0, 5.0]
        ((_, letter),) = intake.dead_letters()
        assert letter.code == "ingest.bad-payload"
        assert letter.source == "riser/1"
    finally:
        listener.close()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        with pytest.raises(LingjingError) as caught:
            EmbeddedBroker(port)
    assert caught.value.code == "ingest.port-taken"


@pytest.mark.parametrize(
    "url", ["http://host", "mqtt://", "mqtt://user:secret@host", "mqtt://host/path", "mqtt://h:x"]
)
def test_addresses_that_are_no_broker_are_refused(ledger: Ledger, url: str) -> None:
    with pytest.raises(LingjingError) as caught:
        MqttIntake(Intake(ledger), SensorRules((RULE,), MqttRules(url=url)))
    assert caught.value.code == "ingest.bad-rule"


class Mosquitto:
    """A broker of its own, which keeps what comes while nobody listens."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not Path(program).exists():
            pytest.skip("mosquitto is not installed")
        self.port = free_port()
        settings = folder / "mosquitto.conf"
        settings.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_inflight_messages 5\nlog_type none\n",
            encoding="utf-8",
        )
        self._process = subprocess.Popen(
            [program, "-c", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait(self._answers)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    yield made
    made.stop()


def test_what_comes_while_nobody_listens_is_delivered_later(
    ledger: Ledger, broker: Mosquitto
) -> None:
    rules = SensorRules((RULE,), MqttRules(url=f"mqtt://127.0.0.1:{broker.port}"))
    intake = Intake(ledger)
    listener = MqttIntake(intake, rules)
    assert listener.subscribed.wait(15)
    publish(broker.port, said(1))
    wait(lambda: intake.totals.taken == 1)
    listener.close()
    publish(broker.port, said(2), said(3))
    again = MqttIntake(intake, rules)
    try:
        wait(lambda: intake.totals.taken == 3)
    finally:
        again.close()
    assert len(values(ledger)) == 3


def test_nothing_is_acknowledged_before_it_is_durable(ledger: Ledger, broker: Mosquitto) -> None:
    """A twin that stands still gets no more than the broker lets be unacknowledged."""
    rules = SensorRules((RULE,), MqttRules(url=f"mqtt://127.0.0.1:{broker.port}"))
    intake = Intake(ledger)
    listener = MqttIntake(intake, rules)
    try:
        assert listener.subscribed.wait(15)
        go: Future[None] = Future()
        ledger.submit(Job(ledger.branch(""), (), lambda _: go.result(30)))
        publish(broker.port, *(said(number) for number in range(12)))
        wait(lambda: intake.waiting >= 5)
        time.sleep(0.2)
        assert intake.waiting == 5
        assert values(ledger) == []
        go.set_result(None)
        wait(lambda: intake.totals.taken == 12)
    finally:
        listener.close()
    assert len(values(ledger)) == 12
    assert threading.active_count() < 40
