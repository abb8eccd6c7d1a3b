"""A function whose variables or rights are more than AWS takes is refused, whatever it is that makes them so many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phaseline.cdk import MongoConnection
from phaseline_runtime.errors import UserError
from tests.support.stacks import CONFIG, make, statements

LONG = MongoConnection.secret("a/" * 256)


def with_job(more: str) -> str:
    return CONFIG.replace("{code: jobs/boat}", f"{{code: jobs/boat, {more}}}")


def test_variables_with_ours_are_as_large_as_lambda_takes_at_most(tmp_path: Path) -> None:
    """Each may be within its own limit: those of the job, and the name of the secret."""
    text = with_job(f"environment: {{CHART: {'x' * 3_450}}}")
    with pytest.raises(UserError, match=r"rent_a_boat: its variables have 4\d\d\d bytes, .*; Lambda takes 4096: keep"):
        make(tmp_path, text, mongo=LONG)
    assert make(tmp_path, text)


def test_variables_are_measured_as_lambda_does_with_quotes_and_commas(tmp_path: Path) -> None:
    def text(count: int) -> str:
        return with_job("environment: {{{}}}".format(", ".join(f"V{n:03d}: xx" for n in range(count))))

    made = make(tmp_path, text(328))
    found = made.one("AWS::Lambda::Function", "Jobsrentaboat")["Environment"]["Variables"]
    assert 4_080 < len(json.dumps(found, separators=(",", ":"))) <= 4_096
    with pytest.raises(UserError, match="rent_a_boat: its variables have"):
        make(tmp_path, text(329))


def test_secrets_are_read_by_one_statement_which_leaves_room_for_more_of_them(tmp_path: Path) -> None:
    secrets = ", ".join(f"S{n:02d}: company/team/{n:02d}" for n in range(60))
    made = make(tmp_path, with_job(f"secrets: {{{secrets}}}"))
    reads = [
        item
        for item in statements(made.one("AWS::IAM::Role", "Jobsrentaboat"))
        if item["Action"] == "secretsmanager:GetSecretValue"
    ]
    assert sorted(len(item["Resource"]) for item in reads if isinstance(item["Resource"], list)) == [60]


def test_more_channels_than_a_role_takes_secrets_are_refused(tmp_path: Path) -> None:
    def text(count: int) -> str:
        name = "company/platform/team-{:03d}/phaseline/webhook-address-of-channel"
        channel = "  - {{to: webhook, url_secret: {}, events: [execution.failed]}}\n"
        return f"{CONFIG}notifications:\n" + "".join(channel.format(name.format(number)) for number in range(count))

    assert make(tmp_path, text(50))
    with pytest.raises(UserError, match="notifications_job: what its role may do has"):
        make(tmp_path, text(80))
