"""Checks the declared jobs: what they have on disk, and what AWS allows. Imports nothing of the user's."""

from __future__ import annotations

import json
from pathlib import Path

from phaseline.config.entries import JobEntry
from phaseline.config.event_pattern import check_pattern
from phaseline.config.faults import Faults, nearest, said, shown
from phaseline.config.handlers import check_handler_of
from phaseline.config.models import DEFAULT_HANDLER
from phaseline.config.places import add_problems
from phaseline.config.positions import Node

MAX_PATTERN = 2_048
"""The longest pattern of an EventBridge rule, in characters."""

MAX_ENVIRONMENT = 3_500
"""The most that a job's variables may have, in bytes: Lambda takes 4,096 in all, and some are ours."""


def check_job(name: str, job: JobEntry, folder: Path, faults: Faults) -> None:
    """Check one declared job; `folder` is where the config file lies."""
    matching: Node | None = job.fields.get("filter")
    if matching is not None:
        check_event_pattern(matching, faults)
        _check_length(name, matching, faults)
    environment: dict[str, str] | None = job.fields.get("environment")
    if environment is not None:
        size = sum(len(key.encode()) + len(value.encode()) for key, value in environment.items())
        if size > MAX_ENVIRONMENT:
            what = said("is larger than Lambda allows", got=f"{size} bytes", allowed=f"{MAX_ENVIRONMENT} bytes")
            faults.add(job.fields.place("environment"), what, at_key=True)
    _check_code(job, folder, faults)


def check_event_pattern(node: Node, faults: Faults) -> None:
    """Check an EventBridge pattern, and that CloudFormation can carry it."""
    add_problems(node, check_pattern(node.plain(), path=()), faults)
    _refuse_nulls(node, faults)


def _refuse_nulls(node: Node, faults: Faults) -> None:
    """CloudFormation drops a null from a pattern in silence, which would make another pattern of it."""
    for inner in [*node.mapping.values(), *node.items]:
        _refuse_nulls(inner, faults)
    for item in node.items:
        if item.value is None:
            message = said(
                "CloudFormation cannot carry a null", got="null", allowed="{exists: false}, or another value"
            )
            faults.add(item, message)


def _check_length(name: str, matching: Node, faults: Faults) -> None:
    """The rule's whole pattern, with the default name of the database; the exact one is measured at synth."""
    document = {"kind": ["job"], "job": [name], "status": ["triggered"], "input": matching.plain()}
    namespace = {"db": ["phaseline"], "coll": ["statuses"]}
    text = json.dumps({"detail": {"ns": namespace, "fullDocument": document}}, separators=(",", ":"))
    if len(text) > MAX_PATTERN:
        what = "makes the pattern of the job's rule too long"
        faults.add(matching, said(what, got=f"{len(text)} characters", allowed=f"{MAX_PATTERN}"), at_key=True)


def _check_code(job: JobEntry, folder: Path, faults: Faults) -> None:
    code: str | None = job.fields.get("code")
    node = job.fields.place("code")
    if code is None or node.open:
        return
    path = folder / code
    if not path.is_dir():
        if path.exists():
            faults.add(node, said("must be a folder, and is a file", got=shown(code)))
            return
        known = [str(Path(code).parent / each.name) for each in _folders(path.parent)]
        faults.add(node, said("there is no such folder", got=shown(code), meant=nearest(code, known)))
        return
    handler = job.fields.place("handler")
    # A `handler` at fault has been reported, and the default is not what was meant.
    if "handler" not in job.fields or (job.fields.get("handler") is not None and not handler.open):
        message = check_handler_of(path, job.fields.get("handler", DEFAULT_HANDLER))
        if message is not None:
            faults.add(handler if "handler" in job.fields else node, message)


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(each for each in parent.iterdir() if each.is_dir())
    except OSError:
        return []
