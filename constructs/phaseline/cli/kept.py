"""The queue of dead letters that are kept for people.

SQS has no look-up: who wants one message receives all of them, which hides them from others for a while. So each look
is short, bounded, and ends by showing again what it has not deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from phaseline.cli.cloud import Cloud
from phaseline.cli.dead_letter import DeadLetter
from phaseline_runtime.errors import PhaselineError

HIDDEN = 60
"""Seconds for which a look hides a message, if the command is killed before it shows it again."""
MOST = 1_000
"""The most messages in one look."""
_AT_ONCE = 10
"""What SQS gives and takes in one call."""


class Kept:
    """The queue, and the ways back out of it."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._queue = cloud.output("PhaselineKept")
        self._held: dict[str, DeadLetter] = {}
        self.more = False
        """Whether there may be more than the last look has found."""

    @contextmanager
    def look(self, wanted: str | None = None) -> Iterator[list[DeadLetter]]:
        """All that can be seen now, or the one with this id alone; inside the block nobody else sees what was seen."""
        held = self._held
        try:
            while len(held) < MOST and wanted not in held:
                found = [DeadLetter.of(message) for message in self._receive()]
                if not found:
                    break
                held |= {letter.id: letter for letter in found}
            self.more = len(held) >= MOST and wanted not in held
            yield [letter for letter in held.values() if wanted in (None, letter.id)]
        finally:
            self._show(list(held.values()))
            held.clear()

    def hidden(self) -> int:
        """About how many cannot be seen just now, since somebody else looks at them."""
        name = "ApproximateNumberOfMessagesNotVisible"
        answer = self._cloud.call("sqs", "get_queue_attributes", QueueUrl=self._queue, AttributeNames=[name])
        return max(int(answer["Attributes"][name]) - len(self._held), 0)

    def retry(self, letter: DeadLetter) -> None:
        """Give it back to where it was given up, then delete it here: at worst it is done twice, and never lost.

        A consumer's message goes back to its queue. What came here at once is a message of notifications_job, which
        no queue leads to: it is invoked anew.
        """
        if letter.source is None:
            payload = json.dumps(letter.event).encode()
            function = self._cloud.output("PhaselineNotifications")
            self._cloud.call("lambda", "invoke", FunctionName=function, InvocationType="Event", Payload=payload)
        else:
            account, _, name = letter.source.rpartition(":")
            found = self._cloud.call(
                "sqs", "get_queue_url", QueueName=name, QueueOwnerAWSAccountId=account.rpartition(":")[2]
            )
            attributes = {
                key: {"DataType": "String", "StringValue": value} for key, value in letter.attributes.items() if value
            }
            self._cloud.call(
                "sqs",
                "send_message",
                QueueUrl=found["QueueUrl"],
                MessageBody=letter.body,
                MessageAttributes=attributes,
            )
        self.drop(letter)

    def drop(self, letter: DeadLetter) -> None:
        """Delete it for good."""
        self._cloud.call("sqs", "delete_message", QueueUrl=self._queue, ReceiptHandle=letter.receipt)
        self._held.pop(letter.id, None)

    def _receive(self) -> Sequence[dict[str, object]]:
        answer = self._cloud.call(
            "sqs",
            "receive_message",
            QueueUrl=self._queue,
            MaxNumberOfMessages=_AT_ONCE,
            VisibilityTimeout=HIDDEN,
            WaitTimeSeconds=1,  # So that SQS asks all of its servers.
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
        )
        found: Sequence[dict[str, object]] = answer.get("Messages", [])
        return found

    def _show(self, letters: Sequence[DeadLetter]) -> None:
        """Let others see them again at once."""
        for begin in range(0, len(letters), _AT_ONCE):
            entries = [
                {"Id": str(index), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                for index, letter in enumerate(letters[begin : begin + _AT_ONCE])
            ]
            try:
                self._cloud.call("sqs", "change_message_visibility_batch", QueueUrl=self._queue, Entries=entries)
            except PhaselineError:
                return  # They show themselves in a minute.
