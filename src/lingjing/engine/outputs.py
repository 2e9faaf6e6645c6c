"""Writing the run folder: everything in it but the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lingjing.engine.figures import write_figures
from lingjing.engine.outputs_tables import (
    write_outcomes,
    write_series,
    write_work_csv,
    write_work_geojson,
)
from lingjing.engine.record import pretty
from lingjing.engine.run_content import RunContent
from lingjing.engine.summary import Wording, headline, summary_document
from lingjing.engine.summary_facts import summary_facts
from lingjing.vocabulary import LOCALES


def write_outputs(content: RunContent, folder: Path) -> dict[str, Any]:
    """Write tables, summary and figures; the same content gives the same bytes.

    Returns:
        The content of `summary.json`.
    """
    write_outcomes(content, folder / "outcomes.parquet")
    write_series(content, folder / "series.parquet")
    write_work_csv(content, folder / "work.csv")
    write_work_geojson(content, folder / "work.geojson")
    facts = summary_facts(content)
    facts["headline"] = {locale: headline(Wording(content, facts, locale)) for locale in LOCALES}
    (folder / "summary.json").write_bytes(pretty(facts))
    text = summary_document(content, facts)
    (folder / "summary.md").write_text(text, encoding="utf-8", newline="\n")
    figures = folder / "figures"
    figures.mkdir()
    write_figures(content, figures)
    return facts
