"""The form in which the twin keeps an entity that changes: a document of plain Python values.

A document is what NGSI-LD calls an entity, with every name written out as an IRI, so that no
`@context` is needed to compare two of them:

```python
{
    "id": "urn:ngsi-ld:Riser:yangpu:r-1",
    "type": ["https://uri.etsi.org/ngsi-ld/default-context/Riser"],   # at least one
    "scope": ["/district/yangpu"],                                     # absent where none
    "createdAt": "2026-01-20T09:00:00.000000Z",
    "modifiedAt": "2026-01-20T09:00:00.000000Z",
    "expiresAt": "2026-01-21T09:00:00Z",                               # transient entities only
    "attributes": {iri: {dataset: instance}},                          # dataset "" is the default
}
```

An instance is one value of an attribute:

```python
{
    "type": "Property",     # GeoProperty, Relationship, LanguageProperty, VocabProperty,
                            # JsonProperty, ListProperty, ListRelationship
    "value": 3.2,           # or what PAYLOADS names for the type
    "observedAt": "…Z", "unitCode": "CEL", "datasetId": "urn:…",       # where given
    "createdAt": "…Z", "modifiedAt": "…Z",
    "attributes": {iri: {dataset: instance}},   # attributes of the attribute, where there are any
}
```

Documents are never changed in place once they were read or put: a change makes a new dict along
its path and shares the rest.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

Document = dict[str, Any]
Instance = dict[str, Any]

DEFAULT_DATASET: Final = ""
CORE: Final = "https://uri.etsi.org/ngsi-ld/"
DEFAULT_TERMS: Final = "https://uri.etsi.org/ngsi-ld/default-context/"
LOCATION: Final = CORE + "location"
OBSERVATION_SPACE: Final = CORE + "observationSpace"
OPERATION_SPACE: Final = CORE + "operationSpace"

PAYLOADS: Final[dict[str, str]] = {
    "Property": "value",
    "GeoProperty": "value",
    "Relationship": "object",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
}
"""Where an instance of each type keeps its value."""

encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(dict[str, Any]).decode

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@functools.lru_cache(maxsize=65_536)
def micros(text: str) -> int:
    """Microseconds since 1970-01-01T00:00Z of an ISO 8601 instant with a zone.

    Raises:
        ValueError: The text is no such instant.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return (instant - _EPOCH) // _MICROSECOND


@functools.lru_cache(maxsize=65_536)
def instant_text(microseconds: int) -> str:
    """The instant as ISO 8601 UTC with six decimals and a `Z`."""
    instant = _EPOCH + timedelta(microseconds=microseconds)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond:06d}Z"


def payload(instance: Instance) -> Any:
    """The value of an instance, whatever its type."""
    return instance.get(PAYLOADS[instance["type"]])


def plain_number(instance: Instance) -> float | None:
    """The value of a numeric Property; None for anything else."""
    if instance["type"] != "Property":
        return None
    value = instance.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number of more than three hundred digits
        return None


def instances(document: Document, attribute: str) -> dict[str, Instance]:
    """Instances of an attribute by dataset; empty where the entity has none."""
    found: dict[str, Instance] = document["attributes"].get(attribute, {})
    return found
