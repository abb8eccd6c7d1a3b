"""Who may do what, as a whole: a permission that nobody has asked for fails here, whoever gets it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from phaseline.cdk import MongoConnection, StarterUrl
from tests.support.stacks import EVERYTHING, Made, Resource, actions, example, make, statements

LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
SEND = "sqs:SendMessage"
TAKE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
SECRET = "secretsmanager:GetSecretValue"
INVOKE = "lambda:InvokeFunction"

RULES, FUNCTIONS, KEPT, WAKE_UPS = "DeadLettersRules", "DeadLettersFunctions", "DeadLettersKept", "BundledWakeUps"
CONNECTION, CHANNEL = "secret:phaseline/test/mongo-??????", "secret:phaseline/slack-??????"

Allowed = set[tuple[str, str]]
"""Actions, each with the one resource on which it is allowed."""


def function(scope: str, *more: tuple[str, str], on_failure: str = FUNCTIONS) -> Allowed:
    """What every function may do: write its own log, hand on its failures, read the connection string."""
    return {(SECRET, CONNECTION), (SEND, on_failure), *((action, f"{scope}Log") for action in LOG), *more}


def taking(*queues: str) -> Allowed:
    return {(action, queue) for queue in queues for action in TAKE}


ROLES: Mapping[str, Allowed] = {
    "JobsrentaboatRole": function("Jobsrentaboat"),
    "JobsrowRole": function("Jobsrow"),
    "BundledstatemachinejobRole": function("Bundledstatemachinejob"),
    "BundledorchestratorjobRole": function("Bundledorchestratorjob", (SEND, WAKE_UPS)),
    "BundlednotificationsjobRole": function("Bundlednotificationsjob", (SECRET, CHANNEL), on_failure=KEPT),
    "BundledwatchdogjobRole": function("Bundledwatchdogjob", *taking(WAKE_UPS)),
    "BundleddeadlettersjobRole": function("Bundleddeadlettersjob", *taking(RULES, FUNCTIONS)),
    "BundledstarterjobRole": function("Bundledstarterjob"),
    "BundledmigrationsjobRole": function("Bundledmigrationsjob"),
    "BundledretentionjobRole": function("Bundledretentionjob"),
    "StartsSchedulerRole": {(INVOKE, "BundledstarterjobFunction"), (SEND, RULES)},
}
"""Every role there is, and everything that it may do on exactly what."""

INVOKERS: Mapping[str, set[str]] = {
    "JobsrentaboatFunction": {"JobsrentaboatRule"},
    "JobsrowFunction": {"JobsrowRule"},
    "BundledstatemachinejobFunction": {"BundledstatemachinejobRule"},
    "BundledorchestratorjobFunction": {"BundledorchestratorjobRule"},
    "BundlednotificationsjobFunction": {"BundlednotificationsjobRule"},
    "BundledwatchdogjobFunction": {"BundledWatchdogRule"},
    "BundledretentionjobFunction": {"BundledRetentionRule"},
    "BundledstarterjobFunction": {f":rule/{bus}test-Orchestration-Starts-255ED384-*" for bus in ("", "shop/")},
}
"""Every function that somebody may invoke, and the rules that may; nobody else may, whoever it is."""

WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}
"""What everybody is denied, whatever it is."""

IDENTITY_POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::UserPolicy", "AWS::IAM::User")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("permissions"), EVERYTHING, starter_url=StarterUrl.IAM)


def roles(made: Made) -> dict[str, Resource]:
    return {id: item["Properties"] for id, item in made.resources.items() if item["Type"] == "AWS::IAM::Role"}


def role(made: Made, part: str) -> Resource:
    (found,) = [item for id, item in roles(made).items() if part in id]
    return found


def everything_allowed(resources: dict[str, Resource]) -> Iterator[dict[str, Any]]:
    """All statements of all policies of a template, of identities and of resources."""
    for item in resources.values():
        properties = item.get("Properties", {})
        for document in [
            properties.get("PolicyDocument"),
            *(p["PolicyDocument"] for p in properties.get("Policies", [])),
        ]:
            yield from (document or {}).get("Statement", [])


def texts(value: object) -> Iterator[str]:
    """All texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def named(resource: Any) -> str:
    """What an ARN is of: a resource of the stack by its id without scope and hash, or something else by its name."""
    if "Fn::GetAtt" in resource:
        found = re.fullmatch(r"Orchestration(\w+)[0-9A-F]{8}", resource["Fn::GetAtt"][0])
        assert found is not None
        return found[1]
    text: str = resource["Fn::Join"][1][-1]
    return text[text.index("secret:" if "secret:" in text else ":rule/") :]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_role_may_do_what_is_listed_here_and_nothing_else(made: Made) -> None:
    found = {
        named({"Fn::GetAtt": [id]}): [
            (action, named(resource))
            for statement in statements(item)
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        ]
        for id, item in roles(made).items()
    }
    assert {id: sorted(pairs) for id, pairs in found.items()} == {id: sorted(pairs) for id, pairs in ROLES.items()}
    assert not [id for id, item in made.resources.items() if item["Type"] in IDENTITY_POLICIES]
    assert not any("ManagedPolicyArns" in item or "PermissionsBoundary" in item for item in roles(made).values())


@pytest.mark.parametrize("env", ["local", "dev", "prod"])
def test_nothing_in_any_environment_allows_a_wildcard(env: str, tmp_path: Path) -> None:
    found = list(everything_allowed(example(env, tmp_path)["Resources"]))
    assert len(found) > 20
    check_wildcards(found)


def test_nothing_in_a_config_with_everything_allows_a_wildcard(made: Made) -> None:
    check_wildcards(list(everything_allowed(dict(made.resources))))


def check_wildcards(found: list[dict[str, Any]]) -> None:
    for statement in found:
        if statement["Effect"] == "Deny":
            assert statement["Condition"] == WITHOUT_TLS
            continue
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource", "NotPrincipal"} & set(statement)
        assert not [text for text in texts(statement["Action"]) if "*" in text]
        assert not [text for text in texts(statement.get("Principal", {})) if "*" in text]
        # A secret's ARN ends in six characters that only Secrets Manager knows: AWS leaves no other way to name it.
        assert not [text for text in texts(statement.get("Resource", {})) if "*" in text]


def test_without_a_secret_only_notifications_job_reads_one(tmp_path: Path) -> None:
    made = make(tmp_path, EVERYTHING, mongo=MongoConnection.uri("mongodb://localhost/"))
    readers = [id for id, item in roles(made).items() if SECRET in actions(item)]
    assert len(readers) == 1
    assert "notificationsjob" in readers[0]


def test_only_lambda_and_the_scheduler_may_take_a_role(made: Made) -> None:
    for id, item in roles(made).items():
        (statement,) = item["AssumeRolePolicyDocument"]["Statement"]
        service = "scheduler" if "Scheduler" in id else "lambda"
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}


def test_nobody_may_invoke_a_function_but_the_rules_that_are_listed_here(made: Made) -> None:
    found: dict[str, set[str]] = {}
    for permission in made.of_type("AWS::Lambda::Permission"):
        properties = permission["Properties"]
        assert properties["Action"] == INVOKE
        assert properties["Principal"] == "events.amazonaws.com"
        found.setdefault(named(properties["FunctionName"]), set()).add(named(properties["SourceArn"]))
    assert found == INVOKERS
    assert not made.of_type("AWS::Events::EventBusPolicy")


def test_only_rules_of_this_stack_may_send_to_a_queue_and_nobody_may_do_so_without_tls(made: Made) -> None:
    senders: dict[str, set[str]] = {}
    for policy in [item["Properties"] for item in made.of_type("AWS::SQS::QueuePolicy")]:
        queue = named({"Fn::GetAtt": [policy["Queues"][0]["Ref"]]})
        denied, *allowed = policy["PolicyDocument"]["Statement"]
        assert (denied["Effect"], denied["Action"]) == ("Deny", "sqs:*")
        assert denied["Principal"] == {"AWS": "*"}
        assert denied["Condition"] == WITHOUT_TLS
        for statement in allowed:
            assert statement["Action"] == SEND
            assert statement["Principal"] == {"Service": "events.amazonaws.com"}
            assert named(statement["Resource"]) == queue
        sources = [item["Condition"]["ArnLike"]["aws:SourceArn"] for item in allowed]
        senders[queue] = {json.dumps(source) for listing in sources for source in listed(listing)}
    assert set(senders) == {RULES, FUNCTIONS, KEPT, WAKE_UPS}
    assert senders[FUNCTIONS] == senders[WAKE_UPS] == set()
    assert [named(json.loads(source)) for source in senders[KEPT]] == ["BundlednotificationsjobRule"]
    assert len(senders[RULES]) == 3
    for source in senders[RULES]:
        assert "StatusBus" in source or "test-Orchestration-Starts-" in source
