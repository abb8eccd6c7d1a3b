"""Where what could not be delivered ends up: one queue for all rules, one for all functions, one for people.

The first two catch different failures: a rule's event that never reached Lambda, and an invocation that Lambda accepted
and the function did not survive. dead_letters_job consumes both; what it cannot complete goes on to the third. A queue
for each job would add two resources and a queue policy to every job, in a stack that may hold 500, and nobody watches
hundreds of queues: each message names its rule or its function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from phaseline.cdk.basics.accepted_findings import LAST_QUEUE, QUEUE, accept

VISIBILITY = Duration.minutes(6)
"""How long a message is hidden while it is worked on: six times the consumer's timeout, as AWS Lambda advises."""
TRIES = 5
"""How often a consumer tries a message before it is left to people."""


class DeadLetters(Construct):
    """The dead-letter queues of an orchestration. They keep a message for 14 days, the longest that SQS does."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.kept = self._queue("Kept")
        """What nothing but a person can complete: alarm on it."""
        self.rules = self._queue("Rules", after=self.kept)
        """Events that a rule could not hand to its target."""
        self.functions = self._queue("Functions", after=self.kept)
        """Invocations that failed: a job's crash, or a bundled Lambda that failed three times."""

    def accept_from_rules(self, *rule_arns: str) -> None:
        """Let the rules with these ARNs send to `rules`; `*` and `?` are wildcards.

        One statement for all rules of a bus: the policy of a queue has a limit of 20 statements.
        """
        _accept(self.rules, rule_arns)

    def keep_from_rule(self, rule_arn: str) -> None:
        """Let the rule with this ARN send to `kept`, past everything that could complete what it sends."""
        _accept(self.kept, [rule_arn])

    def _queue(self, id: str, *, after: sqs.IQueue | None = None) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            id,
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=VISIBILITY,
            dead_letter_queue=None if after is None else sqs.DeadLetterQueue(queue=after, max_receive_count=TRIES),
        )
        accept(queue, LAST_QUEUE if after is None else QUEUE)
        return queue


def _accept(queue: sqs.Queue, rule_arns: Sequence[str]) -> None:
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnLike": {"aws:SourceArn": list(rule_arns)}},
        )
    )


class DeadLettersElsewhere:
    """The queues of `DeadLetters` for rules and jobs, as seen from another stack.

    Args:
        scope: in the other stack.
        arn: the ARN of the queue of this name; asked for where the queue is used.
    """

    def __init__(self, scope: Construct, arn: Callable[[str], str]) -> None:
        self._scope = scope
        self._arn = arn

    @cached_property
    def rules(self) -> sqs.IQueue:
        """See `DeadLetters.rules`."""
        return self._queue("rules")

    @cached_property
    def functions(self) -> sqs.IQueue:
        """See `DeadLetters.functions`."""
        return self._queue("functions")

    def accept_from_rules(self, *rule_arns: str) -> None:
        """Nothing: what a queue accepts is said in its own stack."""

    def _queue(self, name: str) -> sqs.IQueue:
        return sqs.Queue.from_queue_arn(self._scope, f"Queue-{name}", self._arn(name))
