"""Whatever is asked of the open interfaces, they answer and never fail inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import sample_district as sample
from asgi_client import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from lingjing.interfaces.http import create_app
from lingjing.interfaces.http.ogc.asking import PARAMETERS
from lingjing.interfaces.http.ogc.systems import SYSTEMS

PATHS = (
    "/ogc", "/ogc/api", "/ogc/collections", "/ogc/collections/{}", "/ogc/collections/{}/items",
    "/ogc/collections/{}/items/{}", "/ogc/collections/{}/queryables", "/3dtiles/{}/tileset.json",
    "/3dtiles/{}/{}",
)  # fmt: skip
WORDS = st.one_of(
    st.sampled_from([
        "sample.Building", "sample", "sample.RoadSegment", "urn:ngsi-ld:Building:sample:b0-01",
        "0,0,1,1", "121.5,31.2,121.6,31.3", "nan", "1e308,1e308,1e309,1", "-180,-90,180,90",
        "2026-01-01T00:00:00Z", "../2026-01-01", "0001-01-01/9999-12-31", "html", "json", "1",
        "99999999999", "height > 3", "S_INTERSECTS(geometry,POINT(121.5 31.27))", "cql2-json",
        "S_WITHIN(geometry,BBOX(-1e9,-1e9,1e9,1e9))", "T_AFTER(observed_at,DATE('2026-01-01'))",
        "height / 0 = 1", "name LIKE '%%%%%%_\\'", "name LIKE '\\\\'", '{"op":"not","args":[true]}',
        "school", "true", "", "%", "甲" * 50, "\x00", "'", "../../../etc/passwd", *SYSTEMS,
    ]),
    st.text(max_size=20),
)  # fmt: skip
QUERIES = st.dictionaries(
    st.one_of(st.sampled_from([*PARAMETERS, "height", "use", "name", "synthetic"]), WORDS),
    WORDS,
    max_size=4,
)
HEADERS = st.dictionaries(
    st.sampled_from(["accept", "accept-language", "if-none-match", "ngsild-tenant"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    max_size=2,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("data")
    sample.write_district(folder)
    with Client(create_app(folder)) as made:
        yield made


@settings(max_examples=120, deadline=None)
@given(path=st.sampled_from(PATHS), parts=st.tuples(WORDS, WORDS), query=QUERIES, headers=HEADERS)
def test_any_request_is_answered(
    client: Any, path: str, parts: tuple[str, str], query: dict[str, str], headers: dict[str, str]
) -> None:
    address = path.format(*(quote(part, safe="") for part in parts))
    answer = client.get(address, params=query, headers=headers)
    assert answer.status_code in (200, 304, 307, 400, 404), (address, query, answer.text[:300])
    if answer.status_code >= 400:
        assert answer.json()["error"]["what"]["zh-CN"]
