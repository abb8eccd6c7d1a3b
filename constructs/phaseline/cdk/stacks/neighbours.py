"""What two orchestrations of an app must not share: a deploy would find it out half-way, or their jobs would mix.

Each knows only what is there when it is made: what it claims is held against what those before it have claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from aws_cdk import Stack
from constructs import Construct

from phaseline.cdk.basics.quotas import WILDCARD_RULES
from phaseline.cdk.stacks.bus_rules import Rules
from phaseline_runtime.errors import UserError

_Construct = TypeVar("_Construct", bound=Construct)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an orchestration takes of what there is once, and of what others take too."""

    name: str
    """The orchestration's, in the app."""
    stack: str
    """The path of its stack: of several in each other, the outermost."""
    environment: str
    """The account and the region, as far as they are known."""
    database: str
    mongo: str
    """What tells its MongoDB from another."""
    mongo_everywhere: bool
    """Whether it does so in whichever account and region."""
    trigger: tuple[str, str] | None
    """The trigger of Atlas that it makes, by its app and its name."""
    has_job_stacks: bool
    makes_bus: str | None
    """The name of the bus that it makes, where it has one."""
    rules: Mapping[str, Rules]
    """How many it puts on each bus whose name is known."""
    rules_per_bus: int
    """How many a bus takes."""

    def check(self, others: Sequence[Claims]) -> None:
        """Raise UserError where something is not for both."""
        near = [other for other in others if self._is_near(other)]
        for other in others:
            self._check_database(other)
            self._check_trigger(other)
        for other in near:
            self._check_job_stacks(other)
            self._check_bus(other)
        self._check_rules(near)

    def doubts(self, others: Sequence[Claims]) -> list[tuple[str, str]]:
        """What is for both only where they are deployed apart, and nobody says whether they are: of what, and how."""
        unsure = [other for other in others if not self._is_near(other) and self._may_be_near(other)]
        nobody = "nobody says that they are in two accounts or regions: deployed into the same,"
        databases = [
            f"database {self.database!r} and its connection have the same names as those of {other.name}, and {nobody} "
            "each would run the jobs of the other. Give each a `database` of its own, or both stacks their `env`"
            for other in unsure
            if self._has_its_database(other)
        ]
        buses = [
            f"event_source: the bus {self.makes_bus} has the same name as that of {other.name}, and {nobody} the "
            "second deploy fails. Give each a bus with a name of its own, or both stacks their `env`"
            for other in unsure
            if self._makes_its_bus(other)
        ]
        return [*(("database", each) for each in databases), *(("bus", each) for each in buses)]

    def _is_near(self, other: Claims) -> bool:
        """Whether both are in one account and region: stacks that do not say theirs may be in two."""
        return self.stack == other.stack or (
            self.environment == other.environment and "unknown" not in other.environment
        )

    def _may_be_near(self, other: Claims) -> bool:
        """Whether nothing that is known of them says that they are in two accounts or regions."""
        parts = zip(self.environment.split("/"), other.environment.split("/"), strict=True)
        return all(one == two or "unknown" in one + two for one, two in parts)

    def _has_its_database(self, other: Claims) -> bool:
        return (self.database, self.mongo) == (other.database, other.mongo)

    def _check_database(self, other: Claims) -> None:
        if self._has_its_database(other) and (self.mongo_everywhere or self._is_near(other)):
            where = "of the same MongoDB" if self.mongo_everywhere else "in the same account and region"
            raise UserError(
                f"Orchestration {self.name}: database: got {self.database!r}, which {other.name} {where} has too: "
                "each would run the jobs of the other, so give each a `database` of its own"
            )

    def _check_trigger(self, other: Claims) -> None:
        if self.trigger is not None and self.trigger == other.trigger:
            raise UserError(
                f"Orchestration {self.name}: event_source: {other.name} makes the trigger {self.trigger[1]} already, "
                "and an app of Atlas has one of that name: give each a `database` of its own, or this one's trigger "
                'another `name`: `EventSource.atlas_trigger(…, name="…")`'
            )

    def _check_job_stacks(self, other: Claims) -> None:
        if self.stack == other.stack and self.has_job_stacks and other.has_job_stacks:
            raise UserError(
                f"Orchestration {self.name}: job_stacks: {other.name} in the same stack has them too, and both would "
                "have the same names, which are those of the stack: give each a stack of its own"
            )

    def _makes_its_bus(self, other: Claims) -> bool:
        return self.makes_bus is not None and self.makes_bus == other.makes_bus

    def _check_bus(self, other: Claims) -> None:
        if self._makes_its_bus(other):
            raise UserError(
                f"Orchestration {self.name}: event_source: {other.name} makes the bus {self.makes_bus} already, and "
                f'there can be one of that name: give this one another, or `EventSource.bus("{self.makes_bus}")`'
            )

    def _check_rules(self, others: Iterable[Claims]) -> None:
        for bus, mine in self.rules.items():
            there = [(other.name, other.rules[bus]) for other in others if bus in other.rules]
            if not there:
                continue
            sharing = ", ".join(name for name, _ in there)
            all_rules = sum((rules for _, rules in there), mine)
            if all_rules.count > self.rules_per_bus:
                raise UserError(
                    f"Orchestration {self.name}: needs {mine.count} rules on the bus {bus}, where {sharing} has "
                    f"{all_rules.count - mine.count}; EventBridge allows {self.rules_per_bus}: give one of them "
                    "another bus, or `job_stacks=JobStacks.routed(N)`, or have the quota raised by AWS and give "
                    "`rules_per_bus`"
                )
            if mine.wildcards and all_rules.wildcards > WILDCARD_RULES:
                raise UserError(
                    f"Orchestration {self.name}: needs {mine.wildcards} rules with a `wildcard` on the bus {bus}, "
                    f"where {sharing} has {all_rules.wildcards - mine.wildcards}; EventBridge allows {WILDCARD_RULES}, "
                    "and raises that for nobody: give one of them another bus, or match by `prefix` or `suffix` where "
                    "that says the same"
                )


def all_in_app(construct: Construct, kind: type[_Construct]) -> list[_Construct]:
    """All constructs of this kind that the app of a construct has."""
    return [each for each in construct.node.root.node.find_all() if isinstance(each, kind)]


def outermost(stack: Stack) -> Stack:
    """The stack that this one is nested in, if any, and so on; itself otherwise."""
    parent = stack.nested_stack_parent
    return stack if parent is None else outermost(parent)
