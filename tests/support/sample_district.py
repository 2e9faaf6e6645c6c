"""A small made-up district with a run in the documented format, for the page and its endpoints."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from lingjing.engine.outputs_tables import OUTCOME_SCHEMA, SERIES_SCHEMA, WORK_COLUMNS
from lingjing.engine.settings import open_store
from lingjing.twin.entities import District, Entity, SourceRecord
from lingjing.vocabulary import Attribute, EntityId, Provenance, quantities

NAME = "sample"
START = datetime(2023, 12, 20, 4, tzinfo=UTC)
HOURS = 72
COLUMNS, ROWS = 12, 8
WEST, SOUTH, STEP = 121.500, 31.270, 0.0010
MARKUP = "<img src=x onerror=alert(1)>大楼"
MADE = Provenance("inferred", "sample sketch", rule="sketch", confidence=0.4, synthetic=True)
RUN = "coldwave-sample"


def identifier(kind: str, local: str) -> str:
    return str(EntityId(kind, NAME, local))


def entity(
    kind: str, local: str, shape: Any, values: dict[str, Any], **relationships: str
) -> Entity:
    attributes = {name: Attribute(value, MADE) for name, value in values.items()}
    made = identifier(kind, local)
    return Entity(made, kind, NAME, shapely.to_wkb(shape), attributes, relationships)


def entities() -> list[Entity]:
    found = []
    width = COLUMNS * STEP
    for half, (zh, en) in enumerate((("东园街道", "Dongyuan"), ("西园街道", "Xiyuan"))):
        west = WEST + half * width / 2
        found.append(
            entity(
                "SubDistrict",
                f"s{half}",
                shapely.box(west, SOUTH, west + width / 2, SOUTH + ROWS * STEP),
                {"name": zh, "name_en": en},
            )
        )
    for row in range(ROWS + 1):
        south = SOUTH + row * STEP
        for part in range(4):
            line = [(WEST + width * part / 4, south), (WEST + width * (part + 1) / 4, south)]
            found.append(
                entity(
                    "RoadSegment",
                    f"r{row}-{part}",
                    shapely.LineString(line),
                    {
                        "name": f"园{row + 1}路",
                        "name_en": f"Yuan {row + 1} Road",
                        "road_class": "secondary" if row % 3 == 0 else "residential",
                        "length": width * 95_000 / 4,
                        "width": 12.0,
                        "bridge": row == 3 and part == 1,
                        "sub_district": "东园街道" if part < 2 else "西园街道",
                    },
                )
            )
    for row in range(ROWS):
        for column in range(COLUMNS):
            west, south = WEST + (column + 0.2) * STEP, SOUTH + (row + 0.25) * STEP
            local = f"b{row}-{column:02d}"
            street = "东园街道" if column < COLUMNS / 2 else "西园街道"
            found.append(
                entity(
                    "Building",
                    local,
                    shapely.box(west, south, west + 0.6 * STEP, south + 0.5 * STEP),
                    {
                        "name": MARKUP
                        if (row, column) == (0, 0)
                        else f"园{row + 1}路{column + 1}号楼",
                        "use": "residential",
                        "levels": 6.0,
                        "height": 17.5,
                        "households": 36.0,
                        "age_class": "workers_village",
                        "sub_district": street,
                    },
                )
            )
            found.extend(
                entity(
                    "MeterBox",
                    f"m{row}-{column:02d}-{number}",
                    shapely.Point(west + (0.1 + 0.3 * number) * STEP, south),
                    {
                        "location": "facade",
                        "material": "galvanised_steel",
                        "inner_diameter": 20.0,
                        "insulation_thickness": 0.0 if number else 10.0,
                        "households": 18.0,
                        "sub_district": street,
                    },
                    building=identifier("Building", local),
                )
                for number in range(2)
            )
    for place, kind in enumerate(("hospital", "nursing_home", "market", "fire_station", "school")):
        point = shapely.Point(WEST + (2 * place + 1.1) * STEP, SOUTH + 4.1 * STEP)
        found.append(
            entity(
                "Facility",
                f"f{place}",
                point,
                {
                    "name": f"示例{place + 1}",
                    "name_en": f"Sample {place + 1}",
                    "facility_kind": kind,
                },
            )
        )
    return found


def district() -> District:
    bounds = (WEST, SOUTH, WEST + COLUMNS * STEP, SOUTH + ROWS * STEP)
    return District(
        NAME, "yangpu", "示例城区", "Sample district", {}, bounds, True, "2023-12-20T00:00:00Z"
    )


def source() -> SourceRecord:
    return SourceRecord(
        "sketch",
        NAME,
        "Lingjing sample sketch",
        "CC0-1.0",
        "0" * 64,
        "2023-12-20T00:00:00Z",
        True,
        {},
    )


def chance_of(situation: int, situations: int) -> float:
    """Chance rises with the situation's number, from none to sure."""
    return situation / (situations - 1)


def hourly_of(situation: int, situations: int) -> list[float]:
    """Nothing at first, highest in the second night."""
    hours = np.arange(HOURS + 1)
    shape = np.exp(-(((hours - 40.0) / 12.0) ** 2))
    return [float(value) for value in np.round(shape * chance_of(situation, situations), 4)]


def onset_of(situation: int, situations: int) -> float:
    return 40.0 - 12.0 * chance_of(situation, situations)


SITUATIONS = {"RoadSegment": 6, "MeterBox": 11}
EVENTS = {"RoadSegment": "road_slippery", "MeterBox": "plugged"}
STATES = {"RoadSegment": "road_surface_temperature", "MeterBox": "water_temperature"}


def situation_of(place: int, kind: str) -> int:
    return (place * 7) % SITUATIONS[kind]


def outcome_rows(kind: str, ids: list[str]) -> list[dict[str, Any]]:
    rows = []
    event, state, count = EVENTS[kind], STATES[kind], SITUATIONS[kind]
    blank = dict.fromkeys(OUTCOME_SCHEMA.names)
    for place, asset in enumerate(ids):
        situation = situation_of(place, kind)
        shared = {**blank, "asset": asset, "kind": kind, "situation": situation}
        chance = chance_of(situation, count)
        onset = START + timedelta(hours=onset_of(situation, count))
        row = {**shared, "quantity": event, "unit": "1", "probability": chance}
        if chance > 0:
            row |= {
                "onset_p10": onset - timedelta(hours=3),
                "onset_p50": onset,
                "onset_p90": onset + timedelta(hours=5),
            }
        rows.append(row)
        lowest = {f"p{level}": -8.0 * chance + level / 50 for level in (10, 25, 50, 75, 90)}
        unit = quantities()[state].unit
        rows.append({**shared, "quantity": state, "unit": unit, **lowest})
    return rows


def series_rows(kind: str) -> list[dict[str, Any]]:
    rows = []
    count = SITUATIONS[kind]
    blank = dict.fromkeys(SERIES_SCHEMA.names)
    for situation in range(count):
        shared = {**blank, "kind": kind, "situation": situation}
        hourly = hourly_of(situation, count)
        rows.append({**shared, "quantity": EVENTS[kind], "probability": hourly})
        fans = {
            f"p{level}": [
                4.0 - 10.0 * value + level / 40 + math.sin(hour / 4) * 0.8
                for hour, value in enumerate(hourly)
            ]
            for level in (10, 25, 50, 75, 90)
        }
        rows.append({**shared, "quantity": STATES[kind], **fans})
    return rows


def work_rows(meters: list[str], roads: list[str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    places = {item.id: shapely.from_wkb(item.geometry).centroid for item in entities()}
    names = {
        item.id: item.attributes["name"].value for item in entities() if "name" in item.attributes
    }

    def add(action: str, target: str, assets: list[str], hazard: str, chance: float) -> None:
        salting = action == "salt"
        point, hour = places[target], onset_of(int(chance * 10), 11)
        median = START + timedelta(hours=hour)
        early = median - timedelta(hours=3)
        found.append(
            dict.fromkeys(WORK_COLUMNS, "")
            | {
                "id": f"coldwave:{action}:{target}",
                "action": action,
                "action_title_zh": "撒盐除冰" if salting else "包扎保温",
                "action_title_en": "Salt the road" if salting else "Insulate",
                "title_zh": f"{names[target]}{'撒盐' if salting else '水表箱包扎保温'}",
                "title_en": f"{'Salt' if salting else 'Insulate meters of'} {names[target]}",
                "place": "东园街道",
                "owner": "public_works" if salting else "property_company",
                "hazard": hazard,
                "probability": str(chance),
                "expected_failures": str(chance * len(assets)),
                "expected_harm_households": str(chance * 36),
                "averted_share": "0.8",
                "score": str(round(chance * 28.8, 4)),
                "onset_utc": median.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "onset_early_utc": early.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "effort_minutes": "45",
                "amount": "42" if salting else "2",
                "amount_unit": "kg salt" if salting else "straw mats",
                "longitude_deg": f"{point.x:.6f}",
                "latitude_deg": f"{point.y:.6f}",
                "target": target,
                "asset_count": str(len(assets)),
                "assets": " ".join(assets),
                "reason_zh": f"31 个成员中有 {round(chance * 31)} 个在夜间冰堵。",
                "reason_en": f"{round(chance * 31)} of 31 members plug it at night.",
                "rank_reason_zh": "预计损失大，离发生还有一夜。",
                "rank_reason_en": "Much harm is expected, with a night to go.",
            }
        )

    for place, meter in enumerate(meters):
        chance = chance_of(situation_of(place, "MeterBox"), SITUATIONS["MeterBox"])
        if chance >= 0.5:
            row, column, _ = meter.rsplit(":", 1)[-1].removeprefix("m").split("-")
            add("insulate", identifier("Building", f"b{row}-{column}"), [meter], "plugged", chance)
    for place, road in enumerate(roads):
        chance = chance_of(situation_of(place, "RoadSegment"), SITUATIONS["RoadSegment"])
        if chance >= 0.5:
            add("salt", road, [road], "road_slippery", chance)
    found.sort(key=lambda row: (-float(row["score"]), row["id"]))
    unique = {row["id"]: row for row in reversed(found)}
    ordered = sorted(unique.values(), key=lambda row: (-float(row["score"]), row["id"]))
    return [row | {"rank": str(rank)} for rank, row in enumerate(ordered, 1)]


def summary() -> dict[str, Any]:
    label = {"zh-CN": "合成数据：城区为虚构", "en": "Synthetic data: the district is made up"}
    rebuilt = {"zh-CN": "天气为历史重建", "en": "The weather is a reconstruction"}
    return {
        "format": 1,
        "run": RUN,
        "scenario": {
            "id": "coldwave",
            "version": "0.1.0",
            "title": {"zh-CN": "寒潮", "en": "Cold wave"},
        },
        "district": {"name": NAME, "title": {"zh-CN": "示例城区", "en": "Sample district"}},
        "window": {
            "start": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "end": (START + timedelta(hours=HOURS)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "hours": HOURS,
            "zone": "Asia/Shanghai",
        },
        "synthetic": True,
        "labels": [label, rebuilt],
        "attribution": ["Lingjing sample sketch", "Lingjing sample weather"],
        "alarm": {
            "level": "act",
            "text": {"zh-CN": "需要部署防冻。", "en": "Protect against frost."},
        },
        "weather": {"name": "sample-cold", "members": 31, "synthetic": True},
    }


def write_run(data_dir: Path, name: str = RUN) -> Path:
    """Write the run's folder; returns it."""
    folder = data_dir / "runs" / name
    (folder / "figures").mkdir(parents=True)
    ids = sorted(item.id for item in entities())
    by_kind = {kind: [item for item in ids if f":{kind}:" in item] for kind in EVENTS}
    outcomes = [row for kind, assets in by_kind.items() for row in outcome_rows(kind, assets)]
    series = [row for kind in by_kind for row in series_rows(kind)]
    pq.write_table(
        pa.Table.from_pylist(outcomes, schema=OUTCOME_SCHEMA), folder / "outcomes.parquet"
    )
    pq.write_table(pa.Table.from_pylist(series, schema=SERIES_SCHEMA), folder / "series.parquet")
    text = io.StringIO()
    writer = csv.DictWriter(text, WORK_COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(work_rows(by_kind["MeterBox"], by_kind["RoadSegment"]))
    (folder / "work.csv").write_bytes(text.getvalue().encode("utf-8-sig"))
    (folder / "summary.json").write_text(json.dumps(summary()), encoding="utf-8")
    (folder / "summary.md").write_text(
        "<!-- zh-CN -->\n# 示例\n\n**第二夜最冷，园路一带先结冰。**\n"
        "\n<!-- en -->\n# Sample\n\n**The second night is the coldest.**\n",
        encoding="utf-8",
    )
    (folder / "figures" / "map.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    record = {"format": 1, "run": RUN, "written_at": "2023-12-20T03:00:00Z"}
    record |= {name: {} for name in ("request", "inputs", "versions", "scenario", "outputs")}
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def write_district(data_dir: Path) -> None:
    """Put the district into the folder's store."""
    store = open_store(data_dir)
    store.import_entities(district(), source(), entities())
    store.close()


def write_sample(data_dir: Path) -> Path:
    """District and run together."""
    write_district(data_dir)
    write_run(data_dir)
    return data_dir
