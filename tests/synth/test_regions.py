"""Layers and images of another region, which a deploy would refuse as a missing right."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
import pytest

from phaseline.cdk.regions import check_regions
from phaseline.config import Job
from phaseline_runtime.errors import UserError

LAYER = "arn:aws:lambda:eu-west-1:111122223333:layer:deps:7"
IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/boats:1"
USES = [Job(name="row", layers=(LAYER,)), Job(name="row", image=IMAGE)]


def stack(region: str | None, folder: Path) -> cdk.Stack:
    return cdk.Stack(cdk.App(outdir=str(folder)), "test", env=cdk.Environment(region=region))


@pytest.mark.parametrize("job", USES, ids=["layer", "image"])
def test_another_region_is_refused_where_the_stacks_is_known(job: Job, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"job row: (layers|image): .* is in eu-west-1, .* own, eu-central-1"):
        check_regions(stack("eu-central-1", tmp_path), job)
    check_regions(stack("eu-west-1", tmp_path), job)
    check_regions(stack(None, tmp_path), job)


def test_a_folder_with_a_dockerfile_has_no_region(tmp_path: Path) -> None:
    check_regions(stack("eu-central-1", tmp_path), Job(name="row", image=str(tmp_path)))
