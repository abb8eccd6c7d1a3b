"""Runs the AWS emulator, with the one difference that a throttled invocation waits instead of getting lost.

AWS tries a throttled asynchronous invocation again for hours. The emulator drops it: with the bound that keeps a burst
from starting hundreds of processes, events would be lost that AWS delivers. It holds for the pinned version; where the
emulator has changed, `main` says so instead of running without.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

PATIENCE = 300.0
"""Seconds that an invocation waits for a free place before it is throttled after all."""


def wait_where_it_throttles(service: Any, *, patience: float = PATIENCE) -> None:
    """Let an invocation beyond the account's concurrency wait until another has ended, first come, first served."""
    acquire, release = service._acquire_execution_slot, service._release_execution_slot
    free = threading.Condition()

    def patient(func: Any, config: Any) -> Any:
        deadline = time.monotonic() + patience
        with free:
            while True:
                slot, limit = acquire(func, config)
                left = deadline - time.monotonic()
                if slot is not None or limit != "account" or left <= 0:
                    return slot, limit
                free.wait(left)

    def releasing(key: Any) -> None:
        release(key)
        with free:
            free.notify()

    service._acquire_execution_slot, service._release_execution_slot = patient, releasing


def main() -> None:
    """Run the emulator in the foreground."""
    from ministack.app import main as run
    from ministack.services import lambda_svc

    try:
        wait_where_it_throttles(lambda_svc)
    except AttributeError as error:
        sys.exit(f"this version of ministack is not the pinned one: {error}")
    run()


if __name__ == "__main__":
    main()
