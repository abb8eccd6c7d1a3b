"""What others build on: names and signatures of the public packages change knowingly, and never by accident."""

from __future__ import annotations

import difflib
import re

from tests.support.public_api import FILE, names_of, text
from tests.support.tools import ROOT


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
