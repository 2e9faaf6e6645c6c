"""`lingjing store`, typed as a person would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ledgers import HOUR, START_US, create, entity, iri, note_late, observed, update, urn

from lingjing.engine.settings import TWIN_FILE
from lingjing.interfaces.cli import run
from lingjing.twin.documents import instant_text
from lingjing.twin.ledger import Span
from lingjing.twin.sqlite_ledger import SqliteLedger

Typed = Callable[..., tuple[int, str, str]]
SPAN = Span(attributes=(iri("temperature"),))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    ledger = SqliteLedger(folder / TWIN_FILE)
    trunk = ledger.branch("")
    create(ledger, trunk, entity("a", temperature=observed(0, START_US + 99 * HOUR)))
    late = [observed(float(hour), START_US + hour * HOUR) for hour in range(48)]
    note_late(ledger, trunk, "a", "temperature", *late)
    branch = ledger.create_branch(trunk, "what-if")
    update(ledger, branch, "a", insulation=5)
    ledger.close()
    return folder


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.setenv("LINGJING_LOCALE", "en")

    def type_(*words: str) -> tuple[int, str, str]:
        status = run(["store", *words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return type_


def values_in(folder: Path) -> list[float]:
    ledger = SqliteLedger(folder / TWIN_FILE)
    rows = ledger.history(ledger.branch(""), urn("a"), SPAN)
    ledger.close()
    return [row.instance["value"] for row in rows if row.instance]


def test_a_sound_twin_is_said_to_be_sound(data: Path, typed: Typed) -> None:
    assert typed("check", "--data", str(data))[0] == 0
    assert json.loads(typed("check", "--data", str(data), "--json")[1]) == {"problems": []}
    assert typed("migrate", "--data", str(data))[0] == 0


def test_a_broken_twin_is_said_to_be_broken(data: Path, typed: Typed) -> None:
    page = data / TWIN_FILE
    content = bytearray(page.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3000] = b"\x5a" * 3000
    page.write_bytes(bytes(content))
    status, words, faults = typed("check", "--data", str(data))
    assert status != 0
    assert words or faults


def test_a_backup_is_restored_without_loss(data: Path, typed: Typed, tmp_path: Path) -> None:
    copy, other = tmp_path / "backup.sqlite", tmp_path / "other"
    assert typed("backup", str(copy), "--data", str(data))[0] == 0
    assert typed("restore", str(copy), "--data", str(other))[0] == 0
    assert values_in(other) == values_in(data)
    assert typed("check", "--data", str(other))[0] == 0
    status, _, told = typed("backup", str(copy), "--data", str(data))
    assert (status, "twin.target-exists" in told) == (5, True)
    assert "twin.target-exists" in typed("restore", str(copy), "--data", str(other))[2]


def test_a_copy_has_history_and_branches(data: Path, typed: Typed, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert typed("copy", "--data", str(data), "--to-data", str(other))[0] == 0
    assert values_in(other) == values_in(data)
    ledger = SqliteLedger(other / TWIN_FILE)
    branch = ledger.branch("", "what-if")
    assert ledger.changed_ids(branch) == [urn("a")]
    ledger.close()
    assert typed("copy", "--data", str(data))[0] == 2
    assert typed("copy", "--data", str(data), "--to-data", str(other))[0] != 0


def test_sealed_history_answers_as_before(data: Path, typed: Typed) -> None:
    before = values_in(data)
    until = instant_text(START_US + 40 * HOUR)
    status, words, _ = typed("seal", "--before", until, "--data", str(data))
    assert status == 0
    assert "40 rows of history sealed" in words
    assert values_in(data) == before
    assert len(before) == 49
    assert typed("check", "--data", str(data))[0] == 0
    ledger = SqliteLedger(data / TWIN_FILE)
    assert ledger.size()["sealed"] == 40
    ledger.close()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("check",), "twin."),
        (("backup", "x.sqlite"), "twin."),
        (("seal", "--before", "2026-01-01"), "vocabulary.no-time-zone"),
        (("seal", "--before", "yesterday"), "vocabulary.bad-time"),
        (("restore", "absent.sqlite"), "twin.cannot-open"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_code(
    words: tuple[str, ...], code: str, typed: Typed, tmp_path: Path
) -> None:
    status, _, told = typed(*words, "--data", str(tmp_path / "nowhere"))
    assert status != 0
    assert code in told
    assert not (tmp_path / "nowhere").exists()


def test_the_environment_says_where_the_twin_is_that_is_looked_after(
    tmp_path: Path, typed: Typed, postgres_url: str, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    empty = tmp_path / "no twin here"
    assert typed("check", "--data", str(empty))[0] != 0
    copied = typed("copy", "--data", str(data), "--to-store", postgres_url, "--json")
    assert copied[0] == 0
    monkeypatch.setenv("LINGJING_STORE", postgres_url)
    for words in (("check",), ("migrate",), ("backup", str(tmp_path / "kept"))):
        status, _, faults = typed(*words, "--data", str(empty))
        assert (status, faults) == (0, ""), words
    assert not empty.exists()
    # A copy into a folder is a file there, though the twin in use is elsewhere.
    there = tmp_path / "there"
    assert typed("copy", "--data", str(empty), "--to-data", str(there))[0] == 0
    monkeypatch.delenv("LINGJING_STORE")
    assert values_in(there) == values_in(data)
