"""The console has words for what only Python enumerates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from lingjing.forecast.readings import Refusal

MESSAGES = Path(__file__).resolve().parents[3] / "console" / "src" / "messages"


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_every_reason_to_refuse_a_sensor_has_words(locale: str) -> None:
    words = json.loads((MESSAGES / f"heard.{locale}.json").read_text(encoding="utf-8"))
    given = {key.removeprefix("heard.reason.") for key in words if key.startswith("heard.reason.")}
    assert given == set(get_args(Refusal))
