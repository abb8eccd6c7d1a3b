"""One dead letter: what a message of the queue for people says, read as far as it can be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from phaseline_runtime.masking import masked


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message as it was received."""

    id: str
    body: str
    attributes: Mapping[str, str]
    """What EventBridge says of an event that it could not hand over."""
    since: datetime
    """When it was sent first: its time stays when SQS moves it to another queue."""
    source: str | None
    """The queue whose consumer has given it up, as ARN. None for what was left to people at once."""
    receipt: str

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> DeadLetter:
        """Read a message as boto3 gives it."""
        given = message.get("Attributes", {})
        texts = message.get("MessageAttributes", {})
        return cls(
            id=message["MessageId"],
            body=message["Body"],
            attributes={name: item["StringValue"] for name, item in texts.items() if "StringValue" in item},
            since=datetime.fromtimestamp(int(given["SentTimestamp"]) / 1000, UTC),
            source=given.get("DeadLetterQueueSourceArn"),
            receipt=message["ReceiptHandle"],
        )

    @property
    def content(self) -> Any:
        """The body as data where it is JSON, else as text."""
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body

    @property
    def event(self) -> Any:
        """The event that was not handled."""
        content = self.content
        return content.get("requestPayload", content) if isinstance(content, dict) else content

    @property
    def about(self) -> str:
        """What it is about: a status, an execution, a start, or something else."""
        return self._subject or "unreadable"

    @property
    def fault(self) -> str | None:
        """What is wrong with a message that nobody can read, and that fails at each retry."""
        if self._subject is not None:
            return None
        if not isinstance(self.content, dict):
            return "the message is no JSON object"
        if not isinstance(self.event, dict):
            return "the invocation that failed had no JSON object as its event"
        return "the message is neither an event of a status nor a wake-up nor a start"

    @property
    def cause(self) -> str:
        """Why it was not delivered or handled, as AWS says it; else what is wrong with it, or who has said so."""
        content = self.content
        found = _at(content, "responsePayload", "errorMessage") or _at(content, "requestContext", "condition")
        said = found or self.attributes.get("ERROR_MESSAGE") or self.attributes.get("ERROR_CODE") or self.fault
        return masked(str(said or f"not in the message: see the log of {self._consumer}"))

    @property
    def _subject(self) -> str | None:
        event = self.event
        if not isinstance(event, dict):
            return None
        status = _at(event, "detail", "fullDocument", "_id")
        if isinstance(status, str):
            return f"status {status}"
        if isinstance(event.get("execution"), str):
            return f"execution {event['execution']}"
        if isinstance(event.get("machine"), str):
            return f"start of {event['machine']}"
        rule = self.attributes.get("RULE_ARN")
        return None if rule is None else f"event for {rule.rpartition(':')[2]}"

    @property
    def _consumer(self) -> str:
        """Who has failed by it: a wake-up is no event and no record of an invocation."""
        if self.source is None:
            return "notifications_job"
        return "watchdog_job" if isinstance(_at(self.content, "execution"), str) else "dead_letters_job"

    @property
    def told(self) -> Any:
        """The content as it is shown: without the passwords that a function's error may quote. Data stays as it is."""
        content = self.content
        if not isinstance(content, dict) or "responsePayload" not in content:
            return content
        return {**content, "responsePayload": _masked(content["responsePayload"])}


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return masked(value) if isinstance(value, str) else value


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
