"""The pack's shares are those that January 2016 gives, and the model says what follows."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lingjing.sources.packs import load_pack


@pytest.fixture(scope="module")
def winters(repository: Path) -> SimpleNamespace:
    path = repository / "benchmarks" / "skill" / "stock_winters.py"
    return SimpleNamespace(**runpy.run_path(str(path)))


def test_the_pack_holds_what_the_calibration_on_2016_gives(winters: SimpleNamespace) -> None:
    pack = load_pack("yangpu")
    for name, (before, after) in winters.calibrated(pack).items():
        layers = pack.content.stock.insulation[name]
        assert layers.before == pytest.approx(before, abs=5e-4), name
        assert layers.after == pytest.approx(after, abs=5e-4), name
        assert "2016" in layers.source


def test_with_the_pack_january_2016_comes_out_near_its_count(winters: SimpleNamespace) -> None:
    pack = load_pack("yangpu")
    shares = winters.make_up(pack)
    plugs = {}
    for seed in range(8):
        unknown = winters.Unknown(np.random.default_rng(seed))
        found = winters.plug_shares(
            pack, winters.january_2016(unknown.rng), unknown, [0.0, 10.0, 20.0, 30.0]
        )
        for name, values in found.items():
            plugs[name] = plugs.get(name, 0.0) + values / 8
    failed = 0.0
    for name, rule in winters.box_rules(pack).items():
        age_class = next(item for item in pack.content.stock.age_classes if item.id == name)
        layers = pack.content.stock.insulation[rule.insulation]
        done = age_class.retrofit_share * 0.25
        mix = (1 - done) * np.array(layers.before) + done * np.array(layers.after)
        failed += shares[name] * float(mix @ plugs[name][: mix.size])
    meters = winters.FACTS["residents"][2016] / pack.content.stock.persons_per_household
    # the shares are medians over draws, this is one place in the middle of them
    assert failed * meters == pytest.approx(180_000, rel=0.25)


def test_the_winter_of_the_calibration_is_the_one_on_record(winters: SimpleNamespace) -> None:
    air = winters.january_2016(np.random.default_rng(3))
    day = air[72:96]
    assert day.min() == pytest.approx(-7.2, abs=0.01)
    assert day.mean() == pytest.approx(-5.5, abs=0.01)
    assert day.max() < 0.0
    assert air[:24].min() > 0.0
    assert winters.winter_2021(np.random.default_rng(3)).min() == pytest.approx(-7.0, abs=0.01)


def test_the_retrofit_lowers_the_count_and_the_later_count_is_not_met_by_construction(
    winters: SimpleNamespace,
) -> None:
    pack = load_pack("yangpu")
    shares = winters.make_up(pack)
    late = winters.answer(pack, shares, winters.Unknown(np.random.default_rng(1)))
    none_before = winters.answer(
        pack, shares, winters.Unknown(np.random.default_rng(1), retrofitted_by_2016=0.0)
    )
    all_before = winters.answer(
        pack, shares, winters.Unknown(np.random.default_rng(1), retrofitted_by_2016=1.0)
    )
    assert none_before.retrofit_alone < late.retrofit_alone < 180_000
    # with the whole retrofit done before, nothing is left that could explain a fall
    assert all_before.retrofit_alone == pytest.approx(180_000 * 24.87 / 24.15, rel=1e-6)
