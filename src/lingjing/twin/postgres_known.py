"""Who has a history, in PostgreSQL: types by id, and ids of those with rows in a span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lingjing.twin.ledger import Selection, Span
from lingjing.twin.postgres_finding import Statement, Wanted
from lingjing.twin.postgres_history import CHUNK_TIMES, history, within, words_of
from lingjing.twin.postgres_reading import FORGOTTEN, Reader
from lingjing.twin.postgres_words import Level

_PAGE: Final = 512


def known_types(reader: Reader, levels: Sequence[Level], entity_id: str) -> tuple[str, ...] | None:
    """Types an entity has or last had; see `Ledger.known_to_history`."""
    rows = reader.connection.execute(
        "SELECT branch, state, born, types, revision FROM entity WHERE branch = ANY(%s)"
        " AND id = %s",
        ([level.branch for level in levels], entity_id),
    ).fetchall()
    found = {row[0]: row[1:] for row in rows}
    for level in levels:
        state, born, types, revision = found.get(level.branch, (None, 0, (), 0))
        if state is None or born > level.limit:
            continue
        if revision > level.limit:
            record = reader.records([level], [entity_id]).get(entity_id)
            if record is not None:
                return tuple(record.document["type"])
        if state == FORGOTTEN:
            return None
        return tuple(reader.lexicon.iri(reader.connection, key) for key in types)
    return None


def history_ids(
    reader: Reader, levels: Sequence[Level], selection: Selection, span: Span
) -> list[str]:
    """Ids of entities with rows in the span; see `Ledger.history_ids`."""
    wanted = Wanted(reader, selection)
    words = words_of(reader, span)
    if wanted.impossible or words == []:
        return []
    found: list[str] = []
    after = selection.after
    stop = None if selection.limit is None else selection.offset + selection.limit
    while stop is None or len(found) < stop:
        page = _known_page(reader, levels, wanted, after)
        if not page:
            break
        after = page[-1]
        found += _with_rows(reader, levels, page, wanted, words, span)
    return found[selection.offset : stop]


def _known_page(reader: Reader, levels: Sequence[Level], wanted: Wanted, after: str) -> list[str]:
    statement = Statement().add("SELECT DISTINCT e.id FROM entity e")
    limits = " OR ".join(["(e.branch = %s AND e.born <= %s)"] * len(levels))
    statement.add(
        f"WHERE ({limits}) AND e.state < 3", *[item for level in levels for item in level]
    )
    wanted.named(statement, after)
    if len(levels) == 1:
        wanted.types(statement, "e.types")
    statement.add("ORDER BY e.id LIMIT %s", _PAGE)
    return [row[0] for row in reader.connection.execute(statement.text(), statement.values)]


def _with_rows(
    reader: Reader,
    levels: Sequence[Level],
    ids: list[str],
    wanted: Wanted,
    words: list[int] | None,
    span: Span,
) -> list[str]:
    """Those of a page that have rows in the span, and types that are wanted."""
    hits: dict[str, bool] = {}
    for level in levels:
        statement = Statement().add("SELECT e.id,")
        _any_row(statement, level, words, span)
        statement.add("FROM entity e WHERE e.branch = %s AND e.id = ANY(%s)", level.branch, ids)
        if len(levels) == 1:
            wanted.types(statement, "e.types")
        for entity_id, hot, packed in reader.connection.execute(statement.text(), statement.values):
            sure = hot and len(levels) == 1
            hits[entity_id] = hits.get(entity_id, False) or sure
            if packed or (hot and not sure):
                hits[entity_id] = hits[entity_id] or bool(history(reader, levels, entity_id, span))
    chosen = [entity_id for entity_id in ids if hits.get(entity_id) and wanted.fits_id(entity_id)]
    if len(levels) > 1:
        chosen = [item for item in chosen if _of_types(reader, levels, item, wanted.selection)]
    return chosen


def _any_row(statement: Statement, level: Level, words: list[int] | None, span: Span) -> None:
    """Whether an entity has rows, and whether chunks that may have some."""
    first, last = CHUNK_TIMES[span.time]
    for alias, table in (("h", "history"), ("c", "history_chunk")):
        statement.add("EXISTS (SELECT 1 FROM series s JOIN").add(f"{table} {alias}")
        statement.add(f"ON {alias}.series = s.key WHERE s.entity = e.key")
        statement.add("AND s.attribute >= 0")
        if words is not None:
            statement.add("AND s.attribute = ANY(%s)", words)
        if span.dataset is not None:
            statement.add("AND s.dataset = %s", span.dataset)
        if alias == "h":
            within(statement, level, span)
            statement.add("),")
            continue
        statement.add(f"AND {first} IS NOT NULL AND c.first_sequence <= %s", level.limit)
        if span.from_us is not None:
            statement.add(f"AND {last} >= %s", span.from_us)
        if span.to_us is not None:
            statement.add(f"AND {first} < %s", span.to_us)
        statement.add(")")


def _of_types(
    reader: Reader, levels: Sequence[Level], entity_id: str, selection: Selection
) -> bool:
    types = set(known_types(reader, levels, entity_id) or ())
    if selection.types and not any(types.issuperset(group) for group in selection.types):
        return False
    return types.isdisjoint(selection.without_type)
