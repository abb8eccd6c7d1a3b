"""A document that somebody has damaged, or deleted, and what its statuses make of it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pymongo.errors import WriteError

from phaseline.cli.entry import run
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.errors import RequestRefused, UnknownExecution
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus

MACHINE = Definition("m", (Phase("p", (Use("a", "job"), Use("b", "job", ("a",)), Use("c", "job", ("b",)))),))

Damage = Callable[[Store, str], Any]


def changed(**update: Any) -> Damage:
    """By somebody for whom validators do not count: a backup that is played back, an admin in a hurry."""
    operators = {f"${key}": what for key, what in update.items()}
    return lambda store, id: store.executions.update_one({"_id": id}, operators, bypass_document_validation=True)


DAMAGES: dict[str, Damage] = {
    "a field is gone": changed(unset={"latest": ""}),
    "another result": changed(set={"results.a": "forged", "errors.b": {"type": "E", "message": "m"}}),
    "another status": changed(set={"status": "success", "endedAt": None}),
    "an older round": changed(set={"round": {"number": 0, "jobs": {}}}),
    "more than there was": changed(set={"mine": {"note": 1}}),
    "all of it": lambda store, id: store.executions.delete_one({"_id": id}),
}


@pytest.fixture
def failing(client: Client, store: Store) -> str:
    """An execution in which b has failed, and c never ran."""

    def fails(*_: Any) -> Any:
        raise ValueError("no boat")

    client.migrate({"m": MACHINE})
    identifier = client.start("m", {"n": 1}).id
    Bus(store, {"b": fails}).run(identifier)
    assert client.wait(identifier, 1).status == "failed"
    return identifier


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_is_put_right_and_goes_on(client: Client, store: Store, failing: str, damage: Damage) -> None:
    before = client.get(failing)
    damage(store, failing)
    found = client.rebuild(failing)
    assert found
    assert client.rebuild(failing, write=True) == found
    assert client.rebuild(failing) == []
    after = client.get(failing)
    assert before is not None
    assert after is not None
    assert (after.status, after.results, after.errors) == (before.status, before.results, before.errors)
    client.redrive(failing)
    bus = Bus(store)
    assert bus.run(failing)["status"] == "success"
    assert bus.runs == ["b", "c"]


def test_an_open_execution_is_looked_at_next(client: Client, store: Store) -> None:
    client.migrate({"m": MACHINE})
    identifier = client.start("m").id
    store.executions.update_one({"_id": identifier}, {"$set": {"status": "success", "settled": True}})
    client.rebuild(identifier, write=True)
    document = store.execution(identifier)
    assert document is not None
    assert (document["status"], document["settled"]) == ("running", False)
    assert Bus(store).run(identifier)["status"] == "success"


def test_what_is_whole_is_not_touched(client: Client, store: Store, failing: str) -> None:
    before = store.execution(failing)
    assert client.rebuild(failing, write=True) == []
    assert store.execution(failing) == before


def test_what_is_being_deleted_does_not_come_back(client: Client, store: Store, failing: str) -> None:
    store.executions.update_one({"_id": failing}, {"$set": {"deleting": True}})
    with pytest.raises(RequestRefused, match="is being deleted"):
        client.rebuild(failing, write=True)


def test_without_a_first_status_there_is_nothing_to_rebuild_from(client: Client, store: Store, failing: str) -> None:
    store.statuses.delete_one({"_id": f"{failing}/started"})
    with pytest.raises(UnknownExecution, match="nothing to rebuild it from"):
        client.rebuild(failing, write=True)
    store.executions.delete_one({"_id": failing})
    with pytest.raises(UnknownExecution, match="there is no execution"):
        client.rebuild(failing, write=True)


@pytest.mark.parametrize("command", ["show", "show --json", "watch", "cancel", "redrive", "rerun --from a"])
def test_who_looks_for_one_whose_document_is_gone_is_told_how_it_comes_back(
    store: Store, failing: str, mongo_uri: str, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    store.executions.delete_one({"_id": failing})
    arguments = [*command.split(), "--mongo", mongo_uri, "--database", store.database.name]
    assert run([*arguments, failing]) == 2
    said = capsys.readouterr().err
    assert f"execution '{failing}' has no document any more" in said
    assert f"`phaseline rebuild {failing} --write`" in said
    store.statuses.delete_one({"_id": f"{failing}/started"})  # Nothing is left to rebuild it from.
    assert run([*arguments, failing]) == 2
    said = capsys.readouterr().err
    assert f"there is no execution '{failing}'" in said
    assert "rebuild" not in said


@pytest.mark.parametrize("field", ["latest", "definedIn", "endedAt", "deadline", "lastAt", "visits"])
def test_mongodb_lets_nobody_take_away_what_a_decision_reads(store: Store, failing: str, field: str) -> None:
    with pytest.raises(WriteError, match="failed validation"):
        store.executions.update_one({"_id": failing}, {"$unset": {field: ""}})
