"""Identifiers: URNs that stay the same between imports of the same source."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lingjing.vocabulary.errors import LingjingError

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_URN = re.compile(r"urn:ngsi-ld:([A-Za-z][A-Za-z0-9]*):([A-Za-z0-9][A-Za-z0-9._-]*):(.+)")


@dataclass(frozen=True, slots=True)
class EntityId:
    """`urn:ngsi-ld:<kind>:<district>:<local>`.

    The local part is made from what the source itself calls the thing (`osm-way-1234`), so that a
    second import of the same source finds the same entity.
    """

    kind: str
    district: str
    local: str

    def __post_init__(self) -> None:
        for part in (self.kind, self.district, self.local):
            if not _PART.fullmatch(part):
                raise LingjingError("vocabulary.bad-id", text=part)

    def __str__(self) -> str:
        return f"urn:ngsi-ld:{self.kind}:{self.district}:{self.local}"

    @classmethod
    def parse(cls, text: str) -> EntityId:
        """Read an identifier back into its parts.

        Raises:
            LingjingError: `vocabulary.bad-id`.
        """
        match = _URN.fullmatch(text)
        if match is None:
            raise LingjingError("vocabulary.bad-id", text=text)
        return cls(*match.groups())


def local_part(text: str) -> str:
    """Make a source's own name usable as the local part, without merging different names.

    Letters, digits, dot, underscore and dash stay; every other character becomes its code point,
    so that two different names never collide.
    """
    made = "".join(
        character if re.fullmatch(r"[A-Za-z0-9.-]", character) else f"_{ord(character):x}_"
        for character in text
    )
    # Two underscores after an x never arise from escaping, so the prefix cannot collide.
    return made if made[:1].isalnum() else f"x_{made}" if made else "x__"
