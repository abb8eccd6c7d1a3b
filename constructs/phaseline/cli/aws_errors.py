"""The errors of AWS's library in our words: of which environment, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from phaseline_runtime.errors import PhaselineError, UserError


@contextmanager
def in_our_words(env: str, service: str, *, otherwise: str) -> Iterator[None]:
    """Calls of a service of AWS for an environment; `otherwise` is what one can do that has none there.

    Raises:
        UserError: There is no such stack.
        PhaselineError: AWS refuses, or cannot be asked.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        message = error.response["Error"].get("Message", str(error))
        if error.response["Error"].get("Code") == "ValidationError":
            raise UserError(f"environment {env}: {message} (deploy it, or {otherwise})") from error
        raise PhaselineError(f"environment {env}: AWS refuses {service}: {message}") from error
    except BotoCoreError as error:
        raise PhaselineError(
            f"environment {env}: AWS cannot be asked ({error}): set AWS_DEFAULT_REGION and credentials, or {otherwise}"
        ) from error
