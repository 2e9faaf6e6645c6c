"""Open-Meteo and Overpass as they are asked, on answers recorded in their format."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from lingjing.sources.fetching import Fetcher
from lingjing.sources.maps import read_map
from lingjing.sources.open_meteo_live import fetch_open_meteo
from lingjing.sources.overpass import fetch_overpass, overpass_query
from lingjing.vocabulary import LingjingError

MAP = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6" generator="Overpass API">\n'
    b"<note>The data included in this document is from www.openstreetmap.org.</note>\n"
    b'<node id="1" lat="31.2810000" lon="121.4910000"/>\n'
    b'<node id="2" lat="31.2820000" lon="121.4920000"/>\n'
    b'<way id="3">\n<nd ref="1"/>\n<nd ref="2"/>\n<tag k="highway" v="residential"/>\n</way>\n'
    b"</osm>\n"
)
BOUNDS = (121.49, 31.28, 121.51, 31.29)


class Service:
    """A transport that keeps what it was asked and gives one answer."""

    def __init__(self, content: bytes, cache: Path | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self.content = content
        self.fetcher = Fetcher(
            cache,
            client=httpx.Client(transport=httpx.MockTransport(self._serve)),
            sleep=lambda _: None,
            now=lambda: datetime(2024, 1, 22, 12, tzinfo=UTC),
        )

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, content=self.content)


def test_a_live_forecast_asks_for_what_the_reader_reads(repository: Path) -> None:
    service = Service((repository / "tests/data/weather/open-meteo-forecast.json").read_bytes())
    table = fetch_open_meteo(31.3, 121.5, ensemble=False, hours=72, fetcher=service.fetcher)
    asked = service.requests[0].url
    assert asked.host == "api.open-meteo.com"
    assert asked.params["latitude"] == "31.3000"
    assert asked.params["forecast_hours"] == "73"
    assert "temperature_2m" in asked.params["hourly"].split(",")
    assert "models" not in asked.params
    assert table.members == 1
    assert any("fetched 2024-01-22T12:00:00Z" in remark for remark in table.notes)


def test_a_live_ensemble_asks_the_ensemble_service(repository: Path, tmp_path: Path) -> None:
    content = (repository / "tests/data/weather/open-meteo-ensemble.json").read_bytes()
    service = Service(content, tmp_path)
    for _ in range(2):
        table = fetch_open_meteo(31.3, 121.5, ensemble=True, hours=72, fetcher=service.fetcher)
    assert [request.url.host for request in service.requests] == ["ensemble-api.open-meteo.com"]
    assert service.requests[0].url.params["models"] == "gfs_seamless"
    assert table.members == 5
    assert any("0 minutes old" in remark for remark in table.notes)


@pytest.mark.parametrize(
    ("latitude", "longitude", "hours", "code"),
    [(91.0, 0.0, 72, "weather.bad-place"), (float("nan"), 0.0, 72, "weather.bad-place"),
     (31.0, 121.0, 0, "fetch.bad-hours"), (31.0, 121.0, 999, "fetch.bad-hours")],
)  # fmt: skip
def test_a_senseless_question_is_not_asked(
    latitude: float, longitude: float, hours: int, code: str
) -> None:
    service = Service(b"{}")
    with pytest.raises(LingjingError) as caught:
        fetch_open_meteo(latitude, longitude, ensemble=False, hours=hours, fetcher=service.fetcher)
    assert caught.value.code == code
    assert service.requests == []


def test_a_map_is_saved_whole(tmp_path: Path) -> None:
    service = Service(MAP)
    target = tmp_path / "maps" / "siping.osm"
    fetched = fetch_overpass(BOUNDS, target, fetcher=service.fetcher)
    assert target.read_bytes() == MAP == fetched.content
    assert service.requests[0].method == "POST"
    query = parse_qs(service.requests[0].content.decode())["data"][0]
    assert query.startswith("[out:xml]")
    assert "[bbox:31.280000,121.490000,31.290000,121.510000]" in query


def test_every_facility_that_the_map_reader_knows_is_asked_for(repository: Path) -> None:
    page = tomllib.loads((repository / "src/lingjing/sources/osm_tags.toml").read_text("utf-8"))
    query = overpass_query(BOUNDS)
    for row in page["facility"]:
        asked = [
            f'nwr["{key}"]' in query or all(f'nwr["{key}"="{value}"]' in query for value in values)
            for key, values in row["tags"].items()
        ]
        assert any(asked), row


def test_a_fetched_map_reads_like_any_map(tmp_path: Path) -> None:
    target = tmp_path / "siping.osm"
    fetch_overpass(BOUNDS, target, fetcher=Service(MAP).fetcher)
    features = list(read_map(target, "osm:siping").features)
    assert [feature.kind for feature in features] == ["RoadSegment"]


def test_an_area_is_asked_by_its_name_and_cannot_smuggle_a_query() -> None:
    assert '"name"="杨浦区"' in overpass_query("杨浦区")
    query = overpass_query('x"];out;//\\')
    assert '"name"="x\\"];out;//\\\\"]' in query


@pytest.mark.parametrize(
    "body",
    [
        MAP[: len(MAP) // 2],
        b"<html><body>Too many requests</body></html>",
        b"",
        MAP.replace(b"</osm>", b"<remark> runtime error: Query timed out </remark></osm>"),
    ],
)
def test_a_map_that_is_not_whole_is_refused_and_not_saved(body: bytes, tmp_path: Path) -> None:
    target = tmp_path / "map.osm"
    with pytest.raises(LingjingError) as caught:
        fetch_overpass(BOUNDS, target, fetcher=Service(body).fetcher)
    assert caught.value.code == "fetch.not-what-was-asked"
    assert not target.exists()


def test_a_map_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LingjingError) as caught:
        fetch_overpass(BOUNDS, tmp_path / "m.osm", fetcher=Service(b"<osm>\n</osm>").fetcher)
    assert caught.value.code == "fetch.empty-map"


@pytest.mark.parametrize(
    "area",
    [
        (121.51, 31.28, 121.49, 31.29),
        (31.28, 121.49, 31.29, 121.51),
        (120.0, 30.0, 122.0, 32.0),
        (float("inf"), 31.28, 121.51, 31.29),
        "",
        "a\nb",
    ],
)
def test_an_area_that_cannot_be_is_refused(area: tuple[float, float, float, float] | str) -> None:
    with pytest.raises(LingjingError) as caught:
        overpass_query(area)
    assert caught.value.code == "fetch.bad-area"
