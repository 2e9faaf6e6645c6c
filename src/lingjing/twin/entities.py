"""Entities of a district, the district itself, and the sources they came from."""

from __future__ import annotations

from typing import Any

import msgspec
import shapely
from shapely.geometry.base import BaseGeometry

from lingjing.vocabulary import Attribute


class Entity(msgspec.Struct, frozen=True):
    """One thing of the district.

    Attributes:
        id: URN, see `EntityId`.
        kind: A kind of `kinds.toml`.
        district: Name of the district.
        geometry: WKB in WGS 84.
        attributes: By name, in the quantity's unit, each with its provenance.
        relationships: Name → id of another entity.
    """

    id: str
    kind: str
    district: str
    geometry: bytes
    attributes: dict[str, Attribute]
    relationships: dict[str, str] = {}

    def shape(self) -> BaseGeometry:
        """The geometry as a shapely object."""
        return shapely.from_wkb(self.geometry)


class District(msgspec.Struct, frozen=True):
    """A district the twin holds.

    Attributes:
        name: Short name used on the command line.
        pack: Name of the data pack it was made with.
        title_zh, title_en: Titles for people.
        settings: The pack's content (thresholds, stock assumptions, hotlines, weights).
        bounds: West, south, east, north [°].
        synthetic: The whole district is made up, and is labelled so wherever it is shown.
        updated_at: ISO 8601 UTC of the last import.
    """

    name: str
    pack: str
    title_zh: str
    title_en: str
    settings: dict[str, Any]
    bounds: tuple[float, float, float, float]
    synthetic: bool
    updated_at: str

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of the middle of the bounds [°]."""
        west, south, east, north = self.bounds
        return (west + east) / 2, (south + north) / 2


class SourceRecord(msgspec.Struct, frozen=True):
    """One import, as the twin remembers it: whom to credit, what was read, kept and dropped."""

    name: str
    district: str
    attribution: str
    licence: str
    sha256: str
    imported_at: str
    synthetic: bool
    report: dict[str, Any]
