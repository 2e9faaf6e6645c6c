"""The nodes of a road column: where they lie, what they hold, how heat passes between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lingjing.physics.arrays import FloatArray
from lingjing.physics.materials import RoadLayer
from lingjing.physics.road_rows import NODES
from lingjing.vocabulary import LingjingError, Place

GROUND_FIRST_SPACING_M = 0.01
GROUND_STRETCH = 1.4  # 14 nodes reach 1.96 m
_WATER_J_M3 = 1000.0 * 3.336e5  # latent heat of a cubic metre of water


def check_layers(layers: Sequence[RoadLayer]) -> None:
    """Refuse layers that cannot be built.

    Raises:
        LingjingError: `physics.bad-layer` for a layer of no thickness, without conductivity or
            capacity, or with an impossible share of water.
    """
    top = 0.0
    for number, layer in enumerate(layers, start=1):
        thickness = layer.bottom_m - top
        sound = (
            thickness > 0.0
            and 0.0 < layer.conductivity_W_mK <= 500.0
            and 1e4 <= layer.heat_capacity_J_m3K <= 1e7
            and 0.0 <= layer.moisture_m3_m3 <= 1.0
        )
        if not sound:
            raise LingjingError(
                "physics.bad-layer",
                Place(field=f"layers[{number}]"),
                number=number,
                thickness_m=round(thickness, 6),
                conductivity=layer.conductivity_W_mK,
                capacity=layer.heat_capacity_J_m3K,
                moisture=layer.moisture_m3_m3,
            )
        top = layer.bottom_m
    if not layers:
        raise LingjingError(
            "physics.bad-layer", Place(field="layers"), number=0, thickness_m=0.0,
            conductivity=0.0, capacity=0.0, moisture=0.0,
        )  # fmt: skip


def column_grid(layers: Sequence[RoadLayer], deck_thickness_m: float | None) -> FloatArray:
    """What each node of a column is made of.

    Nodes stretch downward in the ground, and crowd at both faces of a deck. Conductances and
    capacities are integrals over the layers, so a layer boundary need not fall on a node; the
    lowest layer reaches as deep as is asked for. The last conductance leads to the deep
    temperature (half a spacing on), and is 0 for a deck, whose lower face the kernel joins to the
    air.

    Args:
        layers: From the top down.
        deck_thickness_m: Thickness of a deck [m]; None for ground.

    Returns:
        Conductance to the node below [W/m²K], heat capacity [J/m²K], depth [m] and latent heat of
        freezable moisture [J/m²] of each node, [4, NODES].

    Raises:
        LingjingError: `physics.bad-layer`.
    """
    check_layers(layers)
    if deck_thickness_m is None:
        spacing = GROUND_FIRST_SPACING_M * GROUND_STRETCH ** np.arange(NODES - 1)
        depth = np.concatenate([[0.0], np.cumsum(spacing)])
    else:
        depth = 0.5 * deck_thickness_m * (1.0 - np.cos(np.pi * np.arange(NODES) / (NODES - 1)))
    bottoms = np.array([*(layer.bottom_m for layer in layers[:-1]), np.inf])
    tops = np.concatenate([[0.0], bottoms[:-1]])
    resistivity = np.array([1.0 / layer.conductivity_W_mK for layer in layers])
    capacity = np.array([layer.heat_capacity_J_m3K for layer in layers])
    moisture = np.array([layer.moisture_m3_m3 for layer in layers])

    def integral(values: FloatArray, upper: float, lower: float) -> float:
        overlap = np.minimum(bottoms, lower) - np.maximum(tops, upper)
        return float((np.maximum(overlap, 0.0) * values).sum())

    edges = np.concatenate([[depth[0]], 0.5 * (depth[1:] + depth[:-1]), [depth[-1]]])
    conductance = np.zeros(NODES)
    for node in range(NODES - 1):
        conductance[node] = 1.0 / integral(resistivity, depth[node], depth[node + 1])
    if deck_thickness_m is None:
        beyond = 0.5 * (depth[-1] - depth[-2])
        conductance[-1] = 1.0 / integral(resistivity, depth[-1], depth[-1] + beyond)
    heat = [integral(capacity, edges[node], edges[node + 1]) for node in range(NODES)]
    water = [integral(moisture, edges[node], edges[node + 1]) for node in range(NODES)]
    return np.stack([conductance, np.array(heat), depth, _WATER_J_M3 * np.array(water)])
