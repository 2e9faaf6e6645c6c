"""A file is whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import pytest

from lingjing.sources.whole_files import whole_file


def write_half(file: IO[bytes]) -> None:
    file.write(b"half")
    raise OSError("full")


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    place = tmp_path / "record"
    place.write_bytes(b"before")
    with whole_file(place) as file:
        file.write(b"after")
        assert place.read_bytes() == b"before"
    assert place.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [place]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "record"
    place.write_bytes(b"before")
    with pytest.raises(OSError, match="full"), whole_file(place) as file:
        write_half(file)
    assert place.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [place]


def test_a_place_that_cannot_be_taken_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "folder"
    place.mkdir()
    with pytest.raises(OSError, match="directory"), whole_file(place):
        pass
    assert list(tmp_path.iterdir()) == [place]
