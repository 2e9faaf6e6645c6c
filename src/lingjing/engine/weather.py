"""The weather that is kept: one Parquet file for each record under `DIR/weather`.

A kept file is one row for each member and hour, with everything else that is known (methods,
provenance, attribution, place, notes) as JSON in its schema's metadata.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import io
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lingjing.sources.fetching import Fetcher
from lingjing.sources.open_meteo_live import fetch_open_meteo
from lingjing.sources.reconstruction import reconstruct_december_2023
from lingjing.sources.weather_files import read_weather
from lingjing.sources.weather_raw import Span
from lingjing.sources.whole_files import whole_file
from lingjing.vocabulary import (
    LingjingError,
    Place,
    Provenance,
    WeatherTable,
    format_instant,
    moment_of,
    quantity,
)

FOLDER = "weather"
CACHE = "cache"
_ENDING = ".parquet"
_KEY = b"lingjing.weather"
_NAME = re.compile(r"^[^\W_][\w.\-]{0,99}$")


class _Metadata(msgspec.Struct, frozen=True):
    name: str
    members: int
    methods: dict[str, str]
    provenance: Provenance
    attribution: str
    longitude_deg: float | None
    latitude_deg: float | None
    notes: list[str]


def keep_weather(data_dir: Path, table: WeatherTable) -> Path:
    """Write a record to `DIR/weather/NAME.parquet`, replacing one of that name; all or nothing.

    Raises:
        LingjingError: `weather.bad-name`, `weather.cannot-keep`.
    """
    target = _kept_path(data_dir, table.name)
    content = encode_weather(table)
    made = [folder for folder in (target.parent, data_dir) if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as fault:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        at = Place(file=str(target))
        raise LingjingError("weather.cannot-keep", at, detail=fault.strerror) from None
    return target


def load_weather(
    data_dir: Path,
    name_or_path: str | Path,
    *,
    window: Span | None = None,
    zone: tzinfo | str | None = None,
    longitude_deg: float | None = None,
    latitude_deg: float | None = None,
    fill_gaps_hours: int = 6,
    year: int | None = None,
    attribution: str | None = None,
) -> WeatherTable:
    """A kept record by its name, or any readable weather file by its path.

    With a `window` (first and last instant) the record is cut to what it holds of it, and only
    that part of a file must be free of long gaps. The other options are `read_weather`'s and apply
    to files.

    Raises:
        LingjingError: `weather.not-kept`, `weather.outside-window`, `weather.kept-damaged`, or
            what the readers raise.
    """
    path = weather_path(data_dir, name_or_path)
    if _is_parquet(path):
        return _within(_decode_file(path), window)
    return read_weather(
        path,
        zone=zone,
        longitude_deg=longitude_deg,
        latitude_deg=latitude_deg,
        fill_gaps_hours=fill_gaps_hours,
        window=window,
        year=year,
        attribution=attribution,
    )


def list_weather(data_dir: Path) -> list[str]:
    """Names of the kept records, in order."""
    folder = data_dir / FOLDER
    if not folder.is_dir():
        return []
    files = (path.name for path in folder.iterdir() if path.suffix == _ENDING)
    return sorted(name.removesuffix(_ENDING) for name in files if not name.startswith("."))


def weather_path(data_dir: Path, name_or_path: str | Path) -> Path:
    """The file behind a kept name or a path; a kept name goes first.

    Raises:
        LingjingError: `weather.not-kept`, naming what is kept.
    """
    text = str(name_or_path)
    if _NAME.match(text):
        kept = _kept_path(data_dir, text)
        if kept.is_file():
            return kept
    path = Path(text)
    if path.is_file():
        return path
    names = list_weather(data_dir)
    near = difflib.get_close_matches(text, names, n=5, cutoff=0.4) or names[:5]
    raise LingjingError("weather.not-kept", name=text, kept=", ".join(near) or "—")


def weather_sha256(data_dir: Path, name_or_path: str | Path) -> str:
    """SHA-256 of the file behind a kept name or a path.

    Raises:
        LingjingError: `weather.not-kept`, `weather.unreadable`.
    """
    path = weather_path(data_dir, name_or_path)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as fault:
        at = Place(file=str(path))
        raise LingjingError("weather.unreadable", at, detail=fault.strerror) from None


def weather_summary(table: WeatherTable) -> dict[str, object]:
    """What `weather show` tells: span, members, and for each quantity its range and method.

    The ranges are over all members and hours, in the quantity's unit.
    """
    quantities: dict[str, Mapping[str, object]] = {}
    for name, values in table.columns.items():
        quantities[name] = {
            "unit": quantity(name).unit,
            "min": _rounded(values.min()),
            "mean": _rounded(values.mean(dtype=np.float64)),
            "max": _rounded(values.max()),
            "method": table.methods[name],
        }
    return {
        "name": table.name,
        "start": format_instant(table.start),
        "end": format_instant(table.end),
        "hours": int(table.times.size) - 1,
        "members": table.members,
        "longitude_deg": table.longitude_deg,
        "latitude_deg": table.latitude_deg,
        "quantities": quantities,
        "filled": sorted(
            name
            for name, method in table.methods.items()
            if {"gap-linear", "edge-held"} & set(method.split("+"))
        ),
        "provenance": msgspec.to_builtins(table.provenance),
        "synthetic": table.provenance.synthetic,
        "attribution": table.attribution,
        "notes": list(table.notes),
    }


def encode_weather(table: WeatherTable) -> bytes:
    """A record as Parquet; the same record gives the same bytes."""
    metadata = _Metadata(
        name=table.name,
        members=table.members,
        methods=dict(sorted(table.methods.items())),
        provenance=table.provenance,
        attribution=table.attribution,
        longitude_deg=table.longitude_deg,
        latitude_deg=table.latitude_deg,
        notes=list(table.notes),
    )
    hours = table.times.size
    seconds = np.tile(table.times.astype("datetime64[s]").astype(np.int64), table.members)
    arrays = {
        "member": pa.array(np.repeat(np.arange(table.members, dtype=np.int32), hours)),
        "time": pa.array(seconds).cast(pa.timestamp("s", tz="UTC")),
    }
    for name in sorted(table.columns):
        arrays[quantity(name).column] = pa.array(table.columns[name].reshape(-1))
    content = pa.table(arrays).replace_schema_metadata({_KEY: msgspec.json.encode(metadata)})
    sink = io.BytesIO()
    pq.write_table(content, sink, compression="zstd")
    return sink.getvalue()


def _kept_path(data_dir: Path, name: str) -> Path:
    if not _NAME.match(name):
        raise LingjingError("weather.bad-name", name=name)
    return data_dir / FOLDER / f"{name}{_ENDING}"


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return path.suffix == _ENDING or file.read(4) == b"PAR1"
    except OSError as fault:
        at = Place(file=str(path))
        raise LingjingError("weather.unreadable", at, detail=fault.strerror) from None


def _decode_file(path: Path) -> WeatherTable:
    at = Place(file=str(path))
    try:
        content = pq.read_table(io.BytesIO(path.read_bytes()))
        metadata = msgspec.json.decode((content.schema.metadata or {})[_KEY], type=_Metadata)
        by_column = {quantity(name).column: name for name in metadata.methods}
        members = metadata.members
        seconds = (
            content["time"]
            .cast(pa.timestamp("s", tz="UTC"))
            .cast(pa.int64())
            .to_numpy()
            .reshape(members, -1)
        )
        columns = {
            by_column[column]: content[column].to_numpy().reshape(members, -1)
            for column in content.column_names
            if column not in ("member", "time")
        }
        return WeatherTable(
            name=metadata.name,
            times=seconds[0].astype("datetime64[s]"),
            columns=columns,
            methods=metadata.methods,
            provenance=metadata.provenance,
            attribution=metadata.attribution,
            longitude_deg=metadata.longitude_deg,
            latitude_deg=metadata.latitude_deg,
            notes=tuple(metadata.notes),
        )
    except (pa.ArrowException, msgspec.MsgspecError, KeyError, ValueError, OSError) as fault:
        detail = str(fault).partition("\n")[0] or type(fault).__name__
        raise LingjingError("weather.kept-damaged", at, detail=detail) from None
    except LingjingError as fault:
        raise LingjingError("weather.kept-damaged", at, detail=fault.what("en")) from None


def _within(table: WeatherTable, window: Span | None) -> WeatherTable:
    if window is None:
        return table
    inside = np.flatnonzero(
        (table.times >= moment_of(window[0])) & (table.times <= moment_of(window[1]))
    )
    if inside.size < 2:
        raise LingjingError(
            "weather.outside-window",
            Place(file=table.name),
            start=format_instant(table.start),
            end=format_instant(table.end),
            from_time=format_instant(window[0]),
            to_time=format_instant(window[1]),
        )
    part = slice(int(inside[0]), int(inside[-1]) + 1)
    columns = {name: values[:, part] for name, values in table.columns.items()}
    return replace(table, times=table.times[part], columns=columns)


def _rounded(value: float | np.floating) -> float:
    return round(float(value), 3)


def fetch_weather(
    data_dir: Path,
    longitude_deg: float,
    latitude_deg: float,
    *,
    name: str = "open-meteo",
    ensemble: bool = True,
    hours: int = 72,
    past_hours: int = 48,
    model: str | None = None,
    fetcher: Fetcher | None = None,
) -> WeatherTable:
    """Fetch a live forecast from Open-Meteo; not yet kept. The cache is `DIR/cache`.

    Raises:
        LingjingError: `fetch.*`, `weather.*`.
    """
    return fetch_open_meteo(
        latitude_deg,
        longitude_deg,
        ensemble=ensemble,
        hours=hours,
        past_hours=past_hours,
        fetcher=fetcher or Fetcher(data_dir / CACHE),
        name=name,
        model=model,
    )


def demo_weather(members: int = 31, seed: int = 7) -> WeatherTable:
    """The weather of the demo: December 2023, reconstructed and labelled so."""
    return reconstruct_december_2023(members, seed)
