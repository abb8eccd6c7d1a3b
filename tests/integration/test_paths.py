"""What SecantusDB reads otherwise in an expression, by MongoDB's rules: a real one must pass this as well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from phaseline.testing import mongo as kit
from phaseline_runtime.store.store import Store

Evaluate = Callable[[dict[str, Any], Any], dict[str, Any]]

INPUT: dict[str, Any] = {
    "offers": [
        {"price": 3, "by": {"name": "Ada"}},
        {"by": {}},
        {"price": 5, "by": [{"name": "Bo"}, {"name": "Cy"}]},
        7,
    ],
    "nested": [[{"price": 1}], {"price": 2}],
    "rows": [{"cells": [{"n": 1}, {"n": 2}]}, {"cells": [{"n": 3}]}, {"cells": []}],
    "scalars": [1, 2],
    "one": {"price": None},
    "text": "x",
    "lists": [[1], [2]],
    "at": datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    "zone": "Europe/Berlin",
    "year": "%Y",
}


@pytest.fixture(params=["server", "kit"])
def evaluate(request: pytest.FixtureRequest, store: Store, mongo: MongoClient[dict[str, Any]]) -> Evaluate:
    def on_the_server(document: dict[str, Any], pipeline: Any) -> list[dict[str, Any]]:
        store.database["paths"].insert_one(document)
        return list(store.database["paths"].aggregate(pipeline))

    answer = on_the_server if request.param == "server" else kit.evaluate

    def found(given: dict[str, Any], expression: Any) -> dict[str, Any]:
        document = {"_id": "x", "input": given, "results": {}, "errors": {}, "visits": {}}
        [only] = answer(document, [{"$match": {"_id": "x"}}, {"$project": {"_id": 0, "found": expression}}])
        return only

    return found


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$input.offers.price", [3, 5]),
        ("$input.offers.by.name", ["Ada", ["Bo", "Cy"]]),
        ("$input.nested.price", [2]),
        ("$input.rows.cells.n", [[1, 2], [3], []]),
        ("$input.scalars.n", []),
        ("$input.scalars.0", []),
        ("$input.one.price", None),
        ({"$sum": "$input.offers.price"}, 8),
        ({"$max": "$input.offers.price"}, 5),
        ({"$size": "$input.scalars.n"}, 0),
        ({"$in": [5, "$input.offers.price"]}, True),
        ({"all": "$input.offers.price", "none": "$input.nothing.price"}, {"all": [3, 5]}),
        ({"$map": {"input": "$input.rows", "in": "$$this.cells.n"}}, [[1, 2], [3], []]),
        ({"$map": {"input": "$input.rows", "as": "row", "in": {"$sum": "$$row.cells.n"}}}, [3, 3, 0]),
        ({"$map": {"input": "$input.nested", "in": {"p": "$$this.price"}}}, [{"p": [1]}, {"p": 2}]),
        ({"$map": {"input": "$input.scalars", "in": {"p": "$$this.price"}}}, [{}, {}]),
        ({"$filter": {"input": "$input.offers", "cond": {"$gt": ["$$this.price", 4]}}}, [INPUT["offers"][2]]),
        ({"$let": {"vars": {"all": "$input.offers"}, "in": "$$all.price"}}, [3, 5]),
        ({"$reduce": {"input": "$input.offers.price", "initialValue": 0, "in": {"$add": ["$$value", "$$this"]}}}, 8),
        ("$$ROOT.input.offers.price", [3, 5]),
        ({"$ifNull": ["$$CURRENT.input.one.price", "none"]}, "none"),
    ],
    ids=str,
)
def test_a_path_goes_through_lists(evaluate: Evaluate, expression: Any, value: Any) -> None:
    assert evaluate(INPUT, expression) == {"found": value}


@pytest.mark.parametrize(
    "expression",
    [
        "$input.nothing",
        "$input.text.price",
        "$input.one.price.of",
        {"$let": {"vars": {"it": "$input"}, "in": "$$it.no"}},
    ],
    ids=str,
)
def test_a_path_to_nothing_is_left_out(evaluate: Evaluate, expression: Any) -> None:
    assert evaluate(INPUT, expression) == {}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"$hour": {"date": "$input.at", "timezone": "$input.zone"}}, 3),
        ({"$hour": {"date": "$input.at", "timezone": "$input.nothing"}}, None),
        ({"$hour": "$input.at"}, 1),
        ({"$dateToString": {"date": "$input.at", "timezone": "$input.zone", "format": "%H:%M"}}, "03:30"),
        (
            {
                "$dateToString": {
                    "date": {"$dateTrunc": {"date": "$input.at", "unit": "day", "timezone": "$input.zone"}}
                }
            },
            "2026-03-28T23:00:00.000Z",
        ),
        ({"$dateToString": {"date": "$input.at", "format": "$input.year"}}, "2026"),
        ({"$dateToString": {"date": "$input.at", "format": "$input.nothing"}}, None),
        ({"$dateToString": {"date": "$input.at"}}, "2026-03-29T01:30:00.000Z"),
        ({"$dateToString": {"date": "$input.at", "timezone": "UTC"}}, "2026-03-29T01:30:00.000Z"),
        ({"$dateToString": {"date": "$input.at", "timezone": "+02:00"}}, "2026-03-29T03:30:00.000"),
        ({"$dateToString": {"date": "$input.nothing", "format": "%Y", "onNull": "$input.text"}}, "x"),
        ({"$dateToString": {"date": "$input.nothing", "format": "%Y"}}, None),
        ({"$concatArrays": "$input.lists"}, [[1], [2]]),
        ({"$concatArrays": ["$input.scalars", [3]]}, [1, 2, 3]),
        ({"$unsetField": {"field": "a", "input": {"$literal": {"a": 1, "b": 2}}}}, {"b": 2}),
        ({"$eq": [{"$literal": {"a": 1, "b": 2}}, {"$literal": {"b": 2, "a": 1}}]}, False),
        ({"$ne": [[{"$literal": {"a": 1, "b": 2}}], [{"$literal": {"b": 2, "a": 1}}]]}, True),
        ({"$eq": [{"$literal": {"a": [1, {"b": 2}]}}, {"$literal": {"a": [1.0, {"b": 2}]}}]}, True),
    ],
    ids=str,
)
def test_an_operator_takes_and_gives_what_it_does_in_mongodb(evaluate: Evaluate, expression: Any, value: Any) -> None:
    assert evaluate(INPUT, expression) == {"found": value}


@pytest.mark.parametrize("zone", ["Nowhere/At_all", "$input.text"])
def test_a_zone_that_is_none_is_an_error(evaluate: Evaluate, zone: str) -> None:
    with pytest.raises(OperationFailure, match="unrecognized time zone identifier"):
        evaluate(INPUT, {"$hour": {"date": "$input.at", "timezone": zone}})
