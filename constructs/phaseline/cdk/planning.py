"""What goes into which stack, and onto which bus: decided before any construct is made.

What does not fit is refused here, with the limit and the remedy: a deploy would find it out half-way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phaseline.cdk.basics.quotas import rules_of_a_bus
from phaseline.cdk.bundled.bundled_functions import BUNDLED_RULES
from phaseline.cdk.bus.event_source import EventSource
from phaseline.cdk.bus.start_rules import check_starts, starts_of
from phaseline.cdk.functions.mongo_connection import MongoConnection
from phaseline.cdk.jobs.making import resources_of
from phaseline.cdk.stacks.bus_rules import Rules, check_buses, with_wildcard
from phaseline.cdk.stacks.job_stacks import JobStacks, divide
from phaseline.config import Config
from phaseline_runtime.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the parts of an orchestration go."""

    stacks: Sequence[Sequence[str]]
    """The names of the jobs of each stack."""
    hand_overs: int
    """How many of these stacks have a bus of their own, to which a role hands over."""
    rules: Mapping[str, Rules]
    """How many rules it puts on each bus whose name is known."""
    rules_per_bus: int
    """How many rules a bus takes."""


def plan(
    config: Config,
    *,
    mongo: MongoConnection,
    event_source: EventSource,
    database: str,
    region: str,
    job_stacks: JobStacks | None,
    rules_per_bus: int | None,
) -> Plan:
    """Plan an orchestration; the arguments are those of `Orchestration`, and the region of its stack.

    Raises:
        UserError: a stack would get too many resources, or a bus too many rules.
    """
    allowed = rules_of_a_bus(region) if rules_per_bus is None else rules_per_bus
    if allowed <= BUNDLED_RULES:
        raise UserError(f"rules_per_bus: got {allowed}; {BUNDLED_RULES} are ours, and each job needs one more")
    starts = starts_of(config.state_machines)
    check_starts(starts)
    stacks = divide(
        {name: resources_of(job, mongo) for name, job in config.jobs.items()},
        job_stacks,
        rules=allowed - BUNDLED_RULES,
        starts=len(starts),
        wildcards=with_wildcard(config.jobs.values()),
    )
    routed = job_stacks is not None and job_stacks.own_buses
    rules = check_buses(
        config,
        stacks if routed else None,
        database=database,
        status_bus=event_source.bus_name,
        allowed=allowed,
    )
    hand_overs = sum(1 for jobs in stacks if jobs) if routed else 0
    return Plan(stacks=stacks, hand_overs=hand_overs, rules=rules, rules_per_bus=allowed)
