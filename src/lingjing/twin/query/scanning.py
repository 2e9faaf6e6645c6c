"""A small reader over a text that knows where it stands, so that faults can be pointed at."""

from __future__ import annotations

from typing import Any

from lingjing.vocabulary.errors import LingjingError, Place


class Scanner:
    """Walks through the text of one parameter.

    Args:
        text: What is read.
        parameter: Name under which the fault is reported.
        longest: Most characters that are taken.

    Raises:
        LingjingError: `query.too-complex`: the text is longer.
    """

    __slots__ = ("at", "parameter", "text")

    def __init__(self, text: str, parameter: str, longest: int) -> None:
        if len(text) > longest:
            raise LingjingError(
                "query.too-complex",
                Place(field=parameter),
                parameter=parameter,
                measure="length",
                limit=longest,
            )
        self.text = text
        self.at = 0
        self.parameter = parameter

    def skip_blanks(self) -> None:
        """Pass over spaces, which mean nothing between symbols."""
        text, at = self.text, self.at
        while at < len(text) and text[at] in " \t":
            at += 1
        self.at = at

    def take(self, symbol: str) -> bool:
        """Whether the symbol comes next (blanks aside); then it is passed."""
        self.skip_blanks()
        if self.text.startswith(symbol, self.at):
            self.at += len(symbol)
            return True
        return False

    def need(self, symbol: str) -> None:
        """Pass the symbol.

        Raises:
            LingjingError: `query.bad-syntax`: something else comes next.
        """
        if not self.take(symbol):
            raise self.fault(symbol)

    def match(self, pattern: Any) -> str:
        """What a compiled pattern matches here (blanks aside); empty where it does not."""
        self.skip_blanks()
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return str(found.group())

    def at_end(self) -> bool:
        """Whether nothing but blanks is left."""
        self.skip_blanks()
        return self.at >= len(self.text)

    def fault(self, expected: str, at: int | None = None) -> LingjingError:
        """The error that says what was expected, where."""
        position = self.at if at is None else at
        return LingjingError(
            "query.bad-syntax",
            Place(field=self.parameter),
            parameter=self.parameter,
            position=position + 1,
            expected=expected,
            found=self.text[position : position + 24] or "∅",
        )

    def too_complex(self, measure: str, limit: int) -> LingjingError:
        """The error that says which bound the text breaks."""
        return LingjingError(
            "query.too-complex",
            Place(field=self.parameter),
            parameter=self.parameter,
            measure=measure,
            limit=limit,
        )
