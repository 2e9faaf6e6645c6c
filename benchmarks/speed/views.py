"""Views of a district of 100,000 assets: cold, warm, with edits, in a branch, and in the past.

Against it stands what a view saves: reading every entity as an object, and decoding every entity's
document. Seconds depend on the machine; the ratios are to the document of the same run.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import shapely

from lingjing.twin import District, Entity, SourceRecord, changes
from lingjing.twin.documents import DEFAULT_TERMS
from lingjing.twin.ledger import Branch, Desk, Job, Selection
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import Attribute, Provenance

ASSETS = 100_000
EDITED = 1_000
ROUNDS = 5
DISTRICT = District(
    "d", "p", "区", "D", {}, (0, 0, 0, 0), synthetic=True, updated_at="2026-01-01T00:00:00Z"
)
SOURCE = SourceRecord("s", "d", "a", "l", "", "2026-01-01T00:00:00Z", synthetic=True, report={})


def assets(count: int) -> Iterator[Entity]:
    """Water meters with six attributes, each with a provenance."""
    guessed = [
        Provenance("inferred", "stock", rule=f"age {age}", confidence=0.5) for age in range(9)
    ]
    for number in range(count):
        origin = guessed[number % 9]
        yield Entity(
            f"urn:ngsi-ld:MeterBox:d:m{number:06}",
            "MeterBox",
            "d",
            shapely.to_wkb(shapely.Point(121.4 + number % 317 * 1e-4, 31.2 + number // 317 * 1e-4)),
            {
                "inner_diameter": Attribute(15.0 + number % 3, origin),
                "wall_thickness": Attribute(2.0 + number % 7 / 10, origin),
                "insulation_thickness": Attribute(float(number % 30), origin),
                "location": Attribute(("facade", "roof", "buried")[number % 3], origin),
                "material": Attribute("copper", origin),
                "name": Attribute(f"表{number}", origin),
            },
            {"building": f"urn:ngsi-ld:Building:d:b{number // 8}"},
        )


def best(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median time of some calls [ms]."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


def edit(ledger: SqliteLedger, branch: Branch, numbers: range) -> None:
    """Give some assets another diameter."""
    ids = [f"urn:ngsi-ld:MeterBox:d:m{number:06}" for number in numbers]

    def run(desk: Desk) -> None:
        for entity_id in ids:
            document = desk.document(entity_id)
            assert document is not None
            item = {"type": "Property", "value": 99.0}
            fragment = {"attributes": {DEFAULT_TERMS + "inner_diameter": {"": item}}}
            outcome = changes.appended(document, fragment, desk.now)
            desk.put(outcome.document, outcome.changes)

    ledger.submit(Job(branch, tuple(ids), run)).result()


def measure(count: int = ASSETS) -> dict[str, float]:
    """All times [ms]."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "twin.sqlite"
        with SqliteLedger(path) as ledger:
            begin = time.perf_counter()
            ledger.store.import_entities(DISTRICT, SOURCE, assets(count))
            found = {"import": (time.perf_counter() - begin) * 1000}
            trunk = ledger.branch("")
        cold = []
        for _ in range(ROUNDS):
            with SqliteLedger(path) as ledger:
                cold.append(best(lambda: ledger.store.twin("d").view("MeterBox"), 1))
        found["cold"] = statistics.median(cold)
        with SqliteLedger(path) as ledger:
            found["warm"] = best(lambda: ledger.store.twin("d").view("MeterBox"), 50)
            found["entities"] = best(lambda: sum(1 for _ in ledger.store.entities("d")), 1)
            found["documents"] = best(lambda: len(ledger.find(trunk, Selection()).records), 1)
            held = ledger.store.twin("d")
            edit(ledger, trunk, range(0, count, count // EDITED))
            found["edited"] = best(lambda: ledger.store.twin("d").view("MeterBox"), 1)
            found["past"] = best(lambda: held.view("MeterBox"), 1)
            begin = time.perf_counter()
            branch = ledger.create_branch(trunk, "what-if")
            found["branch made"] = (time.perf_counter() - begin) * 1000
            edit(ledger, branch, range(1, count, count // EDITED))
            found["branch"] = best(lambda: ledger.store.twin("d", "what-if").view("MeterBox"), 1)
    return found


TITLES = {
    "import": "importing them",
    "entities": "each as an object",
    "documents": "each as a document",
    "cold": "view, cold",
    "warm": "view, warm",
    "edited": f"view after {EDITED:,} edits",
    "past": "view as it was before the edits",
    "branch made": "making a branch",
    "branch": f"view of a branch with {EDITED:,} edits",
}


def page(count: int = ASSETS) -> str:
    """Measure, and write the table."""
    found = measure(count)
    lines = [
        f"## Views of {count:,} assets\n",
        f"`python -m benchmarks speed` on {os.cpu_count()} cores, one SQLite file.\n",
        "| | ms | of decoding each document |",
        "|---|---|---|",
    ]
    lines += [
        f"| {title} | {found[name]:,.2f} | {found[name] / found['documents']:.5f} |"
        for name, title in TITLES.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page())
