"""Checks the declared jobs: what goes with their kind, and what AWS allows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from phaseline.config.checks.code_checks import check_code, check_image
from phaseline.config.checks.event_pattern import check_pattern
from phaseline.config.checks.pattern_size import MAX_PATTERN, length
from phaseline.config.checks.places import add_problems
from phaseline.config.faults import Faults, said, shown
from phaseline.config.models import Statement
from phaseline.config.reading.entries import JobEntry
from phaseline.config.reading.job_kinds import JobKind, kind_of, runtime_of
from phaseline.config.reading.positions import Node
from phaseline.config.reading.records import Fields
from phaseline.config.reading.shapes import Word

EXACT = 2**53 - 1
"""The largest whole number that survives the way into a template: JSON there has numbers of 64 bits with a fraction."""

_NOT_CARRIED = frozenset({"Ref", "__proto__"})

MAX_ENVIRONMENT = 3_500
"""The most that a job's variables may have, in bytes: Lambda takes 4,096 in all, and some are ours."""

MAX_LAYERS = 5
"""The most layers of a function; a Python job has one of ours."""

MAX_POLICY = 8_000
"""The most that a job's own statements may have, in characters: a role takes 10,240 in all, and some are ours."""

_OF_A_SECRET = 90
"""What the ARN of a secret has in a policy, in characters, besides the secret's name."""

MAX_TAGS = 50
"""The most tags of one resource."""


def check_job(name: str, job: JobEntry, defaults: Fields | None, folder: Path, faults: Faults) -> None:
    """Check one declared job; `folder` is where the config file lies."""
    matching: Node | None = job.fields.get("filter")
    if matching is not None:
        check_event_pattern(matching, faults)
        _check_length(name, matching, faults)
    check_code(job, runtime_of(job, defaults), folder, faults)
    check_image(job, folder, faults)
    kind = kind_of(job, defaults)
    if kind is not None and kind.invoked:
        _refuse_what_needs_the_runner(job, kind, faults)
    _check_variables(job, faults)
    _check_layers(job, kind, faults)
    _check_policy(job, faults)
    _check_concurrency(job, faults)
    _check_tags(job, faults)


def _refuse_what_needs_the_runner(job: JobEntry, kind: JobKind, faults: Faults) -> None:
    """What only a handler can use that has the runtime package beside it."""
    for key in ("mongo", "heartbeat"):
        # A `mongo` that does not go with what stands there has been reported by the table of keys.
        if key in job.fields and (key != "mongo" or "code" in job.fields):
            what = f"has no meaning for {kind.value}: only Python has phaseline_runtime beside it"
            faults.add(job.fields.place(key), what, at_key=True)


def _check_variables(job: JobEntry, faults: Faults) -> None:
    environment: Mapping[str, str] = job.fields.get("environment") or {}
    secrets: Mapping[str, str] = job.fields.get("secrets") or {}
    for name in secrets.keys() & environment.keys():
        faults.add(job.fields.place("secrets").mapping[name], "is a variable of `environment`, too", at_key=True)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in [*environment.items(), *secrets.items()])
    if size > MAX_ENVIRONMENT:
        what = "is larger than Lambda allows: keep what is long in a secret or a parameter that the code reads"
        what = said(what, got=f"{size} bytes", allowed=f"{MAX_ENVIRONMENT} bytes")
        faults.add(job.fields.place("environment" if environment else "secrets"), what, at_key=True)


def _check_layers(job: JobEntry, kind: JobKind | None, faults: Faults) -> None:
    most = MAX_LAYERS - 1 if kind is JobKind.PYTHON else MAX_LAYERS
    layers: Sequence[Word] = job.fields.get("layers", ())
    if len(layers) > most:
        what = said("are more than Lambda takes", got=f"{len(layers)} layers", allowed=f"{most}")
        faults.add(job.fields.place("layers"), what, at_key=True)
        return
    before: dict[str, str] = {}
    for layer in layers:
        name = layer.text.rpartition(":")[0]
        if name in before:  # Lambda developer guide, "Adding layers to functions"; CloudFormation: none twice.
            which = "a layer" if before[name] == layer.text else "another version of a layer"
            what = f"is {which} that stands before, and a function takes one of each"
            faults.add(layer.node, said(what, got=shown(layer.text)))
        before.setdefault(name, layer.text)


def _check_policy(job: JobEntry, faults: Faults) -> None:
    policy: Sequence[Statement] = job.fields.get("policy", ())
    size = sum(len(json.dumps(asdict(each), separators=(",", ":"))) for each in policy)
    if size > MAX_POLICY:
        what = "is longer than IAM allows: name resources by a pattern, or add a managed policy to the role in the app"
        what = said(what, got=f"{size} characters", allowed=f"{MAX_POLICY}")
        faults.add(job.fields.place("policy"), what, at_key=True)
        return
    secrets: Mapping[str, str] = job.fields.get("secrets") or {}
    size += sum(_OF_A_SECRET + len(name) for name in set(secrets.values()))
    if size > MAX_POLICY:
        what = "need a longer policy than IAM allows: put some of them into one secret"
        got = f"{size} characters" + (" with `policy`" if policy else "")
        faults.add(job.fields.place("secrets"), said(what, got=got, allowed=f"{MAX_POLICY}"), at_key=True)


def _check_concurrency(job: JobEntry, faults: Faults) -> None:
    reserved, warm = job.fields.get("reserved_concurrency"), job.fields.get("provisioned_concurrency")
    if reserved is not None and warm is not None and warm > reserved:
        what = said("is above the reserved_concurrency", got=f"{warm}", allowed=f"1 to {reserved}")
        faults.add(job.fields.place("provisioned_concurrency"), what)


def _check_tags(job: JobEntry, faults: Faults) -> None:
    tags: Mapping[str, str] = job.fields.get("tags", {})
    node = job.fields.place("tags")
    if len(tags) > MAX_TAGS:
        what = said("are more than AWS takes", got=f"{len(tags)} tags", allowed=f"{MAX_TAGS}")
        faults.add(node, what, at_key=True)
    first: dict[str, str] = {}
    for tag in tags:
        # IAM user guide, "Tags for AWS Identity and Access Management resources", "Case sensitivity".
        before = first.setdefault(tag.lower(), tag)
        if before != tag:
            what = f"differs from `{before}` in upper and lower case alone, which are one key on a role"
            faults.add(node.mapping[tag], said(what, got=shown(tag)), at_key=True)


def check_event_pattern(node: Node, faults: Faults) -> None:
    """Check an EventBridge pattern, and that CloudFormation can carry it."""
    add_problems(node, check_pattern(node.plain(), path=()), faults)
    _refuse_what_is_not_carried(node, faults)


def _refuse_what_is_not_carried(node: Node, faults: Faults) -> None:
    """What CloudFormation makes something else of on the way, most of it in silence: another pattern would match."""
    for key, inner in node.mapping.items():
        _refuse_what_is_not_carried(inner, faults)
        # Of a condition CloudFormation speaks where nothing stands beside it.
        alone = key == "Condition" and len(node.mapping) == 1
        if key in _NOT_CARRIED or key.startswith(("Fn::", "$jsii.")) or alone:
            what = "CloudFormation and CDK take this name for something of their own"
            faults.add(inner, said(what, got=shown(key), allowed="another name for the field"), at_key=True)
    for item in node.items:
        _refuse_what_is_not_carried(item, faults)
        if item.value is None:
            message = said(
                "CloudFormation cannot carry a null", got="null", allowed="{exists: false}, or another value"
            )
            faults.add(item, message)
        elif isinstance(item.value, int) and abs(item.value) > EXACT:
            what = "CloudFormation cannot carry such a number exactly"
            faults.add(item, said(what, got=item.shown, allowed=f"-{EXACT} to {EXACT}, or a text"))


def _check_length(name: str, matching: Node, faults: Faults) -> None:
    """The rule's whole pattern, with the default name of the database; the exact one is measured at synth."""
    document = {"kind": ["job"], "job": [name], "status": ["triggered"], "input": matching.plain()}
    namespace = {"db": ["phaseline"], "coll": ["statuses"]}
    found = length({"detail": {"ns": namespace, "fullDocument": document}})
    if found > MAX_PATTERN:
        what = "makes the pattern of the job's rule too long: match by fewer values, or by a `prefix`"
        faults.add(matching, said(what, got=f"{found} characters", allowed=f"{MAX_PATTERN}"), at_key=True)
