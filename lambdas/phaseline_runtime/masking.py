"""What is never written down: user and password in a URL, wherever a text quotes one. Only the standard library.

An error's text is somebody else's: a handler that raises with its connection string in the message would put it into a
status, a log line, a notification and a dead letter. Data is never masked: an input, an output and the progress of a
job are kept as they are.
"""

from __future__ import annotations

import re

MASK = "***"

_MONGODB = r"mongodb(?:\+srv)?://"
_OF_MONGODB = re.compile(rf"({_MONGODB})((?:(?!{_MONGODB})[^\r\n]){{1,700}})", re.IGNORECASE)
"""A connection string with what stands behind it in its line.

The length is bounded, so that a long text of somebody else's takes no more than its length to look through.
"""
_USER = r"[^\r\n\"'<>@:/]{0,200}"
_LOGIN = re.compile(rf"(?:{_USER}|<{_USER}>)" r":(?!\d{1,5}(?![^\s\"'<>()\[\]{}/?,;.]))(?=\S)")
"""What begins with a user, and not with a host and its port, nor with a host of which something is told.

Atlas gives `mongodb+srv://<db_username>:<db_password>@…`, and whoever fills that in may keep the brackets.
"""
_QUOTE_ENDS = r"[\"'](?=[\s,;:)\]}]|$)"
_WORD = re.compile(rf"(?:(?!{_QUOTE_ENDS})\S)*")
"""A quote is a part of it, but where it ends what is quoted: pymongo takes one that is not escaped."""
_HOST = re.compile(rf"@(?:\[|localhost\b|[\w-]+(?:\.\w|[:/?,]|{_QUOTE_ENDS}|[.)\]}}]?$))", re.IGNORECASE)
_WITHOUT_PASSWORD = re.compile(r"[^\s\"'<>]{1,500}(?=@)")
_SLASHES = ("://", r":\/\/")
"""What every URL has, the second in JSON of those who escape slashes."""
_OF_ANY_URL = rf"(?:{'|'.join(f'(?<={re.escape(each)})' for each in _SLASHES)})[^\s\"'<>/?#]{{1,500}}(?=@)"
_SECRET_OPTIONS = ("authMechanismProperties", "tlsCertificateKeyFilePassword", "proxyPassword")
_OF_OPTIONS = rf"(?:{'|'.join(f'(?<={each}=)' for each in _SECRET_OPTIONS)})[^\s\"'<>&]+"
_OPTIONS = re.compile(_OF_OPTIONS, re.IGNORECASE)
_SECRETS = re.compile(f"{_OF_ANY_URL}|{_OF_OPTIONS}", re.IGNORECASE)


def masked(text: str) -> str:
    """The text with `***` in place of user and password in every URL, and of the options of MongoDB that hold secrets.

    Example:
        ```python
        masked("no answer from mongodb://me:secret@host/db")  # no answer from mongodb://***@host/db
        ```
    """
    if not any(each in text for each in _SLASHES):
        return text
    return _SECRETS.sub(MASK, _OF_MONGODB.sub(lambda found: found[1] + _without_login(found[2]), text))


def masked_options(uri: str) -> str:
    """The connection string with `***` in place of its options that hold secrets: user and password stay."""
    return _OPTIONS.sub(MASK, uri)


def _without_login(rest: str) -> str:
    """What follows `mongodb://`, with `***` in place of user and password.

    A password that should have been escaped may hold any character, a space and an `@` too, and pymongo takes most of
    them: so it ends at the first `@` with a host behind it, and without another `@` in the same word.
    """
    if _LOGIN.match(rest):
        for found in re.finditer("@", rest):
            at = found.start()
            if _HOST.match(rest, at) and "@" not in _word(rest, at + 1):
                return MASK + rest[at:]
    without = _WITHOUT_PASSWORD.match(rest)
    return rest if without is None else MASK + rest[without.end() :]


def _word(text: str, start: int) -> str:
    found = _WORD.match(text, start)
    return "" if found is None else found[0]
