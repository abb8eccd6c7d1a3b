"""What functions have logged, from the emulator's CloudWatch Logs, and what the parts of the platform have."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from phaseline.local.deploy import client
from phaseline.local.errors import PlatformMisuse, PlatformUnavailable
from phaseline.local.platform import Platform
from phaseline.local.state import PARTS, State

POLL = 0.5
"""Seconds between two looks while following."""

PAGE = 10_000
"""The most events that one answer holds."""

_FRAME = re.compile(r"(START|END|REPORT|INIT_START) ")
_BUNDLED = re.compile(r"phaseline_runtime\.bundled\.(\w+)\.")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a log."""

    source: str
    """The job, the bundled Lambda or the part of the platform."""
    message: str
    at: datetime | None = None

    def __str__(self) -> str:
        when = "" if self.at is None else f"{self.at.astimezone():%H:%M:%S.%f}"[:-3] + " "
        return f"{when}{self.source} | {self.message}"

    def to_document(self) -> dict[str, Any]:
        """The same as data."""
        return {"source": self.source, "at": self.at and self.at.isoformat(), "message": self.message}


def read(platform: Platform, name: str | None, *, follow: bool = False) -> Iterator[Entry]:
    """The lines of a job, of a bundled Lambda, of a part (`aws`, `mongo`, `relay`), or of all functions.

    Raises PlatformMisuse for a name that nothing has, PlatformUnavailable where the emulator does not answer.
    """
    if name in PARTS:
        part = platform.folder.log(name)
        return _part(platform, name, part, follow) if part.exists() else iter(())
    state = platform.require("aws")
    with _answering():
        groups = _groups(state)
    if name is not None:
        if name not in groups:
            known = ", ".join([*sorted(groups), *PARTS])
            raise PlatformMisuse(f"nothing that logs is called {name!r}; there is: {known}")
        groups = {name: groups[name]}
    return _functions(state, groups, follow)


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Say what to do where the emulator does not answer, or no longer."""
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except BotoCoreError as error:
        raise PlatformUnavailable(f"the AWS emulator does not answer ({error}): run `phaseline local up`") from error


def _groups(state: State) -> dict[str, str]:
    """The log group of each function, by the name of its job or of the bundled Lambda."""
    found: dict[str, str] = {}
    for page in client("lambda", state).get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            bundled = _BUNDLED.match(function.get("Handler", ""))
            name = variables.get("PHASELINE_JOB") or (bundled[1] if bundled else function["FunctionName"])
            group = function.get("LoggingConfig", {}).get("LogGroup")
            found[name] = group or f"/aws/lambda/{function['FunctionName']}"
    return found


def _functions(state: State, groups: dict[str, str], follow: bool) -> Iterator[Entry]:
    logs = client("logs", state)
    seen: set[tuple[str, str, int]] = set()
    since = 0
    while True:
        with _answering():
            batch = [entry for name, group in groups.items() for entry in _new_entries(logs, name, group, since, seen)]
        for at, entry in sorted(batch, key=lambda item: item[0]):
            # Of the last second, more may still come: it is read again, and what was seen is left out.
            since = max(since, at - 1000)
            yield entry
        if not follow:
            return
        time.sleep(POLL)


def _new_entries(
    logs: Any, name: str, group: str, since: int, seen: set[tuple[str, str, int]]
) -> Iterator[tuple[int, Entry]]:
    """What a group has logged since a time and was not seen yet, with its time in milliseconds."""
    from botocore.exceptions import ClientError

    while True:
        try:
            events = logs.filter_log_events(logGroupName=group, startTime=since, limit=PAGE)["events"]
        except ClientError:
            return  # The group comes into being with the first invocation.
        fresh = 0
        places: Counter[str] = Counter()
        for event in events:
            stream = event["logStreamName"]
            # The emulator's events have no id. A stream is one invocation's, written at once and never cut.
            key = (group, stream, places[stream])
            places[stream] += 1
            if key in seen:
                continue
            seen.add(key)
            fresh += 1
            if not _FRAME.match(event["message"]):
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield event["timestamp"], Entry(name, event["message"].rstrip("\n"), at)
        if len(events) < PAGE or not fresh:
            return
        since = events[-1]["timestamp"]


def _part(platform: Platform, name: str, log: Path, follow: bool) -> Iterator[Entry]:
    with log.open(errors="replace") as lines:
        while True:
            for line in lines:
                yield Entry(name, line.rstrip("\n"))
            if not follow or not platform.state.part(name).alive:
                return
            time.sleep(POLL)
