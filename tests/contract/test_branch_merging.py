"""Comparing branches and taking changes over, on every driver."""

from __future__ import annotations

from typing import Any

import pytest
from ledgers import create, delete, entity, iri, observed, read, update, urn

from lingjing.twin.branches import Choice, compare, diff, merge, same
from lingjing.twin.ledger import Branch, Ledger, Span
from lingjing.vocabulary import LingjingError

AT = 1_768_900_000_000_000


@pytest.fixture
def trunk(ledger: Ledger) -> Branch:
    trunk = ledger.branch("")
    create(
        ledger,
        trunk,
        entity("a", insulation=0, length=3),
        entity("b", insulation=10),
        entity("c", insulation=20, types=("Valve",)),
    )
    return trunk


@pytest.fixture
def wrapped(ledger: Ledger, trunk: Branch) -> Branch:
    """A what-if: one riser wrapped, one removed, one new."""
    branch = ledger.create_branch(trunk, "wrapped", "wrap the risers")
    update(ledger, branch, "a", insulation=50)
    delete(ledger, branch, "b")
    create(ledger, branch, entity("d", insulation=30))
    return branch


def told(found: Any) -> dict[str, tuple[str, list[str]]]:
    return {
        item.id.rsplit(":", 1)[1]: (
            item.kind,
            [part.attribute.rsplit("/", 1)[1] for part in item.attributes],
        )
        for item in found
    }


def test_a_fresh_branch_differs_in_nothing(ledger: Ledger, trunk: Branch) -> None:
    assert diff(ledger, ledger.create_branch(trunk, "fresh")) == []


def test_a_diff_names_what_is_new_gone_and_changed(ledger: Ledger, wrapped: Branch) -> None:
    found = diff(ledger, wrapped)
    assert told(found) == {
        "a": ("changed", ["insulation"]),
        "b": ("removed", ["insulation"]),
        "d": ("added", ["insulation"]),
    }
    part = found[0].attributes[0]
    assert part.before is not None
    assert part.after is not None
    assert (part.before["value"], part.after["value"]) == (0, 50)


def test_a_diff_is_against_the_base_whatever_the_parent_did_since(
    ledger: Ledger, trunk: Branch, wrapped: Branch
) -> None:
    update(ledger, trunk, "a", insulation=99)
    update(ledger, trunk, "c", insulation=99)
    before = diff(ledger, wrapped)[0].attributes[0].before
    assert before is not None
    assert before["value"] == 0
    assert "c" not in told(diff(ledger, wrapped))


def test_a_change_that_was_taken_back_is_no_difference(ledger: Ledger, trunk: Branch) -> None:
    branch = ledger.create_branch(trunk, "back")
    update(ledger, branch, "a", insulation=50)
    update(ledger, branch, "a", insulation=0)
    assert diff(ledger, branch) == []


def test_a_trunk_has_nothing_to_be_compared_with(ledger: Ledger, trunk: Branch) -> None:
    for call in (diff, merge):
        with pytest.raises(LingjingError) as caught:
            call(ledger, trunk)
        assert caught.value.code == "twin.trunk-has-no-base"


def test_a_merge_takes_everything_over_and_the_branch_stays(
    ledger: Ledger, trunk: Branch, wrapped: Branch
) -> None:
    done = merge(ledger, wrapped)
    assert (done.done, done.conflicts) == (True, ())
    assert told(done.applied) == told(diff(ledger, wrapped))
    assert read(ledger, trunk, "a") == {"insulation": 50, "length": 3}
    assert read(ledger, trunk, "b") is None
    assert read(ledger, trunk, "d") == {"insulation": 30}
    assert read(ledger, wrapped, "a") == {"insulation": 50, "length": 3}


def test_a_merge_is_remembered_by_the_history_of_the_parent(
    ledger: Ledger, trunk: Branch, wrapped: Branch
) -> None:
    merge(ledger, wrapped)
    rows = ledger.history(trunk, urn("a"), Span(attributes=(iri("insulation"),), time="modifiedAt"))
    assert [row.instance["value"] for row in rows if row.instance] == [0, 50]
    assert rows[0].recorded_us < rows[1].recorded_us


def test_a_second_merge_finds_nothing_left_to_do(ledger: Ledger, wrapped: Branch) -> None:
    merge(ledger, wrapped)
    again = merge(ledger, wrapped)
    assert (again.applied, again.conflicts) == ((), ())


def test_a_dry_run_changes_nothing(ledger: Ledger, trunk: Branch, wrapped: Branch) -> None:
    done = merge(ledger, wrapped, dry_run=True)
    assert not done.done
    assert set(told(done.applied)) == {"a", "b", "d"}
    assert read(ledger, trunk, "a") == {"insulation": 0, "length": 3}
    assert read(ledger, trunk, "d") is None


def test_chosen_changes_alone_are_taken(ledger: Ledger, trunk: Branch, wrapped: Branch) -> None:
    merge(ledger, wrapped, Choice(ids=frozenset({urn("d")})))
    assert read(ledger, trunk, "d") == {"insulation": 30}
    assert read(ledger, trunk, "a") == {"insulation": 0, "length": 3}
    update(ledger, wrapped, "a", length=7)
    merge(ledger, wrapped, Choice(attributes=frozenset({iri("length")})))
    assert read(ledger, trunk, "a") == {"insulation": 0, "length": 7}
    assert read(ledger, trunk, "b") == {"insulation": 10}
    merge(ledger, wrapped, Choice(types=frozenset({iri("Valve")})))
    assert read(ledger, trunk, "b") == {"insulation": 10}


def test_different_attributes_of_one_entity_do_not_conflict(
    ledger: Ledger, trunk: Branch, wrapped: Branch
) -> None:
    update(ledger, trunk, "a", length=4)
    assert merge(ledger, wrapped).conflicts == ()
    assert read(ledger, trunk, "a") == {"insulation": 50, "length": 4}


def test_the_same_change_on_both_sides_is_no_conflict(
    ledger: Ledger, trunk: Branch, wrapped: Branch
) -> None:
    update(ledger, trunk, "a", insulation=50)
    assert merge(ledger, wrapped).conflicts == ()


@pytest.mark.parametrize(
    ("on_conflict", "value", "other", "is_done"),
    [("refuse", 25, None, False), ("take", 50, 30, True), ("keep", 25, 30, True)],
)
def test_a_conflict_is_named_and_decided_as_asked(
    ledger: Ledger,
    trunk: Branch,
    wrapped: Branch,
    on_conflict: Any,
    value: int,
    other: int | None,
    is_done: bool,
) -> None:
    update(ledger, trunk, "a", insulation=25)
    done = merge(ledger, wrapped, on_conflict=on_conflict)
    assert done.done is is_done
    [conflict] = done.conflicts
    assert (conflict.id, conflict.attribute) == (urn("a"), iri("insulation"))
    values = [item["value"] for item in (conflict.base, conflict.branch, conflict.parent)]
    assert values == [0, 50, 25]
    assert read(ledger, trunk, "a")["insulation"] == value
    assert read(ledger, trunk, "d") == (None if other is None else {"insulation": other})


def test_deleting_what_the_other_side_changed_is_a_conflict(
    ledger: Ledger, trunk: Branch, wrapped: Branch
) -> None:
    update(ledger, trunk, "b", insulation=11)
    done = merge(ledger, wrapped)
    assert [(item.id, item.attribute) for item in done.conflicts] == [(urn("b"), None)]
    merge(ledger, wrapped, on_conflict="take")
    assert read(ledger, trunk, "b") is None


def test_changing_what_the_other_side_deleted_is_a_conflict(
    ledger: Ledger, trunk: Branch, wrapped: Branch
) -> None:
    delete(ledger, trunk, "a")
    done = merge(ledger, wrapped)
    assert [(item.id, item.attribute) for item in done.conflicts] == [(urn("a"), None)]
    merge(ledger, wrapped, on_conflict="keep")
    assert read(ledger, trunk, "a") is None
    merge(ledger, wrapped, on_conflict="take")
    assert read(ledger, trunk, "a") == {"insulation": 50, "length": 3}


def test_two_what_ifs_are_compared_with_each_other(
    ledger: Ledger, trunk: Branch, wrapped: Branch
) -> None:
    other = ledger.create_branch(trunk, "other")
    update(ledger, other, "a", insulation=20)
    found = compare(ledger, wrapped, other)
    assert told(found) == {
        "a": ("changed", ["insulation"]),
        "b": ("added", ["insulation"]),
        "d": ("removed", ["insulation"]),
    }


def test_branches_made_at_different_times_are_compared_exactly(
    ledger: Ledger, trunk: Branch, wrapped: Branch
) -> None:
    update(ledger, trunk, "c", insulation=21)
    delete(ledger, trunk, "b")
    create(ledger, trunk, entity("e", insulation=1))
    late = ledger.create_branch(trunk, "late")
    assert told(compare(ledger, wrapped, late)) == {
        "a": ("changed", ["insulation"]),
        "c": ("changed", ["insulation"]),
        "d": ("removed", ["insulation"]),
        "e": ("added", ["insulation"]),
    }


def test_branches_of_a_branch_merge_one_step_up(ledger: Ledger, wrapped: Branch) -> None:
    deeper = ledger.create_branch(wrapped, "deeper")
    update(ledger, deeper, "d", insulation=31)
    assert told(diff(ledger, deeper)) == {"d": ("changed", ["insulation"])}
    merge(ledger, deeper)
    assert read(ledger, wrapped, "d") == {"insulation": 31}


def test_branches_of_different_tenants_have_nothing_in_common(
    ledger: Ledger, wrapped: Branch
) -> None:
    stranger = ledger.ensure_tenant("stranger")
    with pytest.raises(LingjingError) as caught:
        compare(ledger, wrapped, stranger)
    assert caught.value.code == "twin.unrelated-branches"


def test_times_do_not_make_a_difference_but_everything_else_does() -> None:
    one = observed(3, AT, createdAt="x", modifiedAt="y")
    assert same(one, {**one, "modifiedAt": "z"})
    assert not same(one, observed(3, AT + 1))
    assert not same(one, {**one, "unitCode": "CEL"})
    assert not same(one, None)
    nested = {**one, "attributes": {"n": {"": {"type": "Property", "value": 1, "createdAt": "x"}}}}
    later = {**one, "attributes": {"n": {"": {"type": "Property", "value": 1, "createdAt": "w"}}}}
    other = {**one, "attributes": {"n": {"": {"type": "Property", "value": 2}}}}
    assert same(nested, later)
    assert not same(nested, other)
    assert not same(nested, one)
