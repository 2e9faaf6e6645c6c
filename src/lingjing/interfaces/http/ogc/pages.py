"""The same contents as small pages, for people who open an address in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from lingjing.interfaces.http.ogc.describing import OGC, text
from lingjing.vocabulary import Locale

MOST_ROWS: Final = 200
STYLE: Final = """\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; }
body { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
nav { font-size: 0.9rem; }
h1 { font-size: 1.5rem; margin: 0.5rem 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid color-mix(in srgb, currentColor 25%, transparent);
  padding: 0.35rem 0.6rem; text-align: start; vertical-align: top; }
thead th { position: sticky; top: 0; background: Canvas; }
pre { overflow-x: auto; padding: 1rem;
  background: color-mix(in srgb, currentColor 8%, transparent); }
a:focus-visible { outline: 3px solid; outline-offset: 2px; }
footer { margin-top: 2rem; font-size: 0.9rem; }
"""


def landing_page(content: dict[str, Any], locale: Locale) -> str:
    """The first page."""
    links = [
        (item["href"], item["title"])
        for item in content["links"]
        if item.get("title") and item["rel"] != "service-doc"
    ]
    return _page(
        content["title"], f"<p>{escape(content['description'])}</p>{_links(links)}", locale
    )


def conformance_page(content: dict[str, Any], locale: Locale) -> str:
    """The conformance classes."""
    items = "".join(f"<li>{escape(item)}</li>" for item in content["conformsTo"])
    return _page(text("landing.conformance", locale), f"<ul>{items}</ul>", locale)


def collections_page(content: dict[str, Any], locale: Locale) -> str:
    """All collections."""
    rows = [
        (
            _link(f"{OGC}/collections/{item['id']}", item["title"]),
            escape(item["id"]),
            _link(f"{OGC}/collections/{item['id']}/items", text("collection.items", locale)),
        )
        for item in content["collections"]
    ]
    heads = [text(f"page.{name}", locale) for name in ("title", "id", "items")]
    return _page(text("landing.collections", locale), _table(heads, rows), locale)


def collection_page(content: dict[str, Any], locale: Locale) -> str:
    """One collection."""
    here = f"{OGC}/collections/{content['id']}"
    links = [
        (f"{here}/items", text("collection.items", locale)),
        (f"{here}/queryables", text("collection.queryables", locale)),
    ]
    bounds = ", ".join(f"{number:.5f}" for number in content["extent"]["spatial"]["bbox"][0])
    start = content["extent"]["temporal"]["interval"][0][0] or "—"
    facts = [
        (text("page.id", locale), escape(content["id"])),
        (text("page.extent", locale), bounds),
        (text("page.since", locale), escape(start)),
        (text("page.systems", locale), "<br>".join(escape(item) for item in content["crs"])),
    ]
    body = f"<p>{escape(content['description'])}</p>{_facts(facts)}{_links(links)}"
    return _page(content["title"], body, locale, [(f"{OGC}/collections", "collections")])


def queryables_page(content: dict[str, Any], collection: str, locale: Locale) -> str:
    """What filters may name."""
    rows = [
        (
            escape(name),
            escape(told.get("title", "")),
            escape(str(told.get("format") or told.get("type", ""))),
            escape(str(told.get("x-ogc-unit", ""))),
            escape(told.get("description") or ", ".join(told.get("enum", []))),
        )
        for name, told in content["properties"].items()
    ]
    heads = [text(f"page.{name}", locale) for name in ("name", "title", "type", "unit", "meaning")]
    return _page(content["title"], _table(heads, rows), locale, _way(collection))


def items_page(content: dict[str, Any], collection: str, title: str, locale: Locale) -> str:
    """A page of features."""
    features = content["features"][:MOST_ROWS]
    names = list(features[0]["properties"]) if features else []
    rows = [
        (
            _link(f"{OGC}/collections/{collection}/items/{item['id']}", _local(item["id"])),
            *(_cell(item["properties"].get(name)) for name in names),
        )
        for item in features
    ]
    told = text("page.count", locale, shown=len(features), matched=content["numberMatched"])
    following = [
        (item["href"] + "&f=html", text("page.next", locale))
        for item in content["links"]
        if item["rel"] == "next"
    ]
    body = f"<p>{escape(told)}</p>{_table([text('page.id', locale), *names], rows)}"
    return _page(title, body + _links(following), locale, _way(collection))


def feature_page(content: dict[str, Any], collection: str, locale: Locale) -> str:
    """One feature, with how each value is known."""
    known = content.get("provenance", {})
    rows = [
        (escape(name), _cell(value), escape(_told(known.get(name, {}))))
        for name, value in content["properties"].items()
        if value is not None
    ]
    heads = [text(f"page.{name}", locale) for name in ("name", "value", "provenance")]
    title = content["properties"].get("name") or content["id"]
    way = [*_way(collection), (f"{OGC}/collections/{collection}/items", "items")]
    return _page(title, f"<p>{escape(content['id'])}</p>{_table(heads, rows)}", locale, way)


def api_page(content: dict[str, Any], locale: Locale) -> str:
    """The description of the interface."""
    rows = [
        (escape(path), escape(told["get"]["summary"])) for path, told in content["paths"].items()
    ]
    heads = [text(f"page.{name}", locale) for name in ("address", "meaning")]
    pretty = escape(json.dumps(content, ensure_ascii=False, indent=1))
    return _page(text("landing.api", locale), f"{_table(heads, rows)}<pre>{pretty}</pre>", locale)


def _page(title: str, body: str, locale: Locale, way: Sequence[tuple[str, str]] = ()) -> str:
    steps = " / ".join(
        _link(address, name) for address, name in ((OGC, text("landing.title", locale)), *way)
    )
    return (
        f'<!doctype html><html lang="{locale}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="{OGC}/style.css"></head>'
        f"<body><nav>{steps}</nav><main><h1>{escape(title)}</h1>{body}</main>"
        f"<footer>{escape(text('page.footer', locale))}</footer></body></html>\n"
    )


def _way(collection: str) -> list[tuple[str, str]]:
    return [
        (f"{OGC}/collections", "collections"),
        (f"{OGC}/collections/{collection}", collection),
    ]


def _local(entity_id: str) -> str:
    return entity_id.rsplit(":", 1)[-1]


def _cell(value: Any) -> str:
    return "" if value is None else escape(str(value))


def _told(provenance: dict[str, Any]) -> str:
    return "; ".join(
        str(provenance[name]) for name in ("kind", "source", "rule") if provenance.get(name)
    )


def _link(address: str, name: str) -> str:
    return f'<a href="{escape(address)}">{escape(name)}</a>'


def _links(links: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<li>{_link(*item)}</li>" for item in links)
    return f"<ul>{items}</ul>" if items else ""


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{value}</td></tr>' for name, value in facts
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are HTML already."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
