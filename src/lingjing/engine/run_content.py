"""Everything a finished run has to tell, before any of it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from lingjing.decision.work import Plan
from lingjing.engine.run_snapshot import Snapshot
from lingjing.sdk import Alarm, Foreseen, Manifest, Outcome, Outlook, Text
from lingjing.twin.entities import SourceRecord
from lingjing.twin.surroundings import NamedRoads, sub_district_names
from lingjing.twin.views import TwinView
from lingjing.vocabulary import LOCALES, LingjingError, Locale, Provenance, catalogue, kinds

MESSAGES = "lingjing.engine"


@dataclass(frozen=True)
class RunContent:
    """A run's inputs and what came of them.

    Attributes:
        run_id: Name of the run, made from its inputs alone.
        manifest: The scenario's promises.
        version: Version of the distribution that brings the scenario.
        twin: The whole district as it was.
        sources: The imports that make up the district.
        outlook: The weather the scenario saw.
        weather_provenance: Where the weather comes from.
        alarm: None where the scenario slept.
        foreseen: Its outcomes.
        plan: The ranked work.
        zone: Zone of local times shown to people.
        synthetic_readings: Some of what sensors said, and was listened to, is made up.
    """

    run_id: str
    manifest: Manifest
    version: str
    twin: Snapshot
    sources: tuple[SourceRecord, ...]
    outlook: Outlook
    weather_provenance: Provenance
    alarm: Alarm | None
    foreseen: Foreseen
    plan: Plan
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    synthetic_readings: bool = False

    @property
    def start(self) -> datetime:
        """First instant of the window, UTC."""
        return self.outlook.window.start

    def instant(self, hours: float) -> datetime:
        """An instant so many hours into the window, UTC, to the second."""
        return self.start + timedelta(seconds=round(hours * 3600))

    @cached_property
    def labels(self) -> tuple[Text, ...]:
        """What must stand on every product because something in it is made up."""
        texts = catalogue(MESSAGES)
        found: list[Text] = []
        if self.twin.district.synthetic or any(item.synthetic for item in self.sources):
            found.append(texts.both("label.district"))
        if self.outlook.synthetic:
            rebuilt = "reconstructed" in self.outlook.methods.values()
            found.append(texts.both("label.reconstruction" if rebuilt else "label.weather"))
        if self.synthetic_readings:
            found.append(texts.both("label.readings"))
        return tuple(found)

    def label(self, locale: Locale) -> str:
        """All labels in one line; empty where nothing is made up."""
        return " ".join(text[locale] for text in self.labels)

    @property
    def synthetic(self) -> bool:
        """Whether anything in the run is made up."""
        return bool(self.labels)

    @cached_property
    def attribution(self) -> tuple[str, ...]:
        """Whom to credit: every source of the district, then the weather."""
        thanked = [item.attribution for item in self.sources] + [self.outlook.attribution]
        return tuple(dict.fromkeys(text for text in thanked if text))

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes in order of kind and quantity, each with its assets in order of id."""
        ordered = sorted(self.foreseen.outcomes, key=lambda item: (item.kind, item.quantity))
        return tuple(_sorted(item) for item in ordered)

    @cached_property
    def principal_hazards(self) -> tuple[str, ...]:
        """Events that matter most: those the work averts, or every event where there is no work."""
        events = {item.quantity for item in self.outcomes if item.is_event}
        averted = {row.work.hazard for row in self.plan.rows} & events
        chosen = averted or events
        return tuple(name for name in self.manifest.emits if name in chosen)

    def events(self) -> Iterator[Outcome]:
        """The outcomes of the principal hazards."""
        return (
            item
            for name in self.principal_hazards
            for item in self.outcomes
            if item.quantity == name and item.is_event
        )

    def struck_by_frost(self) -> tuple[Outcome, ...]:
        """Principal hazards of what frost itself can harm; all of them where there is none."""
        found = tuple(item for item in self.events() if kinds()[item.kind].exposed)
        return found or tuple(self.events())

    @cached_property
    def _roads(self) -> NamedRoads:
        return NamedRoads(self.twin.view("RoadSegment"))

    @cached_property
    def _english(self) -> dict[str, str]:
        return sub_district_names(self.twin.view("SubDistrict"), self.twin.district.settings)

    def sub_district(self, name: str) -> dict[Locale, str]:
        """A sub-district's name in every language."""
        return {"zh-CN": name, "en": self._english.get(name, name)}

    def where(self, outcome: Outcome, row: int) -> dict[Locale, str]:
        """Sub-district, and name, building or nearest named road of one asset of an outcome.

        A language's text is empty where nothing of the kind is known.
        """
        view, rows = self.rows_of(outcome)
        index = int(rows[row])
        district = self.sub_district(str(view.text("sub_district", "")[index]))
        near = self._thing(view, index)
        texts = catalogue(MESSAGES)
        return {
            locale: texts.text("place.both", locale, district=district[locale], thing=near[locale])
            if district[locale] and near[locale]
            else district[locale] or near[locale]
            for locale in LOCALES
        }

    def _thing(self, view: TwinView, index: int) -> dict[Locale, str]:
        """One entity by its own name, its building's, or the nearest road that has one."""
        name, english = view.text("name", "")[index], view.text("name_en", "")[index]
        if not name:
            name = self._building_names.get(str(view.related("building")[index]), "")
        if name:
            return {"zh-CN": str(name), "en": str(english or name)}
        longitude, latitude = float(view.longitude_deg[index]), float(view.latitude_deg[index])
        road = self._roads.nearest(longitude, latitude)
        if road is None:
            return dict.fromkeys(LOCALES, "")
        texts = catalogue(MESSAGES)
        named: dict[Locale, str] = {"zh-CN": road[0], "en": road[1] or road[0]}
        return {locale: texts.text("place.near", locale, road=named[locale]) for locale in LOCALES}

    @cached_property
    def _building_names(self) -> dict[str, str]:
        view = self.twin.view("Building")
        pairs = zip(view.text("name", ""), view.text("address", ""), strict=True)
        return {
            str(key): str(name or address)
            for key, (name, address) in zip(view.ids, pairs, strict=True)
            if name or address
        }

    def rows_of(self, outcome: Outcome) -> tuple[TwinView, NDArray[np.intp]]:
        """The view of an outcome's kind, and the row of each of its assets there."""
        view = self.twin.view(outcome.kind)
        return view, rows_in(view, outcome.assets)


def rows_in(view: TwinView, ids: NDArray[np.object_]) -> NDArray[np.intp]:
    """Row of each id in a view.

    Raises:
        LingjingError: `run.no-outcome` for an id that the view does not hold.
    """
    place = {str(item): row for row, item in enumerate(view.ids)}
    try:
        return np.array([place[str(item)] for item in ids], dtype=np.intp)
    except KeyError as error:
        raise LingjingError("run.no-outcome", what=str(error.args[0])) from None


def both(key: str, **values: object) -> dict[Locale, str]:
    """A message of the engine in every language."""
    texts = catalogue(MESSAGES)
    return {locale: texts.text(key, locale, **values) for locale in LOCALES}


def _sorted(outcome: Outcome) -> Outcome:
    order = np.argsort(np.array([str(item) for item in outcome.assets], dtype=object))
    return Outcome(
        quantity=outcome.quantity,
        kind=outcome.kind,
        assets=outcome.assets[order],
        situation=outcome.situation[order].astype(np.int32),
        levels=outcome.levels,
        fan=outcome.fan,
        probability=outcome.probability,
        onset_hours=outcome.onset_hours,
        hourly=outcome.hourly,
        sensor_gain=outcome.sensor_gain,
    )
