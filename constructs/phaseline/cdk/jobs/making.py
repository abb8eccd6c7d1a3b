"""From a job of the config to its construct, of whichever kind it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from phaseline.cdk.basics.asked_once import seconds
from phaseline.cdk.basics.ids import id_of
from phaseline.cdk.functions.function_options import FunctionOptions
from phaseline.cdk.functions.mongo_connection import MongoConnection
from phaseline.cdk.functions.regions import check_partition, check_regions
from phaseline.cdk.functions.runtime_function import FunctionSettings
from phaseline.cdk.functions.runtime_layer import RUNTIME, python_runtime
from phaseline.cdk.jobs.invoked_job import InvokedJob
from phaseline.cdk.jobs.job_function import JobFunction
from phaseline.cdk.jobs.job_networks import Networks
from phaseline.cdk.jobs.job_runner import JobRunner
from phaseline.cdk.jobs.job_target import Functions, target_of
from phaseline.cdk.stacks.homes import JobHome
from phaseline.config import Job
from phaseline.config.reading.job_kinds import JobKind

OF_A_JOB, OF_A_FUNCTION, KEPT_WARM = 6, 3, 2
"""The resources of a job's runner with its rule, of a function that it invokes, and of an alias with its version."""


def resources_of(job: Job, mongo: MongoConnection) -> int:
    """How many resources of CloudFormation's a job takes, with the database user that its role may have."""
    own = OF_A_FUNCTION if _has_two_functions(job) else 0
    return OF_A_JOB + mongo.users + own + (0 if job.provisioned_concurrency is None else KEPT_WARM)


def roles_of(job: Job) -> int:
    """How many roles a job takes: one for each of its functions."""
    return 2 if _has_two_functions(job) else 1


def reserved_by(job: Job) -> int:
    """How many of the account's concurrent invocations a job keeps for itself."""
    reserved, warm = job.reserved_concurrency or 0, job.provisioned_concurrency or 0
    # Where there is an invoker, it is bounded, and the other function is kept warm: neither is part of the other.
    return reserved + warm if _has_two_functions(job) else max(reserved, warm)


def _has_two_functions(job: Job) -> bool:
    """Whether a function is made from the config, and an invoker beside it."""
    return job.kind.invoked and job.kind.owned


def make_job(
    home: JobHome, job: Job, *, settings: FunctionSettings, functions: Functions, networks: Networks
) -> JobRunner:
    """Make a job at its home.

    Args:
        settings: what all functions have in common.
        functions: those of the app, by the jobs' names.
        networks: those of jobs that have another than all functions, by the jobs' names.

    Raises:
        UserError: something of it cannot be deployed, or pip failed.
    """
    check_regions(home.scope, job)
    check_partition(home.scope, job, functions.get(job.name))
    common: dict[str, Any] = {
        "name": job.name,
        "bus": home.bus,
        "timeout": seconds(job.timeout),
        "start_timeout": seconds(job.start_timeout),
        "filter": job.filter,
    }
    own = replace(settings.on(job.architecture), network=networks.get(job.name, settings.network))
    if job.kind is JobKind.PYTHON and job.code is not None:
        return JobFunction(
            home.scope,
            id_of(job.name),
            **common,
            layer=home.layers.of(python_runtime(job.runtime), own.bundling.architecture),
            code=job.code,
            handler=str(job.handler),
            runtime=python_runtime(job.runtime),
            settings=own,
            options=FunctionOptions.of(job),
        )
    target = target_of(home.scope, job, settings=own, functions=functions)
    made = InvokedJob(
        home.scope,
        id_of(job.name),
        **common,
        layer=home.layers.of(RUNTIME),
        target=target.entry,
        settings=settings,
        options=FunctionOptions(
            reserved_concurrency=job.reserved_concurrency,
            traced=job.traced,
            tags=job.tags,
            description=job.description,
        ),
    )
    # Of one that is kept warm the invoker calls an alias, which takes no variables and no overrides.
    made.function = target.function
    return made
