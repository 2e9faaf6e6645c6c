"""Errors that say what happened, where, and what to do, in zh-CN and en.

Each error has a stable code. Its wording lives in `errors/*.toml`, one file a room, so that the
texts can be read, translated and checked without reading code.
"""

from __future__ import annotations

import functools
import string
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Final, Literal

Locale = Literal["zh-CN", "en"]
LOCALES: Final[tuple[Locale, ...]] = ("zh-CN", "en")

EXIT_CODES: Final[dict[str, int]] = {
    "internal": 1,  # a fault of ours
    "usage": 2,  # the command line itself
    "input": 3,  # what was read is not acceptable
    "missing": 4,  # something named does not exist
    "output": 5,  # the result cannot be written
    "scenario": 6,  # a guest broke its promises
    "outside": 7,  # network or another program
    "changed": 8,  # a replay differs from its record
    "refused": 9,  # credentials are lacking, or do not reach so far
    "interrupted": 130,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the input a fault lies; each part may be unknown."""

    file: str | None = None
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        parts = [self.file or ""]
        if self.line is not None:
            parts.append(str(self.line))
        if self.field is not None:
            parts.append(self.field)
        return ":".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """The wording of one code: what happened and the remedy, per locale, with `{name}` fields."""

    code: str
    family: str
    what: dict[str, str]
    remedy: dict[str, str]

    @property
    def fields(self) -> frozenset[str]:
        """Names that the texts expect as values."""
        texts = (*self.what.values(), *self.remedy.values())
        formatter = string.Formatter()
        return frozenset(
            name for text in texts for _, name, _, _ in formatter.parse(text) if name is not None
        )


@functools.cache
def error_texts() -> dict[str, ErrorText]:
    """Every error code with its wording, read from the catalogues.

    Raises:
        ValueError: a code stands twice, lacks a locale, or names an unknown family.
    """
    texts: dict[str, ErrorText] = {}
    folder = resources.files("lingjing.vocabulary") / "errors"
    for page in sorted(folder.iterdir(), key=lambda item: item.name):
        if not page.name.endswith(".toml"):
            continue
        for code, entry in tomllib.loads(page.read_text(encoding="utf-8")).items():
            if code in texts:
                raise ValueError(f"{page.name}: code {code} stands twice")
            text = ErrorText(
                code,
                entry["family"],
                {"zh-CN": entry["what_zh"], "en": entry["what_en"]},
                {"zh-CN": entry["remedy_zh"], "en": entry["remedy_en"]},
            )
            if text.family not in EXIT_CODES:
                raise ValueError(f"{page.name}: {code} names an unknown family {text.family!r}")
            texts[code] = text
    return texts


class LingjingError(Exception):
    """A fault that a person can act on.

    Args:
        code: A code of `errors/*.toml`, such as `weather.no-time-zone`.
        place: Where in the input the fault lies.
        values: What the wording's `{fields}` stand for.

    Raises:
        KeyError: The code is not in the catalogue, or a value is missing.
    """

    def __init__(self, code: str, place: Place | None = None, **values: object) -> None:
        self.code = code
        self.text = error_texts()[code]
        self.place = place
        self.values = values
        missing = self.text.fields - values.keys()
        if missing:
            raise KeyError(f"{code} needs values for {sorted(missing)}")
        super().__init__(str(self))

    @property
    def exit_code(self) -> int:
        """Exit status of a command that ends with this error."""
        return EXIT_CODES[self.text.family]

    def what(self, locale: Locale = "en") -> str:
        """What happened, with the place in front."""
        sentence = self.text.what[locale].format(**self.values)
        return f"{self.place}: {sentence}" if self.place and str(self.place) else sentence

    def remedy(self, locale: Locale = "en") -> str:
        """What to do about it."""
        return self.text.remedy[locale].format(**self.values)

    def as_dict(self) -> dict[str, object]:
        """The error for machines: code, place, and both languages."""
        place = self.place or Place()
        return {
            "code": self.code,
            "file": place.file,
            "line": place.line,
            "field": place.field,
            "what": {locale: self.what(locale) for locale in LOCALES},
            "remedy": {locale: self.remedy(locale) for locale in LOCALES},
        }

    def __str__(self) -> str:
        return f"[{self.code}] {self.what('en')} {self.remedy('en')}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.code, self.place, self.values))


def _rebuild(code: str, place: Place | None, values: dict[str, object]) -> LingjingError:
    return LingjingError(code, place, **values)
