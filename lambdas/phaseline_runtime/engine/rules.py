"""What a job asks of its predecessors: Airflow's trigger rules, by their names and meaning.

Source of the meaning: Apache Airflow, "Trigger Rules". A job that was skipped because of a failure upstream counts as
failed here, as Airflow's `upstream_failed` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto


class Outcome(Enum):
    """How a predecessor looks to its followers."""

    PENDING = auto()
    """It has not ended yet."""
    SUCCESS = auto()
    """It succeeded."""
    FAILED = auto()
    """It failed, was cancelled, or was skipped because of a failure upstream."""
    SKIPPED = auto()
    """It was skipped for another reason: its condition was false, or its rule could no longer be met."""


class Verdict(Enum):
    """What follows for the job."""

    WAIT = auto()
    """The predecessors known so far do not settle it."""
    RUN = auto()
    """The rule is met."""
    UPSTREAM_FAILED = auto()
    """The rule can no longer be met, because of a failure."""
    UPSTREAM_SKIPPED = auto()
    """The rule can no longer be met, for another reason."""


class _Counts:
    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.pending = outcomes.count(Outcome.PENDING)
        self.success = outcomes.count(Outcome.SUCCESS)
        self.failed = outcomes.count(Outcome.FAILED)
        self.skipped = outcomes.count(Outcome.SKIPPED)


def _when_done(counts: _Counts) -> Verdict:
    return Verdict.WAIT if counts.pending else Verdict.RUN


def _unmet(counts: _Counts) -> Verdict:
    return Verdict.UPSTREAM_FAILED if counts.failed else Verdict.UPSTREAM_SKIPPED


def _all_success(counts: _Counts) -> Verdict:
    return _unmet(counts) if counts.failed or counts.skipped else _when_done(counts)


def _all_failed(counts: _Counts) -> Verdict:
    return Verdict.UPSTREAM_SKIPPED if counts.success or counts.skipped else _when_done(counts)


def _all_skipped(counts: _Counts) -> Verdict:
    return Verdict.UPSTREAM_SKIPPED if counts.success or counts.failed else _when_done(counts)


def _one_success(counts: _Counts) -> Verdict:
    if counts.success:
        return Verdict.RUN
    return Verdict.WAIT if counts.pending else _unmet(counts)


def _one_failed(counts: _Counts) -> Verdict:
    if counts.failed:
        return Verdict.RUN
    return Verdict.WAIT if counts.pending else Verdict.UPSTREAM_SKIPPED


def _one_done(counts: _Counts) -> Verdict:
    if counts.success or counts.failed:
        return Verdict.RUN
    return Verdict.WAIT if counts.pending else Verdict.UPSTREAM_SKIPPED


def _none_failed(counts: _Counts) -> Verdict:
    return Verdict.UPSTREAM_FAILED if counts.failed else _when_done(counts)


def _none_failed_min_one_success(counts: _Counts) -> Verdict:
    if counts.failed:
        return Verdict.UPSTREAM_FAILED
    if counts.pending:
        return Verdict.WAIT
    return Verdict.RUN if counts.success else Verdict.UPSTREAM_SKIPPED


def _none_skipped(counts: _Counts) -> Verdict:
    return Verdict.UPSTREAM_SKIPPED if counts.skipped else _when_done(counts)


def _all_done_min_one_success(counts: _Counts) -> Verdict:
    if counts.pending:
        return Verdict.WAIT
    return Verdict.RUN if counts.success else _unmet(counts)


def _always(_: _Counts) -> Verdict:
    return Verdict.RUN


_RULES: dict[str, Callable[[_Counts], Verdict]] = {
    "all_success": _all_success,
    "all_failed": _all_failed,
    "all_done": _when_done,
    "all_skipped": _all_skipped,
    "all_done_min_one_success": _all_done_min_one_success,
    "one_success": _one_success,
    "one_failed": _one_failed,
    "one_done": _one_done,
    "none_failed": _none_failed,
    "none_failed_min_one_success": _none_failed_min_one_success,
    "none_skipped": _none_skipped,
    "always": _always,
}

RULES = tuple(_RULES)
"""Every rule that `run_if` knows."""

ACCEPTS_FAILURE = frozenset(
    {
        "all_failed",
        "all_done",
        "all_done_min_one_success",
        "one_success",
        "one_failed",
        "one_done",
        "none_skipped",
        "always",
    }
)
"""Rules that can be met although a predecessor failed: only such jobs are triggered in a failing round."""


def judge(rule: str, outcomes: Sequence[Outcome]) -> Verdict:
    """What the rule says of these predecessors; a job without predecessors runs under every rule."""
    return _RULES[rule](_Counts(outcomes)) if outcomes else Verdict.RUN
