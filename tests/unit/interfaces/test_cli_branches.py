"""`lingjing branch` and `lingjing access`, typed as a person would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ledgers import create, entity, update, urn

from lingjing.engine.settings import TWIN_FILE
from lingjing.interfaces.cli import run
from lingjing.twin.sqlite_ledger import SqliteLedger

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    ledger = SqliteLedger(tmp_path / TWIN_FILE)
    create(
        ledger,
        ledger.branch(""),
        entity("a", insulation_thickness=0, owner="<b>old</b>"),
        entity("b", insulation_thickness=10),
    )
    ledger.close()
    return tmp_path


@pytest.fixture
def typed(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.setenv("LINGJING_LOCALE", "en")

    def type_(*words: str) -> tuple[int, str, str]:
        status = run([*words, "--data", str(data)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return type_


def change(data: Path, branch: str, name: str, **attributes: Any) -> None:
    ledger = SqliteLedger(data / TWIN_FILE)
    update(ledger, ledger.branch("", branch), name, **attributes)
    ledger.close()


def test_a_what_if_is_made_compared_taken_over_and_dropped(data: Path, typed: Typed) -> None:
    assert typed("branch", "create", "wrap", "--note", "wrap them")[0] == 0
    change(data, "wrap", "a", insulation_thickness=50)
    status, words, _ = typed("branch", "list")
    assert status == 0
    assert words.splitlines()[2].split()[:3] == ["wrap", "main", "1"]
    status, words, _ = typed("branch", "diff", "wrap")
    assert "0 added, 0 removed, 1 changed." in words
    assert "Riser urn:ngsi-ld:Riser:d:a" in words
    assert "0 mm → 50 mm" in words
    assert typed("branch", "merge", "wrap", "--dry-run")[0] == 0
    assert json.loads(typed("branch", "diff", "wrap", "--json")[1])[0]["kind"] == "changed"
    assert typed("branch", "merge", "wrap")[0] == 0
    assert json.loads(typed("branch", "merge", "wrap", "--json")[1])["applied"] == []
    assert typed("branch", "drop", "wrap")[0] == 0
    assert len(json.loads(typed("branch", "list", "--json")[1])) == 1


def test_two_what_ifs_are_compared(data: Path, typed: Typed) -> None:
    for name in ("one", "two"):
        typed("branch", "create", name)
    change(data, "one", "a", insulation_thickness=20)
    change(data, "two", "a", insulation_thickness=30)
    assert "20 mm → 30 mm" in typed("branch", "diff", "one", "--with", "two")[1]


def test_a_conflict_is_named_and_the_status_says_so(data: Path, typed: Typed) -> None:
    typed("branch", "create", "wrap")
    change(data, "wrap", "a", insulation_thickness=50)
    change(data, "main", "a", insulation_thickness=25)
    status, words, _ = typed("branch", "merge", "wrap")
    assert status == 8
    assert "was 0 mm, branch 50 mm, other 25 mm" in words
    assert "Nothing was taken over" in words
    assert typed("branch", "merge", "wrap", "--on-conflict", "take")[0] == 0


def test_only_chosen_changes_are_taken(data: Path, typed: Typed) -> None:
    typed("branch", "create", "wrap")
    change(data, "wrap", "a", insulation_thickness=50, owner="new")
    change(data, "wrap", "b", insulation_thickness=50)
    chosen = ("--id", urn("a"), "--attribute", "insulation_thickness", "--type", "Riser")
    done = json.loads(typed("branch", "merge", "wrap", *chosen, "--json")[1])
    [item] = done["applied"]
    assert item["id"] == urn("a")
    assert [part["attribute"].rsplit("/", 1)[1] for part in item["attributes"]] == [
        "insulation_thickness"
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("branch", "diff", "nowhere"), "twin.no-branch"),
        (("branch", "diff", "main"), "twin.trunk-has-no-base"),
        (("branch", "merge", "main"), "twin.trunk-has-no-base"),
        (("branch", "drop", "main"), "twin.branch-in-use"),
        (("branch", "create", "main"), "twin.branch-exists"),
        (("branch", "create", " "), "twin.bad-branch-name"),
        (("branch", "create", "x", "--from", "nowhere"), "twin.no-branch"),
        (("branch", "list", "--tenant", "nobody"), "twin.no-tenant"),
        (("access", "key", "revoke", "nothing"), "access.no-key"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_code(
    words: tuple[str, ...], code: str, typed: Typed
) -> None:
    status, _, told = typed(*words)
    assert status != 0
    assert code in told


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(typed: Typed) -> None:
    status, text, told = typed("access", "key", "create", "--role", "sense", "--note", "gauge")
    assert status == 0
    assert "shown this once" in told
    key_id, secret = text.strip().split("_")[1], text.strip().split("_", 2)[2]
    _, listed, _ = typed("access", "key", "list", "--json")
    assert secret not in listed
    [record] = json.loads(listed)
    assert (record["id"], record["role"], record["note"]) == (key_id, "sense", "gauge")
    assert typed("access", "key", "revoke", key_id)[0] == 0
    assert json.loads(typed("access", "key", "list", "--json")[1]) == []


def test_a_key_for_days_says_when_it_ends(typed: Typed) -> None:
    _, text, _ = typed("access", "key", "create", "--role", "read", "--days", "2", "--json")
    assert json.loads(text)["expires_at"] is not None
    assert typed("access", "key", "create", "--role", "king")[0] == 2
