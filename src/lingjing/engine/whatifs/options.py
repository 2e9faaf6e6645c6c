"""What a what-if may change in a district, for forms; and how many assets a selection means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lingjing.engine.results import RunFolder
from lingjing.engine.settings import open_district
from lingjing.engine.weather import list_weather
from lingjing.engine.whatifs.applying import selected
from lingjing.engine.whatifs.book import base_run
from lingjing.engine.whatifs.order import AssetChange, changeable, changeable_kinds
from lingjing.forecast.changed import BOUNDS
from lingjing.twin.contract import Twin
from lingjing.twin.ledger import TRUNK
from lingjing.vocabulary import kinds, quantities, units, words


def options(data_dir: Path, run: str) -> dict[str, Any]:
    """What can be chosen for a what-if of a run: weather, kinds, attributes, places.

    Raises:
        LingjingError: `run.no-run`, and what the store raises.
    """
    folder = base_run(data_dir, run)
    district, branch = _where(folder)
    store = open_district(data_dir, district)
    try:
        twin = store.twin(district, branch)
        counts = {kind: len(twin.view(kind)) for kind in changeable_kinds()}
        places = sorted({
            str(name)
            for kind in counts
            for name in set(twin.view(kind).text("sub_district", ""))
            if name
        })  # fmt: skip
        ages = {str(item) for item in twin.view("Building").text("age_class") if item}
    finally:
        store.close()
    choices = words()["age_class"].choices
    return {
        "run": run,
        "district": district,
        "weather_records": list_weather(data_dir),
        "weather_bounds": {name: list(pair) for name, pair in BOUNDS.items()},
        "sub_districts": places,
        "age_classes": [item for item in choices if item in ages],
        "kinds": [
            {
                "kind": name,
                "title": {"zh-CN": kinds()[name].title_zh, "en": kinds()[name].title_en},
                "count": count,
                "attributes": [_attribute(item) for item in changeable(kinds()[name])],
            }
            for name, count in counts.items()
            if count
        ],
    }


def _attribute(name: str) -> dict[str, Any]:
    known = quantities().get(name)
    if known is not None:
        return {
            "name": name,
            "title": {"zh-CN": known.title_zh, "en": known.title_en},
            "type": "quantity",
            "unit": units()[known.unit].sign,
            "lower": known.lower,
            "upper": known.upper,
        }
    word = words()[name]
    return {
        "name": name,
        "title": {"zh-CN": word.title_zh, "en": word.title_en},
        "type": word.type,
        "choices": list(word.choices),
    }


def preview(data_dir: Path, run: str, changes: tuple[AssetChange, ...]) -> list[int]:
    """How many assets each change means in the base run's branch.

    Raises:
        LingjingError: `run.no-run`, and what the store raises.
    """
    district, branch = _where(base_run(data_dir, run))
    store = open_district(data_dir, district)
    try:
        twin: Twin = store.twin(district, branch)
        return [
            int(selected(twin, twin.view(item.select.kind), item.select).sum()) for item in changes
        ]
    finally:
        store.close()


def _where(folder: RunFolder) -> tuple[str, str]:
    request = folder.record()["request"]
    return str(request["district"]), str(request.get("branch", TRUNK))
