"""Undoes charge_card. A provider refunds a payment once, however often it is told to."""


def handler(event, context):
    charged = event["output"]
    return {"refunded": charged["payment"], "total": charged["total"]}
