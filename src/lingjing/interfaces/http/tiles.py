"""Vector tiles over HTTP: the tiles, and a TileJSON that says where they are."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lingjing.engine.tiles import Tiles
from lingjing.interfaces.http.answers import answer
from lingjing.vocabulary import LingjingError

MEDIA_TYPE: Final = "application/vnd.mapbox-vector-tile"
_ADDRESS: Final = "/api/v1/districts/{district}/tiles/{layer}"


def _tiles(request: Request) -> Tiles:
    tiles: Tiles = request.app.state.shelf.tiles
    return tiles


async def tile(request: Request) -> Response:
    """A tile as it is stored, 304 where the client holds it, 204 where nothing is in it."""
    place = request.path_params
    asked = place["district"], place["layer"], place["z"], place["x"], place["y"]
    tiles = _tiles(request)
    is_ready, body = tiles.quick(*asked)
    if not is_ready:
        body = await run_in_threadpool(tiles.tile, *asked)
    headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if body is None:
        return Response(status_code=204, headers=headers)
    headers["ETag"] = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    held = request.headers.get("if-none-match", "")
    if headers["ETag"] in (tag.strip().removeprefix("W/") for tag in held.split(",")):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        body = gzip.decompress(body)
    return Response(body, headers=headers, media_type=MEDIA_TYPE)


def description(request: Request) -> Response:
    """TileJSON 3.0 of a layer, and what else a client needs to know of it."""
    district, layer = request.path_params["district"], request.path_params["layer"]
    shelf = request.app.state.shelf
    about: dict[str, Any] = shelf.tiles.description(district, layer)
    credited = shelf.district_content(shelf.store.district(district))["attributions"]
    west, south, east, north = about["bounds"]
    address = str(request.url).partition("?")[0].removesuffix(".json")
    content = {
        "tilejson": "3.0.0",
        "name": f"{district} {layer}",
        "tiles": [f"{address}/{{z}}/{{x}}/{{y}}.mvt"],
        "scheme": "xyz",
        "minzoom": about["minzoom"],
        "maxzoom": about["maxzoom"],
        "bounds": about["bounds"],
        "center": [(west + east) / 2, (south + north) / 2, about["minzoom"]],
        "attribution": "; ".join(credited),
        "vector_layers": [
            {
                "id": layer,
                "fields": about["fields"],
                "minzoom": about["minzoom"],
                "maxzoom": about["maxzoom"],
            }
        ],
        **{name: about[name] for name in ("version", "features", "numbers", "numbering")},
    }
    # TileJSON has a `version` of its own kind: three numbers.
    content["data_version"] = content.pop("version")
    return answer(content)


def numbers(request: Request) -> Response:
    """Which entity each feature id of a layer stands for."""
    district, layer = request.path_params["district"], request.path_params["layer"]
    found = _tiles(request).numbering(district, layer)
    wanted = request.query_params.get("id")
    pairs = zip(found.ids, found.numbers.tolist(), strict=True)
    if wanted is not None:
        number = next((number for entity, number in pairs if entity == wanted), None)
        if number is None:
            raise LingjingError("twin.no-entity", id=wanted[:200])
        return answer({"numbering": found.version, "numbers": {wanted: number}})
    return answer({"numbering": found.version, "numbers": dict(pairs)})


ROUTES: Final = (
    Route(_ADDRESS + "/{z:int}/{x:int}/{y:int}.mvt", tile, methods=["GET"]),
    Route(_ADDRESS + ".json", description, methods=["GET"]),
    Route(_ADDRESS + "/numbers", numbers, methods=["GET"]),
)
