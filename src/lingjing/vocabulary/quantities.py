"""Every quantity the rooms speak of: its unit, its bounds, where it lives and what it means.

The table is `quantities.toml`; it is code and documentation at once.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from lingjing.vocabulary.errors import LingjingError, Place


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its name, the sign shown to people, and the suffix used in column names."""

    name: str
    sign: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measurable thing.

    Attributes:
        name: Unique name, in words joined by underscores.
        unit: Name of its unit; every array of this quantity is in it.
        lives_on: Kinds of entity it describes, or `weather`.
        lower, upper: Bounds outside which a value cannot be believed.
        title_zh, title_en: Short titles for people.
        meaning: What exactly is meant, in English.
        meaning_zh: The same in Chinese.
    """

    name: str
    unit: str
    lives_on: tuple[str, ...]
    lower: float
    upper: float
    title_zh: str
    title_en: str
    meaning: str
    meaning_zh: str

    @property
    def column(self) -> str:
        """Name of a table column of this quantity, unit included: `air_temperature_C`."""
        suffix = units()[self.unit].suffix
        return f"{self.name}_{suffix}" if suffix else self.name

    def check(self, values: NDArray[np.floating], place: Place | None = None) -> None:
        """Refuse values outside the bounds; NaN stands for a gap and passes.

        Raises:
            LingjingError: `vocabulary.out-of-bounds`, naming the first offending value.
        """
        array = np.asarray(values, dtype=np.float64)
        wrong = np.isinf(array) | (array < self.lower) | (array > self.upper)
        if bool(wrong.any()):
            worst = float(array[wrong].flat[0])
            raise LingjingError(
                "vocabulary.out-of-bounds",
                place,
                quantity=self.name,
                value=f"{worst:g}",
                lower=f"{self.lower:g}",
                upper=f"{self.upper:g}",
            )


@functools.cache
def _table() -> dict[str, object]:
    page = resources.files("lingjing.vocabulary") / "quantities.toml"
    return tomllib.loads(page.read_text(encoding="utf-8"))


@functools.cache
def units() -> dict[str, Unit]:
    """All units by name."""
    rows = _table()["units"]
    if not isinstance(rows, dict):
        raise TypeError("quantities.toml: [units] must be a table")
    return {name: Unit(name, row["sign"], row["suffix"]) for name, row in rows.items()}


@functools.cache
def quantities() -> dict[str, Quantity]:
    """All quantities by name.

    Raises:
        ValueError: The table breaks its own rules (unknown unit, crossed bounds).
    """
    rows = _table()["quantities"]
    if not isinstance(rows, dict):
        raise TypeError("quantities.toml: [quantities] must be a table")
    found: dict[str, Quantity] = {}
    for name, row in rows.items():
        if row["unit"] not in units():
            raise ValueError(f"quantities.toml: {name} has the unknown unit {row['unit']!r}")
        lower, upper = (float(bound) for bound in row["bounds"])
        if not lower < upper:
            raise ValueError(f"quantities.toml: {name} has crossed bounds")
        found[name] = Quantity(
            name,
            row["unit"],
            tuple(row["lives_on"]),
            lower,
            upper,
            row["zh"],
            row["en"],
            row["meaning"],
            row["meaning_zh"],
        )
    return found


def quantity(name: str, place: Place | None = None) -> Quantity:
    """The quantity of that name.

    Raises:
        LingjingError: `vocabulary.unknown-quantity`, with near names.
    """
    try:
        return quantities()[name]
    except KeyError:
        near = ", ".join(difflib.get_close_matches(name, quantities(), n=3)) or "—"
        raise LingjingError("vocabulary.unknown-quantity", place, name=name, near=near) from None


@functools.cache
def quantity_by_column() -> dict[str, Quantity]:
    """Quantities by column name, unit included (`air_temperature_C`)."""
    return {item.column: item for item in quantities().values()}
