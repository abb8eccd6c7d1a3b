"""What AWS's library raises is told with the environment and what to do."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError, NoRegionError

from phaseline.cli import connection
from phaseline.cli.cloud import Cloud
from phaseline_runtime.errors import PhaselineError, UserError

MISSING = ClientError(
    {"Error": {"Code": "ValidationError", "Message": "Stack with id phaseline-prod does not exist"}}, "DescribeStacks"
)
DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (MISSING, UserError, "environment prod: Stack with id phaseline-prod does not exist (deploy it, or {})"),
        (DENIED, PhaselineError, "environment prod: AWS refuses cloudformation: not you"),
        (
            NoRegionError(),
            PhaselineError,
            "environment prod: AWS cannot be asked (You must specify a region.): "
            "set AWS_DEFAULT_REGION and credentials, or {}",
        ),
    ],
    ids=["missing", "denied", "nowhere"],
)
def test_an_error_of_aws_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[Exception], said: str
) -> None:
    def refused(service: str) -> None:
        raise error

    monkeypatch.setattr(boto3, "client", refused)
    with pytest.raises(kind) as raised:
        Cloud("prod", refused).output("PhaselineKept")
    assert str(raised.value) == said.format("give another --env")
    with pytest.raises(kind) as raised:
        connection.find(env="prod", variables={})
    assert str(raised.value) == said.format("give --mongo and --database")
