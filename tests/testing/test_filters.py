"""The kit's matcher of filters accepts what the emulator's accepts, which is not ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.services import eventbridge

from phaseline.config.checks.event_pattern import check_pattern
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
    {"a": [{"exists": True}]},
    {"a": [{"exists": False}]},
    {"a": {"b": [{"exists": False}]}},
    {"a.b": ["x", 1]},
    {"a.b": [{"exists": False}]},
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
SCALARS = st.sampled_from(
    [*("x", "y", "xy", "XY", "xzy", "x*y", "", "10.0.0.7", "2001:db8::1", "X"), *(0, 1, 1.0, 4.5, 5, True, False, None)]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=6,
)
DATA = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@pytest.mark.parametrize("pattern", PATTERNS, ids=json.dumps)
@settings(max_examples=25)
@given(data=DATA)
def test_a_pattern_accepts_what_the_emulator_accepts(pattern: dict[str, Any], data: dict[str, Any]) -> None:
    assert check_pattern(pattern, path=()) == []
    event = {"Source": "s", "DetailType": "t", "Detail": json.dumps(data)}
    assert accepts(pattern, data) == eventbridge._matches_pattern(json.dumps({"detail": pattern}), event)
