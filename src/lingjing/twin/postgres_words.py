"""Words, templates and branches by number, as all of the PostgreSQL driver knows them.

Numbers are never reused and their meaning never changes, so what was once read stays true, in
whatever process it was given out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from lingjing.twin.documents import Instance
from lingjing.twin.ledger import Branch
from lingjing.twin.moments import read_template
from lingjing.twin.postgres_connection import Connection

NO_LIMIT: Final = (1 << 63) - 1
ITSELF: Final = 0
"""Stands for the entity itself where an attribute's word stands."""
CHECKPOINT: Final = -1


class Level(NamedTuple):
    """A branch within a line of descent, and the last number that is seen of it."""

    branch: int
    limit: int


class Lexicon:
    """Words (IRIs) and templates by number, read when first met; may be used from any thread."""

    def __init__(self) -> None:
        self._iris: dict[int, str] = {}
        self._keys: dict[str, int] = {}
        self._templates: dict[int, Instance] = {}
        self._template_keys: dict[bytes, int] = {}

    def key(self, iri: str) -> int | None:
        """Number of a word, if it was met before."""
        return self._keys.get(iri)

    def template_key(self, body: bytes) -> int | None:
        """Number of a template, if it was met before."""
        return self._template_keys.get(body)

    def learn(
        self, words: Iterable[tuple[int, str]], templates: Iterable[tuple[int, bytes]]
    ) -> None:
        """Take in what is stored for good."""
        for key, iri in words:
            self._iris[key] = iri
            self._keys[iri] = key
        for key, body in templates:
            self._templates[key] = read_template(body)
            self._template_keys[body] = key

    def find(self, connection: Connection, iris: Sequence[str]) -> list[int | None]:
        """Numbers of words; None for those that nobody has used."""
        unmet = [iri for iri in iris if iri not in self._keys]
        if unmet:
            found = connection.execute("SELECT key, iri FROM word WHERE iri = ANY(%s)", (unmet,))
            self.learn(found.fetchall(), ())
        return [self._keys.get(iri) for iri in iris]

    def find_templates(self, connection: Connection, bodies: Sequence[bytes]) -> None:
        """Learn the numbers of those templates that are stored."""
        unmet = [body for body in bodies if body not in self._template_keys]
        if unmet:
            query = "SELECT key, body FROM template WHERE body = ANY(%s)"
            self.learn((), connection.execute(query, (unmet,)).fetchall())

    def iri(self, connection: Connection, key: int) -> str:
        """The word of a number."""
        found = self._iris.get(key)
        if found is None:
            query = "SELECT key, iri FROM word WHERE key = %s"
            self.learn(connection.execute(query, (key,)).fetchall(), ())
            found = self._iris[key]
        return found

    def template(self, connection: Connection, key: int) -> Instance:
        """The template of a number."""
        found = self._templates.get(key)
        if found is None:
            query = "SELECT key, body FROM template WHERE key = %s"
            self.learn((), connection.execute(query, (key,)).fetchall())
            found = self._templates[key]
        return found


class Branches:
    """All living branches as of one moment; replaced whole when any is made or dropped."""

    def __init__(self, rows: Iterable[Sequence[Any]], layout: int) -> None:
        self.layout = layout
        self.by_key: dict[int, Branch] = {}
        self.by_name: dict[tuple[str, str], Branch] = {}
        self.newest_child: dict[int, int] = {}
        for key, tenant, name, parent, base, created_us, note in rows:
            branch = Branch(key, tenant, name, parent, base, created_us, note)
            self.by_key[key] = branch
            self.by_name[tenant, name] = branch
            if parent is not None:
                self.newest_child[parent] = max(base, self.newest_child.get(parent, 0))

    def of(self, tenant: str) -> list[Branch]:
        """Branches of a tenant, the trunk first, then in order of making."""
        found = [branch for branch in self.by_key.values() if branch.tenant == tenant]
        return sorted(found, key=lambda branch: (branch.parent is not None, branch.key))

    def levels(self, branch: Branch) -> list[Level]:
        """The branch and its ancestors, with what is seen of each."""
        found = [Level(branch.key, NO_LIMIT)]
        here = branch
        while here.parent is not None and here.parent in self.by_key:
            found.append(Level(here.parent, here.base))
            here = self.by_key[here.parent]
        return found


def read_branches(connection: Connection) -> Branches:
    """The branches as they are stored now."""
    rows = connection.execute(
        "SELECT key, tenant, name, parent, base, created_us, note, (SELECT layout FROM clock)"
        " FROM branch ORDER BY key"
    ).fetchall()
    layout = rows[0][-1] if rows else 0
    return Branches([row[:-1] for row in rows], int(layout))
