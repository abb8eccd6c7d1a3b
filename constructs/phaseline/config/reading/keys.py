"""The keys of the file: which there are, where, and what they hold. The one table behind reading and JSON Schema.

Keys that a later version will execute are known here, so that using one says so instead of guessing at a typo.
"""

from __future__ import annotations

from phaseline.config.models import Statement
from phaseline.config.reading import runtimes
from phaseline.config.reading.aws_names import (
    check_action,
    check_function_arn,
    check_image,
    check_layer,
    check_resource,
    check_tag,
    check_tag_value,
)
from phaseline.config.reading.choices import CompensateShape, NextShape, WaitForShape, WaitShape
from phaseline.config.reading.endings import FAIL, SucceedShape
from phaseline.config.reading.entries import (
    AttemptEntry,
    FileEntry,
    JobEntry,
    MachineEntry,
    NotificationEntry,
    PhaseEntry,
    StartEntry,
    UseEntry,
)
from phaseline.config.reading.failures import FailureShape
from phaseline.config.reading.policy_conditions import PolicyConditionsShape
from phaseline.config.reading.records import Fields, Key, ListOf, MapOf, Record
from phaseline.config.reading.retries import YEAR, RetryShape
from phaseline.config.reading.schedules import check_schedule, check_timezone
from phaseline.config.reading.shapes import Choice, Free, Placed, Reference, Scalars, Seconds, Text, Whole
from phaseline.config.reading.texts import (
    check_bus,
    check_collection,
    check_description,
    check_event,
    check_filled,
    check_folder,
    check_secret,
    check_url,
    check_variable,
)
from phaseline_runtime.definition import COMPENSATION, END
from phaseline_runtime.engine.giving_up import HEADROOM, LONGEST
from phaseline_runtime.engine.rules import RULES

MAX_TIMEOUT = LONGEST - HEADROOM
"""The longest timeout of an attempt in seconds: Lambda ends a function after 900, and 10 are kept to record it."""

DAY, MAX_RETENTION = 86_400, 3_660 * 86_400
"""The shortest and the longest time in seconds that executions are kept, where they are not kept for ever."""

REFUSED_RULES = {
    "all_done_setup_success": "`all_done_setup_success` has no meaning here: there are no setup and teardown jobs",
    "dummy": "`dummy` is the old name of `always`, which Airflow has removed",
    "none_failed_or_skipped": "`none_failed_or_skipped` is the old name of `none_failed_min_one_success`",
}
"""Names of Airflow's that `run_if` does not take, and why."""

RESERVED_PHASES = {
    END: "the name `end` is kept for the end of the execution",
    COMPENSATION: f"the name `{COMPENSATION}` is kept for the rounds in which executions undo what they have done",
}
"""Names that no phase can have, and why."""

_LATER = Key(None, "")

_failure = Key(
    FailureShape(),
    "What a failure means: `fail`, `continue`, `{to: PHASE}`, or a list by error. The nearest place wins.",
)
_description = Key(Text(), "A sentence for people.")
_at_once = Whole(1, 100_000, "at once")
_CODE, _OWN = ("code",), ("code", "image")
"""What a key goes with that says something of a job's code, or of a function that is made from this file."""
_runtime = Choice("runtime", runtimes.ALL)
_memory = Whole(128, 10_240, "MB")
_architecture = Choice("architecture", ("arm64", "x86_64"))
_tracing = Choice("mode", ("active", "pass_through"))
_timeout = Key(
    Seconds(MAX_TIMEOUT, f"Lambda ends a function after {LONGEST}s, and {HEADROOM}s are kept to record the timeout"),
    "The longest time of an attempt; 30s by default.",
)
_deadline = Key(Seconds(YEAR, "a year"), "How long it may take from its start; for ever by default.")
_of_attempt = {
    "timeout": _timeout,
    "retry": Key(RetryShape(), "When a failed attempt is tried again: a policy, or a list by error; never by default."),
    "start_timeout": Key(
        Seconds(21_600, "Lambda keeps an event for 6 hours at most"),
        "How long an attempt may take to start; 15m by default.",
    ),
    "heartbeat": Key(
        Seconds(MAX_TIMEOUT, "no attempt runs longer"),
        "How long an attempt may go without `phaseline_runtime.heartbeat()`; for ever by default.",
    ),
    "on_failure": _failure,
}
"""What may stand in `defaults`, on a job, a machine, a phase and a use; the nearest to the use wins."""


def _statement(fields: Fields) -> Statement:
    conditions = fields.get("conditions")
    return Statement(
        actions=fields.get("actions", ()),
        resources=fields.get("resources", ()),
        conditions=None if conditions is None else conditions.plain(),
    )


STATEMENT = Record(
    "a policy statement",
    {
        "actions": Key(
            ListOf(Text(check_action), "actions", one=True, least=1), "What is allowed: `s3:GetObject`.", required=True
        ),
        "resources": Key(
            ListOf(Text(check_resource), "resources", one=True, least=1), "On what: ARNs, or `*`.", required=True
        ),
        "conditions": Key(PolicyConditionsShape(), "Under which conditions, as IAM has them."),
    },
    _statement,
)

DEFAULTS = Record(
    "the defaults of all jobs",
    {
        "runtime": Key(_runtime, "The Lambda runtime; python3.13 by default."),
        "memory": Key(_memory, "Memory in MB; 256 by default."),
        "architecture": Key(_architecture, "The processor: arm64 or x86_64."),
        "tracing": Key(_tracing, "X-Ray: `active`, or `pass_through`."),
        **_of_attempt,
    },
    lambda fields: fields,
    may_be_empty=True,
)

JOB = Record(
    "a job",
    {
        "code": Key(
            Text(check_folder),
            "The folder of the handler, relative to this file.",
            required=True,
            unless=("image", "function_arn", "function"),
        ),
        "image": Key(Text(check_image), "A container image: a folder with a Dockerfile, or one in Amazon ECR."),
        "function_arn": Key(Text(check_function_arn), "An existing function, version or alias, by its ARN."),
        "function": Key(Choice("word", ("given",)), "`given`: the app gives the function to `Orchestration`."),
        "handler": Key(Text(), "The handler in the folder; handler.handler in Python.", beside=_CODE),
        "runtime": Key(_runtime, "The Lambda runtime; python3.13 by default.", beside=_CODE),
        "memory": Key(_memory, "Memory in MB; 256 by default.", beside=_OWN),
        "architecture": Key(_architecture, "The processor: arm64 or x86_64.", beside=_OWN),
        "layers": Key(
            ListOf(Placed(Text(check_layer)), "layers", one=True, least=1),
            "Lambda layers besides the runtime's own, by the ARNs of their versions.",
            beside=_CODE,
        ),
        "filter": Key(Free("an EventBridge pattern"), "An EventBridge pattern for the job's input."),
        "environment": Key(Scalars(check_variable, check_filled), "Variables of the Lambda function.", beside=_OWN),
        "secrets": Key(
            Scalars(check_variable, check_secret),
            "Secrets that the function may read: each variable gets the name or ARN of one.",
            beside=_OWN,
        ),
        "policy": Key(
            ListOf(STATEMENT, "statements", one=True, least=1), "What the function may do besides.", beside=_OWN
        ),
        "reserved_concurrency": Key(_at_once, "How many attempts may run at once; the others wait."),
        "provisioned_concurrency": Key(_at_once, "How many environments are kept warm.", beside=_OWN),
        "tracing": Key(_tracing, "X-Ray: `active`, or `pass_through`."),
        "tags": Key(Scalars(check_tag, check_tag_value), "Tags of all that the job consists of."),
        "description": Key(Text(check_description), "A sentence for people, shown in the console."),
        "mongo": Key(
            ListOf(Placed(Text(check_collection)), "collections", one=True, least=1),
            "The collections that a transactional job writes: `database.collection`.",
            beside=_CODE,
        ),
        "callback": _LATER,
        "compensate": _LATER,
        **_of_attempt,
    },
    lambda fields: JobEntry(fields, fields.get("on_failure")),
)


def _use(fields: Fields) -> UseEntry:
    return UseEntry(
        node=fields.node,
        job=fields.get("job"),
        after=fields.get("after", ()),
        run_if=fields.get("run_if"),
        when=fields.get("when"),
        input=fields.get("input"),
        on_failure=fields.get("on_failure"),
        attempt=AttemptEntry.of(fields),
        wait=fields.get("wait"),
        compensate=fields.get("compensate"),
        readable="after" not in fields or fields.get("after") is not None,
    )


_when = Key(Free("a MongoDB query"), "A MongoDB query on input, results, errors and visits.")
_wait = Key(WaitShape(), "How long to wait before it begins: a duration, or {until: EXPRESSION}.")

USE = Record(
    "the use of a job",
    {
        "job": Key(Reference(), "The declared job; by default the one of the same name."),
        "after": Key(ListOf(Reference(), "job names", one=True), "The jobs of this phase that it follows."),
        "run_if": Key(
            Choice("rule", RULES, refused=REFUSED_RULES),
            "What it asks of them (Airflow's rules); all_success by default.",
        ),
        "when": _when,
        "input": Key(Free("an expression", mapping=False), "A MongoDB aggregation expression; by default the input."),
        "wait": _wait,
        "compensate": Key(CompensateShape(), "The job that undoes it when the execution ends badly, or {job, input}."),
        "for_each": _LATER,
        "callback": _LATER,
        **_of_attempt,
    },
    _use,
    may_be_empty=True,
)

PHASE = Record(
    "a phase",
    {
        "jobs": Key(
            MapOf(USE, "job"),
            "The jobs by name; those without `after` start at once.",
            required=True,
            spared_by=("wait", "fail", "succeed"),
        ),
        "when": _when,
        "next": Key(NextShape(), "What follows: PHASE, `end`, or a list of {when, to}; the next one by default."),
        "wait_for": Key(WaitForShape(), "Ends the phase early: `any`, a number of successes, or job names."),
        "description": _description,
        "deadline": _deadline,
        "wait": _wait,
        "fail": Key(FAIL, "The error with which the execution fails once the phase has ended."),
        "succeed": Key(SucceedShape(), "`true`: the execution ends with success once the phase has ended."),
        "for_each": _LATER,
        **_of_attempt,
    },
    lambda fields: PhaseEntry(
        node=fields.node,
        jobs=fields.get("jobs", {}),
        when=fields.get("when"),
        next=fields.get("next", ()),
        wait_for=fields.get("wait_for"),
        on_failure=fields.get("on_failure"),
        attempt=AttemptEntry.of(fields),
        deadline=fields.get("deadline"),
        wait=fields.get("wait"),
        fail=fields.get("fail"),
        succeed=fields.get("succeed", False),
    ),
)

_EVENT = Record(
    "an event",
    {
        "bus": Key(Text(check_bus), "The name of the bus; the account's default bus by default."),
        "pattern": Key(Free("an EventBridge pattern"), "The EventBridge pattern.", required=True),
    },
    lambda fields: fields,
)


def _start(fields: Fields) -> StartEntry:
    event: Fields | None = fields.get("event")
    return StartEntry(
        node=fields.node,
        schedule=fields.get("schedule"),
        timezone=fields.get("timezone"),
        is_event="event" in fields,
        bus=event.get("bus") if event else None,
        pattern=event.get("pattern") if event else None,
        input=fields.get("input"),
        has_input="input" in fields,
        whole=fields.whole and (event is None or event.whole),
    )


START = Record(
    "a start",
    {
        "schedule": Key(Text(check_schedule), "rate(…) or cron(…), as EventBridge has them."),
        "timezone": Key(Text(check_timezone), "Of the schedule: an IANA zone; UTC by default."),
        "event": Key(_EVENT, "An event on a bus."),
        "input": Key(Free("JSON", mapping=False), "The execution's input as it is; by default an event's detail."),
    },
    _start,
)

MACHINE = Record(
    "a state machine",
    {
        "phases": Key(
            MapOf(PHASE, "phase", reserved=RESERVED_PHASES),
            "The phases, in their order.",
            required=True,
        ),
        "start": Key(ListOf(START, "starts"), "What starts executions by itself."),
        "input_schema": Key(Free("a JSON Schema"), "A JSON Schema that every input has to meet."),
        "description": _description,
        "deadline": _deadline,
        "retention": Key(
            Seconds(MAX_RETENTION, "ten years", least=DAY),
            "How long an execution is kept from its end, with its statuses; for ever by default.",
        ),
        "compensate": _LATER,
        **_of_attempt,
    },
    lambda fields: MachineEntry(
        node=fields.node,
        phases=fields.get("phases", {}),
        starts=fields.get("start", ()),
        input_schema=fields.get("input_schema"),
        on_failure=fields.get("on_failure"),
        description=fields.get("description"),
        attempt=AttemptEntry.of(fields),
        deadline=fields.get("deadline"),
        retention=fields.get("retention"),
    ),
)

NOTIFICATION = Record(
    "a notification",
    {
        "to": Key(Choice("channel", ("log", "webhook", "slack")), "The channel.", required=True),
        "url": Key(Text(check_url), "The URL of a webhook."),
        "url_secret": Key(Text(check_secret), "The name of the secret in Secrets Manager that holds the URL."),
        "events": Key(
            ListOf(Placed(Text(check_event)), "events", least=1),
            "Which statuses: `execution.failed`, `job.*`, `*`.",
            required=True,
        ),
    },
    lambda fields: NotificationEntry(
        node=fields.node,
        to=fields.get("to"),
        url=fields.get("url"),
        url_secret=fields.get("url_secret"),
        events=fields.get("events", ()),
    ),
)

FILE = Record(
    "a config file",
    {
        "defaults": Key(DEFAULTS, "What jobs have that do not say otherwise."),
        "jobs": Key(MapOf(JOB, "job"), "The jobs: each is one Lambda function.", required=True),
        "state_machines": Key(MapOf(MACHINE, "state machine"), "The state machines.", required=True),
        "notifications": Key(ListOf(NOTIFICATION, "notifications"), "Who is told what."),
        "retention": _LATER,
    },
    lambda fields: FileEntry(
        node=fields.node,
        defaults=fields.get("defaults"),
        jobs=fields.get("jobs"),
        machines=fields.get("state_machines", {}),
        notifications=fields.get("notifications", ()),
    ),
)
