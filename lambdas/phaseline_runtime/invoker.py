"""The invoker: the handler of jobs whose function knows nothing of Phaseline, whatever it is written in.

It runs an attempt as the job runner does, and what it calls in the place of a handler is that function: synchronously,
once, with the job's input as the event. Waiting for it is paid for, and a call cannot be taken back.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from phaseline_runtime import plain_json
from phaseline_runtime.answers import failure, refusal
from phaseline_runtime.current import current
from phaseline_runtime.errors import CRASHED, INPUT_TOO_LARGE, TIMEOUT, UNAVAILABLE, AttemptFailed
from phaseline_runtime.logs import logged
from phaseline_runtime.runner import run_here

MAX_PAYLOAD = 6 * 1024 * 1024
"""The largest event of a synchronous call, in bytes (Lambda quotas); an answer may be as large."""

MAX_CONTEXT = 3_583
"""The longest client context, in bytes of base64 (Lambda API reference, `Invoke`)."""

LONGEST_WAIT = 900
"""Seconds to wait for an answer: no function runs longer. The attempt's own timeout ends the wait before."""


class AnswerNotJson(Exception):
    """The function returned bytes that are no JSON."""


@logged
def handler(event: Mapping[str, Any], context: Any) -> None:
    """The Lambda entry point."""
    run_here(event, context, call)


def call(given: Any, context: Any) -> Any:
    """Call the function with this input, and return what it returns.

    Raises AttemptFailed with the function's own error, or with ours where it has none: it could not be run, has not
    answered, or the input is too large.
    """
    from botocore import exceptions as aws

    target = os.environ["PHASELINE_TARGET"]
    payload = plain_json.dumps(given).encode()
    if len(payload) > MAX_PAYLOAD:
        raise AttemptFailed(INPUT_TOO_LARGE, _too_large(len(payload)))
    try:
        answer = _client(_region(target)).invoke(FunctionName=target, Payload=payload, ClientContext=_about())
        body: bytes = answer["Payload"].read()
    except aws.ClientError as error:
        raise refusal(error.response, target) from error
    except (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.ProxyConnectionError) as error:
        raise AttemptFailed(UNAVAILABLE, f"Lambda could not be reached, so {target} has not run: {error}") from error
    except aws.ReadTimeoutError as error:
        message = f"{target} has not answered after {LONGEST_WAIT} s; whether it has ended is not known"
        raise AttemptFailed(TIMEOUT, message) from error
    # Whatever else breaks may have broken after the request was sent: TLS too, which botocore counts as connecting.
    except (aws.HTTPClientError, aws.ConnectionError, aws.IncompleteReadError) as error:
        message = f"the connection broke while {target} ran; whether it has ended is not known: {error}"
        raise AttemptFailed(CRASHED, message) from error
    if answer.get("FunctionError"):
        raise failure(body, target)
    return _output(body, target)


def _output(body: bytes, target: str) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise AnswerNotJson(f"{target} has answered with {len(body)} bytes that are no JSON: {error}") from error


def _too_large(size: int) -> str:
    return (
        f"the input has {size} bytes, and a function can be called with {MAX_PAYLOAD}: "
        "store it elsewhere and pass where it is"
    )


def _about() -> str:
    """The attempt, as the function finds it in its context: `client_context.custom`, texts all of them."""
    attempt = current()
    custom = {
        "execution": attempt.execution,
        "stateMachine": attempt.state_machine,
        "phase": attempt.phase,
        "round": str(attempt.round),
        "name": attempt.name,
        "job": attempt.job,
        "attempt": str(attempt.attempt),
        "idempotencyKey": attempt.idempotency_key,
    }
    escaped, plain = (_encoded({"custom": custom}, ensure_ascii=escape) for escape in (True, False))
    # Escapes take up to three times the room, which a long id in another script has not.
    return escaped if len(escaped) <= MAX_CONTEXT else plain


def _encoded(context: Any, *, ensure_ascii: bool) -> str:
    return base64.b64encode(json.dumps(context, ensure_ascii=ensure_ascii).encode()).decode()


def _region(target: str) -> str | None:
    """The region of an ARN, which need not be this one."""
    parts = target.split(":")
    return parts[3] if target.startswith("arn:") and len(parts) > 3 else None


@cache
def _client(region: str | None) -> Any:
    import boto3
    from botocore.config import Config

    # Its defaults give up after a minute and then call again, which would run the function twice. Keeping the
    # connection alive matters in a VPC, where a gateway forgets one that is silent for some minutes.
    once = Config(retries={"total_max_attempts": 1}, read_timeout=LONGEST_WAIT, connect_timeout=5, tcp_keepalive=True)
    return boto3.client("lambda", region_name=region, config=once)
