"""Which stack a job belongs to, and what is refused because it does not fit. No construct is made."""

from __future__ import annotations

from typing import Any

import pytest

from phaseline.cdk import JobStacks
from phaseline.cdk.basics.placing import fewest, groups, place
from phaseline.cdk.basics.quotas import JOB_RESOURCES, rules_of_a_bus
from phaseline.cdk.bus import patterns
from phaseline.cdk.bus.routing import routed
from phaseline.cdk.stacks.job_stacks import divide
from phaseline.config.checks.pattern_size import length
from phaseline_runtime.errors import UserError

THOUSAND = [f"a_job_with_a_name_{number}" for number in range(1000)]
LONG = [f"{'x' * 58}{number:06d}" for number in range(70)]


def test_a_place_depends_on_the_name_and_the_count_alone() -> None:
    assert [place(name, 16) for name in ("rent_a_boat", "catch_fish", "go_home")] == [12, 6, 12]


def test_more_places_move_only_what_goes_to_a_new_one() -> None:
    moved = [name for name in THOUSAND if place(name, 16) != place(name, 20)]
    assert all(place(name, 20) >= 16 for name in moved)
    assert 150 < len(moved) < 250


def test_a_thousand_jobs_fit_into_twenty_stacks() -> None:
    found = divide(dict.fromkeys(THOUSAND, 6), JobStacks.routed(20), rules=97)
    assert sorted(name for part in found for name in part) == sorted(THOUSAND)
    assert max(map(len, found)) * 6 <= JOB_RESOURCES
    assert sum(len(routed("phaseline_prod", part)) for part in found) <= 97


@pytest.mark.parametrize(
    ("count", "stacks", "rules", "said"),
    [
        (71, None, 297, "71 would put 426 resources into one stack; allowed for jobs are 420, of the 500"),
        (71, None, 297, r"give `job_stacks=JobStacks.direct\(N\)`, with an N from 2 to 90"),
        (1000, None, 297, r"give `job_stacks=JobStacks.routed\(N\)`, with an N from 1\d to 90"),
        (
            1000,
            JobStacks.routed(12),
            297,
            r"\d+ resources into the fullest of 12 stacks; .* N from 1\d to 90",
        ),
        (298, JobStacks.direct(10), 297, "298 need a rule each on the status bus, which takes 297 besides ours"),
        (298, JobStacks.direct(10), 297, "have the quota raised by AWS and give `rules_per_bus`"),
        (7000, None, 297, "90 stacks are the most and too few: divide the file"),
    ],
)
def test_what_does_not_fit_is_refused_with_limit_and_remedy(
    count: int, stacks: JobStacks | None, rules: int, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        divide({f"job{number}": 6 for number in range(count)}, stacks, rules=rules)


def test_many_starts_take_room_of_the_jobs_unless_they_are_in_a_stack_of_their_own() -> None:
    jobs = {f"job{number}": 6 for number in range(70)}
    assert len(divide(jobs, None, rules=297, starts=10)) == 1
    with pytest.raises(UserError, match=r"70, with 11 that start executions, would put 421 .* with an N from 1 to 90"):
        divide(jobs, None, rules=297, starts=11)
    assert len(divide(jobs, JobStacks.direct(1), rules=297, starts=450)) == 1


def test_jobs_that_take_more_resources_fill_a_stack_sooner() -> None:
    invoked = {f"job{number}": 9 for number in range(47)}
    with pytest.raises(UserError, match=r"47 would put 423 resources .* with an N from 2 to 90"):
        divide(invoked, None, rules=297)
    assert divide(dict(list(invoked.items())[1:]), None, rules=297) == [list(invoked)[1:]]


def test_rules_with_a_wildcard_are_refused_where_a_bus_gets_more_than_it_takes() -> None:
    names = [f"job{number}" for number in range(60)]
    jobs, wild = dict.fromkeys(names, 6), names[:31]
    assert divide(jobs, None, rules=297, wildcards=names[:30])
    for stacks in (None, JobStacks.direct(5), JobStacks.routed(1)):
        with pytest.raises(UserError, match=r"jobs: 31 of those on one bus .* 30 such rules .* with an N from 2 to 90"):
            divide(jobs, stacks, rules=297, wildcards=wild)
    assert divide(jobs, JobStacks.routed(2), rules=297, wildcards=wild)


def test_where_no_number_of_stacks_is_enough_for_wildcards_none_is_told() -> None:
    names = [f"job{number}" for number in range(4000)]
    with pytest.raises(UserError, match=r"where that says the same$"):
        divide(dict.fromkeys(names, 6), JobStacks.routed(80), rules=297, wildcards=names)


@pytest.mark.parametrize("count", [0, 91, -1])
def test_there_are_one_to_ninety_stacks(count: int) -> None:
    for factory in (JobStacks.direct, JobStacks.routed):
        with pytest.raises(UserError, match=f"job_stacks: got {count}; allowed are 1 to 90"):
            factory(count)


@pytest.mark.parametrize("count", [2.5, "5", True, None])
def test_a_number_of_stacks_is_a_whole_one(count: Any) -> None:
    for factory in (JobStacks.direct, JobStacks.routed):
        with pytest.raises(UserError, match=r"JobStacks: count: got .*; expected is a whole number"):
            factory(count)


def test_a_synthesizer_is_one_of_cdks() -> None:
    wrong: Any = "default"
    with pytest.raises(UserError, match=r"JobStacks: synthesizer: got a value of type str; expected is that of the"):
        JobStacks.routed(2, synthesizer=wrong)


def test_two_regions_allow_fewer_rules() -> None:
    allowed = {region: rules_of_a_bus(region) for region in ("eu-west-1", "af-south-1", "eu-south-1", "${Token[1]}")}
    assert allowed == {"eu-west-1": 300, "af-south-1": 100, "eu-south-1": 100, "${Token[1]}": 300}


def test_each_number_of_stacks_that_is_told_takes_the_jobs() -> None:
    """One more may be too few: it takes from all others, and can itself get too many."""
    told = 0
    for seed in range(30):
        jobs = {f"job_{seed}_{number}": 10 for number in range(400)}
        fits = [max(sum(jobs[name] for name in part) for part in groups(jobs, count)) <= 420 for count in range(1, 31)]
        found = fewest(jobs, each=420, most=30)
        assert found is not None
        assert all(fits[found - 1 :])
        assert not fits[found - 2]
        told += any(fits[: found - 1])
    assert told > 0  # Of some, a lower number would have fitted, and a higher one not.
    assert fewest({f"job{number}": 10 for number in range(400)}, each=420, most=5) is None


def test_a_pattern_that_would_be_too_long_becomes_several_rules() -> None:
    found = routed("phaseline_prod", LONG)
    assert len(found) > 1
    assert sorted(name for part in found for name in part) == LONG
    assert all(length({"detail": patterns.of_jobs("phaseline_prod", part)}) <= 2_048 for part in found)


def test_a_job_that_comes_moves_no_other_to_another_rule_as_long_as_the_rules_suffice() -> None:
    before, after = routed("phaseline_prod", LONG), routed("phaseline_prod", [*LONG, "new"])
    assert len(before) == len(after)
    assert [[name for name in part if name != "new"] for part in after] == before
    assert groups(LONG, len(before)) == before
