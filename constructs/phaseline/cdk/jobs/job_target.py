"""The function that an invoker calls: made from the config, given by the app, or there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aws_cdk import Annotations, Duration
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_ecr_assets import Platform
from constructs import Construct

from phaseline.cdk.basics.arguments import expect, expect_construct
from phaseline.cdk.functions.bundling import IGNORED, UNPACKED, check_package
from phaseline.cdk.functions.function_options import FunctionOptions
from phaseline.cdk.functions.runtime_function import FunctionSettings, PlainFunction
from phaseline.config import Config, Job
from phaseline.config.faults import nearest
from phaseline.config.reading.aws_names import in_ecr
from phaseline.config.reading.job_kinds import JobKind
from phaseline_runtime.errors import UserError

Functions = Mapping[str, lambda_.IFunction]
"""Functions of the app by the jobs' names."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an invoked job calls."""

    function: lambda_.IFunction
    """The function that does the work."""
    entry: lambda_.IFunction
    """What the invoker calls: the function, or the alias whose environments are kept warm."""


def target_of(scope: Construct, job: Job, *, settings: FunctionSettings, functions: Functions) -> Target:
    """The function of an invoked job; what does not exist yet is made in this scope."""
    match job.kind:
        case JobKind.GIVEN:
            given = functions[job.name]
            _warn_of_timeout(scope, job, given)
            return Target(given, given)
        case JobKind.EXISTING:
            there = lambda_.Function.from_function_arn(scope, f"{job.name}.function", str(job.function_arn))
            return Target(there, there)
    architecture = settings.bundling.architecture
    image = job.kind is JobKind.IMAGE
    if not image:
        check_package(f"job {job.name}", Path(str(job.code)), most=UNPACKED)
    made = PlainFunction(
        Construct(scope, f"{job.name}.function"),
        code=_image(scope, job, architecture) if image else lambda_.Code.from_asset(str(job.code), exclude=[*IGNORED]),
        handler=None if image else str(job.handler),
        runtime=None if image else lambda_.Runtime(job.runtime),
        settings=settings,
        timeout=Duration.seconds(job.timeout),
        # How many run at once is for the invoker to say: what it does not let through waits, and has not failed.
        options=replace(FunctionOptions.of(job), reserved_concurrency=None),
    )
    return Target(made.function, made.entry)


def check_given(config: Config, functions: Functions) -> None:
    """Check that exactly those functions are given which the config asks for. Raises UserError."""
    expect("Orchestration", "functions", functions, Mapping, "functions by the names of jobs")
    asked = [name for name, job in config.jobs.items() if job.kind is JobKind.GIVEN]
    faults = [f"`{name}` is missing, which {config.path.name} asks for" for name in asked if name not in functions]
    for name in functions:
        expect("Orchestration", "functions", name, str, "functions by the names of jobs")
        if name not in asked:
            meant = nearest(name, asked)
            hint = f"did you mean {meant}?" if meant else "let the job say `function: given`, or leave it out"
            kind = "has code of its own" if name in config.jobs else "is no job"
            faults.append(f"`{name}` {kind} in {config.path.name}: {hint}")
    if faults:
        raise UserError("functions: " + "; ".join(faults))
    for name, function in functions.items():
        known = "a function, a version or an alias; of one that is there already, say `function_arn` in the file"
        expect_construct("Orchestration", f"functions: {name}", function, "function_arn", known)


def _image(scope: Construct, job: Job, architecture: lambda_.Architecture) -> lambda_.Code:
    image = str(job.image)
    found = in_ecr(image)
    if found is None:
        arm = architecture.name == lambda_.Architecture.ARM_64.name
        platform = Platform.LINUX_ARM64 if arm else Platform.LINUX_AMD64
        return lambda_.Code.from_asset_image(image, platform=platform, exclude=[*IGNORED])
    repository = ecr.Repository.from_repository_attributes(
        scope,
        f"{job.name}.repository",
        repository_arn=f"arn:aws:ecr:{found['region']}:{found['account']}:repository/{found['repository']}",
        repository_name=found["repository"],
    )
    return lambda_.Code.from_ecr_image(repository, tag_or_digest=found["digest"] or found["tag"])


def _warn_of_timeout(scope: Construct, job: Job, function: lambda_.IFunction) -> None:
    """A job that gives up before its function does may try again while that still runs."""
    behind = function.lambda_ if isinstance(function, (lambda_.Alias, lambda_.Version)) else function
    timeout = behind.timeout if isinstance(behind, lambda_.Function) else None
    if timeout is not None and not timeout.is_unresolved() and timeout.to_seconds() > job.timeout:
        Annotations.of(scope).add_warning_v2(
            f"phaseline:jobs.{job.name}.timeout",
            f"job {job.name}: its function may run for {timeout.to_seconds():g} s, and the job gives up after "
            f"{job.timeout} s: give the job a longer `timeout` (890s at most), or the function a shorter one",
        )
