"""What scanners find and we accept: said on the resource, with its reason, and only where it applies."""

from __future__ import annotations

import pytest
from aws_cdk import CfnResource, Validations
from aws_cdk import aws_lambda as lambda_

from phaseline.cdk.accepted_findings import accept_function
from tests.support.stacks import EVERYTHING, Made, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("accepted"), EVERYTHING)


def test_every_accepted_finding_has_a_reason_that_is_a_sentence(made: Made) -> None:
    found = 0
    for resource in made.resources.values():
        said = resource.get("Metadata", {})
        reasons = [item["reason"] for item in said.get("cdk_nag", {}).get("rules_to_suppress", [])]
        reasons += [item["comment"] for item in said.get("checkov", {}).get("skip", [])]
        lint = said.get("cfn-lint", {"config": {"ignore_checks": []}, "reasons": {}})
        assert list(lint["reasons"]) == lint["config"]["ignore_checks"]
        for reason in [*reasons, *lint["reasons"].values()]:
            assert len(reason) > 20
            assert reason.endswith(".")
            found += 1
    assert found > 100


def test_nothing_is_accepted_for_more_than_one_resource(made: Made) -> None:
    key = Validations.ACKNOWLEDGED_RULES_METADATA_KEY
    accepting = [
        construct
        for construct in made.stack.node.find_all()
        if any(entry.type == key for entry in construct.node.metadata)
    ]
    assert accepting
    assert all(CfnResource.is_cfn_resource(construct) for construct in accepting)


def test_what_an_app_has_chosen_is_not_accepted_in_its_place(made: Made) -> None:
    function = lambda_.Function(
        made.stack,
        "Chosen",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        tracing=lambda_.Tracing.ACTIVE,
        reserved_concurrent_executions=1,
    )
    accept_function(function, has_destination=True)
    said = made.stack.resolve(function.node.default_child.cfn_options.metadata)  # type: ignore[union-attr]
    assert [item["id"] for item in said["checkov"]["skip"]] == ["CKV_AWS_116", "CKV_AWS_173", "CKV_AWS_117"]
    assert "Serverless-LambdaTracing" not in [item["id"] for item in said["cdk_nag"]["rules_to_suppress"]]
