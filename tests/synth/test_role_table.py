"""The tables of docs/security.md say what the templates say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.role_table import PAGE, Table, everything, literal, reason, section
from tests.support.stacks import EVERYTHING, make


def test_the_page_has_the_tables_of_the_templates() -> None:
    assert section(PAGE.read_text()) == everything(), (
        "docs/security.md is behind: PYTHONPATH=.:constructs:lambdas python -m tests.support.role_table"
    )


def test_a_grant_without_a_reason_is_no_row() -> None:
    with pytest.raises(LookupError, match=r"why is s3:GetObject on \* allowed"):
        reason("s3:GetObject", "*")


def test_a_wildcard_is_read_as_it_is() -> None:
    assert literal("rule bus/*, rule `other/*`") == r"rule bus/\*, rule `other/*`"


def test_another_grant_is_another_row(tmp_path: Path) -> None:
    made = make(tmp_path, EVERYTHING)
    before = Table(made.resources).roles()
    role = made.resources[next(id for id in made.resources if "rentaboatRole" in id)]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"].pop()
    assert Table(made.resources).roles() != before
