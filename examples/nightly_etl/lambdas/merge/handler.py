"""Puts together what was extracted; the weather may be missing."""


def handler(event, context):
    weather = event["weather"]
    return {
        "turnover": event["sales"]["sum"] - event["returns"]["sum"],
        "degrees": weather["sum"] if weather else None,
    }
