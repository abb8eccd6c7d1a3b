"""The deterministic `_id` of every status: its slot.

Outcomes that exclude each other compete for one id, so that the first insert decides and a duplicate key means
"already decided". No id holds anything but what identifies the slot: no time, no randomness, no phase name.
"""

from __future__ import annotations


def execution_started(execution: str) -> str:
    """Slot of the first status of an execution."""
    return f"{execution}/started"


def execution_end(execution: str, round_number: int) -> str:
    """Slot of the end of an execution, numbered by its last round."""
    return f"{execution}/end/{round_number}"


def round_start(execution: str, round_number: int) -> str:
    """Slot of the start of a round, whichever phase it visits."""
    return f"{execution}/{round_number}/start"


def round_end(execution: str, round_number: int) -> str:
    """Slot of the end of a round; round 0's end is the choice of the first phase."""
    return f"{execution}/{round_number}/end"


def entry(execution: str, round_number: int, name: str, attempt: int = 1) -> str:
    """Slot in which it is decided whether an attempt is triggered or not."""
    return f"{execution}/{round_number}/{name}/{attempt}/entry"


def job_wait(execution: str, round_number: int, name: str) -> str:
    """Slot in which it is recorded until when a job waits before it is triggered."""
    return f"{execution}/{round_number}/{name}/wait"


def round_wait(execution: str, round_number: int) -> str:
    """Slot in which it is recorded until when a round waits before its jobs."""
    return f"{execution}/{round_number}/wait"


def heartbeat(execution: str, round_number: int, name: str, attempt: int, number: int) -> str:
    """Slot of a sign of life of an attempt; numbered from 1."""
    return f"{execution}/{round_number}/{name}/{attempt}/heartbeat/{number}"


def redelivery(execution: str, round_number: int, name: str, attempt: int, number: int) -> str:
    """Slot of the copy of a `triggered` whose event got lost; numbered from 1."""
    return f"{execution}/{round_number}/{name}/{attempt}/redelivery/{number}"


def attempt_start(execution: str, round_number: int, name: str, attempt: int) -> str:
    """Slot of a runner's claim, or of whoever gives up on an attempt that has not started."""
    return f"{execution}/{round_number}/{name}/{attempt}/start"


def attempt_end(execution: str, round_number: int, name: str, attempt: int) -> str:
    """Slot of the end of a started attempt."""
    return f"{execution}/{round_number}/{name}/{attempt}/end"


def attempt_late(execution: str, round_number: int, name: str, attempt: int) -> str:
    """Slot of what an attempt had to say after its end had been decided without it. It changes nothing."""
    return f"{execution}/{round_number}/{name}/{attempt}/late"


def round_overdue(execution: str, round_number: int) -> str:
    """Slot in which it is recorded that a round has passed its deadline."""
    return f"{execution}/{round_number}/overdue"


def execution_overdue(execution: str, life: int) -> str:
    """Slot in which it is recorded that an execution has passed its deadline, in this life of it."""
    return f"{execution}/overdue/{life}"


def cancel_requested(execution: str, life: int) -> str:
    """Slot of the one request to cancel in each life of an execution (see `engine.rounds.life`)."""
    return f"{execution}/cancel/{life}"


def pause(execution: str, number: int) -> str:
    """Slot of a pause (odd numbers) or of the resume after it (even numbers)."""
    return f"{execution}/pause/{number}"
