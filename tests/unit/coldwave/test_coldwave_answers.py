"""The work that the cold wave proposes, its words, and the review afterwards."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
from msgspec import structs

from lingjing.decision import rank
from lingjing.forecast.outlook import Outlook
from lingjing.scenarios.coldwave import Coldwave
from lingjing.scenarios.coldwave.settings import read_settings
from lingjing.scenarios.coldwave.words import MESSAGES, number
from lingjing.scenarios.coldwave.work_roads import care_factor, road_harm
from lingjing.sdk import Foreseen, Outcome, Progress, Work
from lingjing.twin.entities import Entity
from lingjing.twin.memory import MemoryTwin
from lingjing.vocabulary import LOCALES, Attribute, Provenance

SYNTHETIC = Provenance("inferred", "test", "made up", synthetic=True)
MakeTwin = Callable[..., MemoryTwin]
MakeOutlook = Callable[..., Outlook]


def night(twin: MemoryTwin, outlook: Outlook) -> tuple[Foreseen, list[Work]]:
    scenario = Coldwave()
    foreseen = scenario.foresee(twin, outlook, seed=7, progress=Progress())
    return foreseen, list(scenario.answer(twin, foreseen))


def by_action(works: list[Work], action: str) -> list[Work]:
    return [work for work in works if work.action == action]


def test_every_proposal_can_be_ranked_and_speaks_both_languages(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    _, works = night(twin, make_outlook(rain_mm_h=0.5))
    manifest = tomllib.loads(
        (resources.files("lingjing.scenarios.coldwave") / "manifest.toml").read_text("utf-8")
    )
    plan = rank(works)
    assert len(plan.rows) == len(works) > 8
    for work in works:
        assert work.action in manifest["actions"]
        assert work.hazard in manifest["emits"]
        for text in (work.title, work.reason.text):
            assert set(text) == set(LOCALES)
            assert all(part and "{" not in part for part in text.values())
        for value in work.reason.numbers.values():
            assert isinstance(value, str) or math.isfinite(value)
    assert {work.action for work in works} == set(manifest["actions"])


def test_a_salt_job_names_dose_times_area_and_the_local_time(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    _, works = night(twin, make_outlook(rain_mm_h=0.5))
    job = next(work for work in by_action(works, "salt") if work.target.endswith("road-1"))
    numbers = job.reason.numbers
    assert job.amount == pytest.approx(
        float(numbers["salt_dose_p75_g_m2"]) * float(numbers["area_m2"]) / 1000, abs=0.06
    )
    assert numbers["area_m2"] == pytest.approx(190.0 * 18.0)
    assert job.amount_unit == "kg salt"
    assert re.search(r"最早12月2\d日\d\d时", job.reason.text["zh-CN"])
    assert re.search(r"earliest 2\d Dec \d\d:00", job.reason.text["en"])
    assert f"{job.amount:.1f}" in job.reason.text["en"]
    assert "示例桥" in job.title["zh-CN"]
    assert not any(work.target.endswith("road-3") for work in works)  # the tunnel


def test_a_bridge_is_salted_before_an_equal_road(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    _, works = night(twin, make_outlook(rain_mm_h=0.5))
    order = [row.work.target[-6:] for row in rank(by_action(works, "salt")).rows]
    assert order.index("road-1") < order.index("road-0")


def test_where_ice_is_less_sure_only_bridges_and_steps_are_salted(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    outlook = make_outlook(rain_mm_h=0.5)
    scarce = make_twin({"thresholds": {"salt_probability": 1.1}})
    _, works = night(scarce, outlook)
    assert {work.target[-6:] for work in by_action(works, "salt")} == {"road-1", "road-4"}
    dear = make_twin({"thresholds": {"salt_probability": 1.1, "salt_first_probability": 1.1}})
    assert not by_action(night(dear, outlook)[1], "salt")


def test_a_building_has_one_job_for_each_owner(twin: MemoryTwin, make_outlook: MakeOutlook) -> None:
    _, works = night(twin, make_outlook(-7.0))
    jobs = [work for work in works if work.target.endswith("Building:test:house-0")]
    assert {(work.action, work.owner) for work in jobs} == {
        ("drip", "resident"),
        ("insulate", "property_company"),
    }
    assert not any("house-2" in work.id for work in works)  # 50 mm of insulation
    for work in jobs:
        assert work.assets
        assert work.expected_failures <= len(work.assets)
        assert work.probability >= 0.3
        assert work.onset_early_hours <= work.onset_hours


def test_what_a_sub_district_cannot_hand_out_goes_on_its_patrol(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    twin = make_twin({"thresholds": {"jobs_per_sub_district": 1}})
    _, works = night(twin, make_outlook(-7.0))
    street = [work for work in works if work.place == "示例街道"]
    assert len(by_action(street, "insulate") + by_action(street, "drip")) == 1
    (patrol,) = by_action(street, "inspect")
    assert patrol.target.startswith("urn:ngsi-ld:Building:test:house-")
    assert len(patrol.assets) == 3
    handed_out = {asset for work in street if work.action != "notify" for asset in work.assets}
    assert len(handed_out) == 4  # nothing at risk is forgotten


def test_households_of_one_building_are_not_counted_twice(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    _, works = night(twin, make_outlook(-7.0))
    notice = next(work for work in by_action(works, "notify") if work.place)
    households = float(notice.reason.numbers["expected_households"])
    assert 30 < households <= 40.0 + 1e-6  # two bare houses of 20, each with a riser and a box


def test_more_weight_on_bursts_raises_a_job(make_twin: MakeTwin, make_outlook: MakeOutlook) -> None:
    outlook = make_outlook(-7.0)
    _, plain = night(make_twin(), outlook)
    _, heavy = night(make_twin({"weights": {"events": {"burst": 30.0}}}), outlook)
    lighter = {work.id: work.weight for work in by_action(plain, "insulate")}
    for work in by_action(heavy, "insulate"):
        assert work.weight > lighter[work.id]


def test_a_facility_near_a_risk_is_checked_first(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    _, works = night(twin, make_outlook(-7.0))
    checks = by_action(works, "check")
    assert {work.target.rsplit(":", 1)[-1] for work in checks} == {"hospital", "school", "shelter"}
    first = rank(checks).rows[0].work
    assert first.target.endswith("hospital")
    assert "250" in first.reason.text["en"]


def test_without_act_level_cold_only_facilities_near_a_risk_are_checked(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    twin = make_twin({"thresholds": {"act_air_temperature_C": -20}})
    _, works = night(twin, make_outlook(-7.0))
    assert [work.target for work in by_action(works, "check")] == [
        "urn:ngsi-ld:Facility:test:hospital"
    ]


def test_shelters_open_by_the_forecast_threshold(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    outlook = make_outlook(-3.0)
    _, works = night(make_twin(), outlook)
    (shelter,) = by_action(works, "shelter")
    assert shelter.hazard == "cold_exposure"
    assert shelter.reason.numbers["beds"] == 40.0
    _, closed = night(make_twin({"thresholds": {"shelter_air_temperature_C": -10}}), outlook)
    assert not by_action(closed, "shelter")


def test_a_packs_tables_override_the_fall_backs_and_the_rest_stays() -> None:
    settings = read_settings(
        {
            "weights": {"facilities": {"hospital": 7}, "roads": {"class_factor": {"steps": 9}}},
            "wake": {"pipes": {"act_air_temperature_C": -5}},
            "roads": {"width_m": {"steps": 1.5}},
            "thresholds": {"salt_probability": "a lot", "unused": 3},
        }
    )
    assert settings.facilities["hospital"] == 7.0
    assert settings.facilities["school"] == 80.0
    assert settings.road_classes["steps"] == 9.0
    assert settings.width_m["steps"] == 1.5
    assert settings.thresholds["act_air_temperature_C"] == -5.0
    assert settings.thresholds["salt_probability"] == 0.5
    assert "unused" not in settings.thresholds


def test_both_languages_carry_the_same_messages() -> None:
    assert set(MESSAGES.texts["zh-CN"]) == set(MESSAGES.texts["en"])


def _seen(outcome: Outcome, values: np.ndarray) -> Outcome:
    rows = np.arange(outcome.assets.size, dtype=np.int32)
    if outcome.is_event:
        blank = np.zeros((rows.size, 1), dtype=np.float32)
        return replace(outcome, situation=rows, probability=values, hourly=blank)
    levels = np.repeat(values[:, None], 5, axis=1).astype(np.float32)
    return replace(outcome, situation=rows, levels=levels)


def test_the_review_tells_hits_misses_and_brier(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    foreseen, _ = night(twin, make_outlook(-7.0))
    boxes = next(item for item in foreseen.of("plugged") if item.kind == "MeterBox")
    happened = np.array([1.0, 0.0, 1.0], dtype=np.float32)  # box-0 hit, box-1 false, box-2 missed
    (text,) = Coldwave().review(twin, foreseen, [_seen(boxes, happened)])
    assert "1 hits, 1 misses, 1 false alarms" in text["en"]
    said = boxes.of_assets(boxes.probability)  # type: ignore[arg-type]
    assert f"{float(((said - happened) ** 2).mean()):.3f}" in text["zh-CN"]


def test_the_review_tells_the_error_of_a_state(twin: MemoryTwin, make_outlook: MakeOutlook) -> None:
    foreseen, _ = night(twin, make_outlook(-7.0))
    (roads,) = foreseen.of("road_surface_temperature")
    seen = roads.of_assets(roads.levels)[:, 2] + 1.0  # type: ignore[arg-type]
    (text,) = Coldwave().review(twin, foreseen, [_seen(roads, seen)])
    assert "1.00 °C" in text["en"]
    assert "-1.00" in text["en"]


def test_the_review_keeps_silent_on_what_was_not_foreseen(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    foreseen, _ = night(twin, make_outlook(-7.0))
    boxes = next(item for item in foreseen.of("plugged") if item.kind == "MeterBox")
    stranger = replace(boxes, kind="Hydrant")
    assert Coldwave().review(twin, foreseen, [stranger]) == []


def test_an_asset_without_building_gets_a_job_where_it_stands(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    def taps(entities: list[Entity]) -> list[Entity]:
        return [item for item in entities if item.kind == "Tap"]

    twin = make_twin(change=taps)
    _, works = night(twin, make_outlook(-7.0))
    (job,) = by_action(works, "insulate")
    assert job.target == "urn:ngsi-ld:Tap:test:tap"
    assert "室外水龙头" in job.title["zh-CN"]


def test_english_titles_name_sub_districts_in_english(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    _, works = night(twin, make_outlook(-7.0))
    (notice,) = [work for work in by_action(works, "notify") if work.place == "示例街道"]
    assert notice.title == {
        "zh-CN": "告知示例街道居民防冻",
        "en": "Tell residents of Sample to protect against frost",
    }
    for work in by_action(works, "insulate") + by_action(works, "drip"):
        assert "示例街道" not in work.title["en"]
        assert work.title["zh-CN"].startswith("示例街道") is bool(work.place)


def test_the_pack_names_a_sub_district_that_has_no_outline(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    twin = make_twin(
        {"sub_districts": [{"name_zh": "示例街道", "name_en": "From the pack"}]},
        lambda entities: [item for item in entities if item.kind != "SubDistrict"],
    )
    _, works = night(twin, make_outlook(-7.0))
    assert any("From the pack" in work.title["en"] for work in by_action(works, "notify"))


def test_a_nameless_building_is_told_by_the_nearest_road_and_its_number(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    _, works = night(twin, make_outlook(-7.0))
    job = next(work for work in by_action(works, "insulate") if work.target.endswith("house-0"))
    assert "示例路1附近的楼（house-0）" in job.title["zh-CN"]
    assert "a building (house-0) near 示例路1" in job.title["en"]


def test_a_building_with_an_address_is_told_by_it(
    make_twin: MakeTwin, make_outlook: MakeOutlook
) -> None:
    def addressed(entities: list[Entity]) -> list[Entity]:
        known = Attribute("示例路9", SYNTHETIC)
        return [
            structs.replace(item, attributes={**item.attributes, "address": known})
            if item.kind == "Building"
            else item
            for item in entities
        ]

    _, works = night(make_twin(change=addressed), make_outlook(-7.0))
    titles = [work.title["zh-CN"] for work in by_action(works, "insulate")]
    assert any("示例路9：" in title for title in titles)
    assert not any("附近的楼" in title for title in titles)


def test_what_is_far_from_every_named_road_gets_no_road(
    twin: MemoryTwin, make_outlook: MakeOutlook
) -> None:
    _, works = night(twin, make_outlook(-7.0))
    school = next(work for work in by_action(works, "check") if work.target.endswith("school"))
    assert school.title["zh-CN"] == "检查重点场所：学校"


def test_a_road_to_a_hospital_weighs_more_and_steps_more_than_a_lane(
    make_twin: MakeTwin,
) -> None:
    twin = make_twin()
    view, settings = twin.view("RoadSegment"), read_settings({})
    factor = care_factor(view, twin.view("Facility"), settings)
    assert set(factor) == {1.0}  # the hospital lies 200 m away
    wide = read_settings({"weights": {"roads": {"care_radius_m": 250.0}}})
    assert care_factor(view, twin.view("Facility"), wide)[0] == wide.roads["care_factor"] > 1.0
    harm = dict(zip(view.text("road_class"), road_harm(view, settings), strict=True))
    assert harm["steps"] > harm["residential"]
    assert harm["primary"] > harm["steps"]


def test_the_weights_of_roads_come_from_the_pack(make_twin: MakeTwin) -> None:
    view = make_twin().view("RoadSegment")
    plain = road_harm(view, read_settings({}))
    pack = {"weights": {"roads": {"bridge_factor": 3.0, "class_factor": {"primary": 2.8}}}}
    heavy = road_harm(view, read_settings(pack))
    assert heavy[0] == pytest.approx(plain[0] * 2)
    assert heavy[1] == pytest.approx(plain[1] * 4)  # the bridge
    assert heavy[2] == plain[2]


def test_numbers_for_people_have_a_true_minus_and_no_minus_zero() -> None:
    assert number(-5.25, 1) == "−5.2"
    assert number(-0.04, 1) == "0.0"
    assert number(math.nan, 1) == "—"
