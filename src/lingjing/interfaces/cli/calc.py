"""`lingjing calc`: single answers of the physics."""

from __future__ import annotations

from typing import Any

import click

from lingjing.engine.calc_pipe import PipeQuestion, calc_pipe
from lingjing.engine.calc_salt import calc_salt
from lingjing.interfaces.cli.frame import json_option, print_json, say


@click.group(help=say("help.calc"))
def calc() -> None:
    """Single answers of the physics."""


@calc.command(help=say("help.calc-pipe"))
@click.option("--nominal-mm", type=float, help=say("option.nominal-mm"))
@click.option("--material", default="galvanised_steel", show_default=True,
              help=say("option.material"))  # fmt: skip
@click.option("--insulation-mm", type=float, default=0.0, show_default=True,
              help=say("option.insulation-mm"))  # fmt: skip
@click.option("--air-temperature-c", type=float, required=True,
              help=say("option.air-temperature-c"))  # fmt: skip
@click.option("--water-temperature-c", type=float, default=5.0, show_default=True,
              help=say("option.water-temperature-c"))  # fmt: skip
@click.option("--film-coefficient", type=float, help=say("option.film-coefficient"))
@click.option("--insulation-conductivity", type=float, default=0.036, show_default=True,
              help=say("option.insulation-conductivity"))  # fmt: skip
@click.option("--inner-diameter-mm", type=float, help=say("option.inner-diameter-mm"))
@click.option("--wall-thickness-mm", type=float, help=say("option.wall-thickness-mm"))
@json_option
def pipe(
    nominal_mm: float | None,
    material: str,
    insulation_mm: float,
    air_temperature_c: float,
    water_temperature_c: float,
    film_coefficient: float | None,
    insulation_conductivity: float,
    inner_diameter_mm: float | None,
    wall_thickness_mm: float | None,
    as_json: bool,
) -> None:
    """How long a standing pipe takes to freeze."""
    answer = calc_pipe(
        PipeQuestion(
            nominal_mm=nominal_mm,
            material=material,
            insulation_mm=insulation_mm,
            air_temperature_C=air_temperature_c,
            water_temperature_C=water_temperature_c,
            film_coefficient_W_m2K=film_coefficient,
            insulation_conductivity_W_mK=insulation_conductivity,
            inner_diameter_mm=inner_diameter_mm,
            wall_thickness_mm=wall_thickness_mm,
        )
    )
    if as_json:
        print_json(answer)
        return
    given = answer["inputs"]
    click.echo(
        say(
            "calc.pipe",
            material=given["material"],
            inner=f"{given['inner_diameter_mm']:g}",
            wall=f"{given['wall_thickness_mm']:g}",
            insulation=f"{given['insulation_mm']:g}",
            film=f"{given['film_coefficient_W_m2K']:g}",
        )
    )
    for name in ("hours_to_zero", "hours_to_quarter_ice", "hours_to_plug"):
        click.echo(say(f"calc.{name.replace('_', '-')}", hours=_hours(answer[name])))


def _hours(value: Any) -> str:
    return say("calc.never") if value is None else say("calc.hours", hours=f"{value:.2f}")


@calc.command(help=say("help.calc-salt"))
@click.option("--road-temperature-c", type=float, required=True,
              help=say("option.road-temperature-c"))  # fmt: skip
@click.option("--water-film-mm", type=float, required=True, help=say("option.water-film-mm"))
@click.option("--present-g-m2", type=float, default=0.0, show_default=True,
              help=say("option.present-g-m2"))  # fmt: skip
@json_option
def salt(
    road_temperature_c: float, water_film_mm: float, present_g_m2: float, as_json: bool
) -> None:
    """How much salt the water on a road needs."""
    answer = calc_salt(road_temperature_c, water_film_mm, present_g_m2=present_g_m2)
    if as_json:
        print_json(answer)
        return
    click.echo(
        say(
            "calc.salt", dose=f"{answer['dose_g_m2']:.1f}", needed=f"{answer['needed_g_m2']:.1f}",
            share=f"{answer['concentration_pct']:.1f}", point=f"{answer['freezes_at_C']:.1f}",
        )
    )  # fmt: skip
