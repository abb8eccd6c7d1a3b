"""Charges the card. Another system's effect is in no transaction of ours: the key makes it happen once there."""

import phaseline_runtime

LIMIT = 1_000


class CardDeclined(Exception):
    """The bank has said no."""


def handler(event, context):
    key = phaseline_runtime.current().idempotency_key
    if event["total"] > LIMIT:
        raise CardDeclined(f"{event['total']} is above the limit of {LIMIT}")
    return {"payment": charge(event["total"], key), "total": event["total"]}


def charge(total, key):
    """Here a payment provider would be called, with the key as its idempotency key."""
    return f"payment-{key}"
