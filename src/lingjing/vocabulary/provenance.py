"""Where a value comes from: observed, imported, inferred or simulated, from what, how old."""

from __future__ import annotations

from typing import Literal

import msgspec

ProvenanceKind = Literal["observed", "imported", "inferred", "simulated"]


class Provenance(msgspec.Struct, frozen=True, omit_defaults=True):
    """How we know a value.

    Attributes:
        kind: observed by an instrument or person, imported from a register or map, inferred by a
            rule, or simulated by a model.
        source: The source's name (`OpenStreetMap`, an inventory's file name, a run's id).
        rule: For inferred and simulated values, the rule or model that gave it.
        confidence: Between 0 and 1, how far the value may be trusted; absent where not judged.
        observed_at: When it was true, ISO 8601 UTC; absent where the source does not say.
        synthetic: The whole source is made up, and must be labelled so wherever it is shown.
    """

    kind: ProvenanceKind
    source: str
    rule: str | None = None
    confidence: float | None = None
    observed_at: str | None = None
    synthetic: bool = False


AttributeValue = float | int | str | bool


class Attribute(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value of an entity, in the unit of its quantity, and how we know it."""

    value: AttributeValue
    provenance: Provenance
