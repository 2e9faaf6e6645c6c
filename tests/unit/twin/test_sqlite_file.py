"""The SQLite file: other programs' files, damage, other processes, sudden death, full disks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
import shapely

from lingjing.twin import District, Entity, SourceRecord, SqliteStore, schema
from lingjing.vocabulary import Attribute, LingjingError, Provenance

DISTRICT = District("d", "p", "区", "D", {}, (0, 0, 0, 0), False, "2026-01-01T00:00:00Z")
SOURCE = SourceRecord("s", "d", "a", "l", "", "2026-01-01T00:00:00Z", False, {})
MAPPED = Provenance("imported", "OpenStreetMap")


def taps(numbers: range) -> Iterator[Entity]:
    for number in numbers:
        yield Entity(
            f"urn:ngsi-ld:Tap:d:t{number}",
            "Tap",
            "d",
            shapely.to_wkb(shapely.Point(121.5 + number * 1e-6, 31.3)),
            {"inner_diameter": Attribute(15.0, MAPPED), "location": Attribute("facade", MAPPED)},
        )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that holds three taps."""
    made = tmp_path / "twin.sqlite"
    with SqliteStore(made) as store:
        store.import_entities(DISTRICT, SOURCE, taps(range(3)))
    return made


def refusal(path: Path, *, read_only: bool = False) -> str:
    with pytest.raises(LingjingError) as caught:
        SqliteStore(path, read_only=read_only)
    return caught.value.code


def test_the_file_keeps_what_it_was_given(path: Path) -> None:
    with SqliteStore(path) as store:
        assert store.counts("d") == {"Tap": 3}
    with SqliteStore(path, read_only=True) as store:
        assert len(store.twin("d").view("Tap")) == 3


def test_a_write_is_safe_on_the_disk_when_it_returns(path: Path) -> None:
    with SqliteStore(path) as store:
        assert store._main.pragma("synchronous") == 2
        assert store._main.pragma("journal_mode") == "wal"
        assert store._main.pragma("foreign_keys") == 1


def test_a_closed_store_leaves_one_file(path: Path) -> None:
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_the_spatial_index_follows_every_change(path: Path) -> None:
    with SqliteStore(path) as store:
        store.import_entities(DISTRICT, SOURCE, taps(range(2, 7)))
        store.forget_source("d", "s", kinds=["Depot"])
        keys = "SELECT group_concat(key) FROM (SELECT key FROM {} ORDER BY key)"
        boxes, entities = (
            store._main.execute(keys.format(table)).get for table in ("entity_box", "entity")
        )
        assert boxes == entities
        assert store._main.execute("SELECT rtreecheck('entity_box')").get == "ok"
        store.forget_district("d")
        assert store._main.execute("SELECT count(*) FROM entity_box").get == 0
        assert store._main.execute("SELECT count(*) FROM provenance").get == 0


def test_provenances_do_not_pile_up(path: Path) -> None:
    with SqliteStore(path) as store:
        for _ in range(3):
            store.import_entities(DISTRICT, SOURCE, taps(range(5)))
        assert store._main.execute("SELECT count(*) FROM provenance").get == 1


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "twin.sqlite"
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE notes (text)")
    other.close()
    before = path.read_bytes()
    assert refusal(path) == "twin.not-a-twin"
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all, but long enough" * 9, b"x"])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "twin.sqlite"
    path.write_bytes(content)
    assert refusal(path) == "twin.not-a-twin"
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_twin(tmp_path: Path) -> None:
    path = tmp_path / "twin.sqlite"
    path.touch()
    with SqliteStore(path) as store:
        assert store.districts() == []


@pytest.mark.parametrize("left", [50, 3000, 20_000])
def test_a_file_cut_short_is_refused(path: Path, left: int) -> None:
    path.write_bytes(path.read_bytes()[:left])
    assert refusal(path) == "twin.corrupt"


def test_damage_inside_the_file_is_named(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for page in range(1, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(LingjingError) as caught, SqliteStore(path) as store:
        store.counts("d")
    assert caught.value.code == "twin.corrupt"


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "twin.cannot-open"


def test_a_missing_file_cannot_be_opened_for_reading(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.sqlite", read_only=True) == "twin.cannot-open"
    assert refusal(tmp_path / "no" / "folder.sqlite") == "twin.cannot-open"
    assert list(tmp_path.iterdir()) == []


def test_a_newer_file_is_refused_and_left_alone(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", len(schema.MIGRATIONS) + 1)
    connection.close()
    assert refusal(path) == "twin.newer-schema"
    assert refusal(path, read_only=True) == "twin.newer-schema"


def test_an_older_file_is_brought_forward(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    further = (*schema.MIGRATIONS, "CREATE TABLE later (x) STRICT".replace("x", "x TEXT"))
    monkeypatch.setattr(schema, "MIGRATIONS", further)
    assert refusal(path, read_only=True) == "twin.older-schema"
    with SqliteStore(path) as store:
        assert store._main.pragma("user_version") == len(further)
        assert store._main.execute("SELECT count(*) FROM later").get == 0
        assert store.counts("d") == {"Tap": 3}


def test_a_failing_migration_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, "CREATE TABLE half (x); SELECT nonsense()"))
    with pytest.raises(apsw.SQLError):
        SqliteStore(path)
    monkeypatch.setattr(schema, "MIGRATIONS", known)
    with SqliteStore(path) as store:
        assert store.counts("d") == {"Tap": 3}
        assert store._main.execute("SELECT count(*) FROM sqlite_schema WHERE name='half'").get == 0


def test_a_store_opened_for_reading_refuses_to_write(path: Path) -> None:
    before = path.read_bytes()
    with SqliteStore(path, read_only=True) as store:
        with pytest.raises(LingjingError) as caught:
            store.import_entities(DISTRICT, SOURCE, taps(range(9)))
        assert caught.value.code == "twin.read-only"
        with pytest.raises(LingjingError):
            store.forget_district("d")
    assert path.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_can_still_be_read(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        with SqliteStore(path, read_only=True) as store:
            assert store.counts("d") == {"Tap": 3}
    finally:
        path.parent.chmod(0o700)


def test_reading_needs_no_lock_files_where_none_can_be_made(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with SqliteStore(path, read_only=True) as store:
        assert store.counts("d") == {"Tap": 3}
        assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_full_disk_undoes_the_import(path: Path) -> None:
    with SqliteStore(path) as store:
        store._main.pragma("max_page_count", store._main.pragma("page_count") + 20)
        with pytest.raises(LingjingError) as caught:
            store.import_entities(DISTRICT, SOURCE, taps(range(20_000)))
        assert caught.value.code == "twin.disk-full"
        assert caught.value.values["path"] == str(path)
        assert store.counts("d") == {"Tap": 3}
        store.import_entities(DISTRICT, SOURCE, taps(range(4)))
    with SqliteStore(path) as store:
        assert store.counts("d") == {"Tap": 4}


def test_a_full_disk_in_a_nested_import_undoes_the_whole(path: Path) -> None:
    with SqliteStore(path) as store:
        store._main.pragma("max_page_count", store._main.pragma("page_count") + 20)
        with pytest.raises(LingjingError) as caught, store.transaction():
            store.import_entities(DISTRICT, SOURCE, taps(range(20_000)))
        assert caught.value.code == "twin.disk-full"
        assert store.counts("d") == {"Tap": 3}


def test_other_threads_read_the_old_state_while_one_writes(path: Path) -> None:
    with SqliteStore(path) as store:
        seen: list[dict[str, int]] = []
        reader = threading.Thread(target=lambda: seen.append(store.counts("d")))
        with store.transaction():
            store.import_entities(DISTRICT, SOURCE, taps(range(9)))
            reader.start()
            reader.join(30)
            assert seen == [{"Tap": 3}]
        assert store.counts("d") == {"Tap": 9}


_OTHER = """
import sys, time
sys.path[:0] = [{folder!r}]
from test_sqlite_file import DISTRICT, SOURCE, SqliteStore, taps
def stream():
    yield from taps(range(100, 9000))
    print("half-way", flush=True)
    sys.stdin.readline()
with SqliteStore({path!r}) as store:
    store.import_entities(DISTRICT, SOURCE, stream())
print("done", flush=True)
"""


@pytest.fixture
def importing(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, half-way through an import; a line on its input lets it finish."""
    program = _OTHER.format(folder=str(Path(__file__).parent), path=str(path))
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half-way\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_writer_is_told_that_the_twin_is_busy(
    path: Path, importing: subprocess.Popen[str]
) -> None:
    with SqliteStore(path, busy_timeout_s=0.05) as store:
        with pytest.raises(LingjingError) as caught:
            store.import_entities(DISTRICT, SOURCE, taps(range(9)))
        assert caught.value.code == "twin.busy"
        assert store.counts("d") == {"Tap": 3}
        out, _ = importing.communicate("\n", timeout=60)
        assert out == "done\n"
        assert store.counts("d") == {"Tap": 8900}
        store.import_entities(DISTRICT, SOURCE, taps(range(9)))


def test_an_import_elsewhere_is_noticed_by_a_twin_held_here(
    path: Path, importing: subprocess.Popen[str]
) -> None:
    with SqliteStore(path) as store:
        old = store.twin("d")
        importing.communicate("\n", timeout=60)
        with pytest.raises(LingjingError) as caught:
            old.view("Tap")
        assert caught.value.code == "twin.changed-meanwhile"
        assert len(store.twin("d").view("Tap")) == 8900


def test_sudden_death_during_an_import_leaves_the_old_state(
    path: Path, importing: subprocess.Popen[str]
) -> None:
    importing.send_signal(signal.SIGKILL)
    importing.wait(60)
    with SqliteStore(path) as store:
        assert store.counts("d") == {"Tap": 3}
        assert store._main.pragma("integrity_check") == "ok"
        store.import_entities(DISTRICT, SOURCE, taps(range(5)))
        assert store.counts("d") == {"Tap": 5}


def test_entities_stream_without_being_held(path: Path) -> None:
    alive = 0
    most = 0

    class Counted(Entity, frozen=True, weakref=True):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def stream() -> Iterator[Entity]:
        nonlocal alive, most
        for tap in taps(range(20_000)):
            alive += 1
            most = max(most, alive)
            yield Counted(tap.id, tap.kind, tap.district, tap.geometry, tap.attributes)

    with SqliteStore(path) as store:
        store.import_entities(DISTRICT, SOURCE, stream())
    assert most < 6_000
