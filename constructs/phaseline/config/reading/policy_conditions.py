"""The `conditions` of a policy statement: operators, keys and values as IAM has them.

Source: IAM user guide, "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import re

from phaseline.config.faults import Faults, said, unknown
from phaseline.config.reading.positions import Node
from phaseline.config.reading.shapes import Free, Schema

_COMPARED = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
OPERATORS = (
    *(f"String{each}" for each in ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase")),
    *("StringLike", "StringNotLike", "Bool", "Null", "BinaryEquals", "IpAddress", "NotIpAddress"),
    *("ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"),
    *(f"Numeric{each}" for each in _COMPARED),
    *(f"Date{each}" for each in _COMPARED),
)
"""All of them, without what may stand before and behind."""

_AROUND = re.compile(r"^(ForAllValues:|ForAnyValue:)|IfExists$")


class PolicyConditionsShape(Free):
    """`{OPERATOR: {KEY: VALUE}}`, where a list of values may stand in the place of one."""

    def __init__(self) -> None:
        super().__init__("conditions of IAM")

    def read(self, node: Node, faults: Faults) -> Node | None:
        before = len(faults)
        found = super().read(node, faults)
        for operator, keys in node.mapping.items():
            if _AROUND.sub("", operator) not in OPERATORS:
                faults.add(keys, unknown("unknown operator of IAM's", operator, OPERATORS), at_key=True)
            if not isinstance(keys.value, dict) or not keys.value:
                what = "must be a mapping of condition keys"
                faults.add(
                    keys, said(what, got=keys.shown, allowed="{KEY: VALUE}, such as {aws:RequestedRegion: eu-west-1}")
                )
            for value in keys.mapping.values():
                for each in value.items or [value]:
                    if each.value is None or isinstance(each.value, (dict, list)):
                        faults.add(each, said("must be text, a number, true or false", got=each.shown))
        return found if len(faults) == before else None

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": {"type": "object", "minProperties": 1}}
