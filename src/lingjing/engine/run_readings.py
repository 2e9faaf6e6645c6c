"""What a district's sensors said before a run: read from the twin, kept beside the results.

The raw observations that a run listened to are written into its folder, so that a replay takes the
same ones, whatever has come late or gone since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lingjing.engine.ingest import iri
from lingjing.engine.run_snapshot import Snapshot
from lingjing.engine.settings import open_ledger
from lingjing.forecast.outlook import Outlook
from lingjing.forecast.readings import Heard, Said, brought_together
from lingjing.sdk import LingjingError, Manifest
from lingjing.twin.ledger import DEFAULT_TENANT, Moment, Selection, Span
from lingjing.twin.packed import provenance_of
from lingjing.twin.views import TwinView
from lingjing.vocabulary import Provenance, instant_of, quantity

READINGS: Final = "readings.parquet"
_SECOND_US: Final = 1_000_000
_SCHEMA: Final = pa.schema(
    [
        ("kind", pa.string()),
        ("quantity", pa.string()),
        ("asset", pa.string()),
        ("sensor", pa.string()),
        ("observed_at", pa.timestamp("s", tz="UTC")),
        ("value", pa.float64()),
        ("synthetic", pa.bool_()),
    ]
)


def readings_before(
    data_dir: Path,
    twin: Snapshot,
    manifest: Manifest,
    *,
    branch: str,
    start: datetime,
    hours: int,
    known_until: datetime | None = None,
) -> tuple[Said, ...]:
    """The observations of the hours before a run that its scenario listens to.

    Args:
        data_dir: Where the twin lies.
        twin: The district; only what it holds is listened to.
        manifest: Says which kinds and quantities.
        branch: Of the twin; observations come to the trunk, a what-if sees those from before it
            was made.
        start: Of the run's window; nothing after it is read.
        hours: How long before it [h].
        known_until: Nothing observed after this is read either.

    Returns:
        One record a sensor, in order of kind, quantity, asset and sensor; values that are not
        numbers are left out.
    """
    if not manifest.listens:
        return ()
    until = start if known_until is None else min(start, known_until)
    first = start - timedelta(hours=hours, minutes=30)
    found: list[Said] = []
    with open_ledger(data_dir, read_only=True) as ledger:
        line = ledger.branch(DEFAULT_TENANT, branch)
        for kind in sorted(manifest.kinds):
            names = [name for name in manifest.listens if kind in quantity(name).lives_on]
            known = set(twin.view(kind).ids.tolist())
            if not names or not known:
                continue
            span = Span(
                attributes=tuple(iri(name) for name in names),
                from_us=round(first.timestamp() * _SECOND_US),
                to_us=round(until.timestamp() * _SECOND_US) + 1,
            )
            chosen = Selection(types=((iri(kind),),))
            for asset in ledger.history_ids(line, chosen, span):
                if asset in known:
                    moments = ledger.history(line, asset, span)
                    found += _sensors(asset, kind, names, moments)
    return tuple(sorted(found, key=_order))


def _order(said: Said) -> tuple[str, str, str, str]:
    return said.kind, said.quantity, said.asset, said.sensor


def _sensors(asset: str, kind: str, names: Sequence[str], moments: Iterable[Moment]) -> list[Said]:
    """The records of one entity's sensors; the newest word about an instant counts."""
    named = {iri(name): name for name in names}
    rows: dict[tuple[str, str], dict[int, tuple[float, bool]]] = {}
    for moment in sorted(moments, key=lambda item: item.sequence):
        if moment.instance is None or moment.observed_us is None or moment.attribute not in named:
            continue
        value, origin = moment.instance.get("value"), provenance_of(moment.instance)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if origin.kind != "observed":
            continue  # what a run foresaw is no reading
        sensor = rows.setdefault((named[moment.attribute], moment.dataset), {})
        sensor[moment.observed_us // _SECOND_US] = (float(value), origin.synthetic)
    return [
        Said(
            asset, kind, name, dataset,
            np.array(sorted(held), dtype=np.int64),
            np.array([held[second][0] for second in sorted(held)]),
            any(synthetic for _, synthetic in held.values()),
        )
        for (name, dataset), held in sorted(rows.items())
    ]  # fmt: skip


def listening(outlook: Outlook, records: Sequence[Said]) -> Outlook:
    """The outlook with what the sensors said, judged and on its hours."""
    hours = outlook.times[: outlook.spin_up_hours + 1]
    readings, heard = brought_together(records, hours)
    return replace(outlook, readings=readings, heard=heard)


def without_live(twin: Snapshot, listens: Iterable[str]) -> Snapshot:
    """The district without the present values of what a scenario listens to.

    A sensor's last word would otherwise go unchecked into the physics, and make every run's
    district another one. What a register or rule says of the same attribute stays.
    """
    names = list(listens)
    views = {kind: _silenced(view, names) for kind, view in twin.views.items()}
    return replace(twin, views=views)


def _silenced(view: TwinView, names: Sequence[str]) -> TwinView:
    present = [name for name in names if name in view.columns and name in view.provenance_index]
    kinds = np.array([item.kind == "observed" for item in view.provenances] + [False])
    live = {name: kinds[view.provenance_index[name]] for name in present}
    if not any(mask.any() for mask in live.values()):
        return view
    columns: dict[str, Any] = dict(view.columns)
    index = dict(view.provenance_index)
    for name, mask in live.items():
        columns[name] = np.where(mask, np.nan, np.asarray(view.columns[name], dtype=np.float64))
        index[name] = np.where(mask, -1, index[name]).astype(np.int32)
    kept, index = _compact(view.provenances, index)
    return replace(view, columns=columns, provenances=kept, provenance_index=index)


def _compact(
    provenances: Sequence[Provenance], index: Mapping[str, Any]
) -> tuple[tuple[Provenance, ...], dict[str, Any]]:
    """Only the provenances that are still in use, and the places renumbered."""
    used = sorted({int(item) for places in index.values() for item in np.unique(places)} - {-1})
    renumbered = np.full(len(provenances) + 1, -1, dtype=np.int32)
    renumbered[used] = np.arange(len(used), dtype=np.int32)
    return (
        tuple(provenances[item] for item in used),
        {name: renumbered[places] for name, places in index.items()},
    )


def hash_readings(records: Sequence[Said]) -> str:
    """SHA-256 of what sensors said; empty where they said nothing."""
    if not records:
        return ""
    digest = hashlib.sha256()
    for said in records:
        digest.update(msgspec.json.encode([*_order(said), said.synthetic]))
        digest.update(said.seconds.astype(np.int64).tobytes())
        digest.update(said.values.astype(np.float64).tobytes())
    return digest.hexdigest()


def write_readings(records: Sequence[Said], path: Path) -> None:
    """Write the raw observations, one row each."""
    sizes = [said.values.size for said in records]
    rows = {
        name: pa.array(np.repeat([getattr(said, name) for said in records], sizes))
        for name in ("kind", "quantity", "asset", "sensor", "synthetic")
    }
    seconds = np.concatenate([said.seconds for said in records])
    rows["observed_at"] = pa.array(seconds, pa.int64()).cast(pa.timestamp("s", tz="UTC"))
    rows["value"] = pa.array(np.concatenate([said.values for said in records]))
    table = pa.table([rows[name] for name in _SCHEMA.names], schema=_SCHEMA)
    pq.write_table(table, path, compression="zstd")


def read_readings(path: Path) -> tuple[Said, ...]:
    """Read them back; nothing where there is no such file.

    Raises:
        LingjingError: `run.no-record`.
    """
    if not path.is_file():
        return ()
    try:
        table = pq.read_table(path, schema=_SCHEMA)
    except (OSError, pa.ArrowException) as error:
        raise LingjingError("run.no-record", path=str(path)) from error
    names = ("kind", "quantity", "asset", "sensor")
    keys = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    seconds = table["observed_at"].cast(pa.int64()).to_numpy()
    values, synthetic = table["value"].to_numpy(), table["synthetic"].to_numpy()
    places: dict[tuple[str, ...], list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return tuple(
        Said(asset, kind, name, sensor, seconds[at], values[at], bool(synthetic[at].any()))
        for (kind, name, asset, sensor), at in places.items()
    )


def facts_of(heard: Sequence[Heard], records: Sequence[Said], outlook: Outlook) -> dict[str, Any]:
    """What the record of a run says of the sensors."""
    times = outlook.times[: outlook.spin_up_hours + 1]
    return {
        "sha256": hash_readings(records),
        "file": READINGS if records else None,
        "from": instant_of(times[0]).isoformat(),
        "until": instant_of(times[-1]).isoformat(),
        "observations": sum(said.values.size for said in records),
        "synthetic": any(said.synthetic for said in records),
        "taken": sum(item.reason is None and item.gain > 0.0 for item in heard),
        "refused": sum(item.reason is not None for item in heard),
        "sensors": [_fact(item) for item in heard],
    }


def _fact(heard: Heard) -> dict[str, Any]:
    held = asdict(heard) | {"correction": dict(heard.correction)}
    for name in ("silent_h", "gain"):
        held[name] = None if np.isnan(held[name]) else round(float(held[name]), 3)
    held["correction"] = {name: round(value, 3) for name, value in heard.correction}
    return held
