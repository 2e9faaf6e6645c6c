"""Remarks of the weather readers for a run's record, each in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

from lingjing.vocabulary import LOCALES, catalogue

__all__ = ["note"]


def note(key: str, **values: object) -> str:
    """The remark in both languages, `中文 / English`, its fields filled.

    A value that is a mapping from locale to text gives each language its own.

    Raises:
        KeyError: No such remark, or a field has no value.
    """
    texts = catalogue("lingjing.sources.weather_notes")
    parts = []
    for locale in LOCALES:
        own = {
            name: value[locale] if isinstance(value, Mapping) else value
            for name, value in values.items()
        }
        parts.append(texts.text(f"note.{key}", locale, **own))
    return " / ".join(parts)
