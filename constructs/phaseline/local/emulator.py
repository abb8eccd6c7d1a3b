"""Runs the AWS emulator, with seven differences, each towards what AWS does.

- AWS tries a throttled asynchronous invocation again for hours. The emulator drops it: with the bound that keeps a
  burst from starting hundreds of processes, events would be lost that AWS delivers. Here it waits.
- A function's error has the name of what was raised. The emulator gives the same name to all of them.
- A rule invokes a function asynchronously: an error is retried as the function's settings say, and reported to its
  on-failure destination with the id of the request. The emulator's rules do neither.
- An event whose function is gone goes to the dead-letter queue of the rule's target. The emulator drops it.
- On AWS, the sandboxes of functions see one copy of a layer. The emulator unpacks it for each process anew, which then
  compiles it anew: most of what a cold start costs. Here it is unpacked, and compiled, once.
- A function that is changed goes on with what it is running, and runs what comes next in new sandboxes. The emulator
  kills the processes in which it runs.
- The emulator writes its state down only when it is asked to end: SIGUSR1 makes it do so at once, so that what is
  deployed outlives a crash.

All hold for the pinned version; where the emulator has changed, `main` says so instead of running without.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PATIENCE = 300.0
"""Seconds that an invocation waits for a free place before it is throttled after all."""

UNNAMED = "Runtime.HandlerError"
"""What the emulator calls every error of a function."""

SAVED = ".saved"
"""The file beside the state that is touched whenever the state has been written down on request."""


def wait_where_it_throttles(service: Any, *, patience: float = PATIENCE) -> None:
    """Let an asynchronous invocation beyond a bound wait until another has ended, first come, first served.

    A synchronous one is answered at once: throttled where the function has a bound of its own, and run beyond that of
    the account. Whoever waits for it has a place already, and would keep it for ever if those were all taken.
    """
    acquire, release, call = (
        service._acquire_execution_slot,
        service._release_execution_slot,
        service._execute_function_with_config_scope,
    )
    lock = threading.RLock()
    free, bounded = threading.Condition(lock), threading.Condition(lock)
    awaited: ContextVar[bool] = ContextVar("awaited", default=False)

    def waited_for(func: Any, event: Any) -> Any:
        before = awaited.set(True)
        try:
            return call(func, event)
        finally:
            awaited.reset(before)

    def beyond_the_account(func: Any, config: Any) -> Any:
        bound, service._ACCOUNT_CONCURRENCY_CAP = service._ACCOUNT_CONCURRENCY_CAP, 0
        try:
            return acquire(func, config)
        finally:
            service._ACCOUNT_CONCURRENCY_CAP = bound

    def patient(func: Any, config: Any) -> Any:
        deadline = time.monotonic() + patience
        with lock:
            if awaited.get():
                return beyond_the_account(func, config)
            while True:
                slot, limit = acquire(func, config)
                left = deadline - time.monotonic()
                if slot is not None or left <= 0:
                    return slot, limit
                if limit == "account":
                    free.wait(left)
                else:
                    free.notify()  # The place that was free is for another function then.
                    bounded.wait(left)

    def releasing(key: Any) -> None:
        release(key)
        with lock:
            free.notify()
            bounded.notify_all()

    service._acquire_execution_slot, service._release_execution_slot = patient, releasing
    service._execute_function_with_config_scope = waited_for


def invoke_asynchronously(rules: Any, service: Any) -> None:
    """Let rules invoke functions as AWS does: with retries, and with a record of what failed in the end."""
    find, record_of, invoke = (
        service._get_func_record_for_ref,
        service._execution_record_for_config,
        service.invoke_async_with_retry,
    )
    execute = service._execute_function_dispatch

    def dispatch(arn: str, payload: str) -> None:
        function, config, name = find(arn)
        if not function or not config:
            rules.logger.warning("EventBridge → Lambda: function %s not found", name)
            return
        invoke(record_of(function, config), json.loads(payload))

    def identified(func: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        result = execute(func, config, event, request_id, started)
        body = result.get("body") if isinstance(result, dict) else None
        if isinstance(body, dict) and result.get("error"):
            body.setdefault("requestId", request_id)
            if body.get("errorType") == UNNAMED:
                body["errorType"] = raised(body.get("errorMessage") or "", result.get("log") or "") or UNNAMED
        return result

    rules._dispatch_to_lambda, service._execute_function_dispatch = dispatch, identified


def keep_what_has_no_function(rules: Any, service: Any, queues: Any) -> None:
    """Let a rule whose function does not exist send the event to its target's dead-letter queue, as EventBridge does.

    At once and with its code NO_RESOURCE (EventBridge, dead-letter queues of rules).
    """
    find, invoke, event_of = service._get_func_record_for_ref, rules._invoke_target, rules._pattern_event_view
    send, queue_of = queues._act_send_message, queues._queue_by_arn

    def invoking(target: Any, event: Any, rule: Any, view: Any = None) -> None:
        arn = target.get("Arn", "")
        queue = queue_of((target.get("DeadLetterConfig") or {}).get("Arn", ""))
        if ":lambda:" not in arn or queue is None or find(arn)[1]:
            invoke(target, event, rule, view)
            return
        said = {
            "RULE_ARN": rule["Arn"],
            "TARGET_ARN": arn,
            "ERROR_CODE": "NO_RESOURCE",
            "ERROR_MESSAGE": f"Function not found: {arn}",
        }
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in said.items()}
        body = json.dumps(event_of(event).event_with_detail())
        send({"MessageBody": body, "MessageAttributes": attributes}, queue["url"])

    rules._invoke_target = invoking


def raised(message: str, log: str) -> str | None:
    """The class of the error that a function has raised, from the traceback in its log: of Python, or of Node."""
    first = re.escape(message.partition("\n")[0])
    found = re.findall(rf"^(?:[\w.]+\.)?([A-Za-z_]\w*){f': {first}' if first else ''}$", log, re.MULTILINE)
    return str(found[-1]) if found else None


def share_layers(runtime: Any, folder: Path) -> None:
    """Let the processes of functions share each layer: unpacked once below `folder`, and linked to from then on."""
    zipfile = runtime.zipfile
    lock = threading.Lock()

    class Shared(zipfile.ZipFile):  # type: ignore[misc, name-defined]
        def extractall(self, path: str) -> None:
            if not Path(path).name.startswith("layer_"):
                super().extractall(path)
                return
            layer = folder / hashlib.sha256(Path(self.filename).read_bytes()).hexdigest()
            with lock:
                if not layer.exists():
                    # Under its name only when it is whole.
                    draft = layer.with_suffix(".draft")
                    super().extractall(draft)
                    draft.rename(layer)
            Path(path).rmdir()
            Path(path).symlink_to(layer)

    runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": Shared})


def let_what_runs_end(runtime: Any, service: Any) -> None:
    """Let a function that is changed or deleted end what it runs: such a process is killed when it has answered."""
    acquire, release = service.acquire_worker, service.release_worker
    invalidate, kill = service.invalidate_worker, runtime.kill_workers
    leased: ContextVar[Any] = ContextVar("leased", default=None)
    replacing: ContextVar[bool] = ContextVar("replacing", default=False)

    def killing(workers: Any) -> None:
        kill([worker for worker in workers if not (replacing.get() and worker.in_use)])

    def invalidating(*names: Any, **scope: Any) -> None:
        before = replacing.set(True)
        try:
            invalidate(*names, **scope)
        finally:
            replacing.reset(before)

    def acquiring(*names: Any, **bounds: Any) -> Any:
        worker, reason = acquire(*names, **bounds)
        leased.set(worker)
        return worker, reason

    def releasing(_: Any) -> None:
        # After an error it is called with none: the worker is out of its pool then.
        worker = leased.get()
        leased.set(None)
        release(worker)
        with runtime._lock:
            pooled = any(worker in pool for pool in runtime._workers.values())
        if worker is not None and not pooled:
            kill([worker])

    runtime.kill_workers, service.invalidate_worker = killing, invalidating
    service.acquire_worker, service.release_worker = acquiring, releasing


def save_on_request(application: Any, mark: Path) -> None:
    """Let SIGUSR1 write the state down; `mark` is touched when that is done."""
    save, contents = application.save_all, application._build_persistence_save_dict

    def saved(*_: object) -> None:
        save(contents())
        mark.touch()

    signal.signal(signal.SIGUSR1, saved)


def main() -> None:
    """Run the emulator in the foreground."""
    from ministack import app
    from ministack.core import lambda_runtime
    from ministack.services import eventbridge, lambda_svc, sqs

    try:
        wait_where_it_throttles(lambda_svc)
        invoke_asynchronously(eventbridge, lambda_svc)
        keep_what_has_no_function(eventbridge, lambda_svc, sqs)
        share_layers(lambda_runtime, Path(tempfile.mkdtemp(prefix="layers-")))
        let_what_runs_end(lambda_runtime, lambda_svc)
        save_on_request(app, Path(os.environ["STATE_DIR"], SAVED))
    except AttributeError as error:
        sys.exit(f"this version of ministack is not the pinned one: {error}")
    app.main()


if __name__ == "__main__":
    main()
