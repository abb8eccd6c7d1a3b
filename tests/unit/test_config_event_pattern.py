"""Event patterns as tables: each line is a pattern as the file has it, and what is said of it."""

# ruff: noqa: E501 (a line of a table is one line)

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import eventbridge

from phaseline.config.checks.event_pattern import ANYTHING_BUT_OPERATORS, OPERATORS, check_pattern

PATH = ("jobs", "rent_a_boat", "filter")

GOOD = r"""
{"region": [{"prefix": "eu-"}]}
{"region": ["eu-west-1", 5, 1.5, true, false, null, ""]}
{"boat": {"kind": ["sail"], "crew": {"size": [{"numeric": [">", 0, "<=", 5]}]}}}
{"a": [{"prefix": {"equals-ignore-case": "EU-"}}, {"suffix": ".png"}, {"suffix": {"equals-ignore-case": ".PNG"}}]}
{"a": [{"equals-ignore-case": "alice"}]}
{"a": [{"anything-but": "x"}]}
{"a": [{"anything-but": 5}]}
{"a": [{"anything-but": ["x", "y"]}]}
{"a": [{"anything-but": [1, 2.5]}]}
{"a": [{"anything-but": {"prefix": "x"}}, {"anything-but": {"suffix": ["x", "y"]}}]}
{"a": [{"anything-but": {"equals-ignore-case": ["x", "y"]}}, {"anything-but": {"wildcard": "*/lib/*"}}]}
{"a": [{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]}
{"a": [{"numeric": ["=", 3.018e2]}, {"numeric": ["<", 1]}, {"numeric": ["<=", 1]}, {"numeric": [">", 1]}]}
{"a": [{"numeric": [">=", -5000000000, "<", 5e9]}]}
{"a": [{"exists": false}]}
{"a": [{"exists": true}]}
{"a": [{"cidr": "10.0.0.0/24"}, {"cidr": "10.0.0.7/24"}, {"cidr": "2001:db8::/32"}, {"cidr": "0.0.0.0/0"}]}
{"a": [{"wildcard": "dir/*.png"}, {"wildcard": "*"}, {"wildcard": "a\\*b\\\\*"}, {"wildcard": "*\\**"}]}
{"$or": [{"a": [1]}, {"b": [2], "c": [3]}, {"$or": [{"d": [1]}, {"e": [2]}]}]}
{"x": [1], "boat": {"$or": [{"a": [1]}, {"a": [2]}]}}
{"prefix": ["a field of that name"], "numeric": [1]}
{"exists": {"x": [1]}}
{"a.b": [1]}
{"$where": ["1"], "$gt": [{"exists": true}], "x": {"$ne": [{"prefix": "y"}]}}
{"a": [{"exactly": "x"}]}
{"a": [{"prefix": ""}, {"suffix": ""}, {"equals-ignore-case": ""}, {"wildcard": ""}]}
{"a": [{"anything-but": ""}, {"anything-but": {"equals-ignore-case": ""}}, {"anything-but": {"wildcard": ""}}]}
{"a": [{"cidr": "::/0"}, {"numeric": [">=", 1, "<", 2.5]}, {"exists": false}, "x"]}
{"a": [{"cidr": "${RANGE}"}, {"prefix": "${REGION}-"}]}
{"a": [{"wildcard": "a\\\\\\*b"}, {"wildcard": "*a*b*c*d*e*f*"}]}
{"a": [{"anything-but": ["", "x"]}, {"anything-but": 0.1}, {"numeric": ["=", 5000000000.0]}, 12345678901234567890]}
{"a": [{"cidr": "2001:db8::/0"}, {"cidr": "1:2:3:4:5:6:7:8/64"}]}
{"a": {"$or": [{"b": [1]}, {"c": [1]}], "d": [1]}, "": ["x"]}
{"a": {"exactly": ["x"]}}
"""

BAD = r"""
[] -> not a pattern (got []; allowed a mapping of one or more fields)
{} -> not a pattern (got {}; allowed a mapping of one or more fields)
{"a": {}} -> not a pattern (got {}; allowed a mapping of one or more fields)
{"a": "x"} -> not a list of values (got "x"; allowed a list of texts, numbers, true, false, null and operators
{"a": null} -> not a list of values (got null
{"a": []} -> not a list of values (got []
{"a": [["x"]]} -> not a value (got ["x"]; allowed a list of texts
{"a": [{}]} -> not one operator (got []; allowed one of anything-but, cidr
{"a": [{"prefix": "x", "suffix": "y"}]} -> not one operator (got ["prefix", "suffix"]; allowed one of anything-but
{"a": [{"prefx": "x"}]} -> unknown operator (got "prefx"; allowed anything-but, cidr, equals-ignore-case, exists, numeric, prefix, suffix, wildcard; did you mean prefix?)
{"a": [{"anything_but": "x"}]} -> unknown operator (got "anything_but"; allowed anything-but, cidr, equals-ignore-case, exists, numeric, prefix, suffix, wildcard; did you mean anything-but?)
{"a": [{"$gt": 1}]} -> unknown operator (got "$gt"; allowed anything-but
{"a": [{"exactly": 1}]} -> exactly takes something else (got 1; allowed a text)
{"a": [{"regex": "x"}]} -> unknown operator (got "regex"
{"a": [{"exists": true, "prefix": "x"}]} -> not one operator (got ["exists", "prefix"]
{"a": [{"anything-but": {"prefix": {"equals-ignore-case": "x"}}}]} -> prefix takes something else (got {"equals-ignore-case": "x"}; allowed a text, not empty)
{"a": [{"anything-but": {"exists": true}}]} -> unknown operator inside anything-but (got "exists"
{"a": [{"anything-but": {"wildcard": "a\\b\\"}}]} -> a backslash escapes nothing
{"a": [{"cidr": "2001:db8::/129"}]} -> not an IP range
{"$or": [{"a": [1]}, "y"]} -> not a pattern (got "y"
{"$and": [{"a": [1]}, {"b": [2]}]} -> unknown operator (got "$and"; allowed $or)
{"$OR": [{"a": [1]}, {"b": [2]}]} -> unknown operator (got "$OR"; allowed $or; did you mean $or?)
{"a": {"prefix": "x"}} -> an operator stands in a list (got "prefix"; allowed [{prefix: "x"}])
{"a": {"numeric": [">", 5]}} -> an operator stands in a list (got "numeric"; allowed [{numeric: [">", 5]}])
{"a": {"exists": true}} -> an operator stands in a list (got "exists"; allowed [{exists: true}])
{"a": [{"prefix": 1}]} -> prefix takes something else (got 1; allowed a text)
{"a": [{"prefix": {"wildcard": "x"}}]} -> unknown operator inside prefix (got "wildcard"; allowed equals-ignore-case)
{"a": [{"suffix": {"equal-ignore-case": "x"}}]} -> unknown operator inside suffix (got "equal-ignore-case"; allowed equals-ignore-case; did you mean equals-ignore-case?)
{"a": [{"suffix": {}}]} -> suffix takes something else (got {}; allowed a text, {equals-ignore-case: text})
{"a": [{"prefix": {"equals-ignore-case": 1}}]} -> equals-ignore-case takes something else (got 1; allowed a text)
{"a": [{"equals-ignore-case": ["x"]}]} -> equals-ignore-case takes something else (got ["x"]; allowed a text)
{"a": [{"anything-but": []}]} -> anything-but takes something else (got []; allowed a text, a number
{"a": [{"anything-but": null}]} -> anything-but takes something else (got null
{"a": [{"anything-but": true}]} -> anything-but takes something else (got true
{"a": [{"anything-but": ["x", 1]}]} -> anything-but takes something else (got ["x", 1]
{"a": [{"anything-but": [{"prefix": "x"}]}]} -> anything-but takes something else (got [{"prefix": "x"}]
{"a": [{"anything-but": 6e9}]} -> not a number that AWS compares (got 6000000000.0; allowed -5e9 to 5e9)
{"a": [{"anything-but": {}}]} -> not one operator inside anything-but (got []; allowed one of equals-ignore-case, prefix, suffix, wildcard)
{"a": [{"anything-but": {"numeric": [">", 1]}}]} -> unknown operator inside anything-but (got "numeric"; allowed equals-ignore-case, prefix, suffix, wildcard)
{"a": [{"anything-but": {"sufix": "x"}}]} -> unknown operator inside anything-but (got "sufix"; allowed equals-ignore-case, prefix, suffix, wildcard; did you mean suffix?)
{"a": [{"anything-but": {"prefix": []}}]} -> prefix takes something else (got []; allowed a text, a list of texts)
{"a": [{"anything-but": {"prefix": ["x", ""]}}]} -> prefix takes something else (got ""; allowed a text, not empty)
{"a": [{"anything-but": {"wildcard": "**"}}]} -> two wildcards side by side (got "**"; allowed one * at a time)
{"a": [{"numeric": 5}]} -> not a comparison of numbers (got 5; allowed [operator, number]
{"a": [{"numeric": []}]} -> not a comparison of numbers (got []
{"a": [{"numeric": [">"]}]} -> not a comparison of numbers (got [">"]
{"a": [{"numeric": ["==", 5]}]} -> not a comparison of numbers (got ["==", 5]
{"a": [{"numeric": ["<", 5, ">", 0]}]} -> not a comparison of numbers (got ["<", 5, ">", 0]
{"a": [{"numeric": ["=", 5, "<", 7]}]} -> not a comparison of numbers (got ["=", 5, "<", 7]
{"a": [{"numeric": [">", 0, "<", 5, "<", 9]}]} -> not a comparison of numbers
{"a": [{"numeric": [[">"], 5]}]} -> not a comparison of numbers
{"a": [{"numeric": [">", "5"]}]} -> not a number that AWS compares (got "5"; allowed -5e9 to 5e9)
{"a": [{"numeric": [">", true]}]} -> not a number that AWS compares (got true
{"a": [{"numeric": [">", 5000000001]}]} -> not a number that AWS compares (got 5000000001
{"a": [{"numeric": [">", 5, "<", 5]}]} -> no number is in the range (got [">", 5, "<", 5]
{"a": [{"exists": "true"}]} -> exists takes something else (got "true"; allowed true, false)
{"a": [{"exists": 1}]} -> exists takes something else (got 1
{"a": [{"cidr": "10.0.0.0"}]} -> not an IP range (got "10.0.0.0"; allowed a range of addresses, such as 10.0.0.0/24
{"a": [{"cidr": "10.0.0.0/33"}]} -> not an IP range
{"a": [{"cidr": "10.0.0.1/32"}]} -> not an IP range
{"a": [{"cidr": "10.0.0.0/255.0.0.0"}]} -> not an IP range
{"a": [{"cidr": "10.0.0/24"}]} -> not an IP range
{"a": [{"cidr": 10}]} -> not an IP range
{"a": [{"wildcard": "a**b"}]} -> two wildcards side by side (got "a**b"; allowed one * at a time)
{"a": [{"wildcard": "a\\\\**b"}]} -> two wildcards side by side
{"a": [{"wildcard": "a\\b"}]} -> a backslash escapes nothing
{"a": [{"wildcard": "a\\"}]} -> a backslash escapes nothing
{"a": [{"wildcard": 1}]} -> wildcard takes something else (got 1; allowed a text)
{"$or": {"a": [1]}} -> $or takes a list (got {"a": [1]}; allowed two or more patterns)
{"$or": [{"a": [1]}]} -> $or takes a list (got [{"a": [1]}]; allowed two or more patterns)
{"$or": [{"a": [1]}, {}]} -> not a pattern (got {}
{"$or": [{"a": [1]}, {"prefix": ["x"]}]} -> a name that AWS reserves inside $or (got "prefix"
{"a": [1], "$or": [{"a": [2]}, {"b": [1]}]} -> a field is matched twice (got "a"; allowed each field once, $or included)
{"a": {"b": [1]}, "a.b": [2]} -> a field is matched twice (got "a.b"
{"a": [{"anything-but": {"exactly": "x"}}]} -> unknown operator inside anything-but (got "exactly"
{"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]} -> unknown operator inside anything-but (got "cidr"
{"a": [{"anything-but": {"anything-but": "x"}}]} -> unknown operator inside anything-but (got "anything-but"
{"a": [{"anything-but": {"wildcard": ["a*", "**"]}}]} -> two wildcards side by side (got "**"
{"a": [{"numeric": [">=", 1, "<=", 1]}]} -> no number is in the range
{"a": [{"cidr": "fe80::1%eth0/64"}]} -> not an IP range
{"a": [{"$or": [{"b": [1]}, {"c": [1]}]}]} -> unknown operator (got "$or"
{"$or": [{"a": {"prefix": ["x"]}}, {"b": [1]}]} -> a name that AWS reserves inside $or (got "prefix"
{"a": [{"cidr": "010.0.0.0/8"}]} -> not an IP range
{"a": [{"cidr": "::ffff:a00:0/104"}]} -> not an IP range
"""


def lines(table: str) -> list[str]:
    return table.strip().splitlines()


@pytest.mark.parametrize("text", lines(GOOD))
def test_a_good_pattern_has_no_problem(text: str) -> None:
    assert check_pattern(json.loads(text), path=PATH) == []


@pytest.mark.parametrize("line", lines(BAD))
def test_a_bad_pattern_is_told_what_is_wrong(line: str) -> None:
    text, message = line.split(" -> ")
    problems = check_pattern(json.loads(text), path=PATH)
    assert len(problems) == 1
    assert problems[0].message.startswith(message)


STRICTER = (
    # A field's mapping of that name would be legal; that it is meant as the operator is certain.
    '{"a": {"numeric": [">", 5]}}',
    # The guide has a limit for numbers, which the open-source matcher has given up.
    '{"a": [{"anything-but": 6e9}]}',
    '{"a": [{"numeric": [">", 5000000001]}]}',
    # EventBridge falls back to a field of the name `$or`, which nobody means.
    '{"$or": {"a": [1]}}',
    # The last one would win in silence.
    '{"a": [1], "$or": [{"a": [2]}, {"b": [1]}]}',
    '{"a": {"b": [1]}, "a.b": [2]}',
    # Ten or eight: readers of addresses differ.
    '{"a": [{"cidr": "010.0.0.0/8"}]}',
    # AWS's own matcher reads an IPv4 address there, with a mask that none has.
    '{"a": [{"cidr": "::ffff:a00:0/104"}]}',
)
"""What another matcher takes, and we refuse with a reason."""


def refused(text: str) -> bool:
    """Whether the emulator's EventBridge, which is not ours, refuses a job's rule with this filter."""
    pattern = json.dumps({"detail": {"fullDocument": {"input": json.loads(text)}}})
    return eventbridge._event_pattern_error(pattern) is not None


@pytest.mark.parametrize("text", [line for line in lines(GOOD) if "${" not in line])
def test_a_good_pattern_is_taken_by_another_matcher(text: str) -> None:
    assert not refused(text)


@pytest.mark.parametrize("line", lines(BAD))
def test_a_bad_pattern_is_refused_by_another_matcher(line: str) -> None:
    text, _ = line.split(" -> ")
    assert refused(text) is (text not in STRICTER)


def test_a_number_that_json_cannot_hold_is_a_problem() -> None:
    assert check_pattern({"a": [float("inf")]}, path=())[0].message.startswith("not a number that JSON can hold")


def test_problems_carry_the_whole_path_and_come_all_at_once() -> None:
    pattern = {"a": {"b": [1, {"prefx": "x"}]}, "$or": [{"c": [{"exists": 1}]}, {"d": [{"numeric": [">", "x"]}]}]}
    assert [problem.path for problem in check_pattern(pattern, path=PATH)] == [
        (*PATH, "a", "b", 1, "prefx"),
        (*PATH, "$or", 0, "c", 0, "exists"),
        (*PATH, "$or", 1, "d", 0, "numeric", 1),
    ]


def test_a_key_that_is_no_text_is_a_problem() -> None:
    assert check_pattern({1: ["x"]}, path=())[0].message.startswith("a key is not a text (got 1")


def test_more_than_a_thousand_combinations_of_or_are_too_many() -> None:
    def pattern(*sizes: int) -> dict[str, Any]:
        return {
            f"part{part}": {"$or": [{f"f{number}": [1]} for number in range(size)]} for part, size in enumerate(sizes)
        }

    assert check_pattern(pattern(10, 10, 10), path=PATH) == []
    nested = {"$or": [*({f"f{number}": [1]} for number in range(500)), pattern(3)]}
    assert len(check_pattern(nested, path=PATH)) == 1
    [problem] = check_pattern(pattern(10, 10, 11), path=PATH)
    assert problem.message == "too many combinations of $or (got 1100; allowed at most 1000)"


WORDS = st.sampled_from(
    [*OPERATORS, *ANYTHING_BUT_OPERATORS, "$or", "$and", "=", ">", "<", "*", "**", "\\", "1.1.1.1/8"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(ANYTHING)
def test_whatever_is_written_is_checked_and_every_problem_has_a_place(value: Any) -> None:
    for problem in check_pattern(value, path=PATH):
        assert problem.path[: len(PATH)] == PATH
        place = value
        for step in problem.path[len(PATH) :]:
            place = place[step]


@given(st.lists(st.sampled_from(["*", "\\*", "\\\\", "a"]), max_size=8))
def test_a_wildcard_of_whole_parts_is_bad_where_two_stars_meet(parts: list[str]) -> None:
    meet = any(left == right == "*" for left, right in pairwise(parts))
    assert bool(check_pattern({"a": [{"wildcard": "".join(parts)}]}, path=())) is meet
