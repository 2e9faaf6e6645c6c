"""Writing history into the SQLite driver's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw
import msgspec

from lingjing.twin import chunks
from lingjing.twin.chunks import HOT_ROWS, LATE, OPERATIONS, ROWS, Columns
from lingjing.twin.desk import Row
from lingjing.twin.documents import Instance, encode
from lingjing.twin.interned import Interned
from lingjing.twin.ledger import Span
from lingjing.twin.moments import shorten
from lingjing.twin.sealing import Sealed, SealedFiles
from lingjing.twin.spans import NO_LIMIT
from lingjing.twin.sqlite_history import ENTITY_ITSELF, SEALED_COLUMNS, History, Series, subjects
from lingjing.twin.sqlite_reading import Level

_MOST_REMEMBERED: Final = 200_000
_NEVER_US: Final = 1 << 62
_SERIES_AT_ONCE: Final = 24
_INSERT: Final = (
    "INSERT INTO history (subject, attribute, dataset, sequence, marks, observed_us, recorded_us,"
    " created_us, template, number, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_MARKS: Final = {name: place for place, name in enumerate(OPERATIONS)}

_types = msgspec.json.Decoder(tuple[str, ...]).decode

SeriesKey = tuple[int, int, int]
"""Subject, attribute and dataset."""


class HistoryWriter:
    """Adds, gathers, amends and erases rows of history, inside the clerk's transactions.

    Args:
        connection: The clerk's.
        interned: The clerk's.
        files: Sealed files.
    """

    def __init__(self, connection: apsw.Connection, interned: Interned, files: SealedFiles) -> None:
        self._connection = connection
        self._interned = interned
        self._files = files
        self.reader = History(connection, interned, files)
        self.due: dict[SeriesKey, None] = {}
        self.forget()

    def forget(self) -> None:
        """Look everything up anew: what was written may have been undone, or others wrote."""
        self._subjects: dict[tuple[int, str], tuple[int, tuple[str, ...]]] = {}
        self._absent: set[tuple[int, str]] = set()
        self._fresh: set[int] = set()
        self._standing: dict[SeriesKey, list[int]] = {}
        self._next_subject = 0

    # Who has a history

    def known(self, branch: int, ids: Sequence[str]) -> set[str]:
        """Which of some ids have, or had, a history in the branch itself."""
        if len(self._absent) > _MOST_REMEMBERED:
            self._absent.clear()
        if len(self._subjects) > _MOST_REMEMBERED:
            self._subjects.clear()
        held = self._subjects
        found = {entity_id for entity_id in ids if (branch, entity_id) in held}
        wanted = [entity_id for entity_id in ids if entity_id not in found]
        if not wanted:
            return found
        rows: list[Any] = self._connection.execute(
            "SELECT id, key, types, hides FROM subject"
            " WHERE branch = ? AND id IN (SELECT value FROM json_each(?))",
            (branch, msgspec.json.encode(wanted).decode()),
        ).fetchall()
        self._absent.update((branch, entity_id) for entity_id in wanted)
        for entity_id, key, types, hides in rows:
            self._absent.discard((branch, entity_id))
            if not hides:
                self._subjects[branch, entity_id] = (key, _types(types))
            if not hides or self.reader.series_of_subject(key):
                found.add(entity_id)
        return found

    def _subject(
        self,
        place: tuple[int, str],
        types: tuple[str, ...],
        sequence: int,
        new: list[tuple[Any, ...]],
    ) -> int:
        """Key of what has a history, its types kept up to date; laid down where it is new."""
        held = self._subjects.get(place)
        if held is None:
            held = self._found_subject(place)
            if held is None:
                key = self._subject_key()
                new.append((key, *place, sequence, encode(types).decode()))
                self._fresh.add(key)
                self._absent.discard(place)
                held = (key, types)
            if len(self._subjects) > _MOST_REMEMBERED:
                self._subjects.clear()
            self._subjects[place] = held
        if held[1] != types:
            self._flush_subjects(new)
            self._connection.execute(
                "UPDATE subject SET types = ? WHERE key = ?", (encode(types).decode(), held[0])
            )
            held = self._subjects[place] = (held[0], types)
        return held[0]

    def _found_subject(self, place: tuple[int, str]) -> tuple[int, tuple[str, ...]] | None:
        if place in self._absent:
            return None
        found = self._connection.execute(
            "SELECT key, types FROM subject WHERE branch = ? AND id = ?", place
        ).get
        if found is None:
            return None
        return found[0], _types(found[1])

    def _subject_key(self) -> int:
        if not self._next_subject:
            self._next_subject = int(
                self._connection.execute("SELECT coalesce(max(key), 0) FROM subject").get
            )
            self._fresh.clear()
        self._next_subject += 1
        return self._next_subject

    def _flush_subjects(self, new: list[tuple[Any, ...]]) -> None:
        if new:
            self._connection.executemany(
                "INSERT INTO subject (key, branch, id, since, types) VALUES (?, ?, ?, ?, ?)", new
            )
            new.clear()

    # Adding

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows."""
        made: list[tuple[Any, ...]] = []
        new: list[tuple[Any, ...]] = []
        keys: dict[str | None, int] = {None: ENTITY_ITSELF, "": 0}
        subjects_now = self._subjects
        for row in rows:
            change = row.change
            owner = (row.branch.key, row.id)
            held = subjects_now.get(owner)
            if held is not None and held[1] == row.types:
                subject = held[0]
            else:
                subject = self._subject(owner, row.types, row.sequence, new)
                subjects_now = self._subjects
            attribute = keys.get(change.attribute)
            if attribute is None:
                attribute = keys[change.attribute] = self._interned.made_key(
                    self._connection, change.attribute or ""
                )
            dataset = keys.get(change.dataset)
            if dataset is None:
                dataset = keys[change.dataset] = self._interned.made_key(
                    self._connection, change.dataset
                )
            marks = _MARKS[change.operation] + (0 if change.current else LATE)
            instance = change.instance
            observed_us = None
            content: tuple[Any, ...]
            if instance is None:
                head = None if row.head is None else encode(row.head)
                content = (None, row.recorded_us, None, None, None, head)
            else:
                text, number, observed_us, created_us, body = shorten(instance, row.recorded_us)
                template = None
                if text is not None:
                    template = self._interned.made_template(self._connection, text)
                content = (observed_us, row.recorded_us, created_us, template, number, body)
            made.append((subject, attribute, dataset, row.sequence, marks, *content))
            self._count((subject, attribute, dataset), observed_us)
        self._flush_subjects(new)
        self._connection.executemany(_INSERT, made)

    def _count(self, place: SeriesKey, observed_us: int | None) -> None:
        """Keep in mind how many rows lie in no chunk, and the newest observation."""
        standing = self._standing.get(place)
        if standing is None:
            if len(self._standing) > _MOST_REMEMBERED:
                self._standing.clear()
                self._fresh.clear()
            if place[0] in self._fresh:
                standing = self._standing[place] = [0, chunks.NO_TIME]
            else:
                # The rows of this batch are not written yet.
                standing = self._look(place)
        standing[0] += 1
        if observed_us is not None and observed_us > standing[1]:
            standing[1] = observed_us
        if standing[0] >= HOT_ROWS:
            self.due[place] = None

    def _look(self, place: SeriesKey) -> list[int]:
        count, newest = self._connection.execute(
            "SELECT count(*), max(observed_us) FROM history"
            " WHERE subject = ? AND attribute = ? AND dataset = ?",
            place,
        ).get
        older = self._connection.execute(
            "SELECT max(last_observed_us) FROM (SELECT last_observed_us FROM chunk"
            " WHERE subject = ?1 AND attribute = ?2 AND dataset = ?3"
            " UNION ALL SELECT last_observed_us FROM sealed"
            " WHERE subject = ?1 AND attribute = ?2 AND dataset = ?3)",
            place,
        ).get
        times = [item for item in (newest, older) if item is not None]
        standing = self._standing[place] = [count, max(times, default=chunks.NO_TIME)]
        return standing

    def observed_already(
        self, seen: Sequence[Level], entity_id: str, names: tuple[str, str], observed_us: int
    ) -> list[Instance]:
        """Instances that history holds for exactly this observation time."""
        attribute = self._interned.key(self._connection, names[0])
        dataset = self._interned.key(self._connection, names[1])
        if attribute is None or dataset is None:
            return []
        held = self._subjects.get((seen[0][0], entity_id))
        if len(seen) == 1 and held is not None:
            place = (held[0], attribute, dataset)
            standing = self._standing.get(place) or self._look(place)
            if observed_us > standing[1]:
                return []
        span = Span(
            attributes=(names[0],),
            from_us=observed_us,
            to_us=observed_us + 1,
            dataset=names[1],
        )
        moments = self.reader.moments(seen, entity_id, span)
        return [moment.instance for moment in moments if moment.instance is not None]

    # Gathering into chunks

    def gather(self, most: int = _SERIES_AT_ONCE) -> bool:
        """Take the rows of a few series into chunks; whether more series wait."""
        for _ in range(min(most, len(self.due))):
            place = next(iter(self.due))
            self._gather(Series(*place, NO_LIMIT))
            del self.due[place]
        return bool(self.due)

    def _gather(self, series: Series) -> None:
        place = series[:3]
        columns = self.reader.rows(series)
        last = self._connection.execute(
            "SELECT key, count, body FROM chunk"
            " WHERE subject = ? AND attribute = ? AND dataset = ?"
            " ORDER BY first_sequence DESC LIMIT 1",
            place,
        ).get
        if last is not None and last[1] + len(columns) <= ROWS:
            columns = chunks.joined([chunks.decode(last[2]), columns])
            self._connection.execute("DELETE FROM chunk WHERE key = ?", (last[0],))
        for part in chunks.pieces(columns):
            self.put_chunk(place, part)
        self._connection.execute(
            "DELETE FROM history WHERE subject = ? AND attribute = ? AND dataset = ?", place
        )
        self._standing[place] = (
            [0, self._standing[place][1]] if place in self._standing else (self._look(place))
        )

    def put(self, place: SeriesKey, columns: Columns) -> None:
        """Write the rows of a series that has none yet; long ones as chunks."""
        if len(columns) < HOT_ROWS:
            self._put_rows(place, columns)
            return
        for part in chunks.pieces(columns):
            self.put_chunk(place, part)

    def put_chunk(self, place: SeriesKey, columns: Columns) -> None:
        """Write rows as one chunk."""
        self._connection.execute(
            "INSERT INTO chunk (subject, attribute, dataset, first_sequence, last_sequence,"
            " first_observed_us, last_observed_us, first_recorded_us, last_recorded_us, count,"
            " body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*place, *chunks.standing_of(columns), len(columns), chunks.encode(columns)),
        )

    # Changing the past

    def erase(
        self,
        seen: Sequence[Level],
        entity_id: str,
        attribute: str | None,
        dataset: str | None,
        sequence: int | None,
    ) -> int:
        """Remove rows; see `Desk.erase_history`. What an ancestor remembers is hidden."""
        held = subjects(self._connection, seen, entity_id)
        if not held:
            return 0
        span = Span(attributes=() if attribute is None else (attribute,), dataset=dataset)
        found = self.reader.series_of(seen, entity_id, span)
        if sequence is not None:
            return sum(self._erase_one(seen, entity_id, series, sequence) for series in found)
        removed = sum(self.reader.count(series) for series in found)
        own = self._own_subject(seen, entity_id)
        for series in found:
            if series.subject == own:
                self._drop(series)
            elif own is not None:
                self._hide(own, series)
        if attribute is None and dataset is None:
            self._forget_states(seen[0][0], entity_id)
        if attribute is None and dataset is None and own is not None:
            if len(seen) > 1:
                # What an ancestor remembers stays hidden, however often this is asked for.
                self._connection.execute("UPDATE subject SET hides = 1 WHERE key = ?", (own,))
            else:
                self._connection.execute("DELETE FROM subject WHERE key = ?", (own,))
            self._connection.execute("DELETE FROM hidden WHERE subject = ?", (own,))
        self._subjects.clear()
        self._absent.clear()
        self._fresh.clear()
        return removed

    def _forget_states(self, branch: int, entity_id: str) -> None:
        """Remove states kept for looking back, but for those that a branch still sees."""
        self._connection.execute(
            "DELETE FROM entity_past WHERE branch = ?1 AND id = ?2 AND NOT EXISTS"
            " (SELECT 1 FROM branch WHERE parent = ?1"
            " AND base >= from_sequence AND base < to_sequence)",
            (branch, entity_id),
        )
        # Those are found by number from the branch, and no longer by any time.
        self._connection.execute(
            "UPDATE entity_past SET from_us = ?, to_us = ? WHERE branch = ? AND id = ?",
            (_NEVER_US, _NEVER_US, branch, entity_id),
        )

    def _own_subject(self, seen: Sequence[Level], entity_id: str) -> int | None:
        """Key of the branch's own subject; made where only an ancestor has one."""
        branch = seen[0][0]
        found = self._connection.execute(
            "SELECT key FROM subject WHERE branch = ? AND id = ?", (branch, entity_id)
        ).get
        if found is not None or len(seen) == 1:
            return None if found is None else int(found)
        sequence, types = self._connection.execute("SELECT revision FROM clock").get, "[]"
        above = subjects(self._connection, seen[1:], entity_id)
        if above:
            types = above[0][2]
        self._connection.execute(
            "INSERT INTO subject (branch, id, since, types) VALUES (?, ?, ?, ?)",
            (branch, entity_id, sequence, types),
        )
        self._next_subject = 0
        self._absent.clear()
        return self._connection.last_insert_rowid()

    def _hide(self, own: int, series: Series) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO hidden VALUES (?, ?, ?)",
            (own, series.attribute, series.dataset),
        )

    def _drop(self, series: Series) -> None:
        for table in ("history", "chunk", "sealed"):
            self._connection.execute(
                f"DELETE FROM {table}"  # noqa: S608
                " WHERE subject = ? AND attribute = ? AND dataset = ?",
                series[:3],
            )
        self._standing.pop(series[:3], None)
        self._fresh.discard(series.subject)
        self.due.pop(series[:3], None)

    def _erase_one(
        self, seen: Sequence[Level], entity_id: str, series: Series, sequence: int
    ) -> int:
        changed = self._open(seen, entity_id, series, sequence)
        if changed is None:
            return 0
        self._connection.execute(
            "DELETE FROM history"
            " WHERE subject = ? AND attribute = ? AND dataset = ? AND sequence = ?",
            (*changed, sequence),
        )
        self._unsettle(changed)
        return 1

    def amend(
        self, seen: Sequence[Level], entity_id: str, sequence: int, instance: Instance
    ) -> bool:
        """Replace the instance of one row."""
        for series in self.reader.series_of(seen, entity_id, Span()):
            if series.attribute == ENTITY_ITSELF:
                continue
            place = self._open(seen, entity_id, series, sequence)
            if place is None:
                continue
            recorded_us = self._connection.execute(
                "SELECT recorded_us FROM history"
                " WHERE subject = ? AND attribute = ? AND dataset = ? AND sequence = ?",
                (*place, sequence),
            ).get
            short = shorten(instance, recorded_us)
            template = None
            if short.template is not None:
                template = self._interned.made_template(self._connection, short.template)
            self._connection.execute(
                "UPDATE history SET observed_us = ?, created_us = ?, template = ?, number = ?,"
                " body = ? WHERE subject = ? AND attribute = ? AND dataset = ? AND sequence = ?",
                (
                    short.observed_us, short.created_us, template, short.number, short.body,
                    *place, sequence,
                ),
            )  # fmt: skip
            self._unsettle(place)
            return True
        return False

    def _unsettle(self, place: SeriesKey) -> None:
        """Count a series anew when it is next written to."""
        self._standing.pop(place, None)
        self._fresh.discard(place[0])

    def _open(
        self, seen: Sequence[Level], entity_id: str, series: Series, sequence: int
    ) -> SeriesKey | None:
        """Make one row lie in the branch's own rows outside any chunk; where, if there is one."""
        if sequence > series.limit:
            return None
        own = self._own_subject(seen, entity_id) if len(seen) > 1 else series.subject
        assert own is not None  # noqa: S101
        if series.subject != own:
            part = self.reader.part_with(series, sequence)
            if part is None:
                return None
            # The branch takes its own copy of all that it sees of the series.
            whole = self.reader.whole(series)
            self._hide(own, series)
            self._put_rows((own, series.attribute, series.dataset), whole)
            return own, series.attribute, series.dataset
        place = series[:3]
        values = (*place, sequence)
        if self._connection.execute(
            "SELECT 1 FROM history"
            " WHERE subject = ? AND attribute = ? AND dataset = ? AND sequence = ?",
            values,
        ).get:
            return place
        for table, columns in (("chunk", "key, body"), ("sealed", f"key, {SEALED_COLUMNS}")):
            rows: list[Any] = self._connection.execute(
                f"SELECT {columns} FROM {table}"  # noqa: S608
                " WHERE subject = ? AND attribute = ? AND dataset = ?"
                " AND first_sequence <= ? AND last_sequence >= ?",
                (*values, sequence),
            ).fetchall()
            for key, *content in rows:
                part = (
                    chunks.decode(content[0])
                    if table == "chunk"
                    else self._files.read(Sealed(*content))
                )
                if self._take_out(place, part, sequence):
                    self._connection.execute(f"DELETE FROM {table} WHERE key = ?", (key,))  # noqa: S608
                    rest = part.take(part.sequence != sequence)
                    if len(rest):
                        self.put_chunk(place, rest)
                    return place
        return None

    def _take_out(self, place: SeriesKey, part: Columns, sequence: int) -> bool:
        wanted = part.take(part.sequence == sequence)
        self._put_rows(place, wanted)
        return bool(len(wanted))

    def _put_rows(self, place: SeriesKey, columns: Columns) -> None:
        self._connection.executemany(_INSERT, [(*place, *row) for row in chunks.to_rows(columns)])
        self._unsettle(place)
        if len(columns) >= HOT_ROWS:
            self.due[place] = None
