"""The documentation is what the code says, and its links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest

import lingjing

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    page
    for page in sorted(REPOSITORY.rglob("*.md"))
    if not {".venv", "node_modules", "web", ".github"} & set(page.relative_to(REPOSITORY).parts)
]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    place = REPOSITORY / "tools" / "write_reference.py"
    specification = importlib.util.spec_from_file_location("write_reference", place)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_generated_pages_are_up_to_date(generator: ModuleType) -> None:
    folder = REPOSITORY / "docs" / "reference"
    stale = [
        name
        for name, text in generator.pages().items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]
    assert not stale, f"run `make reference`: {stale}"


def test_every_command_is_in_the_reference(generator: ModuleType) -> None:
    from lingjing.interfaces.cli import lingjing as root

    context = click.Context(root)
    commands = {name: root.get_command(context, name) for name in root.list_commands(context)}
    inner = [(name, below) for name, command in commands.items()
             for below in getattr(command, "commands", {})]  # fmt: skip
    assert {(), *((name,) for name in commands), *inner} <= set(generator.COMMANDS)
    pages = generator.pages()
    for words in generator.COMMANDS:
        heading = " ".join(("lingjing", *words))
        for name in ("commands.md", "commands.zh-CN.md"):
            assert heading in pages[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = [
        target
        for target in LINK.findall(text)
        if "://" not in target
        and not target.startswith("mailto:")
        and not (page.parent / target).exists()
    ]
    assert not broken


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readme_has_exactly_the_two_commands_first(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    first = re.search(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL)
    assert first is not None
    commands = [line.split("#")[0].strip() for line in first[1].strip().splitlines()]
    assert commands == ["make demo", "make test"]
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^demo:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)


def test_the_changelog_speaks_of_this_version() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {lingjing.__version__}" in text


def test_the_story_names_files_that_exist() -> None:
    text = (REPOSITORY / "docs" / "life-of-a-cold-wave.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|districts|console|examples|tests)/[^`\s]+)`", text)
    assert len(named) >= 10
    assert not [name for name in named if not (REPOSITORY / name).exists()]


def test_the_package_says_one_licence() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["license"] == "Apache-2.0"
    assert "Apache License" in (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
