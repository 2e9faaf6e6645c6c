"""Writing a new scenario package that works, with tests that pass."""

from __future__ import annotations

import keyword
import re
import string
import sys
from importlib import resources
from pathlib import Path

from lingjing.engine.outputs_folder import new_folder, writing
from lingjing.sdk import LingjingError

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 50

FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "scenario.py.txt": "src/$package/__init__.py",
    "manifest.toml.txt": "src/$package/manifest.toml",
    "zh-CN.toml.txt": "src/$package/messages/zh-CN.toml",
    "en.toml.txt": "src/$package/messages/en.toml",
    "test_scenario.py.txt": "tests/test_$package.py",
}
"""Template → where it goes."""


def new_scenario(name: str, folder: Path) -> Path:
    """Write a scenario package named `name` into a new folder `folder/name`.

    Args:
        name: Lower-case letters, digits and dashes (`bridge-frost`); also the scenario's id.
        folder: Where to make the package's folder.

    Returns:
        The package's folder: pyproject with entry point, manifest, code, messages and tests.

    Raises:
        LingjingError: `scenario.bad-name`, `output.in-use`, `output.not-writable`,
            `output.disk-full`.
    """
    package = name.replace("-", "_")
    taken = keyword.iskeyword(package) or package in sys.stdlib_module_names
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or taken or package == "lingjing":
        raise LingjingError("scenario.bad-name", name=name)
    values = {
        "name": name,
        "package": package,
        "class_name": "".join(part.capitalize() for part in name.split("-")),
    }
    templates = resources.files("lingjing.engine") / "scaffold_template"
    target = folder / name
    with new_folder(target) as hidden, writing(target):
        for template, place in FILES.items():
            text = (templates / template).read_text(encoding="utf-8")
            path = hidden / string.Template(place).substitute(values)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(string.Template(text).substitute(values), encoding="utf-8")
    return target.absolute()
