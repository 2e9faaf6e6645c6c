"""`lingjing calc pipe` at the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lingjing.interfaces.cli import run

PIPE = ["calc", "pipe", "--nominal-mm", "20", "--material", "galvanised", "--insulation-mm", "0",
        "--air-temperature-c", "-7.2", "--water-temperature-c", "5"]  # fmt: skip


def answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refusal(
    arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    found: dict[str, Any] = json.loads(printed.err)["error"]
    assert found["remedy"]["zh-CN"]
    return found


def test_the_row_of_the_pipe_table_comes_out(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer([*PIPE, "--film-coefficient", "15"], capsys)
    assert found["hours_to_zero"] == pytest.approx(0.3, abs=0.05)
    assert found["hours_zero_to_quarter_ice"] == pytest.approx(0.8, abs=0.05)
    assert found["hours_zero_to_plug"] == pytest.approx(3.5, abs=0.07)
    total = found["hours_to_zero"] + found["hours_zero_to_plug"]
    assert found["hours_to_plug"] == pytest.approx(total, abs=1e-3)
    assert found["inputs"]["material"] == "galvanised_steel"
    assert found["inputs"]["inner_diameter_mm"] == pytest.approx(21.3)


def test_the_film_without_being_given_is_that_of_the_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert answer(PIPE, capsys) == answer([*PIPE, "--film-coefficient", "15"], capsys)
    covered = answer([*PIPE, "--insulation-mm", "20"], capsys)
    assert covered["inputs"]["film_coefficient_W_m2K"] == 12.0
    assert covered["hours_zero_to_plug"] == pytest.approx(19.0, rel=0.02)


def test_bore_and_wall_may_stand_for_a_nominal_size(capsys: pytest.CaptureFixture[str]) -> None:
    own = [
        "calc", "pipe", "--inner-diameter-mm", "21.3", "--wall-thickness-mm", "2.75",
        "--material", "galvanised_steel", "--air-temperature-c", "-7.2",
    ]  # fmt: skip
    assert answer(own, capsys)["hours_to_plug"] == answer(PIPE, capsys)["hours_to_plug"]


def test_mild_air_says_never_in_words_and_null_in_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mild = ["calc", "pipe", "--nominal-mm", "20", "--air-temperature-c", "1"]
    assert answer(mild, capsys)["hours_to_plug"] is None
    monkeypatch.setenv("LINGJING_LOCALE", "en")
    assert run(mild) == 0
    printed = capsys.readouterr().out
    assert printed.count("never") == 3 or printed.count("不会发生") == 3


@pytest.mark.parametrize(
    ("more", "status", "code", "field"),
    [
        (["--insulation-mm", "-5"], 3, "physics.out-of-range", "--insulation-mm"),
        (["--air-temperature-c", "nan"], 3, "physics.not-finite", "--air-temperature-c"),
        (["--air-temperature-c", "-300"], 3, "physics.out-of-range", "--air-temperature-c"),
        (["--water-temperature-c", "-1"], 3, "physics.out-of-range", "--water-temperature-c"),
        (["--film-coefficient", "0"], 3, "physics.out-of-range", "--film-coefficient"),
        (["--wall-thickness-mm", "0"], 3, "physics.out-of-range", "--wall-thickness-mm"),
        (["--material", "wood"], 3, "physics.unknown-method", "--material"),
        (["--material", "p"], 3, "physics.unknown-method", "--material"),
        (["--nominal-mm", "21"], 3, "physics.unknown-size", "--nominal-mm"),
        (["--nominal-mm", "nan"], 3, "physics.not-finite", "--nominal-mm"),
        (["--nominal-mm", "twenty"], 2, "usage", "--nominal-mm"),
    ],
)
def test_bad_input_is_named_at_its_option(
    more: list[str], status: int, code: str, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = refusal([*PIPE, *more], status, capsys)
    assert (found["code"], found["field"]) == (code, field)


def test_a_limit_is_told_in_the_unit_of_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    found = refusal([*PIPE, "--insulation-mm", "-5"], 3, capsys)
    assert "--insulation-mm must lie between 0.0 and 2000.0; it is -5.0" in found["what"]["en"]


def test_a_pipe_of_no_size_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    found = refusal(["calc", "pipe", "--air-temperature-c", "-5"], 3, capsys)
    assert found["code"] == "physics.no-size"
