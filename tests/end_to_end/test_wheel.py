"""The wheel carries all that the program needs: texts, tables, packs and the built page."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import lingjing


@pytest.fixture(scope="module")
def content(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel built from this tree."""
    place = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place),
         str(repository)],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_file_of_the_package_is_in_the_wheel(content: set[str], repository: Path) -> None:
    source = repository / "src"
    wanted = {
        str(path.relative_to(source))
        for path in (source / "lingjing").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "lingjing/py.typed" in wanted
    assert wanted <= content


def test_every_district_pack_is_in_the_wheel(content: set[str], repository: Path) -> None:
    packs = {f"lingjing/districts/{path.parent.name}/pack.toml"
             for path in (repository / "districts").glob("*/pack.toml")}  # fmt: skip
    assert len(packs) >= 2
    assert packs <= content


def test_the_built_page_is_in_the_wheel(content: set[str], repository: Path) -> None:
    if not (repository / "src/lingjing/interfaces/web/index.html").exists():
        pytest.skip("the console is not built here: run python tools/build_console.py")
    assert "lingjing/interfaces/web/index.html" in content
    assert any(name.startswith("lingjing/interfaces/web/assets/") for name in content)


def test_nothing_else_is_in_the_wheel(content: set[str]) -> None:
    tops = {name.split("/")[0] for name in content}
    assert tops == {"lingjing", f"lingjing_twin-{lingjing.__version__}.dist-info"}
    assert not [name for name in content if name.endswith((".pyc", ".nbi", ".nbc"))]
