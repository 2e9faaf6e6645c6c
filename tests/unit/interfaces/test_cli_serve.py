"""`lingjing serve` before it serves: what is refused is refused before anything is made or said."""

from __future__ import annotations

from pathlib import Path

import pytest

from lingjing.interfaces.cli import run


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 it is refused
def test_an_address_beyond_this_machine_is_refused_before_anything_is_made_or_printed(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINGJING_LOCALE", "en")
    folder = tmp_path / "data"
    words = ["serve", "--host", host, "--data", str(folder), "--no-browser", "--port", "1"]
    assert run(words) != 0
    printed = capsys.readouterr()
    assert "access.not-configured" in printed.err
    assert printed.out == ""
    assert not folder.exists()
