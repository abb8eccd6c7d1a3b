"""How many rules each bus gets, counted before any construct is made: a deploy would find it out half-way.

A bus may have rules of several kinds: those of the jobs, of the bundled Lambdas, of what starts executions. What other
apps have on it is known to nobody here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from phaseline.cdk.basics.quotas import WILDCARD_RULES
from phaseline.cdk.bundled.bundled_functions import BUNDLED_RULES, sweeps
from phaseline.cdk.bus import patterns
from phaseline.cdk.bus.routing import routed
from phaseline.cdk.bus.start_rules import starts_of
from phaseline.cdk.bus.status_bus import DEFAULT_BUS
from phaseline.config import Config, Job, Start
from phaseline_runtime.errors import UserError


@dataclass(frozen=True, slots=True)
class Rules:
    """So many rules, of which some have a wildcard in their pattern."""

    count: int = 0
    wildcards: int = 0

    def __add__(self, other: Rules) -> Rules:
        return Rules(self.count + other.count, self.wildcards + other.wildcards)


def with_wildcard(jobs: Iterable[Job]) -> list[str]:
    """The names of the jobs whose rule has a wildcard."""
    return [job.name for job in jobs if patterns.has_wildcard(job.filter)]


def check_buses(
    config: Config,
    stacks: Sequence[Sequence[str]] | None,
    *,
    database: str,
    status_bus: str | None,
    allowed: int,
) -> Mapping[str, Rules]:
    """The rules on each bus whose name is known. To those of jobs alone `divide` has seen.

    Args:
        config: with the jobs and the starts.
        stacks: the names of the jobs of each stack that has a bus of its own; None where none has.
        database: which the patterns match.
        status_bus: the name of the status bus, where it is known.
        allowed: how many rules a bus takes.

    Raises:
        UserError: a bus would get more than it takes.
    """
    of_jobs = Rules(len(config.jobs), len(with_wildcard(config.jobs.values())))
    if stacks is not None:
        of_jobs = Rules(sum(len(list(filter(None, routed(database, jobs)))) for jobs in stacks))
        _check_handing_over(of_jobs.count, allowed - BUNDLED_RULES)
    ours = {DEFAULT_BUS: Rules(sweeps(config))}
    if status_bus is not None:
        ours[status_bus] = ours.get(status_bus, Rules()) + of_jobs + Rules(BUNDLED_RULES)
    for bus, needed in _of_starts(starts_of(config.state_machines)).items():
        _check_starts(bus, needed, ours.get(bus, Rules()), allowed)
        ours[bus] = ours.get(bus, Rules()) + needed
    return ours


def _of_starts(starts: Sequence[Start]) -> Mapping[str, Rules]:
    """The rules of the starts by bus. A schedule with a time zone has none."""
    found = [start for start in starts if start.timezone is None]
    count = Counter(start.bus or DEFAULT_BUS for start in found)
    wildcards = Counter(start.bus or DEFAULT_BUS for start in found if patterns.has_wildcard(start.pattern))
    return {bus: Rules(count[bus], wildcards[bus]) for bus in count}


def _check_handing_over(count: int, rules: int) -> None:
    if count > rules:
        raise UserError(
            f"job_stacks: handing over to them needs {count} rules on the status bus, which takes {rules} besides "
            "ours: give fewer stacks, or the jobs shorter names, or have the quota raised by AWS and give "
            "`rules_per_bus`"
        )


def _check_starts(bus: str, needed: Rules, others: Rules, allowed: int) -> None:
    both = needed + others
    if both.count > allowed:
        beside = f", beside {others.count} others of this orchestration" if others.count else ""
        raise UserError(
            f"start: needs {needed.count} rules on the bus {bus}{beside}; EventBridge allows {allowed}: give "
            "schedules a `timezone` (they need no rule then), forward events to another bus, or have the quota raised "
            "by AWS and give `rules_per_bus`"
        )
    if both.wildcards > WILDCARD_RULES:
        beside = f", beside {others.wildcards} of jobs" if others.wildcards else ""
        raise UserError(
            f"start: needs {needed.wildcards} rules with a `wildcard` on the bus {bus}{beside}; EventBridge allows "
            f"{WILDCARD_RULES}, and raises that for nobody: match by `prefix` or `suffix` where that says the same, "
            "or forward events to another bus"
        )
