"""Reading what happened: temporal bodies."""

from __future__ import annotations

import pytest
from context_terms import terms_of

from lingjing.interfaces.ngsild.reading import (
    read_temporal_entity,
    read_temporal_fragment,
)
from lingjing.twin.documents import DEFAULT_TERMS
from lingjing.vocabulary import LingjingError

TERMS = terms_of({"Riser": "https://example.org/Riser", "PE": "https://example.org/PE"})
NAME = DEFAULT_TERMS + "name"
WHEN = "2026-01-20T09:00:00Z"


def test_a_temporal_entity_keeps_all_instances_in_order() -> None:
    values = [
        {"type": "Property", "value": number, "observedAt": WHEN, "datasetId": dataset}
        for number, dataset in enumerate(["@none", "urn:d:1", "@none"])
    ]
    found = read_temporal_entity(
        {"id": "urn:ngsi-ld:Riser:1", "type": "Riser", "name": values, "scope": ["/a"]}, TERMS
    )
    assert found.id == "urn:ngsi-ld:Riser:1"
    assert found.scope == ["/a"]
    assert [item["value"] for item in found.attributes[NAME]] == [0, 1, 2]
    assert [item.get("datasetId", "") for item in found.attributes[NAME]] == ["", "urn:d:1", ""]
    with pytest.raises(LingjingError) as caught:
        read_temporal_fragment({"name": [{"value": 1}, {"type": "Property"}]}, TERMS)
    assert caught.value.place is not None
    assert caught.value.place.field == "name[1]"


@pytest.mark.parametrize("member", ["observedAt", "unitCode", "expiresAt"])
def test_what_happened_has_no_member_that_is_to_be_deleted(member: str) -> None:
    values = [{"type": "Property", "value": 1, member: "urn:ngsi-ld:null"}]
    with pytest.raises(LingjingError) as caught:
        read_temporal_fragment({"name": values}, TERMS)
    assert caught.value.code == "ngsild.null-not-allowed"
    assert caught.value.place is not None
    assert caught.value.place.field == "name[0]"
