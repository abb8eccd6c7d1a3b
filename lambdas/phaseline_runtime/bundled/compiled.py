"""What a deploy has compiled from the config: JSON files, which are the code of the functions that read them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def read(name: str) -> Any:
    """The content of one of them: `definitions`, `notifications`, `starts` or `retention`."""
    path = Path(os.environ["LAMBDA_TASK_ROOT"]) / f"{name}.json"
    return json.loads(path.read_text("utf-8"))
