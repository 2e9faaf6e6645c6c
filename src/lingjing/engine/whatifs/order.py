"""What a what-if asks for, and whether it can be done."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from lingjing.engine.weather import list_weather
from lingjing.forecast.changed import WeatherChanges, check_changes
from lingjing.sdk import LingjingError, Place
from lingjing.twin.ledger import TRUNK
from lingjing.vocabulary import Kind, kinds, quantities, words

LONGEST_NAME: Final = 80
LONGEST_NOTE: Final = 2000
DEPOT: Final = "Depot"
CHANGEABLE_WORDS: Final = ("material", "location", "surface", "bridge", "ramp", "tunnel")
Value = float | str | bool


class Near(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Within a distance of a point: WGS 84 [°], radius [m]."""

    longitude_deg: float
    latitude_deg: float
    radius_m: float


class Select(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which assets; all conditions hold together, an empty one asks for nothing.

    Attributes:
        kind: Kind of asset.
        ids: These URNs.
        sub_districts: In any of these.
        owners, locations: With any of these.
        buildings: In any of these buildings, by URN.
        building_name: In buildings whose name or address holds this text, such as a village's.
        age_classes: In buildings of these classes.
        near: Around a point.
        bare: Only those without insulation.
    """

    kind: str
    ids: tuple[str, ...] = ()
    sub_districts: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    buildings: tuple[str, ...] = ()
    building_name: str = ""
    age_classes: tuple[str, ...] = ()
    near: Near | None = None
    bare: bool = False


class AssetChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What changes at the selected assets.

    Attributes:
        select: Which.
        set: Attribute → its new value.
        scale: Quantity → factor of the value it has; assets without one are left.
    """

    select: Select
    set: dict[str, Value] = {}
    scale: dict[str, float] = {}


class WeatherOrder(WeatherChanges, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another weather: changes, and another kept record where one is named."""

    record: str = ""

    def changes(self) -> WeatherChanges:
        """The changes alone."""
        return WeatherChanges(
            self.air_temperature_shift_C,
            self.spread_scale,
            self.wind_speed_scale,
            self.precipitation_scale,
        )


class Supplies(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Factors of what all depots hold, 0 to 100."""

    salt_stock: float = 1.0
    straw_mats: float = 1.0
    crews: float = 1.0

    def as_change(self) -> AssetChange | None:
        """The same as a change of depots; None where nothing changes."""
        scale = {
            name: float(getattr(self, name))
            for name in self.__struct_fields__
            if getattr(self, name) != 1.0
        }
        return AssetChange(Select(DEPOT), scale=scale) if scale else None


class Changes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that differs from the base run. Empty, it repeats the base run: a control."""

    weather: WeatherOrder = WeatherOrder()
    assets: tuple[AssetChange, ...] = ()
    supplies: Supplies = Supplies()

    def of_assets(self) -> tuple[AssetChange, ...]:
        """The changes of assets, depots among them."""
        more = self.supplies.as_change()
        return self.assets if more is None else (*self.assets, more)


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A what-if as it is asked for.

    Attributes:
        name: Name of the what-if, and of its branch.
        run: Name of the base run, of which everything else is taken: district, window, weather,
            members and seed.
        changes: What differs.
        note: For people.
    """

    name: str
    run: str
    changes: Changes = Changes()
    note: str = ""


def read_order(body: bytes) -> Order:
    """An order from JSON; not yet checked.

    Raises:
        LingjingError: `whatif.bad-order`.
    """
    try:
        return msgspec.json.decode(body, type=Order)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LingjingError("whatif.bad-order", Place(field="body"), detail=str(error)) from None


def read_changes(text: bytes, file: str) -> Changes:
    """Changes from a JSON file; not yet checked.

    Raises:
        LingjingError: `whatif.bad-order`.
    """
    try:
        return msgspec.json.decode(text, type=Changes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LingjingError("whatif.bad-order", Place(file), detail=str(error)) from None


def as_plain(changes: Changes) -> dict[str, Any]:
    """The changes as a record keeps them: what differs from nothing."""
    supplies = Supplies()
    plain: dict[str, Any] = {
        "weather": changes.weather.changes().as_dict(),
        "assets": [_plain_change(change) for change in changes.assets],
        "supplies": {
            name: getattr(changes.supplies, name)
            for name in supplies.__struct_fields__
            if getattr(changes.supplies, name) != getattr(supplies, name)
        },
    }
    if changes.weather.record:
        plain["weather"]["record"] = changes.weather.record
    return {name: part for name, part in plain.items() if part}


def _plain_change(change: AssetChange) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(change)
    plain["select"] = {name: part for name, part in plain["select"].items() if part}
    return {name: part for name, part in plain.items() if part}


def check_order(order: Order, data_dir: Path) -> None:
    """Refuse what cannot be done, before anything is made.

    Raises:
        LingjingError: `whatif.bad-name`, `whatif.unknown-weather`, `whatif.unknown-kind`,
            `whatif.unknown-attribute`, `whatif.bad-value`, `forecast.bad-change`.
    """
    check_name(order.name)
    if len(order.note) > LONGEST_NOTE:
        raise LingjingError(
            "whatif.bad-value", Place(field="note"), name="note",
            value=f"{len(order.note)}", expected=f"≤ {LONGEST_NOTE}",
        )  # fmt: skip
    weather = order.changes.weather
    check_changes(weather.changes())
    if weather.record:
        known = list_weather(data_dir)
        # only records that are kept: a path would let a request read any file
        if weather.record not in known:
            shown = ", ".join(known) or "—"
            place = Place(field="changes.weather.record")
            raise LingjingError(
                "whatif.unknown-weather", place, name=weather.record[:80], known=shown
            )
    for name in order.changes.supplies.__struct_fields__:
        _factor(f"supplies.{name}", float(getattr(order.changes.supplies, name)))
    check_assets(order.changes)


def check_assets(changes: Changes) -> None:
    """Refuse changes of assets that cannot be done.

    Raises:
        LingjingError: `whatif.unknown-kind`, `whatif.unknown-attribute`, `whatif.bad-value`.
    """
    for position, change in enumerate(changes.assets):
        _check_change(change, f"changes.assets[{position}]")


def check_name(name: str) -> None:
    """Refuse what cannot name a what-if and its branch.

    Raises:
        LingjingError: `whatif.bad-name`.
    """
    fine = (
        0 < len(name) <= LONGEST_NAME
        and name.isprintable()
        and name == name.strip()
        and name != TRUNK
        and "/" not in name
        and not any(0xD800 <= ord(letter) < 0xE000 for letter in name)
    )
    if not fine:
        raise LingjingError("whatif.bad-name", Place(field="name"), name=ascii(name[:LONGEST_NAME]))


def changeable_kinds() -> tuple[str, ...]:
    """Kinds that a what-if can change: what frost harms, and depots."""
    return tuple(item.name for item in kinds().values() if item.exposed or item.name == DEPOT)


def changeable(kind: Kind) -> tuple[str, ...]:
    """Attributes of a kind that a what-if can change."""
    return tuple(
        name for name in kind.attributes if name in quantities() or name in CHANGEABLE_WORDS
    )


def _check_change(change: AssetChange, field: str) -> None:
    known = changeable_kinds()
    name = change.select.kind
    if name not in known:
        raise LingjingError(
            "whatif.unknown-kind", Place(field=f"{field}.select.kind"), kind=name[:60],
            known=", ".join(known),
        )  # fmt: skip
    kind = kinds()[name]
    near = change.select.near
    if near is not None:
        _check_near(near, f"{field}.select.near")
    for attribute in (*change.set, *change.scale):
        if attribute not in changeable(kind):
            raise LingjingError(
                "whatif.unknown-attribute", Place(field=field), kind=name,
                name=attribute[:60], known=", ".join(changeable(kind)),
            )  # fmt: skip
    for attribute, value in change.set.items():
        check_value(attribute, value, f"{field}.set.{attribute}")
    for attribute, factor in change.scale.items():
        if attribute not in quantities():
            raise LingjingError(
                "whatif.bad-value", Place(field=f"{field}.scale.{attribute}"),
                name=attribute, value=factor, expected="set",
            )  # fmt: skip
        _factor(f"{field}.scale.{attribute}", factor)


def check_value(attribute: str, value: Value, field: str) -> None:
    """Refuse a value that the attribute cannot have.

    Raises:
        LingjingError: `whatif.bad-value`.
    """
    known = quantities().get(attribute)
    if known is not None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fine = number and known.lower <= float(value) <= known.upper
        expected = f"{known.lower:g} – {known.upper:g} {known.unit}"
    else:
        word = words()[attribute]
        fine = isinstance(value, bool) if word.type == "flag" else value in word.choices
        expected = "true, false" if word.type == "flag" else ", ".join(word.choices)
    if not fine:
        raise LingjingError(
            "whatif.bad-value", Place(field=field), name=attribute, value=str(value)[:60],
            expected=expected,
        )  # fmt: skip


def _factor(field: str, factor: float) -> None:
    if not 0.0 <= factor <= 100.0:
        raise LingjingError(
            "whatif.bad-value", Place(field=field), name=field, value=factor, expected="0 – 100"
        )


def _check_near(near: Near, field: str) -> None:
    fine = -180 <= near.longitude_deg <= 180 and -90 <= near.latitude_deg <= 90
    if not fine or not 0 < near.radius_m <= 100_000:
        value = f"{near.longitude_deg:g}, {near.latitude_deg:g}, {near.radius_m:g} m"
        raise LingjingError(
            "whatif.bad-value", Place(field=field), name="near", value=value,
            expected="longitude, latitude, 0 – 100 000 m",
        )  # fmt: skip
