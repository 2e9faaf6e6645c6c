"""Write the reference pages that come from the code: quantities, kinds, errors, commands, physics.

`python tools/write_reference.py [FOLDER]`; a test fails when the pages are not what this writes.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from lingjing.interfaces.cli import lingjing
from lingjing.interfaces.ngsild.living import ROUTES
from lingjing.interfaces.ngsild.openapi import describe
from lingjing.physics import (
    brine,
    coupling,
    film,
    freezing,
    humidity,
    materials,
    pipe_coupling,
    pipe_sizes,
    pipes,
    radiation,
    road,
    road_condition,
    sampling,
    shading,
    tanks,
)
from lingjing.sdk.contract import API_NUMBER, Manifest
from lingjing.vocabulary import EXIT_CODES, error_texts, kinds, quantities, units, words

NOTE = "<!-- Written by tools/write_reference.py from the code; change it there. -->"


def _walk(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _walk(inner, (*words, name))


COMMANDS = tuple(_walk(lingjing))
"""Every command, those above before those below."""


def table(titles: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    clean = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [titles, ["---"] * len(titles), *clean]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def quantities_page() -> str:
    """Every quantity."""
    rows = [
        [
            f"`{item.name}`", item.title_zh, item.title_en, units()[item.unit].sign or "1",
            f"`{item.column}`", f"{item.lower:g} … {item.upper:g}", ", ".join(item.lives_on),
            f"{item.meaning} {item.meaning_zh}",
        ]
        for item in sorted(quantities().values(), key=lambda item: item.name)
    ]  # fmt: skip
    titles = ["name", "中文", "English", "unit", "column", "bounds", "lives on", "meaning"]
    return f"# Quantities\n\n{NOTE}\n\n{table(titles, rows)}"


def kinds_page() -> str:
    """Every kind of entity, and the words that are not quantities."""
    rows = [
        [f"`{kind.name}`", kind.title_zh, kind.title_en, kind.geometry,
         "yes" if kind.exposed else "", ", ".join(f"`{name}`" for name in kind.attributes)]
        for kind in sorted(kinds().values(), key=lambda kind: kind.name)
    ]  # fmt: skip
    other = [
        [f"`{word.name}`", word.title_zh, word.title_en, word.type,
         ", ".join(f"`{choice}`" for choice in word.choices)]
        for word in sorted(words().values(), key=lambda word: word.name)
    ]  # fmt: skip
    return (
        f"# Kinds of entity\n\n{NOTE}\n\n"
        + table(["kind", "中文", "English", "geometry", "frost can harm it", "attributes"], rows)
        + "\n## Attributes that are not quantities\n\n"
        + table(["name", "中文", "English", "type", "choices"], other)
    )


def errors_page() -> str:
    """Every error code, and what the exit status says."""
    status = [[f"`{name}`", str(code)] for name, code in EXIT_CODES.items()]
    rows = [
        [f"`{text.code}`", str(EXIT_CODES[text.family]), text.what["zh-CN"], text.remedy["zh-CN"],
         text.what["en"], text.remedy["en"]]
        for text in sorted(error_texts().values(), key=lambda text: text.code)
    ]  # fmt: skip
    return (
        f"# Errors and exit codes\n\n{NOTE}\n\nA command that succeeds exits with 0.\n\n"
        + table(["family", "exit code"], status)
        + "\n"
        + table(["code", "exit", "发生了什么", "怎么办", "what happened", "what to do"], rows)
    )


def manifest_page() -> str:
    """The keys of a scenario's manifest, from the attributes of `Manifest`."""
    described = attribute_lines(Manifest.__doc__ or "")
    rows = [
        [f"`{key}`", described.get(key, "")]
        for key in (item.name for item in dataclasses.fields(Manifest))
    ]
    return (
        f"# Keys of `manifest.toml`\n\n{NOTE}\n\nThe contract's number is {API_NUMBER}.\n\n"
        + table(["key", "meaning"], rows)
    )


def attribute_lines(docstring: str) -> dict[str, str]:
    """Texts of a docstring's `Attributes:` section, by name."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.partition("Attributes:")[2].splitlines():
        text = line.strip()
        if not text:
            continue
        head, colon, rest = text.partition(": ")
        indent = len(line) - len(line.lstrip())
        if colon and indent <= 8:
            names = [name.strip() for name in head.split(",")]
            found |= dict.fromkeys(names, rest)
        else:
            found |= {name: f"{found[name]} {text}" for name in names}
    return found


# One process a language, since texts are chosen when the commands are loaded.
HELP = """
import contextlib, io, json, sys
from lingjing.interfaces.cli import run
texts = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        run([*words, "--help"])
    texts.append(out.getvalue())
print(json.dumps(texts))
"""


def commands_page(locale: str) -> str:
    """The help of every command in one language."""
    environment = {**os.environ, "LINGJING_LOCALE": locale, "COLUMNS": "100", "NO_COLOR": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", HELP, json.dumps(COMMANDS)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    parts = [f"# {'命令' if locale == 'zh-CN' else 'Commands'}\n\n{NOTE}\n"]
    for words_of_command, help_text in zip(COMMANDS, json.loads(answer.stdout), strict=True):
        title = " ".join(("lingjing", *words_of_command))
        body = "\n".join(line.rstrip() for line in help_text.strip().splitlines())
        parts.append(f"## `{title}`\n\n```text\n{body}\n```\n")
    return "\n".join(parts)


PHYSICS = (
    humidity, radiation, film, road, road_condition, brine, shading, coupling, pipes, pipe_sizes,
    pipe_coupling, tanks, freezing, materials, sampling,
)  # fmt: skip


def physics_page() -> str:
    """The public names of `lingjing.physics`: signature and first sentence."""
    head = (
        "Every docstring holds arguments with shapes and units, ranges, faults, references and an "
        "example: `help(lingjing.physics.pipes)`. What it stands on: [physics](physics.md) and "
        "[pipes](pipes.md); [freeze a pipe](../how-to/freeze-a-pipe.md) shows it at work."
    )
    parts = [f"# The physics in Python\n\n{NOTE}\n\n{head}\n"]
    for module in PHYSICS:
        rows = []
        for name, item in vars(module).items():
            made_here = getattr(item, "__module__", None) == module.__name__
            kernel = hasattr(item, "py_func")
            if name.startswith("_") or kernel or not made_here or not (item.__doc__ or "").strip():
                continue
            sentence = " ".join(item.__doc__.strip().partition("\n\n")[0].split())
            rows.append([f"`{name}{arguments(item)}`", sentence])
        head = " ".join((module.__doc__ or "").partition("\n\n")[0].split())
        parts.append(f"## `{module.__name__}`\n\n{head}\n\n{table(['name', 'what it is'], rows)}")
    return "\n".join(parts)


def arguments(item: object) -> str:
    """The names of a function's or record's arguments, with their defaults; none of a list."""
    if isinstance(item, enum.EnumMeta):
        return ""
    try:
        signature = inspect.signature(item)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    bare = []
    for parameter in signature.parameters.values():
        long = len(repr(parameter.default)) > 40
        default = _DOTS if long and parameter.default is not inspect.Parameter.empty else None
        bare.append(
            parameter.replace(
                annotation=inspect.Parameter.empty,
                default=parameter.default if default is None else default,
            )
        )
    return str(inspect.Signature(bare))


class _Dots:
    """Stands for a default too long to print."""

    def __repr__(self) -> str:
        return "…"


_DOTS = _Dots()


NGSI_LD = f"""# NGSI-LD

{NOTE}

`lingjing serve` answers NGSI-LD (ETSI GS CIM 009 v1.9.1) at `/ngsi-ld/v1`; a trailing slash may
stand or not. `/ngsi-ld/v1/openapi.json` says the same for machines (OpenAPI 3.1). How much of a
public suite of tests it passes stands in [conformance](conformance.md), names and `@context`s in
[contexts](contexts.md), notifications in [notifications](notifications.md), who may do what in
[access](access.md).

## What holds everywhere
- **Media types.** Bodies are `application/json` (the `@context` comes in a `Link` header) or
  `application/ld+json` (it stands in the body); `PATCH` takes `application/merge-patch+json` too.
  Answers follow `Accept` with its weights; entities also come as `application/geo+json`. A body
  without `Content-Length` is refused (411), one that is too large too (413).
- **Tenants.** `NGSILD-Tenant` names whose twin is meant; a tenant comes into being when something
  is first created in it. `NGSILD-Snapshot` names a branch of it. Both headers come back.
- **The past.** Every operation that reads takes `at=2026-01-20T09:00:00Z` and answers as the twin
  stood then (an extension).
- **Earlier versions.** `Prefer: ngsi-ld=1.5` has attribute types that came later written as that
  version knew them; the answer then says 203.
- **Parameters.** One that means nothing at an address, or stands twice, makes the request invalid.
- **Pages.** `limit` and `offset`; `Link` headers lead to the pages before and after, `count=true`
  gives the number of all in `NGSILD-Results-Count`.
- **Expiry.** What carries `expiresAt` is hidden from that instant on and taken away at once.
- **Batches.** All that can be done of a batch is done in one durable step; what cannot is named
  with its reason (207).
- **Errors** are JSON with the standard's `type`, `title`, `detail` and `status`, and with `code`,
  `what` and `remedy` in `zh-CN` and `en`, and `field` where the place in the body is known; the
  codes are in [errors](errors.md).

## Operations
"""


def ngsi_ld_page() -> str:
    """The operations of the NGSI-LD interface."""
    described = describe(ROUTES)["paths"]
    rows = [
        [
            f"`{route.method} {route.pattern}`",
            described[route.pattern][route.method.lower()]["summary"],
            route.role,
            ", ".join(f"`{name}`" for name in sorted(route.parameters)),
        ]
        for route in sorted(ROUTES, key=lambda one: (one.pattern, one.method))
    ]
    return f"{NGSI_LD}\n" + table(["Address", "What", "Role", "Parameters"], rows)


def pages() -> dict[str, str]:
    """All pages by file name."""
    return {
        "physics-api.md": physics_page(),
        "quantities.md": quantities_page(),
        "kinds.md": kinds_page(),
        "errors.md": errors_page(),
        "ngsi-ld.md": ngsi_ld_page(),
        "manifest.md": manifest_page(),
        "commands.md": commands_page("en"),
        "commands.zh-CN.md": commands_page("zh-CN"),
    }


def main() -> None:
    """Write the pages."""
    given = sys.argv[1:]
    folder = Path(given[0]) if given else Path(__file__).parent.parent / "docs" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
