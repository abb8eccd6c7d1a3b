"""The bundled Lambdas, the bus, the publication: what an orchestration makes beside the jobs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Annotations, Match

from phaseline.cdk import EventSource, MongoConnection, Orchestration, StarterUrl
from phaseline.cdk.bundled.bundled_functions import BUNDLED_ROLES
from phaseline.config import Config, ConfigError, Fault, load
from phaseline_runtime.errors import UserError
from tests.support.config_files import whole, write
from tests.support.stacks import CONFIG, Made, actions, make

NAMESPACE = {"db": ["phaseline_test"], "coll": ["statuses"]}
FINISHED = ["success", "failed", "skipped", "cancelled"]
REQUESTS = ["resumed", "cancel_requested", "overdue"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = make(tmp_path_factory.mktemp("orchestration"))
    made.orchestration.add_outputs()
    return made


def notified(*lines: str) -> str:
    return CONFIG + "notifications:\n" + "".join(f"  - {line}\n" for line in lines)


def rules(made: Made) -> dict[str, dict[str, Any]]:
    """The patterns of all rules that listen to events: a schedule has none."""
    return {
        id: item["Properties"]["EventPattern"]
        for id, item in made.resources.items()
        if item["Type"] == "AWS::Events::Rule" and "ScheduleExpression" not in item["Properties"]
    }


def test_statemachine_job_gets_what_can_open_or_end_a_round_or_an_execution(made: Made) -> None:
    assert made.one("AWS::Events::Rule", "statemachinejob")["EventPattern"]["detail"] == {
        "ns": NAMESPACE,
        "$or": [
            {"fullDocument": {"kind": ["job"], "status": FINISHED}},
            {"fullDocument": {"kind": ["phase"], "status": ["success", "failed", "started", "cancelled", "overdue"]}},
            {
                "fullDocument": {
                    "kind": ["execution"],
                    "status": ["started", "success", "failed", "cancelled", *REQUESTS],
                }
            },
        ],
    }


def test_orchestrator_job_gets_what_can_make_a_job_ready_or_asks_for_a_wake_up(made: Made) -> None:
    assert made.one("AWS::Events::Rule", "orchestratorjob")["EventPattern"]["detail"] == {
        "ns": NAMESPACE,
        "$or": [
            {"fullDocument": {"kind": ["job"], "status": [*FINISHED, "waiting"]}},
            {"fullDocument": {"kind": ["phase"], "status": ["started", "overdue", "waiting"]}},
            {"fullDocument": {"kind": ["execution"], "status": REQUESTS}},
        ],
    }


def test_no_rule_where_nobody_subscribes(made: Made) -> None:
    assert "notifications_job" in made.orchestration.functions
    assert not made.of_type("AWS::Events::Rule", "notificationsjob")


def test_notifications_job_gets_what_its_config_subscribes_to(tmp_path: Path) -> None:
    text = notified("{to: log, events: [execution.failed]}", "{to: log, events: [job.failed, execution.success]}")
    made = make(tmp_path, text)
    assert made.one("AWS::Events::Rule", "notificationsjob")["EventPattern"]["detail"]["$or"] == [
        {"fullDocument": {"kind": ["job"], "status": ["failed"]}},
        {"fullDocument": {"kind": ["execution"], "status": ["failed", "success"]}},
    ]


def test_only_notifications_job_may_read_the_secret_of_a_channel(tmp_path: Path) -> None:
    made = make(tmp_path, notified("{to: slack, url_secret: phaseline/slack, events: [execution.failed]}"))
    readers = [id for id, item in made.resources.items() if ":secret:phaseline/slack-??????" in json.dumps(item)]
    assert len(readers) == 1
    assert "notificationsjob" in readers[0]


def test_rules_never_match_the_source(made: Made) -> None:
    assert len(rules(made)) == 3
    assert all(set(pattern) == {"detail"} for pattern in rules(made).values())


def test_all_event_sources_have_the_same_rules(tmp_path: Path, made: Made) -> None:
    partner = "aws.partner/mongodb.com/stitch.trigger/64f0"
    by_bus = make(tmp_path / "bus", event_source=EventSource.bus("shared"))
    by_partner = make(tmp_path / "partner", event_source=EventSource.partner(partner))
    assert rules(by_bus) == rules(by_partner) == rules(made)
    assert not by_bus.of_type("AWS::Events::EventBus")
    bus = by_partner.one("AWS::Events::EventBus")
    assert bus["Name"] == bus["EventSourceName"] == partner
    assert "Description" not in bus


def test_bundled_lambdas_are_tried_again(made: Made) -> None:
    for name in made.orchestration.functions:
        assert made.one("AWS::Lambda::EventInvokeConfig", name.replace("_", ""))["MaximumRetryAttempts"] == 2


def test_no_function_may_put_events_or_invoke_another(made: Made) -> None:
    allowed = set().union(*(actions(role["Properties"]) for role in made.of_type("AWS::IAM::Role")))
    assert not {"events:PutEvents", "lambda:InvokeFunction"} & allowed


def test_definitions_are_published_after_every_rule_can_deliver(made: Made) -> None:
    (publication,) = made.of_type("Custom::PhaselinePublication")
    permissions = {id for id, item in made.resources.items() if item["Type"] == "AWS::Lambda::Permission"}
    # The watchdog's delivers no status: an execution that starts before its first sweep is found by the next.
    delivering = {id for id in permissions if "Watchdog" not in id}
    assert len(delivering) == len(rules(made)) == len(permissions) - 1
    assert delivering <= set(publication["DependsOn"])
    assert len(publication["Properties"]["definitions"]) == 64


@pytest.mark.parametrize(
    ("change", "published"),
    [
        ({}, False),
        ({"text": CONFIG.replace("thinking", "planning")}, True),
        ({"text": CONFIG.replace("{code: jobs/boat}", "{code: jobs/boat, memory: 512}")}, False),
        ({"database": "another"}, True),
    ],
)
def test_definitions_are_published_when_they_or_their_place_change(
    tmp_path: Path, made: Made, change: dict[str, str], published: bool
) -> None:
    changed = make(tmp_path, **change).one("Custom::PhaselinePublication")  # type: ignore[arg-type]
    assert (changed != made.one("Custom::PhaselinePublication")) is published


def test_the_starter_has_no_url_unless_asked_for(tmp_path: Path, made: Made) -> None:
    assert not made.of_type("AWS::Lambda::Url")
    assert made.orchestration.starter_url is None
    with_url = make(tmp_path, starter_url=StarterUrl.IAM)
    assert with_url.one("AWS::Lambda::Url")["AuthType"] == "AWS_IAM"
    assert with_url.orchestration.starter_url is not None


def test_the_outputs_are_those_that_the_command_line_reads(made: Made) -> None:
    outputs = made.template.to_json()["Outputs"]
    assert set(outputs) == {
        "PhaselineDatabase",
        "PhaselineBus",
        "PhaselineStarter",
        "PhaselineMongoSecret",
        "PhaselineKept",
        "PhaselineNotifications",
    }
    assert outputs["PhaselineMongoSecret"]["Value"] == "phaseline/test/mongo"


def test_a_doubtful_place_in_the_config_is_a_warning_of_the_synth(tmp_path: Path) -> None:
    doubt = Fault("phaseline.yaml", 7, 3, "state_machines.trip", "is doubtful")
    made = make(tmp_path, change=lambda config: replace(config, warnings=(doubt,)))
    (found,) = Annotations.from_stack(made.stack).find_warning("*", Match.any_value())
    assert str(doubt) in str(found.entry.data)


@pytest.mark.parametrize(("more", "warned"), [(300, False), (301, True)])
def test_more_concurrency_than_an_account_has_to_reserve_is_a_warning(tmp_path: Path, more: int, warned: bool) -> None:
    jobs = "  row: {code: jobs/boat, reserved_concurrency: 600, provisioned_concurrency: 1}\n"
    jobs += f"  bail: {{code: jobs/boat, provisioned_concurrency: {more}}}\n"
    text = CONFIG.replace("state_machines:", f"{jobs}state_machines:").replace("boat: }", "boat: , row: , bail: }")
    found = Annotations.from_stack(make(tmp_path, text).stack).find_warning("*", Match.string_like_regexp("900 to res"))
    assert bool(found) is warned


def test_an_invoker_and_the_function_kept_warm_behind_it_take_concurrency_apart(tmp_path: Path) -> None:
    image = "image: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/boats:1'"
    job = f"{{{image}, reserved_concurrency: 500, provisioned_concurrency: 401}}"
    made = make(tmp_path, CONFIG.replace("{code: jobs/boat}", job))
    found = Annotations.from_stack(made.stack).find_warning("*", Match.string_like_regexp("take 901 concurrent"))
    assert found


@pytest.mark.parametrize(("allowed", "warned"), [(BUNDLED_ROLES + 3, False), (BUNDLED_ROLES + 2, True)])
def test_more_roles_than_an_account_has_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int, warned: bool
) -> None:
    monkeypatch.setattr("phaseline.cdk.orchestration.ROLES", allowed)
    image = "  image: {image: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/boats:1'}\n"
    text = CONFIG.replace("state_machines:", f"{image}state_machines:").replace(
        "{rent_a_boat: }", "{rent_a_boat: , image: }"
    )
    found = Annotations.from_stack(make(tmp_path, text).stack).find_warning(
        "*", Match.string_like_regexp(f"2 jobs have 3 roles, .* an account has {allowed}")
    )
    assert bool(found) is warned


def beside(made: Made, id: str, config: Config, **arguments: Any) -> Orchestration:
    """Another orchestration in the same stack."""
    given = {"mongo": MongoConnection.secret("phaseline/test/mongo"), "event_source": EventSource.relay(), **arguments}
    return Orchestration(made.stack, id, config=config, **given)


def test_a_config_that_was_loaded_without_values_is_not_deployed_without_what_they_stand_for(tmp_path: Path) -> None:
    made = make(tmp_path)
    file = write(tmp_path, whole("machine", "deadline: ${LONGEST}"))
    with pytest.raises(ConfigError, match=r"m.deadline  there is no value for \$\{LONGEST\}: load it with `values`"):
        beside(made, "Open", load(file), database="open")
    beside(made, "Filled", load(file, values={"LONGEST": "2h"}), database="filled")


def test_two_in_one_stack_have_databases_and_one_has_the_outputs(tmp_path: Path) -> None:
    made = make(tmp_path)
    config = load(tmp_path / "phaseline.yaml", values={})
    with pytest.raises(UserError, match=r"Same: database: got 'phaseline_test', which test/Orchestration in"):
        beside(made, "Same", config, database="phaseline_test")
    made.orchestration.add_outputs()
    other = beside(made, "Other", config, database="another")
    with pytest.raises(UserError, match=r"stack test: add_outputs\(\) was called before"):
        other.add_outputs()
    beside(made, "Elsewhere", config, database="phaseline_test", mongo=MongoConnection.secret("another"))
    assert len(made.of_type("AWS::Lambda::Function", "starterjob")) == 3
    assert made.template.to_json()["Outputs"]["PhaselineDatabase"]["Value"] == "phaseline_test"
