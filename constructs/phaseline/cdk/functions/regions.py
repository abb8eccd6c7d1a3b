"""What has to be in the region of its function: where it is not, Lambda answers with a missing right, half-way through,
and a secret is not found at run time.

AWS Lambda, "Layers are not in the same region as the function" (`CreateFunction`); developer guide, "Amazon ECR
cross-account permissions": an image of another account, in the same region. And what has to be in the partition of its
role (`aws`, `aws-cn`, …): IAM refuses a policy that names anything of another.
"""

from __future__ import annotations

from functools import cache

from aws_cdk import Stack, Token
from aws_cdk import aws_lambda as lambda_
from aws_cdk.region_info import RegionInfo
from constructs import Construct, IConstruct

from phaseline.cdk.basics.asked_once import stack_of
from phaseline.config import Job
from phaseline.config.reading.aws_names import in_ecr
from phaseline_runtime.errors import UserError


def check_regions(scope: Construct, job: Job) -> None:
    """Check a job's layers and its image in ECR, where the region of the stack is known. Raises UserError."""
    image = None if job.image is None else in_ecr(job.image)
    used = [("layers", arn, arn.split(":")[3]) for arn in job.layers]
    used += [] if image is None else [("image", str(job.image), image["region"])]
    if not used:
        return
    here = Stack.of(scope).region
    for key, text, region in used:
        if region != here and not Token.is_unresolved(here):
            raise UserError(
                f"job {job.name}: {key}: {text} is in {region}, and Lambda takes none from another region than its "
                f"own, {here}: copy it there (`${{NAME}}` in the file can name the region)"
            )


def check_partition(scope: Construct, job: Job, given: lambda_.IFunction | None = None) -> None:
    """Check what the roles of a job name by ARN, where the region of the stack is known. Raises UserError.

    Args:
        scope: where the job is made.
        job: the job.
        given: the function that the app gives for it, if it does: it may have been imported by its ARN.
    """
    used = [] if job.function_arn is None else [("function_arn", job.function_arn)]
    used += [] if given is None else [("functions", given.function_arn)]
    used += [("policy", each) for statement in job.policy for each in statement.resources]
    used += [("secrets", each) for each in job.secrets.values()]
    used = [(key, text) for key, text in used if text.startswith("arn:")]
    if not used:
        return
    region = Stack.of(scope).region
    here = None if Token.is_unresolved(region) else _partition(region)
    for key, arn in used:
        partition = arn.split(":")[1]
        if here is not None and partition != here and not set("*?$") & set(partition):
            raise UserError(
                f"job {job.name}: {key}: {arn} is in the partition {partition}, and a role in {region} can be allowed "
                f"what is in {here} alone (`${{NAME}}` in the file can name the partition)"
            )


@cache
def _partition(region: str) -> str | None:
    """The partition of a region, None where CDK does not know it."""
    return RegionInfo.get(region).partition


def check_read_here(scope: IConstruct, owner: str, *names: str | None) -> None:
    """Check what functions read through the endpoints of their own region, by name or ARN. Raises UserError."""
    for name in names:
        if name is None or not name.startswith("arn:") or Token.is_unresolved(name):
            continue
        check_read_in(scope, owner, name, region=name.split(":")[3])


def check_read_in(scope: IConstruct, owner: str, what: str, *, region: str) -> None:
    """Check the region of something that functions read, where both are known. Raises UserError."""
    here = stack_of(scope).region
    if region != here and not Token.is_unresolved(here) and not Token.is_unresolved(region):
        raise UserError(
            f"{owner}: {what} is in {region}, and the functions look for it in their own region, {here}: "
            "copy it there (a secret can be replicated, and be given by its name)"
        )
