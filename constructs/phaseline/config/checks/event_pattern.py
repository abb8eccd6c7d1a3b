"""Checks an EventBridge pattern, such as a job's `filter`, as AWS does when a rule is made.

The rules are those of "Comparison operators for use in event patterns" in the EventBridge guide and of the open-source
matcher behind it (https://github.com/aws/event-ruler). A pattern is not matched against anything here.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from math import isfinite

from phaseline.config.expressions.problems import Path, Problem, is_open, nearest, shown, worded

OPERATORS = (*("anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"),)
"""Stand in a field's list of values, each as the only key of a mapping."""

_EXACTLY = "exactly"
"""The matcher's own name for a plain text: AWS takes it, and the guide does not tell of it."""

ANYTHING_BUT_OPERATORS = ("equals-ignore-case", "prefix", "suffix", "wildcard")
"""Stand inside `anything-but`, with a text or a list of texts."""

NUMBER_LIMIT = 5e9
"""AWS compares numbers from -5e9 to 5e9."""

MOST_COMBINATIONS = 1000
"""AWS takes `$or` apart into that many patterns at most."""

_RESERVED_IN_OR = (
    *(_EXACTLY, *OPERATORS, "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"),
    *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
    *("ip-address-in-range", "ip-address-not-in-range"),
)
_LEAF = 'a list of texts, numbers, true, false, null and operators, such as ["eu-west-1", {prefix: us-}]'


def check_pattern(value: object, *, path: Path) -> list[Problem]:
    """The problems of an event pattern, in the order of its text.

    Args:
        value: The pattern as the file has it, for a job's `filter` on the job's input.
        path: Where it stands; a problem's path goes on from there.
    """
    check = _Check()
    check.pattern(path, value, prefix="", inside_or=False, seen=set())
    combinations = _combinations(value)
    if combinations > MOST_COMBINATIONS:
        check.say(path, worded("too many combinations of $or", combinations, allowed=f"at most {MOST_COMBINATIONS}"))
    return check.problems


class _Check:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def say(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    def pattern(self, path: Path, value: object, *, prefix: str, inside_or: bool, seen: set[str]) -> None:
        """Check one level. `seen` holds the fields' full names: AWS takes each once, `$or` included."""
        if not isinstance(value, Mapping) or not value:
            self.say(path, worded("not a pattern", value, allowed="a mapping of one or more fields"))
            return
        for key, item in value.items():
            place = (*path, key)
            if not isinstance(key, str):
                self.say(place, worded("a key is not a text", key, allowed="texts; put it in quotes"))
            elif key == "$or":
                self._alternatives(place, item, prefix, seen)
            elif key.startswith("$") and _holds_patterns(item):
                self.say(place, worded("unknown operator", key, allowed=["$or"], meant=nearest(key, ["$or"])))
            elif inside_or and key in _RESERVED_IN_OR:
                self.say(place, worded("a name that AWS reserves inside $or", key, allowed="other fields' names"))
            else:
                self._field(place, key, item, prefix, inside_or, seen)

    def _field(self, path: Path, key: str, item: object, prefix: str, inside_or: bool, seen: set[str]) -> None:
        name = f"{prefix}{key}"
        misplaced = key in OPERATORS and (not isinstance(item, Mapping | list) or _is_numeric(key, item))
        if misplaced:
            self.say(path, worded("an operator stands in a list", key, allowed=f"[{{{key}: {shown(item)}}}]"))
        elif isinstance(item, Mapping):
            self.pattern(path, item, prefix=f"{name}.", inside_or=inside_or, seen=seen)
        elif isinstance(item, list) and item:
            if name in seen:
                self.say(path, worded("a field is matched twice", name, allowed="each field once, $or included"))
            seen.add(name)
            for index, element in enumerate(item):
                self._element((*path, index), element)
        else:
            self.say(path, worded("not a list of values", item, allowed=_LEAF))

    def _alternatives(self, path: Path, item: object, prefix: str, seen: set[str]) -> None:
        if not isinstance(item, list) or len(item) < 2:
            self.say(path, worded("$or takes a list", item, allowed="two or more patterns"))
            return
        before = set(seen)
        for index, alternative in enumerate(item):
            branch = set(before)
            self.pattern((*path, index), alternative, prefix=prefix, inside_or=True, seen=branch)
            seen |= branch

    def _element(self, path: Path, element: object) -> None:
        if isinstance(element, float) and not isfinite(element):
            self.say(path, worded("not a number that JSON can hold", element, allowed=_LEAF))
            return
        if element is None or isinstance(element, str | bool | int | float):
            return
        if not isinstance(element, Mapping):
            self.say(path, worded("not a value", element, allowed=_LEAF))
            return
        if len(element) != 1:
            self.say(path, worded("not one operator", list(element), allowed="one of " + ", ".join(OPERATORS)))
        for name, argument in element.items():
            self._operator((*path, name), name, argument)

    def _operator(self, path: Path, name: object, argument: object) -> None:
        if name in ("prefix", "suffix"):
            self._edge(path, str(name), argument)
        elif name in ("equals-ignore-case", _EXACTLY):
            self._text(path, str(name), argument)
        elif name == "wildcard":
            self._wildcard(path, argument)
        elif name == "exists":
            if not isinstance(argument, bool):
                self.say(path, worded("exists takes something else", argument, allowed="true, false"))
        elif name == "cidr":
            self._cidr(path, argument)
        elif name == "numeric":
            self._numeric(path, argument)
        elif name == "anything-but":
            self._anything_but(path, argument)
        else:
            self.say(path, worded("unknown operator", name, allowed=OPERATORS, meant=nearest(str(name), OPERATORS)))

    def _text(self, path: Path, name: str, argument: object, *, empty: bool = True) -> bool:
        if isinstance(argument, str) and (empty or argument):
            return True
        self.say(
            path, worded(f"{name} takes something else", argument, allowed="a text" if empty else "a text, not empty")
        )
        return False

    def _edge(self, path: Path, name: str, argument: object) -> None:
        """`prefix` and `suffix`, whose text may stand inside `equals-ignore-case`."""
        if not isinstance(argument, Mapping):
            self._text(path, name, argument)
            return
        if len(argument) != 1:
            self.say(
                path, worded(f"{name} takes something else", argument, allowed="a text, {equals-ignore-case: text}")
            )
        for inner, text in argument.items():
            place = (*path, inner)
            if inner == "equals-ignore-case":
                self._text(place, inner, text)
            else:
                self._unknown_inside(place, name, inner, ("equals-ignore-case",))

    def _unknown_inside(self, path: Path, outer: str, inner: object, allowed: tuple[str, ...]) -> None:
        meant = nearest(str(inner), allowed)
        self.say(path, worded(f"unknown operator inside {outer}", inner, allowed=allowed, meant=meant))

    def _wildcard(self, path: Path, argument: object) -> None:
        if not self._text(path, "wildcard", argument) or not isinstance(argument, str):
            return
        unescaped = argument.replace("\\\\", "").replace("\\*", "")
        if "\\" in unescaped:
            self.say(path, worded("a backslash escapes nothing", argument, allowed="\\* and \\\\"))
        # An escaped star between two stars must not make them neighbours, so it leaves a mark here.
        if "**" in argument.replace("\\\\", "_").replace("\\*", "_"):
            self.say(path, worded("two wildcards side by side", argument, allowed="one * at a time"))

    def _cidr(self, path: Path, argument: object) -> None:
        """A range, not an address: AWS takes no mask of all the bits, and no other way to write one."""
        if isinstance(argument, str):
            if is_open(argument):
                return
            address, _, mask = argument.partition("/")
            try:
                network = ip_network(argument, strict=False)
            except ValueError:
                pass
            else:
                plain = network.version == 4 or not set(address) & set(".%")
                if plain and mask.isdecimal() and network.prefixlen < _mask_limit(network):
                    return
        allowed = "a range of addresses, such as 10.0.0.0/24 or 2001:db8::/32, the mask below 32 or 128"
        self.say(path, worded("not an IP range", argument, allowed=allowed))

    def _numeric(self, path: Path, argument: object) -> None:
        """One comparison, or a lower bound and then an upper one."""
        allowed = '[operator, number] with =, <, <=, >, >=, or [">" or ">=", number, "<" or "<=", number]'
        shape = argument if isinstance(argument, list) else []
        comparisons = shape[0::2]
        bounds = shape[1::2]
        single = len(shape) == 2 and comparisons[0] in ("=", "<", "<=", ">", ">=")
        double = len(shape) == 4 and comparisons[0] in (">", ">=") and comparisons[1] in ("<", "<=")
        if not (single or double):
            self.say(path, worded("not a comparison of numbers", argument, allowed=allowed))
            return
        fits = [self._number((*path, 2 * index + 1), bound) for index, bound in enumerate(bounds)]
        if double and all(fits):
            low, high = bounds
            if low >= high:
                self.say(
                    path, worded("no number is in the range", argument, allowed="a lower bound, then a higher one")
                )

    def _number(self, path: Path, value: object) -> bool:
        if _is_number(value) and isinstance(value, int | float) and -NUMBER_LIMIT <= value <= NUMBER_LIMIT:
            return True
        self.say(path, worded("not a number that AWS compares", value, allowed="-5e9 to 5e9"))
        return False

    def _anything_but(self, path: Path, argument: object) -> None:
        if isinstance(argument, Mapping):
            self._anything_but_operator(path, argument)
            return
        values = argument if isinstance(argument, list) else [argument]
        if not values or not (
            all(isinstance(item, str) for item in values) or all(_is_number(item) for item in values)
        ):
            allowed = f"a text, a number, a list of texts or of numbers, or one of {', '.join(ANYTHING_BUT_OPERATORS)}"
            self.say(path, worded("anything-but takes something else", argument, allowed=allowed))
            return
        for index, item in enumerate(values):
            if not isinstance(item, str):
                self._number((*path, index) if isinstance(argument, list) else path, item)

    def _anything_but_operator(self, path: Path, argument: Mapping[object, object]) -> None:
        if len(argument) != 1:
            allowed = "one of " + ", ".join(ANYTHING_BUT_OPERATORS)
            self.say(path, worded("not one operator inside anything-but", list(argument), allowed=allowed))
        for name, inner in argument.items():
            place = (*path, str(name))
            if name not in ANYTHING_BUT_OPERATORS:
                self._unknown_inside(place, "anything-but", name, ANYTHING_BUT_OPERATORS)
                continue
            if inner == []:
                self.say(place, worded(f"{name} takes something else", inner, allowed="a text, a list of texts"))
            for index, text in enumerate(inner if isinstance(inner, list) else [inner]):
                at = (*place, index) if isinstance(inner, list) else place
                if name == "wildcard":
                    self._wildcard(at, text)
                else:
                    self._text(at, str(name), text, empty=name == "equals-ignore-case")


def _mask_limit(network: IPv4Network | IPv6Network) -> int:
    """The mask has to be below it: of an IPv4 address in the clothes of IPv6 (`::ffff:…`), AWS takes it for IPv4's."""
    mapped = isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None
    return 32 if mapped else network.max_prefixlen


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_numeric(key: str, item: object) -> bool:
    """Whether a field is really the operator `numeric`: AWS would take its list for a list of values."""
    return key == "numeric" and isinstance(item, list) and bool(item) and item[0] in ("=", "<", "<=", ">", ">=")


def _holds_patterns(item: object) -> bool:
    """Whether a list holds patterns as `$or` does, and not values: then its key is meant as an operator."""
    known = {*OPERATORS, _EXACTLY}
    return isinstance(item, list) and any(isinstance(each, Mapping) and not known & set(each) for each in item)


def _combinations(value: object) -> int:
    """How many patterns without `$or` AWS counts: it multiplies the lengths of all lists of `$or`, nested ones too."""
    total = 1
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "$or" and isinstance(item, list):
                total *= max(1, len(item))
                for alternative in item:
                    total *= _combinations(alternative)
            else:
                total *= _combinations(item)
    return total
