"""The kinds of entity a district is made of, and the attributes each may carry."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from lingjing.vocabulary.quantities import Quantity, quantities

GeometryType = Literal["point", "line", "polygon"]


@dataclass(frozen=True, slots=True)
class Word:
    """An attribute that is not a quantity: text, a flag, or a choice among fixed words."""

    name: str
    type: Literal["text", "flag", "choice"]
    choices: tuple[str, ...]
    title_zh: str
    title_en: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entity.

    Attributes:
        name: Its name, as in `urn:ngsi-ld:<name>:…`.
        geometry: What its geometry is; a kind drawn as points may come as any geometry, and its
            centre is used.
        attributes: Names of the quantities and words it may carry.
        exposed: Whether frost can harm it.
        title_zh, title_en: Titles for people.
    """

    name: str
    geometry: GeometryType
    attributes: tuple[str, ...]
    exposed: bool
    title_zh: str
    title_en: str


@functools.cache
def _table() -> dict[str, dict[str, dict[str, object]]]:
    page = resources.files("lingjing.vocabulary") / "kinds.toml"
    return tomllib.loads(page.read_text(encoding="utf-8"))


@functools.cache
def words() -> dict[str, Word]:
    """All attributes that are not quantities, by name."""
    return {
        name: Word(
            name,
            row["type"],  # type: ignore[arg-type]
            tuple(row.get("choices", ())),  # type: ignore[arg-type]
            str(row["zh"]),
            str(row["en"]),
        )
        for name, row in _table()["words"].items()
    }


@functools.cache
def kinds() -> dict[str, Kind]:
    """All kinds by name.

    Raises:
        ValueError: A kind names an attribute that is neither a quantity nor a word.
    """
    found: dict[str, Kind] = {}
    for name, row in _table()["kinds"].items():
        attributes = tuple(str(item) for item in row["attributes"])  # type: ignore[attr-defined]
        unknown = [a for a in attributes if a not in words() and a not in quantities()]
        if unknown:
            raise ValueError(f"kinds.toml: {name} carries unknown attributes {unknown}")
        found[name] = Kind(
            name,
            row["geometry"],  # type: ignore[arg-type]
            attributes,
            bool(row["exposed"]),
            str(row["zh"]),
            str(row["en"]),
        )
    return found


def attribute_word(name: str) -> Quantity | Word:
    """The quantity or word of that name.

    Raises:
        KeyError: Neither.
    """
    return quantities()[name] if name in quantities() else words()[name]
