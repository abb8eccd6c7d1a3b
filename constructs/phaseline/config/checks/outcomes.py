"""What can become of the jobs of a phase, by their rules alone: which can run, and what has ended when one runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phaseline_runtime.engine.rules import Outcome, Verdict, judge

_ENDED = (Outcome.SUCCESS, Outcome.FAILED, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class Follower:
    """What is needed to know of a job: whom it follows, by which rule, and whether it has a condition."""

    after: Sequence[str]
    rule: str
    conditional: bool


Followers = Mapping[str, Follower]
"""The jobs of one phase in topological order."""


def waits_for_all(rule: str) -> bool:
    """Whether a job runs under this rule only once all its predecessors have ended."""
    return all(judge(rule, [outcome, Outcome.PENDING]) is not Verdict.RUN for outcome in _ENDED)


def decides_early(rule: str) -> bool:
    """Whether the rule may settle the job's fate, to run or to be skipped, while a predecessor still runs."""
    return any(judge(rule, [outcome, Outcome.PENDING]) is not Verdict.WAIT for outcome in _ENDED)


def cannot_run(followers: Followers) -> list[str]:
    """The jobs whose rule no outcome of their predecessors can ever meet."""
    possible: dict[str, set[Outcome]] = {}
    dead = []
    for name, follower in followers.items():
        verdicts = _verdicts(follower, [possible[each] for each in follower.after])
        outcomes = set()
        if Verdict.RUN in verdicts:
            outcomes |= {Outcome.SUCCESS, Outcome.FAILED}
            if follower.conditional:
                outcomes.add(Outcome.SKIPPED)
        else:
            dead.append(name)
        if Verdict.UPSTREAM_FAILED in verdicts:
            outcomes.add(Outcome.FAILED)
        if Verdict.UPSTREAM_SKIPPED in verdicts:
            outcomes.add(Outcome.SKIPPED)
        possible[name] = outcomes
    return dead


def _verdicts(follower: Follower, before: Sequence[set[Outcome]]) -> set[Verdict]:
    """What the rule can say once all have ended. Rules ask whether there is an outcome, so that two of each suffice."""
    found: set[tuple[Outcome, ...]] = {()}
    for outcomes in before:
        found = {_with(known, outcome) for known in found for outcome in outcomes}
    return {judge(follower.rule, known) for known in found}


def _with(known: tuple[Outcome, ...], outcome: Outcome) -> tuple[Outcome, ...]:
    if known.count(outcome) == 2:
        return known
    return tuple(sorted((*known, outcome), key=_ENDED.index))


def ended_when_runs(followers: Followers) -> dict[str, set[str]]:
    """For each job, the jobs of its phase that have surely ended when it starts."""
    over = ended_when_over(followers)
    runs: dict[str, set[str]] = {}
    for name, follower in followers.items():
        ended: set[str] = set()
        if waits_for_all(follower.rule) or (len(follower.after) == 1 and follower.rule != "always"):
            for each in follower.after:
                # After a success the predecessor has run; else it may have been skipped before its time.
                ended |= {each} | (runs[each] if follower.rule == "all_success" else over[each])
        runs[name] = ended
    return runs


def ended_when_over(followers: Followers) -> dict[str, set[str]]:
    """For each job, the jobs of its phase that have surely ended once it has run or was skipped by its rule."""
    over: dict[str, set[str]] = {}
    for name, follower in followers.items():
        ended: set[str] = set()
        if not decides_early(follower.rule) or (len(follower.after) == 1 and follower.rule != "always"):
            for each in follower.after:
                ended |= {each} | over[each]
        over[name] = ended
    return over
