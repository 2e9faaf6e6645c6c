"""Two observed cold waves on the small synthetic district: are the answers plausible?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lingjing.forecast.outlook import Outlook
from lingjing.forecast.prepare import prepare_outlook
from lingjing.scenarios.coldwave import Coldwave
from lingjing.sdk import Foreseen, Outcome, Progress
from lingjing.sources.weather_files import read_weather
from lingjing.twin.memory import MemoryTwin
from lingjing.vocabulary import Window

pytestmark = pytest.mark.real_data

SHANGHAI = "shanghai-hourly-winters-2010-2012.csv", datetime(2011, 1, 14, tzinfo=UTC)
BEIJING = "beijing-guanyuan-hourly-2015-12-15_2016-02-15.csv", datetime(2016, 1, 21, tzinfo=UTC)


def outlook_of(folder: Path, case: tuple[str, datetime], *, members: int = 1) -> Outlook:
    file, start = case
    hours = 120
    span = (start - timedelta(hours=48), start + timedelta(hours=hours))
    return prepare_outlook(
        read_weather(folder / "weather" / file, window=span),
        Window(start, hours),
        members=members,
        seed=1,
        longitude_deg=121.5 if case is SHANGHAI else 116.4,
        latitude_deg=31.3 if case is SHANGHAI else 39.9,
    )


def the(foreseen: Foreseen, name: str, kind: str) -> Outcome:
    (found,) = (item for item in foreseen.of(name) if item.kind == kind)
    return found


def chance(foreseen: Foreseen, name: str, kind: str, local: str) -> float:
    outcome = the(foreseen, name, kind)
    row = [item.rsplit(":", 1)[-1] for item in outcome.assets].index(local)
    assert outcome.probability is not None
    return float(outcome.probability[outcome.situation[row]])


def foresee(twin: MemoryTwin, outlook: Outlook) -> Foreseen:
    return Coldwave().foresee(twin, outlook, seed=1, progress=Progress())


def test_shanghai_january_2011_plugs_bare_pipes_at_night_and_spares_insulated_ones(
    shared_data: Path, twin: MemoryTwin
) -> None:
    outlook = outlook_of(shared_data, SHANGHAI)
    assert float(outlook.within("air_temperature").min()) == -5.0
    foreseen = foresee(twin, outlook)
    assert chance(foreseen, "plugged", "Tap", "tap") == 1.0
    assert chance(foreseen, "plugged", "MeterBox", "box-0") == 1.0
    assert chance(foreseen, "plugged", "MeterBox", "box-2") == 0.0  # 50 mm: 44 h at −5 °C
    taps = the(foreseen, "plugged", "Tap").onset_hours
    assert taps is not None
    air = outlook.within("air_temperature")[0]
    below = int(np.flatnonzero(air < 0)[0])
    assert 1.0 < float(taps[0, 2]) - below < 12.0  # some hours below zero, within the first night
    fan = the(foreseen, "road_surface_temperature", "RoadSegment").fan
    assert fan is not None
    local = (np.arange(121) + 8) % 24
    assert fan[0, 2, local == 5].min() < -1.0
    assert fan[0, 2, local == 14].max() > 3.0


def test_beijing_january_2016_is_far_colder_and_strikes_wider(
    shared_data: Path, twin: MemoryTwin
) -> None:
    outlook = outlook_of(shared_data, BEIJING)
    assert float(outlook.within("air_temperature").min()) == pytest.approx(-16.8)
    foreseen = foresee(twin, outlook)
    milder = foresee(twin, outlook_of(shared_data, SHANGHAI))
    for kind in ("Riser", "MeterBox", "Tap", "WaterPipe"):
        here, there = the(foreseen, "plugged", kind), the(milder, "plugged", kind)
        assert here.probability is not None
        assert there.probability is not None
        assert (here.probability >= there.probability).all()
    surface = the(foreseen, "road_surface_temperature", "RoadSegment").levels
    assert surface is not None
    assert (surface > -22.0).all()
    assert (surface < -10.0).all()
    assert chance(foreseen, "road_slippery", "RoadSegment", "road-0") == 0.0  # a dry cold


def test_the_little_snow_of_18_january_2011_is_a_risk_only_once_it_falls(
    shared_data: Path, twin: MemoryTwin
) -> None:
    outlook = outlook_of(shared_data, SHANGHAI, members=31)
    foreseen = foresee(twin, outlook)
    icy = the(foreseen, "road_slippery", "RoadSegment")
    assert icy.probability is not None
    assert icy.onset_hours is not None
    assert 0.05 < float(icy.probability.max()) < 0.95  # 0.9 mm at 0 °C: neither surely nor never
    first_flake = int(np.flatnonzero(outlook.within("precipitation")[0] > 0)[0])
    assert first_flake > 90
    assert float(np.nanmin(icy.onset_hours)) >= first_flake
