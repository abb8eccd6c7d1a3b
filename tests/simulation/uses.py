"""Random uses of jobs: rules, conditions, inputs, retries, times, what a failure means, and how they are undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from phaseline_runtime.definition import DEFAULT_RETRIES, END, Action, OnFailure, Retry, Use, Wait
from phaseline_runtime.engine.rules import RULES
from tests.simulation import expressions
from tests.simulation.dice import Dice

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
"""When every simulated execution is started."""

JOBS = ("j", "k")
UNDOING = ("u", "v")
"""The declared jobs: those that do something, and those that undo it."""

ERRORS = (
    "Storm",
    "NoBoat",
    "Phaseline.Timeout",
    "Phaseline.Crashed",
    "Phaseline.NotStarted",
    "Phaseline.TransactionConflict",
    "Phaseline.TransactionTooLong",
    "Phaseline.InputTooLarge",
    "Phaseline.Unavailable",
    "Phaseline.ExpressionFailed",
    "Phaseline.WaitForNotMet",
)

LETTERS = "abcdefgh"
"""What the names of a phase's jobs end with."""

Targets = tuple[list[str], list[str]]
"""The phases that a phase may lead back to, and those behind it."""


def make(dice: Dice, phase: str, index: int, names: list[str], targets: Targets, features: frozenset[str]) -> Use:
    """The use of a job at this place in a phase."""
    name = f"{phase}{LETTERS[index]}"
    before = [f"{phase}{letter}" for letter in LETTERS[:index]]
    after = dice.some(before, 0.3 if "wide" in features else 0.5, name, "after")
    read = after or [name]
    if dice.chance(0.03, name, "race"):
        read = [f"{item}a" for item in names]  # The validator warns of it; the engine must stand it.
    return Use(
        name,
        dice.pick(JOBS, name, "job"),
        tuple(after),
        run_if=dice.pick(RULES, name, "rule") if after and dice.chance(0.6, name, "has rule") else "all_success",
        when=condition(dice, f"{name} when", names, read) if dice.chance(0.2, name, "when") else None,
        input=_input(dice, name, read),
        on_failure=on_failure(dice, name, targets),
        retry=_policies(dice, name),
        timeout=_timeout(dice, name),
        start_timeout=dice.pick((45.0, 300.0, 900.0), name, "start timeout"),
        heartbeat=_heartbeat(dice, name) if "heartbeats" in features else None,
        wait=wait(dice, name) if "waits" in features else None,
        compensate=_compensation(dice, name, names, features) if "compensation" in features else None,
        filtered=dice.chance(0.1, name, "filtered"),
    )


def condition(dice: Dice, name: str, names: list[str], read: list[str] | None = None) -> str:
    """A query, which fails now and then."""
    job = dice.pick(read or [f"{item}a" for item in names], name, "reads")
    kinds = (
        expressions.ALWAYS,
        expressions.NEVER,
        expressions.returned(job, 1),
        expressions.has_failed(job),
        expressions.visited_fewer(dice.pick(names, name, "phase"), 2),
        expressions.failed_with(job, dice.pick(ERRORS, name, "error")),
        expressions.given(1),
    )
    if dice.chance(0.03, name, "raises"):
        return expressions.FAULTY_QUERY
    one, other = dice.pick(kinds, name, "kind"), dice.pick(kinds, name, "or")
    return expressions.either(one, other) if dice.chance(0.15, name, "either") else one


def wait(dice: Dice, name: str) -> Wait | None:
    """Some seconds, or until a time, which is no time at all now and then."""
    if dice.chance(0.6, name, "does not wait"):
        return None
    seconds = round(dice.between(0.5, dice.pick((10.0, 200.0), name, "about waits"), name, "waits"), 1)
    if dice.chance(0.5, name, "waits for a while"):
        return Wait(seconds=seconds)
    if dice.chance(0.06, name, "until nothing"):
        none = (expressions.literal("soon"), expressions.result_of("nobody"), expressions.FAULTY)
        return Wait(until=dice.pick(none, name, "until what"))
    at = BEGIN + timedelta(seconds=seconds)
    text = at.isoformat(timespec="milliseconds")
    texts = (expressions.literal(text), expressions.literal(text.removesuffix("+00:00")), expressions.date(text))
    return Wait(until=dice.pick(texts, name, "until"))


def on_failure(dice: Dice, name: str, targets: Targets) -> tuple[OnFailure, ...]:
    """Handlers by error; the last one takes all that is left, most often."""
    phases = [*targets[0], *targets[1], *([END] if dice.chance(0.2, name, "to the end") else [])]
    found = []
    for index in range(dice.pick((0, 1, 1, 1, 2, 3), name, "handlers")):
        action = dice.pick((Action.FAIL, Action.CONTINUE, Action.CONTINUE, Action.TO), name, "action", index)
        to = dice.pick(phases, name, "to", index) if action is Action.TO and phases else None
        action = Action.FAIL if action is Action.TO and to is None else action
        some = dice.some(ERRORS, 0.4, name, "errors", index)
        found.append(OnFailure(action, to, tuple(some)) if some and index < 2 else OnFailure(action, to))
    return tuple(found)


def _compensation(dice: Dice, name: str, names: list[str], features: frozenset[str]) -> Use | None:
    """How a job is undone; it has a name only once it is to run."""
    undo = f"undo {name}"
    if dice.chance(0.3, undo, "none"):
        return None
    own = _input(dice, undo, [f"{item}{letter}" for item in names for letter in "ab"])
    return Use(
        "",
        dice.pick(UNDOING, undo, "job"),
        input=own,
        retry=_policies(dice, undo),
        timeout=_timeout(dice, undo),
        start_timeout=dice.pick((45.0, 300.0), undo, "start timeout"),
        heartbeat=_heartbeat(dice, undo) if "heartbeats" in features else None,
        filtered=dice.chance(0.1, undo, "filtered"),
    )


def _input(dice: Dice, name: str, read: list[str]) -> str | None:
    if dice.chance(0.7, name, "no input"):
        return None
    if dice.chance(0.05, name, "input raises"):
        return expressions.FAULTY
    if dice.chance(0.05, name, "large input"):
        return expressions.literal(expressions.TOO_LARGE)
    if dice.chance(0.2, name, "of the input"):
        return expressions.GIVEN
    if dice.chance(0.15, name, "of its own error"):
        return expressions.error_of(name.removeprefix("undo "))  # A retry has failed by then, and gets what it got.
    return expressions.result_of(dice.pick(read, name, "input of"))


def _timeout(dice: Dice, name: str) -> float:
    return round(dice.between(5, 60, name, "timeout") if dice.chance(0.8, name, "short") else 900, 1)


def _heartbeat(dice: Dice, name: str) -> float | None:
    return round(dice.between(2, 20, name, "beats"), 1) if dice.chance(0.6, name, "has heartbeat") else None


def _policies(dice: Dice, name: str) -> tuple[Retry, ...]:
    found = []
    for index in range(dice.pick((0, 0, 1, 2), name, "policies")):
        some = dice.some(ERRORS, 0.5, name, "retried", index)
        found.append(
            Retry(
                errors=tuple(some) if some and index == 0 else Retry().errors,
                never=tuple(dice.some(ERRORS, 0.15, name, "never", index)),
                max_attempts=dice.whole(0, 3, name, "most", index),
                interval=round(dice.between(0, 20, name, "interval", index), 1),
                backoff_rate=dice.pick((1.0, 2.0, 3.0), name, "rate", index),
                max_delay=dice.pick((None, 15.0), name, "longest", index),
                jitter=dice.chance(0.3, name, "jitter", index),
            )
        )
    return (*found, *DEFAULT_RETRIES) if dice.chance(0.5, name, "defaults") else tuple(found)
