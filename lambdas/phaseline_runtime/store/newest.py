"""The newest executions that match a query, without a look at all that match.

Not every server goes along an index until it has enough: SecantusDB never does, MongoDB does not where no index has
the order. So the newest are looked for in spans of time that grow, and the last one takes all that is older.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pymongo.collection import Collection

Document = dict[str, Any]

SPANS = tuple(timedelta(hours=8**power) for power in range(5))
"""One hour up to 170 days, all ending at the present."""


def newest(
    executions: Collection[Document], query: Mapping[str, Any], limit: int, time: datetime
) -> Iterator[Document]:
    """Executions by `startedAt`, newest first; `limit` 0 gives all."""
    since = _since(query)
    if limit <= 0 or since is None:
        yield from executions.find(query).sort("startedAt", -1).limit(limit)
        return
    others = {key: value for key, value in query.items() if key != "startedAt"}
    before: dict[str, datetime] = {}
    for begin in [*(time - span for span in SPANS), None]:
        span = {**({} if begin is None else {"$gte": begin}), **before}
        if since and (begin is None or begin <= since["$gte"]):
            span, begin = {**before, **since}, None
        for document in executions.find({"startedAt": span, **others}).sort("startedAt", -1).limit(limit):
            limit -= 1
            yield document
        if not limit or begin is None:
            return
        before = {"$lt": begin}


def _since(query: Mapping[str, Any]) -> Mapping[str, datetime] | None:
    """The earliest start that a query asks for, empty for any; None for a query that asks for more about the time."""
    asked = query.get("startedAt", {})
    plain = isinstance(asked, Mapping) and all(key == "$gte" and _has_zone(asked[key]) for key in asked)
    return asked if plain and not any(key.startswith("$") for key in query) else None


def _has_zone(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None
