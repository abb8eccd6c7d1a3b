"""What Python takes as an argument and nobody can use: said where it is given, and not by whoever stumbles over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from phaseline_runtime.errors import UserError


def expect(owner: str, argument: str, given: object, kinds: type | tuple[type, ...], expected: str) -> None:
    """Raise UserError where this is of none of the kinds. What was got is told by its kind: it may be a password."""
    # Python takes True for a number: whoever gave it meant something else.
    if not isinstance(given, kinds) or (isinstance(given, bool) and kinds is int):
        raise wrong(owner, argument, given, expected)


def expect_list(owner: str, argument: str, given: object, expected: str) -> None:
    """Raise UserError where this is no list. A text is none, though Python takes it for one of letters."""
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence):
        raise wrong(owner, argument, given, f"a list {expected}")


def expect_texts(owner: str, argument: str, given: object, check: Callable[[str], str | None]) -> None:
    """Raise UserError where this is no list of texts that the check takes."""
    expect_list(owner, argument, given, "of texts")
    for each in given if isinstance(given, Sequence) else ():
        expect(owner, argument, each, str, "a list of texts")
        if (fault := check(each)) is not None:
            raise UserError(f"{owner}: {argument}: {fault}")


def expect_construct(owner: str, argument: str, given: object, attribute: str, expected: str) -> None:
    """Raise UserError where this has no such attribute: of CDK's interfaces, Python knows no more."""
    if isinstance(given, type) or not hasattr(given, attribute):
        raise wrong(owner, argument, given, expected)


def wrong(owner: str, argument: str, given: Any, expected: str) -> UserError:
    """An argument of another kind than expected."""
    kind = f"the class {given.__name__}" if isinstance(given, type) else f"a value of type {type(given).__name__}"
    return UserError(f"{owner}: {argument}: got {'None' if given is None else kind}; expected is {expected}")
