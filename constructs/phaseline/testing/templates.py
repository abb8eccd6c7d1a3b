"""CloudFormation templates in tests: read, and with what changes at each build masked, so that snapshots last."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phaseline_runtime.errors import UserError

Template = Mapping[str, Any]
"""A template as `json.loads` reads it."""

HASH = "<hash>"
"""What stands for a hash in a masked template."""

_HASHES = re.compile(r"\b[0-9a-f]{64}\b|(?<=CurrentVersion[0-9A-F]{8})[0-9a-f]{32}\b")
"""Those that CDK makes of an asset, and at the end of the id of a function's version."""

_ALLOWED = "give one that is JSON, such as those in cdk.out, or what `Template.from_stack(stack).to_json()` returns"


def read_template(source: Template | Path | str) -> Template:
    """A template as it is, or from its JSON file: one of `cdk.out`, or what `aws cloudformation get-template` prints.

    Raises UserError where it is none.
    """
    what = "a mapping" if isinstance(source, Mapping) else repr(source)
    found: Any = source
    if isinstance(source, str | Path):
        what = str(source)
        try:
            text = Path(source).read_bytes()
        except OSError as error:
            raise UserError(f"no template: {what} cannot be read: {error.strerror}; {_ALLOWED}") from None
        found = _parsed(text, what)
    template: Any = found.get("TemplateBody", found) if isinstance(found, Mapping) else {}
    if isinstance(template, str):  # What the API itself answers, where the command has parsed it.
        template = _parsed(template, what)
    if not isinstance(template, Mapping) or not isinstance(template.get("Resources"), Mapping):
        raise UserError(f"no template: {what} has no `Resources`; {_ALLOWED}")
    for id, resource in template["Resources"].items():
        if not isinstance(resource, Mapping) or "Type" not in resource:
            raise UserError(f"no template: the resource {id} in {what} has no `Type`; {_ALLOWED}")
    return template


def _parsed(text: str | bytes, what: str) -> Any:
    try:
        return json.loads(text)  # Of bytes, it finds out the encoding: PowerShell's `>` writes UTF-16.
    except ValueError as error:  # Of `cdk synth > FILE`, which prints YAML.
        raise UserError(f"no template: {what} is no JSON ({error}); {_ALLOWED}") from None


def masked(value: Any) -> Any:
    """The same template, or a part of it, without the hashes of assets and definitions: compare it with a snapshot.

    Those of assets and of functions' versions change with every line of code, and say nothing that a review of a
    template could judge. Keys of one mapping that differ by their hashes alone stay apart (`A<hash>`, `A<hash>-2`), in
    the order of what they hold, which does not depend on the hashes either.

    Raises:
        UserError: It is an object that holds a template, of which a snapshot would show nothing.

    Example:
        ```python
        def test_the_template(snapshot):
            template = Template.from_stack(stack).to_json()
            assert masked(template) == snapshot
        ```
    """
    if hasattr(value, "to_json") or hasattr(value, "to_json_string"):  # A `Template`; a `Stack`.
        raise UserError(f"masked: got a {type(value).__name__}; {_ALLOWED}")
    if isinstance(value, Mapping):
        return _masked_mapping(value)
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    return _HASHES.sub(HASH, value) if isinstance(value, str) else value


def _masked_mapping(value: Mapping[Any, Any]) -> dict[Any, Any]:
    found: dict[Any, list[Any]] = {}
    for key, item in value.items():
        found.setdefault(masked(key) if isinstance(key, str) else key, []).append(masked(item))
    return {
        key if number == 1 else f"{key}-{number}": item
        for key, items in found.items()
        for number, item in enumerate(sorted(items, key=repr) if len(items) > 1 else items, 1)
    }
