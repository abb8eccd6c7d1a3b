"""What retention deletes, what it spares, and what it leaves behind when it is interrupted."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from phaseline_runtime import runner
from phaseline_runtime.advance import EVERYTHING, advance
from phaseline_runtime.bundled import retention_job, watchdog_job
from phaseline_runtime.bundled.retention_job import sweep
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.errors import ExecutionConflict, RequestRefused
from phaseline_runtime.store import retention
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus
from tests.support.commands import Commands
from tests.support.faults import Clock, Killed

DAY = 86_400
KEPT = {"m": 90 * DAY}
NOTHING = {"executions": 0, "statuses": 0, "failed": 0}
ONE = {"executions": 1, "statuses": 8, "failed": 0}


@pytest.fixture(autouse=True)
def machines(client: Client) -> None:
    client.migrate({name: Definition(name, (Phase("p", (Use("a", "j"),)),)) for name in ("m", "n", "o")})


def ended(client: Client, store: Store, machine: str = "m", *, settled: bool = True, fails: bool = False) -> str:
    identifier = client.start(machine).id
    Bus(store, {"a": lambda *_: 1 / 0} if fails else None).run(identifier)
    if settled:
        watchdog_job.sweep(store, clock=Clock().later(seconds=31))
    return identifier


def there(store: Store, *executions: str) -> list[str]:
    """Those of which anything is left."""
    return [e for e in executions if store.execution(e) or store.statuses.count_documents({"execution": e})]


# What goes, and what stays.


def test_an_execution_goes_with_its_statuses_once_its_retention_is_over(client: Client, store: Store) -> None:
    old = ended(client, store)
    assert sweep(store, KEPT, clock=Clock().later(days=89)) == NOTHING
    assert there(store, old) == [old]
    assert sweep(store, KEPT, clock=Clock().later(days=90, seconds=1)) == ONE
    assert there(store, old) == []


def test_it_spares_what_is_open_or_not_settled_however_old(client: Client, store: Store) -> None:
    running = client.start("m").id
    paused = client.start("m").id
    client.pause(paused)
    unsettled = ended(client, store, settled=False)
    assert sweep(store, KEPT, clock=Clock().later(days=4_000)) == NOTHING
    assert there(store, running, paused, unsettled) == [running, paused, unsettled]


def test_each_state_machine_has_its_own_and_those_without_keep_for_ever(client: Client, store: Store) -> None:
    of_m, of_n, of_o = (ended(client, store, machine) for machine in "mno")
    kept = {"m": 90 * DAY, "n": 10 * DAY}
    assert sweep(store, kept, clock=Clock().later(days=11)) == ONE
    assert there(store, of_m, of_n, of_o) == [of_m, of_o]
    sweep(store, kept, clock=Clock().later(days=4_000))
    assert there(store, of_m, of_o) == [of_o]


def test_what_counts_is_the_end_not_the_start(client: Client, store: Store) -> None:
    long = client.start("m").id
    store.executions.update_one({"_id": long}, {"$set": {"startedAt": Clock()() - timedelta(days=400)}})
    Bus(store).run(long)
    watchdog_job.sweep(store, clock=Clock().later(seconds=31))
    assert sweep(store, KEPT) == NOTHING
    assert there(store, long) == [long]


def test_a_redriven_execution_begins_anew_and_stays(client: Client, store: Store) -> None:
    failed = ended(client, store, fails=True)
    client.redrive(failed)
    assert sweep(store, KEPT, clock=Clock().later(days=4_000)) == NOTHING


def test_it_goes_on_page_by_page_until_nothing_is_left(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_job, "PAGE", 2)
    monkeypatch.setattr(retention, "PAGE", 4)
    old = [ended(client, store) for _ in range(5)]
    assert sweep(store, KEPT, clock=Clock().later(days=91)) == {"executions": 5, "statuses": 40, "failed": 0}
    assert there(store, *old) == []


# What interrupts it.


class Dying(Store):
    """The store of a process that is killed once so many pages of statuses were deleted."""

    def __init__(self, store: Store, pages: int) -> None:
        super().__init__(store.database)
        self.statuses: Any = _Statuses(store.statuses, pages)


class _Statuses:
    def __init__(self, statuses: Any, pages: int) -> None:
        self._statuses, self._pages = statuses, pages
        self.find = statuses.find

    def delete_many(self, query: Any) -> Any:
        if not self._pages:
            raise Killed
        self._pages -= 1
        return self._statuses.delete_many(query)


@pytest.mark.parametrize("pages", [0, 1, 2])
def test_what_a_crash_leaves_is_deleted_by_the_next_sweep(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(retention, "PAGE", 3)
    old, clock = ended(client, store), Clock().later(days=91)
    with pytest.raises(Killed):
        sweep(Dying(store, pages), KEPT, clock=clock)
    assert store.execution(old) is not None
    assert store.statuses.count_documents({"execution": old}) == 8 - 3 * pages
    assert sweep(store, KEPT, clock=clock) == {"executions": 1, "statuses": 8 - 3 * pages, "failed": 0}
    assert there(store, old) == []


def test_one_that_cannot_be_deleted_holds_up_no_other(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned, other = ended(client, store), ended(client, store)

    def page(on: Store, execution: str) -> list[str]:
        if execution == poisoned:
            raise OSError
        return real(on, execution)

    real = retention._page
    monkeypatch.setattr(retention, "_page", page)
    clock = Clock().later(days=91)
    found = sweep(store, KEPT, clock=clock)
    assert (found["executions"], there(store, poisoned, other)) == (1, [poisoned])
    assert found["failed"] > 0
    assert sweep(store, KEPT, clock=clock) == {"executions": 0, "statuses": 0, "failed": 1}


def test_what_has_begun_to_go_cannot_be_redriven(client: Client, store: Store) -> None:
    failed = ended(client, store, fails=True)
    with pytest.raises(Killed):
        sweep(Dying(store, 0), KEPT, clock=Clock().later(days=91))
    with pytest.raises(RequestRefused, match="is being deleted"):
        client.redrive(failed)


def test_the_id_of_what_has_begun_to_go_is_refused_until_it_is_gone(client: Client, store: Store) -> None:
    old, clock = ended(client, store), Clock().later(days=91)
    with pytest.raises(Killed):
        sweep(Dying(store, 0), KEPT, clock=clock)
    with pytest.raises(ExecutionConflict, match=r"is being deleted: .* Choose another id, or start it once it is gone"):
        client.start("m", id=old)
    assert sweep(store, KEPT, clock=clock) == ONE
    assert client.start("m", id=old).created


def test_one_that_is_redriven_just_before_it_would_go_stays_whole(client: Client, store: Store) -> None:
    failed, before = ended(client, store, fails=True), Clock().later(days=1)()
    assert retention.expired(store, "m", before, 10) == [failed]
    client.redrive(failed)
    assert retention.delete(store, failed, before, lambda: False) == (False, 0)
    assert client.rebuild(failed) == []


def test_a_sweep_without_time_left_leaves_the_rest_to_the_next(client: Client, store: Store) -> None:
    old, clock = [ended(client, store) for _ in range(3)], Clock().later(days=91)
    asked = iter([False, False, False, True, True, True])
    assert sweep(store, KEPT, enough=lambda: next(asked), clock=clock) == ONE
    assert there(store, *old) == old[1:]
    assert sweep(store, KEPT, clock=clock)["executions"] == 2


def test_an_event_that_comes_after_all_is_gone_changes_nothing(client: Client, store: Store) -> None:
    old = ended(client, store)
    triggered = f"{old}/1/a/1/entry"
    sweep(store, KEPT, clock=Clock().later(days=91))
    runner.run(store, {"detail": {"fullDocument": {"_id": triggered}}}, None, lambda *_: None)
    assert advance(store, old, [], EVERYTHING) == []
    assert there(store, old) == []


# As AWS calls it, and what it costs.


class Context:
    """Lambda's context with time enough."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def test_it_reads_what_the_config_says_from_a_file(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "retention.json").write_text(json.dumps({"m": 0}))
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    monkeypatch.setattr(retention_job, "lambda_store", lambda: store)
    ended(client, store)
    assert retention_job.handler({"sweep": True}, Context()) == ONE


def test_it_finds_what_is_due_by_an_index(client: Client, store: Store, commands: Commands, watched: Store) -> None:
    ended(client, store)
    commands.clear()
    sweep(watched, KEPT)
    assert commands.names() == ["find state-machines"]
    (command,) = commands.seen
    asked = {key: command[key] for key in ("find", "filter", "sort", "limit")}
    plan = json.dumps(store.database.command("explain", asked, verbosity="queryPlanner"), default=str)
    assert "stateMachine_settled_endedAt" in plan
