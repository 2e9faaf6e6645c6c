"""`lingjing sensors` as people use it, and the pages about it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lingjing.engine.sensor_simulation import FAULTS
from lingjing.interfaces.cli import run
from lingjing.sources.sensor_messages import CONVERSIONS
from lingjing.sources.sensor_rules import (
    AttributeRule,
    IntakeRules,
    MqttRules,
    SensorRule,
    SensorRules,
)

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "reference" / "sensors.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    arguments = ["district", "sketch", "yangpu", "--scale", "0.01", "--name", "d"]
    assert run([*arguments, "--data", str(folder), "--json"]) == 0
    return folder


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_simulated_district_counts_each_message_once(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("sensors", "simulate", "d", "--hours", "3", "--most", "12", "--seed", "4",
             "--faulty", "1", "--fault", "spikes", "--fault", "duplicates",
             "--data", str(data))  # fmt: skip
    first = said(capsys, *words)
    receipt = first["driven"]["receipt"]
    assert first["synthetic"] is True
    assert first["driven"]["sent"] == sum(first["driven"]["by_fault"].values())
    assert receipt["taken"] > 200
    assert receipt["repeated"] > 0
    letters = said(capsys, "sensors", "dead-letters", "list", "--data", str(data))
    assert 0 < len(letters) <= receipt["dead"]
    assert {letter["error"]["code"] for letter in letters} == {"vocabulary.out-of-bounds"}
    replayed = said(capsys, "sensors", "dead-letters", "replay", "--data", str(data))
    assert replayed["dead"] == len(letters)


def test_what_is_named_must_be_there(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sensors", "dead-letters", "replay", "none", "--data", str(data)]
    assert run(words) == 4
    assert "ingest.no-letter" in capsys.readouterr().err
    assert run(["sensors", "simulate", "d", "--kind", "WaterTank", "--most", "1",
                "--data", str(data), "--to", "http://127.0.0.1:9"]) in (4, 7)  # fmt: skip


def test_rules_are_checked(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = data / "sensors.toml"
    (example,) = [
        block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[[rules]]" in block
    ]
    file.write_text(example, encoding="utf-8")
    found = said(capsys, "sensors", "rules", "--data", str(data))
    assert found["topics"] == ["+/riser/+/up"]
    file.write_text(example.replace("topic =", "topics ="), encoding="utf-8")
    assert run(["sensors", "rules", "--data", str(data)]) == 3
    assert "ingest.bad-rule" in capsys.readouterr().err
    file.unlink()


def test_the_page_names_every_setting_with_its_default() -> None:
    (example,) = [
        block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[[rules]]" in block
    ]
    held = tomllib.loads(example)
    assert msgspec.convert(held["mqtt"], MqttRules) == MqttRules()
    assert set(held["mqtt"]) == set(MqttRules.__struct_fields__)
    assert msgspec.convert(held["intake"], IntakeRules) == IntakeRules()
    assert set(held["intake"]) == set(IntakeRules.__struct_fields__)
    for name in (*SensorRule.__struct_fields__, *AttributeRule.__struct_fields__):
        assert f"`{name}`" in PAGE, name
    SensorRules(tuple(msgspec.convert(rule, SensorRule) for rule in held["rules"]))


def test_the_page_names_every_fault_and_conversion() -> None:
    for fault in FAULTS:
        assert f"| `{fault}` |" in PAGE
    units = PAGE[PAGE.index("Units that are converted") :].partition("\n\n")[0]
    for sent, kept in CONVERSIONS:
        assert f"`{sent}`" in units
        assert f"`{kept}`" in units
