"""The living twin below HTTP: writing, reading, branches and history, by number of entities.

Every size runs in a process of its own, so that peak memory is its own. Seconds depend on the
machine; beside them stand ratios to a baseline of the same run: msgspec decoding and encoding one
entity's document, which is the least that any answer costs.
"""

from __future__ import annotations

import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lingjing.engine.settings import open_ledger
from lingjing.twin import changes
from lingjing.twin.branches import diff, merge
from lingjing.twin.documents import (
    DEFAULT_TERMS,
    LOCATION,
    Document,
    decode,
    encode,
    instant_text,
)
from lingjing.twin.ledger import Branch, Change, Desk, Job, Ledger, Selection, Span
from lingjing.twin.query.evaluating import parse_query
from lingjing.twin.query.geo import parse_geo

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
START_US = 1_700_000_000 * SECOND_US
WEST, SOUTH, WIDTH = 121.49, 31.26, 0.07
POINTS = 1_000_000
BATCH = 1_000
IN_FLIGHT = 8


def expand(name: str) -> str:
    """Short name → IRI."""
    return DEFAULT_TERMS + name


def urn(number: int) -> str:
    """Id of a sensor."""
    return f"urn:ngsi-ld:Sensor:bench:{number:07d}"


def document(number: int) -> Document:
    """A sensor with four attributes, somewhere in the district."""
    east = WEST + WIDTH * ((number * 7919) % 100_003) / 100_003
    north = SOUTH + WIDTH * ((number * 104_729) % 99_991) / 99_991
    return {
        "id": urn(number),
        "type": [expand("Sensor")],
        "attributes": {
            expand("temperature"): {
                "": {
                    "type": "Property",
                    "value": round(-8 + (number % 200) / 10, 1),
                    "unitCode": "CEL",
                    "observedAt": instant_text(START_US),
                }
            },
            expand("name"): {"": {"type": "Property", "value": f"sensor {number}"}},
            expand("partOf"): {
                "": {"type": "Relationship", "object": f"urn:ngsi-ld:Building:bench:{number // 8}"}
            },
            LOCATION: {
                "": {
                    "type": "GeoProperty",
                    "value": {"type": "Point", "coordinates": [round(east, 7), round(north, 7)]},
                }
            },
        },
    }


def creation(branch: Branch, numbers: Sequence[int]) -> Job[None]:
    """A job that makes sensors."""

    def run(desk: Desk) -> None:
        for number in numbers:
            made = changes.created(document(number), desk.now)
            desk.put(made, changes.creation(made))

    return Job(branch, tuple(urn(number) for number in numbers), run)


def observation(branch: Branch, numbers: Sequence[int], moment: int) -> Job[None]:
    """A job that takes one reading of each of some sensors."""

    def run(desk: Desk) -> None:
        at = instant_text(START_US + moment * 60 * SECOND_US)
        for number in numbers:
            held = desk.document(urn(number))
            assert held is not None
            reading = {
                "type": "Property",
                "value": round(math.sin(moment + number), 3),
                "unitCode": "CEL",
                "observedAt": at,
            }
            fragment = {"attributes": {expand("temperature"): {"": reading}}}
            outcome = changes.appended(held, fragment, desk.now)
            desk.put(outcome.document, outcome.changes)

    return Job(branch, tuple(urn(number) for number in numbers), run)


def push(ledger: Ledger, jobs: Iterator[Job[None]]) -> None:
    """Submit jobs, a few in flight, and wait until all are durable."""
    waiting: list[Any] = []
    for job in jobs:
        waiting.append(ledger.submit(job))
        if len(waiting) >= IN_FLIGHT:
            waiting.pop(0).result()
    for future in waiting:
        future.result()


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def spread(calls: Sequence[Callable[[], object]]) -> tuple[float, float]:
    """Median and 99th percentile of the calls, in milliseconds."""
    times = sorted(seconds(call) * 1000 for call in calls)
    return statistics.median(times), times[min(len(times) - 1, int(0.99 * len(times)))]


def baseline_us() -> float:
    """Decoding and encoding one document [µs], the best of five rounds."""
    body = encode(changes.created(document(1), instant_text(START_US)))
    rounds = 20_000
    return min(
        seconds(lambda: [encode(decode(body)) for _ in range(rounds)]) for _ in range(5)
    ) / rounds * 1e6  # fmt: skip


def near(number: int) -> Selection:
    """Cold sensors within 500 m of a sensor."""
    place = document(number)["attributes"][LOCATION][""]["value"]["coordinates"]
    geo = parse_geo("near;maxDistance==500", "Point", json.dumps(place), LOCATION)
    query = parse_query("temperature<0", expand)
    return Selection(
        types=((expand("Sensor"),),),
        bounds=geo.bounds,
        accept=lambda item: geo.accept(item) and query.accept(item),
        limit=20,
    )


def measure(ledger: Ledger, entities: int) -> dict[str, float]:
    """Everything at one size."""
    trunk = ledger.branch("")
    found: dict[str, float] = {"entities": entities, "baseline_us": baseline_us()}
    lots = [range(first, min(first + BATCH, entities)) for first in range(0, entities, BATCH)]
    found["create_per_s"] = entities / seconds(
        lambda: push(ledger, (creation(trunk, lot) for lot in lots))
    )
    taken = [range(first, first + 500) for first in range(0, min(entities, 20_000), 500)]
    rounds = max(1, 40_000 // (500 * len(taken)))
    found["observations_per_s"] = (
        rounds
        * 500
        * len(taken)
        / seconds(
            lambda: push(
                ledger,
                (observation(trunk, lot, 1 + turn) for turn in range(rounds) for lot in taken),
            )
        )
    )
    step = max(1, entities // 1000)
    one = [urn(number) for number in range(0, entities, step)]
    found["read_one_ms"], found["read_one_p99_ms"] = spread(
        [lambda item=item: ledger.records(trunk, [item]) for item in one]
    )
    page = Selection(types=((expand("Sensor"),),), limit=20)
    found["page_ms"], found["page_p99_ms"] = spread([lambda: ledger.find(trunk, page)] * 500)
    places = [near(number) for number in range(0, entities, max(1, entities // 300))]
    found["near_ms"], found["near_p99_ms"] = spread(
        [lambda item=item: ledger.find(trunk, item) for item in places]
    )
    found.update(_branches(ledger, trunk, entities))
    size = ledger.size()
    found["bytes"] = size.get("bytes", 0)
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def _branches(ledger: Ledger, trunk: Branch, entities: int) -> dict[str, float]:
    made: list[Branch] = []
    times = [
        seconds(lambda turn=turn: made.append(ledger.create_branch(trunk, f"what-if {turn}")))
        for turn in range(20)
    ]
    branch = made[-1]
    changed = range(0, entities, max(1, entities // 1000))[:1000]
    push(ledger, iter([observation(branch, changed, 9)]))
    found = {"branch_ms": statistics.median(times) * 1000}
    found["diff_ms"] = statistics.median(
        [seconds(lambda: diff(ledger, branch)) * 1000 for _ in range(5)]
    )
    found["branch_page_ms"], _ = spread(
        [lambda: ledger.find(branch, Selection(types=((expand("Sensor"),),), limit=20))] * 100
    )
    found["merge_ms"] = seconds(lambda: merge(ledger, branch)) * 1000
    return found


def history(ledger: Ledger, points: int, sensors: int) -> dict[str, float]:
    """A long series, aggregated by the hour, and many shorter ones beside it."""
    trunk = ledger.branch("")
    push(ledger, iter([creation(trunk, range(sensors))]))
    each = points // sensors
    attribute = expand("temperature")

    def rows(number: int, first: int, count: int) -> Job[None]:
        def run(desk: Desk) -> None:
            desk.record_history(
                urn(number),
                [expand("Sensor")],
                [
                    Change(
                        "update",
                        attribute,
                        "",
                        {
                            "type": "Property",
                            "value": math.sin(turn / 500) + number,
                            "unitCode": "CEL",
                            "observedAt": instant_text(START_US + turn * SECOND_US),
                            # as whoever takes observations stamps them
                            "createdAt": desk.now,
                            "modifiedAt": desk.now,
                        },
                        current=False,
                    )
                    for turn in range(first, first + count)
                ],
            )

        return Job(trunk, (urn(number),), run)

    found: dict[str, float] = {"points": points, "sensors": sensors}
    found["points_per_s"] = points / seconds(
        lambda: push(
            ledger,
            (
                rows(number, first, min(5_000, each - first))
                for number in range(sensors)
                for first in range(0, each, 5_000)
            ),
        )
    )
    span = Span(from_us=START_US, to_us=START_US + each * SECOND_US)
    ledger.aggregate(trunk, urn(0), attribute, span, ("avg",), HOUR_US)
    found["aggregate_ms"] = statistics.median(
        [
            seconds(
                lambda: ledger.aggregate(
                    trunk, urn(0), attribute, span, ("avg", "min", "max", "stddev"), HOUR_US
                )
            )
            * 1000
            for _ in range(7)
        ]
    )
    newest = Span(attributes=(attribute,), last=20)
    found["last_ms"], _ = spread([lambda: ledger.history(trunk, urn(0), newest)] * 50)
    size = ledger.size()
    found["bytes"] = size.get("bytes", 0)
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def in_own_process(driver: str, place: str, what: str, *numbers: int) -> dict[str, float]:
    """Measure in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.ledger", driver, place, what, *map(str, numbers)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main() -> None:
    """Run one measurement, as asked by `in_own_process`, and print it as JSON."""
    driver, place, what, *numbers = sys.argv[1:]
    given = [int(number) for number in numbers]
    with open_ledger(Path(place), None if driver == "sqlite" else place) as ledger:
        print(json.dumps((measure if what == "size" else history)(ledger, *given)))


HEAD = f"""## The living twin, by number of entities

`python -m benchmarks speed` on {os.cpu_count()} cores. Durable: a job counts when it is on the
disk. `near`: colder than 0 within 500 m. Branch, diff and merge: 1,000 changed entities. The
baseline is decoding and encoding one document with msgspec.
"""
SIZE_TITLES = (
    "driver", "entities", "baseline µs", "create /s", "in baselines", "observations /s",
    "read one ms (p99)", "page of 20 ms", "near ms (p99)", "branch ms", "diff ms", "merge ms",
    "MB on disk", "peak MiB",
)  # fmt: skip
HISTORY_TITLES = (
    "driver", "series × points", "write points/s",
    "hourly avg, min, max, stddev over one series ms", "newest 20 ms", "MB on disk", "peak MiB",
)  # fmt: skip


def titled(titles: Sequence[str]) -> list[str]:
    """The two head lines of a table."""
    return ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]


def page(places: dict[str, tuple[Callable[[], str], Sequence[int]]], points: int = POINTS) -> str:
    """Measure every driver at every size, and write the tables.

    Args:
        places: Driver → makes an empty place for it (a folder, or a database's address), and the
            numbers of entities.
        points: Points of the long series.
    """
    lines = [HEAD, *titled(SIZE_TITLES)]
    for driver, (make, sizes) in places.items():
        for size in sizes:
            row = in_own_process(driver, make(), "size", size)
            lines.append(
                f"| {driver} | {size:,} | {row['baseline_us']:.1f} | {row['create_per_s']:,.0f} |"
                f" {1e6 / row['create_per_s'] / row['baseline_us']:.1f} |"
                f" {row['observations_per_s']:,.0f} |"
                f" {row['read_one_ms']:.3f} ({row['read_one_p99_ms']:.2f}) | {row['page_ms']:.2f} |"
                f" {row['near_ms']:.2f} ({row['near_p99_ms']:.1f}) | {row['branch_ms']:.1f} |"
                f" {row['diff_ms']:.0f} | {row['merge_ms']:.0f} | {row['bytes'] / 1e6:,.0f} |"
                f" {row['peak_mib']:,.0f} |"
            )
    lines += ["", *titled(HISTORY_TITLES)]
    for driver, (make, _) in places.items():
        # PostgreSQL is given a tenth: ten million points would take it a quarter of an hour.
        many = 10 * points if driver == "sqlite" else points
        for sensors, total in ((1, points), (1_000, many)):
            row = in_own_process(driver, make(), "history", total, sensors)
            lines.append(
                f"| {driver} | {sensors:,} × {total // sensors:,} | {row['points_per_s']:,.0f} |"
                f" {row['aggregate_ms']:.1f} | {row['last_ms']:.2f} | {row['bytes'] / 1e6:,.0f} |"
                f" {row['peak_mib']:,.0f} |"
            )
    return "\n".join(lines) + "\n"


def sqlite_place() -> str:
    """A new folder; the system empties its place for temporary files."""
    return tempfile.mkdtemp(prefix="lingjing-bench-")


if __name__ == "__main__":
    main()
