"""One language is chosen as clause 4.15 and RFC 4647 say."""

from __future__ import annotations

import pytest

from lingjing.interfaces.ngsild.languages import choose_language


@pytest.mark.parametrize(
    ("wanted", "tags", "chosen"),
    [
        ("fr", ("en", "fr"), "fr"),
        ("FR", ("en", "fr"), "fr"),
        ("fr;q=0.2,nl;q=0.9", ("fr", "nl"), "nl"),
        ("fr;q=0.2, nl", ("fr", "nl"), "nl"),
        ("nl-BE", ("fr", "nl"), "nl"),
        ("zh-Hant-TW", ("zh", "zh-Hant"), "zh-Hant"),
        ("en", ("de", "en-US"), "en-US"),
        ("pt", ("fr", "nl"), "fr"),
        ("pt", ("fr", "@none"), "@none"),
        ("*", ("fr", "nl"), "fr"),
        ("pt,*;q=0.1", ("fr", "nl"), "fr"),
        ("fr;q=0,nl;q=0.1", ("fr", "nl"), "nl"),
        ("fr;q=x", ("nl", "fr"), "fr"),
        (",,;", ("nl", "fr"), "nl"),
    ],
)
def test_the_dearest_language_that_there_is_is_chosen(
    wanted: str, tags: tuple[str, ...], chosen: str
) -> None:
    assert choose_language(wanted, tags) == chosen
