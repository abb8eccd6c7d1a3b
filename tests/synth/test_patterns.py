"""The patterns of rules, as data."""

from __future__ import annotations

import pytest

from phaseline.cdk.bus import patterns
from phaseline.config.checks.pattern_size import length
from phaseline_runtime.errors import UserError


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], {}),
        (["execution.failed"], {"execution": ("failed",)}),
        (
            ["execution.success", "execution.failed", "job.failed"],
            {"job": ("failed",), "execution": ("failed", "success")},
        ),
        (["phase.*"], {"phase": ()}),
        (["job.failed", "job.*"], {"job": ()}),
        (["*"], {"job": (), "phase": (), "execution": ()}),
    ],
)
def test_subscriptions_become_statuses_of_each_kind(events: list[str], expected: dict[str, tuple[str, ...]]) -> None:
    assert patterns.subscribed(events) == expected


def test_one_kind_needs_no_alternatives() -> None:
    assert patterns.of_statuses("db", {"phase": ()}) == {
        "ns": {"db": ["db"], "coll": ["statuses"]},
        "fullDocument": {"kind": ["phase"]},
    }


def test_a_null_is_refused_since_cloudformation_would_drop_it() -> None:
    with pytest.raises(UserError, match=r"jobs\.boat\.filter: got a null.*exists: false"):
        patterns.of_job("db", "boat", {"captain": [None]})


def test_a_pattern_above_the_limit_is_refused() -> None:
    with pytest.raises(UserError, match=r"jobs\.boat\.filter: the rule's pattern has \d+ characters.*2048"):
        patterns.of_job("db", "boat", {"name": ["x" * 2_000]})


def test_the_limit_is_one_of_the_whole_pattern() -> None:
    most = 2_048 - length({"detail": patterns.of_job("db", "boat", {"name": [""]})})
    patterns.of_job("db", "boat", {"name": ["ü" * most]})
    with pytest.raises(UserError, match="has 2049 characters"):
        patterns.of_job("db", "boat", {"name": ["ü" * (most + 1)]})


def test_started_jobs_reach_neither_statemachine_job_nor_orchestrator_job() -> None:
    assert "started" not in patterns.STATEMACHINE_JOB["job"]
    assert "started" not in patterns.ORCHESTRATOR_JOB["job"]
    assert "triggered" not in patterns.STATEMACHINE_JOB["job"]


@pytest.mark.parametrize(
    ("pattern", "has"),
    [
        (None, False),
        ({"a": [{"wildcard": "x*"}]}, True),
        ({"a": {"b": ["x", {"anything-but": {"wildcard": ["x*"]}}]}}, True),
        ({"$or": [{"a": [1]}, {"b": {"c": [{"wildcard": "*"}]}}]}, True),
        ({"wildcard": ["a field of that name"], "a": {"wildcard": {"wildcard": ["x"]}}}, False),
        ({"a": ["wildcard", {"prefix": "wildcard"}, {"anything-but": ["wildcard"]}]}, False),
    ],
)
def test_a_wildcard_is_found_where_it_is_the_operator(pattern: patterns.Pattern | None, has: bool) -> None:
    assert patterns.has_wildcard(pattern) is has
