"""The command line speaks both languages, and says what to do when it is used wrongly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lingjing.interfaces.cli import lingjing, run
from lingjing.interfaces.cli.districts import show_source
from lingjing.interfaces.cli.frame import MESSAGES, chosen_locale, drawn_width, print_table
from lingjing.vocabulary import EXIT_CODES, catalogue

SOURCE = Path(__file__).resolve().parents[3] / "src" / "lingjing"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGJING_LOCALE", "en")


@pytest.mark.parametrize(
    ("variables", "locale"),
    [
        ({}, "zh-CN"),
        ({"LANG": "C.UTF-8"}, "zh-CN"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LANG": "zh_CN.UTF-8", "LINGJING_LOCALE": "en"}, "en"),
    ],
)
def test_the_language_follows_the_environment(
    variables: dict[str, str], locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LINGJING_LOCALE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert chosen_locale() == locale


def test_every_message_of_the_commands_is_used() -> None:
    text = "".join(page.read_text("utf-8") for page in (SOURCE / "interfaces/cli").glob("*.py"))
    prefixes = re.findall(r"say\(f['\"]([a-z-]+\.[a-z-]*)\{", text)
    unused = [
        key
        for key in catalogue(MESSAGES).texts["zh-CN"]
        if f'"{key}"' not in text
        and f"'{key}'" not in text
        and not any(key.startswith(prefix) for prefix in prefixes)
    ]
    assert not unused


def test_every_reason_a_reader_gives_has_words() -> None:
    text = "".join(page.read_text("utf-8") for page in (SOURCE / "sources").glob("*.py"))
    given = set(re.findall(r"drop\(\s*f?\"([a-z-]+)", text))
    given |= set(re.findall(r"repaired\[\s*f?\"([a-z-]+)", text))
    worded = catalogue(MESSAGES).texts["en"]
    assert given
    families = ("unreadable-tag", "not-a-road")
    given = {next((name for name in families if key.startswith(name)), key) for key in given}
    assert not [key for key in given if f"reason.{key}" not in worded]


def test_an_unknown_option_is_refused_with_the_way_to_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["district", "show", "--colour"]) == EXIT_CODES["usage"]
    said = capsys.readouterr().err
    assert "--colour" in said
    assert "lingjing district show --help" in said


@pytest.mark.parametrize("group", [[], ["district"]])
def test_a_mistyped_command_is_answered_with_those_near(
    group: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    mistyped = [*group, "importt" if group else "distrct"]
    assert run(mistyped) == EXIT_CODES["usage"]
    assert ("import" if group else "district") in capsys.readouterr().err.replace(mistyped[-1], "")


def test_a_missing_option_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINGJING_LOCALE", "zh-CN")
    assert run(["run", "coldwave"]) == EXIT_CODES["usage"]
    said = capsys.readouterr().err
    assert "缺少 '--district'" in said
    assert "怎么办" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--port", "70000"],
        ["run", "coldwave", "--district", "d", "--weather", "w", "--start", "x", "--hours", "0"],
        ["weather", "import", "f.csv", "--zone", "Mars/Olympus"],
        ["district", "fetch", "yangpu", "--bounds", "121.5,31.3,121.4,31.2"],
        ["district", "fetch", "yangpu", "--bounds", "here"],
        ["weather", "import", "f.csv", "--from", "2024-01-01T00:00Z"],
        ["weather", "fetch"],
    ],
)
def test_values_that_will_not_do_are_usage_errors(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = [] if arguments[0] == "serve" else ["--data", str(tmp_path)]
    assert run([*arguments, *data]) == EXIT_CODES["usage"]
    assert "--help" in capsys.readouterr().err


def test_a_start_without_a_zone_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(
        ["run", "coldwave", "--district", "d", "--weather", "w", "--start", "2023-12-20T17:00",
         "--data", str(tmp_path)]
    )  # fmt: skip
    assert status == EXIT_CODES["input"]
    assert "vocabulary.no-time-zone" in capsys.readouterr().err


def test_errors_for_machines_carry_code_and_both_languages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["district", "show", "nowhere", "--json", "--data", str(tmp_path)])
    error = json.loads(capsys.readouterr().err)["error"]
    assert status == EXIT_CODES["missing"]
    assert error["code"] == "twin.no-district"
    assert set(error["what"]) == set(error["remedy"]) == {"zh-CN", "en"}


def test_an_empty_data_folder_says_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["district", "show", "--data", str(tmp_path)]) == 0
    assert "lingjing district sketch" in capsys.readouterr().out
    assert run(["weather", "show", "--data", str(tmp_path)]) == 0
    assert "lingjing weather import" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_for_their_shell(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert "_LINGJING_COMPLETE" in said
    assert f"{shell}_complete" in said


def test_the_doctor_names_what_it_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["doctor", "--json", "--data", str(tmp_path)])
    checks = {item["what"]: item for item in json.loads(capsys.readouterr().out)}
    missing = [item for item in checks.values() if item["needed"] and not item["good"]]
    assert status == (4 if missing else 0)
    assert "scenario coldwave" in checks
    assert any(name.startswith("numba ") for name in checks)
    assert all(item["remedy"] for item in missing)


def test_columns_line_up_under_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["名称", "n"], [["a", 1], ["四平路", 22]])
    lines = capsys.readouterr().out.splitlines()
    starts = {
        drawn_width(line[: line.index(last)]) for line, last in zip(lines, "n12", strict=True)
    }
    assert starts == {8}


def test_every_command_explains_itself_in_both_languages() -> None:
    texts = catalogue(MESSAGES).texts
    for name, command in lingjing.commands.items():
        parts = getattr(command, "commands", {None: command})
        for inner in parts:
            key = f"help.{name}" if inner is None else f"help.{name}-{inner}"
            assert texts["zh-CN"][key].endswith(("。", "）。"))
            assert texts["en"][key].endswith(".")


@pytest.mark.parametrize(
    ("attribution", "licence", "said"),
    [
        ("© OpenStreetMap contributors, ODbL 1.0", "ODbL-1.0", "contributors, ODbL 1.0"),
        ("the city", "CC-BY-4.0", "the city, CC-BY-4.0"),
        ("meters.csv", "unstated", "meters.csv"),
        ("", "unstated", "source: x"),
    ],
)
def test_a_source_is_credited_with_its_licence_once(
    attribution: str, licence: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_source({"name": "x", "attribution": attribution, "licence": licence, "report": {}})
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(said)
    assert line.count("ODbL") <= 1
