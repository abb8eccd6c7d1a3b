"""Which triggers of a project are looked at, and what is said of those that send more than is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from phaseline.atlas.api import AtlasApi
from phaseline.atlas.checks import PARTNER, Finding, Level, check
from phaseline.atlas.project import read
from phaseline.cdk.bus import patterns
from phaseline.cli import connection
from phaseline.cli.connection import Connection
from phaseline.cli.entry import run
from phaseline_runtime.envelope import PROJECTION
from phaseline_runtime.store.grants import Purpose
from tests.support import atlas as stand_in
from tests.support.atlas import APP, DATABASE, PROJECT, TRIGGER, Atlas, trigger

FUNCTION: dict[str, Any] = {"FUNCTION": {"config": {"function_name": "audit"}}}
EVERYTHING: dict[str, Any] = {"database": None, "collection": None}
OURS = f"{PARTNER}{TRIGGER}"


@pytest.fixture
def atlas() -> Iterator[Atlas]:
    with stand_in.serving() as served:
        yield served


def doubts(atlas: Atlas, bus: str | None = None, **options: Any) -> list[Finding]:
    """What is not ok."""
    found = check(read(AtlasApi.from_environment(variables=atlas.variables)), DATABASE, bus, **options)
    return [each for each in found if each.level is not Level.OK]


OTHERS = {
    "another collection": trigger(PROJECT, config={"collection": "orders"}, disabled=True),
    "another database": trigger(PROJECT, config={"database": "shop", "operation_types": ["UPDATE"]}),
    "a function on statuses": trigger(PROJECT, name="audit", event_processors=FUNCTION, disabled=True),
    "a function of the older form": trigger(PROJECT, name="audit", event_processors=None, function_name="audit"),
    "a function on all of the database": trigger(PROJECT, config={"collection": ""}, event_processors=FUNCTION),
    "a function on all of the cluster": trigger(PROJECT, config=EVERYTHING, event_processors=FUNCTION),
    "changes of statuses": trigger(PROJECT, config={"operation_types": ["DELETE", "UPDATE"], "unordered": False}),
    "all of the database, to a bus": trigger(PROJECT, config={"collection": "", "unordered": False}),
    "all of the cluster, to a bus": trigger(PROJECT, config={**EVERYTHING, "project": {}}, disabled=True),
    "all of the cluster but for us": trigger(PROJECT, config={**EVERYTHING, "match": {"ns.db": "shop"}}),
    "one that cannot be read": trigger(PROJECT, config={"collection": "orders", "match": "{", "project": "{"}),
    "a schedule": {"_id": PROJECT, "name": "nightly", "type": "SCHEDULED", "config": {"schedule": "0 0 * * *"}},
    "logins": {"_id": PROJECT, "name": "logins", "type": "AUTHENTICATION"},
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("other", OTHERS.values(), ids=list(OTHERS))
def test_what_is_somebody_elses_is_left_alone(atlas: Atlas, other: dict[str, Any], first: bool) -> None:
    atlas.triggers = [other, trigger()] if first else [trigger(), other]
    assert doubts(atlas) == doubts(atlas, OURS) == []


def test_where_the_bus_is_known_no_other_trigger_is_taken_for_the_stacks(atlas: Atlas) -> None:
    atlas.triggers.append(trigger(PROJECT, name="by hand", config={"unordered": False}, disabled=True))
    assert [each.about for each in doubts(atlas)] == ["trigger by hand"] * 2
    assert doubts(atlas, OURS) == []


@pytest.mark.parametrize(
    "other", [each for name, each in OTHERS.items() if "function on all" in name or "but for us" in name]
)
def test_somebody_elses_is_no_reason_to_miss_that_ours_is_not_there(atlas: Atlas, other: dict[str, Any]) -> None:
    atlas.triggers = [other]
    (found,) = doubts(atlas)
    assert found.level is Level.FAULT
    assert found.text.startswith("there is none")


def test_no_trigger_is_right_where_the_rules_are_on_the_bus_of_a_relay(atlas: Atlas) -> None:
    atlas.triggers = []
    (found,) = doubts(atlas, "phaseline-prod")
    assert (found.level, found.text) == (Level.WARNING, "there is none, and the rules are on phaseline-prod")
    assert doubts(atlas, OURS)[0].level is Level.FAULT


@pytest.mark.parametrize(
    ("config", "where", "remedy"),
    [
        (EVERYTHING, "all databases of its cluster", "database to phaseline_prod and its collection to statuses"),
        ({"database": "", "collection": ""}, "all databases of its cluster", "its database to phaseline_prod"),
        ({"collection": None}, "all collections of phaseline_prod", "set its collection to statuses"),
        ({**EVERYTHING, "match": {"ns.db": DATABASE}}, "all collections of phaseline_prod", "set its collection to"),
        (
            {**EVERYTHING, "match": {"ns.coll": {"$in": ["statuses", "orders"]}}},
            "collections of all databases",
            "its database to phaseline_prod",
        ),
        (
            {"collection": "", "match": {"ns.coll": {"$in": ["statuses", "orders"]}}},
            "several collections of phaseline_prod",
            "set its collection to statuses",
        ),
    ],
)
def test_one_that_covers_more_than_statuses_works_and_costs_more(
    atlas: Atlas, config: dict[str, Any], where: str, remedy: str
) -> None:
    atlas.triggers = [trigger(config=config)]
    found = doubts(atlas)[0]
    assert found.level is Level.WARNING
    assert (
        found.text == f"it is on {where}: what is inserted into any is an event, and one that is too large suspends it"
    )
    assert remedy in str(found.remedy)
    assert "deploy with EventSource.atlas_trigger if others need it" in str(found.remedy)


@pytest.mark.parametrize(
    "match",
    [
        {"ns.db": DATABASE, "ns.coll": "statuses"},
        {"ns.db": {"$eq": DATABASE}, "ns.coll": {"$in": ["statuses"]}, "operationType": "insert"},
    ],
)
def test_one_whose_match_leaves_statuses_alone_sends_no_more_than_is_needed(
    atlas: Atlas, match: dict[str, Any]
) -> None:
    atlas.triggers = [trigger(config={**EVERYTHING, "match": match})]
    assert doubts(atlas) == []


def test_all_else_is_looked_at_in_one_that_covers_more_as_well(atlas: Atlas) -> None:
    atlas.triggers = [trigger(config={**EVERYTHING, "operation_types": ["INSERT", "DELETE"], "project": {}})]
    atlas.linked = "gone"
    texts = [each.text for each in doubts(atlas)]
    assert len(texts) == 4
    assert "it has no projection" in texts[2]
    assert texts[3] == "the project has no such cluster"


@pytest.mark.parametrize("bus", [None, OURS])
def test_one_of_a_whole_cluster_is_resumed_where_the_bus_says_that_it_is_ours(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bus: str | None
) -> None:
    for name, value in atlas.variables.items():
        monkeypatch.setenv(name, value)
    atlas.triggers = [trigger(config=EVERYTHING, disabled=True)]
    monkeypatch.setattr(connection, "find", lambda *_: Connection("", DATABASE, "stack", bus=bus))
    assert run(["atlas", "resume", "--env", "prod"]) == (2 if bus is None else 0)
    assert atlas.resumed == ([] if bus is None else [(TRIGGER, False)])
    assert ("may be somebody else's: give --env" in capsys.readouterr().err) is (bus is None)


def test_one_that_calls_a_function_is_not_resumed_with_ours(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in atlas.variables.items():
        monkeypatch.setenv(name, value)
    atlas.triggers = [OTHERS["a function on statuses"], trigger(disabled=True)]
    assert run(["atlas", "resume", "--database", DATABASE]) == 0
    assert atlas.resumed == [(TRIGGER, False)], capsys.readouterr().err


TEXTS: dict[str, Any] = {"match": patterns.wanted(()), "project": dict(PROJECTION)}


@pytest.mark.parametrize("number", ["1", '{"$numberInt": "1"}'])
def test_match_and_projection_are_read_as_texts_too(atlas: Atlas, number: str) -> None:
    def form(value: Any) -> str:
        return json.dumps(value).replace(": 1", f": {number}")

    atlas.triggers = [trigger(config={key: form(value) for key, value in TEXTS.items()})]
    assert doubts(atlas) == []
    less = {"match": {"fullDocument.kind": "job"}, "project": {**PROJECTION, "fullDocument.job": 0}}
    atlas.triggers = [trigger(config={key: form(value) for key, value in less.items()})]
    dropped, matched = (each.text for each in doubts(atlas))
    assert dropped == "its projection drops fullDocument.job"
    assert matched.startswith("its match drops execution.")


def test_extended_json_is_read_in_objects_too(atlas: Atlas) -> None:
    none, one = {"$numberInt": "0"}, {"$numberLong": "1"}
    projection = {path: none if path == "fullDocument.job" else one for path in PROJECTION}
    atlas.triggers = [trigger(config={"project": projection})]
    assert [each.text for each in doubts(atlas)] == ["its projection drops fullDocument.job"]


@pytest.mark.parametrize(
    "text", ["{", "$or", "[]", "1", '{"a": {"$oid": 1}}', '{"a": {"$date": {}}}', '{"a":' * 10_000]
)
def test_a_text_that_cannot_be_read_is_a_finding(atlas: Atlas, text: str) -> None:
    atlas.triggers = [trigger(config={"match": text, "project": text})]
    projected, matched = doubts(atlas)
    assert {projected.level, matched.level} == {Level.WARNING}
    assert projected.text == "its projection cannot be read: whether it keeps what is needed is not known"
    assert matched.text.startswith("its match cannot be read: ")


@pytest.mark.parametrize("empty", [None, "", "null", "{}", {}])
def test_no_match_keeps_everything_and_no_projection_as_well(atlas: Atlas, empty: Any) -> None:
    atlas.triggers = [trigger(config={"match": empty, "project": empty})]
    (found,) = doubts(atlas)
    assert found.text.startswith("it has no projection")


def test_a_projection_within_a_document_is_read_and_one_without_the_resume_token_a_fault(atlas: Atlas) -> None:
    fields = {path.removeprefix("fullDocument."): 1 for path in PROJECTION if path.startswith("fullDocument.")}
    around = {path: 1 for path in PROJECTION if not path.startswith("fullDocument.")}
    atlas.triggers = [trigger(config={"project": {**around, "fullDocument": fields}})]
    assert doubts(atlas) == []
    del fields["job"]
    atlas.triggers = [trigger(config={"project": {**around, "fullDocument": fields, "_id": 0}})]
    assert [(each.level, each.text) for each in doubts(atlas)] == [
        (Level.FAULT, "its projection drops _id, and with it its place in the oplog"),
        (Level.FAULT, "its projection drops fullDocument.job"),
    ]


@pytest.mark.parametrize("match", [{"$or": 5}, {"$or": None}, {"$or": "job"}, {"fullDocument.kind": None}])
def test_a_match_of_any_other_shape_is_none_of_ours(atlas: Atlas, match: dict[str, Any]) -> None:
    atlas.triggers = [trigger(config={"match": match})]
    (found,) = doubts(atlas)
    assert found.text.startswith("its match is none of ours")


def test_triggers_of_all_apps_take_the_change_streams_of_a_cluster(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project may have an app of its own beside that of Atlas's triggers, linked to the same cluster."""
    services = Atlas.services

    def of_two(self: Atlas, method: str, path: str, *more: Any) -> Any:
        found = services(self, method, path.replace(PROJECT, APP), *more)
        if path == f"apps/{PROJECT}/triggers":
            return [trigger(f"{number:024x}", config={"database": "shop"}) for number in range(5)]
        return [*found, {"_id": PROJECT, "name": "shop"}] if path == "apps" else found

    monkeypatch.setattr(Atlas, "services", of_two)
    atlas.clusters = [stand_in.cluster(tier="M0")]
    (found,) = doubts(atlas)
    assert (found.level, found.text) == (Level.FAULT, "tier M0, MongoDB 8.0.12: 6 of 5 change streams")


def test_roles_without_users_are_right_where_the_functions_connect_otherwise(atlas: Atlas) -> None:
    """`AtlasUsers` makes all roles for a retention_job that connects by its role, and one user."""
    atlas.users = [stand_in.user(Purpose.RETENTION)]
    assert doubts(atlas, by_role=False) == []
    assert [each.text for each in doubts(atlas, by_role=True)] == ["no user has it"] * 2
