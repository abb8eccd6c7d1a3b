"""The Lambda layer with `phaseline_runtime` and what it needs, which all functions share.

So a job's asset is the user's own code and nothing else.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from phaseline.cdk.basics.asked_once import asked_once, name_of
from phaseline.cdk.functions.bundling import Bundling


class RuntimeLayer(Construct):
    """The layer for one Python version: what it brings is compiled for that version.

    Args:
        runtime: such as `python3.13`.
        bundling: for which machine.

    Raises:
        UserError: pip failed.
    """

    def __init__(self, scope: Construct, id: str, *, runtime: lambda_.Runtime, bundling: Bundling) -> None:
        super().__init__(scope, id)
        source = runtime_source()
        with bundling.code(
            source,
            owner="the runtime layer",
            runtime=name_of(runtime),
            requirements=source / "requirements.txt",
            complete=True,
            prefix="python",
            into=source.name,
        ) as code:
            self.version = lambda_.LayerVersion(
                self,
                "Version",
                code=code,
                compatible_runtimes=[runtime],
                compatible_architectures=[bundling.architecture],
                description="phaseline_runtime and what it needs",
            )
            """The layer's version, to be put into functions."""


@asked_once
def python_runtime(name: str) -> lambda_.Runtime:
    """The runtime of this name, such as `python3.13`. Always by this: CDK compares runtimes by all their properties."""
    return lambda_.Runtime(name, lambda_.RuntimeFamily.PYTHON, supports_inline_code=True)


RUNTIME = python_runtime("python3.13")
"""What bundled Lambdas and invokers run on, whatever the jobs do."""


def code_in_layer() -> lambda_.Code:
    """The code of a function whose handler is in the layer: none."""
    return lambda_.Code.from_inline("# The handler is in the runtime layer.\n")


def runtime_source() -> Path:
    """The folder of the installed package `phaseline_runtime`. It is found, not imported."""
    spec = importlib.util.find_spec("phaseline_runtime")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("phaseline_runtime is not installed beside phaseline: install the wheel again")
    return Path(spec.origin).parent
