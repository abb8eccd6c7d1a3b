"""The operators of MongoDB 8 expressions with the arguments that each takes, and what is refused and why. Only data.

From the manual's "Aggregation Operators" (https://www.mongodb.com/docs/v8.0/reference/operator/aggregation/). No check
stands here; `expression_reader` holds values against these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

ANY_NUMBER = 1_000_000
"""No upper limit to the number of arguments."""


@dataclass(frozen=True, slots=True)
class Positional:
    """Takes its arguments in a list, from `least` to `most`; a single one needs no list."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Named:
    """Takes a mapping of arguments."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All arguments."""
        return (*self.required, *self.optional)


@dataclass(frozen=True, slots=True)
class Either:
    """Takes either form."""

    positional: Positional
    named: Named


Arguments = Positional | Named | Either


def _positional(words: str, least: int, most: int) -> dict[str, Arguments]:
    return {f"${word}": Positional(least, most) for word in words.split()}


def _named(name: str, required: str, optional: str = "") -> dict[str, Arguments]:
    return {name: Named(tuple(required.split()), tuple(optional.split()))}


_PARTS_OF_DATE = (
    *("year", "month", "week", "dayOfYear", "dayOfMonth", "dayOfWeek", "hour", "minute", "second", "millisecond"),
    *("isoWeek", "isoWeekYear", "isoDayOfWeek"),
)

EXPRESSION_OPERATORS: Mapping[str, Arguments] = MappingProxyType(
    {
        **_positional("rand", 0, 0),
        **_positional("literal abs ceil exp floor ln log10 sqrt bitNot not binarySize bsonSize size", 1, 1),
        **_positional("isArray isNumber type arrayToObject objectToArray reverseArray first last", 1, 1),
        **_positional("allElementsTrue anyElementTrue toLower toUpper strLenBytes strLenCP toHashedIndexKey", 1, 1),
        **_positional("toBool toDate toDecimal toDouble toInt toLong toObjectId toString toUUID", 1, 1),
        **_positional("sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh", 1, 1),
        **_positional("degreesToRadians radiansToDegrees tsSecond tsIncrement", 1, 1),
        **_positional("divide mod pow subtract log atan2 cmp eq gt gte lt lte ne", 2, 2),
        **_positional("arrayElemAt in setDifference setIsSubset split strcasecmp", 2, 2),
        **_positional("round trunc", 1, 2),
        **_positional("slice range", 2, 3),
        **_positional("substr substrBytes substrCP", 3, 3),
        **_positional("indexOfArray indexOfBytes indexOfCP", 2, 4),
        **_positional("ifNull setEquals", 2, ANY_NUMBER),
        **_positional("add multiply and or concat concatArrays setIntersection setUnion mergeObjects", 0, ANY_NUMBER),
        **_positional("bitAnd bitOr bitXor avg max min sum stdDevPop stdDevSamp", 0, ANY_NUMBER),
        **_named("$convert", "input to", "format onError onNull"),
        **_named("$dateAdd", "startDate unit amount", "timezone"),
        **_named("$dateDiff", "startDate endDate unit", "timezone startOfWeek"),
        **_named(
            "$dateFromParts",
            "",
            "year month day isoWeekYear isoWeek isoDayOfWeek hour minute second millisecond timezone",
        ),
        **_named("$dateFromString", "dateString", "format timezone onError onNull"),
        **_named("$dateSubtract", "startDate unit amount", "timezone"),
        **_named("$dateToParts", "date", "timezone iso8601"),
        **_named("$dateToString", "date", "format timezone onNull"),
        **_named("$dateTrunc", "date unit", "binSize timezone startOfWeek"),
        **_named("$filter", "input cond", "as limit"),
        **_named("$firstN", "input n"),
        **_named("$getField", "field", "input"),
        **_named("$lastN", "input n"),
        **_named("$let", "vars in"),
        **_named("$ltrim", "input", "chars"),
        **_named("$map", "input in", "as"),
        **_named("$maxN", "input n"),
        **_named("$median", "input method"),
        **_named("$minN", "input n"),
        **_named("$percentile", "input p method"),
        **_named("$reduce", "input initialValue in"),
        **_named("$regexFind", "input regex", "options"),
        **_named("$regexFindAll", "input regex", "options"),
        **_named("$regexMatch", "input regex", "options"),
        **_named("$replaceAll", "input find replacement"),
        **_named("$replaceOne", "input find replacement"),
        **_named("$rtrim", "input", "chars"),
        **_named("$setField", "field input value"),
        **_named("$sortArray", "input sortBy"),
        **_named("$switch", "branches", "default"),
        **_named("$trim", "input", "chars"),
        **_named("$unsetField", "field input"),
        **_named("$zip", "inputs", "useLongestLength defaults"),
        "$cond": Either(Positional(3, 3), Named(("if", "then", "else"))),
        **{f"${part}": Either(Positional(1, 1), Named(("date",), ("timezone",))) for part in _PARTS_OF_DATE},
    }
)
"""What an expression may hold."""

SYSTEM_VARIABLES = ("NOW", "REMOVE", "CLUSTER_TIME")
"""The variables of the server's that an expression may use."""

INSTEAD_OF_QUERY_OPERATOR: Mapping[str, str] = MappingProxyType(
    {
        "$all": "{$setIsSubset: [[…], $path]}",
        "$elemMatch": "{$anyElementTrue: {$map: …}}",
        "$exists": '{$ne: [{$type: "$path"}, "missing"]}',
        "$expr": "its argument alone",
        "$nin": "{$not: {$in: […]}}",
        "$nor": "{$not: {$or: […]}}",
        "$options": "{$regexMatch: {input: …, regex: …, options: …}}",
        "$regex": "{$regexMatch: {input: …, regex: …}}",
    }
)
"""What an expression says where a query has an operator of its own."""

_JAVASCRIPT = "runs JavaScript, which is refused"
_OTHERS = "reads or writes other collections, which is refused"
_SEARCH = "tells of a text search, and there is none"
_STAGE = "is a stage of a pipeline, not an expression"
_MANY = "accumulates over many documents, and an expression looks at one"

REFUSED_IN_EXPRESSIONS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("$where", "$function", "$accumulator"), _JAVASCRIPT),
        **dict.fromkeys(("$lookup", "$graphLookup", "$unionWith", "$out", "$merge"), _OTHERS),
        **dict.fromkeys(("$meta", "$search", "$searchMeta", "$vectorSearch"), _SEARCH),
        **dict.fromkeys(
            (
                *("$addFields", "$bucket", "$bucketAuto", "$densify", "$documents", "$facet", "$fill", "$geoNear"),
                *("$group", "$limit", "$match", "$project", "$redact", "$replaceRoot", "$replaceWith", "$sample"),
                *("$set", "$setWindowFields", "$skip", "$sort", "$sortByCount", "$unset", "$unwind"),
            ),
            _STAGE,
        ),
        **dict.fromkeys(
            (
                *("$addToSet", "$bottom", "$bottomN", "$count", "$covariancePop", "$covarianceSamp", "$denseRank"),
                *("$derivative", "$documentNumber", "$expMovingAvg", "$integral", "$linearFill", "$locf", "$push"),
                *("$rank", "$shift", "$top", "$topN"),
            ),
            _MANY,
        ),
    }
)
"""Names that MongoDB knows and an expression of ours may not hold, each with its reason."""
