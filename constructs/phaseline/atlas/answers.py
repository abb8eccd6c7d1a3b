"""What Atlas answers, held against what is needed of it: nothing else reads JSON that somebody else has made.

What is missing, or is something else, is an error that names the request and the place in its answer, and no value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phaseline_runtime.envelope import json_kind
from phaseline_runtime.errors import PhaselineError


class AtlasUnavailable(PhaselineError):
    """Atlas cannot be reached, refuses, or answers with what cannot be read."""


@dataclass(frozen=True)
class Answer:
    """An answer, or a part of it. Its fields are asked for by what they have to be; null is as good as missing."""

    asked: str
    """The request."""
    value: Any
    place: str = ""
    """Where in the answer it stands: `[0].config`; nothing is the answer itself."""

    def text(self, key: str) -> str:
        """A text that has to be there, and not to be empty."""
        value = self._typed(key, str, "a text")
        if not value:
            raise self.unlike(key, "is missing" if value is None else "is empty")
        return str(value)

    def text_or_none(self, key: str) -> str | None:
        """A text, if there is one."""
        value = self._typed(key, str, "a text")
        return None if value is None else str(value)

    def flag(self, key: str) -> bool:
        """Whether it is true; missing is false."""
        return bool(self._typed(key, bool, "true or false"))

    def number(self, key: str) -> int | None:
        """A whole number, if there is one."""
        value = self._typed(key, int, "a whole number")
        if isinstance(value, bool):
            raise self.unlike(key, f"has to be a whole number, and is {json_kind(value)}")
        return None if value is None else int(value)

    def part(self, key: str, *, needed: bool = False) -> Answer:
        """An object; where it is missing and not needed, one without fields."""
        value = self._typed(key, Mapping, "an object")
        if value is None and needed:
            raise self.unlike(key, "is missing")
        return Answer(self.asked, {} if value is None else value, self._place(key))

    def parts(self, key: str, *, needed: bool = False) -> list[Answer]:
        """A list of objects; where it is missing and not needed, none."""
        value = self._typed(key, list, "a list")
        if value is None and needed:
            raise self.unlike(key, "is missing")
        return [] if value is None else Answer(self.asked, value, self._place(key)).listed()

    def texts(self, key: str) -> list[str]:
        """A list of texts that has to be there."""
        value = self._typed(key, list, "a list")
        if value is None:
            raise self.unlike(key, "is missing")
        for number, each in enumerate(value):
            if not isinstance(each, str):
                raise self.unlike(f"{key}[{number}]", f"has to be a text, and is {json_kind(each)}")
        return list(value)

    def listed(self) -> list[Answer]:
        """What is itself a list of objects."""
        if not isinstance(self.value, list):
            raise _unlike(self.asked, self.place, f"has to be a list, and is {json_kind(self.value)}")
        found = [Answer(self.asked, each, f"{self.place}[{number}]") for number, each in enumerate(self.value)]
        for each in found:
            each._object()
        return found

    def _typed(self, key: str, kind: type, words: str) -> Any:
        value = self._object().get(key)
        if value is not None and not isinstance(value, kind):
            raise self.unlike(key, f"has to be {words}, and is {json_kind(value)}")
        return value

    def _object(self) -> Mapping[str, Any]:
        if not isinstance(self.value, Mapping):
            raise _unlike(self.asked, self.place, f"has to be an object, and is {json_kind(self.value)}")
        return self.value

    def _place(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def unlike(self, key: str, what: str) -> AtlasUnavailable:
        """The error that says what is wrong with a field."""
        return _unlike(self.asked, self._place(key), what)


def unreadable(asked: str, what: str) -> AtlasUnavailable:
    """The error for an answer that is none of Atlas's."""
    return AtlasUnavailable(f"Atlas was asked for {asked}, and has answered with something else: {_PROXY} {what}")


_PROXY = "is a proxy in between?"


def _unlike(asked: str, place: str, what: str) -> AtlasUnavailable:
    return unreadable(asked, f"{f'`{place}`' if place else 'The answer'} {what}")
