"""The rooms' import rules hold, and each rule is seen to fail on a poisoned house."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOMS = (
    "vocabulary", "physics", "sources", "twin", "forecast", "decision", "sdk", "engine",
    "scenarios", "scenarios/first", "scenarios/second", "interfaces",
)  # fmt: skip

POISONS = {
    "rooms": ("twin/poison.py", "import lingjing.forecast"),
    "scenarios-independent": ("scenarios/first/poison.py", "import lingjing.scenarios.second"),
    "scenarios-through-the-sdk": ("scenarios/first/poison.py", "import lingjing.twin"),
    "sources-protected": ("interfaces/poison.py", "import lingjing.sources"),
    "sources-alone": ("sources/poison.py", "import lingjing.twin"),
    "interfaces-no-guests": ("interfaces/poison.py", "import lingjing.physics"),
    "engine-no-guests": ("engine/poison.py", "import lingjing.scenarios.first"),
    "physics-pure": ("physics/poison.py", "import datetime"),
    "siblings-acyclic": (
        "twin/poison.py",
        "import lingjing.twin.other",
    ),
}


def contracts(repository: Path) -> dict[str, str]:
    settings = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        contract["id"]: contract["name"]
        for contract in settings["tool"]["importlinter"]["contracts"]
    }


def lint(folder: Path, search: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(search), "NO_COLOR": "1", "COLUMNS": "200"}
    program = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def bare_house(tmp_path: Path, repository: Path) -> Path:
    """A house with empty rooms under the project's own contracts."""
    package = tmp_path / "lingjing"
    for room in ("", *ROOMS):
        (package / room).mkdir(parents=True, exist_ok=True)
        (package / room / "__init__.py").write_text("", encoding="utf-8")
    shutil.copy(repository / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_keeps_its_own_rules(repository: Path) -> None:
    result = lint(repository, repository / "src")
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_empty_house_keeps_every_rule(bare_house: Path) -> None:
    result = lint(bare_house, bare_house)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_contract_has_a_poisoned_example(repository: Path) -> None:
    assert set(POISONS) == set(contracts(repository))


@pytest.mark.parametrize("contract", sorted(POISONS))
def test_a_poisoned_house_breaks_the_rule(
    contract: str, bare_house: Path, repository: Path
) -> None:
    place, line = POISONS[contract]
    (bare_house / "lingjing" / place).write_text(line + "\n", encoding="utf-8")
    if contract == "siblings-acyclic":
        other = bare_house / "lingjing" / "twin" / "other.py"
        other.write_text("import lingjing.twin.poison\n", encoding="utf-8")
    result = lint(bare_house, bare_house)
    name = contracts(repository)[contract]
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{name} BROKEN" in result.stdout


def test_a_new_room_that_no_layer_names_is_refused(bare_house: Path) -> None:
    room = bare_house / "lingjing" / "helpers"
    room.mkdir()
    (room / "__init__.py").write_text("", encoding="utf-8")
    assert lint(bare_house, bare_house).returncode == 1


def test_hidden_imports_are_banned_outside_the_registry(repository: Path, tmp_path: Path) -> None:
    poison = tmp_path / "poison.py"
    poison.write_text('import importlib\n\nimportlib.import_module("x")\n', encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(repository / "pyproject.toml"),
         "--select", "TID251", str(poison)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 1
    assert "TID251" in found.stdout


def test_source_files_stay_short_enough_to_read(repository: Path) -> None:
    pages = [*(repository / "src").rglob("*.py"), *(repository / "tests").rglob("*.py")]
    long = {
        str(page.relative_to(repository)): length
        for page in pages
        if (length := len(page.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert not long
