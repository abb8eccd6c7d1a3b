"""What a rule hands over, and what it could not, is let in by target and queue; and nobody else is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

from tests.support.arns import Arns, arn
from tests.support.options import ACCOUNT, ALL, REGION, templates

Policy = dict[str, Any]
Handover = tuple[str, str, str]
"""The rule, the action, and what it is asked for."""

EVENTBRIDGE = "events.amazonaws.com"
STRANGERS = (
    arn("events", "rule/somebody-elses/rule"),
    arn("events", "rule/rule"),
    f"arn:aws:events:{REGION}:999988887777:rule/phaseline-test/rule",
)
"""Rules of other buses, of the default bus, and of another account."""


class Doors:
    """Who is let in by the functions and the queues of an app."""

    def __init__(self, option: str) -> None:
        found = templates(option)
        self._arns, self._resources = Arns(found), found.resources
        self.handovers = set(self._handovers())
        self.policies = list(self._policies())

    def _handovers(self) -> Iterator[Handover]:
        """All that rules do without a role."""
        for id, item in self._resources.items():
            if item["Type"] != "AWS::Events::Rule":
                continue
            for target in item["Properties"]["Targets"]:
                if "RoleArn" not in target:
                    yield self._arns.of(id), "lambda:InvokeFunction", self._arns.resolved(target["Arn"])
                if "DeadLetterConfig" in target:
                    yield self._arns.of(id), "sqs:SendMessage", self._arns.resolved(target["DeadLetterConfig"]["Arn"])

    def _policies(self) -> Iterator[Policy]:
        """Each statement of each policy of a function or queue, as Lambda and SQS keep it."""
        for item in self._resources.values():
            given = self._arns.resolved(item.get("Properties", {}))
            if item["Type"] == "AWS::Lambda::Permission":
                yield {
                    "Effect": "Allow",
                    "Principal": {"Service": given["Principal"]},
                    "Action": given["Action"],
                    "Resource": given["FunctionName"],
                    "Condition": {"ArnLike": {"aws:SourceArn": given["SourceArn"]}},
                }
            if item["Type"] == "AWS::SQS::QueuePolicy":
                yield from given["PolicyDocument"]["Statement"]

    def open(self, handover: Handover, policies: list[Policy], *, tls: bool = True) -> bool:
        """Whether these policies let EventBridge do this for the rule."""
        rule, action, resource = handover
        context = EvalContext(
            principal_arn=EVENTBRIDGE,
            principal_type="Service",
            principal_account=ACCOUNT,
            action=action,
            resource_arn=resource,
            region=REGION,
            secure_transport=tls,
            service_context={"aws:sourcearn": rule},
        )
        return bool(evaluate_resource_policy({"Statement": policies}, context, EVENTBRIDGE).decision == "Allow")


@pytest.fixture(scope="module", params=[name for name in ALL if name != "`AtlasTypes`"])
def doors(request: pytest.FixtureRequest) -> Doors:
    return Doors(request.param)


def test_each_rule_is_let_in(doors: Doors) -> None:
    assert len(doors.handovers) > 10
    for handover in doors.handovers:
        assert doors.open(handover, doors.policies), handover


def test_nobody_is_let_in_whom_no_rule_needs(doors: Doors) -> None:
    for index, policy in enumerate(doors.policies):
        without = [*doors.policies[:index], *doors.policies[index + 1 :]]
        if policy["Effect"] == "Allow":
            assert [each for each in doors.handovers if not doors.open(each, without)], policy


def test_a_stranger_is_not_let_in(doors: Doors) -> None:
    for _, action, resource in doors.handovers:
        for stranger in STRANGERS:
            assert not doors.open((stranger, action, resource), doors.policies), (stranger, resource)


def test_a_queue_lets_nobody_in_without_tls(doors: Doors) -> None:
    for handover in doors.handovers:
        if handover[1] == "sqs:SendMessage":
            assert not doors.open(handover, doors.policies, tls=False)
