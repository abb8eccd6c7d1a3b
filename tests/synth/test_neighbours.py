"""Several orchestrations in one app: what they must not share is refused, wherever in the app they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match
from constructs import Construct

from phaseline.cdk import EventSource, JobStacks, MongoConnection, Orchestration
from phaseline.config import Config, load
from phaseline_runtime.errors import UserError
from tests.support.stacks import CONFIG, Made, make

HERE = cdk.Environment(account="111122223333", region="eu-central-1")
ATLAS = "64f0c0ffee64f0c0ffee64f0"
PARTNER = "aws.partner/mongodb.com/stitch.trigger/64f0c0ffee64f0c0ffee64f0"

Place = Callable[[cdk.Stack], Construct]


def second(made: Made, scope: Construct, folder: Path, config: Config | None = None, **arguments: Any) -> Orchestration:
    """Another one in the app, which shares nothing with the first but what is given."""
    given = {
        "config": load(folder / "phaseline.yaml", values={}) if config is None else config,
        "mongo": MongoConnection.secret("phaseline/test/mongo"),
        "event_source": EventSource.relay(),
        "database": "another",
        **arguments,
    }
    return Orchestration(scope, "Second", **given)


def in_a_construct(stack: cdk.Stack) -> Construct:
    return Construct(stack, "Part")


def in_a_nested_stack(stack: cdk.Stack) -> Construct:
    return cdk.NestedStack(stack, "Nested")


def in_another_stack(stack: cdk.Stack, **env: str) -> Construct:
    return cdk.Stack(cdk.Stage.of(stack), "other", env=cdk.Environment(**{"account": HERE.account, **env}))


def in_the_same_region(stack: cdk.Stack) -> Construct:
    return in_another_stack(stack, region="eu-central-1")


def in_another_region(stack: cdk.Stack) -> Construct:
    return in_another_stack(stack, region="us-east-1")


def somewhere(stack: cdk.Stack) -> Construct:
    return cdk.Stack(cdk.Stage.of(stack), "other")


@pytest.mark.parametrize("place", [in_a_construct, in_a_nested_stack, in_the_same_region])
def test_the_same_database_is_refused_wherever_in_the_account_the_other_is(place: Place, tmp_path: Path) -> None:
    made = make(tmp_path, of_stack={"env": HERE})
    told = (
        r"Second: database: got 'phaseline_test', which test/Orchestration in the same account .* a `database` of its"
    )
    with pytest.raises(UserError, match=told):
        second(made, place(made.stack), tmp_path, database="phaseline_test")


@pytest.mark.parametrize("place", [in_another_region, somewhere])
def test_another_region_may_have_the_same_names(place: Place, tmp_path: Path) -> None:
    made = make(tmp_path, of_stack={"env": HERE})
    source = EventSource.relay("phaseline-test")
    assert second(made, place(made.stack), tmp_path, database="phaseline_test", event_source=source)


@pytest.mark.parametrize(
    ("env", "warned"),
    [
        ({}, True),
        ({"account": HERE.account}, True),
        ({"region": HERE.region}, True),
        ({"region": "us-east-1"}, False),
        ({"account": "999922223333"}, False),
        ({"account": "999922223333", "region": HERE.region}, False),
    ],
)
def test_stacks_that_may_be_in_one_region_are_warned_of_the_same_database(
    env: dict[str, str], warned: bool, tmp_path: Path
) -> None:
    made = make(tmp_path, of_stack={"env": HERE})
    other = cdk.Stack(cdk.Stage.of(made.stack), "other", env=cdk.Environment(**env))
    second(made, other, tmp_path, database="phaseline_test")
    second(made, cdk.Stack(cdk.Stage.of(made.stack), "third"), tmp_path)
    for stack, expected in ((other, warned), (made.stack, False)):
        found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("database 'phaseline_test'"))
        assert bool(found) is expected


@pytest.mark.parametrize(
    ("source", "env", "warned"),
    [
        (EventSource.relay("phaseline-test"), {}, True),
        (EventSource.relay("phaseline-test"), {"region": HERE.region}, True),
        (EventSource.relay("phaseline-test"), {"region": "us-east-1"}, False),
        (EventSource.relay("phaseline-other"), {}, False),
        (EventSource.relay(), {}, False),
        (EventSource.bus("phaseline-test"), {}, False),
    ],
)
def test_stacks_that_may_be_in_one_region_are_warned_of_a_bus_that_both_make(
    source: EventSource, env: dict[str, str], warned: bool, tmp_path: Path
) -> None:
    made = make(tmp_path, of_stack={"env": HERE})
    other = cdk.Stack(cdk.Stage.of(made.stack), "other", env=cdk.Environment(**env))
    second(made, other, tmp_path, event_source=source)
    told = "the bus phaseline-test has the same name as that of test/Orchestration, .* both stacks their `env`"
    for stack, expected in ((other, warned), (made.stack, False)):
        found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp(told))
        assert bool(found) is expected


@pytest.mark.parametrize(
    "mongo",
    [
        MongoConnection.iam("cluster0.ab1cd.mongodb.net"),
        MongoConnection.uri("mongodb://localhost/"),
        MongoConnection.secret("arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop-a1B2c3"),
        MongoConnection.uri_parameter("arn:aws:ssm:eu-central-1:111122223333:parameter/shop"),
    ],
    ids=lambda mongo: type(mongo).__name__,
)
def test_the_same_mongodb_is_known_in_another_account_too(mongo: MongoConnection, tmp_path: Path) -> None:
    made = make(tmp_path, of_stack={"env": HERE}, mongo=mongo)
    other = cdk.Stack(cdk.Stage.of(made.stack), "other", env=cdk.Environment(account="999922223333"))
    with pytest.raises(UserError, match=r"which test/Orchestration of the same MongoDB has too: each would run the"):
        second(made, other, tmp_path, mongo=mongo, database="phaseline_test")
    assert second(made, Construct(other, "Part"), tmp_path, mongo=mongo)


@pytest.mark.parametrize("name", [None, "boats"])
def test_a_trigger_of_atlas_is_made_once_in_its_app(name: str | None, tmp_path: Path) -> None:
    """In whichever account its bus is: a deploy would find it out half-way."""
    source = EventSource.atlas_trigger(ATLAS, ATLAS, ATLAS, name=name)
    made = make(tmp_path, of_stack={"env": HERE}, event_source=source)
    other = in_another_region(made.stack)
    given: dict[str, Any] = {
        "mongo": MongoConnection.secret("other"),
        "database": "phaseline_test" if name is None else "b",
    }
    with pytest.raises(
        UserError, match=r"test/Orchestration makes the trigger [\w-]+ already, and an app of Atlas has"
    ):
        second(made, other, tmp_path, event_source=source, **given)
    another = EventSource.atlas_trigger(ATLAS, ATLAS, ATLAS, name="other")
    assert second(made, Construct(other, "Part"), tmp_path, event_source=another, **given)
    elsewhere = EventSource.atlas_trigger(ATLAS[:-1] + "1", ATLAS, ATLAS, name=name)
    assert second(made, Construct(other, "Third"), tmp_path, event_source=elsewhere, **{**given, "database": "c"})


def test_jobs_in_stacks_of_their_own_are_for_one_orchestration_in_a_stack(tmp_path: Path) -> None:
    made = make(tmp_path, job_stacks=JobStacks.routed(2))
    with pytest.raises(UserError, match=r"Second: job_stacks: test/Orchestration .* give each a stack of its own"):
        second(made, made.stack, tmp_path, job_stacks=JobStacks.direct(2))
    elsewhere = somewhere(made.stack)
    assert second(made, elsewhere, tmp_path, job_stacks=JobStacks.direct(2))


@pytest.mark.parametrize("source", [EventSource.relay("shop"), EventSource.partner(PARTNER)])
def test_a_bus_is_made_once(source: EventSource, tmp_path: Path) -> None:
    made = make(tmp_path, event_source=source)
    name = source.bus_name
    assert name is not None
    with pytest.raises(UserError, match=rf'the bus {name} already, .* or `EventSource\.bus\("{name}"\)`'):
        second(made, made.stack, tmp_path, event_source=source)
    assert second(made, in_a_construct(made.stack), tmp_path, event_source=EventSource.bus(name), database="third")


@pytest.mark.parametrize(("allowed", "fits"), [(8, True), (7, False)])
def test_rules_on_a_bus_that_both_have_are_counted_together(allowed: int, fits: bool, tmp_path: Path) -> None:
    made = make(tmp_path, event_source=EventSource.bus("shop"))  # Three of ours, and one job.
    given: dict[str, Any] = {"event_source": EventSource.bus("shop"), "rules_per_bus": allowed}
    if fits:
        assert second(made, made.stack, tmp_path, **given)
        return
    told = r"Second: needs 4 rules on the bus shop, where test/Orchestration has 4; EventBridge allows 7: give one of"
    with pytest.raises(UserError, match=told):
        second(made, made.stack, tmp_path, **given)


def test_wildcards_on_a_bus_that_both_have_are_counted_together(tmp_path: Path) -> None:
    names = [f"job_{number}" for number in range(16)]
    jobs = "".join(f"  {name}: {{code: jobs/boat, filter: {{port: [{{wildcard: a*b}}]}}}}\n" for name in names)
    uses = "".join(f", {name}: " for name in names)
    text = CONFIG.replace("state_machines:", f"{jobs}state_machines:").replace("boat: }", f"boat: {uses}}}")
    made = make(tmp_path, text, event_source=EventSource.bus("shop"))
    with pytest.raises(
        UserError, match=r"needs 16 rules with a `wildcard` on the bus shop, where .* has 16; .* allows 30"
    ):
        second(made, made.stack, tmp_path, event_source=EventSource.bus("shop"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"database": "a.b"}, r"database: got 'a\.b'"),
        ({"database": "other", "functions": {"boat": None}}, "functions: `boat` is no job"),
    ],
)
def test_one_that_could_not_be_made_claims_nothing(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    made = make(tmp_path)
    with pytest.raises(UserError, match=message):
        second(made, made.stack, tmp_path, **wrong)
    assert second(made, in_a_construct(made.stack), tmp_path, database="other")
