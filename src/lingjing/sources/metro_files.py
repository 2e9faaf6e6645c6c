"""METRo's files: weather and observations in, its roadcast in and out.

METRo (Environment Canada) takes `forecast.xml` and `observation.xml` and gives `roadcast.xml`.
Rain and snow of a forecast are totals since its start (mm, and cm of snow, a centimetre counting
as a millimetre of water), wind is in km/h, cloud in octas. Times are UTC.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from lingjing.sources.series_csv import LIMITS, on_hours
from lingjing.vocabulary import LingjingError, Place
from lingjing.vocabulary.series import HourlySeries, Values

KMH: Final = 3.6
# element → column, factor from METRo's unit to ours
_FORECAST: Final = {
    "at": ("air_temperature_C", 1.0),
    "td": ("dew_point_C", 1.0),
    "ws": ("wind_speed_m_s", 1.0 / KMH),
    "cc": ("cloud_cover_octas", 1.0),
    "sf": ("shortwave_down_W_m2", 1.0),
    "ir": ("longwave_down_W_m2", 1.0),
}
_OBSERVATION: Final = {
    "at": ("air_temperature_C", 1.0),
    "td": ("dew_point_C", 1.0),
    "ws": ("wind_speed_m_s", 1.0 / KMH),
    "st": ("road_temperature_C", 1.0),
}
_ROADCAST: Final = _FORECAST | {
    "st": ("road_temperature_C", 1.0),
    "ra": ("water_mm", 1.0),
    "sn": ("snow_mm", 1.0),
}
# root → element of a row, of its time, and what its elements are
_KINDS: Final = {
    "forecast": ("prediction", "forecast-time", _FORECAST),
    "observation": ("measure", "observation-time", _OBSERVATION),
    "roadcast": ("prediction", "roadcast-time", _ROADCAST),
}


def read_metro(text: str, file: str) -> HourlySeries:
    """A forecast, observation or roadcast of METRo as a series.

    Raises:
        LingjingError: `series.unreadable`, `series.not-metro`, and as CSV files of measurements.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise LingjingError("series.unreadable", Place(file), detail="DOCTYPE")
    try:
        root = ET.fromstring(text)  # noqa: S314 entities were refused above
    except ET.ParseError as fault:
        raise LingjingError("series.unreadable", Place(file), detail=str(fault)) from None
    if root.tag not in _KINDS:
        raise LingjingError("series.not-metro", Place(file, field=root.tag), found=root.tag)
    row_name, time_name, known = _KINDS[root.tag]
    rows = list(root.iter(row_name))
    if not rows:
        raise LingjingError("series.no-rows", Place(file, field=row_name))
    seconds: list[int] = []
    names = [name for name, _ in known.values()]
    table = np.full((len(rows), len(names) + 1), np.nan)
    for number, row in enumerate(rows):
        place = Place(file, field=f"{row_name}[{number + 1}].{time_name}")
        moment = _moment(row.findtext(time_name), place)
        if seconds and moment <= seconds[-1]:
            raise LingjingError("series.disorder", place, value=row.findtext(time_name))
        seconds.append(moment)
        for column, (element, (name, factor)) in enumerate(known.items()):
            here = Place(file, field=f"{row_name}[{number + 1}].{element}")
            table[number, column] = _value(row.findtext(element), name, factor, here)
    if root.tag == "forecast":
        table[:, -1] = _rate(rows, seconds, file)
        names.append("precipitation_mm_h")
    times, columns = on_hours(seconds, table[:, : len(names)], names, Place(file, field=time_name))
    kept = {name: values for name, values in columns.items() if np.isfinite(values).any()}
    return HourlySeries(file, times, kept)


def _moment(text: str | None, place: Place) -> int:
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        raise LingjingError("series.bad-time", place, value=text or "-") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _value(text: str | None, name: str, factor: float, place: Place) -> float:
    if text is None or not text.strip():
        return math.nan
    try:
        value = float(text) * factor
    except ValueError:
        raise LingjingError("series.not-a-number", place, name=name, value=text) from None
    if math.isnan(value):
        return value
    lower, upper = LIMITS[name]
    if not lower <= value <= upper:
        raise LingjingError(
            "series.impossible", place, name=name, value=value, lower=lower, upper=upper
        )
    return value


def _rate(rows: Sequence[ET.Element], seconds: Sequence[int], file: str) -> Values:
    """Precipitation [mm/h] from totals of rain [mm] and snow [cm]; the first row starts them."""
    total = np.zeros(len(rows))
    for number, row in enumerate(rows):
        for element in ("ra", "sn"):
            place = Place(file, field=f"prediction[{number + 1}].{element}")
            value = _value(row.findtext(element), "snow_mm", 1.0, place)
            total[number] += 0.0 if math.isnan(value) else value
    hours = np.diff(np.array(seconds)) / 3600.0
    rate = np.maximum(np.diff(total), 0.0) / hours
    return np.concatenate([[0.0], rate])


def write_metro_forecast(series: HourlySeries, station: str = "lingjing") -> str:
    """The weather of a series as METRo's `forecast.xml`; gaps are left out of
    their rows, and what falls below 0 °C is snow."""
    fall = np.nan_to_num(series.columns.get("precipitation_mm_h", np.zeros(series.hours)))
    fall[0] = 0.0
    cold = np.nan_to_num(series.columns["air_temperature_C"], nan=1.0) < 0.0
    rain, snow = np.cumsum(np.where(cold, 0.0, fall)), np.cumsum(np.where(cold, fall, 0.0))

    def more(row: ET.Element, hour: int) -> None:
        _put(row, "ra", rain[hour], 2)
        _put(row, "sn", snow[hour], 2)

    return _document("forecast", series, station, more)


def write_metro_observation(series: HourlySeries, station: str = "lingjing") -> str:
    """The observations of a series as METRo's `observation.xml`."""
    return _document("observation", series, station, None)


def write_metro_roadcast(
    series: HourlySeries, conditions: Sequence[int] | None = None, station: str = "lingjing"
) -> str:
    """A road's course as METRo's `roadcast.xml`.

    Args:
        series: `road_temperature_C`, stores, and what weather is to stand beside them.
        conditions: METRo's code of the road condition by hour.
        station: Name of the road station.
    """

    def more(row: ET.Element, hour: int) -> None:
        if conditions is not None:
            ET.SubElement(row, "rc").text = str(int(conditions[hour]))

    return _document("roadcast", series, station, more)


def _document(
    kind: str, series: HourlySeries, station: str, more: Callable[[ET.Element, int], None] | None
) -> str:
    row_name, time_name, known = _KINDS[kind]
    root = ET.Element(kind)
    header = ET.SubElement(root, "header")
    ET.SubElement(header, "version").text = "1.0"
    ET.SubElement(header, "road-station").text = station
    ET.SubElement(header, "filetype").text = "rwis-observation" if kind == "observation" else kind
    body = ET.SubElement(root, "measure-list" if kind == "observation" else "prediction-list")
    for hour, time in enumerate(series.times.astype("datetime64[m]")):
        row = ET.SubElement(body, row_name)
        ET.SubElement(row, time_name).text = f"{time}Z"
        for element, (name, factor) in known.items():
            if name in series.columns:
                _put(row, element, series.columns[name][hour] / factor, 2)
        if more is not None:
            more(row, hour)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _put(row: ET.Element, element: str, value: float, digits: int) -> None:
    if math.isfinite(value):
        ET.SubElement(row, element).text = f"{value:.{digits}f}"
