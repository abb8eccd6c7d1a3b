"""Over how many stacks the jobs are spread, and whether what they need fits.

One stack takes 70 jobs of six resources each. Above that, each job goes to one of a fixed number of stacks, by its name
alone: adding, removing or reordering jobs moves no other job. All of it is decided here, before any construct is made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aws_cdk import IStackSynthesizer

from phaseline.cdk.basics.arguments import expect, expect_construct
from phaseline.cdk.basics.placing import fewest, groups, heaviest
from phaseline.cdk.basics.quotas import JOB_RESOURCES, JOB_STACKS, STACK_RESOURCES, STARTS, WILDCARD_RULES
from phaseline_runtime.errors import UserError


@dataclass(frozen=True, slots=True)
class JobStacks:
    """Stacks of their own for the jobs: made by one of its factories, and given to `Orchestration`.

    Fix the number at the first deploy, with room to grow: each stack takes 70 jobs, and they are never quite even. A
    higher number later moves some jobs to new stacks, where they are other functions.

    Example:
        ```python
        JobStacks.routed(20)
        ```
    """

    count: int
    own_buses: bool
    synthesizer: IStackSynthesizer | None = None

    @classmethod
    def direct(cls, count: int, *, synthesizer: IStackSynthesizer | None = None) -> JobStacks:
        """All rules on the status bus: no slower than one stack, and the bus has to take a rule for each job.

        Args:
            count: the number of stacks, 1 to 90.
            synthesizer: of these stacks: the one that you have given to the stack of the Orchestration. By default
                that of the app.

        Raises:
            UserError: the number is another, or the synthesizer is none.
        """
        return cls._checked(count, False, synthesizer)

    @classmethod
    def routed(cls, count: int, *, synthesizer: IStackSynthesizer | None = None) -> JobStacks:
        """A bus for each stack, with the rules of its jobs; a rule or two on the status bus hand over what is for them.

        For more jobs than the status bus takes rules. Each `triggered` goes over one bus more.

        Args:
            count: the number of stacks, 1 to 90.
            synthesizer: as of `direct`.

        Raises:
            UserError: as of `direct`.
        """
        return cls._checked(count, True, synthesizer)

    @classmethod
    def _checked(cls, count: int, own_buses: bool, synthesizer: IStackSynthesizer | None) -> JobStacks:
        expect("JobStacks", "count", count, int, "a whole number")
        if not 1 <= count <= JOB_STACKS:
            raise UserError(f"job_stacks: got {count}; allowed are 1 to {JOB_STACKS}")
        if synthesizer is not None:
            known = "that of the stack of the Orchestration: `cdk.DefaultStackSynthesizer(…)`"
            expect_construct("JobStacks", "synthesizer", synthesizer, "synthesize", known)
        return cls(count, own_buses, synthesizer)


def divide(
    jobs: Mapping[str, int],
    job_stacks: JobStacks | None,
    *,
    rules: int,
    starts: int = 0,
    wildcards: Collection[str] = (),
) -> list[list[str]]:
    """The names of the jobs of each stack.

    Args:
        jobs: how many resources each job takes, by name.
        job_stacks: the stacks, or None for the one that has everything.
        rules: how many rules the status bus takes besides those that are not of jobs.
        starts: how many schedules and events start executions: in one stack they stand beside the jobs.
        wildcards: the names of the jobs with a `wildcard` in their `filter`.

    Raises:
        UserError: a stack would get too many resources, or a bus too many rules, or too many with a wildcard.
    """
    found = [list(jobs)] if job_stacks is None else groups(jobs, job_stacks.count)
    routed = job_stacks is not None and job_stacks.own_buses
    besides = max(starts - STARTS, 0) if job_stacks is None else 0
    largest = heaviest(found, jobs) + besides
    if largest > JOB_RESOURCES:
        where = "one stack" if job_stacks is None else f"the fullest of {job_stacks.count} stacks"
        what = f"{len(jobs)}, with {starts} that start executions," if besides else f"{len(jobs)}"
        raise UserError(
            f"jobs: {what} would put {largest} resources into {where}; allowed for jobs are {JOB_RESOURCES}, "
            f"of the {STACK_RESOURCES} that CloudFormation takes: " + _remedy(jobs, routed=routed, rules=rules)
        )
    if not routed and len(jobs) > rules:
        raise UserError(
            f"jobs: {len(jobs)} need a rule each on the status bus, which takes {rules} besides ours: "
            + _remedy(jobs, routed=True, rules=rules)
            + ", or have the quota raised by AWS and give `rules_per_bus`"
        )
    _check_wildcards(jobs, found if routed else [list(jobs)], wildcards)
    return found


def _check_wildcards(jobs: Mapping[str, int], buses: list[list[str]], wildcards: Collection[str]) -> None:
    """Raise UserError where the jobs of a bus have more rules with a wildcard than it takes."""
    weights = {name: int(name in wildcards) for name in jobs}
    most = heaviest(buses, weights)
    if most <= WILDCARD_RULES:
        return
    enough = fewest(jobs, each=JOB_RESOURCES, most=JOB_STACKS)
    apart = fewest(weights, each=WILDCARD_RULES, most=JOB_STACKS)
    instead = ""
    if enough is not None and apart is not None:
        instead = f", or give `job_stacks=JobStacks.routed(N)`, with an N from {max(enough, apart)} to {JOB_STACKS}"
    raise UserError(
        f"jobs: {most} of those on one bus have a `wildcard` in their `filter`; EventBridge allows {WILDCARD_RULES} "
        "such rules on a bus, and raises that for nobody: match by `prefix` or `suffix` where that says the same"
        f"{instead}"
    )


def _remedy(jobs: Mapping[str, int], *, routed: bool, rules: int) -> str:
    count = fewest(jobs, each=JOB_RESOURCES, most=JOB_STACKS)
    if count is None:
        return f"{JOB_STACKS} stacks are the most and too few: divide the file"
    factory = "routed" if routed or len(jobs) > rules else "direct"
    return f"give `job_stacks=JobStacks.{factory}(N)`, with an N from {count} to {JOB_STACKS}"
