"""Whether a change of the app keeps what is deployed: CloudFormation replaces whatever gets another logical id."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from phaseline.testing.templates import Template, read_template
from phaseline_runtime.errors import UserError

_HASHED = ("AWS::Lambda::Version",)
"""Types whose ids hold a hash of their content on purpose: each change makes a new one."""


def assert_stable_ids(
    template_before: Template | Path | str, template_after: Template | Path | str, *, removed: Collection[str] = ()
) -> None:
    """Fail where a resource of the template before is not in the one after, or is of another type there.

    What is new is no fault. For an orchestration with stacks for its jobs, call it for each of them: a job that is in
    another stack than before is gone from its own.

    Args:
        template_before: what is deployed, or its file: of `aws cloudformation get-template`, or one that is kept.
        template_after: what the app makes now.
        removed: patterns of logical ids that may be gone, such as `*Jobsrentaboat*`; `*` and `?` are wildcards.

    Raises:
        UserError: one of the two is no template, or `removed` is no patterns.
        AssertionError: names each such resource, and what is new of the same type.

    Example:
        ```python
        assert_stable_ids(Path("deployed.json"), Template.from_stack(stack).to_json())
        ```
    """
    before, after = (read_template(each)["Resources"] for each in (template_before, template_after))
    patterns = _patterns(removed)
    faults = []
    for id, resource in before.items():
        kind = resource["Type"]
        if kind in _HASHED or any(fnmatchcase(id, pattern) for pattern in patterns):
            continue
        if id not in after:
            new = [each for each, item in after.items() if item["Type"] == kind and each not in before]
            faults.append(f"{id} ({kind}) is gone" + (f"; new of this type: {', '.join(new)}" if new else ""))
        elif after[id]["Type"] != kind:
            faults.append(f"{id} was {kind} and is {after[id]['Type']}")
    if faults:
        raise AssertionError(
            "CloudFormation would delete what these were:\n"
            + "".join(f"  - {fault}\n" for fault in faults)
            + "Keep the names of jobs and constructs, or give what is to go as `removed`."
        )


def _patterns(removed: Any) -> Collection[str]:
    """One alone is as good as a list of it."""
    patterns = [removed] if isinstance(removed, str) else removed
    if not isinstance(patterns, Collection) or not all(isinstance(each, str) for each in patterns):
        raise UserError(f"removed: got {removed!r}; allowed are patterns of logical ids, such as ['*Jobsrentaboat*']")
    return patterns
