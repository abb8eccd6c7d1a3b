"""Each statement of each role is needed, and enough: without it, a call is denied that somebody makes.

The calls stand here by hand: what our functions, and Lambda, EventBridge and the scheduler in their place, ask of AWS,
on which ARN (AWS's "Service Authorization Reference"). The evaluator is MiniStack's, by which it enforces policies with
`AUTH=true`; here it is also asked about what the emulator leaves out: a log's streams, traces, interfaces in a VPC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from tests.support.arns import Arns, arn
from tests.support.options import ACCOUNT, ALL, KEY, REGION, templates
from tests.support.role_table import listed, short
from tests.support.stacks import statements

Call = tuple[str, str]
"""An action, and the ARN of what it is asked for."""


def secret(name: str) -> Call:
    return "secretsmanager:GetSecretValue", arn("secretsmanager", f"secret:{name}-AbC1d2")


def queue(name: str) -> str:
    return arn("sqs", name)


def taking(*queues: str) -> set[Call]:
    actions = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    return {(action, queue(name)) for name in queues for action in actions}


def sending(name: str) -> Call:
    return "sqs:SendMessage", queue(name)


def invoking(name: str) -> Call:
    return "lambda:InvokeFunction", arn("lambda", name)


INTERFACE = arn("ec2", "network-interface/eni-0123456789abcdef0")
CHANGES: set[Call] = {
    ("ec2:CreateNetworkInterface", INTERFACE),
    ("ec2:DeleteNetworkInterface", INTERFACE),
    ("ec2:AssignPrivateIpAddresses", INTERFACE),
    ("ec2:UnassignPrivateIpAddresses", INTERFACE),
}
IN_A_VPC: set[Call] = {*CHANGES, ("ec2:DescribeNetworkInterfaces", "*"), ("ec2:DescribeSubnets", "*")}
"""What Lambda does with the role of a function in a VPC."""

TRACES: set[Call] = {("xray:PutTraceSegments", "*"), ("xray:PutTelemetryRecords", "*")}

CONNECTION = secret("phaseline/test/mongo")
DECRYPT = ("kms:Decrypt", KEY)
PARAMETER = ("ssm:GetParameter", arn("ssm", "parameter/phaseline/test/mongo"))
CONNECTIONS: Mapping[str, set[Call]] = {
    "`key_arn` of `MongoConnection.secret`": {CONNECTION, DECRYPT},
    "`key_arn` of `MongoConnection.uri_parameter`": {PARAMETER, DECRYPT},
    "`MongoConnection.iam`": set(),
}
"""How a function comes to its connection with an option; usually by a secret."""

OF_FUNCTIONS: Mapping[str, set[Call]] = {
    "Bundledorchestratorjob": {sending("BundledWakeUps")},
    "Bundlednotificationsjob": {secret("phaseline/slack")},
    "Bundledwatchdogjob": taking("BundledWakeUps"),
    "Bundleddeadlettersjob": taking("DeadLettersRules", "DeadLettersFunctions"),
    "Jobstraced": TRACES,
    "Jobswithsecrets": {secret("phaseline/harbour")},
    "Jobswithpolicy": {("s3:GetObject", "arn:aws:s3:::charts/sea.pdf")},
    "Jobsnode": {invoking("JobsnodefunctionFunction")},
    "Jobsimage": {invoking("JobsimagefunctionFunction")},
    "Jobsgiven": {invoking("function:mine")},
    "Jobsexisting": {invoking("function:captain:live")},
}
"""What is asked for by one function beside what all ask for."""

OF_OTHERS: Mapping[str, set[Call]] = {
    "StartsSchedulerRole": {invoking("BundledstarterjobFunction"), sending("DeadLettersRules")},
    "RoutingRole": {("events:PutEvents", arn("events", "OwnBus"))},
    "TypesRole": {secret("cfn/atlas/profile/default")},
}
"""What is asked for with the roles that no function has: of the scheduler, of rules, of the types of Atlas."""


def calls(option: str, role: str) -> set[Call]:
    """All that is asked for with this role."""
    if role in OF_OTHERS:
        return OF_OTHERS[role]
    function = role.removesuffix("Role")
    stream = arn("logs", f"log-group:{function}Log:log-stream:2026/11/24/[$LATEST]0123456789abcdef")
    found = {("logs:CreateLogStream", stream), ("logs:PutLogEvents", stream), *OF_FUNCTIONS.get(function, set())}
    found |= {"`Network.vpc`": IN_A_VPC, "`Orchestration(traced=True)`": TRACES}.get(option, set())
    if function.endswith("function"):  # One that its invoker calls.
        return found
    lost = "DeadLettersKept" if "notifications" in function else "DeadLettersFunctions"
    if (option, function) == ("`retention_mongo`", "Bundledretentionjob"):
        return found | {sending(lost), secret("phaseline/test/retention")}
    return found | {sending(lost)} | CONNECTIONS.get(option, {CONNECTION})


def allowed(given: list[Any], call: Call, **known: str) -> bool:
    """Whether a role with these statements may make a call, of which AWS knows this besides."""
    action, resource = call
    context = EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/role/session",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        service_context=known,
    )
    return bool(evaluate(context, [parse_policy_document({"Statement": given})]).decision == "Allow")


def through(*services: str) -> list[dict[str, str]]:
    """What AWS knows of a call that one of these makes."""
    return [{"kms:viaservice": f"{service}.{REGION}.amazonaws.com"} for service in services]


def reads_by(option: str) -> dict[str, str]:
    """What decrypts for a function: what keeps the connection string."""
    return through("ssm" if "parameter" in option else "secretsmanager")[0]


@pytest.fixture(scope="module", params=ALL)
def option(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def roles(option: str) -> dict[str, list[Any]]:
    """The statements of each role."""
    found = templates(option)
    arns = Arns(found)
    return {
        short(id): arns.resolved(statements(item["Properties"]))
        for id, item in found.resources.items()
        if item["Type"] == "AWS::IAM::Role"
    }


def test_a_role_allows_all_that_is_asked_for_with_it(option: str, roles: dict[str, list[Any]]) -> None:
    assert roles
    for role, given in roles.items():
        for call in calls(option, role):
            assert allowed(given, call, **reads_by(option)), (role, call)


def test_a_role_allows_nothing_that_nobody_asks_for(option: str, roles: dict[str, list[Any]]) -> None:
    """Without an action on a resource of a statement, a call is denied; so each is needed."""
    for role, given in roles.items():
        for index, statement in enumerate(given):
            if statement["Effect"] == "Deny":
                continue
            for part in ("Action", "Resource"):
                for item in listed(statement[part]):
                    others = [each for each in listed(statement[part]) if each != item]
                    without = [*given[:index], {**statement, part: others or ["none:None"]}, *given[index + 1 :]]
                    denied = [call for call in calls(option, role) if not allowed(without, call, **reads_by(option))]
                    assert denied, (role, statement, item)


def test_no_role_allows_what_another_asks_for(option: str, roles: dict[str, list[Any]]) -> None:
    asked = {role: calls(option, role) for role in roles}
    everything = set().union(*asked.values())
    for role, given in roles.items():
        for call in everything - asked[role]:
            assert not allowed(given, call, **reads_by(option)), (role, call)


def test_a_key_decrypts_through_the_service_that_keeps_the_secret_alone(
    option: str, roles: dict[str, list[Any]]
) -> None:
    for given in roles.values():
        for known in [{}, *through("s3", "ssm", "secretsmanager")]:
            expected = DECRYPT in CONNECTIONS.get(option, set()) and known == reads_by(option)
            assert allowed(given, DECRYPT, **known) is (expected and any("kms" in str(each) for each in given))


def test_the_code_of_a_function_changes_no_interface(option: str, roles: dict[str, list[Any]]) -> None:
    for given in roles.values():
        for call in CHANGES:
            known = {"lambda:sourcefunctionarn": arn("lambda", "function:any")}
            assert not allowed(given, call, **known)
