"""What an object is called: its name, its address, or what it belongs to and a number."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from lingjing.twin.entities import Entity
from lingjing.vocabulary import kinds

_NUMBER: Final = re.compile(r"\d+(?:-\d+)*$")

Title = tuple[str, str]
"""In Chinese and in English."""


def number_of(entity_id: str) -> str:
    """The numbers that end an id; all of its local part where it ends otherwise."""
    local = entity_id.rsplit(":", 1)[-1]
    found = _NUMBER.search(local)
    return found[0] if found else local


def unnamed(kind: str, entity_id: str, building: Title | None = None) -> Title:
    """Title of an object that has no name: kind and number, after the building that it is in."""
    known, number = kinds()[kind], number_of(entity_id)
    zh, en = f"{known.title_zh} {number}", f"{known.title_en} {number}"
    return (zh, en) if building is None else (f"{building[0]} {zh}", f"{building[1]} {en}")


def given(name: Any, name_en: Any, address: Any) -> Title | None:
    """Title of an object with a name or an address, None without."""
    fallback = name or address
    return (str(fallback), str(name_en or fallback)) if fallback else None


def title_of(entity: Entity, look_up: Callable[[str], Entity | None]) -> Title:
    """Title of an entity.

    Args:
        entity: The object.
        look_up: Gives the building that it belongs to, None where it is gone.
    """

    def value(name: str) -> Any:
        return entity.attributes[name].value if name in entity.attributes else None

    own = given(value("name"), value("name_en"), value("address"))
    if own is not None:
        return own
    building_id = entity.relationships.get("building")
    building = None if building_id is None else look_up(building_id)
    return unnamed(
        entity.kind, entity.id, None if building is None else title_of(building, lambda _: None)
    )
