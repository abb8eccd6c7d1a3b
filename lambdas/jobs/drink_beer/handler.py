"""Drinks a beer while the others work. Asynchronous: a handler may be."""

from __future__ import annotations

import asyncio
from typing import Any


async def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    await asyncio.sleep(0.2)
    return {"litres": 0.5, "cheers_to": event.get("angler", "the angler")}
