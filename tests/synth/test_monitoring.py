"""The alarms: each has data to watch, tells somebody, and names an entry of the runbook that is there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration, Environment, Stack, Stage
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from phaseline.cdk import JobStacks
from phaseline.cdk.bus.dead_letters import VISIBILITY
from phaseline.cdk.monitoring import Monitoring, Thresholds
from phaseline_runtime.errors import UserError
from phaseline_runtime.metrics import METRICS, NAMESPACE
from tests.support.stacks import EVERYTHING, Made, make

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/operating.md").read_text(encoding="utf-8").partition("## Alarms")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = make(tmp_path_factory.mktemp("monitoring"), EVERYTHING, watchdog_period=Duration.minutes(4))
    topic = sns.Topic(made.stack, "Topic")
    Monitoring(made.stack, "Monitoring", orchestration=made.orchestration, topic=topic)
    return made


def alarms(made: Made) -> dict[str, dict[str, Any]]:
    """The alarms of the template, by what follows the environment in their names."""
    found = [item["Properties"] for item in made.of_type("AWS::CloudWatch::Alarm")]
    return {item["AlarmName"].removeprefix("phaseline-phaseline_test-"): item for item in found}


def anchors(markdown: str) -> set[str]:
    """The anchors that headings have, on GitHub as on the site."""
    titles = re.findall(r"^### (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_each_alarm_says_where_the_runbook_tells_what_to_do_and_the_entry_is_there(made: Made) -> None:
    found = {name: item["AlarmDescription"] for name, item in alarms(made).items()}
    assert {name: text.rpartition("What to do: ")[2] for name, text in found.items()} == {
        name: f"docs/operating.md#{name}" for name in found
    }
    assert set(found) == anchors(RUNBOOK)


def test_each_entry_of_the_runbook_says_what_it_means_and_what_to_do() -> None:
    for entry in re.split(r"^### ", RUNBOOK, flags=re.MULTILINE)[1:]:
        assert "**What to do:**" in entry, entry.partition("\n")[0]


def test_somebody_is_told_when_it_begins_and_when_it_is_over(made: Made) -> None:
    topic = {"Ref": next(id for id, item in made.resources.items() if item["Type"] == "AWS::SNS::Topic")}
    for item in alarms(made).values():
        assert (item["AlarmActions"], item["OKActions"], item["ActionsEnabled"]) == ([topic], [topic], True)


def test_who_is_told_by_an_action_of_one_s_own_is_told(tmp_path: Path) -> None:
    made = make(tmp_path)
    monitoring = Monitoring(made.stack, "Monitoring", orchestration=made.orchestration)
    monitoring.alarms["slow-starts"].add_alarm_action(actions.SnsAction(sns.Topic(made.stack, "Topic")))
    assert alarms(made)["slow-starts"]["AlarmActions"]
    assert {item["ActionsEnabled"] for item in alarms(made).values()} == {True}


def test_each_metric_that_is_watched_is_one_that_is_written(made: Made) -> None:
    watched = [item for item in alarms(made).values() if item.get("Namespace") == NAMESPACE]
    assert len(watched) == 5
    for item in watched:
        assert item["MetricName"] in METRICS
        assert item["Dimensions"] == [{"Name": "Database", "Value": "phaseline_test"}]
    [board] = [item["Properties"] for item in made.of_type("AWS::CloudWatch::Dashboard")]
    body = json.dumps(board)
    for name in set(re.findall(r"MetricName=[\\]+\"(\w+)", body)):
        assert METRICS[name].by is not None
    for name in set(METRICS) - {"RepairsFailed"}:
        assert name in body, name


def test_every_bundled_lambda_is_watched_for_errors_and_throttles(made: Made) -> None:
    for name, metric in (("bundled-errors", "Errors"), ("bundled-throttles", "Throttles")):
        _, *parts = alarms(made)[name]["Metrics"]
        assert {part["MetricStat"]["Metric"]["MetricName"] for part in parts} == {metric}
        assert len(parts) == len(made.orchestration.functions)


def test_a_silent_watchdog_is_an_alarm_and_silence_is_measured_by_its_period(made: Made) -> None:
    silent = alarms(made)["watchdog-silent"]
    assert (silent["TreatMissingData"], silent["Statistic"], silent["Period"]) == ("breaching", "SampleCount", 720)
    assert (silent["ComparisonOperator"], silent["Threshold"]) == ("LessThanThreshold", 1)
    others = {item["TreatMissingData"] for name, item in alarms(made).items() if name != "watchdog-silent"}
    assert others == {"notBreaching"}


@pytest.mark.parametrize(
    ("period", "silence", "failures"),
    [
        (Duration.minutes(1), (300, 1), (300, 3)),
        (Duration.minutes(20), (3600, 1), (1200, 3)),
        (Duration.hours(56), (604_800, 1), (201_600, 3)),
        (Duration.hours(57), (604_800, 1), (205_200, 2)),
        (Duration.days(6), (604_800, 1), (518_400, 1)),
    ],
    ids=["1 minute", "20 minutes", "56 hours", "57 hours", "6 days"],
)
def test_what_the_watchdog_says_is_looked_for_as_far_back_as_it_says_it_and_cloudwatch_looks(
    period: Duration, silence: tuple[int, int], failures: tuple[int, int], tmp_path: Path
) -> None:
    """A week at most, and a day where a period is below one hour (CloudWatch API reference, `PutMetricAlarm`)."""
    made = make(tmp_path, watchdog_period=period)
    Monitoring(made.stack, "Monitoring", orchestration=made.orchestration)
    found = {
        name: (item["Period"], item["EvaluationPeriods"]) for name, item in alarms(made).items() if "Period" in item
    }
    assert (found["watchdog-silent"], found["watchdog-failures"]) == (silence, failures)
    for seconds, count in found.values():
        assert seconds * count <= (86_400 if seconds < 3_600 else 604_800)
    for name in ("watchdog-silent", "watchdog-failures"):
        assert found[name][0] >= period.to_seconds()


def test_a_watchdog_that_runs_more_seldom_than_an_alarm_can_look_back_is_refused(tmp_path: Path) -> None:
    made = make(tmp_path, watchdog_period=Duration.minutes(6 * 24 * 60 + 1))
    told = r"Monitoring: test/Orchestration has a watchdog_period of 6 days 1 minute; .* 7 days .* of 6 days or less"
    with pytest.raises(UserError, match=told):
        Monitoring(made.stack, "Monitoring", orchestration=made.orchestration)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"topic": "arn:aws:sns:eu-west-1:111122223333:alarms"}, "Monitoring: topic: .* a topic of SNS"),
        ({"thresholds": {"repairs": 3}}, r"Monitoring: thresholds: .* `Thresholds\(…\)`"),
        ({"runbook": None}, "Monitoring: runbook: .* an address"),
    ],
    ids=["topic", "thresholds", "runbook"],
)
def test_an_argument_of_another_kind_is_refused(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    made = make(tmp_path)
    with pytest.raises(UserError, match=said):
        Monitoring(made.stack, "Monitoring", orchestration=made.orchestration, **given)


@pytest.mark.parametrize(("region", "refused"), [("eu-west-1", False), ("us-east-1", True)])
def test_a_topic_of_another_region_is_refused(region: str, refused: bool, tmp_path: Path) -> None:
    made = make(tmp_path, of_stack={"env": Environment(account="111122223333", region="eu-west-1")})
    topic = sns.Topic.from_topic_arn(made.stack, "Topic", f"arn:aws:sns:{region}:111122223333:alarms")
    with pytest.raises(UserError, match=f"topic: it is in {region}, .* eu-west-1") if refused else nullcontext():
        Monitoring(made.stack, "Monitoring", orchestration=made.orchestration, topic=topic)


@pytest.mark.parametrize("given", [{"repairs": "3"}, {"time_to_start": 60}], ids=str)
def test_a_threshold_of_another_kind_is_refused(given: Any) -> None:
    with pytest.raises(UserError, match=rf"Thresholds: {next(iter(given))}: got .*; expected is a "):
        Thresholds(**given)


def test_messages_that_fail_again_and_again_are_old_before_sqs_leaves_them_out(made: Made) -> None:
    """After three receipts one counts in the age of the oldest no more (Amazon SQS, "Available CloudWatch metrics")."""
    third_try = 2 * VISIBILITY.to_seconds()
    assert 0 < alarms(made)["old-messages"]["Threshold"] <= third_try - 120


def test_thresholds_and_runbook_can_be_one_s_own_and_nobody_has_to_be_told(tmp_path: Path) -> None:
    made = make(tmp_path)
    Monitoring(
        made.stack,
        "Monitoring",
        orchestration=made.orchestration,
        thresholds=Thresholds(failed_executions=20, time_to_start=Duration.seconds(5)),
        runbook="https://wiki.example.com/phaseline",
    )
    found = alarms(made)
    assert found["failed-executions"]["Threshold"] == 20
    assert found["slow-starts"]["Threshold"] == 5000
    assert found["failed-executions"]["AlarmDescription"].endswith(
        "https://wiki.example.com/phaseline#failed-executions"
    )
    assert "AlarmActions" not in found["failed-executions"]
    Template.from_stack(made.stack)


def test_the_example_of_the_page_works(tmp_path: Path) -> None:
    made = make(tmp_path)
    [example] = re.findall(r"^```python\n(.*?)^```$", RUNBOOK, re.MULTILINE | re.DOTALL)
    exec(example, {"stack": made.stack, "orchestration": made.orchestration})
    assert alarms(made)["failed-executions"]["Threshold"] == 10


def test_the_constructs_alone_do_not_load_the_library() -> None:
    code = "import sys, phaseline.cdk; assert 'cdk_monitoring_constructs' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)


@pytest.mark.parametrize("own", [False, True], ids=["in the first stack", "in a stack of its own"])
def test_jobs_in_stacks_of_their_own_are_watched_without_a_cycle(tmp_path: Path, own: bool) -> None:
    made = make(tmp_path, EVERYTHING, job_stacks=JobStacks.routed(2))
    app = Stage.of(made.stack)
    assert app is not None
    stack = Stack(app, "watch") if own else made.stack
    monitoring = Monitoring(stack, "Monitoring", orchestration=made.orchestration)
    if own:  # It comes after the jobs, and can watch them too.
        monitoring.facade.monitor_lambda_function(lambda_function=made.orchestration.jobs["row"].runner)
    assembly = app.synth()
    template = assembly.get_stack_by_name(stack.stack_name).template
    found = [item for item in template["Resources"].values() if item["Type"] == "AWS::CloudWatch::Alarm"]
    assert len(found) == len(monitoring.alarms)
