"""Two runs compared, and what would change one object: `/api/v1/runs/{a}/compare/{b}` and more."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections import OrderedDict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lingjing.engine.whatifs.advice import Advisor
from lingjing.engine.whatifs.comparing import THRESHOLD, Comparison
from lingjing.interfaces.http.answers import answer
from lingjing.interfaces.http.cards import named
from lingjing.interfaces.http.queries import whole_number
from lingjing.interfaces.http.runs import EVENT_ORDER
from lingjing.interfaces.http.shelf import Shelf
from lingjing.twin.ledger import TRUNK
from lingjing.vocabulary import EntityId, LingjingError, kinds

KEPT: Final = 4
MOST_ROWS: Final = 500


class Comparisons:
    """The comparisons asked for last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Any, ...], Comparison] = OrderedDict()

    def of(self, shelf: Shelf, a: str, b: str) -> Comparison:
        """Two runs beside each other.

        Raises:
            LingjingError: `http.no-run`, `whatif.other-districts`.
        """
        readers = shelf.reader(a), shelf.reader(b)
        district = readers[0].summary()["district"]["name"]
        version = shelf.version(shelf.store.district(district))
        stamps = tuple((item.path / "run.json").stat().st_mtime_ns for item in readers)
        key = (a, b, stamps, version)
        with self._lock:
            if key not in self._kept:
                made = Comparison(
                    readers[0].folder, readers[1].folder, lambda kind: shelf.view(district, kind)
                )
                self._kept[key] = made
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]


_comparisons: Final = Comparisons()


def compare(request: Request) -> Response:
    """What differs by street and kind, in work and in words."""
    return answer(_of(request).content(_threshold(request)))


def objects(request: Request) -> Response:
    """A page of the objects that differ, the largest difference first."""
    query, shelf = request.query_params, _shelf(request)
    offset = whole_number(request, "offset", 0, 0, 10_000_000)
    limit = whole_number(request, "limit", 50, 1, MOST_ROWS)
    kind = query.get("kind")
    if kind is not None and kind not in kinds():
        raise LingjingError(
            "http.bad-parameter", name="kind", value=kind[:60], expected=", ".join(kinds())
        )
    total, rows = _of(request).objects(query.get("quantity"), kind, offset, limit)
    return answer(
        {"total": total, "offset": offset, "rows": [{**row, **_name(shelf, row)} for row in rows]}
    )


def state(request: Request) -> Response:
    """A layer's hourly difference, in the order of its features."""
    parameters, quantity = request.path_params, request.query_params.get("quantity")
    shelf, layer = _shelf(request), parameters["layer"]
    _of(request)  # runs of different districts are refused before their arrays are put together
    one, other = (
        json.loads(gzip.decompress(shelf.state(parameters[name], layer, quantity).compressed))
        for name in ("a", "b")
    )
    if one["quantity"] != other["quantity"]:
        raise LingjingError(
            "http.bad-parameter", name="quantity", value=quantity or "—", expected=one["quantity"]
        )
    return answer(difference(one, other))


def difference(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The state of one run taken from that of another; see `state_content` for what they hold.

    Hours that only one of the windows has are left out.
    """
    count, hours = one["features"], min(one["hours"], other["hours"])

    def unpacked(part: dict[str, Any], name: str, kind: str) -> NDArray[Any]:
        return np.frombuffer(base64.b64decode(part[name]), dtype=kind)

    hourly = [
        unpacked(part, "hourly", "u1").reshape(count, part["hours"] + 1)[:, : hours + 1]
        for part in (one, other)
    ]
    # 255 steps each way come down to 127, so that the greatest rise does not wrap to a fall
    change = np.rint((hourly[1].astype(np.float32) - hourly[0]) * (127.0 / 255.0)).astype(np.int8)
    chances = [unpacked(part, "probability", "<f4") for part in (one, other)]
    onsets = [unpacked(part, "onset_p50_hours", "<f4") for part in (one, other)]
    known = [unpacked(part, "known", "u1") for part in (one, other)]
    return {
        **{name: one[name] for name in ("layer", "quantity", "title", "start", "data_version")},
        "a": one["run"],
        "b": other["run"],
        "features": count,
        "hours": hours,
        "hourly_change": _packed(change),
        "probability_change": _packed((chances[1] - chances[0]).astype("<f4")),
        "onset_shift_hours": _packed((onsets[1] - onsets[0]).astype("<f4")),
        "known": _packed(known[0] & known[1]),
    }


def _packed(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _name(shelf: Shelf, row: dict[str, Any]) -> dict[str, Any]:
    kind = kinds()[row["kind"]]
    title = {"zh-CN": kind.title_zh, "en": kind.title_en}
    try:
        return {**named(shelf, row["id"]), "kind_title": title}
    except LingjingError:  # in one of the runs, but not in the twin as it is
        return {"kind_title": title}


def _threshold(request: Request) -> float:
    text = request.query_params.get("threshold")
    if text is None:
        return THRESHOLD
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value <= 1.0:
        raise LingjingError("http.bad-parameter", name="threshold", value=text[:60], expected="0–1")
    return value


def _of(request: Request) -> Comparison:
    return _comparisons.of(_shelf(request), request.path_params["a"], request.path_params["b"])


def _shelf(request: Request) -> Shelf:
    shelf: Shelf = request.app.state.shelf
    return shelf


def remedies(request: Request) -> Response:
    """What would change it: what could be done for one object, and what each would do."""
    shelf, parameters = _shelf(request), request.path_params
    reader, asset = shelf.reader(parameters["run"]), parameters["id"]
    record = reader.record()["request"]
    district = shelf.store.district(record["district"])
    if EntityId.parse(asset).district != district.name:
        raise LingjingError("http.other-district", id=asset, run=reader.name)
    twin = shelf.store.twin(district.name, record.get("branch", TRUNK))
    advisor: Advisor = request.app.state.advisor
    found = advisor.remedies(reader.folder, twin, shelf.version(district), asset)
    place = {name: index for index, name in enumerate(EVENT_ORDER)}

    def weight(event: dict[str, Any]) -> tuple[int, str]:
        return place.get(event["quantity"], len(place)), event["quantity"]

    ordered = [{**item, "events": sorted(item["events"], key=weight)} for item in found["remedies"]]
    return answer({**found, "events": sorted(found["events"], key=weight), "remedies": ordered})


ROUTES: Final = (
    Route("/api/v1/runs/{run}/assets/{id}/remedies", remedies, methods=["GET"]),
    Route("/api/v1/runs/{a}/compare/{b}", compare, methods=["GET"]),
    Route("/api/v1/runs/{a}/compare/{b}/objects", objects, methods=["GET"]),
    Route("/api/v1/runs/{a}/compare/{b}/state/{layer}", state, methods=["GET"]),
)
