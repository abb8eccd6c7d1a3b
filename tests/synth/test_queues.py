"""What becomes of an event or an invocation that fails: which queue takes it, and who takes it from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration

from phaseline.cdk import EventSource
from tests.support.stacks import CONFIG, Made, make

RULES, FUNCTIONS, KEPT, WAKE_UPS = "DeadLettersRules", "DeadLettersFunctions", "DeadLettersKept", "BundledWakeUps"
NOTIFIED = CONFIG + "notifications:\n  - {to: log, events: [job.failed]}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("queues"), NOTIFIED)


def queue(made: Made, part: str) -> dict[str, Any]:
    return made.one("AWS::SQS::Queue", part)


def policy(made: Made, part: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made.one("AWS::SQS::QueuePolicy", part)["PolicyDocument"]["Statement"]
    return found


def mentions(value: Any, part: str) -> bool:
    return part in json.dumps(value)


def test_what_a_rule_cannot_hand_over_goes_to_a_queue(made: Made) -> None:
    for id, item in made.resources.items():
        if item["Type"] != "AWS::Events::Rule":
            continue
        (target,) = item["Properties"]["Targets"]
        if "WatchdogRule" in id:
            # None on purpose: a sweep that is lost is made up for by the next, a minute later.
            assert "DeadLetterConfig" not in target
            continue
        # Nobody reconciles a message that was not sent: that is left to people at once.
        assert mentions(target["DeadLetterConfig"], KEPT if "notificationsjob" in id else RULES)
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 185


def test_an_invocation_that_failed_goes_to_a_queue(made: Made) -> None:
    functions = made.of_type("AWS::Lambda::Function")
    configs = [item["Properties"] for item in made.of_type("AWS::Lambda::EventInvokeConfig")]
    assert len({json.dumps(config["FunctionName"]) for config in configs}) == len(functions)
    for config in configs:
        expected = KEPT if mentions(config["FunctionName"], "notificationsjob") else FUNCTIONS
        assert mentions(config["DestinationConfig"]["OnFailure"], expected)


def test_every_queue_but_the_last_has_one_consumer(made: Made) -> None:
    mappings = [item["Properties"] for item in made.of_type("AWS::Lambda::EventSourceMapping")]
    consumers = {
        part: [name for name in ("watchdogjob", "deadlettersjob") if mentions(mapping["FunctionName"], name)]
        for part in (RULES, FUNCTIONS, KEPT, WAKE_UPS)
        for mapping in mappings
        if mentions(mapping["EventSourceArn"], part)
    }
    assert consumers == {RULES: ["deadlettersjob"], FUNCTIONS: ["deadlettersjob"], WAKE_UPS: ["watchdogjob"]}
    assert len(mappings) == 3


def test_a_message_that_fails_comes_again_alone_and_not_while_it_is_worked_on(made: Made) -> None:
    for mapping in (item["Properties"] for item in made.of_type("AWS::Lambda::EventSourceMapping")):
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        function = made.resources[mapping["FunctionName"]["Ref"]]["Properties"]
        source = made.resources[mapping["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
        assert source["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_what_cannot_be_completed_is_kept_for_people_for_two_weeks(made: Made) -> None:
    for part in (RULES, FUNCTIONS, WAKE_UPS):
        redrive = queue(made, part)["RedrivePolicy"]
        assert redrive["maxReceiveCount"] == 5
        assert mentions(redrive["deadLetterTargetArn"], KEPT)
    assert "RedrivePolicy" not in queue(made, KEPT)
    kept = 14 * 24 * 3600
    assert [queue(made, part)["MessageRetentionPeriod"] for part in (RULES, FUNCTIONS, KEPT)] == [kept] * 3


def test_orchestrator_job_knows_the_queue_of_the_wake_ups(made: Made) -> None:
    variables = made.one("AWS::Lambda::Function", "orchestratorjob")["Environment"]["Variables"]
    assert mentions(variables["PHASELINE_WAKE_QUEUE"], WAKE_UPS)
    assert not mentions(made.one("AWS::Lambda::Function", "rentaboat"), WAKE_UPS)


def test_the_watchdog_looks_each_minute_unless_told_otherwise(tmp_path: Path, made: Made) -> None:
    rule = made.one("AWS::Events::Rule", "WatchdogRule")
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert mentions(rule["Targets"][0]["Arn"], "watchdogjob")
    assert json.loads(rule["Targets"][0]["Input"]) == {"sweep": True}
    seldom = make(tmp_path, watchdog_period=Duration.minutes(5))
    assert seldom.one("AWS::Events::Rule", "WatchdogRule")["ScheduleExpression"] == "rate(5 minutes)"


def test_one_statement_lets_all_rules_of_the_bus_send_to_the_queue_of_the_rules(made: Made) -> None:
    allowed = [item for item in policy(made, RULES) if item["Effect"] == "Allow"]
    assert len(allowed) == 1
    assert mentions(allowed[0]["Condition"], "StatusBus")


def test_only_the_rule_of_notifications_job_sends_to_the_queue_of_people(made: Made) -> None:
    allowed = [item for item in policy(made, KEPT) if item["Effect"] == "Allow"]
    assert len(allowed) == 1
    assert mentions(allowed[0]["Condition"], "notificationsjobRule")


def test_without_notifications_no_rule_sends_to_the_queue_of_people(tmp_path: Path) -> None:
    assert {item["Effect"] for item in policy(make(tmp_path), KEPT)} == {"Deny"}


def test_rules_of_the_default_bus_may_use_the_queue_too(tmp_path: Path) -> None:
    assert mentions(policy(make(tmp_path, event_source=EventSource.bus("default")), RULES), ":rule/*")
