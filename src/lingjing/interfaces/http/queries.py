"""Reading a request's parameters."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from lingjing.vocabulary import LingjingError


def whole_number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number within bounds.

    Raises:
        LingjingError: `http.bad-parameter`.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise LingjingError(
        "http.bad-parameter", name=name, value=text[:60], expected=f"{least}–{most}"
    )


def box(request: Request) -> tuple[float, float, float, float] | None:
    """The box `bbox=west,south,east,north` [°], None where it is not given.

    Raises:
        LingjingError: `http.bad-parameter`.
    """
    text = request.query_params.get("bbox")
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west = south = east = north = float("nan")
    if -180 <= west <= east <= 180 and -90 <= south <= north <= 90:
        return west, south, east, north
    raise LingjingError(
        "http.bad-parameter", name="bbox", value=text[:80], expected="west,south,east,north"
    )


def facets(
    rows: list[dict[str, Any]], titles: dict[str, dict[str, str]]
) -> dict[str, list[dict[str, Any]]]:
    """How many rows there are of each action, owner and sub-district, the most first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in ("action", "owner", "sub_district"):
        counts: dict[str, int] = {}
        for row in rows:
            counts[row[name]] = counts.get(row[name], 0) + 1
        found[name] = [
            {"value": value, "count": count}
            | ({"title": titles[value]} if name == "action" else {})
            for value, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]
    return found
