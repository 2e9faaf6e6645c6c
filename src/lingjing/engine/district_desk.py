"""One import of a district: what it is for, and what has come and gone so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from lingjing.engine.district_features import entities_of, plain_report
from lingjing.sdk.contract import Progress
from lingjing.sources.batches import Batch, ImportReport
from lingjing.sources.packs import Pack
from lingjing.twin import Bounds, District, Entity, SourceRecord, Store
from lingjing.twin.checks import check_name
from lingjing.vocabulary import catalogue, format_instant


@dataclass(frozen=True)
class DistrictImport:
    """What an import left.

    Attributes:
        district: The record as kept.
        sources: The records of what was imported now, with their reports.
        counts: Entities of the whole district by kind.
        replaced: Entities that went because something better came, by source and kind.
    """

    district: District
    sources: tuple[SourceRecord, ...]
    counts: dict[str, int]
    replaced: dict[str, dict[str, int]]


class Desk:
    """One import: the district it is for, and what has come and gone so far."""

    def __init__(
        self,
        store: Store,
        content: Pack | District,
        name: str | None,
        progress: Progress | None,
        now: datetime | None,
        *,
        synthetic: bool = False,
    ) -> None:
        self._store = store
        self._progress = progress or Progress()
        self._at = format_instant(now or datetime.now(UTC))
        if isinstance(content, District):
            self.district = msgspec.structs.replace(content, updated_at=self._at)
        else:
            self.pack = content
            self.district = District(
                name or content.name,
                content.name,
                content.title_zh,
                content.title_en,
                content.settings,
                content.content.bounds,
                synthetic,
                self._at,
            )
        check_name(self.district.name)
        self._taken: list[SourceRecord] = []
        self._replaced: dict[str, dict[str, int]] = {}

    def label(self, *, synthetic: bool) -> None:
        """Say whether the district is made up."""
        self.district = msgspec.structs.replace(self.district, synthetic=synthetic)

    def join(self) -> None:
        """Add to the district that is there: it keeps its titles, its pack and its label."""
        held = self._store.district(self.district.name)
        self.district = msgspec.structs.replace(
            held, synthetic=held.synthetic or self.district.synthetic, updated_at=self._at
        )

    def forget(self, *names: str) -> None:
        """Remove sources of these names, where there are any."""
        for source in self.sources():
            if source.name in names:
                self._store.forget_source(self.district.name, source.name)

    def settle(self, bounds: Bounds, report: ImportReport) -> None:
        """Say so where the data lies outside the pack's district, and call it by its own name.

        Without a name of its own the district keeps the pack's title.
        """
        pack = self.pack
        west, south, east, north = pack.content.bounds
        if bounds[0] <= east and bounds[2] >= west and bounds[1] <= north and bounds[3] >= south:
            return
        name = self.district.name
        texts = catalogue("lingjing.engine").both(
            "district.outside-pack", pack=pack.name, zone=pack.content.time_zone
        )
        report.notes.append((texts["zh-CN"], texts["en"]))
        if name != pack.name:
            self.district = msgspec.structs.replace(self.district, title_zh=name, title_en=name)

    def tell(self, share: float, step: str) -> None:
        """Report progress."""
        self._progress.report(share, catalogue("lingjing.engine").both(f"district.{step}"))

    def sources(self) -> list[SourceRecord]:
        """What the district is made of; nothing for one that is not there yet."""
        known = {district.name for district in self._store.districts()}
        name = self.district.name
        return self._store.sources(name) if name in known else []

    def clear(self, roles: set[str]) -> None:
        """Remove the sources of some roles."""
        for source in self.sources():
            if source.report.get("role") in roles:
                self._store.forget_source(self.district.name, source.name)

    def clear_kinds(self, source: str, kinds: Iterable[str]) -> None:
        """Remove some kinds of a source's entities."""
        for kind in kinds:
            gone = self._store.forget_source(self.district.name, source, kinds=[kind])
            if gone:
                self._replaced.setdefault(source, {})[kind] = gone

    def take(self, batch: Batch, role: str, **more: object) -> None:
        """Import a batch as one source."""
        report: dict[str, Any] = {"role": role}
        record = SourceRecord(
            batch.name,
            self.district.name,
            batch.attribution,
            batch.licence,
            batch.sha256,
            self._at,
            batch.provenance.synthetic,
            report,
        )

        def stream() -> Iterator[Entity]:
            counts: dict[str, int] = {}
            for entity in entities_of(batch, self.district.name):
                counts[entity.kind] = counts.get(entity.kind, 0) + 1
                yield entity
            # The batch's own report is complete only now.
            report.update(plain_report(batch.report, **more))
            report["kept"] = dict(sorted(counts.items()))

        self._taken.append(self._store.import_entities(self.district, record, stream()))

    def done(self) -> DistrictImport:
        """The import as it stands."""
        name = self.district.name
        return DistrictImport(
            self._store.district(name),
            tuple(self._taken),
            self._store.counts(name),
            self._replaced,
        )
