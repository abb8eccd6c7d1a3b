"""Whether a failed attempt is tried again, and when: decided once and recorded in the failure itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from phaseline_runtime.definition import Retry, Use, matches
from phaseline_runtime.statuses import Status

LONGEST = timedelta(days=365)
"""What a delay is cut to, however often it was multiplied."""


def with_retry(failed: Status, use: Use, used: Sequence[int]) -> Status:
    """The failure, saying when it is tried again if a policy of its use allows it.

    The first policy that matches decides, and counts its own retries (Amazon States Language, `Retry`).

    Args:
        failed: The failure with its time.
        use: What it is a failure of.
        used: How many retries each policy has given before.
    """
    counts = [*used, *[0] * (len(use.retry) - len(used))]
    error_type = None if failed.error is None else failed.error.get("type")
    index = next((i for i, policy in enumerate(use.retry) if _covers(policy, error_type)), None)
    if index is None or counts[index] >= use.retry[index].max_attempts or failed.at is None:
        return failed
    at = failed.at + _delay(use.retry[index], counts[index], failed.id)
    counts[index] += 1
    record: Mapping[str, Any] = {"attempt": (failed.attempt or 1) + 1, "at": at, "used": counts}
    return replace(failed, retry=record, due=at)


def _covers(policy: Retry, error_type: str | None) -> bool:
    return matches(policy.errors, error_type) and error_type not in policy.never


def _delay(policy: Retry, count: int, slot: str) -> timedelta:
    """In whole milliseconds, as MongoDB keeps times."""
    try:
        seconds = policy.interval * policy.backoff_rate**count
    except OverflowError:
        seconds = LONGEST.total_seconds()
    seconds = min(seconds, policy.max_delay if policy.max_delay is not None else LONGEST.total_seconds())
    if policy.jitter:
        # The same for whoever computes it: two who record the same failure agree on its retry.
        seconds *= int.from_bytes(hashlib.sha256(slot.encode()).digest()[:8]) / 2**64
    return timedelta(milliseconds=round(seconds * 1000))
