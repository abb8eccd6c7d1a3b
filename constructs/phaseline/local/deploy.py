"""Deploying the project's CDK app to the local platform: the same app and the same CDK as for AWS."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from phaseline.local import toolchain
from phaseline.local.assembly import check
from phaseline.local.emulator import SAVED
from phaseline.local.errors import PlatformMisuse, PlatformUnavailable, StageFailed
from phaseline.local.platform import Platform
from phaseline.local.services import ACCOUNT, REGION, aws_environment
from phaseline.local.stages import Stages
from phaseline.local.state import State

ENVIRONMENT = "local"
HINT = (
    "read the log; `phaseline local up` starts what has ended meanwhile, then `phaseline local deploy` again. "
    "Where that does not help, `phaseline local down --purge` deletes everything, executions too, and "
    "`phaseline local up` begins afresh"
)
SAVE_TIMEOUT = 30.0
"""Seconds that the emulator may take to write its state down."""
RELAY_TIMEOUT = 30.0
"""Seconds that the relay may take until it watches, once the bus exists."""


def deploy(platform: Platform, stages: Stages) -> None:
    """Install the CDK if need be, bootstrap the emulator if need be, deploy, and wait until the relay watches.

    Two deployments at once would tear each other's stacks apart, and the platform may not be stopped under one: they
    wait for each other.

    Raises:
        PlatformMisuse: The folder holds no CDK app, or the app does not synthesize, or is not made for the platform.
        PlatformUnavailable: The platform is not up, or is so no longer in the end.
        StageFailed: A stage has failed; the message holds the end of its log.
    """
    platform.require()
    require_app(platform.folder.project)
    with platform.alone():
        platform.require()  # It may have been stopped while this waited.
        _deploy(platform, stages)
        platform.require()  # A part may have ended that the deploy itself did without.


def require_app(project: Path) -> None:
    """Raise PlatformMisuse where a folder holds no CDK app."""
    if not (project / "cdk.json").exists():
        raise PlatformMisuse(f"{project} holds no CDK app (cdk.json): go to your project, or give --project")


def _deploy(platform: Platform, stages: Stages) -> None:
    folder = platform.folder
    env = tool_environment(platform)
    if not toolchain.cdk_is_current(folder.project):
        with stages.stage("Install the CDK command line"):
            toolchain.install_cdk(folder, env)
    if not _bootstrapped(platform.state):
        with stages.stage("Bootstrap the emulator"):
            # It needs no app: where there is no cdk.json, none is synthesized.
            _cdk(platform, env, ["bootstrap", f"aws://{ACCOUNT}/{REGION}"], place=folder.path)
            _save(platform)
    assembly = str(folder.path / "cdk.out")
    with stages.stage("Synthesize the CDK app"):
        _synthesize(platform, env, assembly)
        stacks = check(Path(assembly))
    with stages.stage("Deploy with the CDK") as stage:
        _cdk(
            platform, env, ["deploy", "--all", "--app", assembly, "--require-approval", "never", "--progress", "events"]
        )
        _save(platform)
        mongo = platform.state.part("mongo")
        folder.write(platform.state.having("mongo", replace(mongo, deployed=mongo.uri)))
        stage.detail = ", ".join(stacks)
    with stages.stage("Wait for the relay"):
        wait_for_relay(platform)


def _save(platform: Platform) -> None:
    """Let the emulator write down what is there now: by itself it does so only when it is stopped, not in a crash."""
    process = platform.state.part("aws").process
    mark = platform.folder.emulated / SAVED
    before = _changed(mark)
    if process is None or not process.alive:
        raise PlatformUnavailable("the AWS emulator has ended: `phaseline local up`, then deploy again")
    os.kill(process.pid, signal.SIGUSR1)
    deadline = time.monotonic() + SAVE_TIMEOUT
    while _changed(mark) == before:
        if time.monotonic() > deadline:
            log = platform.folder.log("aws")
            raise StageFailed(
                f"the AWS emulator does not write its state down\n  its log: {log}\n  what to do: `phaseline local up`"
            )
        time.sleep(0.02)


def _changed(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


def tool_environment(platform: Platform) -> dict[str, str]:
    """The environment of the CDK's tools: turned to the emulator, and with their caches inside the project."""
    state = platform.state
    assert state.endpoint is not None
    assert state.mongo_uri is not None
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_", "PHASELINE_"))}
    cache = platform.folder.path.parent / "cache"
    return {
        **kept,
        **aws_environment(state.endpoint),
        "PATH": toolchain.path(),
        "TMPDIR": str(platform.folder.temporary),
        "CDK_HOME": str(cache / "cdk"),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
        "JSII_NODE": str(toolchain.node_at_home(platform.folder)),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(cache / "jsii"),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "PHASELINE_MONGO_URI": state.mongo_uri,
    }


def wait_for_relay(platform: Platform) -> None:
    """Wait until the relay watches: a status inserted before would not become an event."""
    log = platform.folder.log("relay")
    deadline = time.monotonic() + RELAY_TIMEOUT
    while '"relay.ready"' not in _text(log):
        if not platform.state.part("relay").alive:
            raise PlatformUnavailable(f"the relay has ended\n  its log: {log}\n  what to do: `phaseline local up`")
        if time.monotonic() > deadline:
            raise StageFailed(
                f"the relay does not watch after {RELAY_TIMEOUT:.0f} s\n  its log: {log}\n"
                "  what to do: `phaseline local down`, then `phaseline local up`"
            )
        time.sleep(0.05)


def client(service: str, state: State) -> Any:
    """A client of the emulator for an AWS service."""
    import boto3

    return boto3.client(
        service,
        endpoint_url=state.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _bootstrapped(state: State) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = client("cloudformation", state).describe_stacks(StackName="CDKToolkit")["Stacks"]
    except ClientError:
        return False
    except BotoCoreError as error:
        raise PlatformUnavailable(f"the AWS emulator does not answer: {error}") from error
    return bool(found and found[0]["StackStatus"].endswith("_COMPLETE"))


def _synthesize(platform: Platform, env: Mapping[str, str], assembly: str) -> None:
    """Run the app. What fails here stands in the project's own files, so it is the user's to mend."""
    command = ["synth", "--quiet", "--context", f"env={ENVIRONMENT}", "--output", assembly]
    try:
        _cdk(platform, env, command, hint="mend what it says, then `phaseline local deploy` again")
    except StageFailed as error:
        raise PlatformMisuse(str(error)) from error


def _cdk(
    platform: Platform,
    env: Mapping[str, str],
    command: list[str],
    *,
    place: Path | None = None,
    hint: str = HINT,
) -> None:
    folder = platform.folder
    program = [str(toolchain.node() / "node"), str(toolchain.cdk(folder.project))]
    quiet = ["--no-notices", "--no-version-reporting", "--ci"]
    toolchain.run(
        [*program, *command, *quiet],
        stage=command[0],
        folder=folder,
        place=place or folder.project,
        env=env,
        hint=hint,
    )


def _text(log: Path) -> str:
    try:
        return log.read_text(errors="replace")
    except OSError:
        return ""
