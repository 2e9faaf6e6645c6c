"""Every bundled scenario, district pack, error code and catalogue keeps what was promised of it."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from lingjing.engine.districts import available_packs, sketch
from lingjing.sdk.registry import find, listing
from lingjing.sdk.testkit import ScenarioContract
from lingjing.sources.packs import load_pack
from lingjing.twin import SqliteStore
from lingjing.vocabulary import LOCALES, quantities
from lingjing.vocabulary.errors import error_texts

SOURCE = Path(__file__).resolve().parents[2] / "src" / "lingjing"
CODE = re.compile(r"[a-z][a-z0-9]*(\.[a-z0-9]+(-[a-z0-9]+)*)")


def bundled() -> list[str]:
    """Ids of the scenarios that this distribution declares."""
    return sorted(
        point.name
        for point in entry_points(group="lingjing.scenarios")
        if point.value.startswith("lingjing.scenarios.")
    )


class TestBundledScenario(ScenarioContract):
    """The sdk's contract over every bundled scenario."""

    @pytest.fixture(params=bundled(), autouse=True)
    def _each(self, request: pytest.FixtureRequest) -> None:
        type(self).scenario_id = str(request.param)


def test_there_is_a_bundled_scenario() -> None:
    assert "coldwave" in bundled()


def test_every_scenario_in_the_folder_is_declared_and_usable() -> None:
    folders = {page.parent.name for page in (SOURCE / "scenarios").glob("*/manifest.toml")}
    usable = {item.id for item in listing(probe=True) if item.usable}
    assert folders <= usable


@pytest.mark.parametrize("name", bundled())
def test_a_bundled_manifest_promises_known_quantities_in_both_languages(name: str) -> None:
    manifest = find(name).manifest
    assert manifest is not None
    assert manifest.title_zh != manifest.title_en
    assert set(manifest.emits) <= set(quantities())
    assert manifest.time_limit_s > 0


@pytest.mark.parametrize("name", available_packs())
def test_every_bundled_pack_loads_and_makes_a_district(name: str) -> None:
    pack = load_pack(name)
    assert pack.title_zh != pack.title_en
    with SqliteStore(":memory:") as store:
        done = sketch(store, pack=name, scale=0.01, seed=3)
        assert done.district.synthetic
        assert {"Building", "RoadSegment", "Facility", "MeterBox", "Depot"} <= set(done.counts)
        west, south, east, north = done.district.bounds
        assert west < east
        assert south < north


def test_a_district_is_data_two_packs_differ_in_more_than_their_name() -> None:
    one, other = (load_pack(name) for name in ("yangpu", "wuchang"))
    assert one.content.bounds != other.content.bounds
    assert one.settings != other.settings


# Error codes: each is raised somewhere, and each that is raised has its words.


def strings_of(page: Path) -> set[str]:
    """String constants in a module, docstrings apart."""
    tree = ast.parse(page.read_text("utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree)
            if isinstance(node, documented)}  # fmt: skip
    found = {node.value for node in ast.walk(tree)
             if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
    return found - docs


def raised_codes(page: Path) -> set[str]:
    """Codes given literally to `LingjingError`."""
    tree = ast.parse(page.read_text("utf-8"))
    return {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "LingjingError"
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_every_error_code_is_raised_somewhere() -> None:
    used: set[str] = set().union(*(strings_of(page) for page in modules()))
    unused = sorted(set(error_texts()) - used)
    assert not unused, f"written down and never raised: {unused}"


def test_every_code_that_is_raised_has_its_words() -> None:
    raised = {code: page.name for page in modules() for code in raised_codes(page)}
    assert len(raised) > 50
    assert not {code: page for code, page in raised.items() if code not in error_texts()}


def test_codes_are_spelled_one_way() -> None:
    assert not [code for code in error_texts() if not CODE.fullmatch(code)]


# Catalogues: the two languages of a room agree.


def entries(page: Path) -> dict[str, str]:
    """A catalogue page, flattened."""
    flat: dict[str, str] = {}

    def walk(table: dict[str, object], prefix: str) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            else:
                flat[f"{prefix}{key}"] = str(value)

    walk(tomllib.loads(page.read_text("utf-8")), "")
    return flat


@pytest.mark.parametrize(
    "folder", sorted(SOURCE.rglob("messages")), ids=lambda folder: folder.parent.name
)
def test_a_catalogue_says_the_same_things_in_both_languages(folder: Path) -> None:
    texts = [entries(folder / f"{locale}.toml") for locale in LOCALES]
    assert texts[0].keys() == texts[1].keys()
    for key, chinese in texts[0].items():
        fields = [sorted(re.findall(r"\{(\w+)", text)) for text in (chinese, texts[1][key])]
        assert set(fields[0]) == set(fields[1]), f"{folder.parent.name}: {key}"
        assert not re.search("[一-鿿]", texts[1][key]), f"{key}: Chinese in the English text"
