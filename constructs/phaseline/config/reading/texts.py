"""Checks of single texts: each returns what is wrong with one, or None."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from phaseline.config.faults import nearest, said, shown, unknown

EVENTS: Mapping[str, tuple[str, ...]] = {
    "job": ("waiting", "triggered", "started", "heartbeat", "success", "failed", "skipped", "cancelled", "late"),
    "phase": ("started", "waiting", "success", "failed", "cancelled", "overdue"),
    "execution": (
        *("started", "success", "failed", "cancelled"),
        *("paused", "resumed", "cancel_requested", "overdue"),
    ),
}
"""The statuses of each kind that one can be told about."""

_PSEUDO = re.compile(r"\$\{AWS::\w+\}")
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_NOT_IN_DATABASE = frozenset(' \0/\\"$*<>:|?')
_PLACE = re.compile(r"(\w+://)?[^/?#@]*")
BUS = re.compile(r"[/.\-_A-Za-z0-9]{1,256}")
"""A bus's name (Amazon EventBridge API reference)."""
SECRET = re.compile(
    r"[A-Za-z0-9/_+=.@-]{1,512}|arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}"
)
"""A secret's name, or its whole ARN, to which AWS has added six characters: a policy with less allows nothing."""

_OF_LAMBDA = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        *(f"AWS_LAMBDA_FUNCTION_{each}" for each in ("MEMORY_SIZE", "NAME", "VERSION")),
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        *(f"AWS_LAMBDA_LOG_{each}" for each in ("GROUP_NAME", "STREAM_NAME")),
        "AWS_LAMBDA_MAX_CONCURRENCY",
        *(f"AWS_LAMBDA_METADATA_{each}" for each in ("API", "TOKEN")),
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""Variables that Lambda refuses to have set (Lambda developer guide, "Defined runtime environment variables"). Others
that begin like them are for a function to set: `AWS_LAMBDA_EXEC_WRAPPER`, by which layers instrument it."""


def check_folder(text: str) -> str | None:
    """A folder beside the config file, or what stands in its place."""
    return None if text.strip() else said("must be a folder", got=shown(text))


def check_description(text: str) -> str | None:
    """The description of a Lambda function."""
    if len(text) <= 256:
        return None
    return said("is longer than Lambda allows", got=f"{len(text)} characters", allowed="256")


def check_filled(text: str) -> str | None:
    """A value that stands in the template as it is: nobody puts anything into it any more."""
    found = _PSEUDO.search(text)
    if found is None:
        return None
    what = "has a name of CloudFormation's in it, which nobody fills in here"
    return said(what, got=shown(found[0]), allowed="`${NAME}`, with a value for NAME where the file is loaded")


def check_variable(name: str) -> str | None:
    """The name of an environment variable of a Lambda function."""
    if not _VARIABLE.fullmatch(name):
        allowed = "a letter, then letters, digits and `_`, two characters at least"
        return said("is no name of a variable in Lambda", got=shown(name), allowed=allowed)
    if name in _OF_LAMBDA:
        return said("is a variable that Lambda sets itself", got=shown(name))
    if name in ("Ref", "Condition"):  # As the only variable it would be one of these.
        return said("is a word of CloudFormation's", got=shown(name), allowed="another name")
    if name.startswith("PHASELINE_"):
        return said("begins with PHASELINE_, which is kept for Phaseline's own variables", got=shown(name))
    return None


def check_bus(text: str) -> str | None:
    """The name of an event bus."""
    if BUS.fullmatch(text):
        return None
    return said("must be the name of a bus, not its ARN" if ":" in text else "is no name of a bus", got=shown(text))


def check_collection(text: str) -> str | None:
    """A collection with its database: `database.collection`."""
    database, dot, collection = text.partition(".")
    if not dot or not database or not collection:
        return said("must be a collection", got=shown(text), allowed="database.collection")
    if len(database.encode()) > 63 or _NOT_IN_DATABASE.intersection(database):
        allowed = "63 bytes at most, without spaces and any of " + " ".join(sorted(_NOT_IN_DATABASE - set(" \0")))
        return said("is no name of a database", got=shown(database), allowed=allowed)
    if "$" in collection or "\0" in collection or collection.startswith(("system.", ".")) or collection.endswith("."):
        allowed = "no `$`, no null character, no dot at its ends, not system.…"
        return said("is no name of a collection", got=shown(collection), allowed=allowed)
    if len(text.encode()) > 255:
        return said("is longer than MongoDB allows", got=f"{len(text.encode())} bytes", allowed="255")
    return None


def check_secret(text: str) -> str | None:
    """The name or ARN of a secret."""
    if "://" in text:
        return said("must be the name of a secret, and is what should be in it", got=shown(_without_secrets(text)))
    if not text.strip():
        return said("must be the name of a secret", got=shown(text))
    if SECRET.fullmatch(text):
        return None
    allowed = "letters, digits and / _ + = . @ -, or an ARN with the six characters that AWS has put at its end"
    return said("is no name of a secret, and not its whole ARN", got=shown(text), allowed=allowed)


def check_url(text: str) -> str | None:
    """An address that a webhook can be posted to."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        usable = False
    return None if usable else said("must be a URL", got=shown(_without_secrets(text)), allowed="https://…, http://…")


def _without_secrets(url: str) -> str:
    """An address as far as it may be told: whoever knows the path of a webhook, or a password, may use it."""
    told = _PLACE.match(url)
    return url if told is None or told[0] == url else ("…" if "@" in url else f"{told[0]}/…")


def check_event(text: str) -> str | None:
    """What a notification subscribes to."""
    kind = text.partition(".")[0]
    if text == "*":
        return None
    known = [f"{each}.{status}" for each, statuses in EVENTS.items() for status in (*statuses, "*")]
    if kind not in EVENTS:
        allowed = "execution.*, phase.*, job.*, * and single ones such as execution.failed"
        return said("unknown event", got=shown(text), allowed=allowed, meant=nearest(text, known))
    allowed_here = [f"{kind}.{each}" for each in (*EVENTS[kind], "*")]
    return None if text in allowed_here else unknown("unknown event", text, allowed_here)
