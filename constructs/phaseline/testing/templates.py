"""CloudFormation templates in tests: read, and with what changes at each build masked, so that snapshots last."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Template = Mapping[str, Any]
"""A template as `json.loads` reads it."""

HASH = "<hash>"
"""What stands for a hash in a masked template."""


def read_template(source: Template | Path) -> Template:
    """A template as it is, or from its JSON file, such as `cdk.out/phaseline-prod.template.json`."""
    if not isinstance(source, Path):
        return source
    found: Template = json.loads(source.read_text(encoding="utf-8"))
    return found


def masked(value: Any) -> Any:
    """The same template, or a part of it, without the hashes of assets and definitions: compare it with a snapshot.

    A hash is 64 hexadecimal digits, as CDK makes them of each asset. They change with every line of code, and say
    nothing that a review of a template could judge.

    Example:
        def test_the_template(snapshot):
            template = Template.from_stack(stack).to_json()
            assert masked(template) == snapshot
    """
    if isinstance(value, Mapping):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    return re.sub(r"\b[0-9a-f]{64}\b", HASH, value) if isinstance(value, str) else value
