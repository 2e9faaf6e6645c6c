"""Small pieces of text that several jobs share, in every language at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta

from lingjing.scenarios.coldwave.blocks import MESSAGES
from lingjing.sdk import Foreseen
from lingjing.vocabulary import LOCALES, Locale, format_local


class Phrase:
    """A field of a message that reads differently in each language."""

    def __init__(self, texts: Mapping[Locale, str]) -> None:
        self.texts = texts


def phrase(key: str, **values: object) -> Phrase:
    """A field from the catalogue."""
    return Phrase({locale: said(locale, key, values) for locale in LOCALES})


def said(locale: Locale, key: str, values: Mapping[str, object]) -> str:
    """A message in one language, its phrases in the same."""
    filled = {
        name: value.texts[locale] if isinstance(value, Phrase) else value
        for name, value in values.items()
    }
    return MESSAGES.text(key, locale, **filled).strip()  # a place may be empty


def both(key: str, **values: object) -> dict[Locale, str]:
    """A message in every language."""
    return {locale: said(locale, key, values) for locale in LOCALES}


def title_of(name: object, fallback_key: str) -> Phrase:
    """A thing's own name in every language, or what it is where it has none."""
    if isinstance(name, str) and name:
        return Phrase(dict.fromkeys(LOCALES, name))
    return phrase(fallback_key)


def number(value: float, digits: int) -> str:
    """A number for people; a dash where there is none."""
    return "—" if math.isnan(value) else f"{value:.{digits}f}"


def share(value: float) -> str:
    """A probability as a whole percentage, without the sign."""
    return f"{value * 100:.0f}"


def onset_words(foreseen: Foreseen, hours: float) -> Phrase:
    """When: local time where the window is known, else hours after its start."""
    if math.isnan(hours):
        return phrase("onset.unknown")
    if foreseen.window is None:
        return phrase("onset.hours", hours=f"{hours:.0f}")
    return Phrase(
        dict.fromkeys(LOCALES, format_local(foreseen.window.start + timedelta(hours=round(hours))))
    )
