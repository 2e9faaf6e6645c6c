"""What is wrong with a stored twin, in words of both languages."""

from __future__ import annotations

from lingjing.vocabulary import Locale, catalogue

_MESSAGES = "lingjing.twin"


class Problem(str):
    """A fault that a check has found: a text in English that knows itself in every language.

    Attributes:
        words: The text by locale.
    """

    __slots__ = ("words",)

    words: dict[Locale, str]

    @classmethod
    def of(cls, key: str, **values: object) -> Problem:
        """The problem with a key of the room's messages.

        Raises:
            KeyError: No such key, or a field has no value.
        """
        words = catalogue(_MESSAGES).both(f"problem.{key}", **values)
        made = cls(words["en"])
        made.words = words
        return made


def in_words(problem: str, locale: Locale) -> str:
    """A problem in a language."""
    return problem.words[locale] if isinstance(problem, Problem) else problem
