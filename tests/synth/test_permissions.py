"""Who may do what, as a whole: a permission that nobody has asked for fails here, whoever gets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phaseline.cdk import MongoConnection, StarterUrl
from tests.support.stacks import Made, Resource, actions, example, make, statements

CONFIG = """
jobs:
  rent_a_boat: {code: jobs/boat}
  row: {code: jobs/boat, runtime: python3.12, filter: {crew: [{exists: true}]}, environment: {BOAT: Orca}}
state_machines:
  trip:
    start:
      - {schedule: rate(1 hour)}
      - {schedule: "cron(0 6 * * ? *)", timezone: Europe/Berlin}
      - {event: {bus: shop, pattern: {source: [shop]}}}
    phases:
      thinking: {jobs: {rent_a_boat: , row: }}
notifications:
  - {to: slack, url_secret: phaseline/slack, events: [execution.failed]}
"""
"""A config that makes every kind of resource."""

LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
QUEUE = ("sqs:SendMessage",)
SECRET = ("secretsmanager:GetSecretValue",)

ROLES = {
    "rentaboat": (*LOG, *QUEUE, *SECRET),
    "row": (*LOG, *QUEUE, *SECRET),
    "statemachinejob": (*LOG, *QUEUE, *SECRET),
    "orchestratorjob": (*LOG, *QUEUE, *SECRET),
    "notificationsjob": (*LOG, *QUEUE, *SECRET),
    "starterjob": (*LOG, *QUEUE, *SECRET),
    "migrationsjob": (*LOG, *QUEUE, *SECRET),
    "Scheduler": ("lambda:InvokeFunction", *QUEUE),
}
"""Every role there is, by a part of its id, and everything that it may do."""

IDENTITY_POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::UserPolicy", "AWS::IAM::User")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("permissions"), CONFIG, starter_url=StarterUrl.IAM)


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


def test_every_role_may_do_what_is_listed_here_and_nothing_else(made: Made) -> None:
    assert len(roles(made)) == len(ROLES)
    assert {part: actions(role(made, part)) for part in ROLES} == {part: set(found) for part, found in ROLES.items()}
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
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource", "NotPrincipal"} & set(statement)
        assert not [text for text in texts(statement["Action"]) if "*" in text]
        assert not [text for text in texts(statement.get("Principal", {})) if "*" in text]
        # A secret's ARN ends in six characters that only Secrets Manager knows: AWS leaves no other way to name it.
        assert not [text for text in texts(statement.get("Resource", {})) if "*" in text]


@pytest.mark.parametrize("job", ["rentaboat", "row"])
def test_a_job_may_read_the_connection_string_and_no_other_secret(made: Made, job: str) -> None:
    secrets = [item["Resource"] for item in statements(role(made, job)) if item["Action"] == SECRET[0]]
    assert ["phaseline/test/mongo-??????" in json.dumps(item) for item in secrets] == [True]


def test_without_a_secret_only_notifications_job_reads_one(tmp_path: Path) -> None:
    made = make(tmp_path, CONFIG, mongo=MongoConnection.uri("mongodb://localhost/"))
    readers = [id for id, item in roles(made).items() if SECRET[0] in actions(item)]
    assert len(readers) == 1
    assert "notificationsjob" in readers[0]


def test_a_function_writes_to_its_own_log_and_to_the_one_queue(made: Made) -> None:
    logs = {}
    for part in ROLES.keys() - {"Scheduler"}:
        allowed = {str(item["Action"]): item["Resource"] for item in statements(role(made, part))}
        logs[part] = allowed[str(list(LOG))]["Fn::GetAtt"][0]
        assert part in logs[part]
        assert "DeadLettersFunctions" in allowed[QUEUE[0]]["Fn::GetAtt"][0]
    assert len(set(logs.values())) == len(logs)


def test_only_lambda_and_the_scheduler_may_take_a_role(made: Made) -> None:
    for id, item in roles(made).items():
        (statement,) = item["AssumeRolePolicyDocument"]["Statement"]
        service = "scheduler" if "Scheduler" in id else "lambda"
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}


def test_the_scheduler_may_invoke_the_starter_alone(made: Made) -> None:
    (statement,) = [item for item in statements(role(made, "Scheduler")) if "lambda" in item["Action"]]
    assert "starterjob" in statement["Resource"]["Fn::GetAtt"][0]


def test_nobody_may_invoke_a_function_but_rules_of_this_stack(made: Made) -> None:
    permissions = made.of_type("AWS::Lambda::Permission")
    assert permissions
    for permission in permissions:
        properties = permission["Properties"]
        assert properties["Action"] == "lambda:InvokeFunction"
        assert properties["Principal"] == "events.amazonaws.com"
        # A rule of the stack, or all whose names begin as those of its starts do.
        by_name = any(
            ":rule/" in text and "test-Orchestration-Starts-" in text for text in texts(properties["SourceArn"])
        )
        assert by_name or "Rule" in properties["SourceArn"].get("Fn::GetAtt", [""])[0]
    assert not made.of_type("AWS::Events::EventBusPolicy")


def test_nobody_gets_a_permission_to_put_events_or_to_change_anything(made: Made) -> None:
    found = {action for statement in everything_allowed(dict(made.resources)) for action in texts(statement["Action"])}
    assert found == {*LOG, *QUEUE, *SECRET, "lambda:InvokeFunction"}
