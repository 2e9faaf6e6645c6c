"""Guests made on the spot: foreign scenario packages, good and bad, for one test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MANIFEST = """\
id = "{id}"
api = {api}
title_zh = "测试"
title_en = "Test"
summary_zh = "测试用情景。"
summary_en = "A scenario for tests."
needs = ["air_temperature"]
kinds = ["RoadSegment", "MeterBox"]
emits = {emits}
time_limit_s = 60

[actions.salt]
title_zh = "撒盐"
title_en = "Spread salt"
"""

CODE = '''\
"""A guest for tests: roads as cold as the air, meter boxes plugged where it is below -2 °C."""

import os
import time

import numpy as np

from lingjing.sdk import Alarm, Foreseen, Outcome, Reason, Scenario, Work, ensemble

{top}


class Guest(Scenario):
    def wake(self, outlook):
        if float(outlook.within("air_temperature").min()) > 0.0:
            return None
        return Alarm("act", {{"zh-CN": "将有霜冻。", "en": "Frost is coming."}})

    def foresee(self, twin, outlook, *, seed, progress):
        air = outlook.within("air_temperature")[None]
        progress.report(0.5, {{"zh-CN": "一半", "en": "half"}})
        roads, boxes = twin.view("RoadSegment"), twin.view("MeterBox")
        fan = ensemble.percentiles(air)
        levels = ensemble.percentiles(air.min(axis=2))
        cold = Outcome(
            "road_surface_temperature", "RoadSegment", roads.ids,
            np.zeros(len(roads), np.int32), levels=levels, fan=fan,
        )
        holds = air < -2.0
        first = np.where(holds.any(axis=2), holds.argmax(axis=2), np.nan).astype(np.float32)
        plugged = Outcome(
            "plugged", "MeterBox", boxes.ids, np.zeros(len(boxes), np.int32),
            probability=ensemble.probability(holds.any(axis=2)),
            onset_hours=np.nanpercentile(first, (10, 25, 50, 75, 90), axis=1)
            .T.astype(np.float32),
            hourly=ensemble.probability(holds),
        )
        outcomes = [cold, plugged]
        {foresee}
        return Foreseen(tuple(outcomes), ({{"zh-CN": "仅供测试。", "en": "For tests only."}},))

    def answer(self, twin, foreseen):
        works = []
        for outcome in foreseen.of("plugged"):
            view = twin.view("MeterBox")
            for index, asset in enumerate(outcome.assets):
                chance = float(outcome.probability[outcome.situation[index]])
                onset = outcome.onset_hours[outcome.situation[index]]
                name = {{"zh-CN": f"包扎水表箱{{index}}", "en": f"wrap meter box {{index}}"}}
                why = Reason({{"zh-CN": "低于-2℃", "en": "below -2 °C"}}, {{"chance": chance}})
                works.append(Work(
                    id=f"{id}:wrap:{{asset}}", action="salt", target=asset, assets=(asset,),
                    title=name, place="", longitude_deg=float(view.longitude_deg[index]),
                    latitude_deg=float(view.latitude_deg[index]), hazard="plugged",
                    probability=chance, expected_failures=chance, weight=chance * (index + 1),
                    averted_share=0.8, onset_hours=float(onset[2]),
                    onset_early_hours=float(onset[0]), owner="property_company",
                    effort_minutes=15.0, amount=2.0, amount_unit="straw mats", reason=why,
                ))
        {answer}
        return works
'''

MakeGuest = Callable[..., Path]


def write_guest(site: Path, package: str, **options: object) -> Path:
    """Write a guest with its distribution's facts into a folder of installed packages."""
    folder = site / package
    folder.mkdir(parents=True)
    known = {"id": package.replace("_", "-"), "api": 1, "top": "", "foresee": "", "answer": ""}
    known["emits"] = '["road_surface_temperature", "plugged"]'
    known |= options
    code = options.get("code", CODE.format(**known))
    (folder / "__init__.py").write_text(str(code), encoding="utf-8")
    manifest = options.get("manifest", MANIFEST.format(**known))
    if manifest is not None:
        (folder / "manifest.toml").write_text(str(manifest), encoding="utf-8")
    info = site / f"{package}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1\n")
    points = f"[lingjing.scenarios]\n{package} = {package}:Guest\n"
    (info / "entry_points.txt").write_text(points)
    return folder


@pytest.fixture(scope="session")
def standing_guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Id of a sound guest that is installed for the whole session."""
    site = tmp_path_factory.mktemp("site")
    write_guest(site, "standing_guest")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        yield "standing-guest"


@pytest.fixture
def make_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeGuest]:
    """Installs a guest for one test: `make_guest("name", foresee="raise ValueError('no')")`.

    Options: `id`, `api`, `emits`, `manifest` (the whole text, None for no file), `top`, `foresee`,
    `answer` (code put in at those places) and `code` (the whole module).
    """
    site = tmp_path / "site"
    made: list[str] = []

    def make(package: str, **options: object) -> Path:
        folder = write_guest(site, package, **options)
        if str(site) not in sys.path:
            monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        made.append(package)
        return folder

    yield make
    for package in made:
        sys.modules.pop(package, None)
