"""Declared rules: which topic and which field of a message is which attribute of which entity.

They stand in `sensors.toml`:

```toml
[mqtt]                                   # absent: no MQTT
url = "embedded"                         # or mqtt://host:1883, mqtts://host:8883
port = 1883                              # of the embedded broker, on loopback

[[rules]]
name = "riser"
topic = "{district}/riser/{id}/up"       # {name} takes one level; the last may be {rest...}
entity = "urn:ngsi-ld:Riser:{district}:{id}"
time = "ts"                              # path in the payload, such as "data.0.at"; absent: arrival
time_form = "unix"                       # iso, unix, unix_ms
sequence = "seq"                         # absent: repeats are told by content
create = "Riser"                         # make the entity where it is absent; absent: refuse

[rules.attributes.supply_temperature]
field = "temp"
unit = "degF"
bounds = [0.0, 60.0]
```
"""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from lingjing.sources.sensor_messages import (
    CONVERSIONS,
    Message,
    Observation,
    instant_us,
    settled,
    shown,
)
from lingjing.vocabulary import LingjingError, Place, quantities

_FIELD: Final = re.compile(r"\{([a-z_]+)(\.\.\.)?\}")
_encode = msgspec.json.Encoder().encode


class AttributeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an attribute's value stands, and what may be believed.

    Attributes:
        field: Path in the payload; empty where the payload is the value.
        unit: Unit it is sent in; empty for the attribute's own.
        bounds: Beyond the vocabulary's: lower and upper, in the attribute's unit.
        optional: Whether a message may lack it.
    """

    field: str = ""
    unit: str = ""
    bounds: tuple[float, float] | None = None
    optional: bool = False


class SensorRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the messages of some topics mean; see the module.

    Attributes:
        name: For people.
        topic: Levels, of which some are fields.
        entity: Id, made of the topic's fields and the payload's (`{payload.id}` is `{id}` there).
        attributes: By name.
        source: Who says it, made of the same fields; the topic where it is empty.
        tenant: Whose twin.
        time, time_form: When it was seen.
        sequence: Path of the number that the source gives its messages.
        create: Kind or type IRI with which an absent entity is made.
        dataset: Of the instances, made of the same fields.
        synthetic: Path of a flag that says the message is made up.
    """

    name: str
    topic: str
    entity: str
    attributes: dict[str, AttributeRule]
    source: str = ""
    tenant: str = ""
    time: str = ""
    time_form: Literal["iso", "unix", "unix_ms"] = "iso"
    sequence: str = ""
    create: str = ""
    dataset: str = ""
    synthetic: str = ""


class MqttRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where messages come from.

    Attributes:
        url: `embedded`, or `mqtt://host:port`, `mqtts://host:port`.
        port: Of the embedded broker, on loopback.
        client_id: Under which the broker keeps messages while nobody listens.
        user: Name to log in with; the password is in the environment variable `password_variable`.
        topics: What to subscribe to; the rules' topics where empty.
    """

    url: str = "embedded"
    port: int = 1883
    client_id: str = "lingjing"
    user: str = ""
    password_variable: str = "LINGJING_MQTT_PASSWORD"  # noqa: S105 a name, no password
    topics: tuple[str, ...] = ()


class IntakeRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of the intake.

    Attributes:
        waiting: Observations that may wait to be written; more are told to come later.
        dead_letters: Messages kept that could not be taken; the oldest go first.
        ahead_s: How far a sensor's clock may be ahead [s].
    """

    waiting: int = 200_000
    dead_letters: int = 100_000
    ahead_s: float = 600.0


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mqtt: MqttRules | None = None
    intake: IntakeRules = IntakeRules()
    rules: tuple[SensorRule, ...] = ()


class SensorRules:
    """The rules, ready to be applied; the first whose topic fits decides.

    Args:
        rules: In order.
        mqtt: Where messages come from; None for nowhere.
        intake: Bounds.
        file: For errors.

    Raises:
        LingjingError: `ingest.bad-rule`.
    """

    def __init__(
        self,
        rules: tuple[SensorRule, ...] = (),
        mqtt: MqttRules | None = None,
        intake: IntakeRules | None = None,
        file: str = "",
    ) -> None:
        self.rules = rules
        self.mqtt = mqtt
        self.intake = intake or IntakeRules()
        self._patterns = [(_pattern(rule, file), rule) for rule in rules]
        for rule in rules:
            _check(rule, file)

    @classmethod
    def read(cls, path: Path) -> SensorRules:
        """The rules of a file; none where there is no file.

        Raises:
            LingjingError: `ingest.bad-rule`.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            raise LingjingError(
                "ingest.bad-rule", Place(file=str(path)), detail=str(error)
            ) from error
        try:
            found = msgspec.convert(tomllib.loads(text), _File)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise LingjingError(
                "ingest.bad-rule", Place(file=str(path)), detail=str(error)
            ) from error
        return cls(found.rules, found.mqtt, found.intake, str(path))

    @property
    def topics(self) -> tuple[str, ...]:
        """What to subscribe to, in MQTT's words."""
        if self.mqtt is not None and self.mqtt.topics:
            return self.mqtt.topics
        return tuple(dict.fromkeys(_filter(rule.topic) for rule in self.rules))

    def message(
        self, topic: str, payload: bytes, *, tenant: str | None = None, sender: str = ""
    ) -> Message:
        """A message in the twin's words, or with the fault that keeps it from being understood.

        Args:
            topic: It came under.
            payload: As it came.
            tenant: Whose twin; None for what the rule says.
            sender: Who sent it, where that is known; in front of the rule's source.
        """
        letter = _encode({"topic": topic, "payload": _readable(payload), "sender": sender})
        for pattern, rule in self._patterns:
            fields = pattern.fullmatch(topic)
            if fields is not None:
                whose = rule.tenant if tenant is None else tenant
                return _applied(rule, topic, payload, fields.groupdict(), whose, sender, letter)
        fault = LingjingError("ingest.no-rule", Place(file=topic), topic=shown(topic))
        return Message(
            sender or topic, (), None, tenant or "", synthetic=False, letter=letter, fault=fault
        )


def _applied(
    rule: SensorRule,
    topic: str,
    payload: bytes,
    fields: Mapping[str, str],
    tenant: str,
    sender: str,
    letter: bytes,
) -> Message:
    synthetic = False
    source = topic
    try:
        try:
            content = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LingjingError(
                "ingest.bad-payload", Place(file=topic), detail=str(error)
            ) from error
        synthetic = bool(rule.synthetic) and _at(content, rule.synthetic) is True
        entity = _filled(rule.entity, fields, content, topic)
        place = Place(file=topic, field=entity)
        source = _filled(rule.source, fields, content, topic) if rule.source else topic
        source = f"{sender}/{source}" if sender else source
        dataset = _filled(rule.dataset, fields, content, topic) if rule.dataset else ""
        if rule.time:
            at_us = instant_us(_at(content, rule.time), place, rule.time_form)
        else:
            at_us = time.time_ns() // 1000
        observations = []
        for name, attribute in rule.attributes.items():
            value = _at(content, attribute.field) if attribute.field else content
            if value is None and attribute.optional:
                continue
            value = settled(name, value, attribute.unit, place, attribute.bounds)
            observations.append(
                Observation(entity, name, value, at_us, rule.create, attribute.unit, dataset)
            )
        sequence = _at(content, rule.sequence) if rule.sequence else None
        if rule.sequence and (not isinstance(sequence, int) or isinstance(sequence, bool)):
            raise LingjingError("ingest.bad-sequence", place, value=shown(sequence))
        return Message(source, tuple(observations), sequence, tenant, synthetic, letter)
    except LingjingError as fault:
        return Message(source, (), None, tenant, synthetic, letter, fault)


def _at(content: Any, path: str) -> Any:
    """What stands at a path of names and numbers; None where there is nothing."""
    for step in path.split("."):
        if isinstance(content, dict):
            content = content.get(step)
        elif isinstance(content, list) and step.isdecimal() and int(step) < len(content):
            content = content[int(step)]
        else:
            return None
    return content


def _filled(template: str, fields: Mapping[str, str], content: Any, topic: str) -> str:
    """A template with its fields put in, from the topic or else from the payload."""

    def put(match: re.Match[str]) -> str:
        name = match.group(1)
        found = fields.get(name, _at(content, name))
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if not isinstance(found, str) or not found or not found.isprintable():
            raise LingjingError("ingest.missing-field", Place(file=topic), field=name)
        return found

    return _FIELD.sub(put, template)


def _readable(payload: bytes) -> str:
    return payload.decode("utf-8", "backslashreplace")


def _pattern(rule: SensorRule, file: str) -> re.Pattern[str]:
    """The topic as a regular expression."""
    parts = []
    levels = rule.topic.split("/")
    for place, level in enumerate(levels):
        field = _FIELD.fullmatch(level)
        if field is None:
            if not level or any(sign in level for sign in "{}+#"):
                raise _bad(rule, file, f"topic: {level!r}")
            parts.append(re.escape(level))
        elif field.group(2) is None:
            parts.append(f"(?P<{field.group(1)}>[^/]+)")
        elif place == len(levels) - 1:
            parts.append(f"(?P<{field.group(1)}>.+)")
        else:
            raise _bad(rule, file, f"topic: {level!r}")
    try:
        return re.compile("/".join(parts))
    except re.error as error:
        raise _bad(rule, file, f"topic: {error}") from error


def _filter(topic: str) -> str:
    levels = [
        level if (field := _FIELD.fullmatch(level)) is None else "#" if field.group(2) else "+"
        for level in topic.split("/")
    ]
    return "/".join(levels)


def _check(rule: SensorRule, file: str) -> None:
    """Refuse what could never be applied."""
    if not rule.attributes:
        raise _bad(rule, file, "attributes")
    for name, attribute in rule.attributes.items():
        quantity = quantities().get(name)
        if attribute.bounds is not None and not attribute.bounds[0] < attribute.bounds[1]:
            raise _bad(rule, file, f"attributes.{name}.bounds")
        if (
            quantity is not None
            and attribute.unit not in ("", quantity.unit)
            and (attribute.unit, quantity.unit) not in CONVERSIONS
        ):
            raise _bad(rule, file, f"attributes.{name}.unit: {attribute.unit!r}")


def _bad(rule: SensorRule, file: str, detail: str) -> LingjingError:
    return LingjingError("ingest.bad-rule", Place(file=file, field=rule.name), detail=detail)
