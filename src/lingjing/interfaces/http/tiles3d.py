"""Buildings as 3D Tiles 1.1: `/3dtiles`."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lingjing.engine.tiles3d.keeping import TileKeeper
from lingjing.interfaces.http.answers import Packed
from lingjing.interfaces.http.tenants import require_default_tenant

TILES3D: Final = "/3dtiles"
_FOREVER: Final = "private, max-age=31536000, immutable"


def every(request: Request) -> Response:
    """A tileset that refers to those of all districts."""
    return Packed.of(_keeper(request).every()).answer(request)


def tileset(request: Request) -> Response:
    """The tileset of a district, as the twin stands now."""
    tiled = _keeper(request).tiled(request.path_params["district"])
    return Packed.of(tiled.tileset).answer(request)


def model(request: Request) -> Response:
    """A model of a tileset; its name goes with its content, so it never changes."""
    name = request.path_params["model"]
    content = _keeper(request).model(request.path_params["district"], name)
    packed = Packed(content, f'"{name.partition(".")[0]}"', "model/gltf-binary")
    response = packed.answer(request)
    response.headers["Cache-Control"] = _FOREVER
    return response


def _keeper(request: Request) -> TileKeeper:
    require_default_tenant(request)
    keeper: TileKeeper = request.app.state.tiles3d
    return keeper


ROUTES: Final = (
    Route(f"{TILES3D}/tileset.json", every, methods=["GET"]),
    Route(f"{TILES3D}/{{district}}/tileset.json", tileset, methods=["GET"]),
    Route(f"{TILES3D}/{{district}}/{{model}}", model, methods=["GET"]),
)
