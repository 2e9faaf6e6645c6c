"""How entities are to be written down: the parameters about it, read and checked.

Members of entities are named by IRI where they are attributes and by their own name where they
belong to every entity (`id`, `type`, `scope` and the times).
"""

from __future__ import annotations

import functools
import re
from typing import Final, Literal, cast

import msgspec

from lingjing.interfaces.ngsild.asked import Asked, bad, conflict, missing
from lingjing.interfaces.ngsild.requests import GEO_JSON, Request
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import DEFAULT_DATASET, LOCATION
from lingjing.twin.query.scanning import Scanner

Format = Literal["normalized", "concise", "simplified"]
Join = Literal["", "inline", "flat"]
Members = dict[str, "Members | None"]
"""Members of an entity; of a relationship, members of the linked entities (None: all)."""

CORE_MEMBERS: Final = frozenset(
    ("id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt")
)
FORMATS: Final[dict[str, Format]] = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}
OPTIONS: Final = frozenset((*FORMATS, "sysAttrs"))
NO_DATASET: Final = "@none"
REPRESENTATION_PARAMETERS: Final = frozenset(
    (
        "attrs",
        "containedBy",
        "datasetId",
        "format",
        "geometryProperty",
        "join",
        "joinLevel",
        "jsonKeys",
        "lang",
        "omit",
        "options",
        "pick",
    )
)
"""Names of the parameters that are read here."""

LONGEST_PROJECTION: Final = 8_000
_MEMBER: Final = re.compile(
    r"@?[^\W\d][\w-]*(?::[\w-][\w/#-]*)*|https?://[^\s(){}\[\]<>;,|\"'!=~]+"
)


class Representation(msgspec.Struct, frozen=True, kw_only=True):
    """How entities are written down.

    Attributes:
        format: Normalized, concise or simplified.
        sys_attrs: Whether times of creation and change are shown.
        attributes: IRIs of the attributes shown (`attrs`); empty for all.
        pick, omit: Members shown, members left out; None where nothing is said.
        language: Languages wanted, as in Accept-Language; empty for all.
        datasets: Instances shown, the default one as ""; None for all.
        geometry_property: IRI of the geometry of a GeoJSON Feature.
        join: How linked entities are shown; empty for not at all.
        join_level: How many relationships are followed.
        contained_by: Ids of entities that are not to be shown again as linked ones.
    """

    format: Format = "normalized"
    sys_attrs: bool = False
    attributes: tuple[str, ...] = ()
    pick: Members | None = None
    omit: Members | None = None
    language: str = ""
    datasets: tuple[str, ...] | None = None
    geometry_property: str = LOCATION
    join: Join = ""
    join_level: int = 1
    contained_by: tuple[str, ...] = ()


PLAIN: Final = Representation()
"""How an entity is written where nothing is asked."""


def representation_of(request: Request, terms: Terms) -> Representation:
    """The representation that the address asks for.

    Raises:
        LingjingError: `query.bad-parameter`, `query.conflict`, `query.missing-parameter`,
            `query.too-complex`, `query.bad-syntax`, `ngsild.bad-name`.
    """
    if not request.query:
        return PLAIN
    return read_representation(Asked(request.query), request, terms)


def read_representation(
    asked: Asked, request: Request, terms: Terms, more_options: frozenset[str] = frozenset()
) -> Representation:
    """The representation that the parameters ask for.

    Args:
        asked: The parameters.
        request: For the media type of the answer and the limits.
        terms: The @context in force.
        more_options: Values of `options` that mean something besides those read here.

    Raises:
        LingjingError: See `representation_of`.
    """
    options = asked.options(OPTIONS | more_options)
    attributes = tuple(terms.expand(name) for name in asked.names("attrs"))
    pick = parse_members(asked, "pick", terms)
    omit = parse_members(asked, "omit", terms)
    for name, members in (("pick", pick), ("omit", omit)):
        if members is not None and attributes:
            raise conflict("attrs", name)
    if pick is not None and omit is not None and _shared(pick, omit):
        raise conflict("pick", "omit")
    join, level = _join(asked, request.service.limits.join_level)
    for name, members in (("pick", pick), ("omit", omit)):
        _reachable(name, members, level if join else 0)
    asked.names("jsonKeys")
    return Representation(
        format=_format(asked, options),
        sys_attrs="sysAttrs" in options,
        attributes=attributes,
        pick=pick,
        omit=omit,
        language=asked.text("lang"),
        datasets=_datasets(asked),
        geometry_property=_geometry_property(asked, request, terms),
        join=join,
        join_level=level,
        contained_by=asked.iris("containedBy"),
    )


def _format(asked: Asked, options: frozenset[str]) -> Format:
    named = asked.text("format")
    if named:
        if named in FORMATS:
            return FORMATS[named]
        if named in ("temporalValues", "aggregatedValues"):
            return "normalized"
        raise bad("format", named, " | ".join(sorted(FORMATS)))
    chosen = {FORMATS[option] for option in options if option in FORMATS}
    # where several are given the plainest wins, as it did before `format` came
    for form in ("simplified", "concise"):
        if form in chosen:
            return cast("Format", form)
    return "normalized"


def _datasets(asked: Asked) -> tuple[str, ...] | None:
    names = asked.names("datasetId")
    if not names:
        return None
    others = Asked({"datasetId": ",".join(name for name in names if name != NO_DATASET)})
    others.iris("datasetId")
    return tuple(DEFAULT_DATASET if name == NO_DATASET else name for name in names)


def _geometry_property(asked: Asked, request: Request, terms: Terms) -> str:
    name = asked.text("geometryProperty")
    if not name:
        return LOCATION
    if request.media != GEO_JSON:
        raise missing("Accept", "geometryProperty → " + GEO_JSON)
    return terms.expand(name)


def _join(asked: Asked, deepest: int) -> tuple[Join, int]:
    join = asked.text("join")
    if join not in ("", "inline", "flat", NO_DATASET):
        raise bad("join", join, "inline | flat | @none")
    level = asked.whole("joinLevel", least=1)
    if level is not None and level > deepest:
        raise bad("joinLevel", level, f"1..{deepest}")
    wanted = "" if join == NO_DATASET else join
    return cast("Join", wanted), level or 1


def _shared(pick: Members, omit: Members) -> bool:
    """Whether a member is asked for and left out at once."""
    for name, below in pick.items():
        if name not in omit:
            continue
        left_out = omit[name]
        if below is None or left_out is None:
            if below is left_out:
                return True
        elif _shared(below, left_out):
            return True
    return False


def _depth(members: Members | None) -> int:
    if not members:
        return 0
    return max((1 + _depth(below) if below is not None else 0) for below in members.values())


def _reachable(name: str, members: Members | None, level: int) -> None:
    """Refuse members of linked entities that are not retrieved."""
    if _depth(members) > level:
        raise bad(name, f"{{…}} × {_depth(members)}", f"joinLevel ≥ {_depth(members)}")


def parse_members(asked: Asked, parameter: str, terms: Terms) -> Members | None:
    """The members that `pick` or `omit` names; None where it is absent.

    Raises:
        LingjingError: `query.bad-syntax`, `query.too-complex`, `ngsild.bad-name`.
    """
    if parameter in asked.body:
        value = asked.body[parameter]
        if not isinstance(value, list) or not value:
            raise bad(parameter, value, "String[]")
        if not all(isinstance(one, str) and one for one in value):
            raise bad(parameter, value, "String[]")
        text = ",".join(value)
    else:
        text = asked.query.get(parameter, "")
    return _members_of(text, parameter, terms) if text else None


@functools.lru_cache(maxsize=512)
def _members_of(text: str, parameter: str, terms: Terms) -> Members:
    scanner = Scanner(text, parameter, LONGEST_PROJECTION)
    members = _list(scanner, terms, 0)
    if not scanner.at_end():
        raise scanner.fault(",")
    return members


_DEEPEST: Final = 32


def _list(scanner: Scanner, terms: Terms, depth: int) -> Members:
    if depth > _DEEPEST:
        raise scanner.too_complex("depth", _DEEPEST)
    members: Members = {}
    while True:
        name = scanner.match(_MEMBER)
        if not name:
            raise scanner.fault("AttrName")
        below: Members | None = None
        if scanner.take("{"):
            below = _list(scanner, terms, depth + 1)
            scanner.need("}")
        members[_member(name, terms)] = below
        if not scanner.take(","):
            return members


def _member(name: str, terms: Terms) -> str:
    plain = name.removeprefix("@")
    if plain in CORE_MEMBERS:
        return plain
    return terms.expand(name)
