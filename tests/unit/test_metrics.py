"""What a line of metrics says, held against Powertools and the published format; which status counts where."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from aws_lambda_powertools import Metrics

from phaseline_runtime.definition import Use
from phaseline_runtime.metrics import METRICS, Meter, metric_of
from phaseline_runtime.statuses import Status

NOW = datetime.now(UTC).replace(microsecond=0)
FAILED = Status(id="e/end/1", kind="execution", execution="e", state_machine="m", status="failed", at=NOW)
TRIGGERED = Status(
    id="e/1/rent/1/entry",
    kind="job",
    execution="e",
    state_machine="m",
    status="triggered",
    slot="entry",
    at=NOW,
    round=1,
    name="rent",
    job="rent_a_boat",
    attempt=1,
    start_by=NOW + timedelta(seconds=900),
)
USE = Use("rent", "rent_a_boat", start_timeout=900)

FORMAT = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                        "Unit": {"enum": ["Count", "Milliseconds"]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
"""What Amazon CloudWatch publishes of its embedded metric format: "Specification: Embedded metric format"."""


class Written:
    """A meter, and the lines that it has written."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.meter = Meter("phaseline_dev", lambda line: self.lines.append(json.loads(line)))


def check(line: dict[str, Any]) -> None:
    """The line is of the format, and all that it refers to is in it."""
    jsonschema.validate(line, FORMAT)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for name in {name for names in directive["Dimensions"] for name in names}:
            assert isinstance(line[name], str)
            assert 1 <= len(line[name]) <= 1024
        for metric in directive["Metrics"]:
            assert isinstance(line[metric["Name"]], int | float)


def test_a_line_is_what_powertools_would_have_written() -> None:
    theirs = Metrics(namespace="Phaseline")
    theirs.add_metric(name="ExecutionsFailed", unit="Count", value=1)
    theirs.add_dimension("Database", "phaseline_dev")
    theirs.add_dimensions(Database="phaseline_dev", StateMachine="m")
    theirs.add_metadata(key="execution", value="e")
    theirs.add_metadata(key="status", value="e/end/1")
    theirs.set_timestamp(int(NOW.timestamp() * 1000))
    expected = json.loads(json.dumps(theirs.serialize_metric_set()))
    theirs.clear_metrics()
    written = Written()
    written.meter.count([FAILED])
    (line,) = written.lines
    assert {**line, "ExecutionsFailed": [float(line["ExecutionsFailed"])]} == expected


def test_every_line_is_of_the_published_format() -> None:
    written = Written()
    started = replace(TRIGGERED, id="e/1/rent/1/start", status="started", at=NOW + timedelta(seconds=2))
    written.meter.count([FAILED, TRIGGERED, replace(TRIGGERED, attempt=2)])
    written.meter.attempt_started(TRIGGERED, started, USE)
    written.meter.attempt_ended(started, replace(started, status="success", at=NOW + timedelta(seconds=5.5)))
    written.meter.totals({"Repairs": 0, "RepairsFailed": 0}, NOW)
    for line in written.lines:
        check(line)
    assert [set(line) & set(METRICS) for line in written.lines] == [
        {"ExecutionsFailed"},
        {"Retries"},
        {"TimeToStart"},
        {"JobDuration"},
        {"Repairs", "RepairsFailed"},
    ]
    assert (written.lines[2]["TimeToStart"], written.lines[3]["JobDuration"]) == (2000, 3500)


def test_a_faulty_line_would_be_noticed() -> None:
    written = Written()
    written.meter.count([FAILED])
    (line,) = written.lines
    with pytest.raises(jsonschema.ValidationError):
        check({**line, "_aws": {}})
    with pytest.raises(KeyError):
        check({key: value for key, value in line.items() if key != "StateMachine"})


def test_what_is_unbounded_is_no_dimension() -> None:
    written = Written()
    written.meter.count([FAILED, replace(TRIGGERED, attempt=2)])
    dimensions = [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in written.lines]
    assert dimensions == [[["Database"], ["Database", "StateMachine"]], [["Database"], ["Database", "Job"]]]
    assert [line["execution"] for line in written.lines] == ["e", "e"]


def test_a_copy_that_was_sent_later_does_not_shorten_the_time_to_start() -> None:
    written = Written()
    copy = replace(TRIGGERED, slot="redelivery", at=NOW + timedelta(seconds=60))
    written.meter.attempt_started(copy, replace(copy, status="started", at=NOW + timedelta(seconds=61)), USE)
    assert written.lines[0]["TimeToStart"] == 61_000


def test_clocks_that_differ_make_no_negative_time() -> None:
    written = Written()
    written.meter.attempt_started(TRIGGERED, replace(TRIGGERED, at=NOW - timedelta(seconds=1)), USE)
    assert written.lines[0]["TimeToStart"] == 0


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (FAILED, "ExecutionsFailed"),
        (replace(FAILED, status="success"), "ExecutionsSucceeded"),
        (replace(FAILED, status="cancelled"), "ExecutionsCancelled"),
        (replace(FAILED, status="started"), None),
        (replace(FAILED, status="paused"), None),
        (Status(id="e/0/end", kind="phase", execution="e", state_machine="m", status="success"), "ExecutionsStarted"),
        (Status(id="e/1/end", kind="phase", execution="e", state_machine="m", status="failed", round=1), None),
        (TRIGGERED, None),
        (replace(TRIGGERED, attempt=2), "Retries"),
        (replace(TRIGGERED, attempt=2, slot="redelivery"), "Redeliveries"),
        (replace(TRIGGERED, status="started", slot="start"), None),
        (replace(TRIGGERED, status="success", slot="end"), None),
        (replace(TRIGGERED, status="failed", slot="end"), "AttemptsFailed"),
        (replace(TRIGGERED, status="failed", slot="start"), "AttemptsFailed"),
        (replace(TRIGGERED, status="late", slot="late"), None),
        (replace(TRIGGERED, status="skipped"), None),
    ],
)
def test_which_status_counts_where(status: Status, name: str | None) -> None:
    assert metric_of(status) == name


def test_outside_of_lambda_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Meter().count([FAILED])
    Meter().totals({"Repairs": 1}, NOW)
    assert capsys.readouterr().out == ""
