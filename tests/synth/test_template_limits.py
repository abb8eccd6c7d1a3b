"""What is beyond a limit of one template fails the synth, with limit and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import aws_cdk as cdk
import pytest

from phaseline.cdk.stacks.template_limits import beyond
from tests.support.stacks import make


def template(**parts: int) -> bytes:
    return json.dumps({part: {str(number): {} for number in range(count)} for part, count in parts.items()}).encode()


@pytest.mark.parametrize(("part", "limit"), [("Resources", 500), ("Outputs", 200), ("Parameters", 200)])
def test_each_part_has_its_limit(part: str, limit: int) -> None:
    assert list(beyond(template(**{part: limit}))) == []
    said = f"{part}: got {limit + 1}; CloudFormation allows {limit} in a stack"
    assert list(beyond(template(**{part: limit + 1}))) == [said]


def test_a_template_has_a_megabyte_at_most() -> None:
    text = template() + b" " * (1_000_000 - len(template()))
    assert list(beyond(text)) == []
    assert list(beyond(text + b" ")) == ["template: has 1000001 bytes; CloudFormation allows 1000000"]


def test_a_stack_beyond_a_limit_fails_the_synth(tmp_path: Path) -> None:
    made = make(tmp_path)
    for number in range(201):
        cdk.CfnOutput(made.stack, f"Output{number}", value="x")
    stage = cdk.Stage.of(made.stack)
    assert stage is not None
    with pytest.raises(RuntimeError) as failed:
        stage.synth()
    assert "Outputs: got 201; CloudFormation allows 200 in a stack" in str(failed.value)
    assert "Give `job_stacks` more stacks" in str(failed.value)
