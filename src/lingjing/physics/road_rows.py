"""Where each quantity lies in a block of road columns."""

from __future__ import annotations

NODES = 14
BLOCK = 64

# rows of a block; the first eight groups have one row a node
T, CARRY, CHANGE, K, INVERSE, CAPACITY, FROZEN, FREEZABLE = (
    group * NODES * BLOCK for group in range(8)
)
(
    AIR, D_AIR, MIXING, D_MIXING, WIND, D_WIND, SUN, D_SUN, SKY, D_SKY,
    BELOW, D_BELOW, TARGET, D_TARGET, HOLD, LEAST_WIND, RAIN, SNOWFALL, TRAFFIC,
    WEAR_WATER, WEAR_SNOW, WEAR_ICE, WEAR_FROST, DRAIN, WATER, SNOW, ICE, FROST, SALT,
    ALBEDO, SNOW_ALBEDO, EMISSIVITY, FILM, PACKING, BELOW_H, NET, SURFACE_H, TOP_H,
    GAINED, TURNED, ARRIVED, LEFT, LACKING, FREE, FREEZING, TOTAL_H,
) = ((8 * NODES + row) * BLOCK for row in range(46))  # fmt: skip
SIZE = (8 * NODES + 46) * BLOCK
