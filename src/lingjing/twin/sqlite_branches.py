"""Making and dropping tenants and branches of the SQLite driver."""

from __future__ import annotations

import apsw

from lingjing.twin.branch_book import BranchBook
from lingjing.twin.ledger import TRUNK, Branch
from lingjing.twin.sqlite_driver import SqliteDriver
from lingjing.vocabulary import LingjingError


def read_book(connection: apsw.Connection, book: BranchBook) -> None:
    """Fill the book from the file."""
    tenants = {name: key for key, name in connection.execute("SELECT key, name FROM tenant")}
    rows = connection.execute(
        "SELECT branch.key, tenant.name, branch.name, parent, base, created_us, note"
        " FROM branch JOIN tenant ON tenant.key = branch.tenant"
    )
    book.fill(tenants, [Branch(*row) for row in rows])


def create_tenant(driver: SqliteDriver, book: BranchBook, tenant: str) -> Branch:
    """A tenant with its trunk."""
    found = book.trunk(tenant)
    if found is not None:
        return found

    def work(connection: apsw.Connection, sequence: int, recorded_us: int) -> None:
        connection.execute("INSERT INTO tenant (name) VALUES (?)", (tenant,))
        connection.execute(
            "INSERT INTO branch (tenant, name, base, created_us, note) VALUES (?, ?, ?, ?, '')",
            (connection.last_insert_rowid(), TRUNK, sequence, recorded_us),
        )

    driver.apart(work)
    read_book(driver.connection, book)
    return book.branch(tenant, TRUNK)


def create_branch(
    driver: SqliteDriver, book: BranchBook, parent: Branch, name: str, note: str, now_us: int
) -> Branch:
    """A branch of the parent as it stands now; it costs one row.

    Raises:
        LingjingError: `twin.branch-exists`, `twin.no-branch`.
    """
    book.require(parent)
    if any(branch.name == name for branch in book.branches(parent.tenant)):
        raise LingjingError("twin.branch-exists", name=name)

    def work(connection: apsw.Connection, sequence: int, recorded_us: int) -> None:
        # The branch has an instant of its own, so that times and numbers divide changes alike.
        created_us = max(now_us, recorded_us + 1)
        connection.execute(
            "INSERT INTO branch (tenant, name, parent, base, created_us, note)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (book.tenant_key(parent.tenant), name, parent.key, sequence, created_us, note),
        )
        connection.execute("UPDATE clock SET recorded_us = ?", (created_us,))

    driver.apart(work)
    read_book(driver.connection, book)
    return book.branch(parent.tenant, name)


def drop_branch(driver: SqliteDriver, book: BranchBook, branch: Branch) -> None:
    """Remove a branch with all its changes and its history.

    Raises:
        LingjingError: `twin.branch-in-use`, `twin.no-branch`.
    """
    book.require(branch)
    if branch.parent is None or book.has_children(branch):
        raise LingjingError("twin.branch-in-use", name=branch.name)

    def work(connection: apsw.Connection, _sequence: int, _recorded_us: int) -> None:
        key = (branch.key,)
        for table in ("history", "chunk", "sealed", "hidden"):
            connection.execute(
                f"DELETE FROM {table}"  # noqa: S608
                " WHERE subject IN (SELECT key FROM subject WHERE branch = ?)",
                key,
            )
        for table in ("subject", "entity", "entity_past"):
            connection.execute(f"DELETE FROM {table} WHERE branch = ?", key)  # noqa: S608
        connection.execute("DELETE FROM branch WHERE key = ?", key)
        # States of the parent that only this branch saw would serve looking back no more than
        # history does; they stay, since telling them apart is dearer than keeping them.

    driver.apart(work)
    driver.history.forget()
    driver.history.due.clear()
    read_book(driver.connection, book)
