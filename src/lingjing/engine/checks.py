"""Holding a guest to its promises: what it returns is checked before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lingjing.engine.run_snapshot import Snapshot
from lingjing.sdk import (
    LEVELS,
    Alarm,
    Foreseen,
    LingjingError,
    Manifest,
    Outcome,
    Place,
    Text,
    Work,
    quantity,
)
from lingjing.vocabulary import LOCALES


def check_alarm(manifest: Manifest, alarm: Alarm | None) -> None:
    """Refuse an alarm of an unknown level or without words.

    Raises:
        LingjingError: `scenario.broken-promise`.
    """
    if alarm is None:
        return
    if alarm.level not in ("watch", "act"):
        raise _broken(manifest, f"the alarm's level is {alarm.level!r}, not 'watch' or 'act'")
    _check_text(manifest, alarm.text, "the alarm")


def check_foreseen(manifest: Manifest, twin: Snapshot, foreseen: Foreseen, hours: int) -> None:
    """Refuse outcomes that are not what the manifest promised.

    Raises:
        LingjingError: `scenario.broken-promise`, `scenario.not-a-number`,
            `vocabulary.unknown-quantity` or `vocabulary.out-of-bounds`.
    """
    seen: set[tuple[str, str]] = set()
    for outcome in foreseen.outcomes:
        name = f"{outcome.quantity} of {outcome.kind}"
        quantity(outcome.quantity, Place(manifest.id))
        if outcome.quantity not in manifest.emits:
            raise _broken(manifest, f"{outcome.quantity} is not among the quantities it emits")
        if outcome.kind not in manifest.kinds:
            raise _broken(manifest, f"{outcome.kind} is not among its kinds")
        if outcome.kind not in quantity(outcome.quantity).lives_on:
            raise _broken(manifest, f"{outcome.quantity} does not live on {outcome.kind}")
        if (outcome.quantity, outcome.kind) in seen:
            raise _broken(manifest, f"{name} comes twice")
        seen.add((outcome.quantity, outcome.kind))
        _check_assets(manifest, twin, outcome, name)
        _check_arrays(manifest, outcome, name, hours)
    for remark in foreseen.remarks:
        _check_text(manifest, remark, "a remark")


def check_works(manifest: Manifest, twin: Snapshot, works: Sequence[Work], hours: int) -> None:
    """Refuse work that names undeclared actions, unknown things or impossible numbers.

    Raises:
        LingjingError: `scenario.broken-promise` or `scenario.not-a-number`.
    """
    actions = {action.name for action in manifest.actions}
    known = {str(item) for view in twin.views.values() for item in view.ids}
    seen: set[str] = set()
    for work in works:
        if work.id in seen:
            raise _broken(manifest, f"two pieces of work are called {work.id}")
        seen.add(work.id)
        if work.action not in actions:
            raise _broken(manifest, f"{work.id} names the undeclared action {work.action!r}")
        if work.hazard not in manifest.emits:
            raise _broken(manifest, f"{work.id} averts {work.hazard!r}, which it does not emit")
        for item in (work.target, *work.assets):
            if item not in known:
                raise _broken(manifest, f"{work.id} names {item}, which the twin does not hold")
        _check_numbers(manifest, work, hours)
        _check_text(manifest, work.title, work.id)
        _check_text(manifest, work.reason.text, work.id)


def _check_numbers(manifest: Manifest, work: Work, hours: int) -> None:
    numbers = {
        "probability": (work.probability, 0.0, 1.0),
        "averted_share": (work.averted_share, 0.0, 1.0),
        "expected_failures": (work.expected_failures, 0.0, math.inf),
        "weight": (work.weight, 0.0, math.inf),
        "effort_minutes": (work.effort_minutes, 0.0, math.inf),
        "amount": (work.amount, 0.0, math.inf),
        "onset_hours": (work.onset_hours, 0.0, float(hours)),
        "onset_early_hours": (work.onset_early_hours, 0.0, float(hours)),
        "longitude_deg": (work.longitude_deg, -180.0, 180.0),
        "latitude_deg": (work.latitude_deg, -90.0, 90.0),
    }
    for name, (value, lower, upper) in numbers.items():
        if math.isnan(value) and name.startswith("onset"):
            continue  # the scenario does not know when
        if not math.isfinite(value):
            raise LingjingError(
                "scenario.not-a-number",
                id=manifest.id,
                quantity=work.hazard,
                kind=work.id,
                where=name,
            )
        if not lower <= value <= upper:
            raise _broken(manifest, f"{work.id} has {name} {value:g}")


def _check_assets(manifest: Manifest, twin: Snapshot, outcome: Outcome, name: str) -> None:
    assets = [str(item) for item in outcome.assets]
    if len(set(assets)) != len(assets):
        raise _broken(manifest, f"{name} names an asset twice")
    unknown = set(assets) - {str(item) for item in twin.view(outcome.kind).ids}
    if unknown:
        raise _broken(manifest, f"{name} names {min(unknown)}, which the twin does not hold")


def _check_arrays(manifest: Manifest, outcome: Outcome, name: str, hours: int) -> None:
    situation = outcome.situation
    if situation.shape != outcome.assets.shape or not np.issubdtype(situation.dtype, np.integer):
        raise _broken(manifest, f"{name}: one whole-number situation for each asset is required")
    state = (outcome.levels, outcome.fan)
    event = (outcome.probability, outcome.onset_hours, outcome.hourly)
    is_state = all(item is not None for item in state) and all(item is None for item in event)
    is_event = all(item is not None for item in event) and all(item is None for item in state)
    if not is_state and not is_event:
        wanted = "either levels and fan, or probability, onset_hours and hourly"
        raise _broken(manifest, f"{name} carries {wanted}, all of them and nothing else")
    if is_state:
        _check_state(manifest, outcome, name, hours)
    else:
        _check_event(manifest, outcome, name, hours)
    gain = outcome.sensor_gain
    if gain is not None:
        whole = outcome.levels if outcome.probability is None else outcome.probability
        if whole is None or gain.shape != whole.shape[:1] or not ((gain >= 0) & (gain <= 1)).all():
            raise _broken(manifest, f"{name}: sensor_gain is one number of 0 to 1 a situation")


def _check_rows(
    manifest: Manifest,
    outcome: Outcome,
    name: str,
    arrays: Iterable[tuple[NDArray[np.float32], tuple[int, ...]]],
) -> None:
    rows: set[int] = set()
    for values, shape in arrays:
        if (
            not np.issubdtype(values.dtype, np.floating)
            or values.shape[1:] != shape
            or not values.ndim
        ):
            found = f"{values.dtype}{list(values.shape)}"
            raise _broken(manifest, f"{name} has {found} where [situations, {shape}] is due")
        rows.add(int(values.shape[0]))
    if len(rows) != 1:
        raise _broken(manifest, f"{name} has arrays of {sorted(rows)} situations")
    count = rows.pop()
    situation = outcome.situation
    if situation.size and (int(situation.min()) < 0 or int(situation.max()) >= count):
        raise _broken(manifest, f"{name} points at situations that do not exist")


def _check_state(manifest: Manifest, outcome: Outcome, name: str, hours: int) -> None:
    levels, fan = outcome.levels, outcome.fan
    if levels is None or fan is None:
        return
    _check_rows(
        manifest, outcome, name, [(levels, (len(LEVELS),)), (fan, (len(LEVELS), hours + 1))]
    )
    for where, values, axis in (("levels", levels, 1), ("fan", fan, 1)):
        _check_finite(manifest, outcome, where, values)
        quantity(outcome.quantity).check(values, Place(manifest.id, field=f"{name} {where}"))
        if bool((np.diff(values, axis=axis) < -1e-3).any()):
            raise _broken(manifest, f"{name}: percentiles in {where} go down")


def _check_event(manifest: Manifest, outcome: Outcome, name: str, hours: int) -> None:
    probability, onset, hourly = outcome.probability, outcome.onset_hours, outcome.hourly
    if probability is None or onset is None or hourly is None:
        return
    shapes = [(probability, ()), (onset, (len(LEVELS),)), (hourly, (hours + 1,))]
    _check_rows(manifest, outcome, name, shapes)
    for where, values in (("probability", probability), ("hourly", hourly)):
        _check_finite(manifest, outcome, where, values)
        if bool(((values < 0) | (values > 1)).any()):
            raise _broken(manifest, f"{name}: {where} outside 0 to 1")
    gaps = np.isnan(onset)
    if bool((gaps.any(axis=1) & (probability > 0)).any()):
        _not_a_number(manifest, outcome, "onset_hours")
    if bool((~gaps.all(axis=1) & (probability == 0)).any()):
        raise _broken(manifest, f"{name} has an onset where the probability is 0")
    inside = onset[~gaps]
    if inside.size and (float(inside.min()) < 0 or float(inside.max()) > hours):
        raise _broken(manifest, f"{name} has onsets outside the window")
    if bool((np.diff(onset, axis=1) < -1e-3).any()):
        raise _broken(manifest, f"{name}: percentiles in onset_hours go down")


def _check_finite(
    manifest: Manifest, outcome: Outcome, where: str, values: NDArray[np.float32]
) -> None:
    if not bool(np.isfinite(values).all()):
        _not_a_number(manifest, outcome, where)


def _not_a_number(manifest: Manifest, outcome: Outcome, where: str) -> None:
    raise LingjingError(
        "scenario.not-a-number",
        id=manifest.id,
        quantity=outcome.quantity,
        kind=outcome.kind,
        where=where,
    )


def _check_text(manifest: Manifest, text: Text, of: str) -> None:
    missing = [locale for locale in LOCALES if not str(text.get(locale, "")).strip()]
    if missing:
        raise _broken(manifest, f"{of} has no text in {' and '.join(missing)}")


def _broken(manifest: Manifest, detail: str) -> LingjingError:
    return LingjingError("scenario.broken-promise", id=manifest.id, detail=detail)
