"""The evolution of entities is written in full, as pairs, or aggregated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lingjing.interfaces.ngsild.terms import Terms
from lingjing.interfaces.ngsild.writing import Projection, Representation
from lingjing.interfaces.ngsild.writing_temporal import (
    instance_id,
    no_pairs,
    sequence_of,
    write_aggregates,
    write_evolution,
)
from lingjing.twin.changes import NULL
from lingjing.twin.documents import DEFAULT_TERMS, micros
from lingjing.twin.ledger import Aggregate, Moment

TERMS = Terms()
HEAD = {"id": "urn:x:1", "type": [DEFAULT_TERMS + "A"]}
SPEED = DEFAULT_TERMS + "speed"
NAME = DEFAULT_TERMS + "name"


def moment(
    sequence: int, attribute: str, instance: dict[str, Any] | None, dataset: str = ""
) -> Moment:
    when = f"2026-01-20T09:00:0{sequence}Z"
    if instance is not None:
        instance = {"observedAt": when, "createdAt": when, "modifiedAt": when, **instance}
        if dataset:
            instance["datasetId"] = dataset
    operation = "delete" if instance is None else "update"
    return Moment(sequence, attribute, dataset, operation, micros(when), micros(when), instance)  # type: ignore[arg-type]


ROWS = [
    moment(1, SPEED, {"type": "Property", "value": 5, "unitCode": "KMH"}),
    moment(2, SPEED, {"type": "Property", "value": 7}),
    moment(3, SPEED, None),
    moment(4, SPEED, {"type": "Property", "value": 9}, "urn:d:2"),
    moment(5, NAME, {"type": "LanguageProperty", "languageMap": {"zh": "甲", "en": "a"}}),
    moment(6, NAME, None),
]


def test_every_instance_is_written_with_its_identifier() -> None:
    told = write_evolution(HEAD, ROWS, TERMS)
    assert told["id"] == "urn:x:1"
    assert told["speed"][0] == {
        "type": "Property",
        "value": 5,
        "unitCode": "KMH",
        "observedAt": "2026-01-20T09:00:01Z",
        "instanceId": "urn:ngsi-ld:Instance:1",
    }
    assert [item.get("datasetId") for item in told["speed"]] == [None, None, None, "urn:d:2"]


def test_deletions_are_told_by_the_null_of_their_kind() -> None:
    told = write_evolution(HEAD, ROWS, TERMS)
    assert told["speed"][2]["value"] == NULL
    assert told["speed"][2]["deletedAt"] == "2026-01-20T09:00:03.000000Z"
    assert told["name"][1]["languageMap"] == {"@none": NULL}


def test_the_kind_of_what_was_deleted_before_can_be_asked_for() -> None:
    row = moment(1, SPEED, None)
    told = write_evolution(HEAD, [row], TERMS, kind_of=lambda *_: "Relationship")
    assert told["speed"][0]["type"] == "Relationship"
    assert told["speed"][0]["object"] == NULL
    assert write_evolution(HEAD, [row], TERMS)["speed"][0]["type"] == "Property"


def test_pairs_stand_by_kind_and_dataset() -> None:
    told = write_evolution(HEAD, ROWS, TERMS, form="simplified")
    assert told["speed"] == [
        {
            "type": "Property",
            "values": [
                [5, "2026-01-20T09:00:01Z"],
                [7, "2026-01-20T09:00:02Z"],
                [NULL, "2026-01-20T09:00:03.000000Z"],
            ],
        },
        {"type": "Property", "datasetId": "urn:d:2", "values": [[9, "2026-01-20T09:00:04Z"]]},
    ]
    assert told["name"]["languageMaps"][0][0] == {"languageMap": {"zh": "甲", "en": "a"}}


@pytest.mark.parametrize(
    ("instance", "member", "value"),
    [
        ({"type": "Relationship", "object": "urn:x:2"}, "objects", "urn:x:2"),
        ({"type": "VocabProperty", "vocab": DEFAULT_TERMS + "PE"}, "vocabs", {"vocab": "PE"}),
        ({"type": "JsonProperty", "json": {"a": 1}}, "jsons", {"json": {"a": 1}}),
        ({"type": "ListProperty", "valueList": [1, 2]}, "valueLists", [1, 2]),
        ({"type": "ListRelationship", "objectList": ["urn:x:2"]}, "objectLists", ["urn:x:2"]),
    ],
)
def test_each_kind_has_its_list_of_pairs(instance: Any, member: str, value: Any) -> None:
    told = write_evolution(HEAD, [moment(1, SPEED, instance)], TERMS, form="simplified")
    assert told["speed"] == {"type": instance["type"], member: [[value, "2026-01-20T09:00:01Z"]]}


def test_pairs_tell_the_time_that_is_asked_for() -> None:
    instance = {"type": "Property", "value": 1, "modifiedAt": "2026-01-21T00:00:00Z"}
    told = write_evolution(
        HEAD, [moment(1, SPEED, instance)], TERMS, form="simplified", time="modifiedAt"
    )
    assert told["speed"]["values"] == [[1, "2026-01-21T00:00:00Z"]]


def test_only_what_is_wanted_is_written() -> None:
    def names(**options: Any) -> list[str]:
        return list(write_evolution(HEAD, ROWS, TERMS, representation=Representation(**options)))

    assert names(attributes=frozenset({SPEED})) == ["id", "type", "speed"]
    assert names(pick=Projection(frozenset({"id", NAME}))) == ["id", "name"]
    assert names(omit=Projection(frozenset({"type", NAME}))) == ["id", "speed"]
    assert names(datasets=frozenset({"urn:d:2"})) == ["id", "type", "speed"]


def test_aggregates_are_triples_of_value_and_period() -> None:
    hour = 3_600_000_000
    start = micros("2026-01-20T09:00:00Z")
    aggregate = Aggregate(
        np.array([start, start + hour]),
        np.array([start + hour, start + 2 * hour]),
        {"avg": np.array([1.5, 2.0]), "totalCount": np.array([2.0, 1.0])},
    )
    told = write_aggregates(HEAD, {SPEED: {"": ("Property", aggregate)}}, TERMS)
    assert told["speed"] == {
        "type": "Property",
        "avg": [
            [1.5, "2026-01-20T09:00:00Z", "2026-01-20T10:00:00Z"],
            [2.0, "2026-01-20T10:00:00Z", "2026-01-20T11:00:00Z"],
        ],
        "totalCount": [
            [2, "2026-01-20T09:00:00Z", "2026-01-20T10:00:00Z"],
            [1, "2026-01-20T10:00:00Z", "2026-01-20T11:00:00Z"],
        ],
    }
    both = {SPEED: {"": ("Property", aggregate), "urn:d:2": ("Property", aggregate)}}
    assert write_aggregates(HEAD, both, TERMS)["speed"][1]["datasetId"] == "urn:d:2"


def test_identifiers_of_instances_lead_back_to_rows() -> None:
    assert sequence_of(instance_id(42)) == 42
    for text in (
        "42",
        "urn:ngsi-ld:Instance:",
        "urn:ngsi-ld:Instance:-1",
        "urn:x",
        "urn:ngsi-ld:Instance:٣",
    ):
        assert sequence_of(text) is None


def test_an_attribute_without_values_keeps_its_list_of_pairs() -> None:
    assert no_pairs("Relationship") == {"type": "Relationship", "objects": []}
