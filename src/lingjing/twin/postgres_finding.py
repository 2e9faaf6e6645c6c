"""Finding entities in PostgreSQL: what a selection becomes in SQL, and what is checked after."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import shapely

from lingjing.twin.documents import Document, decode
from lingjing.twin.ledger import Found, Record, Selection
from lingjing.twin.packed import boxes
from lingjing.twin.postgres_reading import Reader
from lingjing.twin.postgres_words import NO_LIMIT, Level
from lingjing.twin.query.patterns import finder
from lingjing.vocabulary import LingjingError

FIRST_PAGE: Final = 64
_LARGEST_PAGE: Final = 2_048


class Statement:
    """A statement in the making: fragments of our own, and values that are bound to it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: list[Any] = []

    def add(self, fragment: str, *values: Any) -> Statement:
        """Append a fragment with its values."""
        self.parts.append(fragment)
        self.values.extend(values)
        return self

    def text(self) -> bytes:
        """The whole."""
        return "\n".join(self.parts).encode()


class Wanted:
    """A selection in numbers, with what is left to be checked of each document.

    Args:
        reader: For the words' numbers.
        selection: What is wanted.
    """

    def __init__(self, reader: Reader, selection: Selection) -> None:
        self.selection = selection
        find = reader.lexicon.find
        groups = [find(reader.connection, group) for group in selection.types]
        self.groups = [
            [key for key in group if key is not None] for group in groups if None not in group
        ]
        self.impossible = bool(selection.types) and not self.groups
        unwanted = find(reader.connection, selection.without_type)
        self.unwanted = [key for key in unwanted if key is not None]
        self.place: int | None = None
        if selection.bounds is not None:
            (self.place,) = find(reader.connection, [selection.geo_attribute])
        self.pattern = finder(selection.id_pattern) if selection.id_pattern else None

    def types(self, statement: Statement, column: str) -> None:
        """Add the conditions on types."""
        if self.groups:
            options = " OR ".join([f"{column} @> %s::integer[]"] * len(self.groups))
            statement.add(f"AND ({options})", *self.groups)
        if self.unwanted:
            statement.add(f"AND NOT {column} && %s::integer[]", self.unwanted)

    def placed(self, statement: Statement) -> None:
        """Add the present rows of `entity e` near the place, found by the index of places."""
        assert self.selection.bounds is not None  # noqa: S101
        west, south, east, north = self.selection.bounds
        # A box over the antimeridian is two.
        spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        boxed = " OR ".join(["shape && ST_MakeEnvelope(%s, %s, %s, %s, 4326)"] * len(spans))
        corners = [corner for low, high in spans for corner in (low, south, high, north)]
        statement.add("FROM (SELECT DISTINCT entity FROM entity_shape WHERE attribute = %s")
        statement.values.append(-1 if self.place is None else self.place)
        statement.add(f"AND ({boxed})) g JOIN entity e ON e.key = g.entity", *corners)

    def named(self, statement: Statement, after: str) -> None:
        """Add the conditions on the id."""
        if self.selection.ids:
            statement.add("AND e.id = ANY(%s)", list(self.selection.ids))
        if after:
            statement.add("AND e.id > %s", after)

    @property
    def leaves_something(self) -> bool:
        """Whether documents have to be looked at."""
        selection = self.selection
        return bool(selection.attributes or self.pattern or selection.accept)

    def fits_id(self, entity_id: str) -> bool:
        """Whether the id fits the pattern."""
        return self.pattern is None or self.pattern(entity_id)

    def fits(self, document: Document) -> bool:
        """Whether all that no statement asks for holds too."""
        selection = self.selection
        if selection.attributes:
            held = document["attributes"]
            if not any(attribute in held for attribute in selection.attributes):
                return False
        return selection.accept is None or selection.accept(document)

    def fits_whole(self, document: Document) -> bool:
        """The same where the statement was about another state than the document."""
        selection = self.selection
        types = set(document["type"])
        if selection.types and not any(types.issuperset(group) for group in selection.types):
            return False
        if not types.isdisjoint(selection.without_type):
            return False
        if selection.bounds is not None and not self._touches(document, selection.bounds):
            return False
        return self.fits(document)

    def _touches(self, document: Document, bounds: tuple[float, float, float, float]) -> bool:
        west, south, east, north = bounds
        for low, bottom, high, top in boxes(document).get(self.selection.geo_attribute, ()):
            if bottom > north or top < south:
                continue
            if (low <= east and high >= west) or (west > east and (low <= east or high >= west)):
                return True
        return False


class Counter:
    """Counts the documents that were looked at, and refuses to look at too many."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._seen = 0

    def one_more(self) -> None:
        """Note that a document is looked at.

        Raises:
            LingjingError: `twin.query-too-costly`.
        """
        self._seen += 1
        if self._most is not None and self._seen > self._most:
            raise LingjingError("twin.query-too-costly", most=self._most)


def find(reader: Reader, levels: Sequence[Level], selection: Selection, at_us: int | None) -> Found:
    """Entities that meet a selection; see `Ledger.find`."""
    wanted = Wanted(reader, selection)
    if wanted.impossible:
        return Found([], 0 if selection.count else None)
    if len(levels) == 1 and at_us is None and levels[0].limit == NO_LIMIT:
        if not wanted.leaves_something:
            return _found_by_statement(reader, levels[0].branch, wanted)
        matching = _looked_at(_present(reader, levels[0].branch, wanted), wanted, wanted.fits)
    else:
        resolved = _resolved(reader, levels, wanted, at_us)
        matching = _looked_at(resolved, wanted, wanted.fits_whole)
    start = selection.offset
    stop = None if selection.limit is None else start + selection.limit
    if not selection.count:
        return Found(list(itertools.islice(matching, start, stop)), None)
    records, total = [], 0
    for record in matching:
        if total >= start and (stop is None or total < stop):
            records.append(record)
        total += 1
    return Found(records, total)


def _looked_at(
    records: Iterator[Record], wanted: Wanted, fits: Callable[[Document], bool]
) -> Iterator[Record]:
    counter = Counter(wanted.selection.most_scanned)
    for record in records:
        counter.one_more()
        if fits(record.document):
            yield record


def _from(wanted: Wanted, branch: int, after: str) -> Statement:
    """Present rows of one branch that meet what a statement can ask for."""
    statement = Statement()
    groups = wanted.groups
    if wanted.selection.types and not wanted.selection.ids and wanted.selection.bounds is None:
        firsts = {group[0] for group in groups}
        if len(firsts) == 1:
            # Walked in order of id, so that a page costs a page.
            statement.add("FROM entity_type t JOIN entity e ON e.branch = t.branch AND e.id = t.id")
            statement.add("WHERE t.branch = %s AND t.type = %s", branch, firsts.pop())
            if after:
                statement.add("AND t.id > %s", after)
            statement.add("AND e.state = 1")
            if groups != [[groups[0][0]]] or wanted.unwanted:
                wanted.types(statement, "e.types")
            return statement
    if wanted.selection.bounds is not None:
        wanted.placed(statement)
    else:
        statement.add("FROM entity e")
    statement.add("WHERE e.branch = %s AND e.state = 1", branch)
    wanted.named(statement, after)
    wanted.types(statement, "e.types")
    return statement


def _order(statement: Statement) -> str:
    return "t.id" if statement.parts[0].startswith("FROM entity_type") else "e.id"


def _found_by_statement(reader: Reader, branch: int, wanted: Wanted) -> Found:
    """Where the statement says all, only what is wanted is read."""
    selection = wanted.selection
    source = _from(wanted, branch, selection.after)
    total = None
    if selection.count:
        counted = Statement().add("SELECT count(*)").add("\n".join(source.parts), *source.values)
        row = reader.connection.execute(counted.text(), counted.values).fetchone()
        total = 0 if row is None else int(row[0])
    if selection.limit == 0:
        return Found([], total)
    page = Statement().add("SELECT e.id, e.revision, e.body")
    page.add("\n".join(source.parts), *source.values).add(f"ORDER BY {_order(source)}")
    if selection.limit is not None:
        page.add("LIMIT %s", selection.limit)
    if selection.offset:
        page.add("OFFSET %s", selection.offset)
    rows = reader.connection.execute(page.text(), page.values, binary=True).fetchall()
    return Found([Record(row[0], row[1], decode(row[2])) for row in rows], total)


def _page_sizes(wanted: Wanted) -> Iterator[int]:
    limit = wanted.selection.limit
    size = FIRST_PAGE if limit is None else max(FIRST_PAGE, min(2 * limit, _LARGEST_PAGE))
    if limit is None or wanted.selection.count:
        size = _LARGEST_PAGE
    while True:
        yield size
        size = min(2 * size, _LARGEST_PAGE)


def _present(reader: Reader, branch: int, wanted: Wanted) -> Iterator[Record]:
    """Documents of one branch to be looked at, in order of id, a page at a time."""
    after = wanted.selection.after
    for size in _page_sizes(wanted):
        source = _from(wanted, branch, after)
        page = Statement().add("SELECT e.id, e.revision, e.body")
        page.add("\n".join(source.parts), *source.values)
        page.add(f"ORDER BY {_order(source)} LIMIT %s", size)
        rows = reader.connection.execute(page.text(), page.values, binary=True).fetchall()
        for entity_id, revision, body in rows:
            if wanted.fits_id(entity_id):
                yield Record(entity_id, revision, decode(body))
        if len(rows) < size:
            return
        after = rows[-1][0]


def _resolved(
    reader: Reader, levels: Sequence[Level], wanted: Wanted, at_us: int | None
) -> Iterator[Record]:
    """Documents that a line of branches shows, now or then, to be looked at in order of id."""
    after = wanted.selection.after
    for size in _page_sizes(wanted):
        statement = _candidates(levels, wanted, after, size, at_us)
        rows = reader.connection.execute(statement.text(), statement.values).fetchall()
        ids = [row[0] for row in rows if wanted.fits_id(row[0])]
        records = reader.records(levels, ids, at_us)
        yield from (records[entity_id] for entity_id in ids if entity_id in records)
        if len(rows) < size:
            return
        after = rows[-1][0]


def _candidates(
    levels: Sequence[Level], wanted: Wanted, after: str, size: int, at_us: int | None
) -> Statement:
    """Ids, in order, among which are all that the line of branches shows."""
    statement = Statement().add("SELECT DISTINCT id FROM (")
    for place, level in enumerate(levels):
        if place:
            statement.add("UNION ALL")
        if at_us is None:
            _candidates_now(statement, level, wanted, after, size)
        else:
            _candidates_then(statement, level, wanted, after, size)
    return statement.add(") AS candidate ORDER BY id LIMIT %s", size)


def _candidates_now(
    statement: Statement, level: Level, wanted: Wanted, after: str, size: int
) -> None:
    statement.add("(SELECT e.id")
    if wanted.selection.bounds is not None:
        wanted.placed(statement)
    else:
        statement.add("FROM entity e")
    statement.add("WHERE e.branch = %s AND e.state = 1", level.branch)
    wanted.named(statement, after)
    wanted.types(statement, "e.types")
    if level.limit != NO_LIMIT:
        statement.add("AND e.revision <= %s", level.limit)
    statement.add("ORDER BY e.id LIMIT %s)", size)
    if level.limit != NO_LIMIT:
        statement.add("UNION ALL (SELECT e.id FROM entity_past e WHERE e.branch = %s", level.branch)
        statement.add("AND e.state = 1 AND e.revision <= %s AND e.until > %s", *[level.limit] * 2)
        wanted.named(statement, after)
        wanted.types(statement, "e.types")
        statement.add("ORDER BY e.id LIMIT %s)", size)


def _candidates_then(
    statement: Statement, level: Level, wanted: Wanted, after: str, size: int
) -> None:
    """Whatever lives or lived; how it looked then is seen when it is put together."""
    statement.add("(SELECT e.id FROM entity e WHERE e.branch = %s", level.branch)
    statement.add("AND e.state IN (1, 2) AND e.born <= %s", level.limit)
    wanted.named(statement, after)
    statement.add("ORDER BY e.id LIMIT %s)", size)


def shape_bytes(value: Any) -> str | None:
    """A GeoJSON geometry as PostGIS takes it; None where it is none."""
    try:
        if value["type"] == "Point":
            made = shapely.Point(value["coordinates"][:2])
        else:
            made = shapely.geometry.shape(value)
        text: str = shapely.to_wkb(
            shapely.set_srid(made, 4326), hex=True, include_srid=True, output_dimension=2
        )
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return text
