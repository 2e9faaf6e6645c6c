"""A road under weather that has been: its course, with the spread of what is unknown."""

# Field names carry units as they are written (°C, W/m²).
# ruff: noqa: N815

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingjing.forecast.completion import clear_sky, generator, note
from lingjing.forecast.road_forcing import (
    ENVELOPE_TRUSTED_H,
    LONGEST_GAP_H,
    bridged,
    clear_sky_envelope,
    complete_forcing,
    deep_temperature_C,
    despiked,
    wandering,
)
from lingjing.physics.materials import ROAD_BUILDS, RoadBuild, RoadMaterial
from lingjing.physics.radiation import direct_share, extraterrestrial_W_m2, solar_position
from lingjing.physics.road import (
    RoadColumns,
    RoadForcing,
    RoadHistory,
    RoadParameters,
    RoadReadings,
    RoadShade,
    simulate_roads,
)
from lingjing.physics.sampling import latin_hypercube, triangular
from lingjing.physics.shading import lit_share, sky_view_factor
from lingjing.vocabulary import LingjingError, Place
from lingjing.vocabulary.series import HourlySeries, Values

MEMBERS: Final = 32
SETTLE_DAYS: Final = 3
STRUCTURAL_SD_C: Final = 1.0
"""Doubt that remains when all parameters are right (assumed: open-loop models with measured
forcing reach an RMSE of 1 to 1.5 °C)."""
STRUCTURAL_MEMORY_H: Final = 12.0
SHORTEST_H: Final = 3
DEEP_C: Final = (-40.0, 40.0)
"""Ground at 2 m lies between these wherever roads are built."""
# Albedo of pavements in use: asphalt 0.05 new to 0.20 old, concrete 0.20 old to 0.40 new (Pomerantz
# et al. 2003, Lawrence Berkeley National Laboratory 52972; Taha et al. 1992, LBL-31721).
ALBEDO: Final = {
    RoadMaterial.ASPHALT: (0.08, 0.15, 0.20),
    RoadMaterial.CONCRETE: (0.20, 0.27, 0.35),
    RoadMaterial.PAVING_STONES: (0.15, 0.20, 0.30),
    RoadMaterial.GRAVEL: (0.15, 0.20, 0.30),
}
# Exchange in the assumed wind of 3 m/s over RoadSurf's 25 W/m2K, by the published forms: ISO 6946
# (4 + 4 v = 16), McAdams 1954 (5.7 + 3.8 v = 17.1), RoadSurf itself.
FILM_OF_ASSUMED_WIND: Final = (0.64, 0.68, 1.0)
BRIDGED: Final = (
    "air_temperature_C", "dew_point_C", "relative_humidity_pct", "wind_speed_m_s",
    "shortwave_down_W_m2", "longwave_down_W_m2", "cloud_cover_octas", "precipitation_mm_h",
)  # fmt: skip
NEEDED: Final = ("air_temperature_C", "shortwave_down_W_m2")
LEVELS: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Correction:
    """What a declared calibration found for a place: added to, or multiplying, the defaults.

    Attributes:
        albedo_factor: Multiplies the albedo.
        longwave_offset_W_m2: Added to the sky's longwave [W/m²].
        film_factor: Multiplies the turbulent exchange.
    """

    albedo_factor: float = 1.0
    longwave_offset_W_m2: float = 0.0
    film_factor: float = 1.0


@dataclass(frozen=True)
class RoadSite:
    """What is known of the road; what is None is unknown and sampled or left out.

    Attributes:
        material: Name of a `RoadMaterial` in small letters; None samples asphalt and concrete.
        albedo: Of the dry surface; None samples `ALBEDO` of the material.
        bridge: A deck with air below.
        deck_thickness_m: Of the deck [m].
        build: Layers in place of the material's own.
        sky_view_factor: Share of the sky seen; None takes what the horizon leaves, else all of it.
        horizon_deg: How high what surrounds the road stands, clockwise from north [°]; with the
            coordinates it tells when the sun comes in.
        traffic_per_day: Vehicles a day.
        deep_temperature_C: Ground at 2 m at the start [°C]; None takes the mean air of the first
            ten days.
        longitude_deg, latitude_deg: WGS 84; needed only where shortwave is not measured.
        correction: Of a declared calibration.
    """

    material: str | None = None
    albedo: float | None = None
    bridge: bool = False
    deck_thickness_m: float = 0.45
    build: RoadBuild | None = None
    sky_view_factor: float | None = None
    horizon_deg: tuple[float, ...] | None = None
    traffic_per_day: float = 0.0
    deep_temperature_C: float | None = None
    longitude_deg: float | None = None
    latitude_deg: float | None = None
    correction: Correction = field(default_factory=Correction)

    @property
    def view(self) -> float:
        """Sky view factor: given, or what the horizon leaves."""
        if self.sky_view_factor is not None:
            return self.sky_view_factor
        if self.horizon_deg is None:
            return 1.0
        return float(sky_view_factor([self.horizon_deg])[0])

    @property
    def place(self) -> tuple[float, float] | None:
        """Longitude and latitude, where both are known."""
        if self.longitude_deg is None or self.latitude_deg is None:
            return None
        return self.longitude_deg, self.latitude_deg


@dataclass(frozen=True)
class Part:
    """One unbroken stretch of a hindcast.

    Attributes:
        first: Index of its first hour in the record.
        members_C: Surface temperature [members, hours].
        stores: `water_mm`, `snow_mm`, `ice_mm`, `frost_mm` → mean over the members [hours].
    """

    first: int
    members_C: Values
    stores: Mapping[str, Values]

    @property
    def hours(self) -> int:
        """Its length."""
        return int(self.members_C.shape[1])

    def level(self, name: str) -> Values:
        """Mean of the members for `road_temperature_C`, a percentile for `p10` and the like."""
        if name == "road_temperature_C":
            mean: Values = self.members_C.mean(axis=0)
            return mean
        share = float(name[1:]) / 100.0
        return np.asarray(np.quantile(self.members_C, share, axis=0))


@dataclass(frozen=True)
class Hindcast:
    """A road through a record.

    Attributes:
        series: The record.
        parts: Unbroken stretches, in order.
        methods: Column → how it was had.
        bridged_h: Column → hours bridged.
        splits: First and last hour of each gap too long to bridge.
        notes: Remarks, zh-CN / en.
    """

    series: HourlySeries
    parts: Sequence[Part]
    methods: Mapping[str, str]
    bridged_h: Mapping[str, int]
    splits: Sequence[tuple[int, int]]
    notes: Sequence[str]

    def column(self, name: str) -> Values:
        """A column of the result on the record's hours, NaN where the run is split.

        `road_temperature_C` is the mean of the members; `p10` … `p90` are its percentiles.
        """
        out = np.full(self.series.hours, np.nan)
        for part in self.parts:
            where = slice(part.first, part.first + part.hours)
            if name in part.stores:
                out[where] = part.stores[name]
            else:
                out[where] = part.level(name)
        return out

    def members(self) -> Values:
        """Surface temperature [members, hours], NaN where the run is split."""
        out = np.full((self.parts[0].members_C.shape[0], self.series.hours), np.nan)
        for part in self.parts:
            out[:, part.first : part.first + part.hours] = part.members_C
        return out


def hindcast_road(
    series: HourlySeries,
    site: RoadSite | None = None,
    *,
    members: int = MEMBERS,
    seed: int = 7,
    step_s: float = 60.0,
    readings: Values | None = None,
    gain: float = 1.0,
) -> Hindcast:
    """Run a road through a record of the weather, open loop unless readings are given.

    Gaps of up to six hours are bridged linearly; longer ones of air temperature or shortwave split
    the run, and each part settles on three repetitions of its first day. Other gaps are
    parameterised like a column that is missing.

    Args:
        series: At least `air_temperature_C`, and `shortwave_down_W_m2` or the site's coordinates.
        site: What is known of the road.
        members: Samples of the unknown, for each material that may be.
        seed: Of the samples.
        step_s: Time step of the physics [s].
        readings: Of a sensor in the road [hours], NaN where it is silent [°C]: see `RoadReadings`.
        gain: Share of the flux that they show to be lacking that is carried on.

    Returns:
        Hindcast; no NaN within its parts.

    Raises:
        LingjingError: `hindcast.no-air`, `hindcast.no-sun`, `hindcast.too-short`, or of the
            physics.
    """
    chosen = site or RoadSite()
    if "air_temperature_C" not in series.columns:
        raise LingjingError("hindcast.no-air", Place(series.name, field="air_temperature_C"))
    columns, counts, spikes = _without_gaps(series)
    clear = None
    if "shortwave_down_W_m2" in columns:
        clear = _clear_sky(series, columns["shortwave_down_W_m2"], chosen)
    elif chosen.place is None:
        raise LingjingError("hindcast.no-sun", Place(series.name, field="shortwave_down_W_m2"))
    whole = np.ones(series.hours, dtype=bool)
    for name in NEEDED:
        if name in columns:
            whole &= np.isfinite(columns[name])
    stretches = _stretches(whole)
    if not stretches:
        raise LingjingError("hindcast.too-short", Place(series.name), hours=SHORTEST_H)
    methods: dict[str, str] = {}
    parts = []
    said = np.full(series.hours, np.nan) if readings is None else readings
    ask = _Ask(chosen, members, seed, step_s, said, gain)
    for first, stop in stretches:
        part, used = _run_part(series, columns, clear, first, stop, ask)
        parts.append(part)
        methods |= used
    splits = _gaps_between(whole, stretches)
    notes = _notes(methods, counts, splits, series)
    if spikes:
        notes.append(note("hindcast.spikes", hours=spikes))
    if clear is not None and chosen.place is None and series.hours < ENVELOPE_TRUSTED_H:
        notes.append(note("hindcast.short", hours=series.hours, wanted=int(ENVELOPE_TRUSTED_H)))
    return Hindcast(series, parts, methods, counts, splits, notes)


def _without_gaps(series: HourlySeries) -> tuple[dict[str, Values], dict[str, int], int]:
    """Columns with short gaps bridged, hours bridged by column, and spikes of the air taken out."""
    columns, counts, spikes = {}, {}, 0
    for name in BRIDGED:
        if name in series.columns:
            values = series.columns[name]
            if name == "air_temperature_C":
                values, spikes = despiked(values)
            columns[name], counts[name] = bridged(values)
    return columns, counts, spikes


def _clear_sky(series: HourlySeries, shortwave: Values, site: RoadSite) -> Values:
    if site.place is not None:
        return clear_sky(series.times + np.timedelta64(1800, "s"), *site.place)
    return clear_sky_envelope(shortwave)


def _stretches(whole: np.ndarray) -> list[tuple[int, int]]:
    """Unbroken runs of hours long enough to be worth a part."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]]).astype(np.int8)))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(first, stop) for first, stop in pairs if stop - first >= SHORTEST_H]


def _gaps_between(whole: np.ndarray, stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    covered = np.zeros(whole.size, dtype=bool)
    for first, stop in stretches:
        covered[first:stop] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ~covered, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


@dataclass(frozen=True)
class _Ask:
    """What stays the same from part to part."""

    site: RoadSite
    members: int
    seed: int
    step_s: float
    readings: Values
    gain: float


def _run_part(
    series: HourlySeries,
    columns: Mapping[str, Values],
    clear: Values | None,
    first: int,
    stop: int,
    ask: _Ask,
) -> tuple[Part, dict[str, str]]:
    """Settle on the first day, then run; every material that may be is pooled."""
    site, members = ask.site, ask.members
    day = np.arange(first, min(first + 24, stop))
    lead = np.tile(np.resize(day, 24), SETTLE_DAYS)
    index = np.concatenate([lead, np.arange(first, stop)])
    # the clock runs on through the repetitions, so that the sun of a place stays in step
    times = series.times[first] + (np.arange(index.size) - lead.size) * np.timedelta64(3600, "s")
    done = complete_forcing(
        {name: values[index] for name, values in columns.items()},
        members=members,
        seed=ask.seed,
        clear_W_m2=None if clear is None else clear[index],
        times=times,
        place=site.place,
        trust=1.0 if site.place is not None else min(1.0, series.hours / ENVELOPE_TRUSTED_H),
    )
    air = done.air_temperature_C[0]
    start = site.deep_temperature_C
    if start is None:
        start = float(air[lead.size : lead.size + 240].mean())
    deep = np.clip(deep_temperature_C(air, start), *DEEP_C)
    forcing = RoadForcing(
        done.air_temperature_C,
        done.dew_point_C,
        done.wind_speed_m_s,
        done.shortwave_down_W_m2,
        done.longwave_down_W_m2,
        done.precipitation_mm_h,
        np.full(index.size, 1.0 / 24.0),
        np.broadcast_to(deep, (members, index.size)),
    )
    names = [RoadMaterial.ASPHALT, RoadMaterial.CONCRETE]
    if site.material is not None:
        names = [RoadMaterial[site.material.upper()]]
    said = ask.readings[index]
    said[: lead.size] = np.nan
    windy = done.methods["wind_speed_m_s"] == "measured"
    shade = _shade(site, times, done.shortwave_down_W_m2)
    readings = RoadReadings(said[None], ask.gain) if np.isfinite(said).any() else None
    histories = [
        _one_material(material, ask, forcing, lead.size, shade, readings, windy=windy)
        for material in names
    ]
    surface = np.concatenate([item.surface_temperature_C[0] for item in histories])
    doubt = _structural(surface.shape[0], surface.shape[1], ask.seed)
    surface = surface + doubt * _forgotten(said[lead.size :])
    stores = {
        name: np.concatenate([getattr(item, name)[0] for item in histories]).mean(
            axis=0, dtype=np.float64
        )
        for name in ("water_mm", "snow_mm", "ice_mm", "frost_mm")
    }
    return Part(first, surface, stores), dict(done.methods)


def _shade(site: RoadSite, times: NDArray[np.datetime64], shortwave: Values) -> RoadShade | None:
    """When the sun reaches a road whose horizon and place are known."""
    if site.horizon_deg is None or site.place is None:
        return None
    seconds = times.astype("datetime64[s]").astype(np.int64)[:, None]
    position = solar_position(seconds + np.arange(-25, 30, 10)[None, :] * 60, *site.place)
    hours, within = position.elevation_deg.shape
    lit = lit_share(
        [site.horizon_deg], position.azimuth_deg.reshape(-1), position.elevation_deg.reshape(-1)
    ).reshape(hours, within)
    up = np.maximum((position.elevation_deg > 0.0).sum(axis=1), 1)
    beyond = extraterrestrial_W_m2(position).mean(axis=1)
    clearness = np.where(beyond > 10.0, shortwave / np.maximum(beyond, 10.0), 0.0)
    return RoadShade((lit.sum(axis=1) / up)[None], direct_share(clearness))


def _forgotten(readings: Values) -> Values:
    """How much of the structural doubt has come back since the last reading, 0 to 1 [hours]."""
    known = np.isfinite(readings)
    hours = np.arange(readings.size)
    last = np.maximum.accumulate(np.where(known, hours, -1))
    since = np.where(last < 0, np.inf, hours - last)
    share: Values = np.sqrt(1.0 - np.exp(-2.0 * since / STRUCTURAL_MEMORY_H))
    return share


def _structural(members: int, hours: int, seed: int) -> Values:
    """What no parameter explains: the model is not the road. In pairs that leave the mean alone."""
    half = wandering(
        members // 2, hours, STRUCTURAL_MEMORY_H, generator(seed, "hindcast.structural")
    )
    noise = np.zeros((members, hours))
    noise[: members // 2], noise[members - members // 2 :] = half, -half
    return STRUCTURAL_SD_C * noise


def _one_material(
    material: RoadMaterial,
    ask: _Ask,
    forcing: RoadForcing,
    lead: int,
    shade: RoadShade | None,
    readings: RoadReadings | None,
    *,
    windy: bool,
) -> RoadHistory:
    site, members = ask.site, ask.members
    rng = generator(ask.seed, f"hindcast.{material.name}")
    drawn = RoadParameters.sampled(members, rng)
    build = site.build or ROAD_BUILDS[material]
    albedos, films = latin_hypercube(members, 2, rng)
    spread = triangular(albedos, *ALBEDO[material])
    film = drawn.film_factor if windy else triangular(films, *FILM_OF_ASSUMED_WIND)
    albedo = spread if site.albedo is None else np.full(members, site.albedo)
    found = site.correction
    drawn = replace(
        drawn,
        albedo_factor=albedo / build.albedo * found.albedo_factor,
        longwave_offset_W_m2=drawn.longwave_offset_W_m2 + found.longwave_offset_W_m2,
        film_factor=film * found.film_factor,
    )
    columns = RoadColumns(
        bridge=np.array([site.bridge]),
        surface_material=np.zeros(1),
        sky_view_factor=site.view,
        traffic_per_day=site.traffic_per_day,
        deck_thickness_m=site.deck_thickness_m if site.bridge else 0.0,
        builds=(build,),
    )
    return simulate_roads(
        columns, forcing, drawn, shade=shade, readings=readings, first_output=lead,
        step_s=ask.step_s,
    )  # fmt: skip


def _notes(
    methods: Mapping[str, str],
    counts: Mapping[str, int],
    splits: Sequence[tuple[int, int]],
    series: HourlySeries,
) -> list[str]:
    notes = list(series.notes)
    notes += [
        note("hindcast.bridged", column=name, hours=count, longest=LONGEST_GAP_H)
        for name, count in counts.items()
        if count
    ]
    notes += [
        note("hindcast.split", start=series.time_text(a), end=series.time_text(b), hours=b - a + 1)
        for a, b in splits
    ]
    notes += [
        note("hindcast.method", column=name, method=method)
        for name, method in methods.items()
        if method != "measured"
    ]
    return notes
