"""What is never written down: user and password in a URL, wherever a text quotes one. Only the standard library.

An error's text is somebody else's: a handler that raises with its connection string in the message would put it into a
status, a log line, a notification and a dead letter. Data is never masked: an input, an output and the progress of a
job are kept as they are.
"""

from __future__ import annotations

import re

MASK = "***"

_USER = r"[^\s\"'<>@:/]{0,200}"
_PASSWORD = r"(?:[^\s\"']|[\"'](?![\s,;:)\]}])){1,500}"
"""A quote is a part of it, but where it ends what is quoted: pymongo takes one that is not escaped."""
_ANYTHING = r"[^\s\"'<>]{1,500}"
_OF_MONGODB = rf"(?<=mongodb://)(?:{_USER}:{_PASSWORD}|{_ANYTHING})(?=@)"
_OF_MONGODB_SRV = _OF_MONGODB.replace("mongodb://", r"mongodb\+srv://")
"""Up to the last `@`: a password that should have been escaped may hold any character of a URL.

Its length is bounded, so that a long text of somebody else's takes no more than its length to look through.
"""
_OF_ANY_URL = r"(?<=://)[^\s\"'<>/?#]{1,500}(?=@)"
_OF_OPTIONS = r"(?<=authMechanismProperties=)[^\s\"'<>&]+|(?<=tlsCertificateKeyFilePassword=)[^\s\"'<>&]+"
_OPTIONS = re.compile(_OF_OPTIONS, re.IGNORECASE)
_SECRETS = re.compile("|".join((_OF_MONGODB, _OF_MONGODB_SRV, _OF_ANY_URL, _OF_OPTIONS)), re.IGNORECASE)


def masked(text: str) -> str:
    """The text with `***` in place of user and password in every URL, and of the options of MongoDB that hold secrets.

    Example:
        masked("no answer from mongodb://me:secret@host/db")  # no answer from mongodb://***@host/db
    """
    return _SECRETS.sub(MASK, text) if "://" in text else text


def masked_options(uri: str) -> str:
    """The connection string with `***` in place of its options that hold secrets: user and password stay."""
    return _OPTIONS.sub(MASK, uri)
