"""The data endpoints, one function each; `ENDPOINTS` is the list the reference is checked by."""

from __future__ import annotations

import itertools
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response

import lingjing
from lingjing.interfaces.http.answers import answer
from lingjing.interfaces.http.cards import card_content
from lingjing.interfaces.http.layers import entity_features
from lingjing.interfaces.http.objects import (
    chosen_ids,
    chosen_work,
    export_objects,
    export_work,
    objects,
    search,
)
from lingjing.interfaces.http.queries import box, facets, whole_number
from lingjing.interfaces.http.runs import FILES, job_content
from lingjing.interfaces.http.shelf import Shelf
from lingjing.interfaces.http.traces import history_content, readings_content
from lingjing.twin.ledger import Ledger
from lingjing.vocabulary import LingjingError, kinds, parse_instant, quantities, units, words

MOST_ROWS = 500
MOST_ASSETS = 20_000


def _shelf(request: Request) -> Shelf:
    shelf: Shelf = request.app.state.shelf
    return shelf


def health(request: Request) -> Response:
    """That the server runs, and its version."""
    del request
    return answer({"status": "ok", "version": lingjing.__version__})


def access(request: Request) -> Response:
    """As whom the caller is seen, and whether changes are told as they come."""
    who = getattr(request.state, "principal", None)
    told = request.app.state.ledger is not None
    if who is None:
        return answer({"name": "local", "role": "administer", "guarded": False, "events": told})
    guarded = who.name != "local"
    return answer({"name": who.name, "role": who.role, "guarded": guarded, "events": told})


def vocabulary(request: Request) -> Response:
    """Titles of kinds, quantities and words in both languages."""
    del request
    return answer(
        {
            "kinds": {
                item.name: {"title": {"zh-CN": item.title_zh, "en": item.title_en}}
                for item in kinds().values()
            },
            "quantities": {
                item.name: {
                    "title": {"zh-CN": item.title_zh, "en": item.title_en},
                    "meaning": {"zh-CN": item.meaning_zh, "en": item.meaning},
                    "unit": units()[item.unit].sign,
                }
                for item in quantities().values()
            },
            "words": {
                item.name: {
                    "title": {"zh-CN": item.title_zh, "en": item.title_en},
                    "choices": list(item.choices),
                }
                for item in words().values()
            },
        }
    )


def districts(request: Request) -> Response:
    """All districts."""
    shelf = _shelf(request)
    return answer({"districts": [shelf.district_content(item) for item in shelf.store.districts()]})


def district(request: Request) -> Response:
    """One district."""
    shelf = _shelf(request)
    return answer(shelf.district_content(shelf.store.district(request.path_params["district"])))


def layer(request: Request) -> Response:
    """A layer as GeoJSON."""
    name = request.path_params["layer"]
    return _shelf(request).layer(request.path_params["district"], name).answer(request)


def assets(request: Request) -> Response:
    """Exposed assets that touch a box, with their chance in a run where one is named."""
    shelf = _shelf(request)
    name = shelf.store.district(request.path_params["district"]).name
    bounds = box(request)
    limit = whole_number(request, "limit", 2000, 1, MOST_ASSETS)
    exposed = [
        item.name for item in kinds().values() if item.exposed and item.name != "RoadSegment"
    ]
    run = request.query_params.get("run")
    wanted = chosen_ids(request, run) if run else None
    found = list(
        itertools.islice(
            (
                entity
                for kind in exposed
                for entity in shelf.store.entities(
                    name, kind, bounds, limit + 1 if wanted is None else None
                )
                if wanted is None or entity.id in wanted
            ),
            limit + 1,
        )
    )
    features = entity_features(found[:limit])
    if run:
        reader = shelf.reader(run)
        start = parse_instant(reader.summary()["window"]["start"])
        ids = [feature["properties"]["id"] for feature in features]
        chances = reader.chances(ids, int(start.timestamp()))
        for feature in features:
            properties = feature["properties"]
            properties.update(chances.get(properties["id"], {}))
    content = {
        "type": "FeatureCollection",
        "total_is_more": len(found) > limit,
        "features": features,
    }
    return answer(content)


def runs(request: Request) -> Response:
    """All runs, the newest first."""
    return answer({"runs": _shelf(request).runs()})


def run(request: Request) -> Response:
    """One run: record, summary, quantities, files."""
    return answer(_shelf(request).run_content(request.path_params["run"]))


def work(request: Request) -> Response:
    """A page of the ranked work."""
    head, chosen = chosen_work(request)
    rows = _shelf(request).work(head["run"])
    offset = whole_number(request, "offset", 0, 0, 10_000_000)
    limit = whole_number(request, "limit", 50, 1, MOST_ROWS)
    titles: dict[str, dict[str, str]] = {row["action"]: row["action_title"] for row in rows}
    content: dict[str, Any] = {
        "total": len(chosen),
        "of": len(rows),
        "offset": offset,
        "rows": [job_content(row) for row in chosen[offset : offset + limit]],
        "facets": facets(rows, titles),
    }
    return answer(content)


def state(request: Request) -> Response:
    """A layer's hourly state in a run."""
    parameters = request.path_params
    quantity = request.query_params.get("quantity")
    packed = _shelf(request).state(parameters["run"], parameters["layer"], quantity)
    return packed.answer(request)


def stream(request: Request) -> Response:
    """All that a run foresees for a layer, in one binary answer."""
    parameters = request.path_params
    asked = request.query_params.get("quantity", "")
    names = [name for name in asked.split(",") if name]
    return _shelf(request).stream(parameters["run"], parameters["layer"], names).answer(request)


def card(request: Request) -> Response:
    """Everything about one object in the light of a run."""
    parameters = request.path_params
    return answer(card_content(_shelf(request), parameters["run"], parameters["id"]))


def _ledger(request: Request) -> Ledger | None:
    ledger: Ledger | None = request.app.state.ledger
    return ledger


def readings(request: Request) -> Response:
    """What sensors said at an object, or near it."""
    at = request.path_params
    return answer(readings_content(_shelf(request), _ledger(request), at["run"], at["id"]))


def history(request: Request) -> Response:
    """An object's changes in the twin, and what other runs foresaw for it."""
    at = request.path_params
    return answer(history_content(_shelf(request), _ledger(request), at["run"], at["id"]))


def file(request: Request) -> Response:
    """A file of a run, to take away.

    Only names of `FILES` are served, so no path can lead out of the run's folder.
    """
    run_name, name = request.path_params["run"], request.path_params["name"]
    reader = _shelf(request).reader(run_name)
    there = reader.files()
    if name not in there:
        raise LingjingError("http.no-file", run=run_name, name=name, known=", ".join(there) or "—")
    download = f"{run_name}-{name.rsplit('/', 1)[-1]}"
    return FileResponse(reader.path / name, media_type=FILES[name], filename=download)


ENDPOINTS = {
    "/health": health,
    "/access": access,
    "/vocabulary": vocabulary,
    "/districts": districts,
    "/districts/{district}": district,
    "/districts/{district}/layers/{layer}.geojson": layer,
    "/districts/{district}/assets.geojson": assets,
    "/districts/{district}/search": search,
    "/runs": runs,
    "/runs/{run}": run,
    "/runs/{run}/work": work,
    "/runs/{run}/work.{format}": export_work,
    "/runs/{run}/objects": objects,
    "/runs/{run}/objects.{format}": export_objects,
    "/runs/{run}/state/{layer}": state,
    "/runs/{run}/stream/{layer}": stream,
    "/runs/{run}/assets/{id}": card,
    "/runs/{run}/assets/{id}/readings": readings,
    "/runs/{run}/assets/{id}/history": history,
    "/runs/{run}/files/{name:path}": file,
}
"""Path below `/api/v1` → endpoint."""
