"""What stands in for a job: each kind of mock, by attempt, and what is refused."""

from __future__ import annotations

import shutil
from functools import partial
from typing import Any
from unittest.mock import MagicMock

import pytest

from phaseline.config import load
from phaseline.testing import fails, returns, run, takes
from phaseline_runtime.errors import RECORDED, UserError
from tests.testing.conftest import Write

ONE = {"p": {"jobs": {"a": {"retry": {"interval": "1s", "max_attempts": 4, "backoff_rate": 1}}}}}


def outcomes(result: Any, name: str = "a") -> list[Any]:
    return [attempt.error["type"] if attempt.error else attempt.output for attempt in result.attempts_of(name)]


class BoatTaken(Exception):
    """Somebody else has the boat."""


@pytest.mark.parametrize(
    ("mock", "expected"),
    [
        (returns({"boat": "Nixe"}), [{"boat": "Nixe"}]),
        (fails("BoatTaken", times=2), ["BoatTaken", "BoatTaken", "a"]),
        (fails(BoatTaken("gone"), times=1), ["BoatTaken", "a"]),
        (fails(BoatTaken, times=1), ["BoatTaken", "a"]),
        (BoatTaken, ["BoatTaken"] * 5),
        (fails("BoatTaken", times=1).then(returns(7)), ["BoatTaken", 7]),
        (fails("A", times=1).then(fails("B", times=2)).then(returns(1)), ["A", "B", "B", 1]),
        ([fails("A"), fails("B"), returns(3)], ["A", "B", 3]),
        (lambda event, context: [event, context.function_name], [[{"n": 1}, "a"]]),
        (takes("5s", returns(2)), [2]),
        (takes(5), ["a"]),
        (fails("Phaseline.Crashed", times=1), ["Phaseline.Crashed", "a"]),
        (fails("Phaseline.Unavailable", times=2), ["Phaseline.Unavailable", "Phaseline.Unavailable", "a"]),
        (fails("Phaseline.NotStarted", times=1), ["Phaseline.NotStarted", "a"]),
        (fails("Phaseline.Timeout", times=1), ["Phaseline.Timeout", "a"]),
        (fails("Phaseline.OutputTooLarge", times=1), ["Phaseline.OutputTooLarge", "a"]),
        (fails("Phaseline.TransactionConflict", times=1), ["Phaseline.TransactionConflict", "a"]),
        (fails("Phaseline.TransactionTooLong", times=1), ["Phaseline.TransactionTooLong", "a"]),
    ],
)
def test_each_kind_of_mock_does_what_it_says_by_attempt(project: Write, mock: Any, expected: list[Any]) -> None:
    assert outcomes(run(project(ONE), "m", {"n": 1}, mocks={"a": mock})) == expected


def test_a_mock_counts_over_all_rounds(project: Write) -> None:
    phases = {
        "p": {"jobs": {"a": {}}, "next": [{"when": {"results.a": {"$lt": 3}}, "to": "p"}, {"to": "q"}]},
        "q": {"jobs": {"b": {"job": "a"}}},
    }
    result = run(project(phases), "m", mocks={"a": returns(1, 2, 3, 4)})
    assert outcomes(result) == [1, 2, 3]
    assert outcomes(result, "b") == [4], "the name of the job stands for all of its uses"


def test_the_name_in_the_machine_goes_before_the_name_of_the_job(project: Write) -> None:
    phases = {"p": {"jobs": {"first": {"job": "a"}, "second": {"job": "a"}}}}
    result = run(project(phases), "m", mocks={"second": returns(2), "a": returns(1)})
    assert result.outputs == {"first": 1, "second": 2}


def test_an_error_has_its_name_and_its_message(project: Write) -> None:
    result = run(project({"p": {"jobs": {"a": {}}}}), "m", mocks={"a": fails("BoatTaken", "by the mayor")})
    assert result.errors == {"a": {"type": "BoatTaken", "message": "by the mayor"}}
    assert result.error is not None
    assert result.error["type"] == "BoatTaken"


def test_whatever_can_be_called_as_a_handler_is_one(project: Write) -> None:
    def with_a_default(event: Any, context: Any, more: int = 5) -> int:
        return more

    handlers = [with_a_default, MagicMock(return_value=6), partial(lambda n, event, context: n, 7), lambda *_: 8]
    file = project({"p": {"jobs": {f"h{n}": {"job": "a"} for n in range(len(handlers))}}}, jobs={"a": {}})
    result = run(file, "m", mocks={f"h{n}": handler for n, handler in enumerate(handlers)})
    assert result.outputs == {"h0": 5, "h1": 6, "h2": 7, "h3": 8}


def test_a_job_in_another_language_fails_under_its_own_names(project: Write) -> None:
    retry = {"errors": "java.io.IOException", "interval": "5s"}
    file = project({"p": {"jobs": {"a": {"retry": retry}}}})
    result = run(file, "m", mocks={"a": fails("java.io.IOException", "broken pipe", times=1).then(returns(1))})
    assert result.retries == [("a", 5)]
    assert result.attempts_of("a")[0].error["message"] == "broken pipe"  # type: ignore[index]


def test_a_handler_with_three_arguments_gets_a_session(project: Write) -> None:
    def pay(event: Any, context: Any, session: Any) -> bool:
        return bool(session.in_transaction)

    assert run(project(ONE), "m", mocks={"a": pay}).outputs == {"a": True}


def test_an_output_that_cannot_be_stored_is_the_job_s_failure(project: Write) -> None:
    result = run(project({"p": {"jobs": {"a": {}}}}), "m", mocks={"a": returns(object())})
    assert result.errors["a"]["type"] == "OutputNotStorable"


UNDONE = {"p": {"jobs": {"a": {"compensate": "u"}, "b": {"after": "a", "compensate": "u"}, "c": {"after": "b"}}}}


def test_a_compensation_is_mocked_by_the_name_that_the_results_have_for_it(project: Write) -> None:
    mocks = {"c": fails("Storm"), "undo-a-1": fails("Sunk"), "u": returns("undone")}
    result = run(project(UNDONE, jobs={"u": {}}), "m", mocks=mocks)
    assert (outcomes(result, "undo-b-1"), outcomes(result, "undo-a-1")) == (["undone"], ["Sunk"])


def test_a_compensation_without_code_here_is_mocked_as_the_error_says(project: Write) -> None:
    config = load(project(UNDONE, jobs={"u": {}}))
    shutil.rmtree(str(config.jobs["u"].code))
    mocks: dict[str, Any] = {"c": fails("Storm")}
    for name in ("undo-b-1", "undo-a-1"):
        with pytest.raises(UserError, match=rf"job u cannot run here: .* mock it: mocks=\{{'{name}': returns"):
            run(config, "m", mocks=mocks)
        mocks[name] = returns(1)
    assert run(config, "m", mocks=mocks).error == {
        "type": "Storm",
        "message": "Storm",
        "job": "c",
        "undone": [{"job": "b", "round": 1}, {"job": "a", "round": 1}],
        "notUndone": [],
    }


@pytest.mark.parametrize("name", ["undo-c-1", "undo-a", "undo-x-1", "undo-u-1"])
def test_what_nothing_compensates_has_no_compensation_to_mock(name: str, project: Write) -> None:
    with pytest.raises(UserError, match=rf"mocks: there is no job '{name}' in m \(allowed a, b, c, u"):
        run(project(UNDONE, jobs={"u": {}}), "m", mocks={name: returns(1)})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: {"rent_boat": returns(1)},
            r"mocks: there is no job 'rent_boat' in m \(allowed rent_a_boat; did you mean rent_a_boat\?\)",
        ),
        (lambda: {"rent_a_boat": 5}, "mocks: rent_a_boat: got 5; allowed are fails"),
        (lambda: {"rent_a_boat": []}, r"mocks: rent_a_boat: got \[\]"),
        (lambda: {"rent_a_boat": fails("no name")}, "fails: got 'no name'; allowed is the name of an error"),
        (lambda: {"rent_a_boat": fails(5)}, "fails: got 5; allowed are the name of an error, an exception"),  # type: ignore[arg-type]
        (lambda: {"rent_a_boat": fails}, "mocks: rent_a_boat: got <function fails"),
        (lambda: {"rent_a_boat": lambda event: event}, "mocks: rent_a_boat: got <function"),
        (lambda: ["rent_a_boat"], r"mocks: got \['rent_a_boat'\]; allowed is a mapping"),
        (
            lambda: {"rent_a_boat": fails("Phaseline.Storm")},
            "fails: got Phaseline.Storm, which no job can cause; allowed",
        ),
        (lambda: {"rent_a_boat": fails("A", times=0)}, "fails: got times=0"),
        (lambda: {"rent_a_boat": takes("soon")}, "takes: got 'soon'; allowed are seconds, or 30s"),
        (lambda: {"rent_a_boat": takes(-1)}, "takes: got -1"),
        (lambda: {"rent_a_boat": takes("20s", heartbeat=0)}, "takes: heartbeat: got 0; allowed is what takes time"),
        (
            lambda: {"rent_a_boat": fails(UnicodeDecodeError)},
            r"fails: a UnicodeDecodeError cannot be made so \(.*5 arguments",
        ),
        (
            lambda: {"rent_a_boat": fails(UnicodeDecodeError("utf-8", b"", 0, 1, "x"), "y")},
            "fails: a UnicodeDecodeError cannot be made so",
        ),
        (lambda: {"rent_a_boat": returns()}, "returns: got no value"),
        (lambda: {"rent_a_boat": returns(1).then(returns(2))}, "then: what stands before it is for every attempt"),
    ],
)
def test_a_mock_that_is_none_is_said_at_once(project: Write, make: Any, said: str) -> None:
    file = project({"p": {"jobs": {"rent_a_boat": {}}}})
    with pytest.raises(UserError, match=said):
        run(file, "m", mocks=make())


def test_every_recorded_error_is_either_mocked_or_refused() -> None:
    refused = []
    for name in RECORDED:
        try:
            fails(name)
        except UserError:
            refused.append(name)
    assert set(refused) == {"Phaseline.ExpressionFailed", "Phaseline.WaitForNotMet"}
