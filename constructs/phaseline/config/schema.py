"""The JSON Schema of the config file, for editors: from the same table that reads the file."""

from __future__ import annotations

from typing import Any

from phaseline.config.reading.keys import FILE


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a config file. The validator knows more than it can say."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Phaseline config file",
        **FILE.schema(),
    }
