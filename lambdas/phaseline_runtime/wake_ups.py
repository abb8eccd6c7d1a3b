"""Messages that wake an execution up when something is due: an SQS message with a delay, to watchdog_job.

A wake-up carries no decision. One that is lost, late or doubled costs time at the most: the watchdog finds what it
missed, and whatever is due later than SQS can delay.
"""

from __future__ import annotations

import json
import math
import os
from datetime import timedelta
from functools import cache
from typing import Any

LONGEST = 900
"""Seconds that SQS can delay a message."""


def send(execution: str, delay: timedelta) -> None:
    """Send a wake-up, where there is a queue for it and SQS can delay it so long."""
    queue = os.environ.get("PHASELINE_WAKE_QUEUE")
    seconds = seconds_of(delay)
    if queue and seconds is not None:
        body = json.dumps({"execution": execution})
        _sqs().send_message(QueueUrl=queue, DelaySeconds=seconds, MessageBody=body)


def seconds_of(delay: timedelta) -> int | None:
    """After how many whole seconds the wake-up comes. None where SQS cannot delay it so long, and nothing is sent."""
    seconds = max(0, math.ceil(delay.total_seconds()))
    return seconds if seconds <= LONGEST else None


@cache
def _sqs() -> Any:
    import boto3  # Slow to import, and seldom needed.

    return boto3.client("sqs")
