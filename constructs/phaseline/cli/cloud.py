"""The AWS account of an environment: a deployed one, or the emulator of the local platform."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phaseline.cli.aws_errors import in_our_words
from phaseline.cli.connection import LOCAL, stack_of
from phaseline_runtime.errors import UserError


@dataclass(frozen=True)
class Cloud:
    """Where an environment is deployed. `connect` makes a client of an AWS service there."""

    env: str
    connect: Callable[[str], Any]
    _clients: dict[str, Any] = field(default_factory=dict)

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call. Raises UserError and PhaselineError as `in_our_words` does."""
        with in_our_words(self.env, service, otherwise="give another --env"):
            if service not in self._clients:
                self._clients[service] = self.connect(service)
            answer: dict[str, Any] = getattr(self._clients[service], operation)(**arguments)
        return answer

    def output(self, name: str) -> str:
        """An output of the environment's stack; on the local platform, of whichever has it.

        Raises UserError where there is none of this name.
        """
        stack = stack_of(self.env)
        named = {} if self.env == LOCAL else {"StackName": stack}
        for found in self.call("cloudformation", "describe_stacks", **named)["Stacks"]:
            for output in found.get("Outputs", []):
                if output["OutputKey"] == name:
                    return str(output["OutputValue"])
        whose = "no stack of the local platform has the" if self.env == LOCAL else f"stack {stack} has no"
        raise UserError(f"{whose} output {name}: call add_outputs() in it, and deploy it again")


def find(env: str | None, *, variables: Mapping[str, str] = os.environ, project: Path | None = None) -> Cloud:
    """The cloud of `--env`, PHASELINE_ENV or the local platform. Raises PlatformUnavailable where that is down."""
    chosen = env or variables.get("PHASELINE_ENV") or LOCAL
    if chosen != LOCAL:
        return Cloud(chosen, _aws)
    from phaseline.local import Platform, PlatformUnavailable, find_project
    from phaseline.local.deploy import client

    try:
        state = Platform(find_project(project)).require("aws")
    except PlatformUnavailable as error:
        raise PlatformUnavailable(f"{error}, or say which --env") from error
    return Cloud(LOCAL, lambda service: client(service, state))


def _aws(service: str) -> Any:
    import boto3

    return boto3.client(service)
