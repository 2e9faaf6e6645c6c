"""Tables of things, one a row: what their columns may be called, and how cells are read.

A column is called like an attribute of `kinds.toml`; a quantity's column carries its unit, such
as `height_m`. Vector files and inventories share these rules.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from lingjing.vocabulary import (
    AttributeValue,
    LingjingError,
    Place,
    Quantity,
    attribute_word,
    kinds,
    quantities,
    quantity_by_column,
    units,
    words,
)

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_FLAGS: Final = {
    "true": True,
    "yes": True,
    "1": True,
    "是": True,
    "false": False,
    "no": False,
    "0": False,
    "否": False,
}
# Spellings of units that a column may end with by mistake, beside our own suffixes.
_OTHER_UNITS: Final = frozenset(
    {"cm", "dm", "km", "ft", "feet", "in", "inch", "f", "k", "degc", "celsius", "mph", "kmh", "l"}
    | {"litre", "liter", "kg", "min", "s", "ms", "percent", "ha", "mu", "years", "metres", "meters"}
)


@dataclass
class Table:
    """Rows read from a file, not yet checked.

    Attributes:
        file: The file's path, for messages.
        layer: Name of the layer; empty where the format has none.
        columns: Cells by column name [n each], as the format gives them.
        lines: Line of each row in the file, or the feature's number from 1 [n].
        geometry: As drawn, in the file's own coordinates [n]; None where a row has none.
        declared: The coordinate system that the file declares, if any.
    """

    file: str
    layer: str
    columns: dict[str, Sequence[Any]]
    lines: Sequence[int]
    geometry: NDArray[np.object_]
    declared: str | None = None

    def place(self, row: int, column: str | None = None) -> Place:
        """Where a row's cell stands in the file."""
        return Place(file=self.file, line=int(self.lines[row]), field=column)


@dataclass
class Header:
    """What the columns of a table mean.

    Attributes:
        attributes: Column → attribute.
        ignored: Columns that mean nothing to the twin.
    """

    attributes: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)


def column_name(attribute: str) -> str:
    """What the column of an attribute is called: a quantity with its unit, a word as it is."""
    word = attribute_word(attribute)
    return word.column if isinstance(word, Quantity) else word.name


def _wrong_unit(column: str, *, strict: bool) -> Quantity | None:
    """The quantity that the column seems to mean, with another unit or none."""
    known = {unit.suffix.lower() for unit in units().values()} | _OTHER_UNITS
    near = [
        item
        for name, item in quantities().items()
        if column == name or column.startswith(f"{name}_")
    ]
    for item in sorted(near, key=lambda item: -len(item.name)):
        rest = column[len(item.name) + 1 :]
        if strict or not rest or rest.lower() in known:
            return item
    return None


def read_header(
    columns: Iterable[str],
    place: Place,
    *,
    kind_names: Iterable[str],
    reserved: Iterable[str],
    strict: bool,
) -> Header:
    """Match column names with attributes.

    Args:
        columns: Names in the file.
        place: The header, for messages.
        kind_names: Kinds that rows may have; their attributes are allowed.
        reserved: Columns with a meaning of their own (`id`, `kind`).
        strict: Refuse columns that mean nothing, instead of listing them.

    Raises:
        LingjingError: `maps.column-twice`, `maps.wrong-unit-column`, `maps.unknown-column`.
    """
    allowed = {name for kind in kind_names for name in kinds()[kind].attributes}
    reserved = set(reserved)
    header = Header()
    seen: set[str] = set()
    for column in columns:
        at = Place(file=place.file, line=place.line, field=column)
        if column in seen:
            raise LingjingError("maps.column-twice", at, column=column)
        seen.add(column)
        if column in reserved:
            continue
        found = quantity_by_column().get(column)
        name = found.name if found else column if column in words() else None
        if name in allowed:
            header.attributes[column] = str(name)
            continue
        meant = None if name else _wrong_unit(column, strict=strict)
        if meant is not None and meant.name in allowed:
            raise LingjingError(
                "maps.wrong-unit-column",
                at,
                column=column,
                quantity=meant.name,
                expected=meant.column,
            )
        if strict:
            choices = sorted(reserved | {column_name(item) for item in allowed})
            near = ", ".join(difflib.get_close_matches(column, choices, n=3)) or "—"
            raise LingjingError("maps.unknown-column", at, column=column, near=near)
        header.ignored.append(column)
    return header


def is_empty(value: object) -> bool:
    """Whether a cell says nothing: absent, blank, or a number field's null."""
    return (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, (float, np.floating)) and math.isnan(value))
    )


def read_cell(attribute: str, value: object, place: Place) -> AttributeValue | None:
    """The value of a cell in the attribute's unit, None where the cell is empty.

    Raises:
        LingjingError: `maps.bad-number`, `maps.bad-choice`, `vocabulary.out-of-bounds`.
    """
    if is_empty(value):
        return None
    word = attribute_word(attribute)
    if isinstance(word, Quantity):
        return _read_number(word, value, place)
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    text = str(value).strip()
    if word.type == "flag":
        return _read_flag(text, place)
    if word.type == "choice" and text not in word.choices:
        raise LingjingError(
            "maps.bad-choice", place, value=text[:60], choices=", ".join(word.choices)
        )
    return text


def _read_flag(text: str, place: Place) -> bool:
    flag = _FLAGS.get(text.lower())
    if flag is None:
        raise LingjingError("maps.bad-choice", place, value=text[:60], choices="true, false")
    return flag


def read_plain_number(value: object, place: Place) -> float:
    """A finite number from a cell that is not empty.

    Raises:
        LingjingError: `maps.bad-number`.
    """
    if isinstance(value, (bool, np.bool_)):
        raise LingjingError("maps.bad-number", place, value=str(value))
    if isinstance(value, (int, float, np.integer, np.floating)):
        number = float(value)
    else:
        text = str(value).strip()
        if not _NUMBER.fullmatch(text):
            raise LingjingError("maps.bad-number", place, value=text[:60])
        number = float(text)
    if not math.isfinite(number):
        raise LingjingError("maps.bad-number", place, value=str(value)[:60])
    return number


def _read_number(quantity: Quantity, value: object, place: Place) -> float:
    number = read_plain_number(value, place)
    if not quantity.lower <= number <= quantity.upper:
        quantity.check(np.array([number]), place)
    return number


def read_attributes(
    table: Table, header: Header, row: int, kind: str
) -> Mapping[str, AttributeValue]:
    """All values of one row.

    Raises:
        LingjingError: As `read_cell`; `maps.not-for-kind` for a value that the kind cannot have.
    """
    found: dict[str, AttributeValue] = {}
    for column, attribute in header.attributes.items():
        cell = table.columns[column][row]
        if is_empty(cell):
            continue
        place = table.place(row, column)
        if attribute not in kinds()[kind].attributes:
            raise LingjingError(
                "maps.not-for-kind", place, kind=kind, column=column, value=str(cell)[:60]
            )
        value = read_cell(attribute, cell, place)
        if value is not None:
            found[attribute] = value
    return found


def as_drawn(kind: str, geometry: shapely.Geometry) -> shapely.Geometry | None:
    """The geometry in the form of its kind, or None where it has another form.

    A kind drawn as points takes a point inside any other shape; a line in several touching parts
    becomes one.
    """
    expected = kinds()[kind].geometry
    found = geometry.geom_type
    if expected == "point":
        return geometry if found == "Point" else shapely.point_on_surface(geometry)
    if expected == "line":
        if found == "MultiLineString":
            geometry = shapely.line_merge(geometry)
        return geometry if geometry.geom_type == "LineString" else None
    if found == "MultiPolygon" and shapely.get_num_geometries(geometry) == 1:
        return shapely.get_geometry(geometry, 0)
    return geometry if found in {"Polygon", "MultiPolygon"} else None
