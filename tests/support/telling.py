"""What has happened to an execution in a world, as text to be read: every status in full, what was asked, the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from phaseline_runtime.statuses import Status
from tests.support.world import World

LEFT_OUT = ("_id", "execution", "stateMachine", "at", "kind", "status")
"""What begins a line, or is the same in all of them."""


def told(world: World) -> str:
    """The history of a world, its questions and its document, with times in seconds since the start."""
    lines = ["History", *(_status(world, status) for status in world.statuses.values())]
    lines += ["", "Asked", *(f"{each.key}: {each.kind} {each.text}, for the {each.owner}" for each in _asked(world))]
    lines += ["", "Document", *(f"{key}: {_value(world, value)}" for key, value in sorted(world.document.items()))]
    return "\n".join(lines) + "\n"


def _asked(world: World) -> Iterator[Any]:
    return (world.asked[key] for key in sorted(world.asked))


def _status(world: World, status: Status) -> str:
    values = {key: value for key, value in sorted(status.to_document().items()) if key not in LEFT_OUT}
    said = ", ".join(f"{key} {_value(world, value)}" for key, value in values.items())
    part = world.parts.get(status.id, "somebody else")
    return f"{_value(world, status.at)} {status.kind} {status.status} {status.id}, by {part}: {said}"


def _value(world: World, value: Any) -> str:
    if isinstance(value, datetime):
        return f"{(value - world.begun).total_seconds():+.10g}s"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(world, item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(world, item) for item in value) + "]"
    return "the definition" if value == world.started.definition else repr(value)
