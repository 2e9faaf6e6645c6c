"""Reading a scenario's promises from `manifest.toml`, without importing any of its code."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lingjing.forecast.outlook import FORCINGS
from lingjing.sdk.contract import API_NUMBER, Action, Manifest
from lingjing.vocabulary import LingjingError, Place, kinds, quantities

MANIFEST_NAME = "manifest.toml"

_TEXTS = ("title_zh", "title_en", "summary_zh", "summary_en")
_LISTS = ("needs", "kinds", "emits")
_KEYS = ("id", "api", *_TEXTS, *_LISTS, "listens", "time_limit_s", "actions")
_ACTION_KEYS = ("title_zh", "title_en")
_ID = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_TIME_LIMIT_S = 1800.0
_LONGEST_S = 86400.0


def read_manifest(path: Path, package: str, class_name: str) -> Manifest:
    """Read and check one manifest.

    Args:
        path: The `manifest.toml`.
        package: Importable package or module that the entry point names.
        class_name: The `Scenario` subclass in it.

    Raises:
        LingjingError: `scenario.no-manifest`, `scenario.bad-manifest`, `scenario.unknown-key`,
            `scenario.wrong-api`, `scenario.unknown-quantity`, `scenario.unknown-kind` or
            `scenario.unknown-forcing`, each with the file and the key.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise LingjingError("scenario.no-manifest", Place(str(path)), package=package) from None
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise LingjingError("scenario.bad-manifest", Place(str(path)), detail=str(error)) from None
    return parse_manifest(table, str(path), package, class_name)


def parse_manifest(table: dict[str, Any], file: str, package: str, class_name: str) -> Manifest:
    """Check a manifest's content; see `read_manifest`."""
    _known(table, _KEYS, file, "")
    api = table.get("api")
    if type(api) is not int:
        raise _bad(file, "api", "a whole number is required")
    if api != API_NUMBER:
        raise LingjingError(
            "scenario.wrong-api", Place(file, field="api"), found=api, ours=API_NUMBER
        )
    texts = {key: _text(table, key, file) for key in ("id", *_TEXTS)}
    if not _ID.fullmatch(texts["id"]):
        raise _bad(file, "id", "lower-case letters, digits, '-' and '_', starting with a letter")
    lists = {key: _names(table, key, file) for key in _LISTS}
    _all_known(lists["needs"], FORCINGS, "scenario.unknown-forcing", file, "needs")
    _all_known(lists["kinds"], kinds(), "scenario.unknown-kind", file, "kinds")
    _all_known(lists["emits"], quantities(), "scenario.unknown-quantity", file, "emits")
    listens = _names(table, "listens", file) if "listens" in table else ()
    _all_known(listens, quantities(), "scenario.unknown-quantity", file, "listens")
    if not lists["emits"]:
        raise _bad(file, "emits", "at least one quantity is required")
    limit = table.get("time_limit_s", _TIME_LIMIT_S)
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit <= _LONGEST_S:
        raise _bad(file, "time_limit_s", f"seconds, above 0 and at most {_LONGEST_S:g}")
    return Manifest(
        id=texts["id"],
        api=api,
        title_zh=texts["title_zh"],
        title_en=texts["title_en"],
        summary_zh=texts["summary_zh"],
        summary_en=texts["summary_en"],
        needs=lists["needs"],
        kinds=lists["kinds"],
        emits=lists["emits"],
        actions=_actions(table.get("actions", {}), file),
        time_limit_s=float(limit),
        package=package,
        class_name=class_name,
        listens=listens,
    )


def _actions(table: Any, file: str) -> tuple[Action, ...]:
    if not isinstance(table, dict):
        raise _bad(file, "actions", "a table [actions.NAME] for each action")
    found = []
    for name, row in table.items():
        if not isinstance(row, dict) or not _ID.fullmatch(name):
            raise _bad(file, f"actions.{name}", "a table [actions.NAME] with a lower-case name")
        _known(row, _ACTION_KEYS, file, f"actions.{name}.")
        zh, en = (_text(row, key, file, f"actions.{name}.") for key in _ACTION_KEYS)
        found.append(Action(name, zh, en))
    return tuple(found)


def _known(table: dict[str, Any], allowed: tuple[str, ...], file: str, prefix: str) -> None:
    for key in table:
        if key not in allowed:
            near = ", ".join(difflib.get_close_matches(key, allowed, n=3) or allowed)
            raise LingjingError(
                "scenario.unknown-key", Place(file, field=prefix + key), key=key, near=near
            )


def _text(table: dict[str, Any], key: str, file: str, prefix: str = "") -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _bad(file, prefix + key, "a text is required")
    return value.strip()


def _names(table: dict[str, Any], key: str, file: str) -> tuple[str, ...]:
    value = table.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _bad(file, key, "a list of names is required")
    if len(set(value)) != len(value):
        raise _bad(file, key, "a name stands twice")
    return tuple(value)


def _all_known(
    names: tuple[str, ...], known: Iterable[str], code: str, file: str, key: str
) -> None:
    choices = tuple(known)
    for name in names:
        if name not in choices:
            near = ", ".join(difflib.get_close_matches(name, choices, n=3) or choices[:8])
            raise LingjingError(code, Place(file, field=key), name=name, near=near)


def _bad(file: str, key: str, detail: str) -> LingjingError:
    return LingjingError("scenario.bad-manifest", Place(file, field=key), detail=detail)
