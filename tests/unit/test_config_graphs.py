"""Graphs of jobs: orders, cycles, and what rules allow, held against trying everything out."""

from __future__ import annotations

from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from phaseline.config.checks.graph import cycles, reachable, topological
from phaseline.config.checks.outcomes import Follower, cannot_run, ended_when_over, ended_when_runs, waits_for_all
from phaseline_runtime.engine.rules import RULES, Outcome, Verdict, judge

ENDED = (Outcome.SUCCESS, Outcome.FAILED, Outcome.SKIPPED)


def test_an_order_keeps_what_is_written_where_it_is_free() -> None:
    assert topological({"c": ["a"], "b": [], "a": []}) == ["b", "a", "c"]
    assert topological({"a": [], "b": [], "c": []}) == ["a", "b", "c"]
    assert topological({"d": ["b", "c"], "c": ["a"], "b": ["a"], "a": []}) == ["a", "c", "b", "d"]


def test_a_cycle_is_named_once_from_its_first_job_on() -> None:
    assert cycles({"a": ["b"], "b": ["c"], "c": ["a"]}) == [["a", "b", "c", "a"]]
    assert cycles({"x": ["a"], "a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}) == [["a", "b", "a"], ["c", "d", "c"]]
    assert cycles({"a": ["b", "c"], "b": [], "c": ["b"]}) == []


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3), max_size=6))
def test_there_is_an_order_exactly_where_there_is_no_cycle(graph: dict[str, list[str]]) -> None:
    graph = {name: [each for each in before if each in graph] for name, before in graph.items()}
    order = topological(graph)
    assert sorted(order) == sorted(graph)
    kept = all(set(graph[name]) <= set(order[:index]) for index, name in enumerate(order))
    assert kept is (cycles(graph) == [])
    for cycle in cycles(graph):
        assert cycle[0] == cycle[-1]
        assert all(following in graph[name] for name, following in pairwise(cycle))
        assert cycle[0] in reachable(graph, graph[cycle[0]])


def test_which_rules_wait_for_all() -> None:
    waiting = {rule for rule in RULES if waits_for_all(rule)}
    assert set(RULES) - waiting == {"one_success", "one_failed", "one_done", "always"}


@st.composite
def followers(draw: st.DrawFn) -> dict[str, Follower]:
    made: dict[str, Follower] = {}
    for name in "abcd"[: draw(st.integers(1, 4))]:
        after = draw(st.lists(st.sampled_from(sorted(made)), unique=True)) if made else []
        made[name] = Follower(after, draw(st.sampled_from(RULES)), draw(st.booleans()))
    return made


@given(followers())
def test_a_job_that_is_said_never_to_run_never_does(made: dict[str, Follower]) -> None:
    dead = cannot_run(made)
    for run in _runs(made):
        assert all(run[name][0] is None for name in dead)


def test_what_can_never_run_is_found_over_several_jobs() -> None:
    first = Follower([], "all_success", False)
    skipped = Follower(["first"], "all_skipped", False)
    after = Follower(["skipped"], "one_success", False)
    made = {"first": first, "skipped": skipped, "after": after, "tidy": Follower(["after"], "all_done", False)}
    assert cannot_run(made) == ["skipped", "after"]


@given(followers())
def test_what_has_surely_ended_has_ended_in_every_order_of_events(made: dict[str, Follower]) -> None:
    runs, over = ended_when_runs(made), ended_when_over(made)
    for run in _runs(made):
        for name, (started, ended) in run.items():
            if started is not None:
                assert all(run[each][1] <= started for each in runs[name])
            assert all(run[each][1] <= ended for each in over[name])


Run = dict[str, tuple[int | None, int]]
"""When each job started (or None where it was skipped) and ended."""


def _runs(made: dict[str, Follower]) -> list[Run]:
    """Runs of a phase with every result and a short or a long duration of each job."""
    found = []
    for choice in product(product(ENDED, (1, 50)), repeat=len(made)):
        wanted = dict(zip(made, choice, strict=True))
        if all(made[name].conditional or wanted[name][0] is not Outcome.SKIPPED for name in made):
            found.append(_run(made, wanted))
    return found


def _run(made: dict[str, Follower], wanted: dict[str, tuple[Outcome, int]]) -> Run:
    """One run: the rule of a job is judged again whenever a predecessor ends."""
    run: Run = {}
    outcomes: dict[str, Outcome] = {}
    for name, follower in made.items():
        for now in sorted({0, *(run[each][1] for each in follower.after)}):
            seen = [outcomes[each] if run[each][1] <= now else Outcome.PENDING for each in follower.after]
            verdict = judge(follower.rule, seen)
            if verdict is not Verdict.WAIT:
                break
        result, duration = wanted[name]
        if verdict is Verdict.RUN and result is not Outcome.SKIPPED:
            run[name], outcomes[name] = (now, now + duration), result
        else:
            failed = verdict is Verdict.UPSTREAM_FAILED
            run[name], outcomes[name] = (None, now), Outcome.FAILED if failed else Outcome.SKIPPED
    return run
