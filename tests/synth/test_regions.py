"""What another region has: layers and images, which a deploy would refuse as a missing right, and secrets.

And what another partition, such as China's, has: ARNs and addresses of its own.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from phaseline.cdk import MongoConnection
from phaseline.cdk.functions.regions import check_partition, check_regions
from phaseline.config import Job
from phaseline.config.models import Statement
from phaseline_runtime.errors import UserError
from tests.support.stacks import CONFIG, EVERYTHING, make

LAYER = "arn:aws:lambda:eu-west-1:111122223333:layer:deps:7"
IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/boats:1"
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-west-1:111122223333:parameter/shop"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234"
USES = [Job(name="row", layers=(LAYER,)), Job(name="row", image=IMAGE)]


def stack(region: str | None, folder: Path) -> cdk.Stack:
    return cdk.Stack(cdk.App(outdir=str(folder)), "test", env=cdk.Environment(region=region))


@pytest.mark.parametrize("job", USES, ids=["layer", "image"])
def test_another_region_is_refused_where_the_stacks_is_known(job: Job, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"job row: (layers|image): .* is in eu-west-1, .* own, eu-central-1"):
        check_regions(stack("eu-central-1", tmp_path), job)
    check_regions(stack("eu-west-1", tmp_path), job)
    check_regions(stack(None, tmp_path), job)


@pytest.mark.parametrize(
    ("arguments", "owner"),
    [
        ({"mongo": MongoConnection.secret(SECRET)}, r"MongoConnection\.secret"),
        ({"mongo": MongoConnection.secret("shop", key_arn=KEY)}, r"MongoConnection\.secret"),
        ({"mongo": MongoConnection.uri_parameter(PARAMETER)}, r"MongoConnection\.uri_parameter"),
        ({"text": f"{CONFIG}notifications: [{{to: slack, url_secret: '{SECRET}', events: ['*']}}]"}, "url_secret"),
    ],
)
def test_what_functions_of_ours_read_is_in_their_region(arguments: dict[str, Any], owner: str, tmp_path: Path) -> None:
    for region in ("eu-west-1", None):
        make(tmp_path / str(region), of_stack={"env": cdk.Environment(region=region)}, **arguments)
    with pytest.raises(UserError, match=rf"{owner}: arn:.* is in eu-west-1, and .* their own region, us-east-1"):
        make(tmp_path, of_stack={"env": cdk.Environment(region="us-east-1")}, **arguments)


def test_an_arn_that_is_not_known_yet_is_taken(tmp_path: Path) -> None:
    mongo = MongoConnection.secret(f"arn:aws:secretsmanager:{cdk.Aws.REGION}:111122223333:secret:shop-AbCdEf")
    make(tmp_path, mongo=mongo, of_stack={"env": cdk.Environment(region="us-east-1")})


ELSEWHERE = [
    ("function_arn", Job(name="row", function_arn="arn:aws-cn:lambda:cn-north-1:111122223333:function:row")),
    (
        "policy",
        Job(
            name="row",
            policy=(Statement(actions=("s3:GetObject",), resources=("arn:aws:s3:::a", "arn:aws-cn:s3:::b")),),
        ),
    ),
    ("secrets", Job(name="row", secrets={"KEY": SECRET.replace("aws", "aws-cn", 1)})),
]


@pytest.mark.parametrize(("key", "job"), ELSEWHERE, ids=lambda each: each if isinstance(each, str) else "job")
def test_what_is_in_another_partition_is_refused_where_the_region_is_known(key: str, job: Job, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=rf"job row: {key}: .* the partition aws-cn, and a role in eu-west-1 .* in aws "
    ):
        check_partition(stack("eu-west-1", tmp_path), job)
    check_partition(stack(None, tmp_path), job)
    check_partition(stack("mars-north-1", tmp_path), job)


def test_a_given_function_of_another_partition_is_refused_and_one_of_this_account_is_not(tmp_path: Path) -> None:
    here = stack("eu-west-1", tmp_path)
    job = Job(name="row")
    arn = "arn:aws-cn:lambda:cn-north-1:111122223333:function:row"
    with pytest.raises(UserError, match=r"job row: functions: .* the partition aws-cn, and a role in eu-west-1 "):
        check_partition(here, job, lambda_.Function.from_function_arn(here, "There", arn))
    check_partition(here, job, lambda_.Function.from_function_name(here, "Here", "row"))


def test_what_is_in_any_partition_is_taken_in_each(tmp_path: Path) -> None:
    job = Job(
        name="row",
        policy=(Statement(actions=("s3:GetObject",), resources=("*", "arn:aws*:s3:::b", "arn:aws-cn:s3:::b")),),
    )
    check_partition(stack("cn-north-1", tmp_path), job)


def test_a_folder_with_a_dockerfile_has_no_region(tmp_path: Path) -> None:
    check_regions(stack("eu-central-1", tmp_path), Job(name="row", image=str(tmp_path)))


def test_nothing_of_a_template_belongs_to_one_partition(tmp_path: Path) -> None:
    """But the principals of services, which are the same in all of them."""
    image = "  boats: {image: '111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/boats:1'}\n"
    text = EVERYTHING.replace("jobs:\n", f"jobs:\n{image}", 1).replace("{rent_a_boat: ,", "{boats: , rent_a_boat: ,")
    key = "arn:aws-cn:kms:cn-north-1:111122223333:key/1234"
    in_china = {"env": cdk.Environment(account="111122223333", region="cn-north-1")}
    made = make(tmp_path, text, mongo=MongoConnection.secret("shop", key_arn=key), of_stack=in_china)
    template = json.dumps(made.template.to_json())
    assert key in template
    assert "arn:aws:" not in template
    assert set(re.findall(r"[^\"]*amazonaws[^\"]*", template)) == {
        "events.amazonaws.com",
        "lambda.amazonaws.com",
        "scheduler.amazonaws.com",
        "secretsmanager.cn-north-1.amazonaws.*",
    }
