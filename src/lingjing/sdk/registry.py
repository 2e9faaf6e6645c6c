"""Finding scenarios: entry points of the group `lingjing.scenarios`, manifests before code.

A guest that cannot be used is listed as broken, with its error and remedy; the rest go on.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from lingjing.sdk.contract import Manifest, Scenario
from lingjing.sdk.manifest import MANIFEST_NAME, read_manifest
from lingjing.vocabulary import LingjingError, Place

GROUP = "lingjing.scenarios"
OWN_DISTRIBUTION = "lingjing-twin"
PROBE_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A scenario that is installed, usable or not.

    Attributes:
        id: The manifest's id, or the entry point's name where there is no manifest.
        value: The entry point's value (`package:Class`).
        distribution: Name of the distribution that brings it; empty where unknown.
        version: That distribution's version; empty where unknown.
        manifest: Its promises, where they could be read.
        error: Why it cannot be used; None where it can.
    """

    id: str
    value: str
    distribution: str
    version: str
    manifest: Manifest | None
    error: LingjingError | None

    @property
    def usable(self) -> bool:
        """Whether the scenario can be run."""
        return self.error is None


def listing(*, probe: bool = False) -> list[Listed]:
    """All installed scenarios, by id; the broken ones too.

    Args:
        probe: Also import each in a child process, so that one which raises, exits or hangs on
            import is found broken. Without it no guest code runs at all.
    """
    found = [_read(point) for point in entry_points(group=GROUP)]
    found = _without_duplicates(sorted(found, key=lambda item: (item.id, item.value)))
    return [_probed(item) for item in found] if probe else found


def find(scenario_id: str, *, probe: bool = False) -> Listed:
    """One usable scenario.

    Raises:
        LingjingError: `scenario.unknown`, naming those there are, or the error that breaks it.
    """
    installed = listing()
    named = [item for item in installed if item.id == scenario_id]
    for item in named:
        if item.usable:
            tried = _probed(item) if probe else item
            if tried.error is not None:
                raise tried.error
            return item
    for item in named:
        if item.error is not None:
            raise item.error
    usable = [item.id for item in installed if item.usable]
    near = difflib.get_close_matches(scenario_id, usable, n=3) or usable
    raise LingjingError("scenario.unknown", id=scenario_id, near=", ".join(near) or "—")


def load(scenario_id: str) -> Scenario:
    """Import a scenario and make its object. This runs the guest's code, in this process.

    Raises:
        LingjingError: As `find`, or `scenario.import-failed`, `scenario.no-class`,
            `scenario.not-a-scenario`.
    """
    listed = find(scenario_id)
    manifest = listed.manifest
    if manifest is None:
        raise LingjingError("scenario.unknown", id=scenario_id, near="—")
    return _instance(manifest)


def _instance(manifest: Manifest) -> Scenario:
    place = Place(f"{manifest.package}:{manifest.class_name}")
    try:
        # the registry is the one place where a guest's code is imported
        module = importlib.import_module(manifest.package)  # noqa: TID251
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
        raise LingjingError(
            "scenario.import-failed", place, id=manifest.id, detail=detail
        ) from error
    made = getattr(module, manifest.class_name, None)
    if made is None:
        raise LingjingError("scenario.no-class", place, name=manifest.class_name)
    if not (isinstance(made, type) and issubclass(made, Scenario)):
        raise LingjingError("scenario.not-a-scenario", place, name=manifest.class_name)
    try:
        return made()
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
        raise LingjingError(
            "scenario.import-failed", place, id=manifest.id, detail=detail
        ) from error


def manifest_path(module: str) -> Path | None:
    """Where a module's manifest lies, found without running any of the module's code.

    Only the top package is looked up (which does not execute it); the folders below are walked by
    name, and the nearest folder that holds a manifest wins.
    """
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    roots = [Path(root) for root in spec.submodule_search_locations or ()]
    if not roots and spec.origin:
        roots = [Path(spec.origin).parent]
    for depth in range(len(rest), -1, -1):
        for root in roots:
            path = root.joinpath(*rest[:depth], MANIFEST_NAME)
            if path.is_file():
                return path
    return None


def _read(point: EntryPoint) -> Listed:
    distribution = point.dist.name if point.dist is not None else ""
    version = point.dist.version if point.dist is not None else ""
    blank = Listed(point.name, point.value, distribution, version, None, None)
    package, _, class_name = point.value.partition(":")
    if not package or not class_name:
        bad = LingjingError("scenario.bad-entry-point", Place(distribution), value=point.value)
        return replace(blank, error=bad)
    path = manifest_path(package)
    try:
        if path is None:
            raise LingjingError("scenario.no-manifest", Place(point.value), package=package)
        manifest = read_manifest(path, package, class_name)
    except LingjingError as error:
        return replace(blank, error=error)
    return replace(blank, id=manifest.id, manifest=manifest)


def _without_duplicates(found: list[Listed]) -> list[Listed]:
    """Of scenarios with one id, our own stays; strangers that clash are all broken."""
    times = Counter(item.id for item in found if item.manifest is not None)
    owned = {item.id for item in found if item.distribution == OWN_DISTRIBUTION}

    def judged(item: Listed) -> Listed:
        if item.manifest is None or times[item.id] == 1:
            return item
        if item.distribution == OWN_DISTRIBUTION and item.id in owned:
            return item
        others = sorted(
            other.distribution or other.value
            for other in found
            if other.id == item.id and other is not item
        )
        clash = LingjingError(
            "scenario.duplicate-id", Place(item.value), id=item.id, others=", ".join(others)
        )
        return replace(item, error=clash)

    return [judged(item) for item in found]


def _probed(item: Listed) -> Listed:
    if item.error is not None or item.manifest is None:
        return item
    return replace(item, error=probe_import(item.manifest))


def probe_import(manifest: Manifest, limit_s: float = PROBE_LIMIT_S) -> LingjingError | None:
    """Import a scenario in a child process; the error that breaks it, or None."""
    place = Place(f"{manifest.package}:{manifest.class_name}")
    command = [sys.executable, "-P", "-m", "lingjing.sdk.registry", manifest.id]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(  # noqa: S603 our own interpreter, a checked id
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=limit_s,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        detail = f"no answer within {limit_s:g} s"
        return LingjingError("scenario.import-failed", place, id=manifest.id, detail=detail)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    detail = lines[-1] if lines else f"exit status {done.returncode}"
    return LingjingError("scenario.import-failed", place, id=manifest.id, detail=detail)


def _probe(scenario_id: str, write: Callable[[str], object]) -> int:
    try:
        load(scenario_id)
    except LingjingError as error:
        write(str(error.values.get("detail", error)) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(_probe(sys.argv[1], sys.stderr.write))
