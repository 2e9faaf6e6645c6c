"""The height model on real towns: heights held back, guessed, and compared with other rules.

The data are not part of the project; `LINGJING_SHARED_DATA` names the folder that holds them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lingjing.sources.batches import Feature
from lingjing.sources.heights import estimate
from lingjing.sources.maps import read_map
from lingjing.sources.packs import Pack, load_pack
from lingjing.sources.stock import describe_buildings

TOWNS = {
    "Siping block, Shanghai (OpenStreetMap)": "maps/yangpu-siping.osm.pbf",
    "Delft (city model, measured)": "maps/delft-3dbag.city.json",
}
SHARES = (0.1, 0.3)
DRAWS = 20
SEED = 2024
_CONSTANT_M = 9.0


def _without(feature: Feature) -> Feature:
    kept = {k: v for k, v in feature.attributes.items() if k not in ("height", "levels")}
    return replace(feature, attributes=kept)


def _heights(buildings: Sequence[Feature]) -> np.ndarray:
    return np.array(
        [float(f.attributes["height"].value) if "height" in f.attributes else np.nan
         for f in buildings]
    )  # fmt: skip


def _row(title: str, guess: np.ndarray, true: np.ndarray, inside: float | None) -> str:
    error = np.abs(guess - true)
    share = "—" if inside is None else f"{100 * inside:.0f} %"
    return f"| {title} | {np.median(error):.1f} | {error.mean():.1f} | {share} |\n"


def _town(title: str, path: Path, pack: Pack) -> str:
    buildings = [item for item in read_map(path, "m").features if item.kind == "Building"]
    true = _heights(buildings)
    known = ~np.isnan(true)
    bare = [_without(item) for item in buildings]
    drawn = [
        3.0 * float(item.attributes["levels"].value) if "levels" in item.attributes else _CONSTANT_M
        for item in describe_buildings(bare, pack, 7)
    ]
    prior = estimate(bare, pack)
    within = (prior.p10 <= true) & (true <= prior.p90)
    check = estimate(buildings, pack).check
    text = f"\n**{title}**: {len(buildings)} buildings, {int(known.sum())} with a known height.\n\n"
    text += "| rule | median error [m] | mean error [m] | within p10–p90 |\n|---|---|---|---|\n"
    text += _row("9 m for all", np.full(known.sum(), _CONSTANT_M), true[known], None)
    text += _row(
        "storeys drawn by the stock model × 3 m", np.array(drawn)[known], true[known], None
    )
    text += _row("prior alone", prior.p50[known], true[known], within[known].mean())
    for share in SHARES:
        text += _hidden(buildings, bare, true, pack, share)
    text += (
        f"| all known, in tenths ({check.rule.rpartition(':')[2]}) | {check.median_error_m:.1f} "
        f"| {check.mean_error_m:.1f} | {100 * check.coverage:.0f} % |\n"
    )
    return text


def _hidden(
    buildings: Sequence[Feature],
    bare: Sequence[Feature],
    true: np.ndarray,
    pack: Pack,
    share: float,
) -> str:
    """A share of the heights told, the others asked for, over some draws."""
    rng = np.random.default_rng(SEED)
    guesses, truths, inside, fitted = [], [], [], 0
    for _ in range(DRAWS):
        told = rng.random(len(buildings)) < share
        mixed = [a if keep else b for a, b, keep in zip(buildings, bare, told, strict=True)]
        found = estimate(mixed, pack)
        asked = ~told & ~np.isnan(true)
        guesses.append(found.p50[asked])
        truths.append(true[asked])
        inside.append((found.p10[asked] <= true[asked]) & (true[asked] <= found.p90[asked]))
        fitted += found.check.rule.endswith("fitted")
    return _row(
        f"{100 * share:.0f} % told, {DRAWS} draws ({fitted} fitted)",
        np.concatenate(guesses),
        np.concatenate(truths),
        float(np.concatenate(inside).mean()),
    )


def page() -> str:
    """The part of the results page."""
    folder = Path(os.environ.get("LINGJING_SHARED_DATA", "shared/data"))
    pack = load_pack("yangpu")
    text = "## Heights of buildings that no source states\n"
    for title, name in TOWNS.items():
        path = folder / name
        text += _town(title, path, pack) if path.is_file() else f"\n{title}: no data here.\n"
    return text
