"""Figures about notifications are asked for whenever somebody looks."""

from __future__ import annotations

from prometheus_client import generate_latest

from lingjing.interfaces.http.operations import Meters


def test_figures_are_those_of_the_moment() -> None:
    figures = {"waiting_changes": 3, "dropped_changes": 0}
    meters = Meters()
    meters.show_notifications(lambda: figures)
    assert b'lingjing_notifications{what="waiting_changes"} 3.0' in generate_latest(meters.registry)
    figures["waiting_changes"] = 7
    assert b'lingjing_notifications{what="waiting_changes"} 7.0' in generate_latest(meters.registry)
