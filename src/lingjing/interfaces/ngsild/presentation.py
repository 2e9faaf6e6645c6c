"""How entities are to be written down: the parameters about it, read and checked.

What `attrs` means for the selection is read beside, in `query_parameters`.
"""

from __future__ import annotations

import functools
import re
from typing import Final, Literal, cast

import msgspec

from lingjing.interfaces.ngsild.asked import Asked, bad, bad_option, conflict, missing
from lingjing.interfaces.ngsild.requests import GEO_JSON, Request
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.interfaces.ngsild.writing import (
    HEAD,
    NORMALIZED,
    Form,
    Projection,
    Representation,
)
from lingjing.twin.documents import DEFAULT_DATASET, LOCATION
from lingjing.twin.query.scanning import Scanner

Join = Literal["", "inline", "flat"]

FORMATS: Final[dict[str, Form]] = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}
OPTIONS: Final = frozenset((*FORMATS, "sysAttrs"))
NO_DATASET: Final = "@none"
PRESENTATION_PARAMETERS: Final = frozenset(
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


class Presentation(msgspec.Struct, frozen=True, kw_only=True):
    """How entities are shown.

    Attributes:
        representation: How each is written.
        geometry_property: IRI of the geometry of a GeoJSON Feature.
        join: How linked entities are shown; empty for not at all.
        join_level: How many relationships are followed.
        contained_by: Ids of entities that are not to be shown again as linked ones.
    """

    representation: Representation = NORMALIZED
    geometry_property: str = LOCATION
    join: Join = ""
    join_level: int = 1
    contained_by: tuple[str, ...] = ()


PLAIN: Final = Presentation()
"""How an entity is shown where nothing is asked."""


def presentation_of(request: Request, terms: Terms) -> Presentation:
    """The presentation that the address asks for.

    Raises:
        LingjingError: `query.bad-parameter`, `query.conflict`, `query.missing-parameter`,
            `query.too-complex`, `query.bad-syntax`, `ngsild.bad-name`.
    """
    if not request.query:
        return PLAIN
    return read_presentation(Asked(request.query), request, terms)


def read_presentation(
    asked: Asked, request: Request, terms: Terms, more_options: frozenset[str] = frozenset()
) -> Presentation:
    """The presentation that the parameters ask for.

    Args:
        asked: The parameters.
        request: For the media type of the answer and the limits.
        terms: The @context in force.
        more_options: Values of `options` that mean something besides those read here.

    Raises:
        LingjingError: See `presentation_of`.
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
    return Presentation(
        representation=Representation(
            form=_form(asked, options),
            has_times="sysAttrs" in options,
            language=asked.text("lang"),
            attributes=frozenset(attributes) if attributes else None,
            pick=pick,
            omit=omit,
            datasets=_datasets(asked),
        ),
        geometry_property=_geometry_property(asked, request, terms),
        join=join,
        join_level=level,
        contained_by=asked.iris("containedBy"),
    )


def _form(asked: Asked, options: frozenset[str]) -> Form:
    named = asked.text("format")
    if named:
        if named in FORMATS:
            return FORMATS[named]
        if named in ("temporalValues", "aggregatedValues"):
            return "normalized"
        raise bad_option("format", named, FORMATS)
    chosen = {FORMATS[option] for option in options if option in FORMATS}
    # where several are given the plainest wins, as it did before `format` came
    for form in ("simplified", "concise"):
        if form in chosen:
            return cast("Form", form)
    return "normalized"


def _datasets(asked: Asked) -> frozenset[str] | None:
    names = asked.names("datasetId")
    if not names:
        return None
    others = Asked({"datasetId": ",".join(name for name in names if name != NO_DATASET)})
    others.iris("datasetId")
    return frozenset(DEFAULT_DATASET if name == NO_DATASET else name for name in names)


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


def _shared(pick: Projection, omit: Projection) -> bool:
    """Whether a member is asked for and left out at once."""
    whole_pick = pick.members - {name for name, _ in pick.linked}
    whole_omit = omit.members - {name for name, _ in omit.linked}
    if whole_pick & whole_omit:
        return True
    return any(
        (other := omit.beyond(name)) is not None and _shared(below, other)
        for name, below in pick.linked
    )


def _depth(members: Projection | None) -> int:
    if members is None:
        return 0
    return max((1 + _depth(below) for _, below in members.linked), default=0)


def _reachable(name: str, members: Projection | None, level: int) -> None:
    """Refuse members of linked entities that are not retrieved."""
    if _depth(members) > level:
        raise bad(name, f"{{…}} × {_depth(members)}", f"joinLevel ≥ {_depth(members)}")


def parse_members(asked: Asked, parameter: str, terms: Terms) -> Projection | None:
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
def _members_of(text: str, parameter: str, terms: Terms) -> Projection:
    scanner = Scanner(text, parameter, LONGEST_PROJECTION)
    members = _list(scanner, terms, 0)
    if not scanner.at_end():
        raise scanner.fault(",")
    return members


_DEEPEST: Final = 32


def _list(scanner: Scanner, terms: Terms, depth: int) -> Projection:
    if depth > _DEEPEST:
        raise scanner.too_complex("depth", _DEEPEST)
    members: set[str] = set()
    linked: dict[str, Projection] = {}
    while True:
        found = scanner.match(_MEMBER)
        if not found:
            raise scanner.fault("AttrName")
        name = _member(found, terms)
        members.add(name)
        if scanner.take("{"):
            linked[name] = _list(scanner, terms, depth + 1)
            scanner.need("}")
        if not (scanner.take(",") or scanner.take("|")):
            return Projection(frozenset(members), tuple(sorted(linked.items())))


def _member(name: str, terms: Terms) -> str:
    plain = name.removeprefix("@")
    if plain in HEAD:
        return plain
    return terms.expand(name)
