"""The words of the intake that interfaces need: rules, batches, and dead letters as messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from lingjing.engine.ingest import DeadLetter, Intake, Receipt
from lingjing.sources.sensor_batches import read_batch, read_observation
from lingjing.sources.sensor_messages import Message
from lingjing.sources.sensor_rules import SensorRules
from lingjing.vocabulary import LingjingError

RULES_FILE: Final = "sensors.toml"

__all__ = ["RULES_FILE", "SensorRules", "again", "read_batch", "read_rules", "replay"]


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


class Replayed(msgspec.Struct, frozen=True):
    """What became of dead letters that were tried again.

    Attributes:
        tried: How many.
        receipt: What became of them.
    """

    tried: int
    receipt: Receipt


def replay(intake: Intake, tenant: str, ids: Sequence[str], rules: SensorRules) -> Replayed:
    """Try dead letters again; all of a tenant's where none is named.

    Raises:
        LingjingError: `ingest.no-letter`.
    """
    found = dict(intake.dead_letters(tenant))
    for wanted in ids:
        if wanted not in found:
            raise LingjingError("ingest.no-letter", id=wanted[:100])
    chosen = [(key, again(found[key], tenant, rules)) for key in ids or found]
    return Replayed(len(chosen), intake.replay(tenant, chosen))
