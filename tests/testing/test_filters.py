"""The kit's matcher of filters accepts what the emulator's accepts, which is not ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.services import eventbridge

from phaseline.config.checks.event_pattern import check_pattern
from phaseline.config.checks.filter_checks import missing_field
from phaseline.testing.filters import accepts

PATTERNS: list[dict[str, Any]] = [
    {"a": ["x"]},
    {"a": ["x", 1, True, None]},
    {"a": [1.0]},
    {"a": {"b": ["x"]}},
    {"a": [{"prefix": "x"}]},
    {"a": [{"prefix": {"equals-ignore-case": "X"}}]},
    {"a": [{"suffix": "y"}]},
    {"a": [{"suffix": {"equals-ignore-case": "Y"}}]},
    {"a": [{"equals-ignore-case": "XY"}]},
    {"a": [{"wildcard": "x*y"}]},
    {"a": [{"wildcard": "*\\*y"}]},
    {"a": [{"wildcard": "x*z*y"}]},
    {"a": [{"exactly": "x"}, {"wildcard": "\\*"}]},
    {"a": [{"exists": True}]},
    {"a": [{"exists": False}]},
    {"a.b": ["x", 1]},
    {"a.b": {"b": [{"anything-but": "x"}]}, "b": ["x", 1]},
    {"a": [{"numeric": [">=", 1, "<", 5]}]},
    {"a": [{"numeric": ["=", 1]}]},
    {"a": [{"cidr": "10.0.0.0/24"}]},
    {"a": [{"cidr": "2001:db8::/32"}]},
    {"a": [{"anything-but": "x"}]},
    {"a": [{"anything-but": ["x", "xy"]}]},
    {"a": [{"anything-but": 1}]},
    {"a": [{"anything-but": {"prefix": "x"}}]},
    {"a": [{"anything-but": {"suffix": ["y", "z"]}}]},
    {"a": [{"anything-but": {"equals-ignore-case": ["XY"]}}]},
    {"a": [{"anything-but": {"wildcard": "*x*"}}]},
    {"$or": [{"a": ["x"]}, {"c": [{"exists": False}]}]},
    {"a": ["x"], "$or": [{"b": [1]}, {"c": {"d": ["y"]}}]},
]
ABSENT: list[dict[str, Any]] = [{"a": {"b": [{"exists": False}]}}, {"a.b": [{"exists": False}, 1]}]
"""What is absent inside of a list the emulator asks of each element alone, and EventBridge of all of them."""

SCALARS = st.sampled_from(
    [*("x", "y", "xy", "XY", "xzy", "x*y", "", "10.0.0.7", "2001:db8::1", "X"), *(0, 1, 1.0, 4.5, 5, True, False, None)]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=6,
)
DATA = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
WITHOUT_LISTS = st.dictionaries(
    st.sampled_from("abc"), SCALARS | st.dictionaries(st.sampled_from("abcd"), SCALARS, max_size=3), max_size=3
)


@pytest.mark.parametrize("pattern", PATTERNS, ids=json.dumps)
@settings(max_examples=25)
@given(data=DATA)
def test_a_pattern_accepts_what_the_emulator_accepts(pattern: dict[str, Any], data: dict[str, Any]) -> None:
    check(pattern, data)


@pytest.mark.parametrize("pattern", ABSENT, ids=json.dumps)
@settings(max_examples=25)
@given(data=WITHOUT_LISTS)
def test_what_is_absent_outside_of_lists_is_so_for_the_emulator(pattern: dict[str, Any], data: dict[str, Any]) -> None:
    check(pattern, data)


def check(pattern: dict[str, Any], data: dict[str, Any]) -> None:
    assert check_pattern(pattern, path=()) == []
    event = {"Source": "s", "DetailType": "t", "Detail": json.dumps(data)}
    accepted = accepts(pattern, data)
    assert accepted == eventbridge._matches_pattern(json.dumps({"detail": pattern}), event)
    assert not (accepted and missing_field(pattern, data)), "the config's checks would refuse such an input"


CREW = {"crew": [{"name": "Anna", "role": "mate"}, {"name": "Quint", "role": "captain", "beard": True}]}


@pytest.mark.parametrize(
    ("pattern", "accepted"),
    [
        ({"crew": {"name": ["Anna"], "role": ["mate"]}}, True),
        ({"crew": {"name": ["Anna"], "role": ["captain"]}}, False),
        ({"crew": {"name": ["Anna"]}, "$or": [{"crew": {"role": ["captain"]}}, {"boat": ["Orca"]}]}, False),
        ({"crew": {"hat": [{"exists": False}]}}, True),
        # No field was found before that says which of the crew is meant, so one beard is enough.
        ({"crew": {"beard": [{"exists": False}]}}, False),
        ({"crew": {"beard": [{"exists": False}], "name": ["Anna"]}}, False),
        ({"crew": {"beard": [{"exists": False}, True], "name": ["Quint"]}}, True),
        # The fields are looked for in the order of their names: Anna is found, and has no title.
        ({"crew": {"name": ["Anna"], "title": [{"exists": False}]}}, True),
        ({"crew": {"beard": [True], "role": [{"exists": False}]}}, False),
    ],
    ids=str,
)
def test_in_a_list_the_fields_are_those_of_one_element(pattern: dict[str, Any], accepted: bool) -> None:
    """By the rules of AWS's own matcher: "any two fields … in different elements of the same array" are no match."""
    assert accepts(pattern, CREW) is accepted


def test_many_stars_do_not_take_for_ever() -> None:
    assert not accepts({"a": [{"wildcard": "*a*a*a*a*a*a*a*b"}]}, {"a": "a" * 8_000})
    assert accepts({"a": [{"wildcard": "*a*a*a*a*a*a*a*b"}]}, {"a": "a" * 7 + "b"})
    assert not accepts({"a": [{"wildcard": "aa*aa"}]}, {"a": "aaa"})


def test_an_input_that_is_no_object_has_no_fields() -> None:
    assert accepts({"a": [{"exists": False}]}, "x")
    assert not accepts({"": ["x"]}, "x")
    assert accepts({"a": [1]}, [{"a": 1}])
