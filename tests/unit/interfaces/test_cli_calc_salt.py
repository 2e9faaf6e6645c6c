"""`lingjing calc salt` at the command line."""

from __future__ import annotations

import json

import pytest

from lingjing.interfaces.cli import run


def _salt(road: float, film: float, *more: str) -> list[str]:
    return ["calc", "salt", "--road-temperature-c", str(road), "--water-film-mm", str(film), *more]


@pytest.mark.parametrize(("film", "dose"), [(0.1, 8.7), (0.5, 43.0)])
def test_the_reference_doses_come_out(
    film: float, dose: float, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*_salt(-5.0, film), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["dose_g_m2"] == pytest.approx(dose, rel=0.02)
    assert str(found["freezes_at_C"]) == "0.0"


def test_salt_that_lies_there_is_taken_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*_salt(-5.0, 0.1, "--present-g-m2", "5"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["dose_g_m2"] == pytest.approx(found["needed_g_m2"] - 5.0)
    assert -4.0 < found["freezes_at_C"] < -2.0
    assert run([*_salt(-5.0, 0.1, "--present-g-m2", "50"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dose_g_m2"] == 0


def test_warm_or_dry_roads_need_none(capsys: pytest.CaptureFixture[str]) -> None:
    for road, film in ((2.0, 1.0), (-5.0, 0.0), (-40.0, 0.0)):
        assert run([*_salt(road, film), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["dose_g_m2"] == 0


@pytest.mark.parametrize(
    ("road", "film", "code", "field"),
    [
        (-25.0, 0.1, "physics.too-cold-for-salt", "--road-temperature-c"),
        (-5.0, -0.1, "physics.out-of-range", "--water-film-mm"),
        (-300.0, 0.1, "physics.out-of-range", "--road-temperature-c"),
        (float("nan"), 0.1, "physics.not-finite", "--road-temperature-c"),
    ],
)
def test_what_cannot_be_is_named(
    road: float, film: float, code: str, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*_salt(road, film), "--json"]) == 3
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["code"], error["field"]) == (code, field)


def test_the_answer_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_salt(-5.0, 0.1)) == 0
    assert "8.6" in capsys.readouterr().out
