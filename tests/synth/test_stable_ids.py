"""Adding, removing and reordering jobs touches no other job: CloudFormation would replace what gets a new id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from phaseline.testing import assert_stable_ids
from phaseline_runtime.errors import UserError
from tests.support.stacks import make

SHARED = (
    "Publication",
    "migrationsjobFunction",
    "notificationsjobFunction",
    "deadlettersjobFunction",
)
"""What holds the definitions, and so changes with them."""


def resources(folder: Path, jobs: Sequence[str]) -> Mapping[str, Any]:
    declared = "".join(f"  {job}: {{code: jobs/boat}}\n" for job in jobs)
    used = "".join(f"          {job}:\n" for job in jobs)
    made = make(folder, f"jobs:\n{declared}state_machines:\n  trip:\n    phases:\n      all:\n        jobs:\n{used}")
    return {id: item for id, item in made.resources.items() if not any(part in id for part in SHARED)}


def test_a_job_that_is_added_or_removed_brings_or_takes_its_own_six_resources(tmp_path: Path) -> None:
    before = resources(tmp_path, ["alpha", "gamma"])
    after = resources(tmp_path, ["alpha", "beta", "gamma"])
    assert {id: item for id, item in after.items() if "beta" not in id} == before
    assert len(after) - len(before) == 6


def test_the_order_of_jobs_does_not_matter(tmp_path: Path) -> None:
    assert resources(tmp_path, ["a", "b", "c"]) == resources(tmp_path, ["c", "a", "b"])


def test_names_that_differ_only_in_what_an_id_cannot_hold_stay_apart(tmp_path: Path) -> None:
    found = resources(tmp_path, ["rent_a_boat", "rent-a-boat", "rentaboat"])
    functions = [id for id, item in found.items() if item["Type"] == "AWS::Lambda::Function"]
    assert len([id for id in functions if "OrchestrationJobs" in id]) == 3


def template(**types: str) -> dict[str, Any]:
    return {"Resources": {id: {"Type": kind} for id, kind in types.items()}}


def test_users_can_hold_two_templates_against_each_other(tmp_path: Path) -> None:
    before, after = (resources(tmp_path, jobs) for jobs in (["alpha", "gamma"], ["gamma", "beta", "alpha"]))
    assert_stable_ids({"Resources": before}, {"Resources": after})
    with pytest.raises(AssertionError, match=r"OrchestrationJobsbetaRule\w+ \(AWS::Events::Rule\) is gone\n"):
        assert_stable_ids({"Resources": after}, {"Resources": before})
    assert_stable_ids({"Resources": after}, {"Resources": before}, removed=["OrchestrationJobsbeta*"])


def test_a_renamed_resource_is_named_with_what_is_new_in_its_place(tmp_path: Path) -> None:
    file = tmp_path / "deployed.json"
    file.write_text(json.dumps(template(Boat="AWS::Lambda::Function", Bus="AWS::Events::EventBus")))
    with pytest.raises(AssertionError, match=r"- Boat \(AWS::Lambda::Function\) is gone; new of this type: Ship\n"):
        assert_stable_ids(file, template(Ship="AWS::Lambda::Function", Bus="AWS::Events::EventBus"))


def test_a_deployed_template_is_taken_as_the_command_of_aws_prints_it(tmp_path: Path) -> None:
    file = tmp_path / "deployed.json"
    file.write_text(json.dumps({"StagesAvailable": ["Original"], "TemplateBody": template(A="AWS::SQS::Queue")}))
    assert_stable_ids(str(file), template(A="AWS::SQS::Queue"))
    with pytest.raises(AssertionError, match=r"A .* is gone"):
        assert_stable_ids(file, template(B="AWS::SQS::Queue"), removed="B*")
    assert_stable_ids(file, template(B="AWS::SQS::Queue"), removed="A*")
    raw = {"TemplateBody": json.dumps(template(A="AWS::SQS::Queue"))}  # As the API itself answers.
    assert_stable_ids(raw, template(A="AWS::SQS::Queue"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_be_in_the_encoding_that_a_shell_writes(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "deployed.json"
    file.write_text(json.dumps(template(A="AWS::SQS::Queue")), encoding=encoding)
    assert_stable_ids(file, template(A="AWS::SQS::Queue"))


def test_a_file_that_is_no_text_is_no_template(tmp_path: Path) -> None:
    file = tmp_path / "deployed.zip"
    file.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(UserError, match=rf"no template: {file} is no JSON .*cdk.out"):
        assert_stable_ids(file, template())


@pytest.mark.parametrize("removed", [None, 3, ["A", 3]])
def test_what_may_be_gone_is_said_by_patterns(removed: Any) -> None:
    with pytest.raises(UserError, match=r"removed: got .*; allowed are patterns of logical ids"):
        assert_stable_ids(template(A="AWS::SQS::Queue"), template(), removed=removed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"version": "48.0.0"}', "has no `Resources`"),
        ('{"Resources": []}', "has no `Resources`"),
        ('{"Resources": {"A": {}}}', "has no `Type`"),
        ('{"TemplateBody": "Resources: {}"}', "is no JSON"),
        ("Resources:\n  A:\n    Type: AWS::SQS::Queue\n", r"is no JSON \(Expecting value: line 1 .*cdk.out"),
    ],
)
def test_what_is_no_template_is_said(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(text)
    with pytest.raises(UserError, match=rf"no template: .*manifest.json {said}"):
        assert_stable_ids(file, template())


def test_a_file_that_is_not_there_is_no_template(tmp_path: Path) -> None:
    for place, said in ((tmp_path / "nowhere.json", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UserError, match=rf"no template: {place} cannot be read: {said}"):
            assert_stable_ids(template(), place)


def test_an_object_of_the_cdk_is_no_template_either() -> None:
    made: Any = Template.from_string('{"Resources": {}}')
    with pytest.raises(UserError, match=r"no template: <aws_cdk.assertions.Template .*what `Template.from_stack"):
        assert_stable_ids(template(), made)


def test_an_id_that_became_another_type_is_no_stable_one() -> None:
    with pytest.raises(AssertionError, match=r"- A was AWS::SQS::Queue and is AWS::SNS::Topic\n"):
        assert_stable_ids(template(A="AWS::SQS::Queue"), template(A="AWS::SNS::Topic"))


def test_a_version_of_a_function_has_a_new_id_by_design() -> None:
    assert_stable_ids(template(V1="AWS::Lambda::Version"), template(V2="AWS::Lambda::Version"))
