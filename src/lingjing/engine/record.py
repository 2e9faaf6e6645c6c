"""`run.json`: everything needed to compute a run again, and to tell what changed since."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import platform
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from lingjing.sdk import LingjingError, Manifest, Place
from lingjing.sdk.registry import manifest_path
from lingjing.twin.entities import SourceRecord
from lingjing.vocabulary import format_instant

RECORD = "run.json"
FORMAT = 1
LIBRARIES = (
    "lingjing-twin",
    "matplotlib",
    "msgspec",
    "numba",
    "numpy",
    "pyarrow",
    "shapely",
)
CHANGING = ("timings", "written_at")
"""Parts of the record that differ between two runs of the same inputs."""

_CODE = (".py", ".toml")


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def platform_facts() -> dict[str, str]:
    """The sort of machine, without anything that names it."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "implementation": sys.implementation.name,
    }


def hash_code(folders: Iterable[Path]) -> str:
    """SHA-256 over the code and tables below some folders, by relative path."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in _CODE and path.is_file():
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@functools.cache
def own_code() -> str:
    """SHA-256 of Lingjing's own code, as this process found it."""
    spec = importlib.util.find_spec("lingjing")
    places = spec.submodule_search_locations if spec is not None else None
    return hash_code(Path(place) for place in places or ())


def guest_code(manifest: Manifest) -> str:
    """SHA-256 of the folder that holds a scenario's manifest."""
    path = manifest_path(manifest.package)
    return "" if path is None else hash_code([path.parent])


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_outputs(folder: Path) -> dict[str, dict[str, str | int]]:
    """SHA-256 and size of every file of a run folder but the record itself."""
    return {
        path.relative_to(folder).as_posix(): {
            "sha256": hash_file(path),
            "bytes": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != RECORD
    }


def source_facts(sources: Iterable[SourceRecord]) -> list[dict[str, Any]]:
    """The sources as the record keeps them."""
    return [
        {
            "name": item.name,
            "attribution": item.attribution,
            "licence": item.licence,
            "sha256": item.sha256,
            "synthetic": item.synthetic,
            "imported_at": item.imported_at,
        }
        for item in sources
    ]


def write_record(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the record with the hashes of the outputs and write it."""
    complete = {
        "format": FORMAT,
        **record,
        "outputs": hash_outputs(folder),
        "written_at": format_instant(datetime.now(UTC)),
    }
    (folder / RECORD).write_bytes(pretty(complete))
    return complete


def read_record(path: Path) -> dict[str, Any]:
    """Read a record back; the path may be the file or its folder.

    Raises:
        LingjingError: `run.no-record`.
    """
    file = path / RECORD if path.is_dir() else path
    try:
        record = msgspec.json.decode(file.read_bytes())
        complete = isinstance(record, dict) and record.get("format") == FORMAT
        needed = ("run", "request", "inputs", "versions", "scenario", "outputs")
        if not complete or any(not isinstance(record.get(key), dict | str) for key in needed):
            raise ValueError("not a run record")
    except (OSError, ValueError) as error:
        place = Place(str(file))
        raise LingjingError("run.no-record", place, path=str(file)) from error
    return dict(record)


def pretty(content: object) -> bytes:
    """JSON for people and machines: two spaces, order kept, newline at the end."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
