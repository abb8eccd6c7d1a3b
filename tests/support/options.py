"""What somebody may switch on that changes what the roles may do: a template for each, beside that of EVERYTHING.

The tables of docs/security.md, the proofs that each statement is needed, and the scanners take them from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from phaseline.cdk import EventSource, JobStacks, MongoConnection, Network, Orchestration, StarterUrl
from tests.support.stacks import EVERYTHING, make

Resources = Mapping[str, dict[str, Any]]
Besides = Callable[[cdk.Stack, Orchestration], None]

ACCOUNT, REGION = "111122223333", "eu-central-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"

OF_JOBS: Mapping[str, tuple[str, str]] = {
    "traced": ("`tracing: active`", "{code: jobs/boat, tracing: active}"),
    "with_secrets": ("`secrets`", "{code: jobs/boat, secrets: {TOKEN: phaseline/harbour}}"),
    "with_policy": (
        "`policy`",
        "{code: jobs/boat, policy: [{actions: [s3:GetObject], resources: ['arn:aws:s3:::charts/sea.pdf']}]}",
    ),
    "bounded": ("`reserved_concurrency`", "{code: jobs/boat, reserved_concurrency: 2}"),
    "warm": ("`provisioned_concurrency`", "{code: jobs/boat, provisioned_concurrency: 1}"),
    "node": ("`runtime: nodejs22.x`", "{code: jobs/node, runtime: nodejs22.x}"),
    "image": ("`image`", f"{{image: '{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/boat:1'}}"),
    "given": ("`function: given`", "{function: given}"),
    "existing": (
        "`function_arn`",
        f"{{function_arn: 'arn:aws:lambda:{REGION}:{ACCOUNT}:function:captain:live'}}",
    ),
}
"""Jobs by what they have of their own, in words and in the config."""

JOBS_OF_EVERY_KIND = EVERYTHING.replace(
    "state_machines:", "".join(f"  {name}: {text}\n" for name, (_, text) in OF_JOBS.items()) + "state_machines:"
).replace("row: }", "row: , " + " , ".join(f"{name}: " for name in OF_JOBS) + "}")


@dataclass(frozen=True)
class Templates:
    """All stacks of an app."""

    resources: Resources
    parameters: Resources
    app: cdk.App


def of_app(stack: cdk.Stack) -> Templates:
    """All stacks of the app that this one is in."""
    app = stack.node.root
    assert isinstance(app, cdk.App)
    found = [Template.from_stack(each).to_json() for each in app.node.find_all() if isinstance(each, cdk.Stack)]
    resources = {id: item for template in found for id, item in template["Resources"].items()}
    assert len(resources) == sum(len(template["Resources"]) for template in found)
    parameters = {id: item for template in found for id, item in template.get("Parameters", {}).items()}
    return Templates(resources, parameters, app)


def made(folder: Path, text: str = EVERYTHING, *, besides: Besides = lambda *_: None, **more: Any) -> Templates:
    """EVERYTHING with something more; `besides` adds constructs to it."""
    (folder / "jobs/node").mkdir(parents=True, exist_ok=True)
    (folder / "jobs/node/index.mjs").write_text("export const handler = async (event) => ({});\n")
    found = make(folder, text, **{"starter_url": StarterUrl.IAM, **more})
    besides(found.stack, found.orchestration)
    return of_app(found.stack)


def a_network(stack: cdk.Stack) -> Network:
    """A VPC that is there already."""
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=[f"{REGION}a"],
        private_subnet_ids=["subnet-0123456789abcdef0"],
    )
    return Network.vpc(
        vpc, security_groups=[ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0123456789abcdef0")]
    )


def a_function(stack: cdk.Stack) -> dict[str, lambda_.IFunction]:
    """A function of the app's own, for the job `given`."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:mine"
    return {"given": lambda_.Function.from_function_arn(stack, "Mine", arn)}


def atlas_types(folder: Path) -> Templates:
    """The stack that activates the resource types of MongoDB."""
    from phaseline.cdk.atlas_types import AtlasTypes

    stack = cdk.Stack(cdk.App(outdir=str(folder / "cdk.out"), analytics_reporting=False), "types")
    AtlasTypes(stack, "Types")
    return of_app(stack)


OPTIONS: Mapping[str, Callable[[Path], Templates]] = {
    "`key_arn` of `MongoConnection.secret`": lambda folder: made(
        folder, mongo=MongoConnection.secret("phaseline/test/mongo", key_arn=KEY)
    ),
    "`key_arn` of `MongoConnection.uri_parameter`": lambda folder: made(
        folder, mongo=MongoConnection.uri_parameter("/phaseline/test/mongo", key_arn=KEY)
    ),
    "`MongoConnection.iam`": lambda folder: made(folder, mongo=MongoConnection.iam("cluster0.ab1cd.mongodb.net")),
    "`retention_mongo`": lambda folder: made(
        folder, retention_mongo=MongoConnection.secret("phaseline/test/retention")
    ),
    "`Orchestration(traced=True)`": lambda folder: made(folder, traced=True),
    "`Network.vpc`": lambda folder: made(folder, network=a_network),
    "`EventSource.partner`": lambda folder: made(
        folder, event_source=EventSource.partner("aws.partner/mongodb.com/stitch.trigger/0123456789abcdef01234567")
    ),
    "`JobStacks.routed`": lambda folder: made(folder, job_stacks=JobStacks.routed(1)),
    "`AtlasTypes`": atlas_types,
}
"""How to make it, by its name in the docs."""


def jobs_of_every_kind(folder: Path, **more: Any) -> Templates:
    """EVERYTHING with a job for each of OF_JOBS."""
    return made(folder, JOBS_OF_EVERY_KIND, functions=a_function, **more)


def monitored_in_a_vpc(folder: Path) -> Templates:
    """Jobs of each kind, in a VPC, all traced, with alarms and a dashboard."""
    from phaseline.cdk.monitoring import Monitoring

    def with_alarms(stack: cdk.Stack, orchestration: Orchestration) -> None:
        Monitoring(stack, "Monitoring", orchestration=orchestration)

    return jobs_of_every_kind(folder, network=a_network, traced=True, besides=with_alarms)


def of_atlas(folder: Path) -> Templates:
    """A trigger that the stack makes, and users of the database that are roles."""
    from phaseline.cdk.atlas_user import AtlasUsers

    ids = ["0123456789abcdef01234567"] * 3

    def with_users(stack: cdk.Stack, orchestration: Orchestration) -> None:
        AtlasUsers(stack, "Users", orchestration=orchestration, project_id=ids[0])

    return made(
        folder,
        mongo=MongoConnection.iam("cluster0.ab1cd.mongodb.net"),
        event_source=EventSource.atlas_trigger(*ids),
        besides=with_users,
    )


ALL: Mapping[str, Callable[[Path], Templates]] = {
    "everything": made,
    "jobs of every kind": jobs_of_every_kind,
    **OPTIONS,
}


@cache
def templates(name: str) -> Templates:
    """What one of ALL makes: once for all who ask in this process."""
    with TemporaryDirectory() as folder:
        return ALL[name](Path(folder))


SCANNED: Mapping[str, Callable[[Path], Templates]] = {
    "jobs of every kind": jobs_of_every_kind,
    "jobs of every kind, in a VPC, traced, with alarms": monitored_in_a_vpc,
    "a trigger and users of Atlas": of_atlas,
    **{
        name: OPTIONS[name]
        for name in ("`key_arn` of `MongoConnection.uri_parameter`", "`JobStacks.routed`", "`AtlasTypes`")
    },
}
"""What the scanners look at besides: all of the options, several in one template where they do not touch."""
