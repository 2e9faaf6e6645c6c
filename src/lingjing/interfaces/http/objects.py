"""`/runs/{run}/objects`: a district's objects in the light of a run, as a list or to take away."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from starlette.requests import Request
from starlette.responses import Response

from lingjing.interfaces.http.answers import answer
from lingjing.interfaces.http.layers import rounded_geometries
from lingjing.interfaces.http.queries import whole_number
from lingjing.interfaces.http.search import search_content
from lingjing.interfaces.http.selection import (
    MASKED,
    SORTS,
    Chosen,
    Filters,
    choose,
    choose_work,
    in_order,
    packed_mask,
    read_filters,
    read_quantities,
)
from lingjing.interfaces.http.shelf import Shelf
from lingjing.interfaces.http.table import Foreseen, ObjectTable
from lingjing.vocabulary import LingjingError, format_instant, kinds

MOST_ROWS: Final = 500
MOST_HITS: Final = 50
MEDIA: Final = {
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "parquet": "application/vnd.apache.parquet",
}


def _shelf(request: Request) -> Shelf:
    shelf: Shelf = request.app.state.shelf
    return shelf


class _Asked:
    """What a request about objects asks for."""

    def __init__(self, request: Request) -> None:
        shelf, run = _shelf(request), request.path_params["run"]
        self.head = shelf.head(run)
        self.table: ObjectTable = shelf.table(self.head["district"])
        self.foreseen: Foreseen = shelf.foreseen(run, read_quantities(request))
        self.hour = whole_number(request, "hour", 0, 0, 100_000)
        self.sort = request.query_params.get("sort", "chance")
        if self.sort not in SORTS:
            expected = ", ".join(SORTS)
            raise LingjingError(
                "http.bad-parameter", name="sort", value=self.sort[:60], expected=expected
            )
        falling = "1" if self.sort in ("chance", "probability") else "0"
        self.descending = request.query_params.get("descending", falling) == "1"
        index = lambda: shelf.index(self.head["district"])  # noqa: E731 one call, made where needed
        found = choose(self.table, self.foreseen, index, read_filters(request), self.hour)
        self.chosen: Chosen = in_order(
            self.table, self.foreseen, found, self.sort, descending=self.descending
        )


def objects(request: Request) -> Response:
    """A part of the objects that meet the filters, with counts and what the map needs."""
    offset = whole_number(request, "offset", 0, 0, 10_000_000)
    limit = whole_number(request, "limit", 50, 0, MOST_ROWS)
    asked = _Asked(request)
    rows = asked.chosen.rows
    content: dict[str, Any] = {
        "total": len(rows),
        "of": len(asked.table),
        "offset": offset,
        "hour": asked.hour,
        "sort": asked.sort,
        "descending": asked.descending,
        "rows": [_row(asked, int(row)) for row in rows[offset : offset + limit]],
        "facets": _facets(asked.chosen.facets),
    }
    place = asked.table.row_of.get(request.query_params.get("place_of", ""))
    if place is not None:
        found = np.flatnonzero(rows == place)
        content["place"] = int(found[0]) if found.size else None
    if request.query_params.get("masks") == "1":
        district, shelf = asked.table.district, _shelf(request)
        content["masks"] = {
            layer: packed_mask(asked.chosen.holding, shelf.rows_of_features(district, layer))
            for layer in MASKED
        }
    return answer(content)


def _facets(found: dict[str, dict[str, int]]) -> dict[str, list[dict[str, Any]]]:
    facets: dict[str, list[dict[str, Any]]] = {}
    for name, counts in found.items():
        pairs = counts.items()
        if name != "kind":  # kinds stay in the table's order
            pairs = dict(sorted(pairs, key=lambda item: (-item[1], item[0]))).items()
        facets[name] = [
            {"value": value, "count": count}
            | ({"title": _kind_title(value)} if name == "kind" else {})
            for value, count in pairs
        ]
    return facets


def _kind_title(name: str) -> dict[str, str]:
    return {"zh-CN": kinds()[name].title_zh, "en": kinds()[name].title_en}


def _number(value: float, digits: int = 4) -> float | None:
    return None if np.isnan(value) else round(float(value), digits)


def _onset(foreseen: Foreseen, row: int) -> str | None:
    hours = foreseen.onset_hours[row]
    if np.isnan(hours):
        return None
    return format_instant(
        datetime.fromtimestamp(round(foreseen.start_s + float(hours) * 3600), UTC)
    )


def _row(asked: _Asked, row: int) -> dict[str, Any]:
    table, foreseen = asked.table, asked.foreseen
    return {
        "id": str(table.ids[row]),
        "kind": table.kind.names[table.kind.codes[row]],
        "title": {"zh-CN": table.title_zh[row], "en": table.title_en[row]},
        "sub_district": table.street.names[table.street.codes[row]],
        "owner": table.owner.names[table.owner.codes[row]],
        "quantity": foreseen.quantity.names[foreseen.quantity.codes[row]],
        "chance": _number(asked.chosen.chance[row]),
        "probability": _number(foreseen.probability[row]),
        "onset": _onset(foreseen, row),
        "point": [
            round(float(table.longitude_deg[row]), 6),
            round(float(table.latitude_deg[row]), 6),
        ],
    }


EXPORT: Final = (
    *("id", "kind", "title_zh", "title_en", "sub_district", "owner", "quantity"),
    *("probability", "onset_p50_utc", "hour", "probability_at_hour"),
    *("longitude_deg", "latitude_deg", "run", "label"),
)


def _export_row(asked: _Asked, row: int, label: str) -> dict[str, Any]:
    found = _row(asked, row)
    return {
        "id": found["id"],
        "kind": found["kind"],
        "title_zh": found["title"]["zh-CN"],
        "title_en": found["title"]["en"],
        "sub_district": found["sub_district"],
        "owner": found["owner"],
        "quantity": found["quantity"],
        "probability": found["probability"],
        "onset_p50_utc": found["onset"],
        "hour": asked.hour,
        "probability_at_hour": found["chance"],
        "longitude_deg": found["point"][0],
        "latitude_deg": found["point"][1],
        "run": asked.head["run"],
        "label": label,
    }


def export_objects(request: Request) -> Response:
    """All objects that meet the filters as a file."""
    form = _form(request)
    asked = _Asked(request)
    label = label_of(asked.head)
    rows = [_export_row(asked, int(row), label) for row in asked.chosen.rows]
    if form == "geojson":
        shapes = rounded_geometries(asked.table.wkb[asked.chosen.rows]) if rows else []
        body = _geojson(shapes, rows)
    elif form == "parquet":
        body = _parquet(rows, EXPORT, asked.head)
    else:
        body = _csv(rows, EXPORT)
    return _attachment(body, form, f"{asked.head['run']}-objects.{form}")


WORK_EXPORT: Final = (
    *("rank", "id", "action", "title_zh", "title_en", "target", "sub_district", "owner"),
    *("hazard", "probability", "onset_p50_utc", "onset_p10_utc", "expected_failures"),
    *("expected_harm_households", "averted_share", "score", "effort_minutes", "amount"),
    *("amount_unit", "reason_zh", "reason_en", "longitude_deg", "latitude_deg", "run", "label"),
)


def export_work(request: Request) -> Response:
    """All work that meets the filters as a file."""
    form = _form(request)
    head, chosen = chosen_work(request)
    label = label_of(head)
    rows = [_work_row(row, head["run"], label) for row in chosen]
    if form == "geojson":
        shapes = [
            json.dumps({"type": "Point", "coordinates": [r["longitude_deg"], r["latitude_deg"]]})
            for r in rows
        ]
        body = _geojson(shapes, rows)
    elif form == "parquet":
        body = _parquet(rows, WORK_EXPORT, head)
    else:
        body = _csv(rows, WORK_EXPORT)
    return _attachment(body, form, f"{head['run']}-work.{form}")


def _work_row(row: dict[str, Any], run: str, label: str) -> dict[str, Any]:
    found = {name: row.get(name) for name in WORK_EXPORT}
    found["title_zh"], found["title_en"] = row["title"]["zh-CN"], row["title"]["en"]
    found["reason_zh"], found["reason_en"] = row["reason"]["zh-CN"], row["reason"]["en"]
    found["onset_p50_utc"], found["onset_p10_utc"] = row["onset"], row["onset_early"]
    return {**found, "run": run, "label": label}


def chosen_work(request: Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run's head, and the work that meets a request's filters, first rank first.

    Raises:
        LingjingError: `http.no-run`, `http.bad-parameter`.
    """
    shelf, run = _shelf(request), request.path_params["run"]
    head, filters = shelf.head(run), read_filters(request)

    def found() -> set[str]:
        table = shelf.table(head["district"])
        rows = shelf.index(head["district"]).rows(filters.text)
        return {str(urn) for urn in table.ids[rows]}

    action = request.query_params.get("action")
    return head, choose_work(shelf.work(run), filters, head["start"], found, action)


def chosen_ids(request: Request, run: str) -> set[str] | None:
    """Ids of the objects that meet a request's filters; None where it names none.

    Raises:
        LingjingError: `http.no-run`, `http.bad-parameter`.
    """
    filters = read_filters(request)
    if filters == Filters():
        return None
    shelf = _shelf(request)
    district = shelf.head(run)["district"]
    table = shelf.table(district)
    foreseen = shelf.foreseen(run, read_quantities(request))
    chosen = choose(table, foreseen, lambda: shelf.index(district), filters, 0)
    return {str(urn) for urn in table.ids[chosen.rows]}


def search(request: Request) -> Response:
    """Objects by name, address, id or pinyin."""
    shelf = _shelf(request)
    district = shelf.store.district(request.path_params["district"]).name
    wanted = request.query_params.get("q", "").strip()[:200]
    limit = whole_number(request, "limit", 8, 1, MOST_HITS)
    return answer(search_content(shelf.table(district), shelf.index(district), wanted, limit))


def label_of(head: dict[str, Any]) -> str:
    """What must stand on every product of a run, both languages in one."""
    return " ".join(text[locale] for locale in ("zh-CN", "en") for text in head["labels"])


def _form(request: Request) -> str:
    form: str = request.path_params["format"]
    if form not in MEDIA:
        expected = ", ".join(MEDIA)
        raise LingjingError("http.bad-parameter", name="format", value=form[:60], expected=expected)
    return form


def _attachment(body: bytes, form: str, name: str) -> Response:
    return Response(
        body,
        media_type=MEDIA[form],
        headers={
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


def cell(value: Any) -> Any:
    """A value for a table program, where a text that looks like a formula must stay a text."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value


def _csv(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([cell(row[name]) for name in columns] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _geojson(shapes: list[str], rows: list[dict[str, Any]]) -> bytes:
    features = (
        f'{{"type":"Feature","id":{json.dumps(row["id"], ensure_ascii=False)},'
        f'"geometry":{shape},"properties":{json.dumps(row, ensure_ascii=False)}}}'
        for shape, row in zip(shapes, rows, strict=True)
    )
    return f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}'.encode()


_NUMBERS: Final = frozenset(
    (
        *("probability", "probability_at_hour", "longitude_deg", "latitude_deg", "score"),
        *("expected_failures", "expected_harm_households", "averted_share", "effort_minutes"),
        "amount",
    )
)
_WHOLE: Final = frozenset(("rank", "hour"))


def _parquet(rows: list[dict[str, Any]], columns: tuple[str, ...], head: dict[str, Any]) -> bytes:
    def kind_of(name: str) -> pa.DataType:
        return pa.float64() if name in _NUMBERS else pa.int64() if name in _WHOLE else pa.string()

    schema = pa.schema(
        [(name, kind_of(name)) for name in columns],
        metadata={
            "lingjing.run": head["run"],
            "lingjing.synthetic": str(head["synthetic"]).lower(),
            "lingjing.label": label_of(head),
        },
    )
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), written)
    return written.getvalue()
