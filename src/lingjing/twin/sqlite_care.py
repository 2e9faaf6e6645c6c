"""Looking after a SQLite file: is it whole, and how large is it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import apsw

from lingjing.twin import chunks
from lingjing.twin.connections import translated
from lingjing.twin.documents import decode
from lingjing.twin.problems import Problem
from lingjing.twin.sqlite_reading import past_document
from lingjing.vocabulary import LingjingError, Place

_PAGES_AT_ONCE: Final = 4_096

_COUNTS: Final = {
    "entities-without-branch": (
        "SELECT count(*) FROM entity WHERE branch NOT IN (SELECT key FROM branch)"
    ),
    "past-without-branch": (
        "SELECT count(*) FROM entity_past WHERE branch NOT IN (SELECT key FROM branch)"
    ),
    "histories-without-branch": (
        "SELECT count(*) FROM subject WHERE branch NOT IN (SELECT key FROM branch)"
    ),
    "entities-without-shape": (
        "SELECT count(*) FROM entity WHERE shape IS NULL"
        " AND (body IS NOT NULL OR layout IS NOT NULL)"
    ),
    "entities-beyond-clock": (
        "SELECT count(*) FROM entity WHERE revision > (SELECT revision FROM clock)"
    ),
    "entities-later-than-clock": (
        "SELECT count(*) FROM entity WHERE recorded_us > (SELECT recorded_us FROM clock)"
    ),
    "rows-beyond-clock": (
        "SELECT count(*) FROM history WHERE sequence > (SELECT revision FROM clock)"
    ),
    "rows-of-nobody": (
        "SELECT count(*) FROM history WHERE subject NOT IN (SELECT key FROM subject)"
    ),
    "chunks-of-nobody": "SELECT count(*) FROM chunk WHERE subject NOT IN (SELECT key FROM subject)",
    "missing-in-type-index": (
        "SELECT count(*) FROM entity JOIN shape_type USING (shape) LEFT JOIN entity_type"
        " ON entity_type.type = shape_type.type AND entity_type.branch = entity.branch"
        " AND entity_type.id = entity.id WHERE entity_type.entity IS NOT entity.key"
    ),
    "extra-in-type-index": (
        "SELECT count(*) FROM entity_type WHERE entity NOT IN (SELECT key FROM entity)"
    ),
    "boxes-without-entity": (
        "SELECT count(*) FROM entity_box WHERE key NOT IN (SELECT key FROM entity)"
    ),
    "imported-without-box": (
        "SELECT count(*) FROM entity WHERE layout IS NOT NULL"
        " AND key NOT IN (SELECT key FROM entity_box)"
    ),
}


def check(connection: apsw.Connection, folder: Path) -> list[str]:
    """What is wrong with a file, in words."""
    lines: list[object] = [
        line for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"
    ]
    lines += list(connection.execute("PRAGMA foreign_key_check"))
    for table in ("entity_box", "place_box"):
        answer = connection.execute(f"SELECT rtreecheck('{table}')").get
        if answer != "ok":
            lines.append(f"{table}: {answer}")
    found: list[str] = [Problem.of("database", detail=line) for line in lines]
    for what, query in _COUNTS.items():
        count = connection.execute(query).get
        if count:
            found.append(Problem.of(what, count=count))
    found += _unreadable(connection)
    for (path,) in connection.execute("SELECT path FROM sealed_file"):
        if not (folder / path).is_file():
            found.append(Problem.of("sealed-missing", path=path))
    return found


def _unreadable(connection: apsw.Connection) -> list[str]:
    """Documents, past states and chunks that cannot be read whole."""
    found: list[str] = []
    for identity, body in connection.execute("SELECT id, body FROM entity WHERE body IS NOT NULL"):
        try:
            named = decode(body)["id"]
        except (ValueError, KeyError):
            named = None
        if named != identity:
            found.append(Problem.of("unreadable-entity", id=identity))
    for identity, body in connection.execute(
        "SELECT id, body FROM entity_past WHERE body IS NOT NULL"
    ):
        try:
            past_document(body)
        except Exception:  # noqa: BLE001 damaged bytes fail in many ways
            found.append(Problem.of("unreadable-past", id=identity))
    for key, count, first, last, body in connection.execute(
        "SELECT key, count, first_sequence, last_sequence, body FROM chunk"
    ):
        try:
            columns = chunks.decode(body)
            whole = (len(columns), int(columns.sequence[0]), int(columns.sequence[-1]))
        except Exception:  # noqa: BLE001 damaged bytes fail in many ways
            whole = (0, 0, 0)
        if whole != (count, first, last):
            found.append(Problem.of("unreadable-chunk", number=key))
    return found


def backup(connection: apsw.Connection, folder: Path, target: Path) -> None:
    """Write a copy of a twin, whole or not at all.

    Args:
        connection: That sees one state throughout.
        folder: What paths of sealed files are relative to.
        target: The new file; sealed files go into a folder beside it.

    Raises:
        LingjingError: `twin.target-exists`, `twin.disk-full`, `twin.cannot-open`,
            `twin.sealed-missing`.
    """
    if target.exists():
        raise LingjingError("twin.target-exists", Place(file=str(target)), path=target)
    half = target.with_name(target.name + ".part")
    half.unlink(missing_ok=True)
    with translated(str(target)):
        copy = apsw.Connection(str(half))
        try:
            with copy.backup("main", connection, "main") as steps:
                while not steps.done:
                    steps.step(_PAGES_AT_ONCE)
            _copy_sealed(copy, folder, target)
            # One file, with nothing beside it, until it is opened as a twin again.
            copy.pragma("journal_mode", "delete")
        finally:
            copy.close()
    with half.open("rb") as file:
        os.fsync(file.fileno())
    half.replace(target)


def _copy_sealed(copy: apsw.Connection, folder: Path, target: Path) -> None:
    held = copy.execute("SELECT key, path FROM sealed_file").fetchall()
    beside = target.with_name(target.name + "-sealed")
    for key, path in held:
        beside.mkdir(exist_ok=True)
        new = beside / f"{key}-{Path(str(path)).name}"
        try:
            shutil.copyfile(folder / str(path), new)
        except OSError as error:
            raise LingjingError("twin.sealed-missing", Place(file=str(path)), path=path) from error
        relative = new.relative_to(target.parent)
        copy.execute("UPDATE sealed_file SET path = ? WHERE key = ?", (str(relative), key))


def size(connection: apsw.Connection) -> dict[str, int]:
    """Entities, history rows, sealed rows, branches, bytes."""

    def number(query: str) -> int:
        return int(connection.execute(query).get)

    return {
        "entities": number("SELECT count(*) FROM entity WHERE shape IS NOT NULL"),
        "history": number(
            "SELECT (SELECT count(*) FROM history) + (SELECT coalesce(sum(count), 0) FROM chunk)"
        ),
        "sealed": number("SELECT coalesce(sum(count), 0) FROM sealed"),
        "branches": number("SELECT count(*) FROM branch"),
        "bytes": int(connection.pragma("page_count")) * int(connection.pragma("page_size")),
    }
