"""Observations as they are sent over HTTP: already in the twin's words, or as raw messages."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lingjing.sources.sensor_messages import Message, Observation, instant_us, settled, shown
from lingjing.sources.sensor_rules import SensorRules
from lingjing.vocabulary import LingjingError, Place

MOST_OBSERVATIONS: Final = 50_000
"""In one batch."""
_LONGEST_NAME: Final = 1_000


class SentObservation(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """One observation of a batch; see `Observation`."""

    entity: str
    attribute: str
    value: Any
    observed_at: str
    sequence: int | None = None
    type: str = ""
    unit: str = ""
    dataset_id: str = ""


class SentMessage(msgspec.Struct, forbid_unknown_fields=True):
    """A message as it would come over MQTT, for the declared rules."""

    topic: str
    payload: Any


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    observations: list[msgspec.Raw] = []
    messages: list[SentMessage] = []
    synthetic: bool = False


_batch = msgspec.json.Decoder(_Batch).decode
_sent = msgspec.json.Decoder(SentObservation).decode
_encode = msgspec.json.Encoder().encode


def read_batch(body: bytes, tenant: str, rules: SensorRules) -> list[Message]:
    """The messages of a batch; what is wrong with a single one is its fault alone.

    Raises:
        LingjingError: `ingest.bad-batch`, `ingest.batch-too-large`.
    """
    try:
        batch = _batch(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LingjingError("ingest.bad-batch", detail=str(error)) from error
    if not batch.source or len(batch.source) > _LONGEST_NAME:
        raise LingjingError("ingest.bad-batch", detail="source")
    count = len(batch.observations) + len(batch.messages)
    if count > MOST_OBSERVATIONS:
        raise LingjingError("ingest.batch-too-large", count=count, most=MOST_OBSERVATIONS)
    found = [
        read_observation(bytes(raw), batch.source, tenant, synthetic=batch.synthetic)
        for raw in batch.observations
    ]
    found += [
        rules.message(item.topic, _encode(item.payload), tenant=tenant, sender=batch.source)
        for item in batch.messages
    ]
    return found


def read_observation(raw: bytes, source: str, tenant: str, *, synthetic: bool) -> Message:
    """One observation as a message."""
    try:
        sent = _sent(raw)
        place = Place(file=source, field=sent.entity)
        if not sent.entity or len(sent.entity) > _LONGEST_NAME or "\x00" in sent.entity:
            raise LingjingError("ingest.bad-observation", place, detail=shown(sent.entity))
        observation = Observation(
            sent.entity,
            sent.attribute,
            settled(sent.attribute, sent.value, sent.unit, place),
            instant_us(sent.observed_at, place),
            sent.type,
            sent.unit,
            sent.dataset_id,
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        fault = LingjingError("ingest.bad-observation", Place(file=source), detail=str(error))
        return _unreadable(raw, source, tenant, fault, synthetic=synthetic)
    except LingjingError as error:
        return _unreadable(raw, source, tenant, error, synthetic=synthetic)
    letter = _letter(raw, source, synthetic=synthetic)
    return Message(source, (observation,), sent.sequence, tenant, synthetic, letter)


def _unreadable(
    raw: bytes, source: str, tenant: str, fault: LingjingError, *, synthetic: bool
) -> Message:
    return Message(
        source, (), None, tenant, synthetic, _letter(raw, source, synthetic=synthetic), fault
    )


class _Observation(msgspec.Struct):
    observation: msgspec.Raw
    source: str
    synthetic: bool


def _letter(raw: bytes, source: str, *, synthetic: bool) -> bytes:
    return _encode(_Observation(msgspec.Raw(raw), source, synthetic))
