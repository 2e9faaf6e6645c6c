"""Where everything kept lies."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from lingjing.engine.settings import TWIN_FILE, data_dir, open_store
from lingjing.vocabulary import LingjingError


def test_the_option_wins_over_the_environment_over_the_users_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LINGJING_DATA", str(tmp_path / "environment"))
    assert data_dir(tmp_path / "option") == tmp_path / "option"
    assert data_dir(None) == tmp_path / "environment"
    monkeypatch.setenv("LINGJING_DATA", "")
    assert data_dir() == Path(platformdirs.user_data_dir("lingjing"))


def test_a_relative_folder_becomes_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert data_dir("here") == tmp_path / "here"


def test_opening_makes_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with open_store(folder) as store:
        assert store.districts() == []
    assert (folder / TWIN_FILE).is_file()


def test_opening_for_reading_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LingjingError) as caught:
        open_store(tmp_path / "none", read_only=True)
    assert caught.value.code == "twin.cannot-open"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LingjingError) as caught:
        open_store(tmp_path / "file")
    assert caught.value.code == "twin.cannot-open"
