"""Message catalogues: text shown to people, zh-CN first, kept beside the room that shows it.

A package keeps `messages/zh-CN.toml` and `messages/en.toml` with the same keys; values are
sentences with `{name}` fields. A key that lacks a language is a fault that tests find.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources

from lingjing.vocabulary.errors import LOCALES, Locale


@dataclass(frozen=True)
class Catalogue:
    """All messages of one package, by locale and key (`section.key`)."""

    package: str
    texts: dict[Locale, dict[str, str]]

    def text(self, key: str, locale: Locale, **values: object) -> str:
        """The message in that language, its fields filled.

        Raises:
            KeyError: No such key in that language, or a field has no value.
        """
        return self.texts[locale][key].format(**values)

    def both(self, key: str, **values: object) -> dict[Locale, str]:
        """The message in every language."""
        return {locale: self.text(key, locale, **values) for locale in LOCALES}


def _flatten(table: dict[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            flat[prefix + key] = value
        else:
            raise TypeError(f"{prefix}{key} must be text")
    return flat


@functools.cache
def catalogue(package: str) -> Catalogue:
    """The catalogue of a package, such as `lingjing.decision`.

    Raises:
        FileNotFoundError: The package keeps no messages.
    """
    folder = resources.files(package) / "messages"
    texts: dict[Locale, dict[str, str]] = {}
    for locale in LOCALES:
        page = folder / f"{locale}.toml"
        texts[locale] = _flatten(tomllib.loads(page.read_text(encoding="utf-8")))
    return Catalogue(package, texts)
