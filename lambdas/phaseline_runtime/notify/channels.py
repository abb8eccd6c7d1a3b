"""The channels: log, webhook and Slack. A few lines on urllib: what a notification needs, and nothing to import."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from phaseline_runtime.notify.message import event_name, text
from phaseline_runtime.statuses import Status

TIMEOUT = 10
"""Seconds that a channel has to answer."""

Channel = Mapping[str, Any]


def send(channel: Channel, status: Status, log: Callable[[str], Any]) -> None:
    """Send one status to one channel. Raises OSError where the channel cannot be reached or refuses."""
    match channel["to"]:
        case "log":
            log(text(status))
        case "slack":
            _post(_url(channel), {"text": text(status)})
        case "webhook":
            _post(_url(channel), _payload(status))
        case other:
            raise ValueError(f"unknown channel {other!r}; known are log, webhook and slack")


def _payload(status: Status) -> dict[str, Any]:
    """What a webhook gets: the event, the line for people, and what identifies the status. No input, no output."""
    keys = ("id", "kind", "execution", "state_machine", "phase", "round", "name", "attempt", "status", "reason")
    found = {key: getattr(status, key) for key in keys}
    error = {key: str(value) for key, value in (status.error or {}).items() if key != "traceback"}
    at = status.at.isoformat() if isinstance(status.at, datetime) else None
    return {"event": event_name(status), "text": text(status), "at": at, "error": error or None, **found}


def _post(url: str, body: Mapping[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT):
        pass


def _url(channel: Channel) -> str:
    return str(channel["url"]) if "url" in channel else _secret(channel["url_secret"])


@cache
def _secret(name: str) -> str:
    """The URL in a secret: its text, or the key `url` where the text is a JSON object."""
    import boto3  # Slow to import: only where a secret is used.

    value: str = boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    return str(json.loads(value)["url"]) if value.lstrip().startswith("{") else value.strip()
