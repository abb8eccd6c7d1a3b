"""The tables of docs/security.md say what the template says."""

from __future__ import annotations

from pathlib import Path

import pytest

from phaseline.cdk import StarterUrl
from tests.support.role_table import PAGE, markdown, reason, section
from tests.support.stacks import EVERYTHING, Made, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("roles"), EVERYTHING, starter_url=StarterUrl.IAM)


def test_the_page_has_the_tables_of_the_template(made: Made) -> None:
    assert section(PAGE.read_text()) == markdown(made.resources), (
        "docs/security.md is behind: PYTHONPATH=.:constructs:lambdas python -m tests.support.role_table"
    )


def test_a_grant_without_a_reason_is_no_row(made: Made, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"why is s3:GetObject on \* allowed"):
        reason("s3:GetObject", "*")


def test_another_grant_is_another_table(made: Made, tmp_path: Path) -> None:
    changed = make(tmp_path, EVERYTHING)
    role = changed.resources[next(id for id in changed.resources if "rentaboatJobRole" in id)]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"].pop()
    assert markdown(changed.resources) != markdown(made.resources)
