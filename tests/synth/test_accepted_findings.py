"""What scanners find and we accept: said on the resource, with its reason, and only where it applies."""

from __future__ import annotations

from pathlib import Path

import pytest
from aws_cdk import CfnResource, Validations

from phaseline.cdk.basics.accepted_findings import of_function, of_role
from tests.support.options import templates
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


def test_what_an_app_has_chosen_is_not_accepted_in_its_place() -> None:
    usual = set(of_function(has_destination=True))
    assert usual - set(of_function(has_destination=True, traced=True)) == {"Serverless-LambdaTracing"}
    assert usual - set(of_function(has_destination=True, in_vpc=True)) == {"CKV_AWS_117"}
    assert usual - set(of_function(has_destination=True, reserved=True)) == {"CKV_AWS_115"}
    assert usual - set(of_function(has_destination=True, has_variables=False)) == {"CKV_AWS_173"}
    image = set(of_function(has_destination=True, image=True))
    assert usual - image == {"AwsSolutions-L1", "Serverless-LambdaLatestVersion"}


CHOSEN = """
jobs:
  plain: {code: jobs/boat}
  chosen: {code: jobs/boat, tracing: active, reserved_concurrency: 1}
  image: {image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/boat:1"}
state_machines: {trip: {phases: {thinking: {jobs: {plain: , chosen: , image: }}}}}
"""


def test_what_is_accepted_in_a_role_is_what_the_app_has_asked_for() -> None:
    assert of_role(traced=False, in_vpc=False) == {}
    traced, in_vpc, both = (of_role(traced=t, in_vpc=v) for t, v in ((True, False), (False, True), (True, True)))
    assert set(traced) == {"AwsSolutions-IAM5[Resource::*]", "Serverless-LambdaStarPermissions"}
    assert set(in_vpc) == set(both) == {*traced, "CKV_AWS_111"}
    for id in traced:
        assert both[id] == f"{traced[id]} {in_vpc[id]}"


STARS = """
jobs:
  plain: {code: jobs/boat}
  traced: {code: jobs/boat, tracing: active}
  starred: {code: jobs/boat, tracing: active, policy: [{actions: [s3:GetObject], resources: ["*"]}]}
  wide: {code: jobs/boat, tracing: active, policy: [{actions: ["s3:*"], resources: ["arn:aws:s3:::charts"]}]}
state_machines: {trip: {phases: {thinking: {jobs: {plain: , traced: , starred: , wide: }}}}}
"""


def test_a_wildcard_of_the_apps_own_is_not_accepted_with_ours(tmp_path: Path) -> None:
    made = make(tmp_path, STARS)
    accepted = {
        name: item.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", [])
        for name in ("plain", "traced", "starred", "wide")
        for item in made.of_type("AWS::IAM::Role", f"Jobs{name}Role")
    }
    assert accepted["plain"] == accepted["starred"] == []
    assert [(each["id"], each.get("applies_to")) for each in accepted["traced"]] == [
        ("AwsSolutions-IAM5", ["Resource::*"]),
        ("Serverless-LambdaStarPermissions", None),
    ]
    # Of the app's `s3:*` the second rule says the same as of our wildcard.
    assert accepted["wide"] == accepted["traced"][:1]


def test_a_publication_in_a_stack_of_its_own_waits_for_nothing_and_accepts_nothing() -> None:
    for name, accepted in {"everything": True, "`JobStacks.routed`": False}.items():
        [found] = [each for each in templates(name).resources.values() if "Publication" in each["Type"]]
        assert ("cfn-lint" in found.get("Metadata", {})) is accepted is ("DependsOn" in found)


def test_what_is_accepted_in_a_function_follows_its_properties(tmp_path: Path) -> None:
    made = make(tmp_path, CHOSEN)
    seen = set()
    for function in made.of_type("AWS::Lambda::Function", "Jobs"):
        given = function["Properties"]
        properties = {
            "traced": "TracingConfig" in given,
            "reserved": "ReservedConcurrentExecutions" in given,
            "image": given.get("PackageType") == "Image",
            "has_destination": given.get("PackageType") != "Image",
            "has_variables": "Environment" in given,
        }
        wanted = [id for id in of_function(**properties) if id.startswith("CKV")]
        assert [item["id"] for item in function["Metadata"]["checkov"]["skip"]] == wanted
        nag = [item["id"] for item in function["Metadata"]["cdk_nag"]["rules_to_suppress"]]
        assert nag == [id for id in of_function(**properties) if id.startswith(("AwsSolutions", "Serverless"))]
        seen.add(tuple(properties.values()))
    assert len(seen) == 3
