"""The deployed rules against events as Atlas sends them, with a matcher that is not ours: the emulator's EventBridge.

The events have the two shapes of an Atlas trigger, plain and extended JSON, written by hand after its documentation:
none was recorded on an Atlas.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from ministack.services import eventbridge

from phaseline.cdk.bus import patterns
from tests.support.stacks import EVERYTHING, Made, make

EVENTS = {
    shape: json.loads((Path(__file__).parent / f"events/{shape}.json").read_text()) for shape in ("plain", "extended")
}
STATEMACHINE, ORCHESTRATOR, NOTIFICATIONS = "statemachine_job", "orchestrator_job", "notifications_job"
ROW, BOAT = "row", "rent_a_boat"

CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({"input": {"crew": "two"}}, {ROW}),
    ({"job": "rent_a_boat"}, {BOAT}),
    ({"job": "rent_a_boat", "name": "row"}, {BOAT}),
    ({"job": "nobody"}, set()),
    ({"input": {"captain": "Quint"}}, set()),
    ({"status": "started"}, set()),
    ({"status": "success"}, {STATEMACHINE, ORCHESTRATOR}),
    ({"status": "failed"}, {STATEMACHINE, ORCHESTRATOR}),
    ({"status": "skipped"}, {STATEMACHINE, ORCHESTRATOR}),
    ({"status": "heartbeat"}, set()),
    ({"kind": "phase", "status": "started", "job": None}, {STATEMACHINE, ORCHESTRATOR}),
    ({"kind": "phase", "status": "success", "job": None}, {STATEMACHINE}),
    ({"kind": "execution", "status": "started", "job": None}, {STATEMACHINE}),
    ({"kind": "execution", "status": "failed", "job": None}, {STATEMACHINE, NOTIFICATIONS}),
    ({"kind": "execution", "status": "cancel_requested", "job": None}, {STATEMACHINE, ORCHESTRATOR}),
    ({"kind": "execution", "status": "paused", "job": None}, set()),
    ({"kind": "job", "status": {"$ne": None}}, set()),
]
"""What a status is changed to, and who hears of it."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("rules"), EVERYTHING)


def matches(pattern: object, event: dict[str, Any]) -> bool:
    """What EventBridge's TestEventPattern says."""
    asked = {"EventPattern": json.dumps(pattern), "Event": json.dumps(event)}
    code, _, body = eventbridge._test_event_pattern(asked)
    assert code == 200, body
    return bool(json.loads(body)["Result"])


def hearing(made: Made, event: dict[str, Any]) -> set[str]:
    """Whose rules on the bus of statuses match."""
    names = {name.replace("_", ""): name for name in (STATEMACHINE, ORCHESTRATOR, NOTIFICATIONS, ROW, BOAT)}
    found = set()
    for id, rule in made.resources.items():
        pattern = rule.get("Properties", {}).get("EventPattern", {})
        if rule["Type"] == "AWS::Events::Rule" and "ns" in pattern.get("detail", {}) and matches(pattern, event):
            found |= {name for short, name in names.items() if short in id.lower()}
    return found


def changed(shape: str, **fields: Any) -> dict[str, Any]:
    event: dict[str, Any] = copy.deepcopy(EVENTS[shape])
    for key, value in fields.items():
        if value is None:
            del event["detail"]["fullDocument"][key]
        else:
            event["detail"]["fullDocument"][key] = value
    return event


def in_order(value: Any) -> str:
    """A name for a case that is the same in each process: sets have no order."""
    return str(sorted(value) if isinstance(value, set) else value)


@pytest.mark.parametrize("shape", EVENTS)
@pytest.mark.parametrize(("fields", "expected"), CASES, ids=in_order)
def test_a_status_reaches_those_whom_it_concerns(
    made: Made, shape: str, fields: dict[str, Any], expected: set[str]
) -> None:
    assert hearing(made, changed(shape, **fields)) == expected


@pytest.mark.parametrize("shape", EVENTS)
@pytest.mark.parametrize(
    "ns", [{"db": "other", "coll": "statuses"}, {"db": "phaseline_test", "coll": "state-machines"}]
)
def test_a_status_of_another_database_or_collection_reaches_nobody(made: Made, shape: str, ns: dict[str, str]) -> None:
    event = changed(shape)
    event["detail"]["ns"] = ns
    assert hearing(made, event) == set()


FILTERS: list[tuple[dict[str, Any], bool, bool]] = [
    ({"captain": ["Quint"]}, True, True),
    ({"captain": [{"prefix": "Qu"}]}, True, True),
    ({"captain": [{"prefix": {"equals-ignore-case": "qU"}}]}, True, True),
    ({"captain": [{"suffix": "int"}]}, True, True),
    ({"captain": [{"suffix": {"equals-ignore-case": "INT"}}]}, True, True),
    ({"captain": [{"equals-ignore-case": "quint"}]}, True, True),
    ({"captain": [{"wildcard": "Q*t"}]}, True, True),
    ({"captain": [{"wildcard": "q*t"}]}, False, False),
    ({"captain": [{"anything-but": "Hooper"}]}, True, True),
    ({"captain": [{"anything-but": ["Quint", "Hooper"]}]}, False, False),
    ({"captain": [{"anything-but": {"prefix": "Qu"}}]}, False, False),
    ({"captain": [{"anything-but": {"suffix": ["x", "y"]}}]}, True, True),
    ({"captain": [{"anything-but": {"equals-ignore-case": ["QUINT"]}}]}, False, False),
    ({"captain": [{"anything-but": {"wildcard": "H*"}}]}, True, True),
    ({"captain": [{"exists": True}], "mate": [{"exists": False}]}, True, True),
    ({"boat": {"sail": [True]}}, True, True),
    ({"boat": {"name": ["Orca"]}, "captain": ["Brody"]}, False, False),
    ({"boat.name": ["Orca"]}, True, True),
    ({"$or": [{"captain": ["Brody"]}, {"boat": {"name": ["Orca"]}}]}, True, True),
    ({"$where": ["sleep(1)"]}, True, True),
    # Extended JSON writes numbers as documents: another reason to keep it off.
    ({"crew": [2]}, True, False),
    ({"crew": [{"numeric": [">", 1, "<=", 2]}]}, True, False),
    ({"crew": [{"numeric": ["<", 2]}]}, False, False),
]
"""A filter, and whether it matches the input in plain and in extended JSON."""


@pytest.mark.parametrize(("given", "plain", "extended"), FILTERS, ids=str)
def test_a_filter_matches_as_eventbridge_does(given: dict[str, Any], plain: bool, extended: bool) -> None:
    pattern = {"detail": patterns.of_job("phaseline_test", "row", given)}
    assert (matches(pattern, EVENTS["plain"]), matches(pattern, EVENTS["extended"])) == (plain, extended)
