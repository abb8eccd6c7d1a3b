"""Finds tags that IAM takes for one, and roles with more tags than it takes: a deploy would fail by them, role by role.

The config's own are held against each other when it is read. Those that an app puts on a stack, or on all of it, are
known in the template alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phaseline.config.checks.job_checks import MAX_TAGS

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
        one, two = self.keys
        where = _shown(self.resources)
        return f"tags: {one!r} and {two!r} differ in upper and lower case alone, which are one key for IAM, on {where}"


@dataclass(frozen=True, slots=True)
class TooMany:
    """More tags than a role may have."""

    most: int
    """How many the fullest has."""
    resources: Sequence[str]
    """The logical ids of those that have too many."""

    def __str__(self) -> str:
        """What is wrong, in a sentence."""
        return f"tags: got {self.most} on {_shown(self.resources)}; IAM allows {MAX_TAGS}, with those of the stack"


def alike(template: Mapping[str, Any]) -> Iterator[Alike]:
    """All such keys of a template."""
    found: dict[tuple[str, str], list[str]] = {}
    for id, tags in _tagged(template):
        seen: dict[str, str] = {}
        for key in _keys(tags):
            before = seen.setdefault(key.lower(), key)
            if before != key:
                one, two = sorted((before, key))
                found.setdefault((one, two), []).append(id)
    yield from (Alike(keys, resources) for keys, resources in found.items())


def too_many(template: Mapping[str, Any]) -> TooMany | None:
    """The roles and users of a template with too many tags, if there are any. All else that a job has has the same."""
    found = {id: len(tags) for id, tags in _tagged(template) if isinstance(tags, list) and len(tags) > MAX_TAGS}
    return TooMany(max(found.values()), list(found)) if found else None


def _tagged(template: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The roles and users, and what each has as its tags."""
    for id, resource in template.get("Resources", {}).items():
        if resource.get("Type") in _WITHOUT_CASE:
            yield id, resource.get("Properties", {}).get("Tags")


def _shown(resources: Sequence[str]) -> str:
    first, *others = resources
    return f"{first} and {len(others)} more" if others else first


def _keys(tags: Any) -> Iterator[str]:
    """The keys that are written out: an app may have made tags by a function of CloudFormation's."""
    for tag in tags if isinstance(tags, list) else []:
        key = tag.get("Key") if isinstance(tag, Mapping) else None
        if isinstance(key, str):
            yield key
