"""How a phase ends its execution: `fail` with an error, or `succeed`."""

from __future__ import annotations

from phaseline.config.faults import Faults, said, shown
from phaseline.config.reading.entries import FailEntry
from phaseline.config.reading.error_names import is_name, is_ours
from phaseline.config.reading.positions import Node
from phaseline.config.reading.records import Key, Record
from phaseline.config.reading.scalars import resolve
from phaseline.config.reading.shapes import PLACEHOLDER_SCHEMA, Schema, Shape, Text

MAX_CAUSE = 2_000
"""The longest `cause` in characters: as much as is kept of an error's message."""


def _check_error(text: str) -> str | None:
    if is_ours(text):
        return said("is kept for errors of Phaseline's own", got=shown(text), allowed="a name of yours, such as NoFish")
    return None if is_name(text) else said("must be the name of an error", got=shown(text), allowed="such as NoFish")


def _check_cause(text: str) -> str | None:
    if len(text) <= MAX_CAUSE:
        return None
    return said("is longer than what is kept", got=f"{len(text)} characters", allowed=f"{MAX_CAUSE}")


FAIL = Record(
    "an error to fail with",
    {
        "error": Key(Text(_check_error), "The name of the error, such as NoFish.", required=True),
        "cause": Key(Text(_check_cause), "A sentence for people; which phase it was by default."),
    },
    lambda fields: FailEntry(fields.node, fields.get("error"), fields.get("cause")),
)


class SucceedShape(Shape[bool]):
    """`true`, and nothing else: whoever does not mean it leaves the key out."""

    def read(self, node: Node, faults: Faults) -> bool | None:
        if node.open:
            return None
        if (resolve(node.text) if node.filled else node.value) is True:
            return True
        faults.add(node, said("must be true, or not be there at all", got=node.shown, allowed="true"))
        return None

    def schema(self) -> Schema:
        return {"anyOf": [{"const": True}, PLACEHOLDER_SCHEMA]}
