"""Arguments that would only fail in the midst of a deploy, or at run time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration, Fn

from phaseline.cdk import EventSource, MongoConnection
from phaseline_runtime.errors import UserError
from tests.support.stacks import make

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/12-ab"

WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: EventSource.relay("our bus"), r"EventSource\.relay: name: got 'our bus'"),
    (lambda: EventSource.bus(""), r"EventSource\.bus: name: got ''; expected is a bus's name"),
    (lambda: EventSource.bus("arn:aws:events:eu-west-1:111122223333:event-bus/shop"), r"EventSource\.bus: .* no ARN"),
    (lambda: EventSource.partner("shop"), r"EventSource\.partner: name: got 'shop'; expected is `aws\.partner/"),
    (lambda: MongoConnection.secret(""), r"MongoConnection\.secret: name: got ''"),
    (lambda: MongoConnection.secret("shop/*"), r"MongoConnection\.secret: name: got 'shop/\*'"),
    (lambda: MongoConnection.secret(f"{SECRET}:shop"), r"MongoConnection\.secret: name: .* six characters"),
    (lambda: MongoConnection.secret("shop", key_arn="alias/shop"), r"secret: key_arn: got 'alias/shop'; .* no alias"),
    (lambda: MongoConnection.uri_parameter("our shop"), r"MongoConnection\.uri_parameter: name: got 'our shop'"),
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
    for name in ("/shop/mongo", "arn:aws:ssm:eu-west-1:111122223333:parameter/shop/mongo"):
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
