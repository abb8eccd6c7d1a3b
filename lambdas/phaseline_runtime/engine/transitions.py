"""What comes after a round: the first transition that matches, past the phases whose condition is false."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phaseline_runtime.definition import END, Definition, Phase, Transition
from phaseline_runtime.engine.questions import Answer, ExpressionFailed, Inquiry, Kind, Owner


@dataclass(frozen=True, slots=True)
class Choice:
    """What is written into the end of a round: `next` is `{phase}` or `{end, error?}`."""

    next: dict[str, Any]
    passed_over: tuple[str, ...] = ()

    @property
    def ends(self) -> bool:
        """Whether the execution ends here."""
        return "end" in self.next


def choose_first(definition: Definition, inquiry: Inquiry) -> Choice | None:
    """The first phase to run. None while answers are missing."""
    return enter(definition, definition.phases[0].name, 0, inquiry)


def choose_next(definition: Definition, phase: Phase, number: int, inquiry: Inquiry) -> Choice | None:
    """What follows a phase that has ended well in round `number`. None while answers are missing."""
    target: str | None = None
    missing = False
    for index, transition in enumerate(phase.next):
        matches = _matches(transition, f"{number}/next/{index}", inquiry)
        if matches is None:
            missing = True
        elif matches and not missing:
            target = transition.to
            break
    if missing:
        _ask_all_phases(definition, number, inquiry)
        return None
    return enter(definition, target or _following(definition, phase.name), number, inquiry)


def enter(definition: Definition, name: str, number: int, inquiry: Inquiry) -> Choice | None:
    """Go to a phase, or past it where its `when` is false. None while answers are missing."""
    passed: list[str] = []
    while name != END:
        phase = definition.phase(name)
        if phase.when is None:
            break
        answer = _ask(phase, number, inquiry)
        if answer is None:
            _ask_all_phases(definition, number, inquiry)
            return None
        if answer.error is not None:
            raise ExpressionFailed(f"`when` of phase {name}: {answer.error}")
        if answer.value:
            break
        passed.append(name)
        name = _following(definition, name)
    return Choice({"end": "success"} if name == END else {"phase": name}, tuple(passed))


def _matches(transition: Transition, key: str, inquiry: Inquiry) -> bool | None:
    if transition.when is None:
        return True
    answer = inquiry.ask(key, Kind.QUERY, transition.when, Owner.STATEMACHINE)
    if answer is None:
        return None
    if answer.error is not None:
        raise ExpressionFailed(f"`when` of the transition to {transition.to}: {answer.error}")
    return bool(answer.value)


def _following(definition: Definition, name: str) -> str:
    names = [phase.name for phase in definition.phases]
    position = names.index(name) + 1
    return names[position] if position < len(names) else END


def _ask(phase: Phase, number: int, inquiry: Inquiry) -> Answer | None:
    """Whether the condition of a phase that has one holds."""
    return inquiry.ask(f"{number}/phase/{phase.name}", Kind.QUERY, str(phase.when), Owner.STATEMACHINE)


def _ask_all_phases(definition: Definition, number: int, inquiry: Inquiry) -> None:
    """Ask what may be needed next along with what is needed now: one round trip answers a whole choice."""
    for phase in definition.phases:
        if phase.when is not None:
            _ask(phase, number, inquiry)
