"""Made-up sensors with the faults of real ones, for demonstrations and tests.

Everything follows from the seed. What they say is labelled synthetic wherever it goes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple, get_args

import numpy as np

SECOND: Final = 1_000_000
_DAY_S: Final = 86_400.0

Fault = Literal["drift", "stuck", "spikes", "drop-outs", "duplicates", "late", "clock-skew"]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)

ATTRIBUTES: Final = {
    "MeterBox": "supply_temperature",
    "Riser": "supply_temperature",
    "WaterTank": "supply_temperature",
    "RoadSegment": "road_surface_temperature",
}
"""What a sensor on each kind measures."""

_POWER_ON_C: Final = 85.0
"""What a common digital thermometer says when it lost its supply for a moment."""


class Sent(NamedTuple):
    """One message of one sensor.

    Attributes:
        sent_us: When it leaves the sensor [µs].
        source: Of the sensor.
        sequence: Number of the message.
        entity, attribute: What it is about.
        value: In the attribute's unit.
        observed_us: What the sensor's clock said [µs].
        fault: What is wrong with it, if anything.
    """

    sent_us: int
    source: str
    sequence: int
    entity: str
    attribute: str
    value: float
    observed_us: int
    fault: Fault | None


class Sensor(NamedTuple):
    """A sensor on an entity, and its faults."""

    number: int
    entity: str
    attribute: str
    faults: frozenset[Fault]


def place_sensors(
    things: Sequence[tuple[str, str]], seed: int, faulty: float, faults: Sequence[Fault] = FAULTS
) -> list[Sensor]:
    """One sensor on each thing; a share of them has one or two faults.

    Args:
        things: Ids and kinds; kinds of `ATTRIBUTES`.
        seed: Everything follows from it.
        faulty: Share with faults [0 … 1].
        faults: Which may occur.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    sensors = []
    for number, (entity, kind) in enumerate(things):
        chosen: frozenset[Fault] = frozenset()
        if faults and random.random() < faulty:
            count = min(len(faults), int(random.integers(1, 3)))
            drawn = random.choice(len(faults), count, replace=False)
            chosen = frozenset(faults[place] for place in drawn)
        sensors.append(Sensor(number, entity, ATTRIBUTES[kind], chosen))
    return sensors


def messages(
    sensors: Sequence[Sensor], start_us: int, hours: float, every_s: float, seed: int
) -> Iterator[Sent]:
    """What the sensors send, in order of sending.

    Args:
        sensors: See `place_sensors`.
        start_us: First instant [µs].
        hours: For how long [h].
        every_s: Time between two observations of a sensor [s].
        seed: Everything follows from it.
    """
    steps = max(1, int(hours * 3600 / every_s))
    streams = (_one(sensor, start_us, steps, every_s, seed) for sensor in sensors)
    yield from heapq.merge(*streams, key=lambda item: item.sent_us)


def _one(sensor: Sensor, start_us: int, steps: int, every_s: float, seed: int) -> list[Sent]:
    """All that one sensor sends, in order of sending."""
    random = np.random.default_rng(np.random.SeedSequence([seed, 1, sensor.number]))
    offset_s = random.uniform(0, every_s)
    times_s = offset_s + every_s * np.arange(steps) + random.normal(0, 0.5, steps)
    seconds = start_us / SECOND + times_s
    values = _truth(sensor.attribute, seconds, random)
    labels: list[Fault | None] = [None] * steps
    _distort(sensor, values, times_s, labels, random)
    observed_us = start_us + np.round(times_s * 1000).astype(np.int64) * 1000
    sent_us = observed_us + np.round(random.gamma(2.0, 0.4, steps) * SECOND).astype(np.int64)
    if "clock-skew" in sensor.faults:
        skew_s = random.choice([-1, 1]) * random.uniform(30, 3_600)
        observed_us = observed_us + int(skew_s * SECOND)
        labels = [label or "clock-skew" for label in labels]
    kept = np.ones(steps, dtype=bool)
    if "drop-outs" in sensor.faults:
        kept = ~_bursts(random, steps, 0.02, 0.2)
    if "late" in sensor.faults:
        backlog_us = (random.uniform(1.2, 4.0, steps) * every_s * SECOND).astype(np.int64)
        sent_us = _held_back(sent_us, _bursts(random, steps, 0.02, 0.1), backlog_us, labels)
    source = f"simulator-{seed}/{sensor.entity}"
    sent = [
        Sent(
            int(sent_us[place]), source, place, sensor.entity, sensor.attribute,
            round(float(values[place]), 2), int(observed_us[place]), labels[place],
        )
        for place in np.flatnonzero(kept).tolist()
    ]  # fmt: skip
    if "duplicates" in sensor.faults:
        again = random.random(len(sent)) < 0.05
        delays = random.exponential(5 * every_s, len(sent))
        sent += [
            item._replace(sent_us=item.sent_us + int(delay * SECOND), fault="duplicates")
            for item, repeat, delay in zip(list(sent), again.tolist(), delays.tolist(), strict=True)
            if repeat
        ]
    return sorted(sent, key=lambda item: (item.sent_us, item.sequence))


def _truth(attribute: str, seconds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Winter weather as a sensor without faults sees it [°C]."""
    hour = seconds % _DAY_S / _DAY_S * 2 * np.pi
    days = seconds / _DAY_S
    # Coldest before sunrise; a cold spell comes and goes within a week.
    air = 1.0 - 4.0 * np.cos(hour + 0.9) - 4.0 * np.sin(days * 2 * np.pi / 7.0)
    if attribute == "road_surface_temperature":
        sun = np.clip(np.sin(hour - 0.4), 0.0, None)
        level = air - 1.0 + 7.0 * sun
    else:
        level = 7.0 + 0.3 * air
    walk = np.cumsum(random.normal(0, 0.02, seconds.size))
    noise = random.normal(0, 0.1, seconds.size)
    return np.round((level + random.normal(0, 0.4) + walk + noise) / 0.0625) * 0.0625


def _distort(
    sensor: Sensor,
    values: np.ndarray,
    times_s: np.ndarray,
    labels: list[Fault | None],
    random: np.random.Generator,
) -> None:
    """Make the values of a broken sensor wrong, in place."""
    if "drift" in sensor.faults:
        rate = random.choice([-1, 1]) * random.uniform(0.5, 3.0)
        values += rate * times_s / _DAY_S
        labels[:] = ["drift"] * len(labels)
    if "stuck" in sensor.faults:
        first = int(random.integers(0, max(1, len(values) // 2)))
        last = first + max(2, int(len(values) * random.uniform(0.1, 0.4)))
        values[first:last] = values[first]
        labels[first + 1 : last] = ["stuck"] * len(labels[first + 1 : last])
    if "spikes" in sensor.faults:
        for place in np.flatnonzero(random.random(len(values)) < 0.02).tolist():
            if random.random() < 0.3:
                values[place] = _POWER_ON_C
            else:
                values[place] += random.choice([-1, 1]) * random.uniform(8, 40)
            labels[place] = "spikes"


def _bursts(random: np.random.Generator, steps: int, begin: float, end: float) -> np.ndarray:
    """Stretches of trouble: it begins and ends with these chances at each step."""
    draws = random.random(steps)
    inside = np.zeros(steps, dtype=bool)
    trouble = False
    for place, draw in enumerate(draws.tolist()):
        trouble = draw >= end if trouble else draw < begin
        inside[place] = trouble
    return inside


def _held_back(
    sent_us: np.ndarray, held: np.ndarray, backlog_us: np.ndarray, labels: list[Fault | None]
) -> np.ndarray:
    """Messages of a stretch without network leave after it is over, behind fresh ones."""
    found = sent_us.copy()
    release = int(sent_us[-1])
    for place in range(len(sent_us) - 1, -1, -1):
        if held[place]:
            found[place] = max(release, int(sent_us[place])) + int(backlog_us[place])
            labels[place] = labels[place] or "late"
        else:
            release = int(sent_us[place])
    return found
