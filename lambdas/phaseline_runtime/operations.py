"""Operating an execution: cancel, pause, resume, redrive, rerun. Each is a status with who did it and why.

The status and its effect on the document are one transaction; what follows from it is inserted right after. Two people
who do the same at once get one of it: the second is told what the first has done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from phaseline_runtime import slots
from phaseline_runtime.advance import recover
from phaseline_runtime.clock import now
from phaseline_runtime.definition import Definition
from phaseline_runtime.engine import requests
from phaseline_runtime.engine.fold import fold, new_execution
from phaseline_runtime.engine.questions import Answer, Inquiry
from phaseline_runtime.engine.requests import Request
from phaseline_runtime.errors import RequestRefused
from phaseline_runtime.starting import check_deployed, check_input, check_text
from phaseline_runtime.statuses import Status
from phaseline_runtime.store import together
from phaseline_runtime.store.store import Store

Document = dict[str, Any]
Operated = tuple[Document, bool]
"""The execution document, and whether this request has changed it; False where it was so already."""
Decide = Callable[[Document], list[Status]]
"""What a request inserts into an execution, in this order; nothing where it was made already."""


def cancel(
    store: Store, execution: str, *, compensate: bool = False, by: str | None = None, reason: str | None = None
) -> Operated:
    """Start nothing more; the execution is `cancelled` once what runs has ended. Asking twice changes nothing.

    With `compensate`, what its jobs have done is undone first. Raises UnknownExecution, and RequestRefused for one
    that has ended, or is being cancelled without compensation.
    """
    return _request(
        store, execution, lambda found: _one(requests.cancel(found, _now(by, reason), compensate=compensate))
    )


def pause(store: Store, execution: str, *, by: str | None = None, reason: str | None = None) -> Operated:
    """Trigger nothing more until `resume`; attempts that were triggered before may still start."""
    return _request(store, execution, lambda found: _one(requests.pause(found, _now(by, reason))))


def resume(store: Store, execution: str, *, by: str | None = None, reason: str | None = None) -> Operated:
    """Go on where a paused execution was."""
    return _request(store, execution, lambda found: _one(requests.resume(found, _now(by, reason))))


def redrive(
    store: Store,
    execution: str,
    *,
    definition: Definition | None = None,
    by: str | None = None,
    reason: str | None = None,
) -> Operated:
    """Let a failed or cancelled execution go on from what failed; with a corrected definition where one is given."""
    if definition is not None:
        check_deployed(store, definition)
    digest = None if definition is None else store.keep(definition)

    def decide(found: Document) -> list[Status]:
        followed, asked = digest or found["definition"], _now(by, reason)
        follows = store.definition(followed)
        first = _first_phase(store, found, follows) if requests.chooses_anew(found) else None
        opened = requests.redrive(found, follows, followed, asked, first=first)
        if definition is not None:
            requests.check_corrected(found, store.definition(found["definition"]), definition)
        return _opened(found, opened, asked)

    return _request(store, execution, decide)


def rerun(
    store: Store,
    execution: str,
    start: str,
    *,
    given: Any = None,
    by: str | None = None,
    reason: str | None = None,
) -> Operated:
    """Run an ended execution again from a job or phase on, the earlier results kept; `given` replaces its input.

    What was compensated counts as never done: then it begins in the first phase, or in one that was visited since.
    """

    def decide(found: Document) -> list[Status]:
        digest = found["definition"]
        definition = store.definition(digest)
        phase, job = _place(definition, start)
        jobs = _jobs(store, found, phase, first=start == definition.phases[0].name)
        replaced = found["input"] if given is None else given
        if given is not None:
            check_input(definition.state_machine, given, definition.input_schema)
        asked = _now(by, reason)
        opened = requests.rerun(found, definition, digest, asked, phase=phase, job=job, jobs=jobs, given=replaced)
        return _opened(found, opened, asked)

    return _request(store, execution, decide)


def _one(status: Status | None) -> list[Status]:
    return [] if status is None else [status]


def _opened(found: Document, opened: Status, request: Request) -> list[Status]:
    """A new round, with the end of the pause in which the execution has ended: whoever opens it wants it to go on."""
    return [opened, *_one(requests.resume(fold(found, [opened]), request))]


def _first_phase(store: Store, found: Document, definition: Definition) -> str:
    answers: dict[str, Answer] = {}
    while True:
        inquiry = Inquiry(answers)
        first = requests.choose_anew(found, definition, inquiry)
        if first is not None:
            return first
        answers |= store.evaluate(found, [*inquiry.open.values()])


def _now(by: str | None, reason: str | None) -> Request:
    check_text("by", by)
    check_text("reason", reason)
    return Request(at=now(), by=by, reason=reason)


def _request(store: Store, execution: str, decide: Decide) -> Operated:
    # First outside of the transaction, in which the driver would try for two minutes to reach a server that is away.
    store.execution(execution)
    with store.database.client.start_session() as session:
        try:
            changed = session.with_transaction(lambda current: _apply(store, execution, decide, current))
        except DuplicateKeyError:
            raise RequestRefused(
                f"somebody else has just changed execution {execution}: look at it, and ask again if need be"
            ) from None
    recover(store, execution)
    found = store.execution(execution)
    assert found is not None
    return found, changed


def _apply(store: Store, execution: str, decide: Decide, session: ClientSession) -> bool:
    found = store.execution(execution, session=session)
    if found is None:
        raise store.unknown(execution)
    if found.get("deleting"):
        raise RequestRefused(f"execution {execution} is being deleted: it has ended longer ago than its retention")
    if found["endedAt"] is not None:
        # What it goes on from, and keeps, is all that has happened; some of that may not have reached the document.
        found = store.catch_up(found, session=session)
        assert found is not None
    statuses = decide(found)
    for status in statuses:
        together.apply(store, status, session)
    return bool(statuses)


def _place(definition: Definition, start: str) -> tuple[str, str | None]:
    """The phase and the job that a name stands for."""
    for phase in definition.phases:
        if phase.name == start:
            return phase.name, None
        if any(use.name == start for use in phase.jobs):
            return phase.name, start
    known = ", ".join(name for phase in definition.phases for name in (phase.name, *(use.name for use in phase.jobs)))
    raise RequestRefused(f"there is no phase or job {start!r} in {definition.state_machine}; there is: {known}")


def _jobs(store: Store, found: Mapping[str, Any], phase: str, *, first: bool) -> Mapping[str, Any]:
    """The jobs of the newest round of a phase, of which some may be kept; none where it is the `first` of all.

    Only the open round stands in the document; others are read from their statuses. A round that was compensated since
    counts no more: nothing that is undone can be kept.
    """
    opened: Mapping[str, Any] = found["round"]
    if opened.get("phase") == phase:
        return opened["jobs"]  # type: ignore[no-any-return]
    if first:
        return {}
    undone = store.compensated_in(found["_id"])
    number = store.last_visit(found["_id"], phase, undone)
    if number is None:
        raise RequestRefused(
            f"execution {found['_id']} has been compensated, and not in phase {phase} since: rerun from its first phase"
            if undone
            else f"execution {found['_id']} has never been in phase {phase}: rerun from an earlier one"
        )
    started = store.status(slots.execution_started(found["_id"]))
    assert started is not None
    folded = fold(new_execution(started), store.statuses_of(found["_id"], number))
    return folded["round"]["jobs"]  # type: ignore[no-any-return]
