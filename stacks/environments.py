"""The environments and what sets them apart. This is the file to edit for an environment of your own.

Everything else about the stacks is the same for all: a difference that is not here is a mistake.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs

from phaseline.cdk import Bundling, EventSource, JobStacks, MongoConnection, StarterUrl
from phaseline_runtime.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The settings of one environment."""

    name: str
    database: str
    """The MongoDB database: one for each environment."""
    mongo: MongoConnection
    event_source: EventSource
    bundling: Bundling
    log_retention: logs.RetentionDays
    log_removal: RemovalPolicy = RemovalPolicy.DESTROY
    starter_url: StarterUrl = StarterUrl.NONE
    job_stacks: JobStacks | None = None
    """For more than 70 jobs (docs/scale.md). Fixed at the first deploy."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What `${NAME}` in phaseline.yaml stands for. A variable of the process's environment is the second choice."""


def local(mongo_uri: str | None) -> Environment:
    """The local platform: the emulator's interpreter, and a MongoDB without a secret.

    The URI comes from `-c mongo_uri=…` or PHASELINE_MONGO_URI; the local platform sets it.
    """
    uri = mongo_uri or os.environ.get("PHASELINE_MONGO_URI")
    if not uri:
        raise UserError("env local needs a MongoDB: set PHASELINE_MONGO_URI, or give `-c mongo_uri=mongodb://…`")
    return Environment(
        name="local",
        database="phaseline_local",
        mongo=MongoConnection.uri(uri),
        event_source=EventSource.relay("phaseline-local"),
        bundling=Bundling.for_this_interpreter(),
        log_retention=logs.RetentionDays.ONE_DAY,
        values={"FISHING_LICENCE": "local"},
    )


def dev(mongo_uri: str | None) -> Environment:
    """For development on AWS."""
    return Environment(
        name="dev",
        database="phaseline_dev",
        mongo=MongoConnection.secret("phaseline/dev/mongo"),
        # On Atlas: EventSource.atlas_trigger(app_id, service_id, project_id); its ids: `phaseline atlas doctor`.
        # With MongoConnection.iam(host) and AtlasUsers in the stack there is no secret at all. See docs/atlas.md.
        event_source=EventSource.relay("phaseline-dev"),
        bundling=Bundling.for_aws(),
        log_retention=logs.RetentionDays.ONE_WEEK,
        values={"FISHING_LICENCE": "dev"},
    )


def prod(mongo_uri: str | None) -> Environment:
    """For production: logs are kept, also those of a job that is gone."""
    return Environment(
        name="prod",
        database="phaseline_prod",
        mongo=MongoConnection.secret("phaseline/prod/mongo"),
        event_source=EventSource.relay("phaseline-prod"),
        bundling=Bundling.for_aws(),
        log_retention=logs.RetentionDays.THREE_MONTHS,
        log_removal=RemovalPolicy.RETAIN,
        values={"FISHING_LICENCE": "prod"},
    )


ENVIRONMENTS: Mapping[str, Callable[[str | None], Environment]] = {"local": local, "dev": dev, "prod": prod}


def environment(name: str | None, *, mongo_uri: str | None = None) -> Environment:
    """The environment of this name. Raises UserError for a name that is missing or unknown."""
    allowed = ", ".join(ENVIRONMENTS)
    if name is None:
        raise UserError(f"no environment chosen: give `-c env=NAME`; allowed are {allowed}")
    if name not in ENVIRONMENTS:
        raise UserError(f"-c env={name}: there is no such environment; allowed are {allowed}")
    return ENVIRONMENTS[name](mongo_uri)
