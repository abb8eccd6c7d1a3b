"""`phaseline atlas`: real requests to a stand-in of Atlas, and what is made of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo import MongoClient

from phaseline.cli import connection
from phaseline.cli.connection import Connection
from phaseline.cli.entry import run
from phaseline_runtime.envelope import PROJECTION
from phaseline_runtime.store.grants import Purpose
from tests.support import atlas as stand_in
from tests.support.atlas import (
    APP,
    DATABASE,
    PRIVATE,
    PROJECT,
    SERVICE,
    TOKEN,
    TRIGGER,
    Atlas,
    cluster,
    failure,
    firing,
)

LOST = "(ChangeStreamHistoryLost) Resume of change stream was not possible, as the resume point may no longer be there."


@pytest.fixture
def atlas(monkeypatch: pytest.MonkeyPatch) -> Iterator[Atlas]:
    for name in ("PHASELINE_MONGO_URI", "PHASELINE_ENV", "PHASELINE_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    with stand_in.serving() as served:
        for name, value in served.variables.items():
            monkeypatch.setenv(name, value)
        yield served


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Phaseline = Callable[..., Done]


@pytest.fixture
def phaseline(capsys: pytest.CaptureFixture[str]) -> Phaseline:
    def call(*arguments: str) -> Done:
        code = run(arguments)
        said = capsys.readouterr()
        for secret in (PRIVATE, TOKEN):
            assert secret not in said.out + said.err
        return Done(code, said.out, said.err)

    return call


def doctor(phaseline: Phaseline, *more: str) -> tuple[int, list[dict[str, str | None]]]:
    """The exit code, and what is not ok."""
    done = phaseline("atlas", "doctor", "--database", DATABASE, "--json", *more)
    findings = json.loads(done.out)["findings"]
    return done.code, [each for each in findings if each["level"] != "ok"]


def only(found: Sequence[dict[str, str | None]]) -> dict[str, str | None]:
    (one,) = found
    return one


def test_the_ids_for_the_stack_are_found(atlas: Atlas, phaseline: Phaseline) -> None:
    done = phaseline("atlas", "doctor")
    assert done.code == 0
    (line,) = [line for line in done.out.splitlines() if APP in line]
    assert line.split() == [APP, "Triggers", SERVICE, "mongodb-atlas", "cluster0"]
    assert "no database was checked" in done.err


def test_all_is_well_where_all_is_well(atlas: Atlas, phaseline: Phaseline) -> None:
    done = phaseline("atlas", "doctor", "--database", DATABASE)
    assert done.code == 0
    assert "ok       trigger phaseline-prod: enabled, and no failure in its log" in done.out
    assert "ok       cluster cluster0: tier M10, MongoDB 8.0.12: 1 of 100 change streams" in done.out
    assert doctor(phaseline) == (0, [])
    assert not [each for each in atlas.requests if each.startswith(("PUT", "DELETE"))]


def test_a_suspended_trigger_is_told_with_since_when_why_and_what_to_do(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.triggers[0]["disabled"] = True
    atlas.log = [
        failure("older", at="2026-11-23T10:00:00Z"),
        failure("event too large"),
        firing("2026-11-24T09:59:00Z"),
    ]
    code, found = doctor(phaseline)
    assert code == 1
    assert only(found)["text"] == "suspended since 2026-11-24 10:00:00 UTC: event too large"
    assert only(found)["remedy"] == "mend the cause, then `phaseline atlas resume`"


def test_of_what_a_trigger_failed_by_no_password_is_told(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.log = [failure("no answer from mongodb+srv://user:s3cr3tPlanted@h.net/db")]
    _, found = doctor(phaseline)
    assert str(only(found)["text"]).endswith(": no answer from mongodb+srv://***@h.net/db")


def test_a_lost_place_in_the_oplog_asks_for_a_resume_from_now(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.log = [failure(LOST)]
    code, found = doctor(phaseline)
    assert code == 1
    assert "`phaseline atlas resume --from-now`" in str(only(found)["remedy"])


def test_a_trigger_that_has_fired_since_is_not_suspended(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.log = [failure("a moment"), firing("2026-11-24T10:00:30Z"), firing("2026-11-24T11:00:00Z", of=APP)]
    code, found = doctor(phaseline)
    assert (code, only(found)["level"]) == (0, "warning")
    assert "runs again" in str(only(found)["text"])


def busy(minutes: int) -> list[dict[str, Any]]:
    """Entries of the log: another trigger of the app has fired each second, from eleven o'clock on."""
    times = [(minute, second) for minute in range(minutes) for second in range(60)]
    return [firing(f"2026-11-24T11:{minute:02}:{second:02}Z", of=APP) for minute, second in times]


def test_whether_it_has_fired_since_is_looked_for_page_by_page(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.log = [failure("a moment"), firing("2026-11-24T10:30:00Z"), *busy(10)]
    _, found = doctor(phaseline)
    assert "runs again" in str(only(found)["text"])


def test_what_a_log_of_others_hides_is_not_known(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.log = [failure("a moment"), firing("2026-11-24T10:30:00Z"), *busy(20)]
    code, found = doctor(phaseline)
    assert (code, only(found)["level"]) == (0, "warning")
    assert only(found)["text"] == (
        "it failed at 2026-11-24 10:00:00 UTC: a moment; whether it has fired since is not known: "
        "the newest entries of its app's log are of others"
    )
    assert phaseline("atlas", "resume", "--database", DATABASE).code == 0
    assert atlas.resumed == [(TRIGGER, False)]
    atlas.triggers[0]["disabled"] = True
    code, found = doctor(phaseline)
    assert (code, only(found)["text"]) == (1, "suspended since 2026-11-24 10:00:00 UTC: a moment")


def test_failures_of_others_may_hide_its_own(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.log = [{**each, "type": "TRIGGER_FAILURE", "error": "e"} for each in busy(20)]
    assert (
        "enabled, and no failure in the part of its log that was read"
        in phaseline("atlas", "doctor", "--database", DATABASE).out
    )


def test_disabled_without_a_failure_is_told_as_what_it_may_be(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.triggers[0]["disabled"] = True
    code, found = doctor(phaseline)
    assert code == 1
    assert "by somebody, or suspended longer ago" in str(only(found)["text"])


def test_no_trigger_on_the_database(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.triggers = [stand_in.trigger(config={"database": "phaseline_dev"})]
    code, found = doctor(phaseline)
    assert code == 1
    assert only(found)["text"] == "there is none (databases with a trigger: phaseline_dev)"


def test_a_trigger_on_the_whole_database_is_one(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.triggers = [stand_in.trigger(config={"collection": ""}, disabled=True)]
    assert phaseline("atlas", "resume", "--database", DATABASE).code == 0
    assert atlas.resumed == [(TRIGGER, False)]
    code, found = doctor(phaseline)
    assert (code, only(found)["level"]) == (0, "warning")
    assert "it is on all collections of phaseline_prod" in str(only(found)["text"])


def test_two_triggers_send_everything_twice(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.triggers.append(stand_in.trigger(PROJECT, name="by hand"))
    told = f"there are 2: phaseline-prod ({TRIGGER}), by hand ({PROJECT})"
    assert told in str(only(doctor(phaseline)[1])["text"])


def test_two_triggers_of_one_name_are_told_apart(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.triggers.append(stand_in.trigger(PROJECT, disabled=True))
    assert only(doctor(phaseline)[1])["about"] == f"trigger phaseline-prod ({PROJECT})"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"operation_types": ["INSERT", "UPDATE"]}, "it fires on ['INSERT', 'UPDATE']"),
        ({"operation_types": ["UPDATE"]}, "it fires on ['UPDATE']"),
        ({"unordered": False}, "it is ordered"),
        ({"project": {}}, "it has no projection"),
        ({"project": {"fullDocument": 1}}, "its projection drops clusterTime, documentKey"),
        ({"project": {**PROJECTION, "fullDocument": 1}}, "its projection does not say what is kept of a status"),
        ({"project": {"fullDocument.output": 0}}, "its projection does not say what is kept of a status"),
        ({"match": {"fullDocument.kind": "job"}}, "its match drops execution.cancel_requested, execution.cancelled"),
        ({"match": {"fullDocument.execution": "mine"}}, "its match is none of ours"),
        ({"match": {"$or": ["job"]}}, "its match is none of ours"),
        ({"match": {"fullDocument.kind": "job", "fullDocument.status": {"$in": "success"}}}, "its match is none of"),
    ],
)
def test_a_trigger_that_was_changed_by_hand(
    atlas: Atlas, phaseline: Phaseline, config: dict[str, object], text: str
) -> None:
    atlas.triggers = [stand_in.trigger(config=config)]
    code, found = doctor(phaseline)
    assert text in str(only(found)["text"])
    assert code == int(config.get("operation_types") == ["UPDATE"] or " drops " in text), "without inserts nothing runs"
    # A deploy of the same template does not touch it.
    assert "where the stack has not changed, that changes nothing: then set it in Atlas" in str(only(found)["remedy"])


def test_of_two_triggers_on_one_cluster_that_is_said_once(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.triggers.append(stand_in.trigger(PROJECT, name="by hand"))
    assert phaseline("atlas", "doctor", "--database", DATABASE).out.count("cluster cluster0: tier M10") == 1


@pytest.mark.parametrize(
    ("processors", "text"),
    [
        ({"FUNCTION": {"config": {}}}, "it does not send to EventBridge"),
        ({"AWS_EVENTBRIDGE": {"config": {"account_id": "1", "extended_json_enabled": True}}}, "extended JSON is on"),
    ],
)
def test_where_it_sends_to(atlas: Atlas, phaseline: Phaseline, processors: dict[str, object], text: str) -> None:
    atlas.triggers = [stand_in.trigger(event_processors=processors)]
    assert text in str(only(doctor(phaseline)[1])["text"])


def test_a_flex_cluster_has_no_triggers(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.clusters, atlas.flex = [], [{"name": "cluster0"}]
    assert "Flex" in str(only(doctor(phaseline)[1])["text"])


@pytest.mark.parametrize(
    ("made", "triggers", "level", "text"),
    [
        (cluster(tier="M0"), 1, "warning", "tier M0, MongoDB 8.0.12: 1 of 5 change streams"),
        (cluster(tier="M0"), 6, "fault", "6 of 5 change streams"),
        (cluster(tier="M10"), 81, "warning", "81 of 100 change streams"),
        (cluster(paused=True), 1, "fault", "it is paused"),
    ],
)
def test_the_tier_and_its_change_streams(
    atlas: Atlas, phaseline: Phaseline, made: dict[str, object], triggers: int, level: str, text: str
) -> None:
    atlas.clusters = [made]
    others = [stand_in.trigger(f"{number:024x}", config={"database": "shop"}) for number in range(triggers - 1)]
    atlas.triggers += others
    found = only(doctor(phaseline)[1])
    assert found["level"] == level
    assert text in str(found["text"])


@pytest.mark.parametrize("tier", ["M30", "M200_NVME"])
def test_larger_tiers_allow_a_thousand(atlas: Atlas, phaseline: Phaseline, tier: str) -> None:
    atlas.clusters = [cluster(tier=tier)]
    assert "of 1000 change streams" in phaseline("atlas", "doctor", "--database", DATABASE).out


def test_a_database_that_cannot_be_reached_does_not_hide_that_its_cluster_is_paused(
    atlas: Atlas, phaseline: Phaseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(uri: str, **options: Any) -> MongoClient[Any]:
        return MongoClient(uri, **{**options, "serverSelectionTimeoutMS": 1})

    monkeypatch.setattr("phaseline_runtime.store.connection.MongoClient", impatient)
    atlas.clusters = [cluster(paused=True)]
    code, found = doctor(phaseline, "--mongo", "mongodb://127.0.0.1:9/")
    assert code == 1
    assert [each["text"] for each in found][:1] == ["it is paused"]
    assert "MongoDB at 127.0.0.1:9 cannot be reached" in str(found[1]["text"])


@pytest.mark.parametrize(("bus", "code"), [(f"aws.partner/mongodb.com/stitch.trigger/{TRIGGER}", 0), ("shop", 1)])
def test_a_bus_that_the_trigger_does_not_send_to_gets_nothing(
    atlas: Atlas, phaseline: Phaseline, monkeypatch: pytest.MonkeyPatch, bus: str, code: int
) -> None:
    where = Connection("mongodb://127.0.0.1:9", DATABASE, "stack phaseline-prod", bus=bus)
    monkeypatch.setattr(connection, "find", lambda *_: where)
    monkeypatch.setattr("phaseline.cli.atlas._of_database", lambda _: [])
    done = doctor(phaseline, "--env", "prod")
    assert done[0] == code
    assert [each["text"] for each in done[1]] == [
        f"the rules are on shop, and the trigger sends to aws.partner/mongodb.com/stitch.trigger/{TRIGGER}: "
        "nothing arrives"
    ][:code]


def test_a_cluster_that_is_gone(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.linked = "other"
    assert only(doctor(phaseline)[1])["text"] == "the project has no such cluster"


def test_a_role_that_lacks_a_right_is_told_by_it(atlas: Atlas, phaseline: Phaseline) -> None:
    runtime = next(each for each in atlas.roles if each["roleName"].endswith("runtime"))
    runtime["actions"] = [each for each in runtime["actions"] if each["action"] != "UPDATE"]
    assert only(doctor(phaseline)[1])["text"] == "it lacks UPDATE on state-machines"


def test_a_role_that_nobody_has_and_one_that_is_missing(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.users = [stand_in.user(Purpose.RETENTION)]
    atlas.roles = [each for each in atlas.roles if not each["roleName"].endswith("migrations")]
    assert [each["text"] for each in doctor(phaseline)[1]] == ["no user has it", "it is missing"]


def test_a_user_that_may_not_reach_the_cluster(atlas: Atlas, phaseline: Phaseline) -> None:
    for each in atlas.users:
        each["scopes"] = [{"name": "cluster0", "type": "CLUSTER"}]
    assert doctor(phaseline) == (0, [])
    atlas.users[0]["scopes"] = [{"name": "other", "type": "CLUSTER"}]
    assert only(doctor(phaseline)[1])["text"] == "1 of 1 users that have it may not reach cluster0"


def test_functions_that_connect_as_their_roles_need_users(
    atlas: Atlas, phaseline: Phaseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "mongodb+srv://cluster0.ab1cd.mongodb.net/?authMechanism=MONGODB-AWS&authSource=%24external"
    monkeypatch.setattr(connection, "find", lambda *_: Connection(uri, DATABASE, "stack phaseline-prod"))
    monkeypatch.setattr("phaseline.cli.atlas._of_database", lambda _: [])
    atlas.roles, people = [], {"username": "anna", "awsIAMType": "NONE", "roles": []}
    assert doctor(phaseline, "--env", "prod") == (0, []), "users of one's own making"
    atlas.users = [people]
    code, found = doctor(phaseline, "--env", "prod")
    assert (code, only(found)["about"]) == (1, "database users")
    assert "no user of the project is a role" in str(only(found)["text"])


def test_a_resume_restarts_the_one_trigger_from_where_it_was(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.triggers[0]["disabled"] = True
    done = phaseline("atlas", "resume", "--database", DATABASE)
    assert (done.code, atlas.resumed) == (0, [(TRIGGER, False)])
    assert "trigger phaseline-prod is resumed, from where it was" in done.out
    assert "the watchdog sends again" in done.out


def test_where_its_place_is_lost_the_message_says_from_now(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.triggers[0]["disabled"] = True
    atlas.lost = True
    done = phaseline("atlas", "resume", "--database", DATABASE)
    assert done.code == 3
    assert "resume token was not found" in done.err
    assert "give --from-now" in done.err
    assert phaseline("atlas", "resume", "--database", DATABASE, "--from-now").code == 0
    assert atlas.resumed == [(TRIGGER, True)]


@pytest.mark.parametrize(("left", "code"), [([], 0), ([stand_in.trigger(disabled=True)], 3)])
def test_what_a_resume_has_brought_about_is_looked_at(
    atlas: Atlas, phaseline: Phaseline, monkeypatch: pytest.MonkeyPatch, left: list[dict[str, Any]], code: int
) -> None:
    """Somebody may delete it at that moment, or Atlas may leave it disabled."""
    services = Atlas.services

    def then(self: Atlas, method: str, path: str, *more: Any) -> Any:
        answer = services(self, method, path, *more)
        self.triggers = left if method == "PUT" else self.triggers
        return answer

    monkeypatch.setattr(Atlas, "services", then)
    atlas.triggers[0]["disabled"] = True
    done = phaseline("atlas", "resume", "--database", DATABASE)
    assert done.code == code
    assert ("it is still disabled: enable it in Atlas" in done.err) is (code == 3)


def test_a_trigger_that_runs_is_left_alone(atlas: Atlas, phaseline: Phaseline) -> None:
    done = phaseline("atlas", "resume", "--database", DATABASE)
    assert (done.code, atlas.resumed) == (0, [])
    assert "not suspended: nothing to do" in done.out


def test_a_resume_names_what_it_cannot_choose_between(atlas: Atlas, phaseline: Phaseline) -> None:
    done = phaseline("atlas", "resume", "--database", "shop")
    assert (done.code, atlas.resumed) == (2, [])
    assert "on shop.statuses there has to be one trigger; found: none" in done.err
    assert phaseline("atlas", "resume").code == 2


def test_of_two_triggers_that_of_the_stacks_bus_is_resumed(
    atlas: Atlas, phaseline: Phaseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    atlas.triggers = [stand_in.trigger(PROJECT, name="by hand"), stand_in.trigger(disabled=True)]
    done = phaseline("atlas", "resume", "--database", DATABASE)
    assert (done.code, atlas.resumed) == (2, [])
    assert "give --env, which knows its bus, or delete those that no stack has made" in done.err
    where = Connection("", DATABASE, "stack", bus=f"aws.partner/mongodb.com/stitch.trigger/{TRIGGER}")
    monkeypatch.setattr(connection, "find", lambda *_: where)
    done = phaseline("atlas", "resume", "--env", "prod")
    assert (done.code, atlas.resumed) == (0, [(TRIGGER, False)])


@pytest.mark.parametrize(
    "answer",
    [{}, [], [1], {"access_token": TOKEN}, "pleased to meet you", {"access_token": TOKEN, "results": [{}]}],
    ids=str,
)
def test_an_answer_of_somebody_else_is_told_as_such(atlas: Atlas, phaseline: Phaseline, answer: object) -> None:
    atlas.refusal = (200, answer)  # type: ignore[assignment]
    done = phaseline("atlas", "doctor", "--database", DATABASE)
    assert done.code == 3
    assert "has answered with something else: is a proxy in between?" in done.err


def test_an_answer_that_breaks_off_is_told_as_such(atlas: Atlas, phaseline: Phaseline) -> None:
    atlas.cut = True
    done = phaseline("atlas", "doctor", "--database", DATABASE)
    assert done.code == 3
    assert "Atlas cannot be asked for POST" in done.err
    assert "check this machine's network" in done.err


@pytest.mark.parametrize("most", [1, 2, 500])
def test_all_pages_of_a_list_are_read_however_short_they_are(atlas: Atlas, phaseline: Phaseline, most: int) -> None:
    atlas.most = most
    atlas.clusters = [cluster(f"other{number}") for number in range(4)] + atlas.clusters
    assert doctor(phaseline) == (0, [])


def test_a_projects_name_is_no_id(atlas: Atlas, phaseline: Phaseline) -> None:
    done = phaseline("atlas", "doctor", "--project-id", "My Project")
    assert (done.code, atlas.requests) == (2, [])
    assert "got 'My Project'; expected is its id, 24 hex digits" in done.err


def test_a_key_in_the_variable_of_the_project_is_not_told(
    atlas: Atlas, phaseline: Phaseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGODB_ATLAS_PROJECT_ID", "0f1e2d3c-5b6a-4789-8796-a5b4c3d2e1f0")
    done = phaseline("atlas", "doctor")
    assert (done.code, atlas.requests) == (2, [])
    assert "got what is in MONGODB_ATLAS_PROJECT_ID; expected is its id, 24 hex digits" in done.err
    assert "0f1e2d3c" not in done.out + done.err


def test_missing_variables_are_named(atlas: Atlas, phaseline: Phaseline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONGODB_ATLAS_PRIVATE_API_KEY")
    monkeypatch.setenv("MONGODB_ATLAS_PROJECT_ID", "")
    done = phaseline("atlas", "doctor")
    assert done.code == 2
    assert "set MONGODB_ATLAS_PRIVATE_API_KEY, MONGODB_ATLAS_PROJECT_ID" in done.err


@pytest.mark.parametrize(
    "url",
    ["http://atlas.example.com", "https://", "https://atlas example.com", "https://[::1", "https://a.example.com:port"],
)
def test_a_key_is_sent_nowhere_in_plain_text_nor_to_what_is_no_address(
    atlas: Atlas, phaseline: Phaseline, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("PHASELINE_ATLAS_URL", url)
    done = phaseline("atlas", "doctor")
    assert (done.code, atlas.requests) == (2, [])
    assert "expected https://" in done.err


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "check the key"),
        (403, "needs the role Project Owner"),
        (403, "address on its access list"),
        (404, f"of project {PROJECT}"),
        (500, ""),
    ],
)
def test_a_refusal_is_told_without_the_key(atlas: Atlas, phaseline: Phaseline, status: int, advice: str) -> None:
    atlas.refusal = (status, {"error": f"no: {PRIVATE}"})
    done = phaseline("atlas", "doctor", "--database", DATABASE)
    assert done.code == 3
    assert f"({status} no: …)" in done.err
    assert advice in done.err


def test_a_wrong_key_is_refused_by_both_apis(
    atlas: Atlas, phaseline: Phaseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGODB_ATLAS_PRIVATE_API_KEY", "wrong-key-of-somebody")
    done = phaseline("atlas", "doctor")
    assert done.code == 3
    assert "wrong-key-of-somebody" not in done.err
    assert "401" in done.err


def test_atlas_that_cannot_be_reached(atlas: Atlas, phaseline: Phaseline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHASELINE_APP_SERVICES_URL", "http://127.0.0.1:9")
    done = phaseline("atlas", "doctor")
    assert done.code == 3
    assert "Atlas cannot be asked for POST" in done.err
