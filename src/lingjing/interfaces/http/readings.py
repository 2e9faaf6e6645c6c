"""`GET /api/v1/readings`: what sensors last said at a thing, and near it."""

from __future__ import annotations

import math
import time
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lingjing.interfaces.http.answers import answer
from lingjing.interfaces.http.queries import whole_number
from lingjing.twin.documents import (
    DEFAULT_TERMS,
    LOCATION,
    Document,
    Instance,
    instant_text,
    micros,
)
from lingjing.twin.ledger import TRUNK, Branch, Ledger, Selection, Span
from lingjing.twin.packed import boxes, provenance_of
from lingjing.vocabulary import LingjingError, quantities, units

PATH: Final = "/api/v1/readings"
_METRES_A_DEGREE: Final = 111_320.0
_MOST_SCANNED: Final = 50_000
_MOST_MOMENTS: Final = 2_000
_HOUR_US: Final = 3_600_000_000

Point = tuple[float, float]


async def readings(request: Request) -> Response:
    """Things with observed values, the nearest first."""
    ledger: Ledger = request.app.state.ledger
    tenant = request.headers.get("ngsild-tenant", "")
    entity_id = request.query_params.get("id")
    point = _point(request)
    if (entity_id is None) == (point is None):
        raise LingjingError(
            "http.bad-parameter", name="id, point", value="—", expected="id=… | point=lon,lat"
        )
    radius_m = whole_number(request, "radius_m", 300, 0, 20_000)
    limit = whole_number(request, "limit", 20, 1, 200)
    hours = whole_number(request, "hours", 0, 0, 24 * 31)
    attribute = request.query_params.get("attribute", "")
    branch_name = request.query_params.get("branch", TRUNK)

    def find() -> dict[str, Any]:
        branch = ledger.branch(tenant, branch_name)
        centre = point
        if entity_id is not None:
            record = ledger.records(branch, [entity_id]).get(entity_id)
            if record is None:
                raise LingjingError("twin.no-entity", id=entity_id[:200])
            centre = _middle(record.document)
        now_us = time.time_ns() // 1000
        found = []
        for document, distance_m in _near(ledger, branch, (centre, entity_id), radius_m):
            series = _observed(document, attribute)
            if not series:
                continue
            members = [_member(*one, now_us) for one in series]
            if hours:
                from_us = now_us - hours * _HOUR_US
                for (iri, dataset, _), member in zip(series, members, strict=True):
                    held = _history(ledger, branch, document["id"], (iri, dataset), from_us)
                    member["history"] = held
            found.append(
                {
                    "id": document["id"],
                    "types": [name.removeprefix(DEFAULT_TERMS) for name in document["type"]],
                    "distance_m": round(distance_m, 1),
                    "point": _middle(document),
                    "readings": members,
                }
            )
            if len(found) == limit:
                break
        return {"now": instant_text(now_us), "things": found}

    return answer(await run_in_threadpool(find))


ROUTES: Final = (Route(PATH, readings, methods=["GET"]),)


def _point(request: Request) -> Point | None:
    text = request.query_params.get("point")
    if text is None:
        return None
    try:
        longitude, latitude = (float(part) for part in text.split(","))
    except ValueError:
        longitude = latitude = math.nan
    if -180 <= longitude <= 180 and -90 <= latitude <= 90:
        return longitude, latitude
    raise LingjingError(
        "http.bad-parameter", name="point", value=text[:60], expected="longitude,latitude"
    )


def _middle(document: Document) -> Point | None:
    """Middle of the box around where a thing is."""
    found = boxes(document).get(LOCATION)
    if not found:
        return None
    west, south, east, north = found[0]
    return (west + east) / 2, (south + north) / 2


def _near(
    ledger: Ledger, branch: Branch, where: tuple[Point | None, str | None], radius_m: float
) -> list[tuple[Document, float]]:
    """Things with anything observed within a distance, the one asked for first."""
    centre, entity_id = where
    if centre is None:
        own = ledger.records(branch, [entity_id or ""])
        return [(record.document, 0.0) for record in own.values()]
    longitude, latitude = centre
    tall = radius_m / _METRES_A_DEGREE
    east = _METRES_A_DEGREE * max(math.cos(math.radians(latitude)), 1e-6)
    wide = min(radius_m / east, 180.0)
    selection = Selection(
        bounds=(longitude - wide, latitude - tall, longitude + wide, latitude + tall),
        accept=_has_observed,
        most_scanned=_MOST_SCANNED,
    )
    found = []
    for record in ledger.find(branch, selection).records:
        place = _middle(record.document)
        if place is None:
            continue
        distance_m = math.hypot(
            (place[0] - longitude) * east, (place[1] - latitude) * _METRES_A_DEGREE
        )
        if record.id == entity_id:
            found.append((record.document, 0.0))
        elif distance_m <= radius_m:
            found.append((record.document, distance_m))
    found.sort(key=lambda item: (item[0]["id"] != entity_id, item[1], item[0]["id"]))
    return found


def _has_observed(document: Document) -> bool:
    return any(
        "observedAt" in instance
        for datasets in document["attributes"].values()
        for instance in datasets.values()
    )


def _observed(document: Document, attribute: str) -> list[tuple[str, str, Instance]]:
    """Attribute, dataset and instance of the observed values of a thing, the newest first."""
    found = [
        (iri, dataset, instance)
        for iri, datasets in document["attributes"].items()
        if attribute in ("", iri, iri.removeprefix(DEFAULT_TERMS))
        for dataset, instance in datasets.items()
        if instance["type"] == "Property" and "observedAt" in instance
    ]
    return sorted(found, key=lambda item: (-micros(item[2]["observedAt"]), item[0], item[1]))


def _member(iri: str, dataset: str, instance: Instance, now_us: int) -> dict[str, Any]:
    name = iri.removeprefix(DEFAULT_TERMS)
    observed_us = micros(instance["observedAt"])
    provenance = provenance_of(instance)
    member: dict[str, Any] = {
        "name": name,
        "value": instance.get("value"),
        "observed_at": instance["observedAt"],
        "age_s": round((now_us - observed_us) / 1e6, 1),
        "source": provenance.source,
        "synthetic": provenance.synthetic,
    }
    if dataset:
        member["dataset"] = dataset
    known = quantities().get(name)
    if known is not None:
        member["title"] = {"zh-CN": known.title_zh, "en": known.title_en}
        member["unit"] = units()[known.unit].sign
    elif "unitCode" in instance:
        member["unit_code"] = instance["unitCode"]
    return member


def _history(
    ledger: Ledger, branch: Branch, entity_id: str, series: tuple[str, str], from_us: int
) -> list[list[Any]]:
    """Times and values of an attribute since an instant, at most the newest two thousand."""
    iri, dataset = series
    span = Span(attributes=(iri,), from_us=from_us, last=_MOST_MOMENTS, dataset=dataset)
    return [
        [row.instance["observedAt"], row.instance.get("value")]
        for row in ledger.history(branch, entity_id, span)
        if row.instance is not None and "observedAt" in row.instance
    ]
