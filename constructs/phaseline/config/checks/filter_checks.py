"""Checks that an input can meet the `filter` of its job: without a field that the filter asks for, it never does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from phaseline.config.checks.machine_view import MachineView
from phaseline.config.checks.nearest_places import declared
from phaseline.config.expressions.problems import Path
from phaseline.config.faults import Faults, said
from phaseline.config.reading.positions import Node


def check_filters(machine: MachineView, faults: Faults) -> None:
    """Check each use of a job, and each compensation, that has both a `filter` and an `input` of its own."""
    for job, given in _inputs(machine):
        entry = (machine.file.jobs or {}).get(job)
        matching: Node | None = None if entry is None else entry.fields.get("filter")
        missing = None if matching is None else missing_field(matching.plain(), given.plain())
        if missing is not None:
            what = f"never meets the `filter` of {job}, which asks for a field that this input does not have"
            wanted = f"an input with `{'.'.join(map(str, missing))}`"
            faults.add(given, said(what, got=", ".join(given.mapping) or "none", allowed=wanted), at_key=True)


def _inputs(machine: MachineView) -> Iterator[tuple[str, Node]]:
    for _, name, use in machine.uses():
        if use.input is not None:
            yield declared(name, use), use.input
        undoing = use.compensate
        if undoing is not None and undoing.job is not None and undoing.input is not None:
            yield undoing.job.text, undoing.input


def missing_field(pattern: object, given: object) -> Path | None:
    """The first field that a pattern asks for and that an expression's value surely lacks.

    What an operator gives (`$input`, `{$mergeObjects: …}`), nobody knows before it is evaluated; of a list or a single
    value nothing is said.
    """
    if not isinstance(pattern, Mapping) or not isinstance(given, Mapping) or any(_is_open(key) for key in given):
        return None
    for key, item in pattern.items():
        if key == "$or":
            found = _missing_in_all(item, given)
            if found is not None:
                return found
        elif "." in str(key):
            continue
        elif key not in given:
            if _asks(item):
                return (key,)
        else:
            deeper = missing_field(item, given[key])
            if deeper is not None:
                return (key, *deeper)
    return None


def _missing_in_all(alternatives: object, given: object) -> Path | None:
    if not isinstance(alternatives, list) or not alternatives:
        return None
    found = [missing_field(each, given) for each in alternatives]
    return found[0] if all(each is not None for each in found) else None


def _is_open(key: object) -> bool:
    return not isinstance(key, str) or key.startswith("$")


def _asks(item: object) -> bool:
    """Whether a field has to be there: each of its values but `{exists: false}` asks for one."""
    if isinstance(item, list):
        return bool(item) and not any(isinstance(each, Mapping) and each.get("exists") is False for each in item)
    if isinstance(item, Mapping):
        return any(_asks(inner) for key, inner in item.items() if key != "$or")
    return False
