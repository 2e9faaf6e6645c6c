"""The sun and the sky: solar position, clear-sky shortwave, clouds, downward longwave.

Every parameterisation has a name, a reference and an uncertainty; `METHODS` lists them for the
record of a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from lingjing.physics.arrays import FloatArray, Numbers, floats
from lingjing.physics.humidity import saturation_vapour_pressure_hPa
from lingjing.vocabulary import LingjingError, Place

SOLAR_CONSTANT_W_M2: Final = 1361.0
STEFAN_BOLTZMANN: Final = 5.670374419e-8  # W/m2K4
ZERO_C_IN_K: Final = 273.15


@dataclass(frozen=True, slots=True)
class Method:
    """A named parameterisation: where it comes from and how far it may be trusted.

    `uncertainty` is one standard deviation of an hourly value, in `unit`, as the reference or
    later comparisons give it.
    """

    name: str
    quantity: str
    reference: str
    uncertainty: float
    unit: str


METHODS: Final[dict[str, Method]] = {
    method.name: method
    for method in (
        Method(
            "haurwitz_1945",
            "shortwave_down",
            "Haurwitz (1945), J. Meteorol. 2, 154-166; ranked by Reno, Hansen & Stein (2012), "
            "SAND2012-2389",
            50.0,
            "W/m2",
        ),
        Method(
            "kasten_czeplak_1980",
            "cloud_transmission",
            "Kasten & Czeplak (1980), Solar Energy 24, 177-189, doi:10.1016/0038-092X(80)90391-6",
            0.15,
            "1",
        ),
        Method(
            "brutsaert_1975",
            "longwave_down",
            "Brutsaert (1975), Water Resour. Res. 11, 742-744, doi:10.1029/WR011i005p00742",
            20.0,
            "W/m2",
        ),
        Method(
            "prata_1996",
            "longwave_down",
            "Prata (1996), Q. J. R. Meteorol. Soc. 122, 1127-1151, doi:10.1002/qj.49712253306",
            15.0,
            "W/m2",
        ),
        Method(
            "erbs_1982",
            "direct_share",
            "Erbs, Klein & Duffie (1982), Solar Energy 28, 293-302, "
            "doi:10.1016/0038-092X(82)90302-4",
            0.12,
            "1",
        ),
    )
}


class SolarPosition(NamedTuple):
    """Where the sun stands; all in degrees but the equation of time.

    Attributes:
        elevation_deg: True (unrefracted) elevation of the sun's centre [°].
        azimuth_deg: Clockwise from north [°], 0 to 360.
        declination_deg: Declination [°].
        equation_of_time_min: Apparent minus mean solar time [min].
        distance_au: Distance from the earth [astronomical units].
    """

    elevation_deg: FloatArray
    azimuth_deg: FloatArray
    declination_deg: FloatArray
    equation_of_time_min: FloatArray
    distance_au: FloatArray


def solar_position(
    unix_seconds: npt.ArrayLike, longitude_deg: Numbers, latitude_deg: Numbers
) -> SolarPosition:
    """Position of the sun from the low-precision formulae of the Astronomical Almanac.

    Args:
        unix_seconds: UTC as seconds since 1970 (int64 or float), any shape.
        longitude_deg: East positive [°].
        latitude_deg: North positive [°].

    Returns:
        SolarPosition, shapes broadcast. Within 0.02° of the NREL algorithm from 1950 to 2050.

    References:
        Michalsky (1988), Solar Energy 40, 227-235, doi:10.1016/0038-092X(88)90045-X.

    >>> noon = solar_position(1703131200, 121.5, 31.3)  # 2023-12-21 04:00 UTC
    >>> round(float(noon.elevation_deg), 1), round(float(noon.declination_deg), 1)
    (35.2, -23.4)
    """
    days = floats(unix_seconds) / 86400.0 - 10957.5  # since 2000-01-01 12:00
    mean_longitude = np.mod(280.460 + 0.9856474 * days, 360.0)
    anomaly = np.radians(np.mod(357.528 + 0.9856003 * days, 360.0))
    ecliptic = np.radians(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.radians(23.439 - 4.0e-7 * days)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    lag_deg = np.mod(mean_longitude - np.degrees(right_ascension) + 180.0, 360.0) - 180.0
    sidereal_deg = 280.46061837 + 360.98564736629 * days + floats(longitude_deg)
    hour_angle = np.radians(np.mod(sidereal_deg, 360.0)) - right_ascension
    latitude = np.radians(floats(latitude_deg))
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(
        hour_angle
    )
    azimuth = np.arctan2(
        -np.cos(declination) * np.sin(hour_angle),
        np.sin(declination) * np.cos(latitude)
        - np.cos(declination) * np.sin(latitude) * np.cos(hour_angle),
    )
    distance = 1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly)
    return SolarPosition(
        np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))),
        np.mod(np.degrees(azimuth), 360.0),
        np.degrees(declination),
        4.0 * lag_deg,
        distance,
    )


def extraterrestrial_W_m2(position: SolarPosition) -> FloatArray:
    """Shortwave on a horizontal plane above the atmosphere [W/m²]; 0 with the sun down."""
    sine = np.maximum(np.sin(np.radians(position.elevation_deg)), 0.0)
    return SOLAR_CONSTANT_W_M2 * sine / position.distance_au**2


def clear_sky_shortwave_W_m2(position: SolarPosition) -> FloatArray:
    """Global shortwave on level ground under a cloudless sky (method `haurwitz_1945`).

    1098 sin(h) exp(-0.059/sin h), scaled with the distance of the sun.

    Args:
        position: From `solar_position`.

    Returns:
        Shortwave [W/m²], 0 with the sun down; about ±50 W/m² by turbidity.

    References:
        Haurwitz (1945), J. Meteorol. 2, 154-166.

    >>> noon = solar_position(1703131200, 121.5, 31.3)
    >>> round(float(clear_sky_shortwave_W_m2(noon)), -1)
    590.0
    """
    sine = np.sin(np.radians(position.elevation_deg))
    up = sine > 1e-3
    safe = np.where(up, sine, 1.0)
    return np.where(up, 1098.0 * safe * np.exp(-0.059 / safe), 0.0) / position.distance_au**2


def cloud_transmission(cloud_pct: Numbers) -> FloatArray:
    """Share of the clear-sky shortwave that comes through clouds (method `kasten_czeplak_1980`).

    1 - 0.75 N^3.4, N the cloud cover as a fraction.

    Args:
        cloud_pct: Cloud cover [%], held to 0..100.

    Returns:
        Transmission, 1 (clear) to 0.25 (overcast); hourly scatter about 0.15.

    >>> round(float(cloud_transmission(100.0)), 2)
    0.25
    """
    cover = np.clip(floats(cloud_pct), 0.0, 100.0) / 100.0
    return 1.0 - 0.75 * cover**3.4


def cloud_from_shortwave(shortwave_W_m2: Numbers, clear_sky_W_m2: Numbers) -> FloatArray:
    """Cloud cover [%] that explains a measured shortwave: the inverse of `cloud_transmission`.

    Args:
        shortwave_W_m2: Measured or forecast global shortwave [W/m²].
        clear_sky_W_m2: Clear-sky shortwave at the same times [W/m²].

    Returns:
        Cloud cover [%]; NaN where the clear sky would give less than 50 W/m² (night, low sun),
        where shortwave says nothing of clouds.
    """
    clear = floats(clear_sky_W_m2)
    bright = clear >= 50.0
    share = np.clip(floats(shortwave_W_m2) / np.where(bright, clear, 1.0), 0.25, 1.0)
    return np.where(bright, 100.0 * ((1.0 - share) / 0.75) ** (1.0 / 3.4), np.nan)


def direct_share(clearness: Numbers) -> FloatArray:
    """Share of global shortwave that is direct beam (method `erbs_1982`).

    Args:
        clearness: Global over extraterrestrial horizontal shortwave, held to 0..1.

    Returns:
        Direct share 0..0.835; hourly scatter about 0.12.

    References:
        Erbs, Klein & Duffie (1982), Solar Energy 28, 293-302.

    >>> round(float(direct_share(0.7)), 2)
    0.76
    """
    index = np.clip(floats(clearness), 0.0, 1.0)
    diffuse = 0.9511 - 0.1604 * index + 4.388 * index**2 - 16.638 * index**3 + 12.336 * index**4
    diffuse = np.where(index <= 0.22, 1.0 - 0.09 * index, diffuse)
    return 1.0 - np.where(index > 0.80, 0.165, diffuse)


def sky_emissivity(
    air_temperature_C: Numbers, dew_point_C: Numbers, method: str = "prata_1996"
) -> FloatArray:
    """Emissivity of a cloudless sky.

    Args:
        air_temperature_C: Air temperature 2 m above ground [°C].
        dew_point_C: Dew point [°C].
        method: `brutsaert_1975`, 1.24 (e/T)^(1/7), or `prata_1996`,
            1 - (1+w) exp(-sqrt(1.2+3w)) with w = 46.5 e/T; e in hPa, T in K.

    Returns:
        Emissivity, 0.6 to 1.

    Raises:
        LingjingError: `physics.unknown-method`.

    >>> [round(float(sky_emissivity(5.0, 0.0, name)), 2)
    ...  for name in ("brutsaert_1975", "prata_1996")]
    [0.72, 0.74]
    """
    vapour = saturation_vapour_pressure_hPa(dew_point_C)
    kelvin = floats(air_temperature_C) + ZERO_C_IN_K
    if method == "brutsaert_1975":
        emissivity: FloatArray = 1.24 * (vapour / kelvin) ** (1.0 / 7.0)
    elif method == "prata_1996":
        water = 46.5 * vapour / kelvin
        emissivity = 1.0 - (1.0 + water) * np.exp(-np.sqrt(1.2 + 3.0 * water))
    else:
        raise LingjingError(
            "physics.unknown-method",
            Place(field="method"),
            name=method,
            known="brutsaert_1975, prata_1996",
        )
    return np.minimum(emissivity, 1.0)


def longwave_down_W_m2(
    air_temperature_C: Numbers,
    dew_point_C: Numbers,
    cloud_pct: Numbers,
    method: str = "prata_1996",
) -> FloatArray:
    """Downward longwave from the sky, clouds included.

    L = (e_clear (1 - 0.84 N) + 0.84 N) sigma T^4: the cloudy part radiates nearly as a black body
    at air temperature (Unsworth & Monteith 1975).

    Args:
        air_temperature_C: Air temperature 2 m above ground [°C].
        dew_point_C: Dew point [°C].
        cloud_pct: Cloud cover [%], held to 0..100.
        method: Clear-sky emissivity, see `sky_emissivity`.

    Returns:
        Longwave [W/m²]; ±15 to 20 W/m² for a clear sky, ±25 under cloud of unknown height.

    References:
        Unsworth & Monteith (1975), Q. J. R. Meteorol. Soc. 101, 13-24, doi:10.1002/qj.49710142703.

    >>> round(float(longwave_down_W_m2(0.0, -3.0, 0.0)))
    231
    """
    cover = np.clip(floats(cloud_pct), 0.0, 100.0) / 100.0
    clear = sky_emissivity(air_temperature_C, dew_point_C, method)
    emissivity = clear * (1.0 - 0.84 * cover) + 0.84 * cover
    return emissivity * STEFAN_BOLTZMANN * (floats(air_temperature_C) + ZERO_C_IN_K) ** 4
