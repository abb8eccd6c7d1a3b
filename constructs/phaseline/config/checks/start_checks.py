"""Checks what starts executions: schedules, events, and the schema that every input has to meet."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from phaseline.config.checks.job_checks import check_event_pattern
from phaseline.config.checks.pattern_size import MAX_PATTERN, length
from phaseline.config.checks.places import node_at
from phaseline.config.faults import Faults, said, shown, unknown
from phaseline.config.reading.entries import MachineEntry, StartEntry
from phaseline.config.reading.positions import Node
from phaseline_runtime.masking import masked

_OF_EVENT = ("source", "detail-type", "detail", "account", "region", "resources", "time", "id", "version")
"""The fields that an event of EventBridge has."""

MAX_TEMPLATE = 8_192
"""The longest input template of a rule in characters (EventBridge)."""

MAX_PAYLOAD = 262_144
"""The longest input that EventBridge Scheduler hands over, in bytes: all of it is ASCII."""

_AROUND = 64
"""Characters of a template besides the input and the machine's name, at most; a schedule may have twice as many."""


def check_starts(name: str, machine: MachineEntry, faults: Faults) -> None:
    """Check the input schema and the starts of a state machine."""
    schema = machine.input_schema
    usable = schema is not None and _check_schema(schema, faults)
    seen: dict[str, StartEntry] = {}
    for start in machine.starts:
        _check_start(start, faults)
        _check_template(name, start, faults)
        if start.whole:
            first = seen.setdefault(repr(start.meaning), start)
            if first is not start:
                faults.add(start.node, f"is the same as the start on line {first.node.position[0]}")
        if usable and schema is not None:
            _check_input(start, schema, faults)


def _check_start(start: StartEntry, faults: Faults) -> None:
    keys = [key for key in ("schedule", "event") if key in start.node.mapping]
    if len(keys) != 1:
        faults.add(start.node, said("needs either `schedule` or `event`", got=" and ".join(keys) or "neither"))
    if "timezone" in start.node.mapping and "schedule" not in keys:
        faults.add(start.node.mapping["timezone"], "belongs to a `schedule`", at_key=True)
    if start.pattern is None:
        return
    check_event_pattern(start.pattern, faults)
    for key, item in start.pattern.mapping.items():
        if key not in _OF_EVENT and not key.startswith("$"):
            faults.add(item, unknown("no event has this field", key, _OF_EVENT), at_key=True)
    found = length(start.pattern.plain())
    if found > MAX_PATTERN:
        what = "is longer than EventBridge allows: match by fewer values, or by a `prefix`"
        what = said(what, got=f"{found} characters", allowed=f"{MAX_PATTERN}")
        faults.add(start.pattern, what, at_key=True)


def _check_template(machine: str, start: StartEntry, faults: Faults) -> None:
    """The input travels in the rule's template, or in a schedule with a zone, which has more room."""
    if start.input is None:
        return
    text = json.dumps(start.input.plain(), separators=(",", ":"))
    size = len(text) + 5 * sum(map(text.count, "<>"))  # These are escaped there, as \u003c and \u003e.
    zoned = start.timezone is not None
    most = (MAX_PAYLOAD - 2 * _AROUND if zoned else MAX_TEMPLATE - _AROUND) - len(machine)
    if size > most:
        what = "is longer than a schedule with a `timezone` takes: let the jobs read what is long from elsewhere"
        if not zoned:
            what = "is longer than a rule of EventBridge's takes: a schedule with a `timezone` has more room"
        what = said(what, got=f"{size} characters", allowed=f"{most}")
        faults.add(start.input, what, at_key=True)


def _check_schema(node: Node, faults: Faults) -> bool:
    schema = node.plain()
    before = len(faults)
    _check_references(node, node, faults)
    kind = _validator_of(schema)
    for error in kind(kind.META_SCHEMA, format_checker=kind.FORMAT_CHECKER).iter_errors(schema):
        place = node_at(node, tuple(error.absolute_path))
        if place.open:
            continue  # What its `${NAME}` stands for may well be right.
        faults.add(place, said(f"is no valid JSON Schema: {masked(error.message)[:200]}", got=place.shown))
    return len(faults) == before


def _check_references(node: Node, root: Node, faults: Faults) -> None:
    """A start must not depend on a schema that has to be fetched, nor fail on one that is not there."""
    for key, inner in node.mapping.items():
        if key in ("$ref", "$dynamicRef") and isinstance(inner.value, str) and not inner.open:
            if not inner.value.startswith("#"):
                what = "a schema is not fetched from elsewhere"
                faults.add(inner, said(what, got=f'"{inner.value}"', allowed="#/$defs/…"))
            elif not _leads_somewhere(inner.value, root):
                faults.add(inner, said("there is no such place in this schema", got=shown(inner.value)))
        _check_references(inner, root, faults)
    for item in node.items:
        _check_references(item, root, faults)


def _leads_somewhere(reference: str, root: Node) -> bool:
    """Whether a JSON pointer finds something. `#name` is an anchor, which may stand anywhere."""
    if not reference.startswith("#/"):
        return True
    node: Node | None = root
    for part in unquote(reference[2:]).split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        inner = None if node is None else node.mapping.get(key)
        if inner is None and node is not None and key.isdecimal():
            inner = dict(enumerate(node.items)).get(int(key))
        node = inner
    return node is not None


def _check_input(start: StartEntry, schema: Node, faults: Faults) -> None:
    """The input that stands in the file is known: whether it meets the schema can be said now."""
    if start.is_event and not start.has_input:
        return
    given: Any = {} if start.input is None else start.input.plain()
    if _has_open(schema) or (start.input is not None and _has_open(start.input)):
        return
    from jsonschema.exceptions import best_match

    try:
        error = best_match(_validator_of(schema.plain())(schema.plain()).iter_errors(given))
    except Exception as failure:  # An unresolvable reference, of which jsonschema's kinds differ by version.
        faults.add(schema, f"cannot be used: {str(failure)[:200]}", at_key=True)
        return
    if error is not None:
        place = start.node if start.input is None else node_at(start.input, tuple(error.absolute_path))
        faults.add(place, f"does not meet the input_schema: {masked(error.message)[:200]}")


def _has_open(node: Node) -> bool:
    return node.open or any(_has_open(inner) for inner in [*node.mapping.values(), *node.items])


def _validator_of(schema: Any) -> Any:
    """The class of jsonschema's that knows this schema's draft; 2020-12 where it names none."""
    import jsonschema  # Slow to import: only for machines that have a schema.

    return jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
