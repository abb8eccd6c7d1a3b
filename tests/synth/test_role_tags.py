"""Tags that IAM takes for one, of which one may be the app's and the other a job's, fail the synth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from phaseline.cdk.stacks.role_tags import alike
from phaseline.config.checks.job_checks import MAX_TAGS
from tests.support.stacks import CONFIG, make


def template(kind: str, tags: Any) -> dict[str, Any]:
    return {"Resources": {"A": {"Type": kind, "Properties": {"Tags": tags}}, "B": {"Type": kind}}}


def tags(*keys: Any) -> list[dict[str, Any]]:
    return [{"Key": key, "Value": ""} for key in keys]


@pytest.mark.parametrize("kind", ["AWS::IAM::Role", "AWS::IAM::User"])
def test_keys_of_roles_and_users_are_read_without_case(kind: str) -> None:
    [found] = alike(template(kind, tags("team", "Cost", "Team")))
    assert (found.keys, found.resources) == (("Team", "team"), ["A"])


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("AWS::IAM::Role", tags("team", "teams")),
        ("AWS::IAM::Role", {"Ref": "Tags"}),
        ("AWS::IAM::Role", [{"Fn::If": ["a", "b", "c"]}]),
        ("AWS::IAM::Role", tags({"Ref": "Key"}, "team")),
        ("AWS::Lambda::Function", tags("team", "Team")),
        ("AWS::IAM::ManagedPolicy", tags("team", "Team")),
    ],
)
def test_all_else_is_left_alone(kind: str, given: Any) -> None:
    assert list(alike(template(kind, given))) == []


@pytest.mark.parametrize("key", ["Team", "team"])
def test_a_tag_of_the_stack_that_differs_from_a_job_s_in_case_alone_fails_the_synth(key: str, tmp_path: Path) -> None:
    jobs = "".join(f"  {name}: {{code: jobs/boat, tags: {{team: sea}}}}\n" for name in ("row", "rent_a_boat"))
    text = CONFIG.replace("  rent_a_boat: {code: jobs/boat}\n", jobs).replace(
        "{rent_a_boat: }", "{rent_a_boat: , row: }"
    )
    made = make(tmp_path, text)
    app = cdk.Stage.of(made.stack)
    assert app is not None
    cdk.Tags.of(app).add(key, "shop")
    if key == "team":
        app.synth()
        return
    with pytest.raises(RuntimeError) as failed:
        app.synth()
    said = str(failed.value)
    assert "tags: 'Team' and 'team' differ in upper and lower case alone, which are one key for IAM, on Orch" in said
    assert "Role" in said
    assert " and 1 more" in said
    assert "Spell the key in one way" in said
    assert said.count("one key for IAM") == 1


@pytest.mark.parametrize("count", [MAX_TAGS, MAX_TAGS + 1])
def test_a_job_s_tags_and_the_stack_s_together_are_as_many_as_aws_takes_at_most(count: int, tmp_path: Path) -> None:
    own = ", ".join(f"t{number}: sea" for number in range(count - 1))
    made = make(tmp_path, CONFIG.replace("code: jobs/boat", f"code: jobs/boat, tags: {{{own}}}"))
    app = cdk.Stage.of(made.stack)
    assert app is not None
    cdk.Tags.of(app).add("shop", "fish")
    if count == MAX_TAGS:
        app.synth()
        return
    with pytest.raises(RuntimeError, match=r"tags: got 51 on \w+Role\w+; IAM allows 50, .*\s+.*\s+.* Leave some out"):
        app.synth()
