"""Stacks beside the first: one for each group of jobs, and a last one for the publication and the starts.

They are no nested stacks: an operation of CloudFormation takes 2,500 resources with all nested stacks together. The
order of their deploys is that of their dependencies: the first, those of the jobs at once, the last.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Environment, Stack, Token
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from phaseline.cdk.bus.dead_letters import DeadLetters, DeadLettersElsewhere
from phaseline.cdk.bus.event_source import EventSource
from phaseline.cdk.bus.routing import Routing
from phaseline.cdk.bus.status_bus import StatusBus, rule_arns
from phaseline.cdk.functions.bundling import Bundling
from phaseline.cdk.functions.layers import Layers
from phaseline.cdk.stacks.homes import Homes, JobHome, PublicationHome
from phaseline.cdk.stacks.job_stacks import JobStacks
from phaseline.cdk.stacks.shared_values import SharedValues
from phaseline_runtime.errors import UserError


class FurtherStacks(Construct):
    """Makes the stacks, under the names `STACK-jobs-01`, `STACK-jobs-02`, … and `STACK-publication`.

    A stack that would get no job is not made.

    Args:
        job_stacks: how many, and whether with buses of their own.
        jobs: the names of the jobs of each stack.
        first: where the publication would be, were it all in the first stack.
        dead_letters: the queues, in the first stack.
        bundling: for which machine the layers of the jobs are built.

    Raises:
        UserError: the first stack is a nested one, or has a synthesizer of its own that these do not have.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        job_stacks: JobStacks,
        jobs: Sequence[Sequence[str]],
        first: PublicationHome,
        dead_letters: DeadLetters,
        bundling: Bundling,
    ) -> None:
        super().__init__(scope, id)
        self._first = Stack.of(self)
        if Token.is_unresolved(self._first.stack_name):
            raise UserError("job_stacks: are stacks beside that of the Orchestration: give it one that is not nested")
        self._synthesizer = job_stacks.synthesizer
        self._bus = first.bus
        self._values = SharedValues(
            self,
            "Values",
            values={
                "bus": first.bus.bus.event_bus_name,
                "rules-queue": dead_letters.rules.queue_arn,
                "functions-queue": dead_letters.functions.queue_arn,
                "starter": first.starter().function_arn,
                "migrations": first.migrations.function_arn,
                "layer": first.layer,
            },
        )
        if job_stacks.own_buses:
            dead_letters.accept_from_rules(rule_arns(self, f"{self._first.stack_name}-jobs-??"))
        made: dict[str, JobHome] = {}
        for number, names in enumerate(jobs, 1):
            if names:
                home = self._home(number, names, bundling, own_bus=job_stacks.own_buses)
                made |= dict.fromkeys(names, home)
        self.homes = Homes(made, self._last())
        """Where each job is made, and what comes after all jobs."""

    def _home(self, number: int, jobs: Sequence[str], bundling: Bundling, *, own_bus: bool) -> JobHome:
        stack = self._stack(f"jobs-{number:02d}", "jobs")
        bus = self._status_bus(stack)
        if own_bus:
            own = StatusBus(
                stack,
                "OwnBus",
                source=EventSource.relay(stack.stack_name),
                database=self._bus.database,
                dead_letters=bus.dead_letters,
            )
            Routing(stack, "Routing", jobs=jobs, source=bus, target=own)
            bus = own
        return JobHome(Construct(stack, "Jobs"), bus, Layers(stack, bundling), stack.stack_name)

    def _last(self) -> PublicationHome:
        stack = self._stack("publication", "what comes after all jobs")

        def function(name: str) -> lambda_.IFunction:
            return lambda_.Function.from_function_arn(stack, name, self._values.read(stack, name))

        return PublicationHome(
            stack,
            self._bus,
            self._dead_letters(stack),
            starter=lambda: function("starter"),
            migrations=function("migrations"),
            layer=self._values.read(stack, "layer"),
        )

    def _stack(self, name: str, what: str) -> Stack:
        first = self._first
        stack = Stack(
            self,
            name,
            stack_name=f"{first.stack_name}-{name}",
            description=f"Phaseline, {first.stack_name}: {what}",
            env=Environment(account=first.account, region=first.region),
            termination_protection=first.termination_protection,
            tags=first.tags.tag_values(),
            synthesizer=self._synthesizer,
            suppress_template_indentation=True,
        )
        _check_synthesizer(first, stack)
        stack.add_stack_dependency(first)
        return stack

    def _status_bus(self, stack: Stack) -> StatusBus:
        """The status bus, as seen from another stack."""
        return StatusBus(
            stack,
            "StatusBus",
            source=EventSource.bus(self._values.read(stack, "bus")),
            database=self._bus.database,
            dead_letters=self._dead_letters(stack),
        )

    def _dead_letters(self, stack: Stack) -> DeadLettersElsewhere:
        return DeadLettersElsewhere(stack, lambda name: self._values.read(stack, f"{name}-queue"))


def _check_synthesizer(first: Stack, further: Stack) -> None:
    """CDK hands the synthesizer of a stack to none below it: whoever gave it has to give it twice."""
    if first.synthesizer.bootstrap_qualifier != further.synthesizer.bootstrap_qualifier:
        raise UserError(
            f"job_stacks: the stack {first.stack_name} has a synthesizer of its own, and the stacks of its jobs have "
            "that of the app: give them the same one, as `JobStacks.routed(N, synthesizer=…)`"
        )
