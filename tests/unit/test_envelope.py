"""What an event tells of its status: in both shapes of Atlas, and what is said of one that tells of none."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from phaseline_runtime.envelope import notice, status_id
from phaseline_runtime.statuses import Status

EVENTS = Path(__file__).parents[1] / "synth" / "events"
TOLD = Status(
    id="4711/1/row/1/entry",
    kind="job",
    execution="4711",
    state_machine="trip",
    phase="thinking",
    round=1,
    name="row",
    job="row",
    attempt=1,
    status="triggered",
    slot="entry",
    cause="4711/1/start",
)


def event(shape: str) -> Any:
    return json.loads((EVENTS / f"{shape}.json").read_text())


def with_(key: str, value: Any) -> Any:
    changed = event("plain")
    changed["detail"]["fullDocument"][key] = value
    return changed


def without(*path: str) -> Any:
    changed = event("plain")
    within = changed
    for key in path[:-1]:
        within = within[key]
    del within[path[-1]]
    return changed


@pytest.mark.parametrize("shape", ["plain", "extended"])
def test_an_event_tells_the_same_in_both_shapes(shape: str) -> None:
    assert notice(event(shape)) == TOLD
    assert status_id(event(shape)) == TOLD.id


@pytest.mark.parametrize("number", [1, {"$numberInt": "1"}, {"$numberLong": "1"}], ids=str)
def test_a_whole_number_is_one_however_it_is_written(number: Any) -> None:
    assert notice(with_("round", number)).round == 1


def test_a_null_is_nothing_where_nothing_is_needed() -> None:
    assert notice(with_("cause", None)).cause is None
    assert notice(with_("visit", None)).visit is None


FAULTS = [
    (None, "the event has to be an object, and is null"),
    ([], "the event has to be an object, and is a list"),
    ({}, "detail is missing"),
    ({"detail": "{}"}, "detail has to be an object, and is a text"),
    (without("detail", "fullDocument"), "detail.fullDocument is missing"),
    ({"detail": {"fullDocument": 7}}, "detail.fullDocument has to be an object, and is a number"),
    (without("detail", "fullDocument", "_id"), "detail.fullDocument._id is missing"),
    (with_("_id", {"$oid": "0" * 24}), "detail.fullDocument._id has to be a text, and is an object"),
    (with_("_id", "\ud800"), "detail.fullDocument._id is no text that UTF-8 has"),
]
"""What is no event of any status, for whoever asks."""


@pytest.mark.parametrize("ask", [notice, status_id])
@pytest.mark.parametrize(("given", "said"), FAULTS, ids=[said for _, said in FAULTS])
def test_what_is_no_event_of_a_status_is_said(ask: Any, given: Any, said: str) -> None:
    before = copy.deepcopy(given)
    with pytest.raises(ValueError, match=f"^not an event of a status: {said}$"):
        ask(given)
    assert given == before


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("execution", {"$gt": ""}, "has to be a text, and is an object"),
        ("execution", None, "has to be a text, and is null"),
        ("status", 5, "has to be a text, and is a number"),
        ("stateMachine", True, "has to be a text, and is true or false"),
        ("kind", "boat", "is none of job, phase, execution"),
        ("slot", "stern", "is none of wait, entry, redelivery, start, heartbeat, end, late"),
        ("name", ["row"], "has to be a text, and is a list"),
        ("round", "1", "has to be a whole number, and is a text"),
        ("round", 1.5, "has to be a whole number, and is a number"),
        ("attempt", True, "has to be a whole number, and is true or false"),
        ("number", {"$numberInt": "one"}, "has to be a whole number, and is an object"),
        ("visit", {"$numberLong": 1}, "has to be a whole number, and is an object"),
    ],
)
def test_a_key_of_another_kind_is_named(key: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^not an event of a status: detail.fullDocument.{key} {said}$"):
        notice(with_(key, value))


@pytest.mark.parametrize("key", ["kind", "execution", "stateMachine", "status", "name", "slot"])
def test_a_key_that_is_missing_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=f"^not an event of a status: detail.fullDocument.{key} is missing$"):
        notice(without("detail", "fullDocument", key))
