"""Bringing districts in: a map, a sketch or a fetched map, and the owner's inventories.

Each of these is one transaction of the store: the district is there whole, or as it was before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import shapely

from lingjing.engine.city_models import MEMBER, drop_unused_models, keep_city_model
from lingjing.engine.district_comparing import (
    Held,
    compare_with_held,
    left_out,
    remark_on_doubles,
    without_what_stands,
)
from lingjing.engine.district_desk import Desk, DistrictImport
from lingjing.engine.district_features import (
    Outlines,
    near_centres,
    provenance_counts,
    shares,
)
from lingjing.sdk.contract import Progress
from lingjing.sources.batches import Batch, Feature, without_collecting
from lingjing.sources.fetching import Fetcher
from lingjing.sources.heights import with_heights
from lingjing.sources.map_files import CITYJSON, PARQUET, detect
from lingjing.sources.maps import read_inventory, read_map, require_district_content
from lingjing.sources.overpass import fetch_overpass
from lingjing.sources.packs import list_packs, load_pack
from lingjing.sources.sketch import sketch_district
from lingjing.sources.stock import SOURCE_NAME, describe_buildings, infer_assets, infer_depots
from lingjing.twin import Bounds, SourceRecord, Store
from lingjing.twin.checks import check_name
from lingjing.vocabulary import LOCALES, LingjingError

INVENTORY_KINDS: Final = frozenset(
    {"WaterPipe", "Riser", "MeterBox", "WaterTank", "Valve", "Tap", "Depot"}
)
"""Kinds that an owner's inventory takes over: what was inferred of them goes."""

MAP, SKETCH, STOCK, INVENTORY = "map", "sketch", "stock", "inventory"
_CACHE: Final = "cache"


def available_packs() -> list[str]:
    """Names of the district packs that come with the package."""
    return list_packs()


def import_map(
    store: Store,
    path: Path,
    *,
    pack: str | Path,
    name: str | None = None,
    crs: str | None = None,
    kind: str | Mapping[str, str] | None = None,
    encoding: str | None = None,
    seed: int = 7,
    data_dir: Path | None = None,
    add: bool = False,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> DistrictImport:
    """Make a district out of a map, and infer the assets that no inventory knows.

    The map takes the place of an earlier map or sketch of that district, or is added to what is
    there. Inventories stay, and nothing is inferred of the kinds they contain. The new buildings
    are compared with what the district holds: a shift, another place, or the share that stands
    there already is said in the report, and nothing is converted.

    Args:
        store: Where the district is kept.
        path: See `read_map`.
        pack: Name or path of the district pack.
        name: Of the district; the pack's by default.
        crs, kind, encoding: For files that do not say themselves, see `read_map`.
        seed: Of the stock model's draws.
        data_dir: Where a city model's file is kept, so that an export can give it back.
        add: Keep what the district holds, and take in what does not stand there already. An
            earlier import of the same file name is replaced all the same.
        progress: Told how far it is.
        now: Time of the import; the clock's by default.

    Raises:
        LingjingError: `packs.*`, `maps.*`, `citymodel.*`, `twin.*`; the store is as it was.
    """
    desk = Desk(store, load_pack(pack), name, progress, now)
    desk.tell(0.0, "read")
    source = f"map:{_stem(path)}"
    batch = read_map(path, source, crs=crs, kind=kind, encoding=encoding)
    with without_collecting():
        features = list(batch.features)
    form = detect(path)
    # A city model draws roads as surfaces, if at all; it makes a district without routes.
    roads = form not in (CITYJSON, PARQUET)
    if not add:
        # before the store is touched: what is refused leaves no empty twin behind
        require_district_content(batch.report, str(path), roads=roads)
    with contextlib.ExitStack() as whole:
        if add:
            # What this file gave before must be gone before the rest is looked at.
            whole.enter_context(store.transaction())
            desk.forget(source, f"{SOURCE_NAME}:{_stem(path)}")
        same = any(batch.sha256 == item.sha256 and item.name == source for item in desk.sources())
        held = Held.of(store, desk.district.name, with_ids=add)
        adding = add and held is not None
        if add:
            require_district_content(
                batch.report, str(path), roads=roads and not adding, buildings=not adding
            )
        desk.label(synthetic=batch.provenance.synthetic)
        desk.settle(_bounds_of(features), batch.report)
        remark_on_doubles(features, batch.report)
        more: dict[str, object] = {}
        if held is not None and not same:
            more |= compare_with_held(held, features, batch.report, path)
        read = features
        if held is not None and adding:
            desk.join()
            features = without_what_stands(read, held, desk.district.name, batch.report)
        if form is CITYJSON and data_dir is not None:
            more[MEMBER] = {
                "sha256": keep_city_model(data_dir, path),
                "crs": crs,
                "left_out": left_out(read, features),
            }
        done = _taken_in(desk, store, batch, features, seed, more, adding=adding)
    if data_dir is not None:
        drop_unused_models(data_dir, store)
    desk.tell(1.0, "done")
    return done


def _taken_in(
    desk: Desk,
    store: Store,
    batch: Batch,
    features: list[Feature],
    seed: int,
    more: Mapping[str, object],
    *,
    adding: bool,
) -> DistrictImport:
    """The district with the map's features and what is inferred from them."""
    desk.tell(0.3, "infer")
    with without_collecting():
        base, inferred = _described(desk, batch, features, seed)
    if adding:
        # the assets of the buildings that were there stay under the model's own name
        own = batch.name.partition(":")[2]
        inferred = [replace(item, name=f"{item.name}:{own}") for item in inferred]
    elif not any(feature.kind == "Depot" for feature in features):
        inferred.append(infer_depots(_bounds_of(features), desk.pack))
    desk.tell(0.5, "keep")
    with store.transaction():
        covered = covered_kinds(desk.sources())
        desk.clear(set() if adding else {MAP, SKETCH, STOCK})
        desk.take(base, MAP, **more)
        for number, assets in enumerate(inferred):
            desk.tell(0.7 + 0.1 * number, "keep")
            desk.take(_without(assets, covered), STOCK, left_to_inventory=sorted(covered))
        return desk.done()


def _described(
    desk: Desk, batch: Batch, features: list[Feature], seed: int
) -> tuple[Batch, list[Batch]]:
    """The batch with sub-districts, stock and heights, and the assets inferred from it."""
    outlines = Outlines.among(features, batch.provenance)
    features = (
        outlines.placed(features)
        if outlines.names
        else near_centres(features, desk.district.settings, f"pack:{desk.district.pack}")
    )
    buildings = [feature for feature in features if feature.kind == "Building"]
    described = list(describe_buildings(buildings, desk.pack, seed))
    rest = [feature for feature in features if feature.kind != "Building"]
    whole = with_heights([*described, *rest], desk.pack, batch.report)
    # Storeys are settled by now; assets do not follow from guessed heights.
    return replace(batch, features=whole), [infer_assets(whole, desk.pack, seed)]


def import_inventory(
    store: Store,
    district: str,
    path: Path,
    *,
    crs: str | None = None,
    encoding: str | None = None,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> DistrictImport:
    """Take in an owner's inventory; it replaces what was inferred of the kinds it contains.

    Reading the same file name again replaces what it gave before. Kinds it no longer contains are
    inferred again by the next import of the map.

    Args:
        store: Where the district is kept.
        district: Name of the district.
        path, crs, encoding: See `read_inventory`.
        progress: Told how far it is.
        now: Time of the import; the clock's by default.

    Raises:
        LingjingError: `twin.no-district`, `maps.*`, `twin.*`; the store is as it was.
    """
    desk = Desk(store, store.district(district), None, progress, now)
    desk.tell(0.0, "read")
    batch = read_inventory(path, f"inventory:{_stem(path)}", crs=crs, encoding=encoding)
    outlines = Outlines.held(
        store.twin(district).view("SubDistrict"), district, synthetic=desk.district.synthetic
    )
    features = (
        outlines.placed(list(batch.features))
        if outlines.names
        else near_centres(
            list(batch.features), desk.district.settings, f"pack:{desk.district.pack}"
        )
    )
    covers = sorted({feature.kind for feature in features} & INVENTORY_KINDS)
    desk.tell(0.4, "keep")
    with store.transaction():
        desk.take(replace(batch, features=features), INVENTORY, covers=covers)
        for source in desk.sources():
            if source.report.get("role") in {SKETCH, STOCK}:
                desk.clear_kinds(source.name, covers)
        done = desk.done()
    desk.tell(1.0, "done")
    return done


def sketch(
    store: Store,
    pack: str | Path,
    *,
    scale: float = 1.0,
    seed: int = 7,
    name: str | None = None,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> DistrictImport:
    """Make a synthetic district, labelled so, in place of an earlier sketch.

    Args:
        store: Where the district is kept.
        pack: Name or path of the district pack.
        scale: Size, 1 being that of the real district.
        seed: Of everything drawn.
        name: Of the district; the pack's by default.
        progress: Told how far it is.
        now: Time of the import; the clock's by default.

    Raises:
        LingjingError: `twin.real-district` where a real map stands under that name; `packs.*`,
            `twin.*`; the store is as it was.
    """
    desk = Desk(store, load_pack(pack), name, progress, now, synthetic=True)
    desk.tell(0.0, "sketch")
    with store.transaction():
        held = desk.sources()
        if any(source.report.get("role") == MAP and not source.synthetic for source in held):
            raise LingjingError("twin.real-district", name=desk.district.name)
        covered = covered_kinds(held)
        desk.clear({MAP, SKETCH, STOCK})
        batch = sketch_district(desk.pack, scale, seed)
        desk.take(_without(batch, covered), SKETCH, left_to_inventory=sorted(covered))
        done = desk.done()
    desk.tell(1.0, "done")
    return done


def fetch_district(
    store: Store,
    data_dir: Path,
    *,
    pack: str | Path,
    bounds: Bounds | None = None,
    name: str | None = None,
    seed: int = 7,
    progress: Progress | None = None,
    now: datetime | None = None,
    fetcher: Fetcher | None = None,
) -> DistrictImport:
    """Fetch a map from Overpass and make a district out of it.

    Args:
        store: Where the district is kept.
        data_dir: The map is kept below its `cache`.
        pack: Name or path of the district pack.
        bounds: West, south, east, north [°]; the pack's by default.
        name, seed, progress, now: As for `import_map`.
        fetcher: Does the fetching; one with a cache in `data_dir` by default.

    Raises:
        LingjingError: `fetch.*`, and what `import_map` raises.
    """
    content = load_pack(pack)
    district = name or content.name
    check_name(district)
    target = data_dir / _CACHE / f"overpass-{district}.osm"
    area = bounds or content.content.bounds
    fetch_overpass(area, target, fetcher=fetcher or Fetcher(data_dir / _CACHE))
    return import_map(store, target, pack=pack, name=name, seed=seed, progress=progress, now=now)


def show_district(store: Store, name: str, *, shares_too: bool = True) -> dict[str, Any]:
    """A district for people and machines, in plain values.

    Args:
        store: Where it is kept.
        name: Of the district.
        shares_too: Also say how the values are known, which reads the whole district.

    Returns:
        `name`, `pack`, `title` by locale, `synthetic`, `bounds`, `updated_at`, `counts` by kind;
        `provenance` (shares of the values by how they are known, `all` and by kind);
        `attribution` (whom to credit); `dropped` (what the files held and was
        left out, counts by reason); `sources` (name, role, attribution, licence, sha256,
        imported_at, synthetic, report).

    Raises:
        LingjingError: `twin.no-district`.
    """
    district = store.district(name)
    sources = store.sources(name)
    dropped: dict[str, int] = {}
    for source in sources:
        if source.report.get("role") == STOCK:
            continue  # buildings that were given no assets were not dropped
        for entry in source.report.get("dropped", ()):
            dropped[entry["reason"]] = dropped.get(entry["reason"], 0) + entry["count"]
    shown: dict[str, Any] = {
        "name": district.name,
        "pack": district.pack,
        "title": dict(zip(LOCALES, (district.title_zh, district.title_en), strict=True)),
        "synthetic": district.synthetic,
        "bounds": list(district.bounds),
        "updated_at": district.updated_at,
        "counts": store.counts(name),
        "attribution": list(
            dict.fromkeys(item.attribution for item in sources if item.attribution)
        ),
        "dropped": dict(sorted(dropped.items())),
        "sources": [
            {
                "name": source.name,
                "role": source.report.get("role", ""),
                "attribution": source.attribution,
                "licence": source.licence,
                "sha256": source.sha256,
                "imported_at": source.imported_at,
                "synthetic": source.synthetic,
                "report": source.report,
            }
            for source in sources
        ],
    }
    if shares_too:
        shown["provenance"] = _provenance_shares(store, name)
    return shown


def covered_kinds(sources: Iterable[SourceRecord]) -> frozenset[str]:
    """Kinds that the owners' inventories among the sources contain."""
    return frozenset(
        kind
        for source in sources
        if source.report.get("role") == INVENTORY
        for kind in source.report.get("covers", ())
    )


def _provenance_shares(store: Store, name: str) -> dict[str, dict[str, float]]:
    twin = store.twin(name)
    by_kind = {kind: provenance_counts(twin.view(kind)) for kind in twin.kinds()}
    total: dict[str, int] = {}
    for counts in by_kind.values():
        for how, count in counts.items():
            total[how] = total.get(how, 0) + count
    return {
        "all": shares(dict(sorted(total.items()))),
        **{kind: shares(counts) for kind, counts in by_kind.items()},
    }


def _without(batch: Batch, kinds: frozenset[str]) -> Batch:
    """The batch less some kinds."""
    if not kinds:
        return batch
    return replace(batch, features=(item for item in batch.features if item.kind not in kinds))


def _bounds_of(features: list[Feature]) -> Bounds:
    west, south, east, north = shapely.total_bounds(
        [feature.geometry for feature in features]
    ).tolist()
    return west, south, east, north


def _stem(path: Path) -> str:
    """The file's name up to its first dot: `yangpu-siping` of `yangpu-siping.osm.pbf`."""
    return path.name.partition(".")[0] or path.name
