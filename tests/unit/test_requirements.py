"""The runtime layer's requirements name everything that is needed: pip installs nothing besides."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FILE = Path(__file__).parents[2] / "lambdas/phaseline_runtime/requirements.txt"
OF_AWS = {"boto3", "botocore"}
"""What AWS's Python runtimes bring."""
LISTED = [
    Requirement(line) for line in FILE.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")
]


@pytest.mark.parametrize("version", ["3.11", "3.14"])
@pytest.mark.parametrize("listed", LISTED, ids=lambda listed: listed.name)
def test_whatever_a_requirement_needs_in_turn_is_listed_too(listed: Requirement, version: str) -> None:
    known = {canonicalize_name(each.name) for each in LISTED} | OF_AWS
    for text in requires(listed.name) or []:
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": "", "python_version": version}):
            assert canonicalize_name(needed.name) in known, f"{listed.name} needs {needed}"


def test_every_version_is_exact() -> None:
    assert all(re.fullmatch(r"==[^*]+", str(each.specifier)) for each in LISTED)
