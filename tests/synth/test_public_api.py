"""What others build on: names and signatures of the public packages change knowingly, and never by accident."""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from enum import Enum

import griffe
import pytest

from tests.support.public_api import FILE, members_of, names_of, text
from tests.support.tools import ROOT

LOADED = griffe.GriffeLoader(search_paths=[ROOT / "constructs", ROOT / "lambdas"])
"""The sources as the docs site reads them."""
for each in ("phaseline_runtime", "phaseline"):
    LOADED.load(each)
LOADED.resolve_aliases()


def test_the_public_api_is_the_one_that_is_written_down() -> None:
    before, now = FILE.read_text(encoding="utf-8").splitlines(), text().splitlines()
    changed = "\n".join(difflib.unified_diff(before, now, "written down", "now", lineterm="", n=1))
    assert before == now, (
        f"the public API has changed:\n{changed}\n"
        "If that is not meant, undo it. If it is: say so in CHANGELOG.md (under Changed, with what users have to do, "
        "if anything that was there is gone or different), and run `python -m tests.support.public_api`."
    )


def test_the_page_lists_what_is_public_and_nothing_else() -> None:
    page = (ROOT / "docs/reference/api.md").read_text()
    listed = {entry.rpartition(".")[2] for entry in re.findall(r"^::: ([\w.]*\.\w+)$", page, re.MULTILINE)}
    for members in re.findall(r"^ +members: \[(.*)\]$", page, re.MULTILINE):
        listed |= set(members.split(", "))
    whole = {"cdk", "config", "errors"}
    public = {name for package, names in names_of().items() if package != "phaseline.cdk" for name in names}
    assert listed - whole == public


@pytest.mark.parametrize(
    ("package", "name"), [(package, name) for package in names_of() for name in names_of()[package]]
)
def test_each_member_is_explained_on_the_page(package: str, name: str) -> None:
    """By a docstring of its own, without which the page leaves it out, or as an argument of its class."""
    public = getattr(importlib.import_module(package), name)
    if not inspect.isclass(public) or issubclass(public, Enum):
        return
    found = LOADED.modules_collection[f"{public.__module__}.{name}"]
    explained = {key for key, member in found.all_members.items() if member.has_docstring}
    assert set(members_of(public)) <= explained | set(inspect.signature(public.__init__).parameters)
