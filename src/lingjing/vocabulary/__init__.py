"""The words all rooms share: quantities, kinds, ids, time, provenance, errors, messages."""

from lingjing.vocabulary.catalogues import Catalogue, catalogue
from lingjing.vocabulary.errors import (
    EXIT_CODES,
    LOCALES,
    LingjingError,
    Locale,
    Place,
    error_texts,
)
from lingjing.vocabulary.ids import EntityId, local_part
from lingjing.vocabulary.kinds import Kind, Word, attribute_word, kinds, words
from lingjing.vocabulary.provenance import Attribute, AttributeValue, Provenance, ProvenanceKind
from lingjing.vocabulary.quantities import (
    Quantity,
    Unit,
    quantities,
    quantity,
    quantity_by_column,
    units,
)
from lingjing.vocabulary.time import (
    LOCAL_ZONE,
    Window,
    format_instant,
    format_local,
    parse_instant,
)
from lingjing.vocabulary.weather import WeatherTable, instant_of, moment_of
from lingjing.vocabulary.working_time import WorkingCalendar

__all__ = [
    "EXIT_CODES",
    "LOCALES",
    "LOCAL_ZONE",
    "Attribute",
    "AttributeValue",
    "Catalogue",
    "EntityId",
    "Kind",
    "LingjingError",
    "Locale",
    "Place",
    "Provenance",
    "ProvenanceKind",
    "Quantity",
    "Unit",
    "WeatherTable",
    "Window",
    "Word",
    "WorkingCalendar",
    "attribute_word",
    "catalogue",
    "error_texts",
    "format_instant",
    "format_local",
    "instant_of",
    "kinds",
    "local_part",
    "moment_of",
    "parse_instant",
    "quantities",
    "quantity",
    "quantity_by_column",
    "units",
    "words",
]
