"""What the district is, was and might be."""

from lingjing.twin.contract import Bounds, Store, Twin
from lingjing.twin.entities import District, Entity, SourceRecord
from lingjing.twin.memory import MemoryTwin
from lingjing.twin.sqlite import SqliteStore
from lingjing.twin.views import TwinView

__all__ = [
    "Bounds",
    "District",
    "Entity",
    "MemoryTwin",
    "SourceRecord",
    "SqliteStore",
    "Store",
    "Twin",
    "TwinView",
]
