"""The intake: once, in order or not, with its origin, or a dead letter that says why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ledgers import HOUR, START_US, create, entity, iri, urn

from lingjing.engine.ingest import Intake, Receipt
from lingjing.engine.ingest_rules import again, read_batch
from lingjing.engine.ingest_sequences import Seen, read_seen, write_seen
from lingjing.sources.sensor_messages import Message
from lingjing.sources.sensor_rules import AttributeRule, IntakeRules, SensorRule, SensorRules
from lingjing.twin.documents import instant_text
from lingjing.twin.ledger import Job, Ledger, Span
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import LingjingError

FLOW = iri("supply_temperature")
NO_RULES = SensorRules()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "sqlite":
        made: Ledger = SqliteLedger(tmp_path / "twin.sqlite")
    else:
        from lingjing.twin.postgres_ledger import PostgresLedger

        made = PostgresLedger(request.getfixturevalue("postgres_url"))
    create(made, made.branch(""), entity(1), entity(2))
    yield made
    made.close()


def sent(value: Any, hour: float = 0, name: object = 1, **more: Any) -> dict[str, Any]:
    return {
        "entity": urn(name),
        "attribute": "supply_temperature",
        "value": value,
        "observedAt": instant_text(START_US + round(hour * HOUR)),
        **more,
    }


def batch(*observations: Any, source: str = "s", tenant: str = "", **more: Any) -> list[Message]:
    body = {"source": source, "observations": list(observations), **more}
    return read_batch(msgspec.json.encode(body), tenant, NO_RULES)


def take(ledger: Ledger, *observations: Any, **more: Any) -> Receipt:
    return Intake(ledger).take(batch(*observations, **more))


def present(ledger: Ledger, name: object = 1) -> Any:
    document = ledger.records(ledger.branch(""), [urn(name)])[urn(name)].document
    found = document["attributes"].get(FLOW)
    return None if found is None else found[""]


def past(ledger: Ledger, name: object = 1) -> list[Any]:
    rows = ledger.history(ledger.branch(""), urn(name), Span(attributes=(FLOW,)))
    return [row.instance["value"] for row in rows if row.instance is not None]


def codes(ledger: Ledger) -> list[str]:
    return [letter.code for _, letter in Intake(ledger).dead_letters()]


def test_an_observation_becomes_the_present_with_its_origin(ledger: Ledger) -> None:
    assert take(ledger, sent(5.5), source="meter-7") == Receipt(taken=1)
    found = present(ledger)
    assert (found["value"], found["unitCode"]) == (5.5, "CEL")
    assert found["observedAt"] == instant_text(START_US)
    said = {name.rsplit("/", 1)[1]: item[""]["value"] for name, item in found["attributes"].items()}
    assert said == {"provenance": "observed", "source": "meter-7"}


def test_what_is_made_up_says_so(ledger: Ledger) -> None:
    take(ledger, sent(5.5), synthetic=True)
    assert present(ledger)["attributes"][iri("synthetic")][""]["value"] is True


def test_late_observations_belong_to_history_only(ledger: Ledger) -> None:
    assert take(ledger, sent(3, 3), sent(1, 1)).taken == 2
    assert take(ledger, sent(2, 2)) == Receipt(taken=1, late=1)
    assert present(ledger)["value"] == 3
    assert past(ledger) == [1, 2, 3]


def test_repeats_by_content_change_nothing(ledger: Ledger) -> None:
    take(ledger, sent(3, 3), sent(1, 1), sent(2, 2))
    revision = ledger.records(ledger.branch(""), [urn(1)])[urn(1)].revision
    again_ = take(ledger, sent(1, 1), sent(2, 2), sent(3, 3), sent(3, 3))
    assert (again_.taken, again_.repeated) == (0, 4)
    assert ledger.records(ledger.branch(""), [urn(1)])[urn(1)].revision == revision
    assert past(ledger) == [1, 2, 3]


def test_a_late_repeat_within_one_batch_is_one(ledger: Ledger) -> None:
    take(ledger, sent(9, 9))
    assert take(ledger, sent(1, 1), sent(1, 1)) == Receipt(taken=1, late=1, repeated=1)
    assert past(ledger) == [1, 9]


def test_repeats_by_number_change_nothing_even_with_another_value(ledger: Ledger) -> None:
    take(ledger, sent(1, 1, sequence=1), sent(2, 2, sequence=2), source="a")
    assert take(ledger, sent(7, 7, sequence=2), source="a") == Receipt(repeated=1)
    assert take(ledger, sent(7, 7, sequence=2), source="b").taken == 1
    assert take(ledger, sent(4, 4, sequence=4), sent(3, 3, sequence=3), source="a").taken == 2
    assert take(ledger, sent(3, 3, sequence=3), source="a").repeated == 1
    assert past(ledger) == [1, 2, 3, 4, 7]


def test_a_correction_of_the_newest_is_taken(ledger: Ledger) -> None:
    take(ledger, sent(1, 1))
    assert take(ledger, sent(1.5, 1)).taken == 1
    assert present(ledger)["value"] == 1.5


def test_sensors_of_one_attribute_are_told_apart(ledger: Ledger) -> None:
    take(ledger, sent(1, 1), sent(2, 1, datasetId="urn:x:second"))
    document = ledger.records(ledger.branch(""), [urn(1)])[urn(1)].document
    held = document["attributes"][FLOW]
    assert {name: item["value"] for name, item in held.items()} == {"": 1, "urn:x:second": 2}


def test_absent_entities_are_made_only_where_that_is_asked(ledger: Ledger) -> None:
    receipt = take(ledger, sent(1, name=9), sent(2, name=8, type="Riser"))
    assert (receipt.taken, receipt.dead) == (1, 1)
    assert codes(ledger) == ["ingest.unknown-entity"]
    record = ledger.records(ledger.branch(""), [urn(8)])[urn(8)]
    assert record.document["type"] == [iri("Riser")]
    assert ledger.records(ledger.branch(""), [urn(9)]) == {}


@pytest.mark.parametrize(
    ("observation", "code"),
    [
        (sent(-300), "vocabulary.out-of-bounds"),
        (sent("warm"), "ingest.bad-value"),
        (sent(True), "ingest.bad-value"),
        (sent(None), "ingest.bad-value"),
        (sent(300, unit="furlong"), "ingest.unknown-unit"),
        (sent(1, observedAt="yesterday"), "ingest.bad-time"),
        (sent(1, observedAt="2026-01-01T00:00:00"), "ingest.bad-time"),
        (sent(1, observedAt="2200-01-01T00:00:00Z"), "ingest.from-the-future"),
        (sent(1, colour="red"), "ingest.bad-observation"),
        ({"value": 1}, "ingest.bad-observation"),
        ([1, 2], "ingest.bad-observation"),
        ("'; DROP TABLE entity;--", "ingest.bad-observation"),
        (sent(1, entity=""), "ingest.bad-observation"),
        (sent(1, entity="a\x00b"), "ingest.bad-observation"),
    ],
)
def test_what_cannot_be_taken_is_a_dead_letter_and_hurts_no_other(
    ledger: Ledger, observation: Any, code: str
) -> None:
    receipt = take(ledger, sent(1, 1), observation, sent(2, 2))
    assert (receipt.taken, receipt.dead) == (2, 1)
    ((key, letter),) = Intake(ledger).dead_letters()
    assert (key, letter.code) == (receipt.dead_letters[0], code)
    assert letter.error().what("zh-CN")
    assert msgspec.json.decode(letter.letter)["observation"] == observation
    assert past(ledger) == [1, 2]


def test_units_are_settled(ledger: Ledger) -> None:
    take(ledger, sent(41, unit="degF"))
    assert present(ledger)["value"] == pytest.approx(5.0)


def test_a_dead_letter_that_comes_again_is_the_same(ledger: Ledger) -> None:
    take(ledger, sent("x"))
    take(ledger, sent("x"))
    ((_, letter),) = Intake(ledger).dead_letters()
    assert letter.tries == 2


def test_dead_letters_are_replayed_when_the_reason_is_gone(ledger: Ledger) -> None:
    intake = Intake(ledger)
    intake.take(batch(sent(1, 1, name=9, sequence=1), sent("x", 2), source="a", synthetic=True))
    create(ledger, ledger.branch(""), entity(9))
    letters = intake.dead_letters()
    receipt = intake.replay("", [(key, again(item, "", NO_RULES)) for key, item in letters])
    assert (receipt.taken, receipt.dead) == (1, 1)
    assert codes(ledger) == ["ingest.bad-value"]
    assert present(ledger, 9)["attributes"][iri("synthetic")][""]["value"] is True
    assert take(ledger, sent(1, 1, name=9, sequence=1), source="a").repeated == 1
    assert intake.drop("", [key for key, _ in intake.dead_letters()]) == 1
    assert intake.dead_letters() == []
    assert ledger.notes("", "dead-letters-by-content") == []


def test_only_so_many_dead_letters_are_kept(ledger: Ledger) -> None:
    intake = Intake(ledger, IntakeRules(dead_letters=3))
    for number in range(5):
        intake.take(batch(sent(f"x{number}")))
    kept = [msgspec.json.decode(item.letter)["observation"]["value"]
            for _, item in intake.dead_letters()]  # fmt: skip
    assert kept == ["x2", "x3", "x4"]


def test_tenants_are_walls_for_sensors_too(ledger: Ledger) -> None:
    east = ledger.ensure_tenant("east")
    take(ledger, sent(1, type="Riser"), tenant="east")
    assert present(ledger) is None
    assert urn(1) in ledger.records(east, [urn(1)])
    with pytest.raises(LingjingError) as caught:
        take(ledger, sent(1), tenant="nobody")
    assert caught.value.code == "twin.no-tenant"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "ingest.bad-batch"),
        (b"{", "ingest.bad-batch"),
        (b"\xff\xfe", "ingest.bad-batch"),
        (b"[]", "ingest.bad-batch"),
        (b'{"source": "s", "observations": {}}', "ingest.bad-batch"),
        (b'{"source": "", "observations": []}', "ingest.bad-batch"),
        (b'{"source": "s", "extra": 1}', "ingest.bad-batch"),
        (b"[" * 100_000, "ingest.bad-batch"),
        (b'{"source": "s", "observations": [' + b"1," * 60_000 + b"1]}", "ingest.batch-too-large"),
    ],
)
def test_batches_that_cannot_be_read_are_refused_whole(body: bytes, code: str) -> None:
    with pytest.raises(LingjingError) as caught:
        read_batch(body, "", NO_RULES)
    assert caught.value.code == code


def test_too_much_at_once_is_told_to_come_later(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "twin.sqlite") as ledger:
        create(ledger, ledger.branch(""), entity(1))
        intake = Intake(ledger, IntakeRules(waiting=3))
        go: Future[None] = Future()
        ledger.submit(Job(ledger.branch(""), (), lambda _: go.result(30)))
        held = intake.hand_in(batch(sent(1, 1), sent(2, 2)))
        with pytest.raises(LingjingError) as caught:
            intake.hand_in(batch(sent(3, 3), sent(4, 4)))
        assert caught.value.code == "ingest.busy"
        assert intake.waiting == 2
        go.set_result(None)
        assert held[0].result(30).taken == 2
        for _ in range(500):
            if intake.waiting == 0:
                break
            time.sleep(0.01)
        assert intake.take(batch(sent(3, 3), sent(4, 4))).taken == 2


def test_an_event_loop_may_wait_for_it(ledger: Ledger) -> None:
    receipt = asyncio.run(Intake(ledger).take_soon(batch(sent(1, 1), sent("x"))))
    assert (receipt.taken, receipt.dead) == (1, 1)


# Rules


RULE = SensorRule(
    name="riser",
    topic="{district}/riser/{id}/up",
    entity="urn:ngsi-ld:Riser:{district}:{id}",
    source="{id}#{boot}",
    time="data.0.ts",
    time_form="unix",
    sequence="seq",
    attributes={
        "supply_temperature": AttributeRule(field="data.0.temp", unit="K", bounds=(0.0, 30.0)),
        "battery": AttributeRule(field="bat", optional=True),
    },
)


def raw(temperature: Any = 280.15, **more: Any) -> bytes:
    data = [{"ts": START_US / 1e6, "temp": temperature}]
    return msgspec.json.encode({"data": data, "seq": 4, "boot": 17, **more})


def test_rules_map_topics_and_fields_to_attributes() -> None:
    message = SensorRules((RULE,)).message("d/riser/1/up", raw(bat=3.1))
    assert message.fault is None
    assert (message.source, message.sequence, message.tenant) == ("1#17", 4, "")
    found = {item.attribute: item.value for item in message.observations}
    assert found == {"supply_temperature": pytest.approx(7.0), "battery": 3.1}
    assert {item.entity for item in message.observations} == {urn(1)}
    assert {item.at_us for item in message.observations} == {START_US}


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("d/tank/1/up", raw(), "ingest.no-rule"),
        ("d/riser/1/2/up", raw(), "ingest.no-rule"),
        ("d/riser/1/up", b"not json", "ingest.bad-payload"),
        ("d/riser/1/up", b"\xff", "ingest.bad-payload"),
        ("d/riser/1/up", b"[]", "ingest.missing-field"),
        ("d/riser/1/up", raw(temperature=None), "ingest.bad-value"),
        ("d/riser/1/up", raw(temperature=310), "vocabulary.out-of-bounds"),
        ("d/riser/1/up", raw(seq="4"), "ingest.bad-sequence"),
        ("d/riser/1/up", raw(data=[{"ts": "x", "temp": 280}]), "ingest.bad-time"),
        ("d/riser/1/up", raw(boot=""), "ingest.missing-field"),
    ],
)
def test_messages_that_rules_cannot_read_say_why(topic: str, payload: bytes, code: str) -> None:
    message = SensorRules((RULE,)).message(topic, payload)
    assert message.fault is not None
    assert message.fault.code == code
    assert message.observations == ()


def test_a_message_is_taken_whole_or_not_at_all(ledger: Ledger) -> None:
    intake, rules = Intake(ledger), SensorRules((RULE,))
    assert intake.take([rules.message("d/riser/1/up", raw(280.15, bat=[]))]).taken == 2
    assert intake.take([rules.message("d/riser/2/up", raw(999, bat=3))]).dead == 1
    document = ledger.records(ledger.branch(""), [urn(2)])[urn(2)].document
    assert document["attributes"] == {}


def test_raw_messages_come_over_http_too_and_are_replayed_with_new_rules(ledger: Ledger) -> None:
    body = {"source": "gate", "messages": [{"topic": "d/riser/1/up",
                                             "payload": msgspec.json.decode(raw())}]}  # fmt: skip
    intake = Intake(ledger)
    intake.take(read_batch(msgspec.json.encode(body), "", NO_RULES))
    ((key, letter),) = intake.dead_letters()
    assert letter.code == "ingest.no-rule"
    receipt = intake.replay("", [(key, again(letter, "", SensorRules((RULE,))))])
    assert (receipt.taken, receipt.dead) == (1, 0)
    assert present(ledger)["attributes"][iri("source")][""]["value"] == "gate/1#17"


def test_rules_subscribe_to_their_topics() -> None:
    other = msgspec.structs.replace(RULE, topic="x/{rest...}")
    assert SensorRules((RULE, other)).topics == ("+/riser/+/up", "x/#")
    assert SensorRules((other,)).message("x/a/b", raw()).fault is not None


@pytest.mark.parametrize(
    "text",
    [
        "rules = 3",
        "[[rules]]\nname='a'",
        "[[rules]]\nname='a'\ntopic='a/{b...}/c'\nentity='x'\n[rules.attributes.a]\nfield='x'",
        "[[rules]]\nname='a'\ntopic='a/+/c'\nentity='x'\n[rules.attributes.a]\nfield='x'",
        "[[rules]]\nname='a'\ntopic='a/{b}/{b}'\nentity='x'\n[rules.attributes.a]\nfield='x'",
        "[[rules]]\nname='a'\ntopic='a'\nentity='x'\nattributes={}",
        (
            "[[rules]]\nname='a'\ntopic='a'\nentity='x'\n"
            "[rules.attributes.supply_temperature]\nunit='furlong'"
        ),
        "[[rules]]\nname='a'\ntopic='a'\nentity='x'\n[rules.attributes.a]\nbounds=[3.0, 1.0]",
        "[mqtt]\nurl='embedded'\nunknown=1",
        "not toml",
    ],
)
def test_rules_that_cannot_be_applied_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sensors.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LingjingError) as caught:
        SensorRules.read(path)
    assert caught.value.code == "ingest.bad-rule"
    assert str(path) in caught.value.what("en")


def test_no_file_means_no_rules(tmp_path: Path) -> None:
    assert SensorRules.read(tmp_path / "sensors.toml").rules == ()


# Numbers of a source


def test_seen_numbers_are_kept_in_little_room() -> None:
    seen = Seen()
    order = [5, 3, 4, 1, 2, 9, 7, 8, 3]
    for number in order:
        seen.add(number)
    assert seen.intervals == [(1, 5), (7, 9)]
    assert [number in seen for number in (0, 1, 5, 6, 7, 9, 10)] == [
        False, True, True, False, True, True, False,
    ]  # fmt: skip
    back = read_seen(write_seen(seen))
    assert back.intervals == seen.intervals
    assert not back.changed


def test_far_back_gaps_are_forgotten_and_told_by_content() -> None:
    seen = Seen()
    for number in range(0, 1_000, 2):
        seen.add(number)
    assert len(seen.intervals) <= 200
    assert seen.floor is not None
    assert 1 not in seen
    seen.add(1)
    assert 1 not in seen
    assert 998 in seen
