"""Retries, timeouts, deadlines and lost events, as the engine decides them; time passes when a test says so."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phaseline_runtime import slots
from phaseline_runtime.definition import Action, Definition, Fail, OnFailure, Phase, Retry, Use, Wait
from phaseline_runtime.engine import requests
from phaseline_runtime.engine.giving_up import give_up_at
from phaseline_runtime.engine.questions import Answer, Kind
from phaseline_runtime.engine.reconcile import reconcile
from phaseline_runtime.engine.requests import Request
from phaseline_runtime.engine.retrying import with_retry
from phaseline_runtime.statuses import Status
from tests.support.world import Still, World

AT = datetime(2026, 1, 1, tzinfo=UTC)


def machine(*phases: Phase, deadline: float | None = None) -> Definition:
    return Definition("m", phases, deadline=deadline)


class Failing:
    """A handler that fails so many times, then succeeds."""

    def __init__(self, times: int, error: type[Exception] = ValueError) -> None:
        self.left, self.error, self.inputs = times, error, list[Any]()

    def __call__(self, given: Any) -> str:
        self.inputs.append(given)
        self.left -= 1
        if self.left >= 0:
            raise self.error("no boat")
        return "done"


# Which retry, and when.


def failed(error: str, attempt: int = 1) -> Status:
    slot = slots.attempt_end("e", 1, "a", attempt)
    values: dict[str, Any] = {"kind": "job", "execution": "e", "state_machine": "m", "attempt": attempt}
    return Status(id=slot, status="failed", error={"type": error}, at=AT, **values)


def delays(policy: Retry, error: str = "E") -> list[float]:
    """The delays of all retries that a policy gives one after the other, in seconds."""
    use, used, found = Use("a", "j", retry=(policy,)), list[int](), list[float]()
    while (retry := with_retry(failed(error, len(found) + 1), use, used).retry) is not None:
        found.append((retry["at"] - AT).total_seconds())
        assert retry["attempt"] == len(found) + 1
        used = retry["used"]
    return found


def test_the_defaults_are_those_of_amazon_states_language() -> None:
    assert delays(Retry()) == [1, 2, 4]


def test_no_attempts_means_no_retry() -> None:
    assert delays(Retry(max_attempts=0)) == []


def test_a_delay_is_cut_to_the_longest() -> None:
    assert delays(Retry(max_attempts=5, interval=2, backoff_rate=3, max_delay=20)) == [2, 6, 18, 20, 20]
    assert max(delays(Retry(max_attempts=2_000, backoff_rate=10))) == timedelta(days=365).total_seconds()


def test_jitter_is_within_the_delay_and_the_same_for_everybody() -> None:
    policy = Retry(max_attempts=4, interval=8, jitter=True)
    found = delays(policy)
    assert found == delays(policy)
    assert all(0 <= delay <= 8 * 2**index for index, delay in enumerate(found))
    assert len(set(found)) == 4


def test_jitter_is_a_share_of_the_delay_that_depends_on_the_attempt_alone() -> None:
    policy = Retry(max_attempts=200, interval=1000, backoff_rate=1, jitter=True)
    shares = [delay / 1000 for delay in delays(policy)]
    assert min(shares) < 0.05
    assert max(shares) > 0.95
    assert delays(replace(policy, interval=3000)) == pytest.approx([3000 * share for share in shares], abs=0.002)


@pytest.mark.parametrize(
    ("error", "expected"),
    [("A", [1]), ("B", [5, 5]), ("Never", []), ("Phaseline.Crashed", [5, 5])],
)
def test_the_first_policy_that_matches_decides(error: str, expected: list[float]) -> None:
    policies = (
        Retry(errors=("A",), max_attempts=1),
        Retry(never=("Never",), max_attempts=2, interval=5, backoff_rate=1),
    )
    use, used, found = Use("a", "j", retry=policies), list[int](), list[float]()
    while (retry := with_retry(failed(error, len(found) + 1), use, used).retry) is not None:
        found.append((retry["at"] - AT).total_seconds())
        used = retry["used"]
    assert found == expected


def test_an_error_that_says_nothing_is_covered_by_a_policy_for_all() -> None:
    found = with_retry(replace(failed("E"), error=None), Use("a", "j", retry=(Retry(),)), ())
    assert found.retry == {"attempt": 2, "at": AT + timedelta(seconds=1), "used": [1]}


def test_each_policy_counts_its_own_retries() -> None:
    use = Use("a", "j", retry=(Retry(errors=("A",), max_attempts=1), Retry(errors=("B",), max_attempts=1)))
    first = with_retry(failed("A"), use, ())
    assert first.retry is not None
    second = with_retry(failed("B", 2), use, first.retry["used"])
    assert second.retry is not None
    assert second.retry["used"] == [1, 1]
    assert with_retry(failed("A", 3), use, second.retry["used"]).retry is None


# Retries in an execution.


def test_a_retry_gets_the_same_input_again_and_its_followers_wait() -> None:
    job = Failing(2)
    phase = Phase("p", (Use("a", "j", retry=(Retry(),), input="x"), Use("b", "j", ("a",))))
    world = World(machine(phase), jobs={"a": job}, evaluate=lambda *_: Answer({"n": 7}))
    document = world.run()
    assert document["status"] == "success"
    assert job.inputs == [{"n": 7}] * 3
    assert world.of("a") == ["triggered", "failed", "triggered", "failed", "triggered", "success"]
    assert "a" not in document["errors"]
    assert list(world.statuses).index("e/1/a/3/end") < list(world.statuses).index("e/1/b/1/entry")


def test_when_retries_are_used_up_the_failure_counts() -> None:
    phase = Phase("p", (Use("a", "j", retry=(Retry(max_attempts=1),)),))
    document = World(machine(phase), jobs={"a": Failing(9)}).run()
    assert document["status"] == "failed"
    assert document["error"]["job"] == "a"


def test_a_failing_round_gives_up_pending_retries() -> None:
    phase = Phase("p", (Use("a", "j", retry=(Retry(interval=3600),)), Use("b", "j")))
    world = World(machine(phase), jobs={"a": Failing(9), "b": Failing(9)})
    document = world.run()
    assert document["status"] == "failed"
    assert document["error"]["job"] == "b"
    assert world.of("a") in (["triggered", "failed", "cancelled:failing"], ["triggered", "cancelled:failing"])
    assert world.now < AT + timedelta(hours=1)


def test_a_clean_up_is_retried_in_a_failing_round() -> None:
    phase = Phase("p", (Use("a", "j"), Use("tidy", "j", ("a",), run_if="all_done", retry=(Retry(),))))
    world = World(machine(phase), jobs={"a": Failing(9), "tidy": Failing(1)})
    assert world.run()["status"] == "failed"
    assert world.of("tidy") == ["triggered", "failed", "triggered", "success"]


@pytest.mark.parametrize(("error", "phase"), [(KeyError, "r"), (ValueError, "s")])
def test_a_failure_leads_where_its_error_says(error: type[Exception], phase: str) -> None:
    ways = (OnFailure(Action.TO, "r", ("KeyError",)), OnFailure(Action.TO, "s"))
    world = World(
        machine(
            Phase("p", (Use("a", "j", on_failure=ways),)),
            Phase("r", (Use("b", "j"),)),
            Phase("s", (Use("c", "j"),)),
        ),
        jobs={"a": Failing(9, error)},
    )
    world.run()
    assert world.phases()[:2] == ["p", phase]


def test_an_error_that_no_handler_names_fails_the_execution() -> None:
    phase = Phase("p", (Use("a", "j", on_failure=(OnFailure(Action.CONTINUE, None, ("KeyError",)),)),))
    assert World(machine(phase), jobs={"a": Failing(9)}).run()["status"] == "failed"


# What does not happen in time. Here the world stands still: nothing starts and nothing ends unless the test says so.


def still(*phases: Phase, deadline: float | None = None) -> Still:
    world = Still(machine(*phases, deadline=deadline))
    world.advance()
    return world


def test_a_lost_trigger_is_sent_again_with_growing_patience_and_given_up_in_the_end() -> None:
    world = still(Phase("p", (Use("a", "j", start_timeout=600),)))
    world.later(seconds=59)
    assert "e/1/a/1/redelivery/1" not in world.statuses
    world.later(seconds=1)
    assert world.statuses["e/1/a/1/redelivery/1"].input == {}
    world.later(seconds=119)
    assert "e/1/a/1/redelivery/2" not in world.statuses
    world.later(seconds=1)
    assert "e/1/a/1/redelivery/2" in world.statuses
    world.later(seconds=420)
    error = world.statuses["e/1/a/1/start"].error
    assert error is not None
    assert error["type"] == "Phaseline.NotStarted"
    assert world.document["status"] == "failed"


def test_an_attempt_that_does_not_end_is_given_up_after_what_lambda_allows_and_the_skew_of_clocks() -> None:
    world = still(Phase("p", (Use("a", "j", timeout=60),)))
    world.start()
    world.later(seconds=89)
    assert world.document["status"] == "running"
    world.later(seconds=1)
    assert world.document["error"]["type"] == "Phaseline.Timeout"


def test_a_timeout_is_retried_like_any_error() -> None:
    world = still(Phase("p", (Use("a", "j", timeout=60, retry=(Retry(errors=("Phaseline.Timeout",)),)),)))
    world.start()
    world.later(seconds=90)
    assert "e/1/a/2/entry" not in world.statuses
    world.later(seconds=1)
    assert world.statuses["e/1/a/2/entry"].used == (1,)
    world.start()
    world.later(seconds=90)
    world.later(seconds=2)
    assert world.statuses["e/1/a/3/entry"].used == (2,)


def test_a_phase_past_its_deadline_starts_nothing_more_and_fails_when_what_runs_has_ended() -> None:
    world = still(Phase("p", (Use("a", "j", timeout=600), Use("b", "j", ("a",))), deadline=120))
    world.start()
    world.later(seconds=119)
    assert "overdue" not in world.document["round"]
    world.later(seconds=1)
    assert world.document["round"]["overdue"] == world.now
    assert world.document["status"] == "running"
    world.run()
    assert world.document["error"]["type"] == "Phaseline.Timeout"
    assert world.of("b") == ["skipped:failing"]


def test_a_phase_past_its_deadline_may_lead_elsewhere() -> None:
    late = (OnFailure(Action.TO, "q", ("Phaseline.Timeout",)),)
    world = still(Phase("p", (Use("a", "j"),), deadline=30, on_failure=late), Phase("q", (Use("b", "j"),)))
    world.later(seconds=30)
    assert world.of("a") == ["triggered", "cancelled:failing"]
    assert world.phases() == ["p", "q"]


def test_an_execution_past_its_deadline_fails_whatever_its_jobs_say() -> None:
    anyway = (OnFailure(Action.CONTINUE),)
    world = still(Phase("p", (Use("a", "j", on_failure=anyway),), on_failure=anyway), deadline=3600)
    world.start()
    world.later(seconds=3600)
    assert world.document["status"] == "failed"
    assert "deadline" in world.document["error"]["message"]


def test_the_input_of_an_attempt_is_asked_for_by_the_id_of_its_first_trigger() -> None:
    world = still(Phase("p", (Use("a", "j"),)))
    plan = reconcile(world.definition, world.document, {}, world.now + timedelta(minutes=1))
    assert [(question.kind, question.text) for question in plan.questions] == [(Kind.INPUT_OF, "e/1/a/1/entry")]


# Pause and cancel, as statuses that a client inserts.


def request(world: Still, status: str, number: int) -> None:
    slot = {"paused": slots.pause, "resumed": slots.pause, "cancel_requested": slots.cancel_requested}[status]
    values: Mapping[str, Any] = {"kind": "execution", "status": status, "number": number}
    world.insert(replace(world.started, id=slot("e", number), at=world.now, input=None, definition=None, **values))


def test_a_paused_execution_triggers_nothing_and_goes_on_where_it_was() -> None:
    world = still(Phase("p", (Use("a", "j"), Use("b", "j", ("a",)))), Phase("q", (Use("c", "j"),)))
    request(world, "paused", 1)
    assert world.run()["status"] == "paused"
    assert world.of("a") == ["triggered", "success"]
    assert world.of("b") == []
    request(world, "resumed", 2)
    assert world.run()["status"] == "success"


def test_the_time_in_which_an_attempt_has_to_start_begins_anew_at_resume() -> None:
    world = still(Phase("p", (Use("a", "j", start_timeout=60),)))
    world.later(seconds=30)
    request(world, "paused", 1)
    world.later(hours=5)
    assert world.document["status"] == "paused"
    request(world, "resumed", 2)
    world.later(seconds=59)
    assert world.of("a") == ["triggered"]
    world.later(seconds=1)
    assert world.of("a")[-1] == "failed"


def test_a_paused_execution_ends_its_round_and_opens_no_other() -> None:
    world = still(Phase("p", (Use("a", "j"),)), Phase("q", (Use("b", "j"),)))
    for number, phases in ((1, ["p"]), (3, ["p", "q"])):
        request(world, "paused", number)
        assert world.run()["status"] == "paused", "nor does it end after its last round"
        assert world.phases() == phases
        assert slots.round_end("e", len(phases)) in world.statuses
        request(world, "resumed", number + 1)
        world.advance()
    assert world.document["status"] == "success"


def test_a_paused_execution_chooses_no_first_phase() -> None:
    world = Still(machine(Phase("p", (Use("a", "j"),))))
    request(world, "paused", 1)
    world.advance()
    assert slots.round_end("e", 0) not in world.statuses
    request(world, "resumed", 2)
    assert world.run()["status"] == "success"


def test_what_becomes_due_in_a_pause_waits_for_the_resume() -> None:
    failing = Use("a", "j", retry=(Retry(interval=5),))
    world = still(Phase("p", (failing, Use("b", "j", wait=Wait(60)))))
    world.jobs["a"] = Failing(1)
    world.start()
    world.end()
    world.advance()
    request(world, "paused", 1)
    world.later(hours=1)
    assert (world.of("a"), world.of("b")) == (["triggered", "failed"], ["waiting"])
    request(world, "resumed", 2)
    world.advance()
    assert (world.of("a")[-1], world.of("b")[-1]) == ("triggered", "triggered")


def test_a_phase_that_only_waits_does_not_end_in_a_pause() -> None:
    world = still(Phase("p", (), wait=Wait(60)), Phase("q", (), wait=Wait(60)))
    request(world, "paused", 1)
    world.later(hours=1)
    assert slots.round_end("e", 1) not in world.statuses
    request(world, "resumed", 2)
    world.advance()
    assert slots.round_wait("e", 2) in world.statuses


def test_a_phase_entered_in_a_pause_waits_from_the_resume_on() -> None:
    definition = machine(Phase("p", (Use("a", "j"),), wait=Wait(60)))
    world = Still(definition)
    first = reconcile(definition, world.document, {}, world.now).statuses[:2]
    for status in first:
        world.insert(status)
    request(world, "paused", 1)
    world.later(hours=1)
    assert slots.round_wait("e", 1) not in world.statuses
    request(world, "resumed", 2)
    world.advance()
    assert world.statuses[slots.round_wait("e", 1)].due == world.now + timedelta(seconds=60)


def test_each_life_of_an_execution_has_a_deadline_of_its_own() -> None:
    world = still(Phase("p", (Use("a", "j"),)), deadline=600)
    world.later(seconds=601)
    assert world.document["status"] == "failed"
    digest = str(world.started.definition)
    world.insert(requests.redrive(world.document, world.definition, digest, Request(at=world.now)))
    world.advance()
    assert world.document["status"] == "running"
    world.later(seconds=601)
    assert {slots.execution_overdue("e", 0), slots.execution_overdue("e", 2)} <= world.statuses.keys()
    assert world.document["status"] == "failed"


def test_a_redrive_in_the_midst_of_a_phase_does_not_wait_for_it_again() -> None:
    world = Still(machine(Phase("p", (Use("a", "j"), Use("b", "j", ("a",))), wait=Wait(60))), jobs={"b": Failing(1)})
    assert world.run()["status"] == "failed"
    digest = str(world.started.definition)
    world.insert(requests.redrive(world.document, world.definition, digest, Request(at=world.now)))
    world.advance()
    assert slots.entry("e", 2, "b") in world.statuses
    assert world.run()["status"] == "success"


def test_signs_of_life_put_off_no_timeout() -> None:
    use = Use("a", "j", timeout=60, heartbeat=50)
    assert give_up_at(use, AT, AT) == AT + timedelta(seconds=70)
    assert give_up_at(use, AT, AT + timedelta(seconds=55)) == AT + timedelta(seconds=90)


def test_an_execution_that_is_paused_between_two_rounds_passes_its_deadline() -> None:
    world = still(Phase("p", (Use("a", "j"),)), Phase("q", (Use("b", "j"),)), deadline=600)
    request(world, "paused", 1)
    world.start()
    world.end()
    world.later(seconds=1)
    assert (world.document["status"], world.phases()) == ("paused", ["p"])
    world.later(seconds=600)
    assert (world.document["status"], world.document["error"]["type"]) == ("failed", "Phaseline.Timeout")
    assert world.of("b") == ["skipped:failing"]


def test_a_cancel_before_the_first_round_counts_more_than_a_deadline() -> None:
    world = Still(machine(Phase("p", (Use("a", "j"),)), deadline=600))
    request(world, "cancel_requested", 0)
    world.later(seconds=601)
    assert "e/overdue/0" in world.statuses
    assert world.document["status"] == "cancelled"


def test_after_a_cancel_nothing_starts_and_what_runs_is_left_to_end() -> None:
    world = still(Phase("p", (Use("a", "j"), Use("b", "j"), Use("c", "j", ("a",)))), Phase("q", (Use("d", "j"),)))
    world.start()
    request(world, "cancel_requested", 0)
    world.advance()
    assert world.document["status"] == "running"
    assert world.of("b") == ["triggered", "cancelled:cancel"]
    assert world.of("c") == ["cancelled:cancel"]
    assert world.run()["status"] == "cancelled"
    assert world.phases() == ["p"]


def test_a_paused_execution_can_be_cancelled() -> None:
    world = still(Phase("p", (Use("a", "j"),)))
    request(world, "paused", 1)
    request(world, "cancel_requested", 0)
    assert world.run()["status"] == "cancelled"


# Waiting, signs of life, and phases that end the execution.


def test_a_phase_waits_before_its_jobs() -> None:
    world = still(Phase("p", (Use("a", "j"),), wait=Wait(600)))
    assert world.of("a") == []
    world.later(seconds=599)
    assert world.of("a") == []
    world.later(seconds=1)
    assert world.of("a") == ["triggered"]


def test_a_job_waits_until_the_time_that_an_expression_gives_and_its_like_do_not() -> None:
    at = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
    phase = Phase("p", (Use("a", "j", when="yes", wait=Wait(until="x")), Use("b", "j")))
    world = Still(machine(phase), evaluate=lambda question, _: Answer(at if question.text == "x" else True))
    world.advance()
    assert world.statuses["e/1/a/wait"].due == at
    assert world.of("b") == ["triggered"]
    world.later(minutes=5)
    assert world.of("a") == ["waiting", "triggered"]
    assert world.run()["status"] == "success"


def test_the_input_of_a_job_that_waits_is_asked_for_when_it_has_waited() -> None:
    waits = (Use("a", "j", wait=Wait(60), input="x"), Use("b", "j", when="yes", wait=Wait(60), input="x"))
    world = still(Phase("p", waits))
    assert set(world.asked) == {"1/b/when"}
    world.later(seconds=60)
    assert set(world.asked) == {"1/b/when", "1/a/input", "1/b/input"}


NO_TIMES = ["tomorrow", 7, None, ["2026-05-31"], "x" * 10_000, "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"]


@pytest.mark.parametrize("value", NO_TIMES, ids=range(len(NO_TIMES)))
def test_what_is_no_time_fails_the_job(value: Any) -> None:
    phase = Phase("p", (Use("a", "j", wait=Wait(until="x")),))
    document = World(machine(phase), evaluate=lambda *_: Answer(value)).run()
    assert document["error"]["type"] == "Phaseline.ExpressionFailed"
    assert document["error"]["message"].startswith("`wait.until`: ")
    assert len(document["error"]["message"]) < 200


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
@pytest.mark.parametrize("value", ["2026-01-01T00:05:00", "2026-01-01T09:05:00+09:00", datetime(2026, 1, 1, 0, 5)])
def test_a_time_without_a_zone_is_utc_wherever_it_is_read(value: Any) -> None:
    phase = Phase("p", (Use("a", "j", wait=Wait(until="x")),))
    world = Still(machine(phase), evaluate=lambda *_: Answer(value))
    world.advance()
    due = world.statuses["e/1/a/wait"].due
    assert due is not None
    assert due.isoformat() == "2026-01-01T00:05:00+00:00"


def test_a_phase_whose_time_to_wait_cannot_be_told_fails_the_execution() -> None:
    phase = Phase("p", (Use("a", "j"),), wait=Wait(until="x"))
    world = World(machine(phase), evaluate=lambda *_: Answer(error="no such list"))
    assert world.run()["error"]["type"] == "Phaseline.ExpressionFailed"
    assert world.asked["1/wait"].owner is world.parts["e/1/end"], "who asks is who may insert what follows"


def test_who_asks_until_when_something_waits_may_record_it() -> None:
    waits = Wait(until="x")
    at = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
    world = World(machine(Phase("p", (Use("a", "j", wait=waits),), wait=waits)), evaluate=lambda *_: Answer(at))
    world.run()
    assert world.asked["1/wait"].owner is world.parts["e/1/wait"]
    assert world.asked["1/a/wait"].owner is world.parts["e/1/a/wait"]


def test_a_cancel_does_not_wait() -> None:
    world = still(Phase("p", (Use("a", "j", wait=Wait(3600)),)), Phase("q", (Use("b", "j"),), wait=Wait(3600)))
    request(world, "cancel_requested", 0)
    world.advance()
    assert world.document["status"] == "cancelled"
    assert world.of("a") == ["waiting", "cancelled:cancel"]
    other = still(Phase("p", (Use("a", "j"),), wait=Wait(3600)))
    request(other, "cancel_requested", 0)
    other.advance()
    assert other.document["status"] == "cancelled"


def test_an_attempt_without_a_sign_of_life_times_out_before_its_timeout() -> None:
    world = still(Phase("p", (Use("a", "j", timeout=600, heartbeat=30),)))
    world.start()
    world.later(seconds=40)
    world.insert(
        replace(
            world.statuses["e/1/a/1/start"],
            id=slots.heartbeat("e", 1, "a", 1, 1),
            status="heartbeat",
            slot="heartbeat",
            number=1,
            at=world.now,
            due=world.now + timedelta(seconds=50),
        )
    )
    world.later(seconds=49)
    assert world.document["status"] == "running"
    world.later(seconds=1)
    assert world.document["error"]["type"] == "Phaseline.Timeout"
    assert "no sign of life for 30 s" in world.document["error"]["message"]


def test_a_phase_may_fail_the_execution_or_end_it_well() -> None:
    panic = Phase("panic", (Use("b", "j"),), fail=Fail("NoFish", "the sea is empty"))
    document = World(machine(Phase("p", (Use("a", "j"),)), panic, Phase("q", (Use("c", "j"),)))).run()
    assert document["status"] == "failed"
    assert document["error"] == {"type": "NoFish", "message": "the sea is empty"}
    world = World(machine(Phase("p", (), succeed=True), Phase("q", (Use("c", "j"),))))
    assert world.run()["status"] == "success"
    assert world.phases() == ["p"]


def test_all_that_says_when_and_how_survives_the_way_through_the_database() -> None:
    use = Use(
        "a",
        "j",
        retry=(Retry(errors=("A",), never=("B",), max_attempts=0, interval=0.0, max_delay=9.0, jitter=True),),
        on_failure=(OnFailure(Action.CONTINUE, None, ("A",)), OnFailure(Action.TO, "p")),
        timeout=7.0,
        start_timeout=8.0,
        heartbeat=9.0,
        wait=Wait(until="x"),
    )
    phase = Phase("p", (use,), deadline=5.0, wait=Wait(3.0), fail=Fail("E", "c"))
    definition = machine(phase, Phase("q", (), succeed=True), deadline=6.0)
    assert Definition.from_document(definition.to_document()) == definition
