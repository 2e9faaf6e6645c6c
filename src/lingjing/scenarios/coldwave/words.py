"""Small pieces of text that several jobs share, in every language at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from lingjing.scenarios.coldwave.blocks import MESSAGES
from lingjing.sdk import Foreseen, NamedRoads, Twin, sub_district_names
from lingjing.vocabulary import LOCAL_ZONE, LOCALES, Locale


class Phrase:
    """A field of a message that reads differently in each language."""

    def __init__(self, texts: Mapping[Locale, str]) -> None:
        self.texts = texts


def phrase(key: str, **values: object) -> Phrase:
    """A field from the catalogue."""
    return Phrase({locale: said(locale, key, values) for locale in LOCALES})


def said(locale: Locale, key: str, values: Mapping[str, object]) -> str:
    """A message in one language, its phrases in the same."""
    filled = {
        name: value.texts[locale] if isinstance(value, Phrase) else value
        for name, value in values.items()
    }
    return MESSAGES.text(key, locale, **filled)


def both(key: str, **values: object) -> dict[Locale, str]:
    """A message in every language."""
    # a place at the beginning or end may be empty
    return {locale: said(locale, key, values).strip() for locale in LOCALES}


def title_of(name: str, english: str) -> Phrase:
    """A thing's own name; its name in English where it has none in that language."""
    return Phrase({"zh-CN": name, "en": english or name})


def number(value: float, digits: int) -> str:
    """A number for people, with a true minus and no minus zero; a dash where there is none."""
    if math.isnan(value):
        return "—"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def share(value: float) -> str:
    """A probability as a whole percentage, without the sign."""
    return f"{value * 100:.0f}"


def clock_words(instant: datetime) -> Phrase:
    """An instant to the hour, local time: `12月21日05时`, `21 Dec 05:00`."""
    local = (instant + timedelta(minutes=30)).astimezone(LOCAL_ZONE)
    month = phrase(f"month.{local.month}")
    return phrase("onset.time", month=month, day=local.day, hour=f"{local.hour:02d}")


def onset_words(foreseen: Foreseen, hours: float) -> Phrase:
    """When: local time where the window is known, else hours after its start."""
    if math.isnan(hours):
        return phrase("onset.unknown")
    if foreseen.window is None:
        return phrase("onset.hours", hours=f"{hours:.0f}")
    return clock_words(foreseen.window.start + timedelta(hours=round(hours)))


class Places:
    """Says where things are, in every language."""

    def __init__(self, twin: Twin) -> None:
        self._roads = NamedRoads(twin.view("RoadSegment"))
        self._english = sub_district_names(twin.view("SubDistrict"), twin.district.settings)

    def sub_district(self, name: str, fallback_key: str = "place.none") -> Phrase:
        """A sub-district by its name."""
        return title_of(name, self._english.get(name, "")) if name else phrase(fallback_key)

    def within(self, name: str) -> Phrase:
        """A sub-district as the end of a place in English, its beginning in Chinese."""
        if not name:
            return phrase("place.none")
        return phrase("place.within", place=self.sub_district(name))

    def thing(
        self,
        names: tuple[object, object],
        fallback_key: str,
        longitude_deg: float,
        latitude_deg: float,
        identity: str = "",
    ) -> Phrase:
        """A thing by its own name; else what it is, near the nearest road that has a name.

        Args:
            names: Its name and English name, either may be None.
            fallback_key: Message with what it is.
            longitude_deg, latitude_deg: Where it is, WGS 84.
            identity: Number that tells it from its neighbours; may be empty.
        """
        name, english = names
        if name:
            return Phrase({"zh-CN": str(name), "en": str(english or name)})
        what = phrase(fallback_key)
        if identity:
            what = phrase("place.numbered", what=what, number=identity)
        road = self._roads.nearest(longitude_deg, latitude_deg)
        if road is None:
            return what
        return phrase("place.near", what=what, road=title_of(*road))
