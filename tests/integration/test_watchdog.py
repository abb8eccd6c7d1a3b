"""What the watchdog makes good: each event that gets lost and each process that is killed, one by one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from phaseline_runtime.bundled import watchdog_job
from phaseline_runtime.bundled.watchdog_job import sweep
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Retry, Use
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus
from tests.support.faults import Clock, Dying

NOTHING = {"looked": 0, "repaired": 0, "failed": 0}


def use(name: str, *after: str, **more: Any) -> Use:
    return Use(name, "job", after, **more)


CHAIN = Definition("m", (Phase("p", (use("a"), use("b", "a"))), Phase("q", (use("c"),))))


def machine(*uses: Use, **more: Any) -> Definition:
    return Definition("m", (Phase("p", uses, **more),))


def ends(status: Status) -> bool:
    return status.kind == "job" and status.slot == "end"


def triggers(status: Status) -> bool:
    return status.kind == "job" and status.status == "triggered"


class Case:
    """One execution, the bus that delivers what is not lost, and the time."""

    def __init__(self, client: Client, store: Store, definition: Definition, **bus: Any) -> None:
        client.migrate({"m": definition})
        self.client, self.store = client, store
        self.clock = Clock()
        self.bus = Bus(store, clock=self.clock, **bus)
        self.id = client.start("m").id
        self.deliver()

    def deliver(self) -> dict[str, Any]:
        return self.bus.run(self.id)

    def later(self, **span: float) -> dict[str, int]:
        """Let time pass, look once, and deliver what that has led to."""
        self.clock.later(**span)
        found = sweep(self.store, clock=self.clock)
        self.deliver()
        return found

    @property
    def document(self) -> dict[str, Any]:
        found = self.store.execution(self.id)
        assert found is not None
        return found

    def status(self, place: str) -> Status | None:
        return self.store.status(f"{self.id}/{place}")

    def ends_well(self, *jobs: str) -> None:
        """The execution has succeeded, each job has run once, and the document is what its statuses say."""
        assert self.document["status"] == "success"
        assert Counter(self.bus.runs) == Counter(jobs)
        assert self.client.rebuild(self.id) == []


@pytest.fixture(autouse=True)
def lambda_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_job, "lambda_store", lambda: store)


# Events that get lost.


def test_the_lost_event_of_a_start_costs_half_a_minute_and_a_sweep(client: Client, store: Store) -> None:
    case = Case(client, store, CHAIN, lost=lambda status: status.kind == "execution" and status.status == "started")
    assert case.later(seconds=20) == NOTHING
    assert case.document["round"]["number"] == 0
    assert case.later(seconds=11)["repaired"] > 0
    case.ends_well("a", "b", "c")


def test_a_lost_trigger_is_sent_again_after_a_minute(client: Client, store: Store) -> None:
    case = Case(client, store, CHAIN, lost=lambda status: triggers(status) and status.slot == "entry")
    assert case.later(seconds=55)["repaired"] == 0
    assert case.bus.runs == []
    for expected in (["a"], ["a", "b"], ["a", "b", "c"]):
        assert case.later(seconds=61)["repaired"] == 1
        assert case.bus.runs == expected
    case.ends_well("a", "b", "c")


def test_a_trigger_that_was_only_late_runs_nothing_twice(client: Client, store: Store) -> None:
    case = Case(client, store, machine(use("a")), lost=lambda status: triggers(status) and status.slot == "entry")
    case.later(seconds=61)
    case.bus.lost = lambda status: False
    case.bus.delivered.discard(f"{case.id}/1/a/1/entry")
    case.deliver()
    case.ends_well("a")


def test_a_job_that_no_rule_accepts_fails_once_its_start_timeout_is_over(client: Client, store: Store) -> None:
    case = Case(client, store, machine(use("a", start_timeout=600)), lost=triggers)
    for _ in range(9):
        case.later(minutes=1)
    assert case.document["status"] == "running"
    sent_again = store.statuses.count_documents({"execution": case.id, "slot": "redelivery"})
    assert sent_again == 3  # After one minute, then two, then four.
    case.later(minutes=1, seconds=5)
    assert case.document["status"] == "failed"
    assert case.document["error"]["type"] == "Phaseline.NotStarted"
    case.bus.lost = lambda status: False
    case.bus.delivered.clear()
    case.deliver()
    assert case.bus.runs == []


@pytest.mark.parametrize("deaf", [{Owner.STATEMACHINE}, {Owner.ORCHESTRATOR}, {*Owner}])
def test_without_a_bundled_lambda_and_with_runners_that_die_an_execution_still_ends(
    client: Client, store: Store, deaf: set[Owner]
) -> None:
    recording = Dying(store, before_fold=True)
    case = Case(client, store, CHAIN, deaf=frozenset(deaf), runs_on=lambda status: recording)
    for _ in range(10):
        case.later(seconds=61)
    case.ends_well("a", "b", "c")
    assert case.document["settled"]


# Processes that are killed.


def test_an_attempt_whose_runner_is_killed_times_out_when_lambda_would_have_ended_it(
    client: Client, store: Store
) -> None:
    case = Case(client, store, machine(use("a", timeout=120)), runs_on=lambda status: Dying(store, before_insert=ends))
    assert case.bus.runs == ["a"]
    assert case.later(seconds=61)["repaired"] == 0
    assert case.document["round"]["jobs"]["a"]["status"] == "started"
    assert case.later(seconds=80) == NOTHING
    assert case.later(seconds=10)["repaired"] > 0
    assert case.document["error"]["type"] == "Phaseline.Timeout"
    assert case.document["error"]["job"] == "a"


def test_a_timeout_is_tried_again_where_the_job_says_so(client: Client, store: Store) -> None:
    dying = Dying(store, before_insert=ends)
    retried = use("a", retry=(Retry(errors=("Phaseline.Timeout",), interval=5),))
    case = Case(client, store, machine(retried), runs_on=lambda status: dying if status.attempt == 1 else store)
    case.later(seconds=61)
    assert case.status("1/a/1/end") is not None
    assert case.bus.runs == ["a"]
    case.later(seconds=6)
    case.ends_well("a", "a")


def test_a_runner_that_still_runs_is_left_alone_until_its_time_is_over(client: Client, store: Store) -> None:
    case = Case(client, store, machine(use("a", timeout=120)), lost=triggers)
    found: list[int] = []

    def slow(*_: Any) -> str:
        for seconds in (140, 20):
            case.clock.later(seconds=seconds)
            found.append(sweep(store, clock=case.clock)["repaired"])
        return "too late"

    case.bus.jobs["a"] = slow
    case.bus.lost = lambda status: False
    case.bus.delivered.clear()
    document = case.deliver()
    assert found[0] == 0
    assert found[1] > 0
    assert document["error"]["type"] == "Phaseline.Timeout"
    assert "a" not in document["results"]
    late = case.status("1/a/1/late")
    assert late is not None
    assert late.output == "too late"
    assert client.rebuild(case.id) == []


def test_a_cancelled_execution_whose_runner_is_killed_ends_all_the_same(client: Client, store: Store) -> None:
    case = Case(client, store, CHAIN, runs_on=lambda status: Dying(store, before_insert=ends))
    client.cancel(case.id)
    case.later(seconds=31)
    assert case.document["status"] == "running"
    case.later(seconds=31)
    assert case.document["status"] == "cancelled"
    assert case.bus.runs == ["a"]
    assert client.rebuild(case.id) == []


def test_a_runner_killed_before_it_folds_its_end_has_not_run_in_vain(client: Client, store: Store) -> None:
    case = Case(
        client,
        store,
        CHAIN,
        lost=lambda status: ends(status) and status.name == "a",
        runs_on=lambda status: Dying(store, before_fold=True) if status.name == "a" else store,
    )
    assert case.bus.runs == ["a"]
    assert case.later(seconds=61)["repaired"] == 1
    case.ends_well("a", "b", "c")


@pytest.mark.parametrize("inserted", [0, 1, 2])
def test_a_runner_killed_within_its_plan_leaves_the_rest_to_the_watchdog(
    client: Client, store: Store, inserted: int
) -> None:
    def lost(status: Status) -> bool:
        return status.name == "a" if ends(status) else status.name in ("b", "c", "d") and status.slot == "entry"

    case = Case(
        client,
        store,
        machine(use("a"), use("b", "a"), use("c", "a"), use("d", "a")),
        lost=lost,
        runs_on=lambda status: Dying(store, plan=inserted) if status.name == "a" else store,
    )
    assert case.later(seconds=31)["repaired"] == 3 - inserted
    case.later(seconds=61)  # What had been triggered and got lost is sent again.
    case.ends_well("a", "b", "c", "d")


def test_the_last_runner_killed_before_it_folds_the_end_of_the_execution(client: Client, store: Store) -> None:
    last = Dying(store, plan=2)
    case = Case(
        client, store, machine(use("a")), lost=lambda status: status.status == "success", runs_on=lambda status: last
    )
    assert case.status("end/1") is not None
    assert case.document["endedAt"] is None
    case.later(seconds=61)
    case.ends_well("a")
    assert case.document["settled"]


# What is looked at, and what is not.


def test_an_execution_that_has_ended_is_looked_at_once_and_never_again(client: Client, store: Store) -> None:
    case = Case(client, store, CHAIN)
    case.ends_well("a", "b", "c")
    assert not case.document["settled"]
    assert case.later(seconds=31) == {"looked": 1, "repaired": 0, "failed": 0}
    assert case.document["settled"]
    assert case.later(days=400) == NOTHING


def test_a_redriven_execution_is_looked_at_again(client: Client, store: Store) -> None:
    case = Case(client, store, machine(use("a")), jobs={"a": lambda *_: 1 / 0})
    case.later(seconds=31)
    assert case.document["settled"]
    client.redrive(case.id)
    assert not case.document["settled"]
    assert case.later(minutes=10)["looked"] == 1


def test_one_execution_that_cannot_be_looked_at_does_not_hold_up_the_others(client: Client, store: Store) -> None:
    client.migrate({"m": CHAIN})
    poisoned, *others = [client.start("m").id for _ in range(3)]
    store.executions.update_one({"_id": poisoned}, {"$set": {"definition": "gone"}})
    clock = Clock().later(seconds=31)
    assert sweep(store, clock=clock) == {"looked": 3, "repaired": 6, "failed": 1}
    assert all(client.get(id).document["round"]["number"] == 1 for id in others)  # type: ignore[union-attr]
    assert sweep(store, clock=clock)["failed"] == 0
    assert sweep(store, clock=clock.later(seconds=61))["failed"] == 1


def test_a_sweep_goes_on_until_nothing_is_due(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_job, "PAGE", 3)
    client.migrate({"m": CHAIN})
    for _ in range(10):
        client.start("m")
    clock = Clock().later(seconds=31)
    assert sweep(store, clock=clock)["looked"] == 10
    assert sweep(store, clock=clock) == NOTHING


def test_a_sweep_without_time_left_leaves_the_rest_to_the_next_oldest_first(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog_job, "PAGE", 2)
    client.migrate({"m": CHAIN})
    identifiers = [client.start("m").id for _ in range(5)]
    clock = Clock().later(seconds=31)
    spent = iter([False, True])
    assert sweep(store, enough=lambda: next(spent), clock=clock)["looked"] == 2
    opened = [id for id in identifiers if client.get(id).document["round"]["number"] or store.status(f"{id}/0/end")]  # type: ignore[union-attr]
    assert opened == identifiers[:2]
    assert sweep(store, clock=clock)["looked"] == 3


def test_a_paused_execution_is_not_repaired_into_running(client: Client, store: Store) -> None:
    client.migrate({"m": CHAIN})
    identifier = client.start("m").id
    client.pause(identifier)
    clock = Clock()
    for _ in range(20):
        assert sweep(store, clock=clock.later(minutes=1))["repaired"] == 0
    assert store.statuses.count_documents({"execution": identifier}) == 2
    client.resume(identifier)
    assert Bus(store).run(identifier)["status"] == "success"


def test_a_pause_stops_redeliveries_and_deadlines_of_what_has_not_started(client: Client, store: Store) -> None:
    case = Case(client, store, machine(use("a", start_timeout=120)), lost=triggers)
    client.pause(case.id)
    for _ in range(10):
        assert case.later(minutes=1)["repaired"] == 0
    assert case.document["status"] == "paused"


# Attempts that `wait_for` has left behind.


class LeftBehind(Case):
    """An execution that has ended, while attempts that it did not wait for still run."""

    def __init__(self, client: Client, store: Store) -> None:
        waiting = Phase("p", (use("a"), use("slow", timeout=600), use("slower", timeout=800)), wait_for_count=1)
        definition = Definition("m", (waiting, Phase("q", (use("c"),))))
        dying = Dying(store, before_insert=ends)
        super().__init__(
            client,
            store,
            definition,
            runs_on=lambda status: dying if str(status.name).startswith("slow") else store,
            jobs={"a": self.meanwhile},
        )
        assert self.document["status"] == "success"
        assert Counter(self.bus.runs) == Counter(["a", "slow", "slower", "c"])
        self.bus.lost = lambda status: True

    def meanwhile(self, *_: Any) -> None:
        """While `a` runs, the others start."""
        for status in [status for status in self.bus.queue if triggers(status)]:
            self.bus.queue.remove(status)
            self.bus.deliver(status)

    def ends(self, name: str) -> None:
        """The runner of an attempt records its end, and dies before anything else."""
        started = self.status(f"1/{name}/1/start")
        assert started is not None
        slot = f"{self.id}/1/{name}/1/end"
        end = started.of_attempt(id=slot, slot="end", status="success", output="late", at=self.clock())
        self.store.insert(end)


def test_an_execution_is_not_settled_while_an_attempt_may_still_bring_something(client: Client, store: Store) -> None:
    case = LeftBehind(client, store)
    for _ in range(5):
        case.later(minutes=1)
    assert not case.document["settled"]
    case.ends("slow")
    case.later(minutes=2)
    assert case.document["results"]["slow"] == "late"
    assert not case.document["settled"]
    case.ends("slower")
    case.later(minutes=2)
    assert case.document["results"]["slower"] == "late"
    assert case.document["settled"]
    assert client.rebuild(case.id) == []


def test_an_attempt_left_behind_that_never_ends_is_given_up_after_its_timeout(client: Client, store: Store) -> None:
    case = LeftBehind(client, store)
    case.later(seconds=800)
    assert not case.document["settled"]
    case.later(seconds=61)
    assert case.document["settled"]
    assert case.document["results"].keys() == {"a", "c"}
    assert client.rebuild(case.id) == []


# As AWS calls it.


class Context:
    """Lambda's context with so many milliseconds left."""

    def __init__(self, left: int) -> None:
        self.left = left

    def get_remaining_time_in_millis(self) -> int:
        return self.left


def test_the_schedule_has_it_sweep_while_there_is_time(client: Client, store: Store) -> None:
    client.migrate({"m": CHAIN})
    identifier = client.start("m").id
    store.executions.update_one({"_id": identifier}, {"$set": {"wakeAt": client.start("m").document["startedAt"]}})
    assert watchdog_job.handler({"sweep": True}, Context(9_999)) == NOTHING
    assert watchdog_job.handler({"sweep": True}, Context(60_000))["looked"] == 1


def test_a_wake_up_has_it_look_at_one_execution_and_one_that_fails_comes_again(client: Client, store: Store) -> None:
    client.migrate({"m": CHAIN})
    identifier = client.start("m").id
    bodies = [f'{{"execution": "{identifier}"}}', "{", '{"execution": "nowhere"}', "{}"]
    records = [{"messageId": f"m-{index}", "body": body} for index, body in enumerate(bodies)]
    failed = watchdog_job.handler({"Records": records}, None)["batchItemFailures"]
    assert failed == [{"itemIdentifier": "m-1"}, {"itemIdentifier": "m-3"}]
    assert store.status(f"{identifier}/1/a/1/entry") is not None
