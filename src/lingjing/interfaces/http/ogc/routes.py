"""OGC API - Features at `/ogc`, parts 1 to 3, for reading."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lingjing.interfaces.http.answers import encode, status_of
from lingjing.interfaces.http.ogc import pages
from lingjing.interfaces.http.ogc.asking import asked, bad_parameter, check_names
from lingjing.interfaces.http.ogc.describing import (
    CONFORMANCE,
    GEOJSON,
    HTML,
    JSON,
    OGC,
    OPENAPI,
    SCHEMA,
    Collection,
    collection_content,
    collection_of,
    collections,
    landing,
    link,
    queryables_content,
)
from lingjing.interfaces.http.ogc.features import features, find, find_one, written
from lingjing.interfaces.http.ogc.openapi import described
from lingjing.interfaces.http.ogc.systems import CRS84, System, system_of
from lingjing.interfaces.http.ogc.tables import Tables, queryables
from lingjing.interfaces.http.tenants import require_default_tenant
from lingjing.twin.contract import Store
from lingjing.vocabulary import LingjingError, Locale

Endpoint = Callable[[Request], Response]
_FORMATS: Final = {"json": JSON, "html": HTML}


class Asking:
    """A request, with what every answer needs to know."""

    def __init__(self, request: Request) -> None:
        self.query = QueryParams(request.scope["query_string"])
        self.path: dict[str, str] = request.path_params
        self.tables: Tables = request.app.state.ogc_tables
        self.store: Store = request.app.state.shelf.store
        self.base = f"{request.url.scheme}://{request.url.netloc}{OGC}"
        self.locale = _locale(request.headers.get("accept-language", ""))
        self.html = self._wants_html(request.headers.get("accept", ""))

    def _wants_html(self, accept: str) -> bool:
        wanted = self.query.get("f")
        if wanted is not None:
            if wanted not in _FORMATS:
                raise bad_parameter("f", wanted, ", ".join(_FORMATS))
            return wanted == "html"
        for part in accept.split(","):
            media = part.partition(";")[0].strip().lower()
            if media in (JSON, GEOJSON, HTML):
                return media == HTML
        return False

    def plain(self, *names: str) -> None:
        """Refuse parameters other than these."""
        check_names(self.query, ("f", *names))

    @functools.cached_property
    def collection(self) -> Collection:
        """The collection that the address names."""
        return collection_of(self.store, self.path["collection"])

    def answer(
        self, content: Any, media: str, page: Callable[[], str], crs: System | None = None
    ) -> Response:
        """The content as JSON, or as a page."""
        headers = {
            "Cache-Control": "no-store",
            "Content-Language": self.locale,
            "Vary": "Accept, Accept-Language",
        }
        if crs is not None:
            headers["Content-Crs"] = f"<{crs.uri}>"
        if self.html:
            return Response(page(), media_type=HTML, headers=headers)
        return Response(encode(content), media_type=media, headers=headers)


def _locale(header: str) -> Locale:
    for part in header.lower().split(","):
        name = part.partition(";")[0].strip()
        if name.startswith("en"):
            return "en"
        if name.startswith("zh"):
            return "zh-CN"
    return "zh-CN"


def _guarded(call: Callable[[Asking], Response]) -> Endpoint:
    """An endpoint that only the default tenant has, and whose errors are those of the standard."""

    @functools.wraps(call)
    def endpoint(request: Request) -> Response:
        try:
            require_default_tenant(request)
            return call(Asking(request))
        except LingjingError as error:
            locale = _locale(request.headers.get("accept-language", ""))
            content = {
                "code": error.code,
                "description": f"{error.what(locale)} {error.remedy(locale)}",
                "error": error.as_dict(),
            }
            headers = {"Cache-Control": "no-store"}
            return Response(encode(content), status_of(error), media_type=JSON, headers=headers)

    return endpoint


def landing_answer(asking: Asking) -> Response:
    """The first page."""
    asking.plain()
    content = landing(asking.base, asking.locale)
    return asking.answer(content, JSON, lambda: pages.landing_page(content, asking.locale))


def conformance_answer(asking: Asking) -> Response:
    """What the interface conforms to."""
    asking.plain()
    content = {"conformsTo": list(CONFORMANCE)}
    return asking.answer(content, JSON, lambda: pages.conformance_page(content, asking.locale))


def api_answer(asking: Asking) -> Response:
    """The interface described."""
    asking.plain()
    ids = [item.id for item in collections(asking.store)]
    content = described(asking.base, ids, asking.locale)
    return asking.answer(content, OPENAPI, lambda: pages.api_page(content, asking.locale))


def collections_answer(asking: Asking) -> Response:
    """All collections."""
    asking.plain()
    here = f"{asking.base}/collections"
    content = {
        "links": [link(here, "self", JSON), link(f"{here}?f=html", "alternate", HTML)],
        "collections": [
            collection_content(asking.store, item, asking.base, asking.locale)
            for item in collections(asking.store)
        ],
    }
    return asking.answer(content, JSON, lambda: pages.collections_page(content, asking.locale))


def collection_answer(asking: Asking) -> Response:
    """One collection."""
    asking.plain()
    content = collection_content(asking.store, asking.collection, asking.base, asking.locale)
    return asking.answer(content, JSON, lambda: pages.collection_page(content, asking.locale))


def queryables_answer(asking: Asking) -> Response:
    """What filters may name."""
    asking.plain()
    collection = asking.collection
    content = queryables_content(collection, _relationships(asking), asking.base, asking.locale)
    return asking.answer(
        content, SCHEMA, lambda: pages.queryables_page(content, collection.id, asking.locale)
    )


def items_answer(asking: Asking) -> Response:
    """A page of features."""
    collection = asking.collection
    names = queryables(collection.kind, _relationships(asking))
    wanted = asked(asking.query, names)
    page = find(asking.tables, collection.district.name, collection.kind, wanted)
    here = f"{asking.base}/collections/{collection.id}"
    said = {name: text for name, text in asking.query.items() if name != "f"}
    links = [
        link(_address(f"{here}/items", said), "self", GEOJSON),
        link(_address(f"{here}/items", {**said, "f": "html"}), "alternate", HTML),
        link(here, "collection", JSON),
    ]
    if page.last:
        links.append(link(_address(f"{here}/items", {**said, "after": page.last}), "next", GEOJSON))
    found = written(page, wanted.system)
    content = {
        "type": "FeatureCollection",
        "numberMatched": page.matched,
        "numberReturned": len(found),
        "timeStamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "links": links,
        "features": found,
    }
    title = collection.title(asking.locale)
    return asking.answer(
        content,
        GEOJSON,
        lambda: pages.items_page(content, collection.id, title, asking.locale),
        wanted.system,
    )


def feature_answer(asking: Asking) -> Response:
    """One feature, with how each of its values is known."""
    asking.plain("crs")
    collection = asking.collection
    system = system_of(asking.query.get("crs", CRS84), "crs")
    table, rows = find_one(
        asking.tables, collection.district.name, collection.kind, asking.path["feature"]
    )
    [feature] = features(table, rows, system)
    here = f"{asking.base}/collections/{collection.id}"
    content = {
        **feature,
        "provenance": table.provenance(int(rows[0])),
        "links": [
            link(f"{here}/items/{feature['id']}", "self", GEOJSON),
            link(f"{here}/items/{feature['id']}?f=html", "alternate", HTML),
            link(here, "collection", JSON),
        ],
    }
    return asking.answer(
        content,
        GEOJSON,
        lambda: pages.feature_page(content, collection.id, asking.locale),
        system,
    )


def style_answer(request: Request) -> Response:
    """How the pages look."""
    del request
    return Response(pages.STYLE, media_type="text/css", headers={"Cache-Control": "no-cache"})


def _relationships(asking: Asking) -> tuple[str, ...]:
    collection = asking.collection
    table = asking.tables.table(collection.district.name, collection.kind)
    return tuple(table.view.relationships)


def _address(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


ENDPOINTS: Final[dict[str, Callable[[Asking], Response]]] = {
    OGC: landing_answer,
    f"{OGC}/api": api_answer,
    f"{OGC}/conformance": conformance_answer,
    f"{OGC}/collections": collections_answer,
    f"{OGC}/collections/{{collection}}": collection_answer,
    f"{OGC}/collections/{{collection}}/queryables": queryables_answer,
    f"{OGC}/collections/{{collection}}/items": items_answer,
    f"{OGC}/collections/{{collection}}/items/{{feature}}": feature_answer,
}
"""Address → endpoint."""

ROUTES: Final = (
    *(Route(path, _guarded(call), methods=["GET"]) for path, call in ENDPOINTS.items()),
    Route(f"{OGC}/", _guarded(landing_answer), methods=["GET"]),
    Route(f"{OGC}/style.css", style_answer, methods=["GET"]),
)
