"""Four ways to a bus, one set of rules; and the trigger of Atlas as its resource type wants it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.aws_events import EventBus

from phaseline.atlas.matching import dropped
from phaseline.cdk import EventSource
from phaseline.cdk.bus import patterns
from phaseline_runtime.envelope import PROJECTION
from phaseline_runtime.errors import UserError
from tests.support.stacks import Made, make

APP, SERVICE, PROJECT = "64f0c0ffee64f0c0ffee64f0", "64f0c0ffee64f0c0ffee64f1", "64f0c0ffee64f0c0ffee64f2"
PARTNER = "aws.partner/mongodb.com/stitch.trigger/64f0c0ffee64f0c0ffee64f3"
CONFIG = """
jobs:
  rent_a_boat: {code: jobs/boat, filter: {region: [{prefix: eu-}]}}
  row: {code: jobs/boat}
state_machines:
  trip:
    start: [{schedule: rate(1 hour)}, {event: {pattern: {source: [shop]}}}]
    phases:
      thinking: {jobs: {rent_a_boat: , row: }}
notifications:
  - {to: log, events: [execution.failed, job.heartbeat]}
"""

SOURCES: Mapping[str, EventSource] = {
    "relay": EventSource.relay("phaseline-test"),
    "bus": EventSource.bus("shared"),
    "partner": EventSource.partner(PARTNER),
    "atlas": EventSource.atlas_trigger(APP, SERVICE, PROJECT),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Made]:
    folder = tmp_path_factory.mktemp("sources")
    return {name: make(folder / name, CONFIG, event_source=source) for name, source in SOURCES.items()}


def rules(made: Made) -> dict[str, Any]:
    """All rules as a whole, but for the name of their bus."""
    return {
        id: {**item, "Properties": {key: value for key, value in item["Properties"].items() if key != "EventBusName"}}
        for id, item in made.resources.items()
        if item["Type"] == "AWS::Events::Rule"
    }


def trigger(made: Made) -> dict[str, Any]:
    return deepcopy(made.one("MongoDB::Atlas::Trigger"))


def test_all_sources_have_the_same_rules(made: Mapping[str, Made]) -> None:
    assert len(rules(made["relay"])) == 8  # Two jobs, three bundled Lambdas that listen, two starts, the watchdog.
    for name in SOURCES:
        assert rules(made[name]) == rules(made["relay"]), name


def test_sources_differ_in_nothing_but_the_bus(made: Mapping[str, Made]) -> None:
    buses = ("AWS::Events::EventBus", "MongoDB::Atlas::Trigger")
    others = {
        name: {id: item["Type"] for id, item in each.resources.items() if item["Type"] not in buses}
        for name, each in made.items()
    }
    assert all(found == others["relay"] for found in others.values())
    assert {name: [len(each.of_type(kind)) for kind in buses] for name, each in made.items()} == {
        "relay": [1, 0],
        "bus": [0, 0],
        "partner": [1, 0],
        "atlas": [1, 1],
    }


def test_the_bus_is_that_of_the_trigger_by_its_id_and_never_by_its_reference(made: Mapping[str, Made]) -> None:
    (id,) = made["atlas"].template.find_resources("MongoDB::Atlas::Trigger")
    source = {"Fn::Join": ["", ["aws.partner/mongodb.com/stitch.trigger/", {"Fn::GetAtt": [id, "Id"]}]]}
    bus = made["atlas"].one("AWS::Events::EventBus")
    assert bus == {"Name": source, "EventSourceName": source}
    assert f'{{"Ref": "{id}"}}' not in json.dumps(made["atlas"].template.to_json())
    (bus_id,) = made["atlas"].template.find_resources("AWS::Events::EventBus")
    for rule in made["atlas"].of_type("AWS::Events::Rule", "Jobs"):
        assert rule["Properties"]["EventBusName"] == {"Ref": bus_id}


def test_the_trigger_has_all_that_the_handler_of_its_type_needs(made: Mapping[str, Made]) -> None:
    found = trigger(made["atlas"])
    assert found.pop("EventProcessors") == {
        "AWSEVENTBRIDGE": {
            "AWSConfig": {
                "AccountId": {"Ref": "AWS::AccountId"},
                "Region": {"Ref": "AWS::Region"},
                "ExtendedJsonEnabled": False,
            }
        }
    }
    database = found.pop("DatabaseTrigger")
    match = json.loads(database.pop("Match"))
    assert match == patterns.wanted(["execution.failed", "job.heartbeat"])
    assert dropped(match) == dropped(patterns.wanted(["phase.*"])) == [], "`phaseline atlas doctor` knows its shape"
    assert json.loads(database.pop("Project")) == PROJECTION
    assert database == {
        "Database": "phaseline_test",
        "Collection": "statuses",
        "ServiceId": SERVICE,
        "OperationTypes": ["INSERT"],
        "Unordered": True,
        "SkipCatchupEvents": False,
        "TolerateResumeErrors": True,
    }
    assert found == {
        "AppId": APP,
        "ProjectId": PROJECT,
        "Profile": "default",
        "Name": "phaseline-phaseline_test",
        "Type": "DATABASE",
        "Disabled": False,
    }


def test_each_environment_has_a_trigger_of_its_own_and_other_statuses_can_be_asked_for(tmp_path: Path) -> None:
    source = EventSource.atlas_trigger(
        APP, SERVICE, PROJECT, profile="prod", events=["job.started"], tolerate_resume_errors=False
    )
    found = trigger(make(tmp_path, event_source=source, database="phaseline_prod"))
    assert (found["Name"], found["Profile"]) == ("phaseline-phaseline_prod", "prod")
    assert found["DatabaseTrigger"]["Database"] == "phaseline_prod"
    assert found["DatabaseTrigger"]["TolerateResumeErrors"] is False
    assert '"started"' in found["DatabaseTrigger"]["Match"].partition('"phase"')[0]
    named = EventSource.atlas_trigger(APP, SERVICE, PROJECT, name="boats")
    assert trigger(make(tmp_path / "named", event_source=named))["Name"] == "boats"


def test_another_job_changes_nothing_of_the_trigger(made: Mapping[str, Made], tmp_path: Path) -> None:
    more = CONFIG.replace("  row:", "  swim: {code: jobs/boat}\n  row:")
    assert trigger(make(tmp_path, more, event_source=SOURCES["atlas"])) == trigger(made["atlas"])


def test_ids_may_be_known_at_deploy_time_alone() -> None:
    app_id = cdk.Fn.import_value("AtlasAppId")
    assert EventSource.atlas_trigger(app_id, SERVICE, PROJECT) != SOURCES["atlas"]


def test_the_arn_of_a_bus_is_no_name_even_where_it_is_not_known_yet() -> None:
    bus = EventBus(cdk.Stack(cdk.App(), "test"), "Bus")
    with pytest.raises(UserError, match=r"EventSource\.bus: name: got the ARN of a bus .* `event_bus_name`"):
        EventSource.bus(bus.event_bus_arn)
    itself: Any = bus
    with pytest.raises(
        UserError, match=r"EventSource\.bus: name: got a bus of the app; expected is its `event_bus_name`"
    ):
        EventSource.bus(itself)
    EventSource.bus(bus.event_bus_name)


@pytest.mark.parametrize("wrong", ["", "boats-abcde", APP.upper(), APP[:-1], f"{APP}0", f" {APP}"])
@pytest.mark.parametrize("argument", ["app_id", "service_id", "project_id"])
def test_a_name_in_place_of_an_id_is_refused(argument: str, wrong: str) -> None:
    given = {"app_id": APP, "service_id": SERVICE, "project_id": PROJECT, argument: wrong}
    with pytest.raises(UserError, match=rf"EventSource.atlas_trigger: {argument}: got '{wrong}'; allowed are 24 hex"):
        EventSource.atlas_trigger(**given)  # type: ignore[arg-type]


def test_a_parameter_is_no_id_but_its_value() -> None:
    parameter: Any = cdk.CfnParameter(cdk.Stack(cdk.App(), "test"), "AppId")
    EventSource.atlas_trigger(parameter.value_as_string, SERVICE, PROJECT)
    with pytest.raises(UserError, match=r"app_id: got <aws_cdk\.CfnParameter .*; allowed are 24 hex"):
        EventSource.atlas_trigger(parameter, SERVICE, PROJECT)


@pytest.mark.parametrize("wrong", ["", "cfn/atlas/profile/default"])
def test_a_profile_is_the_last_part_of_its_secrets_name(wrong: str) -> None:
    with pytest.raises(UserError, match="profile: got"):
        EventSource.atlas_trigger(APP, SERVICE, PROJECT, profile=wrong)
