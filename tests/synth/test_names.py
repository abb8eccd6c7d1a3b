"""Arguments that would only fail in the midst of a deploy, or at run time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from aws_cdk import App, Duration, Fn, RemovalPolicy, Stack
from aws_cdk.aws_secretsmanager import Secret

from phaseline.cdk import AtlasTypes, Bundling, EventSource, MongoConnection
from phaseline.cdk.atlas_user import AtlasUsers
from phaseline.cdk.monitoring import Monitoring
from phaseline_runtime.errors import UserError
from tests.support.stacks import make

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/12-ab"


def nothing() -> Any:
    """What `os.environ.get` gives for a variable that is not set."""
    return None


TEXT: Any = "text"
"""What is no construct, path or architecture."""


def trigger(**arguments: Any) -> EventSource:
    ids = [f"64f0c0ffee64f0c0ffee64f{number}" for number in range(3)]
    return EventSource.atlas_trigger(*ids, **arguments)


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: EventSource.relay("our bus"), r"EventSource\.relay: name: got 'our bus'"),
    (lambda: EventSource.relay("aws.partner/shop"), r"EventSource\.relay: name: got 'aws\.partner/shop'; .* a new bus"),
    (lambda: EventSource.relay("default"), r"EventSource\.relay: name: got 'default'; .* not `default`"),
    (lambda: EventSource.bus(""), r"EventSource\.bus: name: got ''; expected is a bus's name"),
    (lambda: EventSource.bus("arn:aws:events:eu-west-1:111122223333:event-bus/shop"), r"EventSource\.bus: .* no ARN"),
    (lambda: EventSource.partner("shop"), r"EventSource\.partner: name: got 'shop'; expected is `aws\.partner/"),
    (lambda: MongoConnection.secret(""), r"MongoConnection\.secret: name: got ''"),
    (lambda: MongoConnection.secret(cast(Any, Secret)), r"MongoConnection\.secret: name: got <class "),
    (lambda: MongoConnection.secret("shop/*"), r"MongoConnection\.secret: name: got 'shop/\*'"),
    (lambda: MongoConnection.secret(f"{SECRET}:shop"), r"MongoConnection\.secret: name: .* six characters"),
    (lambda: MongoConnection.secret("shop", key_arn="alias/shop"), r"secret: key_arn: got 'alias/shop'; .* no alias"),
    (lambda: MongoConnection.uri_parameter("our shop"), r"MongoConnection\.uri_parameter: name: got 'our shop'"),
    *[
        (
            lambda name=name: MongoConnection.uri_parameter(name),
            rf"uri_parameter: name: got '{name}'; .* begins with one",
        )
        for name in ("shop/mongo", "//mongo", "/shop/", "/aws/mongo", "SSM-mongo")
    ],
    (lambda: EventSource.partner(f"aws.partner/{'x' * 250}/y"), r"EventSource\.partner: name: got 'aws.partner/x+/y'"),
    (lambda: MongoConnection.secret(nothing()), r"MongoConnection\.secret: name: got None"),
    (lambda: MongoConnection.uri_parameter(nothing()), r"MongoConnection\.uri_parameter: name: got None"),
    (lambda: MongoConnection.uri(nothing()), r"MongoConnection\.uri: expected is `mongodb://…`"),
    (lambda: MongoConnection.iam(nothing()), r"MongoConnection\.iam: host: got 'None'"),
    (lambda: EventSource.bus(nothing()), r"EventSource\.bus: name: got None"),
    (lambda: trigger(profile=nothing()), r"EventSource\.atlas_trigger: profile: got None"),
    (lambda: trigger(profile="our shop"), r"EventSource\.atlas_trigger: profile: got 'our shop'"),
    (
        lambda: trigger(tolerate_resume_errors="no"),
        r"tolerate_resume_errors: got a value of type str; expected is True or",
    ),
    (lambda: trigger(name=""), r"EventSource\.atlas_trigger: name: got ''; expected is 1 to 64"),
    (lambda: trigger(name="our shop"), r"EventSource\.atlas_trigger: name: got 'our shop'"),
    (lambda: trigger(name="x" * 65), r"EventSource\.atlas_trigger: name: got 'x+'"),
    (lambda: trigger(events="job.started"), r"events: got a value of type str; expected is a list of texts"),
    (
        lambda: trigger(events=["job.startd"]),
        r"events: unknown event \(got \"job\.startd\".*did you mean job\.started\?",
    ),
    (lambda: trigger(events=[nothing()]), r"events: got None; expected is a list of texts"),
    (lambda: MongoConnection.uri("anna:hunter2@host"), r"MongoConnection\.uri: expected is `mongodb://…` .* not shown"),
]


@pytest.mark.parametrize(("make_it", "message"), WRONG)
def test_a_name_that_is_none_is_refused_where_it_is_given(make_it: Callable[[], Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        make_it()
    assert "hunter2" not in str(raised.value)


def test_names_arns_and_tokens_are_taken() -> None:
    EventSource.bus("aws.partner/mongodb.com/stitch.trigger/64f0c0ffee64f0c0ffee64f0")
    for name in ("shop/prod+mongo@1", f"{SECRET}:shop-AbCdEf"):
        MongoConnection.secret(name, key_arn=KEY)
    for name in ("mongo", "/shop/mongo", "arn:aws:ssm:eu-west-1:111122223333:parameter/shop/mongo"):
        MongoConnection.uri_parameter(name, key_arn=KEY)
    token = Fn.import_value("Shop")
    EventSource.bus(token)
    EventSource.partner(token)
    MongoConnection.secret(token, key_arn=token)
    MongoConnection.uri(token)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"database": "our.shop"}, "database: got 'our.shop'; expected is 1 to 63 letters"),
        ({"database": "admin"}, "database: got 'admin'; expected is .* none of MongoDB's own"),
        ({"database": "Admin"}, "database: got 'Admin'; .* however they are spelled"),
        ({"log_removal": RemovalPolicy.SNAPSHOT}, "log_removal: got SNAPSHOT, .*: give RETAIN, or DESTROY"),
        ({"database": "x" * 60, "event_source": trigger()}, "name: got 'phaseline-x+'; expected is 1 to 64"),
        ({"watchdog_period": Duration.seconds(30)}, "watchdog_period: got 30 s; allowed are whole minutes"),
        ({"watchdog_period": Duration.seconds(90)}, "watchdog_period: got 90 s"),
        ({"rules_per_bus": 0}, "rules_per_bus: got 0; 3 are ours, and each job needs one more"),
    ],
)
def test_an_argument_that_cannot_be_deployed_is_refused(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make(tmp_path, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"change": lambda _: "phaseline.yaml"},
            r"config: got a value of type str; expected is what `phaseline\.config\.load",
        ),
        ({"mongo": "mongodb://anna:hunter2@host"}, r"mongo: got a value of type str; expected is `MongoConnection\."),
        ({"mongo": None}, "mongo: got None; expected is `MongoConnection"),
        (
            {"event_source": EventSource},
            r"event_source: got the class EventSource; expected is `EventSource\.relay\(\)`",
        ),
        ({"starter_url": "iam"}, r"starter_url: got a value of type str; expected is `StarterUrl\.IAM`"),
        ({"watchdog_period": 5}, r"watchdog_period: got a value of type int; expected is `Duration\.minutes"),
        ({"rules_per_bus": "300"}, "rules_per_bus: got a value of type str"),
        ({"rules_per_bus": True}, "rules_per_bus: got a value of type bool; expected is a whole number"),
        ({"functions": lambda _: []}, "functions: got a value of type list"),
        ({"functions": lambda _: {1: None}}, "functions: got a value of type int; expected is functions by the names"),
        ({"job_networks": []}, "job_networks: got a value of type list"),
        ({"job_networks": {None: None}}, "job_networks: got None; expected is networks by the names of jobs"),
        ({"network": lambda _: "vpc-1"}, r"network: got a value of type str; expected is `Network\.vpc\("),
        ({"job_networks": {"rent_a_boat": "vpc-1"}}, "job_networks: rent_a_boat: got a value of type str"),
        ({"log_retention": 30}, "log_retention: got a value of type int"),
    ],
)
def test_an_argument_of_another_kind_is_named(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"Orchestration: {message}") as raised:
        make(tmp_path, **arguments)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda stack: AtlasTypes(stack, "It", types=[]), "AtlasTypes: types: got none; give one at least"),
        (lambda stack: AtlasTypes(stack, "It", profiles=[]), "AtlasTypes: profiles: got none; give one at least"),
        (
            lambda stack: AtlasTypes(stack, "It", types=["Trigger"]),
            "AtlasTypes: types: got 'Trigger'; .* MongoDB::Atlas::T",
        ),
        (
            lambda stack: AtlasUsers(stack, "It", orchestration=TEXT, project_id="x"),
            "AtlasUsers: orchestration: got a v",
        ),
        (
            lambda stack: Monitoring(stack, "It", orchestration=TEXT),
            "Monitoring: orchestration: got a value of type str",
        ),
        (lambda stack: Bundling.for_aws(TEXT), "Bundling.for_aws: architecture: got a value of type str"),
        (
            lambda stack: Bundling.for_aws(cache=TEXT),
            "Bundling.for_aws: cache: got a value of type str; .*`pathlib.Pa",
        ),
        (
            lambda stack: Bundling.for_this_interpreter(cache=TEXT),
            "Bundling.for_this_interpreter: cache: got a value",
        ),
    ],
)
def test_what_the_smaller_constructs_are_given_is_looked_at(make_it: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_it(Stack(App(), "test"))


def test_a_cluster_is_given_by_its_name_and_not_by_its_host(tmp_path: Path) -> None:
    made = make(tmp_path, mongo=MongoConnection.iam("cluster0.ab1cd.mongodb.net"))
    with pytest.raises(UserError, match=r"AtlasUser: cluster: got 'cluster0\.ab1cd\.mongodb\.net'; .* and -, no host"):
        AtlasUsers(
            made.stack,
            "Users",
            orchestration=made.orchestration,
            project_id="64f0c0ffee64f0c0ffee64f0",
            cluster="cluster0.ab1cd.mongodb.net",
        )
