"""Numbers given out within a writing transaction: of rows, words, templates, shapes and series.

Whoever writes holds the clock, so counting needs no sequence objects, and rows can be written in
bulk with their numbers known. What a transaction gave out is remembered only once it is committed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from lingjing.twin.documents import Document, encode
from lingjing.twin.packed import document_shape
from lingjing.twin.postgres_connection import Connection
from lingjing.twin.postgres_words import Lexicon

Counted = Literal["entity", "series", "word", "template", "shape"]
COUNTED: Final[tuple[Counted, ...]] = ("entity", "series", "word", "template", "shape")
SeriesKey = tuple[int, int, str]
"""Entity, attribute's word, dataset."""

_MOST_REMEMBERED: Final = 1_000_000


class _Pending:
    """What the open transaction has given out."""

    def __init__(self, following: dict[Counted, int], first_entity: int = 0) -> None:
        self.following = following
        self.first_entity = first_entity
        self.words: dict[str, int] = {}
        self.templates: dict[bytes, int] = {}
        self.shapes: dict[bytes, int] = {}
        self.series: dict[SeriesKey, int] = {}

    def copy(self) -> _Pending:
        made = _Pending(dict(self.following), self.first_entity)
        made.words, made.templates = dict(self.words), dict(self.templates)
        made.shapes, made.series = dict(self.shapes), dict(self.series)
        return made


class Numbers:
    """Gives out numbers, and writes what they stand for.

    Args:
        lexicon: Of the process; told of words and templates once they are committed.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._shapes: OrderedDict[bytes, int] = OrderedDict()
        self._series: OrderedDict[SeriesKey, int] = OrderedDict()
        self._pending = _Pending({})
        self._kept: list[_Pending] = []
        self._unwritten: dict[str, list[tuple[Any, ...]]] = {}

    # Transactions

    def begin(self, following: Sequence[int]) -> None:
        """A transaction begins; the next numbers are these, in the order of `COUNTED`."""
        self._pending = _Pending(dict(zip(COUNTED, following, strict=True)), following[0])
        self._unwritten = {"word": [], "template": [], "shape": [], "series": []}
        self._kept = []

    def committed(self) -> None:
        """What was given out holds from now on."""
        pending = self._pending
        self._lexicon.learn(
            [(key, iri) for iri, key in pending.words.items()],
            [(key, body) for body, key in pending.templates.items()],
        )
        self._shapes.update(pending.shapes)
        self._series.update(pending.series)
        for remembered in (self._shapes, self._series):
            while len(remembered) > _MOST_REMEMBERED:
                remembered.popitem(last=False)
        self._pending = _Pending({})

    def keep(self) -> None:
        """A part of the transaction begins; all is written by then."""
        self._kept.append(self._pending.copy())

    def release(self) -> None:
        """The innermost part is to stay."""
        self._kept.pop()

    def undo(self) -> None:
        """Take back what was given out in the innermost part."""
        self._pending = self._kept.pop()
        self._unwritten = {"word": [], "template": [], "shape": [], "series": []}

    @property
    def following(self) -> list[int]:
        """The next numbers, in the order of `COUNTED`."""
        return [self._pending.following[name] for name in COUNTED]

    @property
    def all_settled(self) -> bool:
        """Whether no word or template is known to this transaction alone."""
        return not (self._pending.words or self._pending.templates)

    # Giving out

    def take(self, name: Counted) -> int:
        """The next number."""
        given = self._pending.following[name]
        self._pending.following[name] = given + 1
        return given

    def words(self, connection: Connection, iris: Iterable[str]) -> None:
        """Look up, in one go, words that are about to be asked for."""
        unmet = [iri for iri in dict.fromkeys(iris) if iri not in self._pending.words]
        self._lexicon.find(connection, unmet)

    def word(self, connection: Connection, iri: str) -> int:
        """Number of a word."""
        found = self._lexicon.key(iri) or self._pending.words.get(iri)
        if found is None:
            (found,) = self._lexicon.find(connection, [iri])
        if found is None:
            found = self._pending.words[iri] = self.take("word")
            self._unwritten["word"].append((found, iri))
        return found

    def template(self, connection: Connection, body: bytes) -> int:
        """Number of a template."""
        found = self._lexicon.template_key(body) or self._pending.templates.get(body)
        if found is None:
            self._lexicon.find_templates(connection, [body])
            found = self._lexicon.template_key(body)
        if found is None:
            found = self._pending.templates[body] = self.take("template")
            self._unwritten["template"].append((found, body))
        return found

    def shape(self, connection: Connection, document: Document) -> int:
        """Number of what a document looks like."""
        body = encode(document_shape(document))
        found = self._shapes.get(body) or self._pending.shapes.get(body)
        if found is None:
            row = connection.execute("SELECT key FROM shape WHERE body = %s", (body,)).fetchone()
            if row is not None:
                found = self._pending.shapes[body] = int(row[0])
        if found is None:
            found = self._pending.shapes[body] = self.take("shape")
            self._unwritten["shape"].append((found, body))
        return found

    def series(self, connection: Connection, wanted: Iterable[SeriesKey]) -> dict[SeriesKey, int]:
        """Numbers of series, made where they are absent."""
        found: dict[SeriesKey, int] = {}
        unmet: list[SeriesKey] = []
        made: list[SeriesKey] = []
        for key in dict.fromkeys(wanted):
            number = self._series.get(key) or self._pending.series.get(key)
            if number is not None:
                found[key] = number
            elif key[0] >= self._pending.first_entity:
                made.append(key)  # an entity as new as this has no series yet
            else:
                unmet.append(key)
        if unmet:
            entities, attributes, datasets = zip(*unmet, strict=True)
            for entity, attribute, dataset, number in connection.execute(
                "SELECT entity, attribute, dataset, key FROM series WHERE (entity, attribute,"
                " dataset) IN (SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::text[]))",
                (list(entities), list(attributes), list(datasets)),
            ):
                found[entity, attribute, dataset] = number
        for key in (*made, *unmet):
            if key not in found:
                found[key] = self.take("series")
                self._unwritten["series"].append((found[key], *key))
            self._pending.series[key] = found[key]
        return found

    def made_series(self, key: SeriesKey) -> int:
        """Number of a series that is known to be absent."""
        found = self.take("series")
        self._unwritten["series"].append((found, *key))
        return found

    def write(self, connection: Connection) -> None:
        """Write what was given out and is not in the tables yet."""
        for name, columns in (
            ("word", "key, iri"),
            ("template", "key, body"),
            ("shape", "key, body"),
            ("series", "key, entity, attribute, dataset"),
        ):
            copy_rows(connection, f"{name} ({columns})", self._unwritten[name])
            self._unwritten[name] = []


def copy_rows(connection: Connection, target: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows in bulk.

    Args:
        connection: In a transaction.
        target: Table and columns, words of our own.
        rows: Values in that order.
    """
    if not rows:
        return
    statement = f"COPY {target} FROM STDIN".encode()
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
