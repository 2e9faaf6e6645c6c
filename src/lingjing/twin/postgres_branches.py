"""Tenants and branches in PostgreSQL, at hand, so that asking for one costs nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from lingjing.twin.branch_book import check_branch_name
from lingjing.twin.ledger import DEFAULT_TENANT, TRUNK, Branch
from lingjing.twin.postgres_connection import Address, Connection, Readers, translated
from lingjing.twin.postgres_driver import PostgresDriver
from lingjing.twin.postgres_listening import Told, tell
from lingjing.twin.postgres_words import Branches, Level, read_branches
from lingjing.vocabulary import LingjingError

T = TypeVar("T")


class BranchKeeper:
    """Knows the branches, and makes and drops them; may be used from any thread.

    Args:
        where: The twin.
        origin: Names this process in what others are told.
        now: The branches as of opening.
        readers: To look again with.
    """

    def __init__(self, where: Address, origin: str, now: Branches, readers: Readers) -> None:
        self.now = now
        self._where = where
        self._origin = origin
        self._readers = readers
        self._lock = threading.Lock()
        self._alone: Callable[[Callable[[PostgresDriver], Any]], Any] | None = None

    def write_through(self, alone: Callable[[Callable[[PostgresDriver], Any]], Any]) -> None:
        """How to do something with the driver between two groups of jobs."""
        self._alone = alone

    def levels(self, branch: Branch) -> list[Level]:
        """A branch and its ancestors, with what is seen of each."""
        self.require(branch)
        return self.now.levels(branch)

    def renew(self, branches: Branches) -> None:
        with self._lock:
            if branches.layout >= self.now.layout:
                self.now = branches

    def look_again(self) -> None:
        """Another process may have made what this one does not know."""
        self.renew(self._readers.read(read_branches))

    def tenants(self) -> list[str]:
        """All tenants, the default one included."""
        self.look_again()
        return sorted({branch.tenant for branch in self.now.by_key.values()})

    def ensure_tenant(self, tenant: str) -> Branch:
        """The trunk of a tenant, made where it is absent."""
        found = self.now.by_name.get((tenant, TRUNK))
        if found is not None:
            return found
        if tenant != DEFAULT_TENANT:
            check_branch_name(tenant)

        def make(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO branch (tenant, name, base, created_us, note)"
                " VALUES (%s, %s, 0, %s, '') ON CONFLICT DO NOTHING",
                (tenant, TRUNK, time.time_ns() // 1000),
            )

        self._change_layout(make)
        return self.now.by_name[tenant, TRUNK]

    def _change_layout(self, change: Callable[[Connection], T]) -> T:
        """Do something to the table of branches, between two groups of jobs."""

        def run(driver: PostgresDriver) -> T:
            with translated(self._where.shown), driver.connection.transaction():
                connection = driver.connection
                connection.execute("SELECT FROM clock FOR UPDATE")
                result = change(connection)
                connection.execute("UPDATE clock SET layout = layout + 1, writes = writes + 1")
                tell(connection, self._where, Told(origin=self._origin, layout=True))
            self.renew(read_branches(driver.connection))
            return result

        assert self._alone is not None  # noqa: S101
        result: T = self._alone(run)
        return result

    def of(self, tenant: str) -> list[Branch]:
        """Living branches of a tenant, the trunk first; empty for an unknown tenant."""
        self.look_again()
        return self.now.of(tenant)

    def branch(self, tenant: str, name: str = TRUNK) -> Branch:
        """A living branch; cheap."""
        found = self.now.by_name.get((tenant, name))
        if found is None:
            self.look_again()
            found = self.now.by_name.get((tenant, name))
        if found is not None:
            return found
        known = self.now.of(tenant)
        if not known:
            everyone = sorted({branch.tenant for branch in self.now.by_key.values()})
            raise LingjingError("twin.no-tenant", name=tenant, known=", ".join(map(repr, everyone)))
        raise LingjingError(
            "twin.no-branch", name=name, known=", ".join(branch.name for branch in known)
        )

    def require(self, branch: Branch) -> None:
        if branch.key not in self.now.by_key:
            self.look_again()
        if branch.key not in self.now.by_key:
            known = ", ".join(item.name for item in self.now.of(branch.tenant)) or "—"
            raise LingjingError("twin.no-branch", name=branch.name, known=known)

    def create(self, parent: Branch, name: str, note: str = "") -> Branch:
        """Branch off the parent as it stands now."""
        check_branch_name(name)
        self.require(parent)

        def make(connection: Connection) -> bool:
            row = connection.execute(
                "INSERT INTO branch (tenant, name, parent, base, created_us, note)"
                " SELECT %s, %s, %s, sequence, greatest(recorded_us, %s), %s FROM clock"
                " ON CONFLICT DO NOTHING RETURNING key",
                (parent.tenant, name, parent.key, time.time_ns() // 1000, note),
            ).fetchone()
            return row is not None

        if not self._change_layout(make):
            raise LingjingError("twin.branch-exists", name=name)
        return self.now.by_name[parent.tenant, name]

    def drop(self, branch: Branch) -> None:
        """Remove a branch with all its changes."""
        self.require(branch)

        def drop(connection: Connection) -> bool:
            row = connection.execute(
                "SELECT count(*) FROM branch WHERE parent = %s", (branch.key,)
            ).fetchone()
            if branch.parent is None or (row is not None and row[0]):
                return False
            for table in ("history", "history_chunk"):
                connection.execute(
                    b" ".join(
                        [
                            b"DELETE FROM", table.encode(), b"WHERE series IN (SELECT s.key FROM",
                            b"series s JOIN entity e ON e.key = s.entity WHERE e.branch = %s)",
                        ]
                    ),
                    (branch.key,),
                )  # fmt: skip
            connection.execute("DELETE FROM branch WHERE key = %s", (branch.key,))
            # What only this branch still saw of its parent goes too.
            connection.execute(
                "DELETE FROM entity_past p WHERE branch = %s AND NOT EXISTS (SELECT FROM branch b"
                " WHERE b.parent = p.branch AND b.base >= p.revision AND b.base < p.until)",
                (branch.parent,),
            )
            return True

        if not self._change_layout(drop):
            raise LingjingError("twin.branch-in-use", name=branch.name)
