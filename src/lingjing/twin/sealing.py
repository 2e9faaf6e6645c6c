"""Old history in Parquet files: small, readable by other programs, and still part of the twin."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from lingjing.twin import chunks
from lingjing.twin.chunks import NO_TEMPLATE, NO_TIME, Columns
from lingjing.vocabulary import LingjingError, Place

_ROW_GROUP: Final = 65_536


class Sealed(NamedTuple):
    """Where a stretch of rows lies.

    Attributes:
        path: File.
        row_group: In it.
        first_row: In the row group.
        length: How many rows.
    """

    path: str
    row_group: int
    first_row: int
    length: int


class Stretch(NamedTuple):
    """Rows to be sealed, with the names that other programs need.

    Attributes:
        entity, attribute, dataset: Names.
        columns: The rows.
        values: JSON of each row's instance.
    """

    entity: str
    attribute: str
    dataset: str
    columns: Columns
    values: list[bytes | None]


class SealedFiles:
    """Reads stretches of rows out of Parquet files.

    Args:
        folder: What relative paths start from.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._group = functools.lru_cache(maxsize=16)(self._read_group)

    def read(self, sealed: Sealed) -> Columns:
        """The rows.

        Raises:
            LingjingError: `twin.sealed-missing`.
        """
        table = self._group(sealed.path, sealed.row_group)
        part = table.slice(sealed.first_row, sealed.length)

        def column(name: str, gap: int | float) -> Any:
            held = part.column(name).combine_chunks().fill_null(gap)
            return held.to_numpy(zero_copy_only=False)

        return Columns(
            column("sequence", 0),
            column("observed_us", NO_TIME),
            column("recorded_us", NO_TIME),
            column("created_us", NO_TIME),
            column("marks", 0).astype(np.uint8),
            column("template", NO_TEMPLATE),
            column("number", np.nan),
            part.column("body").to_pylist(),
        )

    def _read_group(self, path: str, row_group: int) -> Any:
        import pyarrow.parquet as pq  # noqa: PLC0415 only those who seal pay for it

        file = self._folder / path
        try:
            return pq.ParquetFile(file).read_row_group(row_group)
        except (OSError, ValueError) as error:
            raise LingjingError(
                "twin.sealed-missing", Place(file=str(file)), path=str(file)
            ) from error


def write(path: Path, stretches: Iterator[Stretch]) -> Iterator[list[tuple[Stretch, Sealed]]]:
    """Write stretches into one file; gives where each lies, a row group at a time.

    The file is complete and on the disk when the iteration ends. It says the instances in JSON
    beside the columns, so that it can be read without the twin.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pa.schema(
        [
            ("entity", pa.dictionary(pa.int32(), pa.string())),
            ("attribute", pa.dictionary(pa.int32(), pa.string())),
            ("dataset", pa.dictionary(pa.int32(), pa.string())),
            ("operation", pa.dictionary(pa.int32(), pa.string())),
            ("sequence", pa.int64()),
            ("observed_us", pa.int64()),
            ("recorded_us", pa.int64()),
            ("created_us", pa.int64()),
            ("marks", pa.int32()),
            ("template", pa.int32()),
            ("number", pa.float64()),
            ("body", pa.binary()),
            ("instance", pa.binary()),
        ]
    )
    half = path.with_suffix(".part")
    group = 0
    with pq.ParquetWriter(half, schema, compression="zstd") as writer:
        pending: list[Stretch] = []
        for stretch in _closed(stretches):
            if stretch is not None:
                pending.append(stretch)
            count = sum(len(item.columns) for item in pending)
            if not pending or (stretch is not None and count < _ROW_GROUP):
                continue
            writer.write_table(_table(schema, pending), row_group_size=count)
            places, first = [], 0
            for item in pending:
                places.append((item, Sealed(path.name, group, first, len(item.columns))))
                first += len(item.columns)
            yield places
            pending = []
            group += 1
    with half.open("rb") as file:
        os.fsync(file.fileno())
    half.rename(path)


def _closed(stretches: Iterator[Stretch]) -> Iterator[Stretch | None]:
    yield from stretches
    yield None


def _table(schema: Any, stretches: list[Stretch]) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    def repeated(name: str) -> Any:
        return pa.array(
            [getattr(item, name) for item in stretches for _ in range(len(item.columns))],
            pa.string(),
        ).dictionary_encode()

    whole = [np.concatenate([item.columns[place] for item in stretches]) for place in range(7)]
    times = [pa.array(column, mask=column == NO_TIME) for column in whole[:4]]
    operations = [chunks.OPERATIONS[mark % chunks.LATE] for mark in whole[4].tolist()]
    return pa.table(
        [
            repeated("entity"),
            repeated("attribute"),
            repeated("dataset"),
            pa.array(operations, pa.string()).dictionary_encode(),
            *times,
            pa.array(whole[4].astype(np.int32)),
            pa.array(whole[5], mask=whole[5] == NO_TEMPLATE),
            pa.array(whole[6], mask=np.isnan(whole[6])),
            pa.array([body for item in stretches for body in item.columns.bodies], pa.binary()),
            pa.array([value for item in stretches for value in item.values], pa.binary()),
        ],
        schema=schema,
    )
