"""What is known of the what-ifs of a data folder: one small file each, in `DIR/whatifs`.

Whoever works on them writes the records; others only put new orders there, and ask for one to be
cancelled or dropped by a marker beside it. So a command can order a what-if while a server holds
the twin, and a server that was killed finds on its next start what it was at.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from lingjing.engine.results import RunFolder
from lingjing.engine.whatifs.order import Order, as_plain, check_name, check_order
from lingjing.sdk import LingjingError, Text
from lingjing.sources.whole_files import whole_file
from lingjing.twin.ledger import TRUNK
from lingjing.vocabulary import format_instant

FOLDER: Final = "whatifs"
MOST: Final = 200
MOST_WAITING: Final = 20
State = Literal["waiting", "running", "done", "failed", "cancelled", "interrupted"]
ENDED: Final = ("failed", "cancelled", "interrupted")
"""States that left nothing but the record; the name may be taken again."""

Wish = Literal["cancel", "drop"]


class WhatIf(msgspec.Struct, frozen=True, omit_defaults=False):
    """One what-if, as far as it has come.

    Attributes:
        name: Its name, and that of its branch.
        note: For people.
        run: Name of the base run.
        district, scenario: Of the base run.
        parent: Branch that the base run foresaw; this one's branch is made from it.
        changes: What differs, as ordered.
        state: How far it has come.
        order: Number in the queue: nanoseconds since 1970 of its making.
        created_at, started_at, finished_at: ISO 8601 UTC.
        done: Finished share, 0 to 1.
        text: What is being done.
        entities: How many entities were changed in the branch.
        result: Name of the run that came of it.
        cautions: Why its difference from the base may come from more than the changes.
        error: What went wrong.
        kept: Whether it is protected from being dropped.
        branched: Whether it has a branch of its own.
    """

    name: str
    note: str
    run: str
    district: str
    scenario: str
    parent: str
    changes: dict[str, Any]
    state: State
    order: int
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    done: float = 0.0
    text: Text | None = None
    entities: int = 0
    result: str | None = None
    cautions: list[str] = []
    error: dict[str, Any] | None = None
    kept: bool = False
    branched: bool = False

    @property
    def key(self) -> str:
        """Name of its files."""
        return key_of(self.name)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state not in ("waiting", "running")


def key_of(name: str) -> str:
    """Name of a what-if's files: names may hold what file names may not."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


class Book:
    """The records of a data folder.

    Args:
        data_dir: See `settings.data_dir`.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.folder = data_dir / FOLDER

    def all(self) -> list[WhatIf]:
        """All what-ifs, the newest first; unreadable records are left out."""
        if not self.folder.is_dir():
            return []
        found = []
        for path in self.folder.glob("*.json"):
            with contextlib.suppress(LingjingError):
                found.append(_read(path))
        return sorted(found, key=lambda item: (item.order, item.name), reverse=True)

    def get(self, name: str) -> WhatIf:
        """One what-if.

        Raises:
            LingjingError: `whatif.unknown`.
        """
        path = self.folder / f"{key_of(name)}.json"
        with contextlib.suppress(LingjingError):
            return _read(path)
        known = ", ".join(item.name for item in self.all()) or "—"
        raise LingjingError("whatif.unknown", name=name[:120], known=known)

    def has(self, name: str) -> bool:
        """Whether there is one of that name."""
        return (self.folder / f"{key_of(name)}.json").is_file()

    def put(self, item: WhatIf) -> WhatIf:
        """Write a record, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self.folder / f"{item.key}.json") as file:
            file.write(msgspec.json.format(msgspec.json.encode(item), indent=2))
        return item

    def mark(self, name: str, *, kept: bool) -> WhatIf:
        """Mark a what-if as kept, or take the mark off.

        Raises:
            LingjingError: `whatif.unknown`, `whatif.not-done`.
        """
        item = self.get(name)
        if not item.is_over:
            raise LingjingError("whatif.not-done", name=name, state=item.state)
        return self.put(msgspec.structs.replace(item, kept=kept))

    def remove(self, name: str) -> None:
        """Forget a what-if and what was wished for it."""
        for ending in ("json", "cancel", "drop"):
            (self.folder / f"{key_of(name)}.{ending}").unlink(missing_ok=True)

    def wish(self, name: str, wish: Wish) -> None:
        """Ask whoever works on the what-ifs to cancel or drop one."""
        (self.folder / f"{key_of(name)}.{wish}").touch()

    def wished(self, name: str, wish: Wish) -> bool:
        """Whether that was asked for."""
        return (self.folder / f"{key_of(name)}.{wish}").exists()

    def unwish(self, name: str, wish: Wish) -> None:
        """Note that it was done."""
        (self.folder / f"{key_of(name)}.{wish}").unlink(missing_ok=True)

    def place(self, order: Order, branches: Iterator[str] | tuple[str, ...] = ()) -> WhatIf:
        """Check an order and put it in the queue.

        Args:
            order: What is asked for.
            branches: Names of branches that are taken, as far as they are known here.

        Raises:
            LingjingError: What `check_order` raises, `run.no-run`, `whatif.name-taken`,
                `whatif.too-many`.
        """
        check_name(order.name)
        held = self.get(order.name) if self.has(order.name) else None
        if held is not None and held.state not in ENDED:
            raise LingjingError("whatif.name-taken", name=order.name)
        if held is None and order.name in tuple(branches):
            raise LingjingError("whatif.name-taken", name=order.name)
        check_order(order, self.data_dir)
        record = base_run(self.data_dir, order.run).record()
        there = self.all()
        waiting = sum(not item.is_over for item in there)
        for count, most in ((waiting, MOST_WAITING), (len(there), MOST)):
            if count >= most:
                raise LingjingError("whatif.too-many", count=count)
        if held is not None:
            self.remove(order.name)
        request = record["request"]
        made = WhatIf(
            name=order.name,
            note=order.note,
            run=order.run,
            district=str(request["district"]),
            scenario=str(request["scenario"]),
            parent=str(request.get("branch", TRUNK)),
            changes=as_plain(order.changes),
            state="waiting",
            order=time.time_ns(),
            created_at=now(),
        )
        return self.put(made)


def base_run(data_dir: Path, name: str) -> RunFolder:
    """A run kept in the data folder, by its name.

    Raises:
        LingjingError: `run.no-run`.
    """
    parent = data_dir / "runs"
    path = parent / name
    if not name or name.startswith(".") or path.parent != parent or os.sep in name:
        raise LingjingError("run.no-run", folder=name[:120])
    return RunFolder(path)


def now() -> str:
    """This instant as ISO 8601 UTC."""
    return format_instant(datetime.now(UTC))


def _read(path: Path) -> WhatIf:
    try:
        return msgspec.json.decode(path.read_bytes(), type=WhatIf)
    except (OSError, msgspec.DecodeError) as error:
        raise LingjingError("whatif.unknown", name=path.stem, known="—") from error
