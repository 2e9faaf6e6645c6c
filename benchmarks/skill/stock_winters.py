"""The stock model against two winters: calibrated on January 2016, asked for winter 2020/21.

Two numbers are free, and both are fitted to January 2016: by how much the assumed shares of bare
fittings must be scaled, in the old stock and in the modern one, for the model to give the meters
repaired in Shanghai, mostly in old lilong and workers' flats. Winter 2020/21 is then predicted and
not used. What is known stands in `FACTS`; what is not is drawn, and the draws make the range.
"""

# Field names carry units as they are written (K, m/s).
# ruff: noqa: N815
from __future__ import annotations

import sys
from dataclasses import dataclass, fields

import numpy as np

from lingjing.physics.pipes import PipeForcing, PipeParameters, simulate_pipes
from lingjing.scenarios.coldwave.water import MATERIALS, RENEWALS_BY_HOUR, columns_of
from lingjing.sources.packs import AssetRule, Pack, load_pack
from lingjing.sources.sketch import sketch_district
from lingjing.sources.stock_buildings import read_buildings

FACTS = {
    "meters repaired": {2016: 180_000.0, 2021: 40_000.0},
    # end of 2015 (statistical communiqué) and census of 2020
    "residents": {2016: 24.15e6, 2021: 24.87e6},
    "coldest air, °C": {2016: -7.2, 2021: -7.0},
    "mean of 24 January 2016, °C": -5.5,
}
PRIOR_BARE = {"exposed": (0.55, 0.03), "sheltered": (0.70, 0.05), "modern": (0.70, 0.05)}
"""Shares of bare fittings before and after the retrofit as assumed before any count was used.

The calibration multiplies both columns by one factor, so the effect of the retrofit, which decides
the prediction, stays what was assumed before."""
OLD = ("lilong", "workers_village", "reform_walkup")
MEMBERS = 64
DRAWS = 300
SKETCH_SCALE = 0.1
SEED = 2016


@dataclass(frozen=True)
class Unknown:
    """One draw of what is not known.

    Attributes:
        rng: For the weather and the physics of this draw.
        meters_factor: On residents ÷ persons a household; 0.85 to 1.15.
        modern_share: Share of 2016's meters in the modern stock, as "mostly old lilong and
            workers' flats" leaves open; 0.02 to 0.2.
        retrofitted_by_2016: Share of the later retrofit that was done by January 2016; 0 to 0.5.
        retrofit_offset: Added to the pack's retrofit shares; -0.1 to 0.1.
        after_factor: On the bare share that the retrofit leaves; 0.5 to 2.
        supply_offset_K: On the supply temperature; -1.5 to 1.5.
        use_factor: On the flushing by use; 0.5 to 2.
        wind_m_s: Free wind; 3 to 7.
    """

    rng: np.random.Generator
    meters_factor: float = 1.0
    modern_share: float = 0.1
    retrofitted_by_2016: float = 0.25
    retrofit_offset: float = 0.0
    after_factor: float = 1.0
    supply_offset_K: float = 0.0
    use_factor: float = 1.0
    wind_m_s: float = 5.0

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Unknown:
        """Even draws of the ranges above; factors on a logarithmic scale."""
        return cls(
            rng,
            rng.uniform(0.85, 1.15),
            rng.uniform(0.02, 0.2),
            rng.uniform(0.0, 0.5),
            rng.uniform(-0.1, 0.1),
            2.0 ** rng.uniform(-1.0, 1.0),
            rng.uniform(-1.5, 1.5),
            2.0 ** rng.uniform(-1.0, 1.0),
            rng.uniform(3.0, 7.0),
        )


@dataclass(frozen=True)
class Answer:
    """What one draw gives; counts are meters in the whole city.

    Attributes:
        old_factor, modern_factor: On `PRIOR_BARE`, so that 2016 comes out as counted.
        uncalibrated_2016: Meters with the prior shares.
        retrofit_alone: Meters in 2016's own weather after the retrofit, all else the same.
        own_weather: Meters in the weather of winter 2020/21 after the retrofit.
    """

    old_factor: float
    modern_factor: float
    uncalibrated_2016: float
    retrofit_alone: float
    own_weather: float


def half_cosines(anchors: list[tuple[float, float]]) -> np.ndarray:
    """Hourly temperatures [°C] between turning points (hour, °C)."""
    times, values = np.array(anchors).T
    hours = np.arange(int(times[-1]) + 1)
    left = np.clip(np.searchsorted(times, hours, side="right") - 1, 0, times.size - 2)
    share = (hours - times[left]) / (times[left + 1] - times[left])
    return values[left] + (values[left + 1] - values[left]) * (1.0 - np.cos(np.pi * share)) / 2.0


def january_2016(rng: np.random.Generator) -> np.ndarray:
    """21 to 27 January 2016 [hours]: -7.2 °C on the 24th, whose mean is -5.5 °C.

    The days before and after are drawn: only the 24th is on record here.
    """
    coldest = FACTS["coldest air, °C"][2016]
    night_before, day_before = rng.uniform(-3.0, 0.0), rng.uniform(0.0, 3.0)
    evening, last_low = rng.uniform(-6.0, -4.0), rng.uniform(-7.0, -5.0)
    day_after = rng.uniform(0.0, 3.0)

    def course(noon: float) -> np.ndarray:
        return half_cosines(
            [(0, 5), (14, 7), (30, 3), (38, 5), (55, night_before), (62, day_before),
             (72, evening), (79, coldest), (86, noon), (103, last_low), (110, day_after),
             (127, 0), (134, 6), (151, 2), (158, 9), (167, 6)]
        )  # fmt: skip

    low, high = coldest, -0.1  # below zero all day
    for _ in range(40):
        noon = 0.5 * (low + high)
        warmer = course(noon)[72:96].mean() > FACTS["mean of 24 January 2016, °C"]
        low, high = (low, noon) if warmer else (noon, high)
    return course(0.5 * (low + high))


def winter_2021(rng: np.random.Generator) -> np.ndarray:
    """28 December 2020 to 12 January 2021 [hours]: two waves, the coldest -7 °C; days drawn."""
    coldest = FACTS["coldest air, °C"][2021]
    anchors: list[tuple[float, float]] = [(0, 6), (14, 12), (38, 4)]
    for first, lows in ((48, (rng.uniform(-5.0, -3.0), coldest, rng.uniform(-5.0, -2.0))),
                        (240, (rng.uniform(-6.0, -4.0), rng.uniform(-7.0, -5.5),
                               rng.uniform(-4.0, -1.0)))):  # fmt: skip
        for day, lowest in enumerate(lows):
            anchors += [(first + 24 * day + 7, lowest),
                        (first + 24 * day + 14, rng.uniform(-1.5, 2.5))]  # fmt: skip
        anchors += [(first + 79, 2.0), (first + 86, 9.0)]
    anchors.append((383, 8.0))
    return half_cosines(anchors)


def make_up(pack: Pack) -> dict[str, float]:
    """Share of the households in each age class, after the synthetic district of the pack."""
    buildings = [
        item for item in sketch_district(pack, SKETCH_SCALE, 7).features if item.kind == "Building"
    ]
    table = read_buildings(buildings, pack, 7)
    names = [item.id for item in pack.content.stock.age_classes]
    count = np.array([table.households[table.class_index == i].sum() for i in range(len(names))])
    return dict(zip(names, count / count.sum(), strict=True))


def box_rules(pack: Pack) -> dict[str, AssetRule]:
    """The rule of the meter boxes of each age class."""
    return {
        name: rule
        for rule in pack.content.stock.assets
        if rule.kind == "MeterBox"
        for name in rule.classes
        if name != "other"
    }


def plug_shares(
    pack: Pack, air: np.ndarray, unknown: Unknown, thickness_mm: list[float]
) -> dict[str, np.ndarray]:
    """P(plug) of each age class's boxes, by thickness of the insulation."""
    rules = box_rules(pack)
    rows = [(rule, layer) for rule in rules.values() for layer in thickness_mm]

    def column(name: str) -> np.ndarray:
        return np.array([float(getattr(rule, name)) for rule, _ in rows])

    block = {
        "inner_diameter_mm": column("inner_diameter_mm"),
        "wall_thickness_mm": column("wall_thickness_mm"),
        "material": np.array([float(MATERIALS.index(rule.material)) for rule, _ in rows]),
        "insulation_thickness_mm": np.array([layer for _, layer in rows]),
        "insulation_conductivity_W_mK": np.full(len(rows), 0.036),
        "supply_temperature_C": np.maximum(
            column("supply_temperature_C") + unknown.supply_offset_K, 1.0
        ),
        "wind_exposure": column("wind_exposure"),
        "enclosure_lag_h": column("enclosure_lag_h"),
        "insulation_soundness": np.ones(len(rows)),
        "sun_exposure": np.zeros(len(rows)),
        "drip_L_h": np.zeros(len(rows)),
        "exposed_length_m": np.ones(len(rows)),
    }
    use = RENEWALS_BY_HOUR[np.arange(air.size) % 24] * unknown.use_factor
    forcing = PipeForcing(
        np.tile(air, (MEMBERS, 1)), np.full((MEMBERS, air.size), unknown.wind_m_s), use
    )
    parameters = PipeParameters.sampled(MEMBERS, np.random.default_rng(SEED))
    history = simulate_pipes(
        columns_of("MeterBox", block), forcing, parameters, first_output=air.size - 1
    )
    found = np.isfinite(history.plugged_hour).mean(axis=1).reshape(len(rules), -1)
    return dict(zip(rules, found, strict=True))


def failing(
    pack: Pack,
    shares: dict[str, float],
    plugs: dict[str, np.ndarray],
    retrofitted: dict[str, float],
    factors: tuple[float, float],
    after_factor: float,
) -> np.ndarray:
    """Shares of all meters that plug [old stock, modern stock], for factors on `PRIOR_BARE`."""
    total = np.zeros(2)
    for name, rule in box_rules(pack).items():
        modern = int(name not in OLD)
        layers = pack.content.stock.insulation[rule.insulation]
        before, after = PRIOR_BARE[rule.insulation]
        for others, bare, weight in (
            (layers.before[1:], before, 1.0 - retrofitted[name]),
            (layers.after[1:], after * after_factor, retrofitted[name]),
        ):
            naked = factors[modern] * bare
            spread = np.array([naked, *(1.0 - naked) * np.array(others) / sum(others)])
            total[modern] += shares[name] * weight * float(spread @ plugs[name][: spread.size])
    return total


def answer(pack: Pack, shares: dict[str, float], unknown: Unknown) -> Answer:
    """Calibrate on 2016 and predict 2021 for one draw of the unknown."""
    thickness = [0.0, 10.0, 20.0, 30.0]
    plugs = {
        2016: plug_shares(pack, january_2016(unknown.rng), unknown, thickness),
        2021: plug_shares(pack, winter_2021(unknown.rng), unknown, thickness),
    }
    late = {
        item.id: float(np.clip(item.retrofit_share + unknown.retrofit_offset, 0.0, 1.0))
        for item in pack.content.stock.age_classes
    }
    early = {name: unknown.retrofitted_by_2016 * share for name, share in late.items()}
    meters = {
        year: people / pack.content.stock.persons_per_household * unknown.meters_factor
        for year, people in FACTS["residents"].items()
    }

    def count(
        year: int, weather: int, retrofitted: dict[str, float], factors: tuple[float, float]
    ) -> np.ndarray:
        return meters[year] * failing(
            pack, shares, plugs[weather], retrofitted, factors, unknown.after_factor
        )

    none, prior = (count(2016, 2016, early, (factor, factor)) for factor in (0.0, 1.0))
    modern = unknown.modern_share
    wanted = FACTS["meters repaired"][2016] * np.array([1.0 - modern, modern])
    old_factor, modern_factor = np.maximum((wanted - none) / (prior - none), 0.0)
    fitted = (float(old_factor), float(modern_factor))
    return Answer(
        *fitted,
        float(prior.sum()),
        float(count(2021, 2016, late, fitted).sum()),
        float(count(2021, 2021, late, fitted).sum()),
    )


def central(pack: Pack, **changed: float) -> Answer:
    """The answer with every unknown in the middle; the weather's own draws are averaged out."""
    shares = make_up(pack)
    found = [
        answer(pack, shares, Unknown(np.random.default_rng(seed), **changed)) for seed in range(40)
    ]
    names = [item.name for item in fields(Answer)]
    return Answer(*(float(np.mean([getattr(item, name) for item in found])) for name in names))


def calibrated(pack: Pack) -> dict[str, tuple[list[float], list[float]]]:
    """Shares before and after the retrofit of every calibrated set, as the pack should have them.

    The factors are the medians of the draws; shares of insulated fittings keep their proportions.
    """
    found = draws(pack)
    factors = {
        "modern": float(np.median([item.modern_factor for item in found])),
        **dict.fromkeys(
            ("exposed", "sheltered"), float(np.median([item.old_factor for item in found]))
        ),
    }
    shares = {}
    for name, bare in PRIOR_BARE.items():
        layers = pack.content.stock.insulation[name]
        columns = []
        for state, naked in zip((layers.before, layers.after), bare, strict=True):
            share = round(naked * factors[name], 4)
            rest = [round((1.0 - share) * item / sum(state[1:]), 4) for item in state[1:]]
            largest = rest.index(max(rest))  # takes the rounding, so that shares sum to 1
            rest[largest] = round(rest[largest] + 1.0 - share - sum(rest), 4)
            columns.append([share, *rest])
        shares[name] = (columns[0], columns[1])
    return shares


def draws(pack: Pack, number: int = DRAWS) -> list[Answer]:
    """Answers over draws of everything that is not known."""
    shares = make_up(pack)
    root = np.random.default_rng(SEED)
    return [
        answer(pack, shares, Unknown.drawn(np.random.default_rng(root.integers(2**63))))
        for _ in range(number)
    ]


def page() -> str:
    """The two winters as a part of RESULTS.md."""
    pack = load_pack("yangpu")
    middle, early, found = central(pack), central(pack, retrofitted_by_2016=0.0), draws(pack)
    counted = FACTS["meters repaired"]

    def row(title: str, name: str, known: str) -> str:
        values = np.array([getattr(item, name) for item in found])
        digits = ",.3f" if name.endswith("factor") else ",.0f"
        cells = (getattr(middle, name), *np.percentile(values, [50, 10, 90]))
        return f"| {title} | {known} | " + " | ".join(format(cell, digits) for cell in cells) + " |"

    def ratio(name: str) -> str:
        values = [getattr(item, name) for item in found]
        low, median, high = counted[2016] / np.percentile(values, [90, 50, 10])
        return f"{median:.1f} ({low:.1f} to {high:.1f})"

    head = (
        "Meters in the whole of Shanghai. Two factors on the shares of bare fittings are fitted "
        "to January 2016 (the count, and that it fell mostly on the old stock); winter 2020/21 is "
        f"predicted. {DRAWS} draws of what is not known: weather beside the facts, number of "
        "meters, share of the modern stock, retrofit done by 2016 and later, what it leaves bare, "
        "supply temperature, use, wind."
    )
    tail = (
        f"2016 over 2020/21, median and 10 to 90 %: {ratio('retrofit_alone')} from the retrofit "
        f"alone, {ratio('own_weather')} with the winter's own weather; counted "
        f"{counted[2016] / counted[2021]:.1f}. Had nothing been retrofitted before January 2016, "
        f"the central prediction would be {early.retrofit_alone:,.0f} and "
        f"{early.own_weather:,.0f} meters."
    )
    return f"""## The stock model on two winters

{head}

| | counted | central | median | 10 % | 90 % |
|---|---|---|---|---|---|
{row("January 2016 with the shares assumed before", "uncalibrated_2016", "180,000")}
{row("factor on bare shares, old stock", "old_factor", "")}
{row("factor on bare shares, modern stock", "modern_factor", "")}
{row("winter 2020/21 from the retrofit alone", "retrofit_alone", "40,000")}
{row("winter 2020/21 with its own weather", "own_weather", "40,000")}

{tail}
"""


if __name__ == "__main__":
    sys.stdout.write(page())
