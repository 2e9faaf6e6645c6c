"""Remarks of the weather readers for a run's record, each in Chinese and English."""

from __future__ import annotations

from lingjing.vocabulary import catalogue

__all__ = ["note"]


def note(key: str, **values: object) -> str:
    """The remark in both languages, `中文 / English`, its fields filled.

    Raises:
        KeyError: No such remark, or a field has no value.
    """
    both = catalogue("lingjing.sources.weather_notes").both(f"note.{key}", **values)
    return " / ".join(both.values())
