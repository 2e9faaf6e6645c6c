"""Finding objects by name, address or id; Chinese names also by their pinyin and its initials."""

from __future__ import annotations

import bisect
import itertools
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from lingjing.interfaces.http.table import ObjectTable
from lingjing.vocabulary import kinds

Way = Literal["name", "pinyin", "initials", "address", "id"]

MOST_READINGS: Final = 8
"""Readings of one text that are kept where characters have several."""
MOST_HITS: Final = 20_000
LEAST_INITIALS: Final = 2
_GAP: Final = "\n"
_IGNORED: Final = {ord(sign): None for sign in " \t\r\n'’·-_.,，。()（）"}


def plain(text: str) -> str:
    """A text as it is compared: full-width letters narrow, no case, no blanks."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_IGNORED).replace("ü", "v")


def readings(text: str) -> list[list[str]]:
    """Syllables of a text, one list for each of its likely readings; other signs stand alone."""
    # Its dictionaries take a moment to load, so they wait for the first who searches.
    from pypinyin import Style, pinyin  # noqa: PLC0415

    one_by_one: Any = list
    choices = pinyin(plain(text), style=Style.NORMAL, heteronym=True, errors=one_by_one)
    found = itertools.islice(itertools.product(*(dict.fromkeys(c) for c in choices)), MOST_READINGS)
    return [list(reading) for reading in found]


class _Haystack:
    """Texts one after another in a single string, which is searched in one go."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._owners: list[int] = []
        self._starts: list[int] = []
        self._marks: list[frozenset[int] | None] = []
        self._length = 0
        self._whole = ""

    def add(self, text: str, owner: int, marks: frozenset[int] | None = None) -> None:
        """Add a text; a match must begin at one of the marks, where there are any."""
        self._starts.append(self._length)
        self._owners.append(owner)
        self._marks.append(marks)
        self._parts.append(text)
        self._length += len(text) + 1

    def close(self) -> None:
        """No more will be added."""
        self._whole = _GAP.join((*self._parts, ""))
        self._parts.clear()

    def find(self, wanted: str) -> Iterator[tuple[int, int]]:
        """Owner and closeness of each text that holds what is wanted, once a text.

        Closeness: 0 the same, 1 begins with it, 2 holds it.
        """
        at = self._whole.find(wanted)
        while at >= 0:
            text = bisect.bisect_right(self._starts, at) - 1
            start = self._starts[text]
            end = (
                self._starts[text + 1] - 1 if text + 1 < len(self._starts) else len(self._whole) - 1
            )
            marks = self._marks[text]
            if marks is None or at - start in marks:
                whole = at == start and at + len(wanted) == end
                yield self._owners[text], 0 if whole else 1 if at == start else 2
                at = self._whole.find(wanted, end)
            else:
                at = self._whole.find(wanted, at + 1)


@dataclass(frozen=True)
class Hit:
    """An object, or several of one name, that a search found.

    Attributes:
        row: Of the table; the first of them.
        count: How many have the name.
        way: How it was found.
        closeness: 0 the same, 1 begins with it, 2 holds it.
    """

    row: int
    count: int
    way: Way
    closeness: int


_WAYS: Final[tuple[Way, ...]] = ("name", "pinyin", "initials", "address", "id")


class SearchIndex:
    """What a district's objects can be found by."""

    def __init__(self, table: ObjectTable) -> None:
        self._table = table
        self._places = {way: _Haystack() for way in _WAYS}
        names: dict[str, list[int]] = {}
        addresses: dict[str, list[int]] = {}
        for row in np.flatnonzero(table.named):
            for text in {table.title_zh[row], table.title_en[row]}:
                names.setdefault(text, []).append(int(row))
            if table.address[row]:
                addresses.setdefault(table.address[row], []).append(int(row))
        self._rows: dict[Way, list[list[int]]] = {
            "name": list(names.values()),
            "pinyin": (spoken := [*names.values(), *addresses.values()]),
            "initials": spoken,
            "address": list(addresses.values()),
            "id": [],
        }
        self._add("name", names)
        self._add("address", addresses)
        for owner, text in enumerate((*names, *addresses)):
            self._add_readings(text, owner)
        for at, urn in enumerate(table.ids):
            self._places["id"].add(str(urn).rsplit(":", 1)[-1].casefold(), at)
        for place in self._places.values():
            place.close()

    def _add(self, way: Way, texts: Iterable[str]) -> None:
        for owner, text in enumerate(texts):
            self._places[way].add(plain(text), owner)

    def _add_readings(self, text: str, owner: int) -> None:
        if text.isascii():
            return
        for syllables in readings(text):
            lengths = itertools.accumulate((len(part) for part in syllables), initial=0)
            self._places["pinyin"].add("".join(syllables), owner, frozenset(lengths))
        for initials in {"".join(part[:1] for part in reading) for reading in readings(text)}:
            self._places["initials"].add(initials, owner)

    def _owners(self, wanted: str) -> Iterator[tuple[Way, int, list[int]]]:
        """Way, closeness and rows of all that is found, the surest way first."""
        short = plain(wanted)
        if not short:
            return
        for way in ("name", "pinyin", "initials", "address"):
            if way in ("pinyin", "initials") and not short.isascii():
                continue
            if way == "initials" and len(short) < LEAST_INITIALS:
                continue
            for owner, closeness in self._places[way].find(short):
                yield way, closeness, self._rows[way][owner]
        local = wanted.strip().casefold().rsplit(":", 1)[-1]
        if local and self._table.row_of.get(wanted.strip()) is None:
            for row, closeness in self._places["id"].find(local):
                yield "id", closeness, [row]
        elif local:
            yield "id", 0, [self._table.row_of[wanted.strip()]]

    def rows(self, wanted: str) -> NDArray[np.bool_]:
        """Which objects of the table a text finds [n]."""
        found = np.zeros(len(self._table), dtype=bool)
        for _, _, rows in self._owners(wanted):
            found[rows] = True
        return found

    def hits(self, wanted: str) -> dict[str, list[Hit]]:
        """Hits by kind, the closest first; objects of one kind and name are one hit."""
        table = self._table
        best: dict[tuple[str, str], Hit] = {}
        hits = itertools.islice(self._owners(wanted), MOST_HITS)
        for way, closeness, rows in hits:
            by_kind: dict[str, list[int]] = {}
            for row in rows:
                by_kind.setdefault(table.kind.names[table.kind.codes[row]], []).append(row)
            for kind, same in by_kind.items():
                hit = Hit(same[0], len(same), way, closeness)
                key = (kind, str(table.title_zh[same[0]]))
                if key not in best or _rank(hit) < _rank(best[key]):
                    best[key] = hit
        found: dict[str, list[Hit]] = {name: [] for name in table.rows_of}
        for (kind, _), hit in best.items():
            found[kind].append(hit)
        for same_kind in found.values():
            same_kind.sort(key=lambda hit: (_rank(hit), len(table.title_zh[hit.row]), hit.row))
        return {kind: same_kind for kind, same_kind in found.items() if same_kind}


def _rank(hit: Hit) -> tuple[int, int]:
    return hit.closeness, _WAYS.index(hit.way)


def search_content(
    table: ObjectTable, index: SearchIndex, wanted: str, limit: int
) -> dict[str, Any]:
    """What a search found, as the endpoint gives it.

    Args:
        table: The objects.
        index: Over the same.
        wanted: What somebody typed.
        limit: Most hits of a kind.
    """
    groups = []
    for kind, hits in index.hits(wanted).items():
        groups.append(
            {
                "kind": kind,
                "title": {"zh-CN": kinds()[kind].title_zh, "en": kinds()[kind].title_en},
                "total": len(hits),
                "hits": [_hit_content(table, kind, hit) for hit in hits[:limit]],
            }
        )
    return {"q": wanted, "total": sum(group["total"] for group in groups), "groups": groups}


def _hit_content(table: ObjectTable, kind: str, hit: Hit) -> dict[str, Any]:
    row = hit.row
    return {
        "id": str(table.ids[row]),
        "kind": kind,
        "title": {"zh-CN": table.title_zh[row], "en": table.title_en[row]},
        "sub_district": table.street.names[table.street.codes[row]],
        "address": table.address[row],
        "point": [
            round(float(table.longitude_deg[row]), 6),
            round(float(table.latitude_deg[row]), 6),
        ],
        "count": hit.count,
        "way": hit.way,
    }
