"""Made-up sensors: everything from the seed, and each fault as it is known from real ones."""

from __future__ import annotations

import numpy as np
import pytest

from lingjing.engine.ingest import Intake
from lingjing.engine.sensor_driving import IntoTwin, drive
from lingjing.engine.sensor_simulation import (
    FAULTS,
    SECOND,
    Fault,
    Sensor,
    Sent,
    messages,
    place_sensors,
)
from lingjing.twin.ledger import Ledger
from lingjing.twin.sqlite_ledger import SqliteLedger

START_US = 1_768_900_000 * SECOND
THINGS = [(f"urn:ngsi-ld:Riser:d:r{number}", "Riser") for number in range(40)]


def sent_by(*faults: Fault, hours: float = 48, number: int = 0) -> list[Sent]:
    sensor = Sensor(number, THINGS[0][0], "supply_temperature", frozenset(faults))
    return list(messages([sensor], START_US, hours, 300, seed=7))


def test_everything_follows_from_the_seed() -> None:
    def run(seed: int) -> list[Sent]:
        return list(messages(place_sensors(THINGS, seed, 0.5), START_US, 3, 300, seed))

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_messages_come_in_order_of_sending() -> None:
    found = list(messages(place_sensors(THINGS, 3, 1.0), START_US, 6, 300, 3))
    assert [item.sent_us for item in found] == sorted(item.sent_us for item in found)


def test_a_share_of_the_sensors_is_faulty() -> None:
    assert not any(sensor.faults for sensor in place_sensors(THINGS, 1, 0.0))
    assert all(sensor.faults for sensor in place_sensors(THINGS, 1, 1.0))
    half = sum(bool(sensor.faults) for sensor in place_sensors(THINGS * 20, 1, 0.4))
    assert 0.3 < half / 800 < 0.5
    only = place_sensors(THINGS, 1, 1.0, ["stuck"])
    assert {fault for sensor in only for fault in sensor.faults} == {"stuck"}


def test_a_healthy_sensor_is_believable() -> None:
    found = sent_by()
    assert len(found) == 48 * 12
    values = np.array([item.value for item in found])
    assert 0 < values.min() < values.max() < 20
    assert np.abs(np.diff(values)).max() < 1.5
    assert [item.sequence for item in found] == list(range(len(found)))
    assert all(item.sent_us >= item.observed_us for item in found)
    assert {item.fault for item in found} == {None}


def test_drift_grows() -> None:
    apart = np.array([item.value for item in sent_by("drift")]) - np.array(
        [item.value for item in sent_by()]
    )
    assert abs(apart[-50:].mean()) > 3 * abs(apart[:50].mean()) > 0


def test_stuck_repeats_one_value() -> None:
    found = sent_by("stuck")
    run = [item for item in found if item.fault == "stuck"]
    assert len(run) > 20
    assert len({item.value for item in run}) == 1
    assert len({item.value for item in found}) > 10


def test_spikes_stand_out() -> None:
    marked = [item for item in sent_by("spikes") if item.fault == "spikes"]
    assert marked
    healthy = {item.sequence: item.value for item in sent_by()}
    assert all(abs(item.value - healthy[item.sequence]) > 7 for item in marked)


def test_drop_outs_leave_gaps() -> None:
    found = sent_by("drop-outs")
    numbers = [item.sequence for item in found]
    assert len(found) < 48 * 12
    assert max(np.diff(numbers)) > 2


def test_duplicates_repeat_number_and_content() -> None:
    found = sent_by("duplicates")
    again = [item for item in found if item.fault == "duplicates"]
    assert again
    first = {item.sequence: item for item in found if item.fault is None}
    for item in again:
        assert first[item.sequence]._replace(sent_us=0, fault=None) == item._replace(
            sent_us=0, fault=None
        )
        assert item.sent_us > first[item.sequence].sent_us


def test_late_messages_come_after_fresher_ones() -> None:
    found = sent_by("late")
    numbers = [item.sequence for item in found]
    assert sorted(numbers) == list(range(len(found)))
    assert numbers != sorted(numbers)


def test_a_skewed_clock_is_wrong_all_the_time() -> None:
    apart = {
        one.observed_us - other.observed_us
        for one, other in zip(sent_by("clock-skew"), sent_by(), strict=True)
    }
    assert len(apart) == 1
    assert abs(apart.pop()) >= 30 * SECOND


@pytest.fixture
def ledger(tmp_path: pytest.TempPathFactory) -> Ledger:
    return SqliteLedger(tmp_path / "twin.sqlite")  # type: ignore[operator]


def test_a_district_is_driven_once_however_often_it_is_sent(ledger: Ledger) -> None:
    from lingjing.sources.sensor_batches import read_batch
    from lingjing.sources.sensor_rules import SensorRules

    intake = Intake(ledger)
    setup = b",".join(
        b'{"entity":"%s","attribute":"name","value":"x","observedAt":"2026-01-01T00:00:00Z",'
        b'"type":"Riser"}' % entity_id.encode()
        for entity_id, _ in THINGS
    )
    body = b'{"source":"s","observations":[' + setup + b"]}"
    assert intake.take(read_batch(body, "", SensorRules())).taken == 40

    placed = place_sensors(THINGS, 5, 1.0, [fault for fault in FAULTS if fault != "clock-skew"])

    def run() -> tuple[int, int, int]:
        stream = messages(placed, START_US, 6, 300, 5)
        done = drive(stream, IntoTwin(intake, ""), together=40)
        assert done.receipt is not None
        assert done.sent == sum(done.by_fault.values())
        receipt = done.receipt
        assert receipt.taken + receipt.repeated + receipt.dead == done.sent
        return receipt.taken, receipt.late, receipt.dead

    taken, late, dead = run()
    assert taken > 1_500
    assert late > 0
    letters = intake.dead_letters()
    assert {letter.code for _, letter in letters} == {"vocabulary.out-of-bounds"}
    assert all(letter.synthetic for _, letter in letters)
    assert run() == (0, 0, dead)
    assert len(intake.dead_letters()) == len(letters)
    ledger.close()
