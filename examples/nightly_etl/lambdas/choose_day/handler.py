"""The day to work on: the one asked for, else yesterday. Asked once, so that no retry past midnight changes it."""

from datetime import UTC, datetime, timedelta


def handler(event, context):
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return {"day": event.get("day") or yesterday.isoformat()}
