"""The numbers of a run's summary, worked out once; words and `summary.json` both take them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingjing.decision.work import BudgetUse, Ranked
from lingjing.engine.run_content import RunContent
from lingjing.sdk import LEVELS, Outcome, quantity
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LOCALES, Locale, format_instant, kinds

LIKELY = 0.5
TOP_WORK = 10
NEXT_WORK = 4
EARLY, MIDDLE, LATE = (LEVELS.index(level) for level in (10, 50, 90))

Facts = dict[str, Any]


def summary_facts(content: RunContent) -> Facts:
    """Everything the summary says, as plain values; times are ISO 8601 UTC."""
    district, window = content.twin.district, content.outlook.window
    manifest = content.manifest
    hazards = [hazard_facts(content, outcome) for outcome in content.events()]
    hazards = [item for item in hazards if item["assets"]]
    return {
        "format": 1,
        "run": content.run_id,
        "scenario": {
            "id": manifest.id,
            "version": content.version,
            "title": {"zh-CN": manifest.title_zh, "en": manifest.title_en},
        },
        "district": {
            "name": district.name,
            "pack": district.pack,
            "title": {"zh-CN": district.title_zh, "en": district.title_en},
            "bounds": list(district.bounds),
            "synthetic": district.synthetic,
        },
        "window": {
            "start": format_instant(window.start),
            "end": format_instant(window.end),
            "hours": window.hours,
            "zone": content.zone.key,
        },
        "synthetic": content.synthetic,
        "labels": [dict(text) for text in content.labels],
        "attribution": list(content.attribution),
        "alarm": None
        if content.alarm is None
        else {"level": content.alarm.level, "text": dict(content.alarm.text)},
        "weather": weather_facts(content),
        "coldest": [state_facts(content, item) for item in _temperatures(content)],
        "hazards": hazards,
        "first": first_hazard(hazards),
        "sub_districts": sub_district_facts(content),
        "work": work_facts(content),
        "quality": quality_facts(content),
        "remarks": [dict(text) for text in content.foreseen.remarks],
    }


def weather_facts(content: RunContent) -> Facts:
    """How cold, how surely and when, and how each forcing was had."""
    air = content.outlook.within("air_temperature").astype(np.float64)
    lowest = air.min(axis=1)
    low, middle, high = (float(np.percentile(lowest, level)) for level in (10, 50, 90))
    return {
        "name": content.outlook.weather,
        "members": content.outlook.members,
        "synthetic": content.outlook.synthetic,
        "attribution": content.outlook.attribution,
        "provenance": content.weather_provenance.kind,
        "methods": dict(sorted(content.outlook.methods.items())),
        "notes": list(content.outlook.notes),
        "air_minimum_degC": {"p10": _round(low), "p50": _round(middle), "p90": _round(high)},
        "air_minimum_at": format_instant(content.instant(float(air.mean(axis=0).argmin()))),
    }


def _temperatures(content: RunContent) -> list[Outcome]:
    return [
        item
        for item in content.outcomes
        if item.levels is not None and quantity(item.quantity).unit == "degC" and item.assets.size
    ]


def state_facts(content: RunContent, outcome: Outcome) -> Facts:
    """The coldest asset of a temperature: percentiles of its minimum."""
    levels = np.empty((0, 0)) if outcome.levels is None else outcome.of_assets(outcome.levels)
    row = int(np.argmin(levels[:, MIDDLE]))
    return {
        "kind": outcome.kind,
        "quantity": outcome.quantity,
        "asset": str(outcome.assets[row]),
        **_places(content.where(outcome, row)),
        **{f"p{LEVELS[index]}": _round(levels[row, index]) for index in (EARLY, MIDDLE, LATE)},
    }


def hazard_facts(content: RunContent, outcome: Outcome) -> Facts:
    """How many assets of a kind an event is expected to strike, and which first."""
    if outcome.probability is None or outcome.onset_hours is None:
        raise ValueError("not an event")
    chance = outcome.of_assets(outcome.probability).astype(np.float64)
    onset = outcome.of_assets(outcome.onset_hours).astype(np.float64)
    view, rows = content.rows_of(outcome)
    homes = view.number("households", 0.0)[rows]
    facts: Facts = {
        "kind": outcome.kind,
        "quantity": outcome.quantity,
        "assets": int(outcome.assets.size),
        "expected": _round(chance.sum(), 1),
        "likely": int((chance >= LIKELY).sum()),
        "expected_households": _round((chance * homes).sum(), 1),
        "highest_probability": _round(chance.max(initial=0.0), 4),
        "first": None,
    }
    row = _first_row(chance, onset[:, MIDDLE])
    if row is not None:
        facts["first"] = {
            "asset": str(outcome.assets[row]),
            **_places(content.where(outcome, row)),
            "sub_district": _text_at(view, "sub_district", int(rows[row])),
            "longitude_deg": _round(view.longitude_deg[rows[row]], 6),
            "latitude_deg": _round(view.latitude_deg[rows[row]], 6),
            "probability": _round(chance[row], 4),
            "early": format_instant(content.instant(onset[row, EARLY])),
            "median": format_instant(content.instant(onset[row, MIDDLE])),
            "late": format_instant(content.instant(onset[row, LATE])),
        }
    return facts


def _first_row(chance: NDArray[np.float64], onset: NDArray[np.float64]) -> int | None:
    """The likely asset that is struck soonest; where none is likely, the likeliest."""
    struck = ~np.isnan(onset) & (chance > 0)
    if not struck.any():
        return None
    likely = struck & (chance >= LIKELY)
    if likely.any():
        keys: Sequence[NDArray[np.float64]] = (-chance, np.where(likely, onset, np.inf))
    else:
        keys = (np.where(struck, onset, np.inf), np.where(struck, -chance, np.inf))
    return int(np.lexsort(keys)[0])


def first_hazard(hazards: Sequence[Facts]) -> Facts | None:
    """The hazard that strikes first among the likely ones, else the likeliest.

    Assets that frost itself can harm come before everything else that the cold threatens.
    """
    struck = [item for item in hazards if item["first"] is not None]
    struck = [item for item in struck if kinds()[item["kind"]].exposed] or struck
    if not struck:
        return None
    likely = [item for item in struck if item["first"]["probability"] >= LIKELY]
    if likely:
        return min(likely, key=lambda item: (item["first"]["median"], item["kind"]))
    return min(struck, key=lambda item: (-item["first"]["probability"], item["kind"]))


Served = dict[str, dict[str, float]]
"""Expected households by building (or asset without one) and kind of asset."""


def _groups(view: TwinView, rows: NDArray[np.intp]) -> NDArray[np.object_]:
    """The building of each asset, or the asset itself."""
    homes, ids = view.related("building")[rows], view.ids[rows]
    return np.array([home or own for home, own in zip(homes, ids, strict=True)], dtype=object)


def _add_homes(
    served: Served, kind: str, groups: NDArray[np.object_], expected: NDArray[np.float64]
) -> None:
    for group, value in zip(groups, expected.tolist(), strict=True):
        if value > 0:
            kinds_here = served.setdefault(str(group), {})
            kinds_here[kind] = kinds_here.get(kind, 0.0) + value


def sub_district_facts(content: RunContent) -> list[Facts]:
    """Expected number struck by sub-district, kind and event; the most households first.

    The risers, boxes and valves of one building serve the same households, so of each building the
    kind that expects most counts, not the sum.
    """
    found: dict[str, Facts] = {}
    served: dict[str, Served] = {}
    for outcome in content.events():
        if outcome.probability is None or outcome.onset_hours is None or not outcome.assets.size:
            continue
        view, rows = content.rows_of(outcome)
        chance = outcome.of_assets(outcome.probability).astype(np.float64)
        onset = outcome.of_assets(outcome.onset_hours[:, MIDDLE]).astype(np.float64)
        homes = view.number("households", 0.0)[rows]
        expected = chance * homes
        groups = _groups(view, rows)
        names = view.text("sub_district", "")[rows]
        for name in sorted({str(item) for item in names}):
            here = names == name
            entry = found.setdefault(
                name,
                {
                    "name": name,
                    "name_en": content.sub_district(name)["en"],
                    "expected_households": 0.0,
                    "likely": 0,
                    "first": None,
                    "expected": [],
                },
            )
            _add_homes(served.setdefault(name, {}), outcome.kind, groups[here], expected[here])
            entry["likely"] += int((chance[here] >= LIKELY).sum())
            share = {"kind": outcome.kind, "quantity": outcome.quantity}
            entry["expected"].append(share | {"count": _round(chance[here].sum(), 1)})
            row = _first_row(chance[here], onset[here])
            if row is not None and chance[here][row] >= LIKELY:
                when = format_instant(content.instant(onset[here][row]))
                entry["first"] = min(filter(None, (entry["first"], when)))
    for name, entry in found.items():
        homes_of = served.get(name, {}).values()
        entry["expected_households"] = _round(sum(max(by_kind.values()) for by_kind in homes_of), 1)
    total = {name: sum(part["count"] for part in e["expected"]) for name, e in found.items()}
    return sorted(
        found.values(),
        key=lambda e: (-e["expected_households"], -total[e["name"]], e["name"]),
    )


def work_facts(content: RunContent) -> Facts:
    """Jobs in all, by owner and action, material, and the first rows of the list."""
    rows = content.plan.rows
    material: dict[str, float] = {}
    for row in rows:
        if row.work.amount > 0:
            unit = row.work.amount_unit
            material[unit] = material.get(unit, 0.0) + row.work.amount
    owners = Counter(row.work.owner for row in rows)
    hours = {
        owner: sum(row.work.effort_minutes for row in rows if row.work.owner == owner) / 60.0
        for owner in owners
    }
    actions = Counter(row.work.action for row in rows)
    return {
        "jobs": len(rows),
        "crew_hours": _round(sum(hours.values()), 1),
        "by_owner": [
            {"owner": owner, "jobs": count, "crew_hours": _round(hours[owner], 1)}
            for owner, count in sorted(owners.items(), key=lambda item: (-item[1], item[0]))
        ],
        "by_action": [
            {
                "action": action.name,
                "title": {"zh-CN": action.title_zh, "en": action.title_en},
                "jobs": actions[action.name],
            }
            for action in content.manifest.actions
            if actions[action.name]
        ],
        "material": [
            {"unit": unit, "amount": _round(amount, 1)} for unit, amount in sorted(material.items())
        ],
        "harm_averted_households": _round(
            sum(row.work.weight * row.work.averted_share for row in rows), 1
        ),
        "covered": None if content.plan.budget is None else content.plan.budget.covered,
        "budget": budget_facts(content.plan.budget),
        "top": [_work_row(content, row) for row in rows[:TOP_WORK]],
        "groups": _work_groups(content, rows),
    }


def budget_facts(budget: BudgetUse | None) -> Facts | None:
    """How far material and crews reach; None where nothing is known of them."""
    if budget is None:
        return None
    return {
        "shift_hours": None if math.isnan(budget.shift_hours) else _round(budget.shift_hours, 1),
        "jobs": budget.jobs,
        "covered": budget.covered,
        "covered_from_top": budget.covered_from_top,
        "harm_share_covered": _share(budget.harm_covered, budget.harm),
        "uses": [
            {
                "kind": use.kind,
                "name": use.name,
                "needed": _round(use.needed, 1),
                "held": None if use.held is None else _round(use.held, 1),
                "used": _round(use.used, 1),
                "short": None if use.held is None else _round(max(use.needed - use.held, 0.0), 1),
                "needed_for_most": _round(use.needed_for_most, 1),
                "jobs": use.jobs,
                "covered": use.covered,
                "covered_from_top": use.covered_from_top,
                "harm_share_covered": _share(use.harm_covered, use.harm),
            }
            for use in budget.uses
        ],
    }


def _share(part: float, whole: float) -> float:
    return _round(part / whole, 4) if whole > 0 else 1.0


def _work_groups(content: RunContent, rows: Sequence[Ranked]) -> list[Facts]:
    """Jobs of one action, hazard and owner as one entry, in order of their first rank."""
    groups: dict[tuple[str, ...], list[Ranked]] = {}
    for row in rows:
        groups.setdefault((row.work.action, row.work.hazard, row.work.owner), []).append(row)
    titles = {item.name: item for item in content.manifest.actions}
    known = content.plan.budget is not None
    return [
        {
            "action": action,
            "title": {"zh-CN": titles[action].title_zh, "en": titles[action].title_en},
            "owner": owner,
            "hazard": hazard,
            "first": _work_row(content, members[0]),
            "next": [_work_row(content, row) for row in members[1:NEXT_WORK]],
            "jobs": len(members),
            "covered": sum(row.covered is True for row in members) if known else None,
            "crew_hours": _round(sum(row.work.effort_minutes for row in members) / 60.0, 1),
            "amount": _round(sum(row.work.amount for row in members), 1),
            "unit": members[0].work.amount_unit,
            "score": _round(sum(row.score for row in members), 4),
        }
        for (action, hazard, owner), members in list(groups.items())[:TOP_WORK]
    ]


def _work_row(content: RunContent, row: Ranked) -> Facts:
    work = row.work
    return {
        "rank": row.rank,
        "id": work.id,
        "action": work.action,
        "owner": work.owner,
        "title": {locale: work.title[locale] for locale in LOCALES},
        "reason": {locale: work.reason.text[locale] for locale in LOCALES},
        "place": work.place,
        "place_en": content.sub_district(work.place)["en"],
        "covered": row.covered,
        "probability": _round(work.probability, 4),
        "score": _round(row.score, 4),
        "onset": None
        if math.isnan(work.onset_hours)
        else format_instant(content.instant(work.onset_hours)),
        "onset_early": None
        if math.isnan(work.onset_early_hours)
        else format_instant(content.instant(work.onset_early_hours)),
    }


def quality_facts(content: RunContent) -> Facts:
    """What the results rest on: values by provenance, and the rules that inferred them."""
    counts: Counter[str] = Counter()
    rules: Counter[tuple[str, str]] = Counter()
    confidence: dict[tuple[str, str], float] = {}
    observed: list[str] = []
    for kind in sorted({item.kind for item in content.outcomes}):
        view = content.twin.view(kind)
        for index in view.provenance_index.values():
            used, times = np.unique(index[index >= 0], return_counts=True)
            for place, count in zip(used.tolist(), times.tolist(), strict=True):
                provenance = view.provenances[place]
                counts[provenance.kind] += count
                if provenance.observed_at:
                    observed.append(provenance.observed_at)
                if provenance.kind in ("inferred", "simulated"):
                    key = (provenance.source, provenance.rule or "")
                    rules[key] += count
                    if provenance.confidence is not None:
                        confidence[key] = provenance.confidence
    return {
        "kinds": [
            {"kind": kind, "entities": len(content.twin.view(kind))}
            for kind in content.twin.kinds()
            if kind in kinds()
        ],
        "values_by_provenance": dict(sorted(counts.items())),
        "rules": [
            {
                "source": source,
                "rule": rule,
                "values": count,
                "confidence": confidence.get((source, rule)),
            }
            for (source, rule), count in sorted(rules.items(), key=lambda i: (-i[1], i[0]))
        ],
        "observed_from": min(observed, default=None),
        "observed_to": max(observed, default=None),
        "sources": [
            {
                "name": item.name,
                "licence": item.licence,
                "sha256": item.sha256,
                "synthetic": item.synthetic,
            }
            for item in content.sources
        ],
    }


def _places(where: Mapping[Locale, str]) -> Facts:
    """A place in both languages; `place` is the Chinese."""
    return {"place": where["zh-CN"], "place_en": where["en"]}


def _text_at(view: TwinView, name: str, row: int) -> str:
    value = view.text(name)[row]
    return "" if value is None else str(value)


def _round(value: float, digits: int = 2) -> float:
    return round(float(value), digits) + 0.0
