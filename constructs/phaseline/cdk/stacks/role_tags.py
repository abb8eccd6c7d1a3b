"""Finds tags that IAM takes for one: a deploy would fail by them, role by role.

The config's own are held against each other when it is read. Those that an app puts on a stack, or on all of it, are
known in the template alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WITHOUT_CASE = ("AWS::IAM::Role", "AWS::IAM::User")
"""Whose tags' keys IAM reads without case; those of its other resources it does not (IAM user guide, "Tags for AWS
Identity and Access Management resources", "Case sensitivity")."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Two keys that are one to IAM."""

    keys: tuple[str, str]
    resources: Sequence[str]
    """The logical ids of those that have both."""

    def __str__(self) -> str:
        """What is wrong, in a sentence."""
        first, *others = self.resources
        where = f"{first} and {len(others)} more" if others else first
        one, two = self.keys
        return f"tags: {one!r} and {two!r} differ in upper and lower case alone, which are one key for IAM, on {where}"


def alike(template: Mapping[str, Any]) -> Iterator[Alike]:
    """All such keys of a template."""
    found: dict[tuple[str, str], list[str]] = {}
    for id, resource in template.get("Resources", {}).items():
        if resource.get("Type") not in _WITHOUT_CASE:
            continue
        seen: dict[str, str] = {}
        for key in _keys(resource.get("Properties", {}).get("Tags")):
            before = seen.setdefault(key.lower(), key)
            if before != key:
                one, two = sorted((before, key))
                found.setdefault((one, two), []).append(id)
    yield from (Alike(keys, resources) for keys, resources in found.items())


def _keys(tags: Any) -> Iterator[str]:
    """The keys that are written out: an app may have made tags by a function of CloudFormation's."""
    for tag in tags if isinstance(tags, list) else []:
        key = tag.get("Key") if isinstance(tag, Mapping) else None
        if isinstance(key, str):
            yield key
