"""Sun and sky, against pvlib and the published forms."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from lingjing.physics.radiation import (
    METHODS,
    clear_sky_shortwave_W_m2,
    cloud_from_shortwave,
    cloud_transmission,
    direct_share,
    extraterrestrial_W_m2,
    longwave_down_W_m2,
    sky_emissivity,
    solar_position,
)
from lingjing.vocabulary import LingjingError

SHANGHAI = (121.5, 31.3)


def _year(step_h: int = 7) -> np.ndarray:
    start = int(np.datetime64("2024-01-01T00:00", "s").astype(np.int64))
    return start + np.arange(0, 366 * 24, step_h, dtype=np.int64) * 3600


@pytest.mark.parametrize("place", [SHANGHAI, (-70.0, -33.0), (25.0, 68.0)])
def test_sun_stands_where_pvlib_puts_it(place: tuple[float, float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        from pvlib import solarposition

        seconds = _year()
        times = pd.to_datetime(seconds, unit="s", utc=True)
        truth = solarposition.spa_python(times, place[1], place[0], how="numpy")
    ours = solar_position(seconds, *place)
    assert np.abs(ours.elevation_deg - truth["elevation"].to_numpy()).max() < 0.02
    assert np.abs(ours.equation_of_time_min - truth["equation_of_time"].to_numpy()).max() < 0.05
    high = ours.elevation_deg < 80
    turn = np.abs((ours.azimuth_deg - truth["azimuth"].to_numpy() + 180) % 360 - 180)
    assert turn[high].max() < 0.1


def test_clear_sky_is_the_haurwitz_model_of_pvlib() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        from pvlib import clearsky

        position = solar_position(_year(), *SHANGHAI)
        zenith = pd.Series(90.0 - position.elevation_deg)
        truth = clearsky.haurwitz(zenith)["ghi"].to_numpy()
    ours = clear_sky_shortwave_W_m2(position) * position.distance_au**2
    assert ours == pytest.approx(truth, abs=0.5)
    assert ours.max() > 900


def test_no_sun_at_night_and_never_more_than_above_the_air() -> None:
    position = solar_position(_year(), *SHANGHAI)
    clear = clear_sky_shortwave_W_m2(position)
    assert (clear[position.elevation_deg <= 0] == 0).all()
    assert (clear <= extraterrestrial_W_m2(position) + 1e-9).all()


def test_direct_share_is_the_erbs_model_of_pvlib() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pvlib import irradiance

    index = np.linspace(0.02, 0.95, 40)
    zenith = 60.0
    above = irradiance.get_extra_radiation(80) * np.cos(np.radians(zenith))
    truth = irradiance.erbs(index * above, np.full(40, zenith), 80)
    assert direct_share(index) == pytest.approx(1.0 - truth["dhi"] / (index * above), abs=2e-3)


def test_cloud_cover_comes_back_from_its_own_shortwave() -> None:
    cover = np.array([10.0, 40.0, 75.0, 100.0])
    assert cloud_from_shortwave(500.0 * cloud_transmission(cover), 500.0) == pytest.approx(cover)
    assert np.isnan(cloud_from_shortwave(0.0, 10.0))


def test_cloud_transmission_falls_from_one_to_a_quarter() -> None:
    shares = cloud_transmission(np.linspace(0, 100, 21))
    assert shares[0] == 1.0
    assert shares[-1] == pytest.approx(0.25)
    assert (np.diff(shares) <= 0).all()


def test_sky_emissivity_follows_the_published_forms() -> None:
    # 10 hPa at 20 degC: Brutsaert 1.24 (10/293.15)^(1/7); Prata with w = 1.586 g/cm2
    dew = 6.98
    assert float(sky_emissivity(20.0, dew, "brutsaert_1975")) == pytest.approx(0.7654, abs=2e-3)
    water = 46.5 * 10.0 / 293.15
    prata = 1 - (1 + water) * np.exp(-np.sqrt(1.2 + 3 * water))
    assert float(sky_emissivity(20.0, dew, "prata_1996")) == pytest.approx(prata, abs=2e-3)


def test_clouds_warm_the_sky_up_to_nearly_a_black_body() -> None:
    clear, overcast = longwave_down_W_m2(0.0, -5.0, [0.0, 100.0])
    black = 5.670374419e-8 * 273.15**4
    assert clear < overcast < black
    assert overcast > 0.93 * black


def test_an_unknown_method_is_named_with_those_that_exist() -> None:
    with pytest.raises(LingjingError) as caught:
        sky_emissivity(0.0, 0.0, "guess")
    assert caught.value.code == "physics.unknown-method"
    assert "prata_1996" in caught.value.remedy("en")


def test_every_method_states_reference_and_uncertainty() -> None:
    assert METHODS
    for name, method in METHODS.items():
        assert method.name == name
        assert method.uncertainty > 0
        assert any(
            year.isdigit() and len(year) == 4
            for year in method.reference.replace("(", " ").replace(")", " ").split()
        )
