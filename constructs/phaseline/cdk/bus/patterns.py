"""The EventBridge patterns of all rules, as plain data, and the query that finds what they match.

The patterns match `detail` only and never `source`: so the same rule works on Atlas's partner bus and on the relay's
bus. No construct is made here, which keeps the patterns testable without Node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from phaseline.config.checks.pattern_size import MAX_PATTERN, length
from phaseline_runtime.bundled.listening import NEEDED
from phaseline_runtime.bundled.listening import ORCHESTRATOR_JOB as ORCHESTRATOR_JOB
from phaseline_runtime.bundled.listening import STATEMACHINE_JOB as STATEMACHINE_JOB
from phaseline_runtime.errors import UserError
from phaseline_runtime.statuses import KINDS

Pattern = dict[str, Any]
Document = dict[str, Any]

COLLECTION = "statuses"
"""The collection whose inserts are the events."""


def of_job(database: str, job: str, matching: Mapping[str, Any] | None = None) -> Pattern:
    """The pattern of a job's rule: its `triggered` statuses, and its `filter` on the input where it has one.

    Raises UserError where the filter cannot be deployed.
    """
    document: dict[str, Any] = {"kind": ["job"], "job": [job], "status": ["triggered"]}
    if matching:
        document["input"] = dict(matching)
    detail = {"ns": _namespace(database), "fullDocument": document}
    deployable({"detail": detail}, f"jobs.{job}.filter")
    return detail


def of_jobs(database: str, jobs: Sequence[str]) -> Pattern:
    """The pattern for the `triggered` statuses of several jobs, whatever their inputs."""
    return {
        "ns": _namespace(database),
        "fullDocument": {"kind": ["job"], "job": list(jobs), "status": ["triggered"]},
    }


def of_statuses(database: str, statuses: Mapping[str, Sequence[str]]) -> Pattern:
    """The pattern for these statuses of each kind; a kind without statuses stands for all of them."""
    alternatives = [
        {"kind": [kind], "status": list(wanted)} if wanted else {"kind": [kind]} for kind, wanted in statuses.items()
    ]
    if len(alternatives) == 1:
        return {"ns": _namespace(database), "fullDocument": alternatives[0]}
    return {"ns": _namespace(database), "$or": [{"fullDocument": document} for document in alternatives]}


def subscribed(events: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The statuses of each kind that these subscriptions ask for: `execution.failed`, `job.*`, `*`.

    A kind that is subscribed to as a whole has an empty tuple, as `of_statuses` takes it.
    """
    wanted: dict[str, set[str]] = {}
    whole: set[str] = set()
    for event in events:
        kind, _, status = event.partition(".")
        for each in KINDS if kind == "*" else (kind,):
            wanted.setdefault(each, set()).add(status)
            if status in ("", "*"):
                whole.add(each)
    return {kind: () if kind in whole else tuple(sorted(wanted[kind])) for kind in KINDS if kind in wanted}


def wanted(events: Iterable[str] = ()) -> Document:
    """The MongoDB query on a change event for the statuses that some rule matches; all others never leave MongoDB.

    Args:
        events: what is wanted besides what the bundled Lambdas and the jobs need, as `subscribed` takes it.
    """
    parts = (*NEEDED, subscribed(events))
    alternatives: list[Document] = []
    for kind in KINDS:
        asked = [part[kind] for part in parts if kind in part]
        statuses = sorted({status for each in asked for status in each})
        some = {} if () in asked else {"fullDocument.status": {"$in": statuses}}
        alternatives.append({"fullDocument.kind": kind, **some})
    return {"$or": alternatives}


def deployable(pattern: Mapping[str, Any] | None, owner: str) -> Pattern:
    """The whole pattern of a rule, if CloudFormation and EventBridge can take it. `owner` is the place in the config.

    Raises UserError for a null, which CloudFormation drops in silence, and for a pattern that is too long.
    """
    if _holds_null(pattern):
        raise UserError(
            f"{owner}: got a null; CloudFormation cannot carry one in a pattern: "
            "use `{exists: false}` for a missing key, or `{anything-but: […]}`"
        )
    if length(pattern) > MAX_PATTERN:
        raise UserError(
            f"{owner}: the rule's pattern has {length(pattern)} characters; EventBridge allows {MAX_PATTERN}: match "
            "by fewer values, or by a `prefix`"
        )
    return dict(pattern or {})


def has_wildcard(pattern: Mapping[str, Any] | None) -> bool:
    """Whether a pattern has the operator `wildcard` anywhere: a bus takes few such rules. A field may be called so."""
    return any(
        has_wildcard(item) if isinstance(item, Mapping) else any(_is_wildcard(each, key) for each in item)
        for key, item in (pattern or {}).items()
    )


def _is_wildcard(element: Any, key: str) -> bool:
    if not isinstance(element, Mapping):
        return False
    if key == "$or":
        return has_wildcard(element)
    denied = element.get("anything-but")
    return "wildcard" in element or (isinstance(denied, Mapping) and "wildcard" in denied)


def _namespace(database: str) -> dict[str, list[str]]:
    return {"db": [database], "coll": [COLLECTION]}


def _holds_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_null(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_holds_null(item) for item in value)
    return value is None
