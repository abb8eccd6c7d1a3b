"""What starts executions by itself, and what it hands to starter_job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phaseline.cdk import JobStacks
from phaseline.cdk.bus.start_rules import template
from phaseline_runtime.errors import UserError
from tests.support.stacks import CONFIG, Made, make

STARTS = """
    start:
      - {schedule: rate(1 hour), input: {boat: "the <big> one"}}
      - {schedule: "cron(0 6 * * ? *)", timezone: Europe/Berlin}
      - {event: {pattern: {source: [shop], detail: {paid: [true]}}}}
      - {event: {bus: orders, pattern: {source: [shop]}}, input: {boat: Orca}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("starts"), CONFIG.replace("  trip:\n", "  trip:" + STARTS))


def rule(made: Made, key: str, value: object) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = [
        item["Properties"]
        for item in made.of_type("AWS::Events::Rule", "Starts")
        if item["Properties"].get(key) == value
    ]
    return found


def transformed(found: dict[str, Any], **values: object) -> Any:
    """What the target gets, as EventBridge makes it of the template."""
    transformer = found["Targets"][0]["InputTransformer"]
    text = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        assert path == f"$.{name}"
        text = text.replace(f"<{name}>", json.dumps(values[name]))
    return json.loads(text)


def test_a_schedule_hands_over_its_time(made: Made) -> None:
    found = rule(made, "ScheduleExpression", "rate(1 hour)")
    got = transformed(found, time="2026-11-24T12:00:00Z")
    key = got.pop("schedule")
    assert key
    assert got == {"machine": "trip", "time": "2026-11-24T12:00:00Z", "input": {"boat": "the <big> one"}}
    assert "EventBusName" not in found
    assert found["Name"].endswith(f"-{key}")


def test_an_event_without_input_hands_over_its_detail(made: Made) -> None:
    found = rule(made, "EventPattern", {"source": ["shop"], "detail": {"paid": [True]}})
    got = transformed(found, id="e-1", detail={"paid": True, "order": 7})
    assert got.pop("event")
    assert got == {"machine": "trip", "eventId": "e-1", "input": {"paid": True, "order": 7}}


def test_an_event_with_input_hands_that_over(made: Made) -> None:
    found = rule(made, "EventBusName", "orders")
    got = transformed(found, id="e-2")
    assert got.pop("event")
    assert got == {"machine": "trip", "eventId": "e-2", "input": {"boat": "Orca"}}


def test_a_schedule_with_a_timezone_is_one_of_eventbridge_scheduler(made: Made) -> None:
    schedule = made.one("AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    got = json.loads(schedule["Target"]["Input"])
    assert got.pop("schedule")
    assert got == {"machine": "trip", "time": "<aws.scheduler.scheduled-time>"}
    assert "DeadLetterConfig" in schedule["Target"]
    role = made.one("AWS::IAM::Role", "SchedulerRole")
    granted = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert [item["Action"] for item in granted] == ["lambda:InvokeFunction", "sqs:SendMessage"]
    assert "starterjob" in json.dumps(granted[0]["Resource"])


def test_one_permission_for_each_bus_and_only_for_our_rules(made: Made) -> None:
    permissions = [item["Properties"] for item in made.of_type("AWS::Lambda::Permission", "Starts")]
    arns = sorted(json.dumps(item["SourceArn"]) for item in permissions)
    prefix = rule(made, "EventBusName", "orders")["Name"].rsplit("-", 1)[0]
    assert len(arns) == 2
    assert f":rule/orders/{prefix}-*" in arns[0] + arns[1]
    assert f":rule/{prefix}-*" in arns[0] + arns[1]


def test_nothing_starts_before_the_definitions_are_published(made: Made) -> None:
    for item in [*made.of_type("AWS::Events::Rule", "Starts"), *made.of_type("AWS::Scheduler::Schedule")]:
        assert any("Publication" in id for id in item["DependsOn"])


def test_dead_letters_job_knows_by_the_name_of_a_rule_what_its_start_asks_for(
    tmp_path_factory: pytest.TempPathFactory, made: Made
) -> None:
    folder = tmp_path_factory.mktemp("known")
    again = make(folder, CONFIG.replace("  trip:\n", "  trip:" + STARTS))
    (written,) = (folder / "cdk.out").glob("phaseline-compiled-*/starts.json")
    known = json.loads(written.read_text())
    keys = {item["Properties"]["Name"].rpartition("-")[2] for item in again.of_type("AWS::Events::Rule", "Starts")}
    assert keys < known.keys()
    hourly = rule(made, "ScheduleExpression", "rate(1 hour)")["Name"].rpartition("-")[2]
    assert known[hourly] == {"machine": "trip", "kind": "schedule", "input": {"boat": "the <big> one"}}
    without = [found for found in known.values() if "input" not in found]
    assert sorted(found["kind"] for found in without) == ["event", "schedule"]


def test_without_starts_there_is_nothing_of_them(tmp_path: Path) -> None:
    assert not [id for id in make(tmp_path).resources if "Starts" in id]


def test_a_placeholder_in_an_input_stays_data() -> None:
    text = template({"input": {"text": "<time> & <aws.scheduler.execution-id>"}}, {"time": "<time>"})
    assert text.count("<") == 1
    assert json.loads(text.replace("<time>", '"now"')) == {
        "input": {"text": "<time> & <aws.scheduler.execution-id>"},
        "time": "now",
    }


def starting(starts: list[str]) -> str:
    return CONFIG.replace(
        "    phases:", "    start:\n" + "".join(f"      - {start}\n" for start in starts) + "    phases:"
    )


def test_more_rules_on_a_bus_than_it_takes_are_refused_with_limit_and_remedy(tmp_path: Path) -> None:
    starts = [f"{{event: {{bus: shop, pattern: {{source: [s{n}]}}}}}}" for n in range(5)]
    with pytest.raises(
        UserError, match=r"start: needs 5 rules on the bus shop; EventBridge allows 4: give schedules a"
    ):
        make(tmp_path, starting(starts), rules_per_bus=4)


def test_more_starts_than_a_stack_takes_are_refused_with_limit_and_remedy(tmp_path: Path) -> None:
    starts = [f'{{schedule: "cron({n % 60} {n // 60} * * ? *)", timezone: Europe/Berlin}}' for n in range(451)]
    with pytest.raises(UserError, match=r"start: has 451 schedules and events, .* allowed are 450, .*cron\(0 6,18"):
        make(tmp_path, starting(starts), job_stacks=JobStacks.direct(1))


def test_rules_on_more_buses_than_the_queues_policy_takes_are_refused(tmp_path: Path) -> None:
    starts = [f"{{event: {{bus: shop{n}, pattern: {{source: [shop]}}}}}}" for n in range(19)]
    with pytest.raises(UserError, match=r"start: needs rules on 19 buses; allowed are 18, since the policy"):
        make(tmp_path, starting(starts))
    assert make(tmp_path, starting(starts[1:])).of_type("AWS::Events::Rule", "Starts")
