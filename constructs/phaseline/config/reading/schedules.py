"""Schedules as EventBridge has them, checked here because CloudFormation would refuse them only while deploying.

Source: Amazon EventBridge user guide, "Setting a schedule pattern": six fields, one of the two days is `?`.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass

from phaseline.config.faults import nearest, said, shown

_RATE = re.compile(r"rate\((\d+) +([a-z]+)\)")
_CRON = re.compile(r"cron\((.*)\)")
_UNITS = ("minute", "hour", "day")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_EXAMPLE = "rate(5 minutes), cron(0 8 ? * MON-FRI *)"


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    special: str = ""
    """A pattern for what only this field knows."""

    def accepts(self, text: str) -> bool:
        return all(self._part(part) for part in text.split(","))

    def _part(self, text: str) -> bool:
        if self.special and re.fullmatch(self.special, text):
            return True
        base, slash, step = text.partition("/")
        if slash and not (step.isdigit() and int(step) > 0):
            return False
        if base == "*":
            return True
        ends = base.split("-")
        return len(ends) <= 2 and all(self._value(end) for end in ends)

    def _value(self, text: str) -> bool:
        if text.upper() in self.names:
            return True
        return text.isascii() and text.isdigit() and self.least <= int(text) <= self.most


_FIELDS = (
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("day of month", 1, 31, special=r"\?|L|LW|([1-9]|[12]\d|3[01])W"),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 1, 7, _DAYS, special=r"\?|L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5])"),
    _Field("year", 1970, 2199),
)


def check_schedule(text: str) -> str | None:
    """What is wrong with `rate(…)` or `cron(…)`, or None."""
    if found := _RATE.fullmatch(text):
        return _rate(text, int(found[1]), found[2])
    if found := _CRON.fullmatch(text):
        return _cron(text, found[1].split())
    return said("is no schedule", got=shown(text), allowed=_EXAMPLE)


def _rate(text: str, count: int, unit: str) -> str | None:
    single = unit.removesuffix("s")
    if count < 1:
        return said("a rate is 1 at least", got=shown(text))
    if single not in _UNITS:
        return said(
            "is no unit of a rate", got=shown(unit), allowed="minutes, hours, days", meant=nearest(unit, _UNITS)
        )
    right = single if count == 1 else f"{single}s"
    if unit != right:
        return said("EventBridge wants the singular for 1 and the plural else", got=shown(text), allowed=right)
    return None


def _cron(text: str, parts: list[str]) -> str | None:
    names = ", ".join(field.name for field in _FIELDS)
    if len(parts) != len(_FIELDS):
        return said(f"a cron has six fields: {names}", got=f"{len(parts)} in {shown(text)}")
    for field, part in zip(_FIELDS, parts, strict=True):
        if not field.accepts(part):
            allowed = f"{field.least}-{field.most}{', names' if field.names else ''} with * , - /"
            return said(f"the field {field.name} of the cron is wrong", got=shown(part), allowed=allowed)
    if (parts[2] == "?") == (parts[4] == "?"):
        return said("one of day of month and day of week must be `?`, and not both", got=shown(text))
    return None


def check_timezone(text: str) -> str | None:
    """What is wrong with the name of a time zone, or None."""
    known = zoneinfo.available_timezones()
    # A machine may have no time zones at all: then nothing can be said.
    if not known or text in known:
        return None
    return said("unknown time zone", got=shown(text), allowed="Europe/Paris and the like", meant=nearest(text, known))
