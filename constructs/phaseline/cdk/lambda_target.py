"""The target of every rule: a Lambda function with a retry policy and a dead-letter queue.

CDK's own target adds a permission and a statement on the queue for each rule, and takes its identifier from the
function; here whoever makes the rule decides about permissions, so that a job stays at six resources.
"""

from __future__ import annotations

import jsii
from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk.interfaces.aws_events import IRuleRef

from phaseline.cdk.asked_once import arn_of, in_seconds

MAX_RETRIES = 185
"""The most that EventBridge allows; the age of the event ends the retries earlier."""


@jsii.implements(events.IRuleTarget)
class LambdaTarget:
    """Hands the whole event to a function. It grants nothing: add a permission for the rule yourself.

    Args:
        function: the function to invoke.
        dead_letters: where an event goes that could not be handed over.
        max_age: how long EventBridge tries, from 1 minute to 24 hours.
    """

    def __init__(self, function: lambda_.IFunction, *, dead_letters: sqs.IQueue, max_age: Duration) -> None:
        self.function = function
        self.arn = function.function_arn
        """What the permission is for."""
        self._dead_letters = dead_letters
        self._max_age = max_age

    def bind(self, rule: IRuleRef, id: str | None = None) -> events.RuleTargetConfig:
        """Called by the rule."""
        return events.RuleTargetConfig(
            arn=self.arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=arn_of(self._dead_letters)),
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=in_seconds(self._max_age),
                maximum_retry_attempts=MAX_RETRIES,
            ),
            target_resource=self.function,
        )
