"""OGC API - Features: what each address says, pages, areas, systems, filters, times, bad input."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pyproj
import pytest
import sample_district as sample
import shapely
from asgi_client import Client

from lingjing.interfaces.http import create_app
from lingjing.interfaces.http.ogc.describing import CONFORMANCE
from lingjing.interfaces.http.ogc.routes import ENDPOINTS
from lingjing.interfaces.http.ogc.systems import CRS84, SYSTEMS
from lingjing.interfaces.http.ogc.tables import FeatureTable
from lingjing.vocabulary import error_texts

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"

BUILDINGS = f"/ogc/collections/{sample.NAME}.Building"
ITEMS = f"{BUILDINGS}/items"
METERS = f"/ogc/collections/{sample.NAME}.MeterBox/items"
ALL = sample.COLUMNS * sample.ROWS


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("data")
    sample.write_district(folder)
    with Client(create_app(folder)) as made:
        yield made


def locals_of(answer: httpx.Response) -> list[str]:
    """Local parts of the ids of an answer's features."""
    assert answer.status_code == 200, answer.text
    return [item["id"].rsplit(":", 1)[1] for item in answer.json()["features"]]


def links(content: dict[str, Any], rel: str) -> list[str]:
    return [item["href"] for item in content["links"] if item["rel"] == rel]


# What it says of itself


def test_every_link_leads_somewhere(client: Any) -> None:
    seen: set[str] = set()
    waiting = ["/ogc"]
    while waiting:
        address = waiting.pop()
        if address in seen or len(seen) > 60:
            continue
        seen.add(address)
        answer = client.get(address)
        assert answer.status_code == 200, address
        if "json" not in answer.headers["content-type"]:
            continue
        content = answer.json()
        for item in [content, *content.get("collections", [])]:
            for told in item.get("links", []):
                path = urlsplit(told["href"])
                waiting.append(path.path + (f"?{path.query}" if path.query else ""))
    assert f"{BUILDINGS}/queryables" in seen
    assert any("after=" in address for address in seen)


def test_the_landing_page_has_the_links_of_the_standard(client: Any) -> None:
    for address in ("/ogc", "/ogc/"):
        content = client.get(address).json()
        wanted = {"self", "alternate", "service-desc", "service-doc", "conformance", "data"}
        assert {item["rel"] for item in content["links"]} == wanted
        assert all(item["href"].startswith("http://127.0.0.1:8787/") for item in content["links"])
    assert client.get("/ogc/conformance").json() == {"conformsTo": list(CONFORMANCE)}


def test_collections_are_the_kinds_of_the_district(client: Any) -> None:
    content = client.get("/ogc/collections").json()
    kinds = ["Building", "Facility", "MeterBox", "RoadSegment", "SubDistrict"]
    assert [item["id"] for item in content["collections"]] == [f"sample.{k}" for k in kinds]
    building = content["collections"][0]
    assert building == client.get(BUILDINGS).json()
    assert building["crs"] == list(SYSTEMS)
    assert building["crs"][0] == building["storageCrs"] == CRS84
    assert building["extent"]["temporal"]["interval"] == [["2023-12-20T00:00:00Z", None]]
    west, south, east, north = building["extent"]["spatial"]["bbox"][0]
    assert west < east < 122
    assert south < north < 32
    assert "虚构" in building["description"]


def test_queryables_tell_types_units_and_choices(client: Any) -> None:
    answer = client.get(f"{BUILDINGS}/queryables", headers={"accept-language": "en-GB,zh;q=0.5"})
    assert answer.headers["content-type"] == "application/schema+json"
    told = answer.json()["properties"]
    assert told["height"]["type"] == "number"
    assert told["height"]["x-ogc-unit"] == "m"
    assert told["height"]["title"] == "Height"
    assert "school" in told["use"]["enum"]
    assert told["retrofitted"]["type"] == "boolean"
    assert told["observed_at"]["format"] == "date-time"
    assert told["geometry"]["format"] == "geometry-any"
    meters = client.get(f"/ogc/collections/{sample.NAME}.MeterBox/queryables").json()
    assert meters["properties"]["geometry"]["format"] == "geometry-point"
    assert "building" in meters["properties"]
    assert meters["properties"]["material"]["title"] == "材料"


def test_the_description_names_every_address_and_parameter(client: Any) -> None:
    content = client.get("/ogc/api").json()
    assert content["openapi"].startswith("3.0.")
    paths = {re.sub(r"\{.*?\}", "{}", f"/ogc{path}".rstrip("/")) for path in content["paths"]}
    assert paths == {re.sub(r"\{.*?\}", "{}", path) for path in ENDPOINTS}
    items = content["paths"]["/collections/{collectionId}/items"]["get"]["parameters"]
    referred = {item["$ref"].rsplit("/", 1)[1] for item in items}
    declared = content["components"]["parameters"]
    assert referred <= declared.keys()
    assert {"bbox", "datetime", "limit", "filter", "crs", "bbox-crs", "filter-crs"} <= referred
    identifiers = declared["collectionId"]["schema"]["enum"]
    assert f"{sample.NAME}.Building" in identifiers
    for path in content["paths"].values():
        assert path["get"]["responses"]["200"]["content"]


# Features


def test_pages_lead_through_all_features_once(client: Any) -> None:
    content = client.get(ITEMS, params={"limit": 17}).json()
    assert content["numberMatched"] == ALL
    assert content["numberReturned"] == 17
    found = []
    while True:
        found += [item["id"] for item in content["features"]]
        following = links(content, "next")
        if not following:
            break
        content = client.get(following[0]).json()
    assert len(found) == len(set(found)) == ALL
    assert found == sorted(found)


def test_a_feature_carries_its_attributes(client: Any) -> None:
    identifier = sample.identifier("Building", "b0-01")
    answer = client.get(f"{ITEMS}/{identifier}")
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["content-crs"] == f"<{CRS84}>"
    feature = answer.json()
    assert feature["id"] == identifier
    assert feature["properties"]["name"] == "园1路2号楼"
    assert feature["properties"]["height"] == 17.5
    assert feature["properties"]["synthetic"] is True
    assert feature["properties"]["observed_at"] is None
    assert set(feature["properties"]["inferred"].split(",")) >= {"height", "levels", "use"}
    assert feature["provenance"]["height"]["rule"] == "sketch"
    ring = shapely.from_geojson(json.dumps(feature["geometry"]))
    west, south = sample.WEST + 1.2 * sample.STEP, sample.SOUTH + 0.25 * sample.STEP
    assert ring.bounds[:2] == pytest.approx((west, south), abs=1e-7)
    meter = client.get(f"{METERS}/{sample.identifier('MeterBox', 'm0-01-0')}").json()
    assert meter["properties"]["building"] == identifier


@pytest.mark.parametrize("uri", list(SYSTEMS))
def test_coordinates_are_given_in_the_system_asked_for(client: Any, uri: str) -> None:
    identifier = sample.identifier("Facility", "f0")
    address = f"/ogc/collections/{sample.NAME}.Facility/items/{identifier}"
    answer = client.get(address, params={"crs": uri})
    assert answer.headers["content-crs"] == f"<{uri}>"
    point = (sample.WEST + 1.1 * sample.STEP, sample.SOUTH + 4.1 * sample.STEP)
    code = uri.rsplit("/", 1)[1]
    if uri == CRS84:
        expected = point
    else:  # as the authority orders the axes
        way = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{code}")
        expected = way.transform(point[1], point[0])
    given = answer.json()["geometry"]["coordinates"]
    size = 1.0 if abs(expected[0]) > 200 else 111_000.0
    assert np.abs(np.subtract(given, expected)).max() * size < 0.02


def box_in(uri: str, west: float, south: float, east: float, north: float) -> str:
    if uri == CRS84:
        return f"{west},{south},{east},{north}"
    way = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{uri.rsplit('/', 1)[1]}")
    low, high = way.transform(south, west), way.transform(north, east)
    return ",".join(f"{number:.9f}" for number in (*low, *high))


@pytest.mark.parametrize("uri", list(SYSTEMS))
def test_a_box_may_be_given_in_every_system(client: Any, uri: str) -> None:
    step = sample.STEP
    sides = (sample.WEST + 2 * step, sample.SOUTH, sample.WEST + 3 * step, sample.SOUTH + step)
    answer = client.get(ITEMS, params={"bbox": box_in(uri, *sides), "bbox-crs": uri})
    assert locals_of(answer) == ["b0-02"]
    assert answer.json()["numberMatched"] == 1
    text = f"S_INTERSECTS(geometry,BBOX({box_in(uri, *sides)}))"
    if uri in (CRS84, f"{EPSG}3857", f"{EPSG}32651"):
        filtered = client.get(ITEMS, params={"filter": text, "filter-crs": uri})
        assert locals_of(filtered) == ["b0-02"]


def test_boxes_use_the_spatial_index(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    whole = FeatureTable.intersecting

    def noted(self: FeatureTable, geometry: Any) -> Any:
        asked.append(geometry.bounds)
        return whole(self, geometry)

    monkeypatch.setattr(FeatureTable, "intersecting", noted)
    assert locals_of(client.get(ITEMS, params={"bbox": "0,0,1,1"})) == []
    text = "S_INTERSECTS(geometry,POINT(0 0))"
    assert locals_of(client.get(ITEMS, params={"filter": text})) == []
    assert [bounds[:2] for bounds in asked] == [(0.0, 0.0), (0.0, 0.0)]


def test_a_box_with_heights_and_one_over_the_antimeridian(client: Any) -> None:
    west, south = sample.WEST, sample.SOUTH
    high = f"{west},{south},-10,{west + 0.0009},{south + 0.0009},99"
    assert locals_of(client.get(ITEMS, params={"bbox": high})) == ["b0-00"]
    around = f"179,{south},{west + 0.0009},{south + 0.0009}"
    assert locals_of(client.get(ITEMS, params={"bbox": around})) == ["b0-00"]
    latitude_first = f"{south},179,{south + 0.0009},{west + 0.0009}"
    answer = client.get(ITEMS, params={"bbox": latitude_first, "bbox-crs": f"{EPSG}4326"})
    assert locals_of(answer) == ["b0-00"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"sub_district": "东园街道"}, ALL // 2),
        ({"sub_district": "东园街道", "levels": "6"}, ALL // 2),
        ({"levels": "5"}, 0),
        ({"synthetic": "true"}, ALL),
        ({"synthetic": "false"}, 0),
        ({"filter": "height > 17 AND CASEI(name) LIKE '园1路%'"}, sample.COLUMNS - 1),
        ({"filter": "inferred LIKE '%height%'"}, ALL),
        ({"filter": "retrofitted IS NULL"}, ALL),
        ({"filter": "name LIKE '园1路%' OR name LIKE '园2路%'", "levels": "6"},
         2 * sample.COLUMNS - 1),
        ({"filter": '{"op":"<","args":[{"property":"height"},17]}', "filter-lang": "cql2-json"}, 0),
        ({"id": sample.identifier("Building", "b3-03")}, 1),
        ({"limit": "1000000"}, ALL),
    ],
)  # fmt: skip
def test_filters_choose(client: Any, query: dict[str, str], count: int) -> None:
    answer = client.get(ITEMS, params={"limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    assert answer.json()["numberMatched"] == len(answer.json()["features"]) == count


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("bbox=1,2,3", "ogc.bad-bbox"),
        ("bbox=1,2,3,4,5", "ogc.bad-bbox"),
        ("bbox=31.2,121.5,31.3,121.6", "ogc.bad-bbox"),
        ("bbox=121.5,31.3,121.6,31.2", "ogc.bad-bbox"),
        ("bbox=a,b,c,d", "ogc.bad-bbox"),
        ("bbox=nan,0,1,1", "ogc.bad-bbox"),
        ("bbox=inf,0,1,1", "ogc.bad-bbox"),
        ("bbox=", "ogc.bad-bbox"),
        (f"bbox=5,1,4,2&bbox-crs={EPSG}3857", "ogc.bad-bbox"),
        (f"bbox=121.5,31.2,121.6,31.3&bbox-crs={EPSG}4326", "ogc.bad-bbox"),
        (f"bbox=-1e300,-1e300,1e300,1e300&bbox-crs={EPSG}32651", "ogc.bad-bbox"),
        ("bbox-crs=EPSG:4326&bbox=1,2,3,4", "ogc.unknown-crs"),
        (f"crs={EPSG}9999", "ogc.unknown-crs"),
        ("filter-crs=x&filter=true", "ogc.unknown-crs"),
        ("limit=0", "ogc.bad-parameter"),
        ("limit=-1", "ogc.bad-parameter"),
        ("limit=ten", "ogc.bad-parameter"),
        ("limit=1&limit=2", "ogc.bad-parameter"),
        ("datetime=yesterday", "ogc.bad-parameter"),
        ("datetime=../..", "ogc.bad-parameter"),
        ("datetime=2026-02-01/2026-01-01", "ogc.bad-parameter"),
        ("datetime=2026-01-01/2026-01-02/2026-01-03", "ogc.bad-parameter"),
        ("f=xml", "ogc.bad-parameter"),
        ("colour=red", "ogc.unknown-parameter"),
        ("levels=many", "ogc.bad-parameter"),
        ("retrofitted=1", "ogc.bad-parameter"),
        ("observed_at=soon", "cql2.bad-time"),
        ("filter=height%20%3E", "cql2.bad-syntax"),
        ("filter=colour=%27red%27", "cql2.no-property"),
        ("filter=true&filter-lang=sql", "ogc.bad-parameter"),
        ("filter=%7B&filter-lang=cql2-json", "cql2.bad-json"),
        ("filter=" + "(" * 3000 + "true" + ")" * 3000, "cql2.too-complex"),
        ("filter=S_WITHIN(geometry,BBOX(0,0,1e308,1e308))&filter-crs=" + EPSG + "32651",
         "cql2.bad-geometry"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_said(client: Any, query: str, code: str) -> None:
    answer = client.get(f"{ITEMS}?{query}", headers={"accept-language": "en"})
    assert answer.status_code == 400, answer.text[:500]
    content = answer.json()
    assert content["code"] == content["error"]["code"] == code
    assert content["description"].startswith(content["error"]["what"]["en"])
    assert content["error"]["remedy"]["zh-CN"]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/ogc/collections/sample.Castle", "ogc.no-collection"),
        ("/ogc/collections/nowhere.Building/items", "ogc.no-collection"),
        ("/ogc/collections/Building/queryables", "ogc.no-collection"),
        (f"{ITEMS}/urn:ngsi-ld:Building:sample:none", "ogc.no-feature"),
        (f"{ITEMS}/zzz", "ogc.no-feature"),
        (f"{METERS}/{sample.identifier('Building', 'b0-01')}", "ogc.no-feature"),
    ],
)
def test_what_is_not_there_is_said(client: Any, address: str, code: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert answer.json()["code"] == code


def test_other_addresses_take_no_parameters_of_features(client: Any) -> None:
    for address in ("/ogc", "/ogc/conformance", "/ogc/collections", BUILDINGS, "/ogc/api"):
        answer = client.get(address, params={"limit": 3})
        assert (answer.status_code, answer.json()["code"]) == (400, "ogc.unknown-parameter")
    assert client.request("POST", ITEMS).status_code == 405


def test_a_kind_without_features_is_empty(client: Any) -> None:
    answer = client.get("/ogc/collections/sample.Depot/items")
    assert answer.json()["features"] == []
    assert answer.json()["numberMatched"] == 0
    page = client.get("/ogc/collections/sample.Depot/items?f=html&crew=1")
    assert page.status_code == 400


# Pages for people


def test_a_browser_gets_pages_without_live_markup(client: Any) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    feature = f"{ITEMS}/{sample.identifier('Building', 'b0-00')}"
    for address in ("/ogc", "/ogc/conformance", "/ogc/collections", BUILDINGS,
                    f"{BUILDINGS}/queryables", ITEMS, feature, "/ogc/api"):  # fmt: skip
        for language, locale in (("zh-CN,en;q=0.5", "zh-CN"), ("en-US", "en"), ("fr", "zh-CN")):
            answer = client.get(address, headers={**browser, "accept-language": language})
            assert answer.status_code == 200, address
            assert answer.headers["content-type"].startswith("text/html")
            assert f'<html lang="{locale}">' in answer.text
            assert "<img" not in answer.text
            assert "style=" not in answer.text
            assert "<script" not in answer.text
    assert "&lt;img src=x" in client.get(f"{feature}?f=html").text
    assert "sketch" in client.get(f"{feature}?f=html").text
    assert client.get(ITEMS, headers=browser, params={"f": "json"}).json()["features"]
    style = client.get("/ogc/style.css")
    assert style.headers["content-type"].startswith("text/css")
    following = re.search(r'href="([^"]*after=[^"]*)"', client.get(f"{ITEMS}?f=html&limit=5").text)
    assert following is not None
    assert "<table>" in client.get(following[1].replace("&amp;", "&")).text


def test_an_empty_twin_has_no_collections(tmp_path: Path) -> None:
    with Client(create_app(tmp_path)) as client:
        assert client.get("/ogc/collections").json()["collections"] == []
        assert client.get("/ogc/api").status_code == 200


def test_the_reference_page_names_every_address_and_error(repository: Path) -> None:
    page = (repository / "docs/reference/ogc.md").read_text(encoding="utf-8")
    written = set(re.findall(r"^### `GET (/ogc\S*)`", page, flags=re.MULTILINE))
    assert written == set(ENDPOINTS)
    codes = {code for code in error_texts() if code.startswith(("ogc.", "cql2."))}
    assert codes <= set(re.findall(r"^\| `([a-z0-9.-]+)` \|", page, flags=re.MULTILINE))
    for uri in SYSTEMS:
        assert f"`{uri}`" in page
