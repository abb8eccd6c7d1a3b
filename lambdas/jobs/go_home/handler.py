"""Goes home and tells the story, in which the fish has grown with the way."""

from __future__ import annotations

from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    story = f"We went {event['distance_km']} km for it, and there was {event['dish']} for everybody."
    print(story)
    return {"story": story}
