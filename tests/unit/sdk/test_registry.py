"""Scenarios are found by their manifests; broken ones are listed and take nothing down."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lingjing.sdk import LingjingError, Scenario
from lingjing.sdk.manifest import parse_manifest
from lingjing.sdk.registry import Listed, find, listing, load

MakeGuest = Callable[..., Path]

SOUND = {
    "id": "sound",
    "api": 1,
    "title_zh": "好",
    "title_en": "Sound",
    "summary_zh": "好。",
    "summary_en": "Sound.",
    "needs": ["air_temperature"],
    "kinds": ["RoadSegment"],
    "emits": ["road_below_zero"],
    "actions": {"salt": {"title_zh": "撒盐", "title_en": "Salt"}},
}


def listed(name: str, **options: bool) -> Listed:
    return next(item for item in listing(**options) if item.id == name)


def test_a_sound_guest_is_listed_with_its_promises_and_no_code_runs(make_guest: MakeGuest) -> None:
    make_guest("quiet_guest", top="raise RuntimeError('must not run')")
    found = listed("quiet-guest")
    assert found.usable
    assert found.manifest is not None
    assert found.manifest.emits == ("road_surface_temperature", "plugged")
    assert found.version == "0.1"
    assert "quiet_guest" not in sys.modules


def test_listing_the_bundled_scenario_imports_none_of_it() -> None:
    for name in [name for name in sys.modules if name.startswith("lingjing.scenarios")]:
        sys.modules.pop(name)
    assert listed("coldwave").usable
    assert "lingjing.scenarios.coldwave" not in sys.modules


def test_a_guest_that_raises_on_import_is_broken_and_the_rest_go_on(make_guest: MakeGuest) -> None:
    make_guest("raising_guest", top="raise RuntimeError('no luck')")
    make_guest("fine_guest")
    found = listing(probe=True)
    broken = next(item for item in found if item.id == "raising-guest")
    assert broken.error is not None
    assert broken.error.code == "scenario.import-failed"
    assert "no luck" in broken.error.what()
    assert next(item for item in found if item.id == "fine-guest").usable


def test_a_guest_that_exits_on_import_is_broken(make_guest: MakeGuest) -> None:
    make_guest("leaving_guest", top="os._exit(3)")
    error = listed("leaving-guest", probe=True).error
    assert error is not None
    assert error.code == "scenario.import-failed"


def test_two_guests_with_one_id_are_both_broken(make_guest: MakeGuest) -> None:
    make_guest("first_guest", id="same")
    make_guest("second_guest", id="same")
    found = [item for item in listing() if item.id == "same"]
    assert [item.error.code for item in found if item.error] == ["scenario.duplicate-id"] * 2
    assert found[0].error is not None
    assert "second_guest" in found[0].error.what()
    with pytest.raises(LingjingError, match="duplicate-id"):
        find("same")


def test_a_stranger_cannot_take_the_bundled_scenario_down(make_guest: MakeGuest) -> None:
    make_guest("pretender", id="coldwave")
    found = [item for item in listing() if item.id == "coldwave"]
    assert {item.distribution: item.usable for item in found} == {
        "lingjing-twin": True,
        "pretender": False,
    }
    assert find("coldwave").distribution == "lingjing-twin"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"manifest": None}, "scenario.no-manifest"),
        ({"manifest": "id = "}, "scenario.bad-manifest"),
        ({"api": 99}, "scenario.wrong-api"),
        ({"emits": '["road_gloom"]'}, "scenario.unknown-quantity"),
    ],
)
def test_a_bad_manifest_is_listed_with_its_error(
    make_guest: MakeGuest, options: dict[str, object], code: str
) -> None:
    make_guest("odd_guest", **options)
    found = [item for item in listing() if item.distribution == "odd_guest"]
    assert len(found) == 1
    assert found[0].error is not None
    assert found[0].error.code == code
    assert found[0].error.remedy("zh-CN")


def test_an_unknown_scenario_names_those_there_are() -> None:
    with pytest.raises(LingjingError, match="coldwave"):
        find("coldwavv")


def test_a_loaded_guest_is_a_scenario(make_guest: MakeGuest) -> None:
    make_guest("loaded_guest")
    assert isinstance(load("loaded-guest"), Scenario)


def test_a_class_that_is_no_scenario_is_refused(make_guest: MakeGuest) -> None:
    make_guest("plain_guest", code="class Guest:\n    pass\n")
    with pytest.raises(LingjingError, match="not-a-scenario"):
        load("plain-guest")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"colour": "blue"}, "scenario.unknown-key", "colour"),
        ({"title_zh": ""}, "scenario.bad-manifest", "title_zh"),
        ({"api": "1"}, "scenario.bad-manifest", "api"),
        ({"api": True}, "scenario.bad-manifest", "api"),
        ({"id": "Cold Wave"}, "scenario.bad-manifest", "id"),
        ({"needs": ["wind"]}, "scenario.unknown-forcing", "needs"),
        ({"kinds": ["Road"]}, "scenario.unknown-kind", "kinds"),
        ({"emits": []}, "scenario.bad-manifest", "emits"),
        ({"emits": ["plugged", "plugged"]}, "scenario.bad-manifest", "emits"),
        ({"time_limit_s": -1}, "scenario.bad-manifest", "time_limit_s"),
        ({"time_limit_s": float("nan")}, "scenario.bad-manifest", "time_limit_s"),
        ({"actions": {"a": {"title_zh": "盐"}}}, "scenario.bad-manifest", "actions.a.title_en"),
        ({"actions": {"salt": {"titel": "x"}}}, "scenario.unknown-key", "actions.salt.titel"),
        ({"actions": ["salt"]}, "scenario.bad-manifest", "actions"),
    ],
)  # fmt: skip
def test_a_manifest_error_names_file_and_key(
    change: dict[str, object], code: str, field: str
) -> None:
    with pytest.raises(LingjingError) as caught:
        parse_manifest(SOUND | change, "manifest.toml", "sound", "Sound")
    assert caught.value.code == code
    assert caught.value.place is not None
    assert (caught.value.place.file, caught.value.place.field) == ("manifest.toml", field)


def test_a_sound_manifest_keeps_what_it_says() -> None:
    manifest = parse_manifest(SOUND, "manifest.toml", "sound", "Sound")
    assert manifest.actions[0].title_zh == "撒盐"
    assert manifest.time_limit_s > 0
