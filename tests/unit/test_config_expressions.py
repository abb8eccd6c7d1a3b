"""Conditions and inputs as tables: each line is a value as the file has it, and what is said of it."""

# ruff: noqa: E501 (a line of a table is one line)

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phaseline.config.expressions.findings import Read
from phaseline.config.expressions.inspection import Language, inspect
from phaseline.config.expressions.operators import EXPRESSION_OPERATORS, REFUSED_IN_EXPRESSIONS
from phaseline.config.expressions.problems import Path, Problem
from phaseline.config.expressions.query_operators import FIELD_OPERATORS, REFUSED_IN_QUERIES, TOP_OPERATORS

PATH = ("state_machines", "fishing", "when")


def rows(table: str) -> list[Any]:
    """The lines of a table, split at ` -> ` where there are two columns."""
    lines = [line.strip() for line in table.strip().splitlines() if line.strip()]
    cells = [[cell.strip() for cell in line.split(" -> ")] for line in lines]
    return [pytest.param(*cell, id=line) for cell, line in zip(cells, lines, strict=True)]


def check_query(value: object, *, path: Path) -> list[Problem]:
    return inspect(value, "query", path=path).problems


def check_expression(value: object, *, path: Path) -> list[Problem]:
    return inspect(value, "expression", path=path).problems


def reads(value: object, language: Language) -> set[Read]:
    return {read for read, _ in inspect(value, language).reads}


def said(problems: list[Problem]) -> str:
    return " | ".join(problem.message for problem in problems)


GOOD_QUERIES = r"""
{}
{"results.check_weather.storm": false}
{"results.rent_a_boat.boat": {"$ne": null}}
{"input.age": {"$gte": 18, "$lt": 99}}
{"results.a": {"x": 1}}
{"results.a": {}}
{"results.a.list": [1, "two", null]}
{"results": {"$exists": true}}
{"errors.a": {"$exists": false}, "visits.fishing": {"$lt": 3}}
{"errors.a.type": {"$in": ["Storm", "Phaseline.Timeout"]}, "errors.a.message": {"$regex": "^no boat"}}
{"results.a-b.c_d.0.e": 1}
{"$and": [{"input.a": 1}, {"$or": [{"input.b": 2}, {"$nor": [{"errors.c": {"$exists": true}}]}]}]}
{"input.a": {"$not": {"$gt": 5}}}
{"input.a": {"$not": {"$regex": "^x", "$options": "i"}}}
{"results.a.fish": {"$elemMatch": {"kind": "cod", "kg.net": {"$gt": 1}}}}
{"results.a.fish": {"$elemMatch": {"$gt": 1, "$lt": 5}}}
{"results.a.fish": {"$elemMatch": {"$or": [{"kind": "cod"}, {"status": 1}]}}}
{"results.a.fish": {"$elemMatch": {"parts": {"$elemMatch": {"name": "x"}}}}}
{"results.a.fish": {"$all": [{"$elemMatch": {"kind": "cod"}}, {"$elemMatch": {"kind": "ling"}}]}}
{"input.a": {"$in": [1, null, {"x": 1}]}, "input.b": {"$nin": []}, "input.c": {"$all": [1, 2]}}
{"input.a": {"$type": "string"}}
{"input.a": {"$type": ["int", "long", 1, -1]}}
{"input.a": {"$mod": [4, 0]}}
{"input.a": {"$size": 0}}
{"input.a": {"$bitsAllSet": 6, "$bitsAnyClear": [0, 3]}}
{"input.place": {"$geoWithin": {"$centerSphere": [[1, 2], 0.1]}}}
{"$expr": {"$gt": ["$results.a.kg", "$input.least"]}}
{"$expr": "$input.flag", "$comment": "why"}
{"$sampleRate": 0.5}
{"$jsonSchema": {"required": ["input"], "properties": {"input": {"type": "object"}}}}
{"input.text": "$5"}
{"input.text": {"$eq": "$status"}}
{"input.name": "${NAME}"}
"""


@pytest.mark.parametrize("text", rows(GOOD_QUERIES))
def test_a_good_query_has_no_problem(text: str) -> None:
    assert check_query(json.loads(text), path=PATH) == []


BAD_QUERIES = r"""
["a"] -> not a condition (got ["a"]; allowed a mapping, such as {results.a.ready: true})
true -> not a condition (got true; allowed a mapping, such as {results.a.ready: true})
{"status": 1} -> reads a field that conditions cannot see (got "status"; allowed input, results, errors, visits)
{"result.a": 1} -> reads a field that conditions cannot see (got "result.a"; allowed input, results, errors, visits; did you mean results.a?)
{"errors.a.kind": "Storm"} -> an error has no such field (got "errors.a.kind"; allowed errors.a.type, errors.a.message)
{"errors.a.typ": "Storm"} -> an error has no such field (got "errors.a.typ"; allowed errors.a.type, errors.a.message; did you mean errors.a.type?)
{"results..a": 1} -> a path has an empty part (got "results..a"; allowed names with one dot between them)
{"results.": 1} -> a path has an empty part (got "results."; allowed names with one dot between them)
{"results.$x": 1} -> a name within a path cannot begin with $ or hold a null character (got "results.$x")
{"input.age": {"$gtee": 1}} -> unknown operator (got "$gtee"; did you mean $gte?)
{"input.age": {"$GTE": 1}} -> unknown operator (got "$GTE"; did you mean $gte?)
{"$nand": []} -> unknown operator (got "$nand"; did you mean $and?)
{"input.age": {"$gt": 1, "x": 2}} -> operators and plain keys in one object (got "$gt, x"; allowed operators alone, or plain keys alone)
{"$where": "1"} -> $where runs JavaScript, which is refused
{"input.a": {"$where": "1"}} -> $where runs JavaScript, which is refused
{"$nor": [{"$text": {"$search": "x"}}]} -> $text searches a text index
{"input.a": {"$near": [1, 2]}} -> $near sorts documents by distance
{"input.a": {"$nearSphere": [1, 2]}} -> $nearSphere sorts documents by distance
{"$gt": ["$input.a", 1]} -> stands below a field, not in its place (got "$gt"; allowed {input.age: {$gt: …}}, $expr)
{"input.a": {"$and": [{"x": 1}]}} -> stands in place of a field, not below one (got "$and"; allowed {$and: …})
{"input.a": {"$add": [1, 2]}} -> an operator of expressions, not of queries (got "$add"; allowed {$expr: {$add: …}})
{"$ifNull": ["$input.a", true]} -> an operator of expressions, not of queries (got "$ifNull"; allowed {$expr: {$ifNull: …}})
{"$and": []} -> $and takes a list (got []; allowed one or more conditions)
{"$or": {"input.a": 1}} -> $or takes a list (got {"input.a": 1}; allowed one or more conditions)
{"$or": [1]} -> not a condition (got 1; allowed a mapping, such as {results.a.ready: true})
{"$or": [{"status": 1}]} -> reads a field that conditions cannot see (got "status"
{"input.a": {"$not": {}}} -> $not takes a mapping of operators (got {}; allowed {$gt: 5})
{"input.a": {"$not": "x"}} -> $not takes a mapping of operators (got "x"; allowed {$gt: 5})
{"input.a": {"$not": {"$gtt": 1}}} -> unknown operator (got "$gtt"; did you mean $gt?)
{"input.a": {"$in": 1}} -> $in takes a list (got 1; allowed [value, …])
{"input.a": {"$in": [{"$gt": 1}]}} -> an operator inside an object that is compared as a whole (got "$gt"; allowed "input.a": {$gt: …}, the path with dots)
{"results": {"a": {"boat": {"$ne": null}}}} -> an operator inside an object that is compared as a whole (got "$ne"; allowed "results.a.boat": {$ne: …}, the path with dots)
{"input.a": "$input.b"} -> compares with this very text (got "$input.b"; allowed {$expr: {$eq: ["$input.a", "$input.b"]}})
{"input.a": {"$lt": "$$NOW"}} -> compares with this very text (got "$$NOW"
{"input.a": {"$exists": "false"}} -> $exists takes something else (got "false"; allowed true, false)
{"input.a": {"$size": -1}} -> $size takes something else (got -1; allowed a whole number from 0)
{"input.a": {"$size": true}} -> $size takes something else (got true
{"input.a": {"$type": "strnig"}} -> $type takes something else (got "strnig"; allowed a type or a list of types: double, string
{"input.a": {"$type": 20}} -> $type takes something else (got 20
{"input.a": {"$mod": [0, 1]}} -> $mod takes something else (got [0, 1]; allowed [divisor, remainder])
{"input.a": {"$mod": 4}} -> $mod takes something else (got 4
{"input.a": {"$regex": 1}} -> $regex takes something else (got 1; allowed a text)
{"input.a": {"$options": "i"}} -> $options takes something else (got "i"; allowed letters of imsxu, beside $regex)
{"input.a": {"$regex": "x", "$options": "g"}} -> $options takes something else (got "g"
{"input.a": {"$bitsAllSet": "6"}} -> $bitsAllSet takes something else
{"input.a": {"$geoWithin": 1}} -> $geoWithin takes something else
{"input.a": {"$elemMatch": 1}} -> not a condition (got 1
{"input.a": {"$elemMatch": {"$gtt": 1}}} -> unknown operator (got "$gtt"; did you mean $gt?)
{"input.a": {"$elemMatch": {"b..c": 1}}} -> a path has an empty part (got "b..c"
{"input.a": {"$elemMatch": {"$expr": true}}} -> $expr cannot stand inside $elemMatch
{"$expr": {"$eq": ["$status", 1]}} -> reads a field that conditions cannot see (got "status"
{"$expr": {"$function": {}}} -> $function runs JavaScript, which is refused
{"$jsonSchema": 1} -> $jsonSchema takes a mapping (got 1)
{"$sampleRate": 2} -> not a rate (got 2; allowed 0 to 1)
{"input.a": 9223372036854775808} -> a whole number is too large (got 9223372036854775808; allowed 64 bits)
{"input.a": NaN} -> not a number that JSON can carry
{"input.a": {"$lookup": {}}} -> $lookup reads other collections, which is refused
"""


@pytest.mark.parametrize(("text", "message"), rows(BAD_QUERIES))
def test_a_bad_query_is_told_what_is_wrong(text: str, message: str) -> None:
    problems = check_query(json.loads(text), path=PATH)
    assert len(problems) == 1
    assert problems[0].message.startswith(message)


GOOD_EXPRESSIONS = r"""
"text"
1.5
null
"$input"
"$results.catch_fish.fish"
{"fish": "$results.catch_fish.fish", "kilos": {"$round": ["$results.weigh.kg", 1]}}
{"a": {"b": [1, "$input.x", {"c": true}]}, "status": "x"}
{}
[]
{"$round": "$input.x"}
{"$rand": {}}
{"$literal": {"$where": "$status", "a.b": 1}}
{"at": "$$NOW", "gone": "$$REMOVE"}
{"$cond": ["$input.a", 1, 2]}
{"$cond": {"if": {"$gt": ["$input.a", 1]}, "then": "$input.b", "else": null}}
{"$switch": {"branches": [{"case": "$input.a", "then": 1}, {"case": true, "then": "$input.b"}], "default": 3}}
{"$let": {"vars": {"kg": "$input.kg", "n": 2}, "in": {"$multiply": ["$$kg", "$$n"]}}}
{"$map": {"input": "$input.list", "in": "$$this.name"}}
{"$map": {"input": "$input.list", "as": "fish", "in": {"kg": "$$fish.kg", "of": "$input.owner"}}}
{"$filter": {"input": "$input.list", "as": "fish", "cond": {"$gt": ["$$fish.kg", 1]}, "limit": 3}}
{"$filter": {"input": "$input.list", "cond": {"$ne": ["$$this", null]}}}
{"$reduce": {"input": "$input.list", "initialValue": 0, "in": {"$add": ["$$value", "$$this.kg"]}}}
{"$sortArray": {"input": "$input.list", "sortBy": {"status": 1, "a.b": -1}}}
{"$sortArray": {"input": "$input.list", "sortBy": -1}}
{"$map": {"input": "$input.a", "as": "x", "in": {"$map": {"input": "$$x.b", "in": ["$$x", "$$this"]}}}}
{"$getField": {"field": "a.b", "input": "$results.a"}}
{"$getField": "input"}
{"$setField": {"field": {"$literal": "$price"}, "input": "$input", "value": 1}}
{"$year": "$input.at"}
{"$year": {"date": {"$toDate": "$input.at"}, "timezone": "Europe/Oslo"}}
{"$year": {"$toDate": "$input.at"}}
{"$year": ["$input.at"]}
{"$zip": {"inputs": ["$input.a", "$input.b"], "useLongestLength": true, "defaults": [0, ""]}}
{"$dateToString": {"date": "$$NOW", "format": "%Y-%m-%d"}}
{"$ifNull": ["$results.a.x", "$input.x", 0]}
{"$not": "$input.a"}
{"$size": {"$ifNull": ["$input.a", []]}}
{"$percentile": {"input": "$input.a", "p": [0.5], "method": "approximate"}}
{"to": "${ADDRESS}", "of": "$results.${NAME}"}
"""


@pytest.mark.parametrize("text", rows(GOOD_EXPRESSIONS))
def test_a_good_expression_has_no_problem(text: str) -> None:
    assert check_expression(json.loads(text), path=PATH) == []


BAD_EXPRESSIONS = r"""
"$status" -> reads a field that conditions cannot see (got "status"; allowed input, results, errors, visits)
"$result.a" -> reads a field that conditions cannot see (got "result.a"; allowed input, results, errors, visits; did you mean results.a?)
"$errors.a.traceback" -> an error has no such field (got "errors.a.traceback"; allowed errors.a.type, errors.a.message)
"$" -> names no field (got "$"; allowed $ and a path; for a text that begins with $ write {$literal: "…"})
"$input." -> a path has an empty part (got "input."
"$input.$a" -> a name within a path cannot begin with $
"$$ROOT" -> reads the whole document: name the fields (got "$$ROOT"; allowed $input, $results, $errors, $visits)
"$$CURRENT.status" -> reads the whole document: name the fields (got "$$CURRENT.status"
"$$NWO" -> undefined variable (got "$$NWO"; allowed $$NOW, $$REMOVE, $$CLUSTER_TIME; did you mean $$NOW?)
"$$this" -> undefined variable (got "$$this"; allowed $$NOW, $$REMOVE, $$CLUSTER_TIME)
"$$USER_ROLES" -> undefined variable (got "$$USER_ROLES"
{"$rouund": [1, 2]} -> unknown operator (got "$rouund"; did you mean $round?)
{"$zzzzzz": 1} -> unknown operator (got "$zzzzzz"; allowed the expression operators of MongoDB 8.0)
{"$exists": "$input.a"} -> an operator of queries, not of expressions (got "$exists"; allowed {$ne: [{$type: "$path"}, "missing"]})
{"$function": {"body": "x"}} -> $function runs JavaScript, which is refused
{"$accumulator": {}} -> $accumulator runs JavaScript, which is refused
{"a": [{"$lookup": {"from": "x"}}]} -> $lookup reads or writes other collections, which is refused
{"$unionWith": "x"} -> $unionWith reads or writes other collections, which is refused
{"$match": {"status": 1}} -> $match is a stage of a pipeline, not an expression
{"$push": "$input.a"} -> $push accumulates over many documents
{"$meta": "textScore"} -> $meta tells of a text search
{"$add": [1, 2], "x": 1} -> more than one operator, or operators and plain keys, in one object (got "$add, x"; allowed one operator alone, or plain keys)
{"$add": [1, 2], "$abs": 1} -> more than one operator, or operators and plain keys, in one object (got "$add, $abs"
{"a.b": 1} -> not a name for a field (got "a.b"; allowed names without dots, not empty)
{"": 1} -> not a name for a field (got ""
{"$divide": "$input.a"} -> $divide takes other arguments (got 1; allowed a list of 2)
{"$divide": [1, 2, 3]} -> $divide takes other arguments (got 3; allowed a list of 2)
{"$size": [1, 2]} -> $size takes other arguments (got 2; allowed one)
{"$range": [1]} -> $range takes other arguments (got 1; allowed a list of 2 to 3)
{"$ifNull": ["$input.a"]} -> $ifNull takes other arguments (got 1; allowed a list of 2 or more)
{"$rand": 1} -> $rand takes other arguments (got 1; allowed {})
{"$cond": {"if": true, "then": 1}} -> $cond lacks "else" (got ["if", "then"]; allowed if, then, else)
{"$cond": {"if": true, "then": 1, "else": 2, "esle": 2}} -> $cond has no such argument (got "esle"; allowed if, then, else; did you mean else?)
{"$cond": [true, 1]} -> $cond takes other arguments (got 2; allowed a list of 3)
{"$switch": {"branches": []}} -> not a list of branches (got []
{"$switch": {"branches": [{"case": true}]}} -> a branch of $switch lacks "then" (got ["case"]; allowed case, then)
{"$switch": {"branches": [{"case": "$status", "then": 1}]}} -> reads a field that conditions cannot see (got "status"
{"$let": {"vars": {"a": 1, "b": "$$a"}, "in": "$$b"}} -> undefined variable (got "$$a"
{"$let": {"vars": {"Kg": 1}, "in": 1}} -> not a name for a variable (got "Kg"
{"$let": {"vars": {"CURRENT": 1}, "in": 1}} -> not a name for a variable (got "CURRENT"
{"$let": {"vars": 1, "in": 1}} -> not a mapping (got 1; allowed names with expressions)
{"$map": {"input": "$$this", "in": 1}} -> undefined variable (got "$$this"
{"$map": {"input": [], "as": "fish", "in": "$$fsih.kg"}} -> undefined variable (got "$$fsih.kg"; allowed $$fish, $$NOW, $$REMOVE, $$CLUSTER_TIME; did you mean $$fish.kg?)
{"$map": {"input": [], "as": "fish", "in": "$$this"}} -> undefined variable (got "$$this"
{"$filter": {"input": [], "cond": "$$value"}} -> undefined variable (got "$$value"
{"$filter": {"input": [], "cond": true, "limit": "$$this"}} -> undefined variable (got "$$this"
{"$reduce": {"input": [], "initialValue": "$$value", "in": 1}} -> undefined variable (got "$$value"
{"$map": []} -> $map takes a mapping (got []; allowed input, in, as)
{"$sortArray": {"input": [], "sortBy": {"a": "asc"}}} -> not a sort order (got "asc"; allowed 1, -1)
{"$sortArray": {"input": [], "sortBy": true}} -> not a sort order (got true; allowed 1, -1)
{"$getField": "status"} -> reads a field that conditions cannot see (got "status"
{"$getField": {"field": "status"}} -> reads a field that conditions cannot see (got "status"
{"$getField": {"$concat": ["sta", "tus"]}} -> $getField
{"$year": {"dat": 1, "date": 1}} -> $year has no such argument (got "dat"; allowed date, timezone; did you mean date?)
{"$literal": NaN} -> not a number that JSON can carry
"""


@pytest.mark.parametrize(("text", "message"), rows(BAD_EXPRESSIONS))
def test_a_bad_expression_is_told_what_is_wrong(text: str, message: str) -> None:
    problems = check_expression(json.loads(text), path=PATH)
    assert problems, "nothing was said"
    assert problems[0].message.startswith(message), said(problems)


def test_problems_carry_the_whole_path_and_come_all_at_once() -> None:
    problems = check_query({"$and": [{"status": 1}, {"$expr": {"$add": ["$x", {"$foo": 1}]}}]}, path=PATH)
    assert [problem.path for problem in problems] == [
        (*PATH, "$and", 0, "status"),
        (*PATH, "$and", 1, "$expr", "$add", 0),
        (*PATH, "$and", 1, "$expr", "$add", 1, "$foo"),
    ]


def test_keys_that_are_no_texts_and_values_that_json_cannot_carry_are_problems() -> None:
    assert "a key is not a text (got 1" in said(check_query({1: 2}, path=()))
    assert "a key is not a text (got 1" in said(check_expression({"a": {1: 2}}, path=()))
    assert "not a value that JSON can carry" in said(check_expression({"a": {1, 2}}, path=()))


@pytest.mark.parametrize("name", sorted(REFUSED_IN_EXPRESSIONS))
def test_what_is_refused_is_no_operator_of_expressions(name: str) -> None:
    assert name not in EXPRESSION_OPERATORS
    assert len(check_expression({"a": [{name: {}}]}, path=())) == 1


@pytest.mark.parametrize("name", sorted(REFUSED_IN_QUERIES))
def test_what_is_refused_is_no_operator_of_queries(name: str) -> None:
    assert name not in {*TOP_OPERATORS, *FIELD_OPERATORS}
    places: list[dict[str, Any]] = [
        {name: {}},
        {"input.a": {name: {}}},
        {"input.a": {"$elemMatch": {name: {}}}},
        {"$expr": {name: {}}},
    ]
    for query in places:
        assert len(check_query(query, path=())) == 1, query


READS = r"""
query -> {"results.a.b": 1, "errors.c": {"$exists": true}, "visits.p": 2, "input.x": 3} -> errors.c input results.a visits.p
query -> {"results": {"$ne": {}}} -> results
query -> {"$or": [{"results.a": 1}, {"$nor": [{"results.b.c": 1}]}]} -> results.a results.b
query -> {"results.a.l": {"$elemMatch": {"results": 1}}} -> results.a
query -> {"$expr": {"$gt": ["$results.a.kg", "$input.least"]}} -> input results.a
query -> {"$jsonSchema": {}} -> errors input results visits
query -> {"status": 1} ->
expression -> {"a": "$results.a", "b": ["$errors.b.message"], "c": {"$sum": "$visits.p"}} -> errors.b results.a visits.p
expression -> {"$objectToArray": "$results"} -> results
expression -> {"$literal": "$results.a"} ->
expression -> {"$getField": "results"} -> results
expression -> {"$map": {"input": "$results.a.l", "as": "x", "in": {"$add": ["$$x", "$results.b"]}}} -> results.a results.b
expression -> {"$switch": {"branches": [{"case": "$results.a", "then": "$results.b"}], "default": "$input.z"}} -> input results.a results.b
expression -> "$$ROOT" -> errors input results visits
expression -> 5 ->
"""


@pytest.mark.parametrize("line", READS.strip().splitlines())
def test_reads(line: str) -> None:
    kind, text, expected = (cell.strip() for cell in line.split("->"))
    found = reads(json.loads(text), "query" if kind == "query" else "expression")
    assert sorted(field if name is None else f"{field}.{name}" for field, name in found) == expected.split()


# Any JSON, with keys and texts that often look like operators, paths and variables.
WORDS = st.sampled_from(
    [
        *(*EXPRESSION_OPERATORS, *TOP_OPERATORS, *FIELD_OPERATORS, *REFUSED_IN_EXPRESSIONS),
        *(
            "input",
            "results.a",
            "$results.a.b",
            "$$this",
            "$$value",
            "$$ROOT",
            "$",
            "$$",
            "",
            "a.b",
            "vars",
            "in",
            "as",
        ),
        *("input", "cond", "branches", "case", "then", "field", "sortBy", "if", "else", "date", "initialValue"),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(ANYTHING)
def test_whatever_is_written_is_checked_and_every_problem_has_a_place(value: Any) -> None:
    for problem in check_query(value, path=PATH) + check_expression(value, path=PATH):
        assert problem.path[: len(PATH)] == PATH
        place = value
        for step in problem.path[len(PATH) :]:
            place = place[step]
    reads(value, "query")
    reads(value, "expression")


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.tuples(st.sampled_from(["results", "errors", "visits"]), NAMES)
READING: st.SearchStrategy[tuple[Any, set[tuple[str, str]]]] = st.recursive(
    PATHS.map(lambda path: (f"${path[0]}.{path[1]}.type", {path}))
    | st.integers(0, 9).map(lambda number: (number, set())),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(
            lambda pairs: ([value for value, _ in pairs], set().union(*(r for _, r in pairs)))
        ),
        st.tuples(inner, inner).map(lambda pair: ({"$eq": [pair[0][0], pair[1][0]]}, pair[0][1] | pair[1][1])),
        st.tuples(inner, inner).map(
            lambda pair: ({"$map": {"input": pair[0][0], "in": [pair[1][0], "$$this"]}}, pair[0][1] | pair[1][1])
        ),
        st.tuples(inner, inner).map(
            lambda pair: (
                {"$let": {"vars": {"v": pair[0][0]}, "in": {"k": pair[1][0], "v": "$$v"}}},
                pair[0][1] | pair[1][1],
            )
        ),
    ),
    max_leaves=8,
)


@given(READING)
def test_an_expression_reads_exactly_the_paths_that_were_put_into_it(made: tuple[Any, set[tuple[str, str]]]) -> None:
    value, expected = made
    assert check_expression(value, path=()) == []
    assert reads(value, "expression") == expected
    assert reads({"$and": [{"$expr": value}]}, "query") == expected


@given(READING, st.sampled_from(sorted(REFUSED_IN_EXPRESSIONS)))
def test_a_refused_operator_is_found_wherever_it_stands(made: tuple[Any, Any], name: str) -> None:
    hidden = {"$cond": [True, made[0], {"$let": {"vars": {"v": [{name: made[0]}]}, "in": "$$v"}}]}
    assert [problem.path[-1] for problem in check_query({"$nor": [{"$expr": hidden}]}, path=())] == [name]
