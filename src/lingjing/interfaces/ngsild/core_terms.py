"""The terms of the NGSI-LD core @context, version 1.9 (ETSI GS CIM 009 v1.9.1, annex B).

They are kept here so that nothing has to be fetched to understand the standard's own words.
"""

from __future__ import annotations

import re
from typing import Final

from lingjing.twin.documents import CORE, DEFAULT_TERMS

CORE_ADDRESS: Final = CORE + "v1/ngsi-ld-core-context-v1.9.jsonld"
"""Where the core @context is published."""
CORE_ADDRESSES: Final = (
    CORE + "v1/ngsi-ld-core-context-v",
    CORE + "v1/ngsi-ld-core-context.jsonld",
)
"""How the address of any version of it begins; all are read as this one."""
_CORE_ADDRESS: Final = re.compile(
    re.escape(CORE + "v1/ngsi-ld-core-context") + r"(?:-v\d+(?:\.\d+)*)?\.jsonld"
)
GEOJSON: Final = "https://purl.org/geojson/vocab#"
_DUBLIN_CORE: Final = "http://purl.org/dc/terms/"

_SAME_NAME: Final = """
Attribute AttributeList ContextSourceIdentity ContextSourceNotification ContextSourceRegistration
Date DateTime EntityMap EntityType EntityTypeInfo EntityTypeList ExecutionResultDetails GeoProperty
JsonProperty LanguageProperty ListProperty ListRelationship Notification Property Relationship
Snapshot SnapshotNotification Subscription TemporalProperty Time VocabProperty
accept aggrMethods aggrParams aggrPeriodDuration attributeCount attributeDetails attributeList
attributeName attributeNames attributeTypes attributes attrs avg cacheDuration collation
contextSourceAlias contextSourceExtras contextSourceInfo contextSourceTimeAt contextSourceUptime
cooldown createdAt csf data datasetId deletedAt detail distinctCount endAt endTimeAt endpoint
entities entity entityCount entityId entityList error errors expandValues expiresAt format geoQ
geoproperty georel idPattern information instanceId isActive join jsonKeys jsonldContext jsons lang
lastFailure lastN lastNotification lastSuccess lastUsedAt linkedMaps localOnly location management
managementInterval max min mode modifiedAt ngsildConformance ngsildproof notUpdated notification
notificationTrigger notifiedAt notifierInfo observationInterval observationSpace observedAt omit
operationSpace operations orderBy ordering pick problemDetails propertyNames q reason receiverInfo
refreshRate registrationId registrationName relationshipNames resultStatus scope scopeQ showChanges
snapshotId snapshotLifetime snapshotPriority snapshotQueries snapshotQueriesDetails snapshotStatus
snapshotTemporalQueries snapshotTemporalQueriesDetails startAt status stddev subscriptionId
subscriptionName success sum sumsq sysAttrs temporalQ tenant throttling timeAt timeInterval
timeout timeproperty timerel timesFailed timesSent totalCount triggerReason typeList typeName
typeNames unchanged unitCode updated uri watchedAttributes
"""

_OTHER_NAME: Final = {
    "containedBy": "isContainedBy",
    "dataset": "hasDataset",
    "entityMap": "hasEntityMap",
    "entityMapLifetime": "hasEntityMapLifetime",
    "joinLevel": "hasJoinLevel",
    "json": "hasJSON",
    "key": "hasKey",
    "languageMap": "hasLanguageMap",
    "languageMaps": "hasLanguageMaps",
    "object": "hasObject",
    "objectList": "hasObjectList",
    "objectLists": "hasObjectLists",
    "objects": "hasObjects",
    "objectType": "hasObjectType",
    "previousJson": "hasPreviousJson",
    "previousLanguageMap": "hasPreviousLanguageMap",
    "previousObject": "hasPreviousObject",
    "previousObjectList": "hasPreviousObjectList",
    "previousValue": "hasPreviousValue",
    "previousValueList": "hasPreviousValueList",
    "previousVocab": "hasPreviousVocab",
    "splitEntities": "hasSplitEntities",
    "value": "hasValue",
    "valueList": "hasValueList",
    "valueLists": "hasValueLists",
    "valueType": "hasValueType",
    "values": "hasValues",
    "vocab": "hasVocab",
    "vocabs": "hasVocabs",
}

_GEOJSON_NAMES: Final = """
Feature FeatureCollection GeometryCollection LineString MultiLineString MultiPoint MultiPolygon
Point Polygon bbox coordinates features geometry properties
"""

CORE_TERMS: Final[dict[str, str]] = {
    **{name: CORE + name for name in _SAME_NAME.split()},
    **{name: CORE + other for name, other in _OTHER_NAME.items()},
    **{name: GEOJSON + name for name in _GEOJSON_NAMES.split()},
    "description": _DUBLIN_CORE + "description",
    "title": _DUBLIN_CORE + "title",
    "langString": "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString",
    "ngsi-ld": CORE,
    "geojson": GEOJSON,
    "id": "@id",
    "type": "@type",
}
"""Term → IRI, or the JSON-LD keyword that it stands for."""

CORE_PREFIXES: Final = ("ngsi-ld", "geojson")
CORE_VOCABULARY: Final = DEFAULT_TERMS
"""What a name that no @context defines belongs to."""

NOT_ATTRIBUTES: Final = frozenset(
    {
        CORE + name
        for name in (
            *("createdAt", "modifiedAt", "deletedAt", "observedAt", "expiresAt", "scope"),
            *("datasetId", "instanceId", "unitCode", "hasObjectType", "hasValueType", "lang"),
            *("hasPreviousJson", "hasPreviousLanguageMap", "hasPreviousObject"),
            *("hasPreviousObjectList", "hasPreviousValue", "hasPreviousValueList"),
            "hasPreviousVocab",
        )
    }
)
"""Members of attributes that are no attributes themselves; none can be called so (4.5.1).

Words for the value of an attribute, such as `value` or `vocab`, are not among them: data models in
use have attributes of these names.
"""


def is_core_address(address: str) -> bool:
    """Whether a version of the core @context is published there; all are read as this one."""
    return _CORE_ADDRESS.fullmatch(address) is not None
