"""The summary in words, for whoever is on duty: zh-CN first, then en, from the catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from lingjing.engine.run_content import MESSAGES, RunContent
from lingjing.engine.summary_facts import Facts
from lingjing.sdk import quantity
from lingjing.vocabulary import (
    LOCALES,
    Catalogue,
    Locale,
    catalogue,
    kinds,
    parse_instant,
    quantities,
)

WORK_SHOWN = 8
SUB_DISTRICTS_SHOWN = 6
RULES_SHOWN = 5
TONNE_KG = 1000.0
MARKERS: dict[Locale, str] = {"zh-CN": "<!-- zh-CN -->", "en": "<!-- en -->"}


class Wording:
    """Says the facts of one run in one language."""

    def __init__(self, content: RunContent, facts: Facts, locale: Locale) -> None:
        self.content = content
        self.facts = facts
        self.locale = locale
        self._texts: Catalogue = catalogue(MESSAGES)

    def text(self, key: str, **values: object) -> str:
        """A message of the catalogue."""
        return self._texts.text(f"summary.{key}", self.locale, **values)

    def word(self, section: str, name: str) -> str:
        """The word for a code, or the code itself where the catalogue has none."""
        return self._texts.texts[self.locale].get(f"{section}.{name}", name)

    def time(self, instant: str) -> str:
        """Local time to the hour, for people."""
        return self._clock("time", instant)

    def date_and_time(self, instant: str) -> str:
        """Local time to the hour, with its year."""
        return self._clock("dated", instant)

    def _clock(self, key: str, instant: str) -> str:
        local = self.local(instant)
        month = self._texts.text(f"month.{local.month}", self.locale)
        return self.text(key, year=local.year, month=month, day=local.day, hour=f"{local.hour:02d}")

    def span(self, middle: str, early: str, late: str) -> str:
        """A middle time and the two around it, the day said once where it is the same."""
        if self.time(early) == self.time(late):
            begun = middle == self.facts["window"]["start"]
            return self.text("at-start") if begun else self.time(middle)
        days = {self.local(item).date() for item in (middle, early, late)}
        values = {"median": self.time(middle), "early": self.time(early), "late": self.time(late)}
        if len(days) == 1:
            values |= {"early": self.hour(early), "late": self.hour(late)}
        return self.text("span", **values)

    def local(self, instant: str) -> datetime:
        """Local time, rounded to the hour."""
        moment = parse_instant(instant) + timedelta(minutes=30)
        return moment.astimezone(self.content.zone)

    def hour(self, instant: str) -> str:
        """The hour alone."""
        return self.text("hour", hour=f"{self.local(instant).hour:02d}")

    def note(self, text: str) -> str:
        """A remark in this language; remarks come as `zh / en`."""
        chinese, separator, english = text.partition(" / ")
        return text if not separator else chinese if self.locale == "zh-CN" else english

    def kind(self, name: str) -> str:
        """Title of a kind."""
        found = kinds()[name]
        return found.title_zh if self.locale == "zh-CN" else found.title_en.lower()

    def quantity(self, name: str) -> str:
        """Title of a quantity."""
        found = quantities()[name]
        return found.title_zh if self.locale == "zh-CN" else found.title_en.lower()

    def percent(self, share: float) -> str:
        """A probability for people: never a false 0 or 100."""
        if 0 < share < 0.01:
            return "<1%"
        if 0.99 < share < 1:
            return ">99%"
        return f"{share * 100:.0f}%"

    def count(self, value: float, total: float = math.inf) -> str:
        """A number rounded to what it is worth, two or three figures; never above the total."""
        if value == 0:
            return "0"
        if value < 1:
            return self.text("less-than-one")
        if value < 100:
            return f"{value:.0f}"
        step = 10 ** (len(str(int(value))) - 2 if value < 1000 else len(str(int(value))) - 3)
        return f"{min(round(value / step) * step, total):,.0f}"

    def degrees(self, value: float) -> str:
        """A temperature to a tenth, with a true minus sign."""
        number = f"{value + 0.0:.1f}".replace("-0.0", "0.0").replace("-", "−")
        return self.text("degrees", value=number)

    def name(self, titles: dict[str, str]) -> str:
        """The title in this language."""
        return titles[self.locale]

    def place(self, facts: Facts) -> str:
        """The place that these facts name, or words for an unknown one."""
        return facts["place" if self.locale == "zh-CN" else "place_en"] or self.text("somewhere")

    def struck(self, item: Facts) -> str:
        """What is struck and how: `水表箱冰堵`; the event alone where it names the thing."""
        texts = self._texts.texts[self.locale]
        pair = texts.get(f"pair.{item['kind']}_{item['quantity']}")
        return pair or self.text(
            "hazard-of",
            kind=self.kind(item["kind"]),
            hazard=self.quantity(item["quantity"]),
        )


def headline(wording: Wording) -> str:
    """The whole run in two sentences: what first, where, when, how surely, how much."""
    facts = wording.facts
    if facts["alarm"] is None:
        return wording.text("headline-asleep", hours=facts["window"]["hours"])
    first = facts["first"]
    if first is None:
        return wording.text("headline-nothing", hours=facts["window"]["hours"])
    struck = first["first"]
    key = "headline-likely" if struck["probability"] >= 0.5 else "headline-possible"
    sentence = wording.text(
        key,
        place=wording.place(struck),
        what=wording.struck(first),
        span=wording.span(struck["median"], struck["early"], struck["late"]),
        probability=wording.percent(struck["probability"]),
    )
    frozen = [item for item in facts["hazards"] if kinds()[item["kind"]].exposed]
    counts = wording.text("list-separator").join(
        _count(wording, item, item["expected"], item["assets"])
        for item in sorted(frozen or facts["hazards"], key=lambda item: -item["expected"])[:3]
        if item["expected"] >= 0.5
    )
    if counts:
        sentence += wording.text("headline-counts", hours=facts["window"]["hours"], counts=counts)
    return sentence


def _count(wording: Wording, item: Facts, expected: float, total: float = math.inf) -> str:
    key = "count-few" if 0.0 < expected < 1.0 else "count"
    return wording.text(key, what=wording.struck(item), expected=wording.count(expected, total))


def words(content: RunContent, facts: Facts, locale: Locale) -> str:
    """The summary in one language, as Markdown."""
    wording = Wording(content, facts, locale)
    blocks = [
        *_opening(wording),
        *_hazards(wording),
        *_sub_districts(wording),
        *_work(wording),
        *_uncertainty(wording),
        *_quality(wording),
    ]
    return "\n\n".join(blocks) + "\n"


def summary_document(content: RunContent, facts: Facts) -> str:
    """Both languages in one Markdown file, each behind its marker."""
    return "\n".join(f"{MARKERS[locale]}\n{words(content, facts, locale)}" for locale in LOCALES)


def part_of(document: str, locale: Locale) -> str:
    """One language's part of a summary document."""
    _, _, rest = document.partition(MARKERS[locale])
    for marker in MARKERS.values():
        rest = rest.partition(marker)[0]
    return rest.strip() + "\n"


def _opening(wording: Wording) -> Iterable[str]:
    facts = wording.facts
    window = facts["window"]
    yield "# " + wording.text(
        "title",
        district=wording.name(facts["district"]["title"]),
        scenario=wording.name(facts["scenario"]["title"]),
    )
    for label in facts["labels"]:
        yield f"> **{wording.name(label)}**"
    yield wording.text(
        "window",
        start=wording.date_and_time(window["start"]),
        end=wording.date_and_time(window["end"]),
        hours=window["hours"],
        zone=window["zone"],
    )
    yield f"**{headline(wording)}**"
    if facts["alarm"] is not None:
        level = wording.word("alarm", facts["alarm"]["level"])
        yield wording.text("alarm", level=level, text=wording.name(facts["alarm"]["text"]))


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _hazards(wording: Wording) -> Iterable[str]:
    struck = [item for item in wording.facts["hazards"] if item["first"] is not None]
    if not struck:
        return
    yield "## " + wording.text("hazards-title")
    head = [
        wording.text(f"hazards-{name}")
        for name in ("what", "expected", "homes", "where", "when", "chance")
    ]
    rows = []
    for item in sorted(struck, key=_table_order):
        first = item["first"]
        rows.append(
            [
                wording.struck(item),
                wording.text(
                    "of-all",
                    expected=wording.count(item["expected"], item["assets"]),
                    all=f"{item['assets']:,}",
                ),
                wording.count(item["expected_households"]) if item["expected_households"] else "—",
                wording.place(first),
                wording.span(first["median"], first["early"], first["late"]),
                wording.percent(first["probability"]),
            ]
        )
    yield _table(head, rows)
    yield wording.text("hazards-note")


def _table_order(item: Facts) -> tuple[bool, bool, float, float, str]:
    """Roads, then what holds water by households, then what frost itself does not harm."""
    kind = kinds()[item["kind"]]
    water = kind.exposed and "households" in kind.attributes
    order = (-item["expected_households"], -item["expected"], item["kind"])
    return (not kind.exposed, water, *order)


def _sub_districts(wording: Wording) -> Iterable[str]:
    found = [item for item in wording.facts["sub_districts"] if item["name"]]
    found = [item for item in found if sum(part["count"] for part in item["expected"]) >= 0.5]
    if len(found) < 2:
        return
    yield "## " + wording.text("areas-title")
    head = [wording.text(f"areas-{name}") for name in ("name", "homes", "when", "what")]
    rows = []
    for item in found[:SUB_DISTRICTS_SHOWN]:
        parts = [part for part in item["expected"] if kinds()[part["kind"]].exposed]
        parts = sorted(parts or item["expected"], key=lambda part: -part["count"])
        rows.append(
            [
                item["name" if wording.locale == "zh-CN" else "name_en"],
                wording.count(item["expected_households"]),
                wording.time(item["first"]) if item["first"] else "—",
                wording.text("list-separator").join(
                    _count(wording, part, part["count"])
                    for part in parts[:3]
                    if part["count"] >= 0.5
                ),
            ]
        )
    yield _table(head, rows)
    if len(found) > SUB_DISTRICTS_SHOWN:
        yield wording.text("areas-more", count=len(found) - SUB_DISTRICTS_SHOWN)


def _work(wording: Wording) -> Iterable[str]:
    work = wording.facts["work"]
    yield "## " + wording.text("work-title")
    if not work["jobs"]:
        yield wording.text("work-none")
        return
    yield wording.text(
        "work-total", jobs=f"{work['jobs']:,}", crew_hours=wording.count(work["crew_hours"])
    )
    shown = enumerate(work["groups"][:WORK_SHOWN], start=1)
    yield "\n".join(_group(wording, number, group) for number, group in shown)
    parts = [
        wording.text(
            "owner-jobs",
            owner=wording.word("owner", item["owner"]),
            jobs=f"{item['jobs']:,}",
            crew_hours=wording.count(item["crew_hours"]),
        )
        for item in work["by_owner"]
    ]
    if work["budget"] is None:  # else the crews' own lines say it
        yield wording.text("owners", parts=wording.text("list-separator").join(parts))
    yield from _budget(wording)


def _group(wording: Wording, number: int, group: Facts) -> str:
    """Jobs of one kind: how many, by whom, how far the stock reaches, and the first of them."""
    first = group["first"]
    early = first["onset_early"]
    head = wording.text(
        "group",
        title=wording.name(group["title"]),
        jobs=f"{group['jobs']:,}",
        owner=wording.text("owner", owner=wording.word("owner", group["owner"])),
        before=wording.text("before", early=wording.time(early)) if early else "",
        amount=wording.text("group-amount", amount=_amount(wording, group))
        if group["amount"]
        else "",
        covered=wording.text("group-covered", covered=f"{group['covered']:,}")
        if group["covered"] is not None and group["covered"] < group["jobs"]
        else "",
    )
    job = wording.text(
        "job", rank=first["rank"], title=wording.name(first["title"]),
        reason=wording.name(first["reason"]),
    )  # fmt: skip
    lines = [f"{number}. {head}", f"   - {job}"]
    if group["next"]:
        titles = [
            wording.text("job-short", rank=row["rank"], title=wording.name(row["title"]))
            for row in group["next"]
        ]
        lines.append("   - " + wording.text("next", titles=wording.text("and-then").join(titles)))
    return "\n".join(lines)


def _budget(wording: Wording) -> Iterable[str]:
    """How far material and crews reach, and what to ask for."""
    work = wording.facts["work"]
    budget = work["budget"]
    if budget is None:
        if work["material"]:
            amounts = [_amount(wording, item) for item in work["material"]]
            parts = wording.text("list-separator").join(amounts)
            yield wording.text("material", parts=parts)
        return
    yield "### " + wording.text("budget-title")
    yield wording.text(
        "budget",
        jobs=f"{budget['jobs']:,}",
        covered=f"{budget['covered']:,}",
        share=wording.percent(budget["harm_share_covered"]),
    )
    lines = [_use(wording, use, budget["shift_hours"]) for use in budget["uses"] if use["jobs"]]
    yield "\n".join(f"- {line}" for line in lines)
    yield wording.text("budget-note")


def _use(wording: Wording, use: Facts, shift_hours: float | None) -> str:
    """One resource in words: needed, held, how far it reaches, what to ask for."""
    crews = use["kind"] == "crew_hours"

    def said(value: float) -> str:
        if crews:
            return wording.text("crew-hours", hours=wording.count(value))
        return _amount(wording, {"amount": value, "unit": use["name"]})

    values = {
        "name": wording.word("owner" if crews else "material", use["name"].replace(" ", "_")),
        "needed": said(use["needed"]),
        "jobs": f"{use['jobs']:,}",
    }
    kind = "crew" if crews else "stock"
    if use["held"] is None:
        return wording.text(f"{kind}-unknown", **values)
    values |= {"held": said(use["held"]), "shift": f"{shift_hours or 0.0:g}"}
    if not use["short"]:
        return wording.text(f"{kind}-enough", **values)
    most = use["needed_for_most"] - use["held"]
    ask = wording.text("stock-most", most=said(most)) if most > 0 else wording.text("stock-ask")
    return wording.text(
        f"{kind}-short",
        **values,
        ask=ask,
        top=f"{use['covered_from_top']:,}",
        covered=f"{use['covered']:,}",
        share=wording.percent(use["harm_share_covered"]),
        short=said(use["short"]),
    )


def _amount(wording: Wording, item: dict[str, Any]) -> str:
    amount, unit = item["amount"], item["unit"].replace(" ", "_")
    if unit.startswith("kg") and amount >= TONNE_KG:
        amount, unit = amount / TONNE_KG, f"t{unit.removeprefix('kg')}"
        figures = f"{amount:.1f}" if amount < TONNE_KG else wording.count(amount)
    else:
        figures = wording.count(amount)
    return wording.text("amount", amount=figures, unit=wording.word("unit", unit))


def _uncertainty(wording: Wording) -> Iterable[str]:
    weather = wording.facts["weather"]
    yield "## " + wording.text("uncertainty-title")
    lowest = weather["air_minimum_degC"]
    key = "air-members" if weather["members"] > 1 else "air-single"
    yield wording.text(
        key,
        members=weather["members"],
        p10=wording.degrees(lowest["p10"]),
        p50=wording.degrees(lowest["p50"]),
        p90=wording.degrees(lowest["p90"]),
        time=wording.time(weather["air_minimum_at"]),
    )
    lines = [_coldest(wording, item) for item in wording.facts["coldest"]]
    lines += [wording.name(remark) for remark in wording.facts["remarks"]]
    if lines:
        yield "\n".join(f"- {line}" for line in lines)


def _coldest(wording: Wording, item: dict[str, Any]) -> str:
    return wording.text(
        "coldest",
        what=wording.quantity(item["quantity"]),
        kind=wording.kind(item["kind"]),
        place=wording.place(item),
        **{level: wording.degrees(item[level]) for level in ("p10", "p50", "p90")},
    )


def _quality(wording: Wording) -> Iterable[str]:
    facts = wording.facts
    quality, weather = facts["quality"], facts["weather"]
    yield "## " + wording.text("quality-title")
    total = sum(quality["values_by_provenance"].values())
    lines = []
    if total:
        shares = [
            f"{wording.word('provenance', kind)} {wording.percent(count / total)}"
            for kind, count in quality["values_by_provenance"].items()
        ]
        lines.append(wording.text("values", shares=wording.text("list-separator").join(shares)))
    rules = [_rule(wording, rule) for rule in quality["rules"][:RULES_SHOWN]]
    if rules:
        lines.append(wording.text("rules", parts=wording.text("list-separator").join(rules)))
    if quality["observed_to"]:
        lines.append(
            wording.text(
                "observed", start=quality["observed_from"][:10], end=quality["observed_to"][:10]
            )
        )
    methods: dict[str, list[str]] = {}
    noted = " ".join(weather["notes"])
    for name, method in weather["methods"].items():
        if method in noted:  # a remark tells it, in a sentence
            continue
        sign = quantity(name)
        title = sign.title_zh if wording.locale == "zh-CN" else sign.title_en.lower()
        methods.setdefault(method, []).append(title)
    parts = [
        wording.text(
            "by-method",
            names=wording.text("list-separator").join(names),
            method=wording.text("method-step").join(
                wording.word("method", step) for step in method.split("+")
            ),
        )
        for method, names in sorted(methods.items())
    ]
    parts_said = wording.text("clause-separator").join(parts) or wording.text("see-remarks")
    lines.append(wording.text("weather", name=weather["name"], parts=parts_said))
    lines += [wording.text("note", note=wording.note(note)) for note in weather["notes"]]
    lines.append(wording.text("attribution", parts="; ".join(facts["attribution"])))
    lines.append(wording.text("run", run=facts["run"], version=facts["scenario"]["version"]))
    yield "\n".join(f"- {line}" for line in lines)


def _rule(wording: Wording, rule: dict[str, Any]) -> str:
    key = "rule" if rule["confidence"] is None else "rule-confidence"
    return wording.text(
        key,
        rule=rule["rule"] or rule["source"],
        values=f"{rule['values']:,}",
        confidence=wording.percent(rule["confidence"] or 0.0),
    )
