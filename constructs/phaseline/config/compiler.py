"""From entries without a fault to definitions and the config: every default and every `on_failure` resolved.

Compiling is deterministic: the same meaning gives the same text, so that the hash of a definition says whether it
has changed. Keys of expressions keep their order, which MongoDB heeds where it compares or sorts by documents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from phaseline.config.compiled_phases import canonical, compiled_phase
from phaseline.config.faults import Faults, said
from phaseline.config.models import (
    Config,
    Defaults,
    Job,
    Notification,
    Start,
    StateMachine,
)
from phaseline.config.reading.aws_names import in_ecr
from phaseline.config.reading.entries import FileEntry, JobEntry, MachineEntry, StartEntry
from phaseline.config.reading.job_kinds import JobKind, kind_of
from phaseline.config.reading.positions import Node
from phaseline.config.reading.records import Fields
from phaseline.config.reading.runtimes import default_handler
from phaseline.config.reading.shapes import Word
from phaseline_runtime.definition import Definition

MAX_DEFINITION = 15_000_000
"""The largest definition in bytes: MongoDB stores 16 MB, and the text is not the only thing in its document."""


def compile_definitions(config: Config) -> dict[str, Definition]:
    """The definition of each state machine, as the runtime reads it."""
    return {name: machine.definition for name, machine in config.state_machines.items()}


def config_of(file: FileEntry, path: Path, faults: Faults) -> Config:
    """The config of a file that has no fault. Records one where a definition is too large."""
    defaults = _defaults(file)
    jobs = {name: _job(name, entry, file, defaults, path.parent) for name, entry in (file.jobs or {}).items()}
    machines = {name: _machine(name, entry, file) for name, entry in file.machines.items()}
    jobs = {name: _with_longest_timeout(job, machines) for name, job in jobs.items()}
    for name, machine in machines.items():
        size = len(json.dumps(machine.definition.to_document(), ensure_ascii=False).encode())
        if size > MAX_DEFINITION:
            message = said("is too large a definition", got=f"{size:,} bytes", allowed=f"{MAX_DEFINITION:,}")
            faults.add(file.machines[name].node, message, at_key=True)
    notifications = [
        Notification(
            to=entry.to.text if entry.to else "log",
            url=entry.url,
            url_secret=entry.url_secret,
            events=tuple(dict.fromkeys(event.text for event in entry.events)),
        )
        for entry in file.notifications
    ]
    return Config(
        path=path,
        defaults=defaults,
        jobs=jobs,
        state_machines=machines,
        notifications=tuple(notifications),
        warnings=tuple(faults.warnings),
        open=tuple(faults.open),
    )


def _defaults(file: FileEntry) -> Defaults:
    if file.defaults is None:
        return Defaults()
    given = {key: file.defaults.get(key) for key in ("memory", "timeout", "start_timeout")}
    given |= {key: _word(file.defaults, key) for key in ("runtime", "architecture")}
    given["traced"] = _traced(file.defaults)
    return Defaults(**{key: value for key, value in given.items() if value is not None})


def _word(fields: Fields, key: str) -> str | None:
    word: Word | None = fields.get(key)
    return None if word is None else word.text


def _traced(fields: Fields) -> bool | None:
    mode = _word(fields, "tracing")
    return None if mode is None else mode == "active"


def _job(name: str, entry: JobEntry, file: FileEntry, defaults: Defaults, folder: Path) -> Job:
    fields = entry.fields
    kind = kind_of(entry, file.defaults) or JobKind.PYTHON
    runtime = _word(fields, "runtime") or defaults.runtime
    code, image = fields.get("code"), fields.get("image")
    if image is not None and in_ecr(image) is None:
        image = str((folder / image).resolve())
    matching: Node | None = fields.get("filter")
    optional = ("description", "environment", "secrets", "tags", "policy", "function_arn")
    counts = ("memory", "timeout", "start_timeout", "reserved_concurrency", "provisioned_concurrency")
    given = {key: fields.get(key, getattr(defaults, key, None)) for key in (*optional, *counts)}
    traced = _traced(fields)
    return Job(
        name=name,
        kind=kind,
        code=None if code is None else (folder / code).resolve(),
        image=image,
        handler=None if code is None else fields.get("handler", default_handler(runtime)),
        runtime=runtime,
        architecture=_word(fields, "architecture") or defaults.architecture,
        traced=defaults.traced if traced is None else traced,
        layers=tuple(word.text for word in fields.get("layers", ())),
        filter=None if matching is None else matching.plain(),
        mongo=tuple(dict.fromkeys(word.text for word in fields.get("mongo", ()))),
        **{key: value for key, value in given.items() if value is not None},
    )


def _with_longest_timeout(job: Job, machines: Mapping[str, StateMachine]) -> Job:
    """A Lambda has one timeout and one age of events: the longest of its uses. A job without a use keeps its own."""
    uses = [use for machine in machines.values() for use in machine.definition.uses]
    uses += [use.compensate for use in uses if use.compensate is not None]
    timeouts = [int(use.timeout) for use in uses if use.job == job.name]
    start_timeouts = [int(use.start_timeout) for use in uses if use.job == job.name]
    if not timeouts:
        return job
    return replace(job, timeout=max(timeouts), start_timeout=max(start_timeouts))


def _machine(name: str, entry: MachineEntry, file: FileEntry) -> StateMachine:
    schema = entry.input_schema
    definition = Definition(
        state_machine=name,
        phases=tuple(compiled_phase(each, phase, entry, file) for each, phase in entry.phases.items()),
        input_schema=None if schema is None else canonical(schema.plain()),
        deadline=entry.deadline,
    )
    starts = tuple(_start(name, each) for each in entry.starts)
    return StateMachine(
        name=name, definition=definition, starts=starts, description=entry.description, retention=entry.retention
    )


def _start_key(machine: str, entry: StartEntry) -> str:
    """A short hash of what a start is: part of the ids of the executions that it starts."""
    text = json.dumps([machine, entry.meaning], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _start(machine: str, entry: StartEntry) -> Start:
    return Start(
        kind="event" if entry.is_event else "schedule",
        key=_start_key(machine, entry),
        expression=entry.schedule,
        timezone=entry.timezone,
        bus=entry.bus,
        pattern=None if entry.pattern is None else entry.pattern.plain(),
        input=None if entry.input is None else entry.input.plain(),
        has_input=entry.has_input,
    )
