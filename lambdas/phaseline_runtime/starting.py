"""Starting an execution: its document and its first status, in one transaction, or not at all."""

from __future__ import annotations

import json
import re
import secrets
from datetime import timedelta
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError, PyMongoError

from phaseline_runtime import slots
from phaseline_runtime.clock import now
from phaseline_runtime.definition import Definition
from phaseline_runtime.errors import ExecutionConflict, InvalidId, InvalidInput, UnknownMachine, UserError
from phaseline_runtime.masking import masked
from phaseline_runtime.statuses import Status
from phaseline_runtime.store import deployments, together
from phaseline_runtime.store.storable import NotStorable, same, size, storable, stored
from phaseline_runtime.store.store import Store

Document = dict[str, Any]

MAX_INPUT = 4_000_000
"""The largest input of an execution in bytes: it stands in the document beside 12 MB of results (16 MB in all)."""

MAX_TEXT = 100_000
"""The longest text that says who asks for something, or why, in characters."""

_KEPT = 300
"""How much is said of a value that is wrong, from its beginning and up to the end of what is said, in characters."""

_ID = re.compile(r"[^/\x00-\x1f\x7f\ud800-\udfff]{1,256}")


class ConcurrentStart(PyMongoError):
    """Another start with the same id was committed meanwhile: this transaction is aborted, try it again.

    It carries the label `TransientTransactionError`, so that pymongo's `with_transaction` tries again by itself; then
    the start returns the existing execution.
    """

    def __init__(self, execution: str) -> None:
        super().__init__(
            f"execution {execution} was started by somebody else meanwhile; try the transaction again",
            error_labels=["TransientTransactionError"],
        )


def new_id() -> str:
    """A generated execution id: sortable by time to the millisecond, then random."""
    time = now()
    return f"{time:%Y%m%dT%H%M%S}{time.microsecond // 1000:03d}-{secrets.token_hex(6)}"


def start(
    store: Store,
    machine: str,
    given: Any,
    *,
    execution: str | None = None,
    started_by: str | None = None,
    definition: Definition | None = None,
    session: ClientSession | None = None,
) -> tuple[Document, bool]:
    """Start an execution, or find the one that the same id and input has started before.

    Returns the execution document and whether it is new. `definition` stands in for the deployed one. With `session`
    the start belongs to the caller's transaction. Raises UnknownMachine, InvalidInput, InvalidId, ExecutionConflict;
    inside a caller's transaction ConcurrentStart.
    """
    given = {} if given is None else given
    execution = new_id() if execution is None else execution
    if not isinstance(execution, str) or not _ID.fullmatch(execution):
        raise InvalidId(
            f"execution id: got {shown(execution)}; allowed are 1 to 256 characters without `/` or controls"
        )
    check_text("started_by", started_by)
    if definition is not None:
        if definition.state_machine != machine:
            raise UnknownMachine(
                f"the definition is one of state machine {definition.state_machine!r}, not {machine!r}"
            )
        check_deployed(store, definition)
    digest = _deployed(store, machine) if definition is None else store.keep(definition)
    started = _first_status(store, machine, given, execution, started_by, digest)
    if session is not None:
        return _in_transaction(store, started, session)
    with store.database.client.start_session() as own:
        return own.with_transaction(lambda current: _in_transaction(store, started, current))


def check_deployed(store: Store, definition: Definition) -> None:
    """Raise UnknownMachine where a definition uses jobs that no deployed state machine uses: nothing would run them."""
    known = deployments.jobs(store)
    missing = sorted(definition.jobs - known)
    if missing:
        raise UnknownMachine(
            f"the definition uses jobs that are not deployed here: {', '.join(missing)}; "
            f"deployed are: {', '.join(sorted(known)) or 'none'}"
        )


def _deployed(store: Store, machine: str) -> str:
    # What no text of MongoDB's can be is no name, either.
    digest = deployments.deployed(store, machine) if isinstance(machine, str) and _ID.fullmatch(machine) else None
    if digest is None:
        known = ", ".join(deployments.machines(store, 20))
        raise UnknownMachine(f"state machine {shown(machine)} is not deployed here; deployed are: {known or 'none'}")
    return digest


def _first_status(
    store: Store, machine: str, given: Any, execution: str, started_by: str | None, digest: str
) -> Status:
    definition = store.definition(digest)
    check_input(machine, given, definition.input_schema)
    time = now()
    return Status(
        id=slots.execution_started(execution),
        kind="execution",
        execution=execution,
        state_machine=machine,
        status="started",
        definition=digest,
        started_by=started_by,
        input=given,
        at=time,
        deadline=None if definition.deadline is None else time + timedelta(seconds=definition.deadline),
    )


def check_text(what: str, value: Any) -> None:
    """Raise UserError where what somebody says of a request is no text, or longer than any that people write."""
    if value is not None and (not isinstance(value, str) or len(value) > MAX_TEXT):
        raise UserError(f"{what}: got {shown(value)}; allowed is a text of up to {MAX_TEXT:,} characters")


def check_input(machine: str, given: Any, schema: str | None) -> None:
    """Raise InvalidInput where a value cannot be stored, or is not as the machine's `input_schema` has it."""
    try:
        found = storable(given, f"the input of {machine}")
    except NotStorable as error:
        raise InvalidInput(str(error)) from error
    if found > MAX_INPUT:
        raise InvalidInput(f"the input of {machine} has {found} bytes; allowed are {MAX_INPUT}")
    if schema is None:
        return
    import jsonschema  # Slow to import: only for machines that have a schema.

    compiled = json.loads(schema)
    validator = jsonschema.validators.validator_for(compiled)(compiled)
    fault = jsonschema.exceptions.best_match(validator.iter_errors(given))
    if fault is not None:
        found_wrong = _shortened(masked(fault.message))
        raise InvalidInput(f"the input of {machine} does not meet its input_schema: {fault.json_path}: {found_wrong}")


def shown(value: Any) -> str:
    """A value that is wrong, for people; not all of it: it may be of anybody, and megabytes long."""
    return _shortened(masked(repr(value)))


def _shortened(text: str) -> str:
    """What is wrong with a value, without most of that where it is long: it stands before the words about it."""
    return text if len(text) <= 2 * _KEPT else f"{text[:_KEPT]} … {text[-_KEPT:]}"


def _in_transaction(store: Store, started: Status, session: ClientSession) -> tuple[Document, bool]:
    existing = store.execution(started.execution, session=session)
    if existing is not None:
        return _same(existing, started, _given(store, existing, session)), False
    try:
        return together.create(store, started, session), True
    except DuplicateKeyError:
        if store.execution(started.execution) is None and store.status(started.id) is not None:
            # A start inserts both and `retention` deletes the document last, so trying again would never end.
            raise ExecutionConflict(
                f"execution {started.execution!r} has statuses and no document: somebody has deleted that alone. "
                f"`phaseline rebuild {started.execution} --write` makes that anew; or choose another id"
            ) from None
        raise ConcurrentStart(started.execution) from None


def _given(store: Store, existing: Document, session: ClientSession) -> Any:
    """The input with which an execution was started: a rerun may have replaced it since."""
    if existing["definedIn"] == 0:
        return existing["input"]
    first = store.status(slots.execution_started(existing["_id"]), session=session)
    return existing["input"] if first is None else first.input


def _same(existing: Document, started: Status, given: Any) -> Document:
    if existing.get("deleting"):
        raise ExecutionConflict(
            f"execution {started.execution!r} is being deleted: it has ended longer ago than its retention. Choose "
            "another id, or start it once it is gone"
        )
    name = f"execution {started.execution!r} exists already"
    if existing["stateMachine"] != started.state_machine:
        raise ExecutionConflict(
            f"{name}, of state machine {existing['stateMachine']!r}, not {started.state_machine!r}: choose another id"
        )
    if size(given) != size(started.input) or not same(given, stored(started.input)):
        raise ExecutionConflict(f"{name}, with another input: choose another id, or give the same input again")
    return existing
