"""What goes wrong in a seed: which kinds of faults it has, how often, and each single one by its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tests.simulation.dice import Dice

MOST_OFTEN = {
    "lost": 0.25,
    "doubled": 0.3,
    "late": 0.2,
    "crash": 0.06,
    "held": 0.15,
    "killed": 0.15,
    "skew": 0.4,
    "unanswered": 0.2,
    "away": 0.3,
    "repeated": 0.08,
    "unheard": 0.05,
}
"""The kinds of faults, and how probable each is at most, at every place where it can happen."""
_FORGETFUL = {"lost": 2.0, "crash": 0.5, "unheard": 10.0}
"""By how much more often it is forgotten what has happened, in a seed of which that is the fault."""
WATCHDOG_LATE = 120.0
"""By how many seconds the watchdog comes late at most."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A process dies at its n-th operation: before it takes effect, or right after."""

    before: bool


@dataclass(frozen=True, slots=True)
class Away:
    """While the relay is away no status becomes an event, in seconds after the start of the execution.

    It goes on where it was, or has `forgotten` where that is.
    """

    begin: float
    end: float
    forgotten: bool


class Faults:
    """The faults of one seed. `masked` names those that do not happen; `happened` collects those that do."""

    def __init__(self, dice: Dice, masked: frozenset[str] = frozenset()) -> None:
        self._dice = dice
        self._masked = masked
        self.happened: list[str] = []
        self._rates = {kind: self._rate(kind, most) for kind, most in MOST_OFTEN.items()}
        self._away = self._relay_away() if self._happens("away", "relay") else None

    @property
    def forgetful(self) -> bool:
        """Whether this is a seed in which nothing happens but that events get lost and processes die, and often."""
        return 0.8 <= self._dice.number("weather") < 0.9

    def _rate(self, kind: str, most: float) -> float:
        """One seed in ten is calm, one a storm, one forgetful; in the others, each kind is missing now and then."""
        weather = self._dice.number("weather")
        if self.forgetful:
            return most * _FORGETFUL.get(kind, 0.0)
        if weather < 0.1 or (weather < 0.9 and self._dice.chance(0.4, "none", kind)):
            return 0.0
        return most * 2 if weather >= 0.9 else self._dice.between(0, most, "rate", kind)

    def _happens(self, kind: str, *name: object) -> bool:
        rate = self._rates[kind]
        if rate == 0.0 or not self._dice.chance(rate, kind, *name):
            return False
        full = "/".join(map(str, (kind, *name)))
        if full in self._masked:
            return False
        self.happened.append(full)
        return True

    def asks(self, person: str) -> bool:
        """Whether a person asks for something: no fault, but what can be left out of a history like one."""
        asked = f"asked/{person}"
        if asked in self._masked:
            return False
        self.happened.append(asked)
        return True

    def relayed(self, at: float) -> float | None:
        """After how many seconds what is inserted at this second becomes an event; None where it never does."""
        if self._away is None or not self._away.begin <= at < self._away.end:
            return 0.0
        return None if self._away.forgotten else self._away.end - at

    def _relay_away(self) -> Away:
        begin = self._dice.between(0, self._dice.pick((2.0, 20.0, 200.0), "about away"), "away at")
        lasts = self._dice.between(1, self._dice.pick((30.0, 300.0, 1800.0), "how long away"), "away for")
        return Away(begin, begin + lasts, self._dice.chance(0.5, "relay forgets"))

    def deliveries(self, status: str, target: str) -> list[float]:
        """After how many seconds an event reaches a target: none where it is lost, several where it is doubled."""
        if self._happens("lost", status, target):
            return []
        copies = 1
        while copies < 4 and self._happens("doubled", status, target, copies):
            copies += 1
        together = self._dice.chance(0.2, "together", status, target)
        return [self._delay(status, target, 0 if together else copy) for copy in range(copies)]

    def kept(self, status: str, target: str) -> float | None:
        """After how many seconds a lost event is in the dead-letter queue of its rule; None where it is gone."""
        if not self._dice.chance(0.2, "kept", status, target):
            return None
        return self._dice.between(1, self._dice.pick((20.0, 1000.0), "kept for", status, target), "kept", "at", status)

    def _delay(self, status: str, target: str, copy: int) -> float:
        usual = self._dice.between(0.02, 0.5, "delay", status, target, copy)
        if not self._happens("late", status, target, copy):
            return usual
        most = self._dice.pick((3.0, 60.0, 3600.0), "how late", status, target, copy)
        return usual + self._dice.between(0, most, "delay late", status, target, copy)

    def crash(self, call: str, operation: int) -> Crash | None:
        """Whether a process dies at this operation."""
        if not self._happens("crash", call, operation):
            return None
        return Crash(before=self._dice.chance(0.5, "before", call, operation))

    def unheard(self, call: str) -> bool:
        """Whether a runner dies right after it has recorded an end, before it has told anybody."""
        return self._happens("unheard", call)

    def held(self, call: str, operation: int) -> timedelta | None:
        """How long a process is held up before this operation, if it is."""
        if not self._happens("held", call, operation):
            return None
        most = self._dice.pick((0.5, 5.0, 30.0), "how long held", call, operation)
        return timedelta(seconds=self._dice.between(0, most, "held for", call, operation))

    def killed(self, call: str) -> bool:
        """Whether a job's Lambda dies while the user's handler runs."""
        return self._happens("killed", call)

    def recorded(self, call: str) -> bool:
        """Whether Lambda's on-failure record of a crash arrives."""
        return self._dice.chance(0.7, "recorded", call)

    def unanswered(self, call: str, operation: int) -> str | None:
        """Whether the answer to a commit gets lost, `before` it takes effect or `after`."""
        if not self._happens("unanswered", call, operation):
            return None
        return self._dice.pick(("before", "after"), "when unanswered", call, operation)

    def repeated(self, call: str, number: int) -> bool:
        """Whether the answer to an insert gets lost, so that the driver sends it again and is told of a duplicate."""
        return self._happens("repeated", call, number)

    def skew(self, host: str) -> timedelta:
        """By how much the clock of a process is wrong."""
        if not self._happens("skew", host):
            return timedelta(0)
        return timedelta(milliseconds=self._dice.whole(-4000, 4000, "skewed by", host))

    def watchdog_late(self, sweep: int) -> timedelta:
        """By how much a sweep of the watchdog comes late."""
        if not self._happens("late", "watchdog", sweep):
            return timedelta(0)
        return timedelta(seconds=self._dice.between(0, WATCHDOG_LATE, "watchdog late", sweep))
