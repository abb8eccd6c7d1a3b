"""Everything that a config file asks for, in one construct.

It validates nothing (the config does) and decides nothing that a smaller construct decides: it makes them, in an
order and under ids that stay the same when jobs are added, removed or reordered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from aws_cdk import Annotations, Duration, RemovalPolicy, Stack, Stage, Validations
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from phaseline.cdk.basics.arguments import expect
from phaseline.cdk.basics.names import Name
from phaseline.cdk.basics.quotas import RESERVATIONS, ROLES
from phaseline.cdk.bundled.bundled_functions import BUNDLED_ROLES, BundledFunctions, forgets
from phaseline.cdk.bundled.compiled import Compiled
from phaseline.cdk.bundled.publication import Publication
from phaseline.cdk.bus.dead_letters import DeadLetters
from phaseline.cdk.bus.event_source import EventSource, ExistingBus
from phaseline.cdk.bus.start_rules import StartRules, starts_of
from phaseline.cdk.bus.status_bus import StatusBus
from phaseline.cdk.functions.bundling import Bundling
from phaseline.cdk.functions.layers import Layers
from phaseline.cdk.functions.mongo_connection import MongoConnection
from phaseline.cdk.functions.network import NETWORK, Network
from phaseline.cdk.functions.runtime_function import FunctionSettings
from phaseline.cdk.functions.runtime_layer import RUNTIME
from phaseline.cdk.jobs import job_record
from phaseline.cdk.jobs.job_networks import Networks, check_networks
from phaseline.cdk.jobs.job_runner import JobRunner
from phaseline.cdk.jobs.job_target import Functions, check_given
from phaseline.cdk.jobs.making import make_job, reserved_by, roles_of
from phaseline.cdk.planning import Plan, plan
from phaseline.cdk.stacks.further_stacks import FurtherStacks
from phaseline.cdk.stacks.homes import Homes, JobHome, PublicationHome
from phaseline.cdk.stacks.job_stacks import JobStacks
from phaseline.cdk.stacks.neighbours import Claims, all_in_app, outermost
from phaseline.cdk.stacks.stack_outputs import add_outputs
from phaseline.cdk.stacks.template_limits import TemplateLimits
from phaseline.config import Config, Job, StateMachine
from phaseline_runtime.errors import UserError


class StarterUrl(Enum):
    """Whether executions can be started by HTTP."""

    NONE = "none"
    """No: starter_job is invoked as a Lambda, by whom IAM allows it."""
    IAM = "iam"
    """starter_job has a function URL; a request has to be signed by somebody whom IAM allows to call it."""


class Orchestration(Construct):
    """The Lambdas, rules, roles and bus for the jobs and state machines of a config.

    Args:
        config: what `phaseline.config.load` has read.
        mongo: how the functions reach MongoDB.
        event_source: where the statuses come from.
        functions: the functions of those jobs that say `function: given`, by the jobs' names.
        database: the name of the database; one for each environment.
        bundling: for which machine assets are built; by default for Lambda on ARM.
        network: the VPC that all functions run in; by default none.
        job_networks: the VPCs of single jobs by name, None for none; of an invoked job, it is that of its function.
        traced: whether X-Ray records each run of all functions, bundled Lambdas and jobs, but of a job whose `tracing`
            says otherwise; by default not.
        starter_url: whether executions can be started by HTTP; by default not.
        job_stacks: stacks of their own for the jobs, where one is too small; by default everything is in this one.
        rules_per_bus: how many rules a bus takes in this account and region, if it is not what AWS gives: 300, and
            100 in Cape Town and Milan.
        watchdog_period: how often watchdog_job looks for what is stuck, in whole minutes; by default each minute, the
            shortest.
        retention_mongo: how retention_job reaches MongoDB, which alone deletes and is there only where a state machine
            has a `retention`; by default as all others do.
        log_retention: how long log lines are kept; by default one month.
        log_removal: what becomes of the logs of a function that is removed; by default they go with it.

    Raises:
        UserError: something in the config or among the arguments cannot be deployed, another orchestration of the app
            has what can be had once, or pip failed; the message says what and where.

    Example:
        ```python
        orchestration = Orchestration(
            stack, "Orchestration",
            config=load("phaseline.yaml", values={}),
            mongo=MongoConnection.secret("phaseline/prod/mongo"),
            event_source=EventSource.relay(),
        )
        table.grant_read_data(orchestration.jobs["rent_a_boat"].function)
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: Config,
        mongo: MongoConnection,
        event_source: EventSource,
        functions: Functions | None = None,
        database: str = "phaseline",
        bundling: Bundling | None = None,
        network: Network | None = None,
        job_networks: Networks | None = None,
        traced: bool = False,
        starter_url: StarterUrl = StarterUrl.NONE,
        job_stacks: JobStacks | None = None,
        rules_per_bus: int | None = None,
        watchdog_period: Duration | None = None,
        retention_mongo: MongoConnection | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        log_removal: RemovalPolicy = RemovalPolicy.DESTROY,
    ) -> None:
        _check_kinds(
            config=config,
            mongo=mongo,
            event_source=event_source,
            bundling=bundling,
            network=network,
            traced=traced,
            starter_url=starter_url,
            job_stacks=job_stacks,
            rules_per_bus=rules_per_bus,
            watchdog_period=watchdog_period,
            retention_mongo=retention_mongo,
            log_retention=log_retention,
            log_removal=log_removal,
        )
        config.require_values()
        super().__init__(scope, id)  # What is refused above leaves nothing in the tree.
        self._claims: Claims | None = None  # As long as nothing is sure.
        self.config = config
        """What it was made of."""
        if log_removal is RemovalPolicy.SNAPSHOT:
            raise UserError("log_removal: got SNAPSHOT, which log groups have none of: give RETAIN, or DESTROY")
        stage = _stage(self)
        Name.DATABASE.check("database", database)
        self.settings = FunctionSettings(
            mongo=mongo,
            database=database,
            bundling=bundling or Bundling.for_aws(),
            network=network,
            traced=traced,
            log_retention=log_retention,
            log_removal=log_removal,
        )
        """What all functions have in common."""
        Validations.of(stage).add_plugins(TemplateLimits())
        planned = plan(
            config,
            mongo=mongo,
            event_source=event_source,
            database=database,
            region=Stack.of(self).region,
            job_stacks=job_stacks,
            rules_per_bus=rules_per_bus,
        )
        given = {} if functions is None else functions
        check_given(config, given)
        networks = {} if job_networks is None else job_networks
        check_networks(config, networks)
        self._claims = self._claimed(event_source, job_stacks, planned)
        self._warn(config, retention_mongo, planned)
        compiled = Compiled.of(config)
        self.watchdog_period = watchdog_period or Duration.minutes(1)
        """How often watchdog_job looks for what is stuck."""
        self.retention_mongo = (retention_mongo or mongo) if forgets(config) else None
        """How retention_job reaches MongoDB; None where there is none."""
        self.dead_letters = DeadLetters(self, "DeadLetters")
        """The queues for what could not be delivered: alarm on `kept`."""
        subscribed = [event for item in config.notifications for event in item.events]
        self.status_bus = StatusBus(
            self,
            "StatusBus",
            source=event_source,
            database=database,
            dead_letters=self.dead_letters,
            subscribed=subscribed,
        )
        """Where the statuses arrive, and the rules on it."""
        layers = Layers(self, self.settings.bundling)
        self._bundled = BundledFunctions(
            self,
            "Bundled",
            bus=self.status_bus,
            dead_letters=self.dead_letters,
            layer=layers.of(RUNTIME),
            settings=self.settings,
            compiled=str(compiled.write(Path(stage.outdir))),
            subscribed=subscribed,
            url_secrets=[item.url_secret for item in config.notifications if item.url_secret is not None],
            watchdog_period=self.watchdog_period,
            retention=self.retention_mongo,
        )
        self.starter_url: lambda_.FunctionUrl | None = None
        """The function URL of starter_job, where there is one."""
        if starter_url is StarterUrl.IAM:
            self.starter_url = self.starter.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)
        homes = self._homes(config.jobs, layers)
        if job_stacks is not None:
            homes = FurtherStacks(
                self,
                "FurtherStacks",
                job_stacks=job_stacks,
                jobs=planned.stacks,
                first=homes.publication,
                dead_letters=self.dead_letters,
                bundling=self.settings.bundling,
            ).homes
        self.jobs: Mapping[str, JobRunner] = MappingProxyType(
            {
                name: make_job(homes.jobs[name], job, settings=self.settings, functions=given, networks=networks)
                for name, job in config.jobs.items()
            }
        )
        """The jobs by name."""
        self._warn_of_other_jobs(config.jobs, homes.jobs, given)
        place = homes.publication
        self.publication = Publication(
            place.scope,
            "Publication",
            function=place.migrations,
            layer=place.layer,
            settings=self.settings,
            definitions=compiled.hash,
            after=[*self._bundled.rules, *(job.rule for job in self.jobs.values())],
        )
        """What makes the definitions of this deploy valid, last of all."""
        if starts_of(config.state_machines):
            self._make_starts(place, config.state_machines, in_further_stack=job_stacks is not None)

    @property
    def bus(self) -> events.IEventBus:
        """The event bus on which statuses arrive."""
        return self.status_bus.bus

    @property
    def functions(self) -> Mapping[str, lambda_.Function]:
        """The bundled Lambdas by name: `statemachine_job`, `orchestrator_job`, …"""
        return self._bundled.by_name

    @property
    def starter(self) -> lambda_.Function:
        """starter_job: invoke it with `{machine, input, id}`."""
        return self._bundled.starter_job

    def add_outputs(self) -> None:
        """Add the stack outputs by which the command line finds what is deployed.

        Raises:
            UserError: another orchestration in the stack has them: the command line knows one in a stack.
        """
        values = {
            "PhaselineDatabase": self.settings.database,
            "PhaselineBus": self.bus.event_bus_name,
            "PhaselineStarter": self.starter.function_name,
            "PhaselineKept": self.dead_letters.kept.queue_url,
            "PhaselineNotifications": self.functions["notifications_job"].function_name,
            **self.settings.mongo.outputs(),
        }
        add_outputs(Stack.of(self), values)

    def _claimed(self, event_source: EventSource, job_stacks: JobStacks | None, planned: Plan) -> Claims:
        """What this one claims. Raises UserError where another in the app has claimed it."""
        stack = outermost(Stack.of(self))
        claims = Claims(
            name=self.node.path,
            stack=stack.node.path,
            environment=stack.environment,
            database=self.settings.database,
            mongo=self.settings.mongo.identity,
            mongo_everywhere=self.settings.mongo.everywhere,
            trigger=event_source.trigger(self.settings.database),
            has_job_stacks=job_stacks is not None,
            makes_bus=None if isinstance(event_source, ExistingBus) else event_source.bus_name,
            rules=planned.rules,
            rules_per_bus=planned.rules_per_bus,
        )
        others = [each._claims for each in all_in_app(self, Orchestration) if each._claims is not None]
        claims.check(others)
        for what, doubt in claims.doubts(others):
            Annotations.of(self).add_warning_v2(f"phaseline:{what}", doubt)
        return claims

    def _make_starts(
        self, place: PublicationHome, machines: Mapping[str, StateMachine], *, in_further_stack: bool
    ) -> None:
        """What starts executions by itself, beside the publication."""
        rules = StartRules(
            place.scope,
            "Starts",
            machines=machines,
            starter=place.starter(),
            bus=place.bus,
            dead_letters=place.dead_letters,
        )
        rules.node.add_dependency(self.publication)  # A machine that is not published cannot be started.
        if in_further_stack and rules.rule_arns:  # In a stack without the queues they could not say so.
            self.dead_letters.accept_from_rules(*rules.rule_arns)

    def _warn(self, config: Config, retention_mongo: MongoConnection | None, planned: Plan) -> None:
        """Warn of what can be deployed, and may not be what is meant."""
        for warning in config.warnings:
            Annotations.of(self).add_warning_v2(f"phaseline:{warning.path}:{warning.line}", str(warning))
        self._warn_of_quotas(config.jobs, planned.hand_overs)
        if retention_mongo is not None and not forgets(config):
            Annotations.of(self).add_warning_v2(
                "phaseline:retention_mongo",
                "retention_mongo is given, and no state machine has a `retention`: nothing is ever deleted, and "
                "there is no retention_job that would use it",
            )

    def _warn_of_quotas(self, jobs: Mapping[str, Job], hand_overs: int) -> None:
        """Warn of what an account has too little of, until it asks AWS for more."""
        roles = sum(map(roles_of, jobs.values()))
        if roles + hand_overs + BUNDLED_ROLES > ROLES:
            handing = f" the buses of their stacks have {hand_overs}," if hand_overs else ""
            Annotations.of(self).add_warning_v2(
                "phaseline:roles",
                f"{len(jobs)} jobs have {roles} roles, one for each function,{handing} and Phaseline has "
                f"{BUNDLED_ROLES}; an account has {ROLES} until it asks AWS for more",
            )
        reserved = sum(map(reserved_by, jobs.values()))
        if reserved > RESERVATIONS:
            Annotations.of(self).add_warning_v2(
                "phaseline:concurrency",
                f"the jobs' reserved_concurrency and provisioned_concurrency take {reserved} concurrent invocations; "
                f"an account has {RESERVATIONS} to reserve until it asks AWS for more",
            )

    def _warn_of_other_jobs(self, jobs: Mapping[str, Job], homes: Mapping[str, JobHome], functions: Functions) -> None:
        """Warn of what differs from the last synth: a job that seems renamed or has moved, a stack without any."""
        file = Path(_stage(self).outdir) / f"phaseline-jobs-{self.node.addr[:16]}.json"
        now = job_record.recorded(jobs, {name: home.stack for name, home in homes.items()}, functions)
        for id, text in job_record.warnings(job_record.read(file), now, Stack.of(self).stack_name):
            Annotations.of(self).add_warning_v2(f"phaseline:{id}", text)
        job_record.write(file, now)

    def _homes(self, jobs: Iterable[str], layers: Layers) -> Homes:
        """Everything in this stack."""
        here = JobHome(Construct(self, "Jobs"), self.status_bus, layers, Stack.of(self).stack_name)
        publication = PublicationHome(
            self,
            self.status_bus,
            self.dead_letters,
            starter=lambda: self.starter,
            migrations=self.functions["migrations_job"],
            layer=layers.of(RUNTIME).version.layer_version_arn,
        )
        return Homes(dict.fromkeys(jobs, here), publication)


_MONGO = (MongoConnection, "`MongoConnection.secret(…)`, or what another of its methods makes")
_REQUIRED = ("config", "mongo", "event_source")
_EXPECTED: Mapping[str, tuple[type, str]] = {
    "config": (Config, 'what `phaseline.config.load("phaseline.yaml", values={…})` returns'),
    "mongo": _MONGO,
    "event_source": (EventSource, "`EventSource.relay()`, or what another of its methods makes"),
    "bundling": (Bundling, "`Bundling.for_aws()`, or `Bundling.for_this_interpreter()`"),
    "network": (Network, NETWORK),
    "traced": (bool, "True or False"),
    "starter_url": (StarterUrl, "`StarterUrl.IAM`, or `StarterUrl.NONE`"),
    "job_stacks": (JobStacks, "`JobStacks.direct(COUNT)`, or `JobStacks.routed(COUNT)`"),
    "rules_per_bus": (int, "a whole number"),
    "watchdog_period": (Duration, "`Duration.minutes(…)`"),
    "retention_mongo": _MONGO,
    "log_retention": (logs.RetentionDays, "one of `logs.RetentionDays`"),
    "log_removal": (RemovalPolicy, "one of `RemovalPolicy`"),
}
"""What each argument has to be: of what would otherwise be stumbled over somewhere inside, or be ignored."""


def _check_kinds(**arguments: object) -> None:
    """Raise UserError where an argument that is given, or that is required, is of another kind."""
    for argument, given in arguments.items():
        if given is not None or argument in _REQUIRED:
            expect("Orchestration", argument, given, *_EXPECTED[argument])


def _stage(scope: Construct) -> Stage:
    """The app, or a stage of it. A file in its `outdir` lives as long as the template that refers to it."""
    stage = Stage.of(scope)
    if stage is None:
        raise UserError("an Orchestration belongs into a Stack of an App: it has been given a scope outside of one")
    return stage
