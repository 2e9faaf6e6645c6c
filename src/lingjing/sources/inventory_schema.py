"""The inventory schema as documentation: tables made from the vocabulary itself."""

from __future__ import annotations

from lingjing.sources.tables import column_name
from lingjing.vocabulary import Quantity, attribute_word, kinds, units


def schema_table(kind: str) -> str:
    """The columns of a kind as a Markdown table: name, unit, what is allowed, meaning."""
    rows = ["| column | unit | allowed | meaning | 含义 |", "|---|---|---|---|---|"]
    for attribute in kinds()[kind].attributes:
        word = attribute_word(attribute)
        if isinstance(word, Quantity):
            sign = units()[word.unit].sign
            cells = [f"{word.lower:g} … {word.upper:g}", word.meaning, word.meaning_zh]
        else:
            sign = ""
            allowed = {"choice": ", ".join(word.choices), "flag": "true, false"}
            cells = [allowed.get(word.type, "text"), word.title_en, word.title_zh]
        rows.append(f"| `{column_name(attribute)}` | {sign} | {' | '.join(cells)} |")
    return "\n".join(rows)
