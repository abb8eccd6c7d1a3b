"""notifications_job: sends a status to the channels that subscribe to it.

It moves no execution: a channel that is down delays nothing. It may repeat itself, and never forgets: where a channel
fails, the invocation fails once all channels were tried, Lambda tries again, and then the dead-letter queue keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from phaseline_runtime.bundled import compiled
from phaseline_runtime.envelope import status_id
from phaseline_runtime.logs import follow, logged, logger
from phaseline_runtime.notify.channels import Channel, send
from phaseline_runtime.notify.message import subscribes
from phaseline_runtime.store.store import lambda_store

log = logger("notifications_job")


class ChannelsFailed(Exception):
    """Some channels could not be told; the message names them, never their URL."""


@cache
def _channels() -> list[Channel]:
    channels: list[Channel] = compiled.read("notifications")
    return channels


@logged
def handler(event: Mapping[str, Any], context: Any) -> None:
    """The Lambda entry point."""
    status = lambda_store().status(status_id(event))
    if status is None:
        log.error("the status of this event is not in the database; ignored", extra={"status": status_id(event)})
        return
    follow(status)
    failed = []
    for channel in _channels():
        if not subscribes(channel["events"], status):
            continue
        try:
            send(channel, status, log.info)
        except Exception as error:
            failed.append(f"{channel['to']}: {type(error).__name__}")
    if failed:
        raise ChannelsFailed(f"{', '.join(failed)} (status {status.id})")
