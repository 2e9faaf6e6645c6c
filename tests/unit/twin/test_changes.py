"""What the operations of NGSI-LD do to a document."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lingjing.twin import changes
from lingjing.twin.changes import NULL
from lingjing.vocabulary import LingjingError

THEN = "2026-01-20T09:00:00.000000Z"
NOW = "2026-01-20T10:00:00.000000Z"
SPEED, NAME, NOTE, PLACE = "x:speed", "x:name", "x:note", "x:place"


def number(value: float, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def entity() -> dict[str, Any]:
    return changes.created(
        {
            "id": "urn:x:1",
            "type": ["x:Car"],
            "attributes": {
                SPEED: {
                    "": number(50, attributes={NOTE: {"": number(1)}}),
                    "urn:d:gps": number(52, datasetId="urn:d:gps"),
                },
                NAME: {"": {"type": "LanguageProperty", "languageMap": {"en": "car", "zh": "车"}}},
            },
        },
        THEN,
    )


def fragment(**attributes: dict[str, Any]) -> dict[str, Any]:
    return {"attributes": attributes}


def noted(outcome: changes.Outcome) -> list[tuple[str, str | None, str]]:
    return [(item.operation, item.attribute, item.dataset) for item in outcome.changes]


def test_a_created_entity_and_all_its_instances_carry_the_time() -> None:
    made = entity()
    assert made["createdAt"] == made["modifiedAt"] == THEN
    speed = made["attributes"][SPEED][""]
    assert speed["createdAt"] == speed["modifiedAt"] == THEN
    assert speed["attributes"][NOTE][""]["createdAt"] == THEN
    assert [item.attribute for item in changes.creation(made)] == [None, SPEED, SPEED, NAME]


def test_no_operation_changes_what_it_was_given() -> None:
    before = entity()
    kept = copy.deepcopy(before)
    change = {SPEED: {"": number(1, attributes={NOTE: {"": number(NULL)}})}}  # type: ignore[arg-type]
    kept_change = copy.deepcopy(change)
    for operation in (changes.appended, changes.updated, changes.merged):
        operation(before, {"attributes": change}, NOW)
    changes.patched(before, SPEED, change[SPEED][""], NOW)
    changes.attribute_deleted(before, SPEED, "", NOW)
    changes.replaced(before, {**before, "attributes": change}, NOW)
    assert before == kept
    assert change == kept_change


def test_append_adds_and_replaces() -> None:
    outcome = changes.appended(
        entity(), fragment(**{SPEED: {"": number(60)}, PLACE: {"": number(3)}}), NOW
    )
    speed = outcome.document["attributes"][SPEED]
    assert speed[""]["value"] == 60
    assert (speed[""]["createdAt"], speed[""]["modifiedAt"]) == (THEN, NOW)
    assert "attributes" not in speed[""]
    assert speed["urn:d:gps"]["value"] == 52
    assert outcome.document["modifiedAt"] == NOW
    assert noted(outcome) == [("update", SPEED, ""), ("create", PLACE, "")]
    assert outcome.updated == (SPEED, PLACE)


def test_append_without_overwriting_leaves_what_is_there() -> None:
    before = entity()
    outcome = changes.appended(before, fragment(**{SPEED: {"": number(60)}}), NOW, overwrite=False)
    assert outcome.not_updated == {SPEED: "exists"}
    assert outcome.document is before
    assert outcome.changes == ()


def test_append_adds_types_and_sets_scopes() -> None:
    outcome = changes.appended(
        entity(), {"type": ["x:Car", "x:Bus"], "scope": ["/a"], "attributes": {}}, NOW
    )
    assert outcome.document["type"] == ["x:Car", "x:Bus"]
    assert outcome.document["scope"] == ["/a"]
    assert noted(outcome) == [("update", None, ""), ("create", changes.SCOPE, "")]
    assert outcome.changes[1].current is False
    again = changes.appended(
        outcome.document, {"scope": ["/b"], "attributes": {}}, NOW, overwrite=False
    )
    assert again.document["scope"] == ["/a", "/b"]


def test_update_adds_an_attribute_that_the_entity_lacks_but_no_scope() -> None:
    sent = {**fragment(**{SPEED: {"": number(60)}, PLACE: {"": number(3)}}), "scope": ["/a"]}
    outcome = changes.updated(entity(), sent, NOW)
    assert outcome.not_updated == {"scope": "absent"}
    assert outcome.updated == (SPEED, PLACE)
    assert "scope" not in outcome.document
    assert outcome.document["attributes"][PLACE][""]["value"] == 3


def test_scopes_that_are_not_to_be_replaced_are_kept_beside_the_new_ones() -> None:
    held = {**entity(), "scope": ["/a"]}
    sent = {"scope": ["/b", "/a"], "attributes": {}}
    assert changes.appended(held, sent, NOW, overwrite=False).document["scope"] == ["/a", "/b"]
    assert changes.appended(held, sent, NOW).document["scope"] == ["/b", "/a"]


def test_a_null_deletes_an_instance_and_the_last_one_the_attribute() -> None:
    null = {"type": "Property", "value": NULL}
    outcome = changes.updated(entity(), fragment(**{SPEED: {"": null}}), NOW)
    assert list(outcome.document["attributes"][SPEED]) == ["urn:d:gps"]
    assert noted(outcome) == [("delete", SPEED, "")]
    language = {"type": "LanguageProperty", "languageMap": {"@none": NULL}}
    outcome = changes.merged(entity(), fragment(**{NAME: {"": language}}), NOW)
    assert NAME not in outcome.document["attributes"]


def test_a_null_member_of_a_new_value_is_left_out_and_not_kept_as_a_word() -> None:
    value = number(3, unitCode=NULL, observedAt=NULL, attributes={NOTE: {"": number(NULL)}})  # type: ignore[arg-type]
    for operation in (changes.appended, changes.updated):
        outcome = operation(entity(), fragment(**{SPEED: {"": value}}), NOW)
        made = outcome.document["attributes"][SPEED][""]
        assert made == {"type": "Property", "value": 3, "createdAt": THEN, "modifiedAt": NOW}


def test_a_patch_keeps_the_members_it_does_not_name() -> None:
    outcome = changes.patched(entity(), SPEED, {"value": 70, "unitCode": "KMH"}, NOW)
    speed = outcome.document["attributes"][SPEED][""]
    assert (speed["value"], speed["unitCode"], speed["createdAt"]) == (70, "KMH", THEN)
    assert speed["attributes"][NOTE][""]["value"] == 1
    outcome = changes.patched(outcome.document, SPEED, {"unitCode": NULL}, NOW)
    assert "unitCode" not in outcome.document["attributes"][SPEED][""]


def test_a_patch_reaches_the_dataset_it_names() -> None:
    outcome = changes.patched(entity(), SPEED, {"value": 7, "datasetId": "urn:d:gps"}, NOW)
    assert outcome.document["attributes"][SPEED]["urn:d:gps"]["value"] == 7
    assert outcome.document["attributes"][SPEED][""]["value"] == 50


def test_a_patch_of_another_type_or_of_nothing_is_refused() -> None:
    with pytest.raises(LingjingError) as caught:
        changes.patched(entity(), SPEED, {"type": "Relationship", "object": "urn:x:2"}, NOW)
    assert caught.value.code == "twin.other-attribute-type"
    for dataset in ("", "urn:d:other"):
        with pytest.raises(LingjingError) as caught:
            changes.patched(entity(), PLACE, {"value": 1, "datasetId": dataset}, NOW)
        assert caught.value.code == "twin.no-attribute"


def test_a_merge_goes_into_values_languages_and_attributes_of_attributes() -> None:
    before = changes.created(
        {
            "id": "urn:x:1",
            "type": ["x:Car"],
            "attributes": {
                PLACE: {"": {"type": "Property", "value": {"a": {"b": 1, "c": 2}, "d": 3}}},
                NAME: {"": {"type": "LanguageProperty", "languageMap": {"en": "car", "zh": "车"}}},
                SPEED: {"": number(5, attributes={NOTE: {"": number(1)}})},
            },
        },
        THEN,
    )
    outcome = changes.merged(
        before,
        fragment(
            **{
                PLACE: {"": {"type": "Property", "value": {"a": {"b": NULL, "e": 4}}}},
                NAME: {"": {"type": "LanguageProperty", "languageMap": {"zh": NULL, "fr": "auto"}}},
                SPEED: {"": number(6, attributes={NOTE: {"": number(2)}})},
            }
        ),
        NOW,
    )
    attributes = outcome.document["attributes"]
    assert attributes[PLACE][""]["value"] == {"a": {"c": 2, "e": 4}, "d": 3}
    assert attributes[NAME][""]["languageMap"] == {"en": "car", "fr": "auto"}
    assert attributes[SPEED][""]["value"] == 6
    assert attributes[SPEED][""]["attributes"][NOTE][""]["value"] == 2
    assert attributes[SPEED][""]["attributes"][NOTE][""]["createdAt"] == THEN


def test_a_merge_into_nothing_leaves_no_null_behind() -> None:
    outcome = changes.merged(
        entity(),
        fragment(
            **{
                PLACE: {
                    "": {
                        "type": "Property",
                        "value": {"a": NULL, "b": 1},
                        "unitCode": NULL,
                        "attributes": {NOTE: {"": {"type": "Property", "value": NULL}}},
                    }
                }
            }
        ),
        NOW,
    )
    place = outcome.document["attributes"][PLACE][""]
    assert place == {"type": "Property", "value": {"b": 1}, "createdAt": NOW, "modifiedAt": NOW}


def test_replacing_an_entity_keeps_its_time_of_creation_and_says_what_went() -> None:
    outcome = changes.replaced(
        entity(),
        {"id": "urn:x:1", "type": ["x:Bus"], "attributes": {SPEED: {"": number(9)}}},
        NOW,
    )
    assert outcome.document["createdAt"] == THEN
    assert outcome.document["type"] == ["x:Bus"]
    assert set(outcome.document["attributes"]) == {SPEED}
    assert noted(outcome) == [
        ("update", None, ""),
        ("delete", SPEED, "urn:d:gps"),
        ("delete", NAME, ""),
        ("update", SPEED, ""),
    ]


def test_deleting_an_attribute_takes_one_dataset_or_all() -> None:
    outcome = changes.attribute_deleted(entity(), SPEED, "urn:d:gps", NOW)
    assert list(outcome.document["attributes"][SPEED]) == [""]
    outcome = changes.attribute_deleted(entity(), SPEED, "", NOW, all_datasets=True)
    assert SPEED not in outcome.document["attributes"]
    assert len(outcome.changes) == 2
    for all_datasets in (False, True):
        with pytest.raises(LingjingError) as caught:
            changes.attribute_deleted(entity(), PLACE, "", NOW, all_datasets=all_datasets)
        assert caught.value.code == "twin.no-attribute"


def test_replacing_an_attribute_needs_it_to_be_there() -> None:
    outcome = changes.attribute_replaced(entity(), SPEED, {"": number(3, unitCode="KMH")}, NOW)
    assert outcome.document["attributes"][SPEED][""]["value"] == 3
    with pytest.raises(LingjingError):
        changes.attribute_replaced(entity(), SPEED, {"urn:d:none": number(3)}, NOW)
