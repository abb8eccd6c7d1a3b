"""The CDK app: `cdk deploy -c env=dev`. Run by the CDK command line in the folder of cdk.json.

A mistake of the user's ends it with one message and exit code 2.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import aws_cdk as cdk

from phaseline.config import load
from phaseline_runtime.errors import UserError
from stacks.environments import environment
from stacks.phaseline_stack import PhaselineStack

ROOT = Path(__file__).parent


def main() -> int:
    """Synthesize the stack of the chosen environment. Returns the exit code."""
    app = cdk.App()
    try:
        chosen = environment(app.node.try_get_context("env"), mongo_uri=app.node.try_get_context("mongo_uri"))
        config = load(ROOT / "phaseline.yaml", values={**os.environ, **chosen.values})
        PhaselineStack(app, f"phaseline-{chosen.name}", environment=chosen, config=config)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
