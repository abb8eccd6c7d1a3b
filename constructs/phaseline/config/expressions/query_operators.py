"""The query operators of MongoDB 8.0 by the place where they may stand, as data.

From the manual's "Query and Projection Operators" (https://www.mongodb.com/docs/v8.0/reference/operator/query/). No
check stands here; `query_reader` holds values against these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LOGICAL = ("$and", "$or", "$nor")
"""Take a list of queries."""

TOP_OPERATORS = (*LOGICAL, "$expr", "$jsonSchema", "$comment", "$sampleRate")
"""Stand in place of a field's path."""

COMPARISONS = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte")
"""Compare a field with a value, which is data and not looked into."""

LISTS = ("$in", "$nin", "$all")
"""Compare a field with a list of values."""

BITS = ("$bitsAllClear", "$bitsAllSet", "$bitsAnyClear", "$bitsAnySet")
"""Look at a number's bits: a mask, or a list of positions."""

AREAS = ("$geoIntersects", "$geoWithin")
"""Compare a place with an area; they need no index."""

FIELD_OPERATORS = (
    *COMPARISONS,
    *LISTS,
    *BITS,
    *AREAS,
    "$not",
    "$elemMatch",
    "$exists",
    "$type",
    "$regex",
    "$options",
    "$mod",
    "$size",
    "$comment",
)
"""Stand below a field's path."""

TYPES = (
    *("double", "string", "object", "array", "binData", "undefined", "objectId", "bool", "date", "null", "regex"),
    *("dbPointer", "javascript", "symbol", "javascriptWithScope", "int", "timestamp", "long", "decimal"),
    *("minKey", "maxKey", "number"),
)
"""The names that `$type` takes; it takes their numbers as well."""

REGEX_OPTIONS = "imsxu"
"""The letters that `$options` takes."""

JAVASCRIPT = "runs JavaScript, which is refused"
"""Why an operator is refused that would."""
_TEXT = "searches a text index, and a condition looks at one document"
_NEAR = "sorts documents by distance, and a condition looks at one document"

REFUSED_IN_QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "$where": JAVASCRIPT,
        "$function": JAVASCRIPT,
        "$accumulator": JAVASCRIPT,
        "$text": _TEXT,
        "$near": _NEAR,
        "$nearSphere": _NEAR,
        "$geoNear": _NEAR,
        "$lookup": "reads other collections, which is refused",
        "$graphLookup": "reads other collections, which is refused",
        "$unionWith": "reads other collections, which is refused",
    }
)
"""Names that MongoDB knows and a query of ours may not hold, each with its reason."""
