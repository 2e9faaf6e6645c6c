"""The words of the intake that interfaces need: rules, batches, and dead letters as messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from lingjing.engine.ingest import DeadLetter
from lingjing.sources.sensor_batches import read_batch, read_observation
from lingjing.sources.sensor_messages import Message
from lingjing.sources.sensor_rules import SensorRules

RULES_FILE: Final = "sensors.toml"

__all__ = ["RULES_FILE", "SensorRules", "again", "read_batch", "read_rules"]


def read_rules(data_dir: Path) -> SensorRules:
    """The rules of a data folder; none where it has no `sensors.toml`.

    Raises:
        LingjingError: `ingest.bad-rule`.
    """
    return SensorRules.read(data_dir / RULES_FILE)


def again(letter: DeadLetter, tenant: str, rules: SensorRules) -> Message:
    """A dead letter as the message it was, read with the rules of today."""
    held: dict[str, Any] = msgspec.json.decode(letter.letter)
    if "observation" in held:
        raw = msgspec.json.encode(held["observation"])
        return read_observation(raw, letter.source, tenant, synthetic=letter.synthetic)
    payload = held["payload"]
    content = payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
    return rules.message(held["topic"], content, tenant=tenant, sender=held.get("sender", ""))
