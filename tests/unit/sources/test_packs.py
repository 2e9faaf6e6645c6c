"""District packs: what comes with the package is right, and what is wrong is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from lingjing.sources import packs
from lingjing.sources.packs import Pack, PackContent, list_packs, load_pack
from lingjing.vocabulary import LingjingError, words

ROOT = Path(__file__).parents[3]
YANGPU = ROOT / "districts" / "yangpu" / "pack.toml"

Broken = Callable[[str, str], Path]


@pytest.fixture
def broken(tmp_path: Path) -> Broken:
    """A copy of the Yangpu pack with one piece of text exchanged."""

    def make(old: str, new: str) -> Path:
        text = YANGPU.read_text(encoding="utf-8")
        assert old in text
        page = tmp_path / "pack.toml"
        page.write_text(text.replace(old, new, 1), encoding="utf-8")
        return page

    return make


def refusal(page: Path) -> LingjingError:
    with pytest.raises(LingjingError) as caught:
        load_pack(page)
    assert caught.value.place is not None
    assert caught.value.place.file == str(page)
    return caught.value


@pytest.mark.parametrize("name", list_packs())
def test_every_pack_that_comes_with_the_package_is_accepted(name: str) -> None:
    pack = load_pack(name)
    assert pack.name == name
    assert pack.settings["title_zh"] == pack.title_zh
    assert all(item.source for item in pack.content.signals)


def test_two_different_cities_come_with_the_package() -> None:
    one, other = (load_pack(name).content for name in ("yangpu", "wuchang"))
    assert {item.id for item in one.sub_districts}.isdisjoint(i.id for i in other.sub_districts)
    assert one.stock.design_point_after_C != other.stock.design_point_after_C
    assert [item.share for item in one.stock.age_classes] != [
        item.share for item in other.stock.age_classes
    ]
    assert {item.region for item in one.signals} != {item.region for item in other.signals}


def test_yangpu_has_its_twelve_sub_districts_within_its_bounds() -> None:
    content = load_pack("yangpu").content
    west, south, east, north = content.bounds
    assert len(content.sub_districts) == 12
    for item in content.sub_districts:
        longitude, latitude = item.schematic_centre
        assert west < longitude < east
        assert south < latitude < north


def test_shanghai_orange_blizzard_asks_for_less_snow_than_the_national_one() -> None:
    def orange(name: str) -> float | None:
        signals = load_pack(name).content.signals
        row = next(s for s in signals if (s.id, s.level) == ("blizzard", "orange"))
        return row.conditions[0].at_least

    assert orange("yangpu") == 6.0
    assert orange("wuchang") == 10.0


def test_every_facility_and_road_class_of_the_vocabulary_has_a_weight() -> None:
    for name in list_packs():
        weights = load_pack(name).content.weights
        assert set(weights.facilities) == set(words()["facility_kind"].choices)
        assert set(weights.roads.class_factor) == set(words()["road_class"].choices)


def test_a_pack_is_found_by_folder_and_by_file() -> None:
    assert load_pack(YANGPU).sha256 == load_pack(YANGPU.parent).sha256 == load_pack("yangpu").sha256


def test_an_unknown_pack_names_those_available() -> None:
    with pytest.raises(LingjingError) as caught:
        load_pack("atlantis")
    assert caught.value.code == "packs.unknown"
    assert "wuchang, yangpu" in caught.value.remedy("zh-CN")


@pytest.mark.parametrize(
    ("old", "new", "code", "field"),
    [
        ("residents =", "resident_count =", "packs.unknown-field", "resident_count"),
        ("salt_t = 4.2\n", "", "packs.missing-field", "depots.salt_t"),
        ("salt_t = 4.2", 'salt_t = "much"', "packs.bad-value", "depots.salt_t"),
        ("confidence = 0.9", "confidence = 1.9", "packs.bad-value", "confidence"),
        ("salt_t = 4.2", "salt_t = -4.2", "packs.bad-value", "depots.salt_t"),
        ("share = 0.12\n", "share = 0.13\n", "packs.shares", "stock.age_classes.share"),
        (
            "before = [0.0387, 0.6409, 0.3204, 0.0]",
            "before = [0.0387, 0.6409, 0.3204, 0.1]",
            "packs.shares",
            "stock.insulation.exposed.before",
        ),
        (
            "before = [0.0387, 0.6409, 0.3204, 0.0]",
            "before = [0.0387, 0.6409, 0.3204]",
            "packs.inconsistent",
            "stock.insulation.exposed.before",
        ),
        (
            "resident = 0.20",
            "resident = 0.30",
            "packs.shares",
            "stock.age_classes.lilong.owners",
        ),
        (
            'material = "brass"',
            'material = "wood"',
            "packs.inconsistent",
            "stock.assets.lane-box.material",
        ),
        ('insulation = "tank"', 'insulation = "fur"', "packs.inconsistent", "insulation"),
        ("volume_m3 = 12.0\n", "", "packs.inconsistent", "stock.assets.roof-tank"),
        ('level = "blue"', 'level = "mauve"', "packs.bad-value", "signals[0].level"),
        ("at_least = 8.0", "at_least = 8.0, at_most = 9.0", "packs.inconsistent", "signals[0]"),
        ("bounds = [121.470,", "bounds = [121.770,", "packs.inconsistent", "bounds"),
        ("fire_station = 200.0\n", "", "packs.inconsistent", "weights.facilities"),
        ("steps = 3.0\n", "stairs = 3.0\n", "packs.inconsistent", "roads.width_m"),
        ("schema = 1", "schema = 2", "packs.bad-value", "schema"),
        ('id = "pinglianglu"', 'id = "dinghailu"', "packs.inconsistent", "sub_districts"),
    ],
)
def test_a_faulty_pack_is_refused_with_the_field_at_fault(
    broken: Broken, old: str, new: str, code: str, field: str
) -> None:
    error = refusal(broken(old, new))
    assert error.code == code
    assert error.place is not None
    assert field in (error.place.field or "")


def test_a_page_that_is_not_toml_is_refused(broken: Broken) -> None:
    assert refusal(broken("schema = 1", "schema = = 1")).code == "packs.not-toml"


def test_a_page_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "pack.toml"
    page.write_bytes('title_zh = "杨浦"'.encode("gb18030"))
    assert refusal(page).code == "packs.not-toml"


def test_an_empty_page_names_a_missing_field(tmp_path: Path) -> None:
    page = tmp_path / "pack.toml"
    page.write_text("", encoding="utf-8")
    assert refusal(page).code == "packs.missing-field"


def tables() -> list[type[msgspec.Struct]]:
    return [
        item
        for item in vars(packs).values()
        if isinstance(item, type) and issubclass(item, packs.Table) and item is not packs.Table
    ]


@pytest.mark.parametrize("table", tables(), ids=lambda item: item.__name__)
def test_every_field_of_the_schema_is_explained(table: type[msgspec.Struct]) -> None:
    page = (ROOT / "docs" / "reference" / "district-packs.md").read_text(encoding="utf-8")
    sections = {part.split("\n", 1)[0].strip(): part for part in page.split("\n## ")[1:]}
    inherited = {"source", "confidence"} if table is not packs.Sourced else set()
    section = sections[table.__name__]
    for item in msgspec.structs.fields(table):
        if item.name not in inherited:
            assert f"| `{item.name}` |" in section


def test_no_field_is_explained_that_the_schema_does_not_have() -> None:
    page = (ROOT / "docs" / "reference" / "district-packs.md").read_text(encoding="utf-8")
    known = {item.name for table in tables() for item in msgspec.structs.fields(table)}
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert set(rows) <= known
    assert PackContent.__name__ in page


def test_settings_are_plain_values() -> None:
    pack: Pack = load_pack("yangpu")
    assert msgspec.json.decode(msgspec.json.encode(pack.settings)) == pack.settings


def test_a_pack_may_set_the_ranking_and_thresholds(broken: Broken) -> None:
    page = broken(
        "[depots]\n",
        '[ranking]\nsource = "assumption"\nhalf_life_hours = 24\n'
        "[thresholds]\nshelter_air_temperature_C = 1.0\n[depots]\n",
    )
    assert load_pack(page).settings["ranking"]["half_life_hours"] == 24
    page.write_text(page.read_text(encoding="utf-8").replace("half_life_h", "halflife_h"), "utf-8")
    assert refusal(page).code == "packs.unknown-field"
