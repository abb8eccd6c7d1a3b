"""Records the commands that a client sends, so that tests can count them and look at their plans."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

_OF_DATA = ("find", "aggregate", "findAndModify", "insert", "update", "delete", "getMore")


class Commands(CommandListener):
    """Give it to MongoClient as an event listener."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in _OF_DATA:
            self.seen.append(deepcopy(dict(event.command)))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Only starts count."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Only starts count."""

    def names(self) -> list[str]:
        """The commands seen since the last `clear`, as `command collection`."""
        return [f"{next(iter(command))} {next(iter(command.values()))}" for command in self.seen]

    def clear(self) -> None:
        """Forget what was seen."""
        self.seen.clear()
