"""The one import for a scenario author."""

from lingjing.decision.work import Reason, Text, Work
from lingjing.forecast import ensemble, scores
from lingjing.forecast.outcomes import LEVELS, Outcome
from lingjing.forecast.outlook import FORCINGS, Outlook
from lingjing.forecast.readings import Heard, Readings
from lingjing.forecast.spread import budget_bytes, spread
from lingjing.sdk.contract import (
    API_NUMBER,
    Action,
    Alarm,
    AlarmLevel,
    Foreseen,
    Manifest,
    Progress,
    Remedy,
    Scenario,
)
from lingjing.twin.contract import Twin
from lingjing.twin.entities import District
from lingjing.twin.surroundings import NamedRoads, sub_district_names
from lingjing.twin.views import TwinView
from lingjing.vocabulary import (
    LingjingError,
    Place,
    Quantity,
    Window,
    catalogue,
    quantity,
)

__all__ = [
    "API_NUMBER",
    "FORCINGS",
    "LEVELS",
    "Action",
    "Alarm",
    "AlarmLevel",
    "District",
    "Foreseen",
    "Heard",
    "LingjingError",
    "Manifest",
    "NamedRoads",
    "Outcome",
    "Outlook",
    "Place",
    "Progress",
    "Quantity",
    "Readings",
    "Reason",
    "Remedy",
    "Scenario",
    "Text",
    "Twin",
    "TwinView",
    "Window",
    "Work",
    "budget_bytes",
    "catalogue",
    "ensemble",
    "quantity",
    "scores",
    "spread",
    "sub_district_names",
]
