"""A scaffolded scenario works as it was written: its own tests pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lingjing.engine.scaffold import new_scenario
from lingjing.sdk import LingjingError


def test_a_new_scenario_is_installed_and_its_tests_pass(tmp_path: Path) -> None:
    folder = new_scenario("night-patrol", tmp_path)
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation",
               "--no-deps", "--no-index", "--disable-pip-version-check",
               "--target", str(site), str(folder)]  # fmt: skip
    subprocess.run(install, check=True, timeout=120)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "11 passed" in done.stdout


def test_nothing_of_the_template_is_left_unfilled(tmp_path: Path) -> None:
    folder = new_scenario("night-patrol", tmp_path)
    for path in folder.rglob("*"):
        assert "$" not in path.name
        if path.is_file():
            assert "$" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize(
    "name", ["", "Night", "night_patrol", "-night", "2night", "json", "class", "lingjing", "n" * 60]
)
def test_a_name_that_cannot_be_a_package_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LingjingError) as caught:
        new_scenario(name, tmp_path)
    assert caught.value.code == "scenario.bad-name"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "night-patrol").mkdir()
    (tmp_path / "night-patrol" / "mine.txt").write_text("mine")
    with pytest.raises(LingjingError, match="in-use"):
        new_scenario("night-patrol", tmp_path)
    assert [item.name for item in (tmp_path / "night-patrol").iterdir()] == ["mine.txt"]
