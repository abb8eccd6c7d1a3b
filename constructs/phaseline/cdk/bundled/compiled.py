"""What the runtime reads instead of the config: state machines, notifications, starts and retention, as JSON files.

They are the code of migrations_job, notifications_job, dead_letters_job and retention_job. Compiled once, at synth:
the runtime never parses YAML.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson

from phaseline.config import Config, Notification, Start, compile_definitions
from phaseline_runtime.errors import UserError

MAX_DOCUMENT = 16 * 1024 * 1024
"""The largest document that MongoDB stores, in bytes of BSON."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The contents of the four files."""

    definitions: str
    notifications: str
    starts: str
    """What each rule of a start asks for, by its key: a dead letter of the rule holds nothing but the event itself."""
    retention: str
    """How long executions are kept from their end, in seconds by state machine; those that are not here, for ever."""

    @classmethod
    def of(cls, config: Config) -> Compiled:
        """Compile this config; the same config gives the same text. Raises UserError for too large a definition."""
        definitions = {name: item.to_document() for name, item in compile_definitions(config).items()}
        for name, document in definitions.items():
            size = len(bson.encode(document))
            if size > MAX_DOCUMENT:
                raise UserError(f"state_machines.{name}: has {size} bytes compiled; MongoDB allows {MAX_DOCUMENT}")
        starts = {
            start.key: _start(name, start) for name, item in config.state_machines.items() for start in item.starts
        }
        channels = [_channel(item) for item in config.notifications]
        kept = {name: item.retention for name, item in config.state_machines.items() if item.retention is not None}
        return cls(_json(definitions), _json(channels), _json(starts), _json(kept))

    @property
    def hash(self) -> str:
        """The hash of the definitions: when it changes, they have to be published."""
        return hashlib.sha256(self.definitions.encode()).hexdigest()

    def write(self, folder: Path) -> Path:
        """Write the files into a folder below this one, named after their content, and return it."""
        files = {"definitions": self.definitions, "notifications": self.notifications}
        files |= {"starts": self.starts, "retention": self.retention}
        name = hashlib.sha256("".join(files.values()).encode()).hexdigest()[:16]
        made = folder / f"phaseline-compiled-{name}"
        made.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (made / f"{file}.json").write_text(text, encoding="utf-8")
        return made


def _start(machine: str, start: Start) -> dict[str, Any]:
    asked = {"machine": machine, "kind": start.kind}
    return {**asked, "input": start.input} if start.has_input else asked


def _channel(notification: Notification) -> dict[str, Any]:
    document = {
        "to": notification.to,
        "url": notification.url,
        "url_secret": notification.url_secret,
        "events": list(notification.events),
    }
    return {key: value for key, value in document.items() if value is not None}


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
