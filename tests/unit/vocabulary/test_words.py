"""The words: quantities, kinds, errors and messages are whole in both languages."""

from __future__ import annotations

import pickle
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from lingjing.vocabulary import (
    LOCALES,
    EntityId,
    LingjingError,
    Place,
    attribute_word,
    catalogue,
    error_texts,
    kinds,
    local_part,
    quantities,
    quantity,
    quantity_by_column,
    units,
    words,
)


def packages_with_messages() -> list[str]:
    root = Path(str(resources.files("lingjing")))
    return sorted(
        ".".join(("lingjing", *folder.parent.relative_to(root).parts))
        for folder in root.rglob("messages")
        if folder.is_dir() and "web" not in folder.parts
    )


def test_every_quantity_says_all_about_itself_in_both_languages() -> None:
    for item in quantities().values():
        assert item.title_zh
        assert item.title_en
        assert item.meaning.endswith(".")
        assert item.meaning_zh.endswith("。")
        assert item.lives_on


def test_no_unit_is_declared_and_never_used() -> None:
    assert {item.unit for item in quantities().values()} <= set(units())
    assert len({unit.suffix for unit in units().values()}) == len(units())


def test_a_quantity_lives_where_kinds_carry_it() -> None:
    carried = {name: kind.attributes for name, kind in kinds().items()}
    for kind, attributes in carried.items():
        for name in attributes:
            if name in quantities():
                assert kind in quantity(name).lives_on, (kind, name)


def test_every_word_is_carried_by_some_kind() -> None:
    carried = {name for kind in kinds().values() for name in kind.attributes}
    assert set(words()) <= carried
    assert attribute_word("material") is words()["material"]
    with pytest.raises(KeyError):
        attribute_word("colour")


def test_column_names_carry_the_unit() -> None:
    assert quantity("air_temperature").column == "air_temperature_C"
    assert quantity_by_column()["wind_speed_m_s"].name == "wind_speed"
    assert quantity("levels").column == "levels"


def test_an_unknown_quantity_is_refused_with_near_names() -> None:
    with pytest.raises(LingjingError) as fault:
        quantity("air_temprature")
    assert "air_temperature" in fault.value.remedy("en")
    assert "air_temperature" in fault.value.remedy("zh-CN")


@pytest.mark.parametrize("value", [-80.0, 400.0, np.inf, -999.0])
def test_an_impossible_temperature_is_refused_with_its_place(value: float) -> None:
    with pytest.raises(LingjingError) as fault:
        quantity("air_temperature").check(np.array([1.0, value]), Place("night.csv", 7, "t"))
    assert fault.value.code == "vocabulary.out-of-bounds"
    assert fault.value.what("en").startswith("night.csv:7:t: ")


def test_a_gap_passes_the_bounds() -> None:
    quantity("air_temperature").check(np.array([np.nan, 0.0]))


def test_every_error_has_its_remedy_and_the_same_fields_in_both_languages() -> None:
    for text in error_texts().values():
        for locale in LOCALES:
            assert text.what[locale], text.code
            assert text.remedy[locale], text.code
        assert text.what["en"].endswith((".", "?", "}")), text.code


def test_an_error_survives_the_way_between_processes() -> None:
    error = LingjingError("vocabulary.no-time-zone", Place("a.csv", 2), text="2023-12-20T17:00")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert again.as_dict() == error.as_dict()
    assert again.exit_code == 3


def test_an_error_that_lacks_a_value_is_found_at_once() -> None:
    with pytest.raises(KeyError, match="text"):
        LingjingError("vocabulary.no-time-zone")


@pytest.mark.parametrize("package", packages_with_messages())
def test_every_message_exists_in_both_languages(package: str) -> None:
    texts = catalogue(package).texts
    assert set(texts["zh-CN"]) == set(texts["en"])


def test_identifiers_come_back_as_they_were_written() -> None:
    made = EntityId("MeterBox", "yangpu", "osm-way-12")
    assert str(made) == "urn:ngsi-ld:MeterBox:yangpu:osm-way-12"
    assert EntityId.parse(str(made)) == made


@pytest.mark.parametrize("text", ["", "urn:x", "urn:ngsi-ld:Meter Box:a:b", "urn:ngsi-ld:A::b"])
def test_what_is_no_identifier_is_refused(text: str) -> None:
    with pytest.raises(LingjingError):
        EntityId.parse(text)


def test_different_names_never_share_an_identifier() -> None:
    names = ["a b", "a_b", "a/b", "甲", "a_20_b", "_a", "x_a", "a.b"]
    assert len({local_part(name) for name in names}) == len(names)
    for name in names:
        EntityId("Tap", "d", local_part(name))
