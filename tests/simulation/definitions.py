"""Random definitions: everything that the config can say of phases and time, small enough to be read.

Their jobs are made by `uses`, their conditions by `expressions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from phaseline_runtime.definition import END, Action, Definition, Fail, OnFailure, Phase, Transition, Use
from tests.simulation import uses
from tests.simulation.dice import Dice
from tests.simulation.expressions import visited_fewer

VISITS = 3
"""How often a phase is visited at most by going back to it."""

FEATURES = {"compensation": 0.35, "waits": 0.25, "heartbeats": 0.2, "endings": 0.2, "wide": 0.06}
"""What a definition has only in some seeds, so that each seed stays small, and how probable it is."""


def everything(definition: Definition) -> Definition:
    """What is deployed: a corrected definition may use its jobs."""
    names = sorted({*uses.JOBS, *uses.UNDOING, *definition.jobs})
    return Definition("deployed", (Phase("p", tuple(Use(job, job) for job in names)),))


def make(dice: Dice, *, leaving: bool = False) -> Definition:
    """A definition; with `leaving`, every phase waits for one job or success only, and leaves the rest behind."""
    features = frozenset(name for name, often in FEATURES.items() if dice.chance(often, "feature", name))
    names = [f"p{index}" for index in range(3 if leaving else dice.pick((1, 2, 2, 3, 3), "phases"))]
    make_phase = _leaving if leaving else _phase
    made = tuple(make_phase(dice, name, names, features) for name in names)
    deadline = dice.between(20, 1200, "deadline") if dice.chance(0.3 if leaving else 0.1, "has deadline") else None
    return Definition("machine", made, deadline=_cut(deadline))


def reduced(definition: Definition, without: frozenset[str]) -> Definition:
    """A definition without these jobs, and without the phases that lose all their jobs."""
    phases = [phase for phase in definition.phases if not _names(phase) or _names(phase) - without]
    left = {phase.name for phase in phases}
    return replace(definition, phases=tuple(_led(_reduced(phase, without), left) for phase in phases))


def correct(dice: Dice, definition: Definition | None, *, leaving: bool) -> Definition:
    """What a redrive comes with: this or another definition, in which jobs or phases change places now and then."""
    made = definition or make(dice, leaving=leaving and dice.chance(0.5, "leaves too"))
    if dice.chance(0.4, "phases move"):
        first = dice.whole(0, len(made.phases) - 1, "phase that moves")
        made = replace(made, phases=_onwards((*made.phases[first:], *made.phases[:first])))
    names = jobs(made)
    if len(names) < 2 or dice.chance(0.6, "all stay"):
        return made
    one, other = dice.pick(names, "moves"), dice.pick(names, "gives way")
    return replace(made, phases=tuple(_renamed(phase, {one: other, other: one}) for phase in made.phases))


def _onwards(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """Without what leads back: in another order, visits would not limit it."""
    names = [phase.name for phase in phases]
    return tuple(_led(phase, set(names[place + 1 :])) for place, phase in enumerate(phases))


def _renamed(phase: Phase, names: Mapping[str, str]) -> Phase:
    """With other names for jobs; what expressions read stays as it was."""

    def new(old: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in old)

    uses = tuple(replace(use, name=names.get(use.name, use.name), after=new(use.after)) for use in phase.jobs)
    return replace(phase, jobs=uses, wait_for_jobs=new(phase.wait_for_jobs))


def jobs(definition: Definition) -> list[str]:
    """The names of all jobs."""
    return [use.name for phase in definition.phases for use in phase.jobs]


def _cut(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _leaving(dice: Dice, name: str, names: list[str], features: frozenset[str]) -> Phase:
    """A phase that leaves as much behind as it can, and goes on whatever happens."""
    anyway = (OnFailure(Action.CONTINUE),)
    made = [uses.make(dice, name, index, names, ([], []), features) for index in range(4)]
    timeout = dice.pick((60.0, 300.0), "leaves for")
    kept = [Use(use.name, use.job, timeout=timeout, on_failure=anyway, compensate=use.compensate) for use in made]
    fail = Fail("TooLate", "it was left too long") if dice.chance(0.3, "fails") and name == names[-1] else None
    again = Transition(name, visited_fewer(name, VISITS)) if dice.chance(0.3, name, "again") and fail is None else None
    way_on = () if again is None else (again,)
    if dice.chance(0.3, "all wait by name"):
        return Phase(name, tuple(kept), wait_for_jobs=(kept[0].name,), fail=fail, next=way_on)
    return Phase(name, tuple(kept), wait_for_count=1, fail=fail, next=way_on)


def _phase(dice: Dice, name: str, names: list[str], features: frozenset[str]) -> Phase:
    back, on = _backwards(dice, name, names), _forwards(name, names)
    targets = (back, [phase for phase in on if phase != END])
    wait = uses.wait(dice, f"{name} round") if "waits" in features else None
    ends = dice.chance(0.3, name, "ends") if "endings" in features else False
    alone = (wait is not None and dice.chance(0.2, name, "only waits")) or (
        ends and dice.chance(0.3, name, "only ends")
    )
    most = len(uses.LETTERS) if "wide" in features else 4
    count = 0 if alone else dice.whole(1, most, name, "jobs")
    made = tuple(uses.make(dice, name, index, names, targets, features) for index in range(count))
    listed: list[str] = []
    awaited = None
    if made and dice.chance(0.3, name, "wait_for"):
        if dice.chance(0.5, name, "list or count"):
            listed = dice.some([use.name for use in made], 0.5, name, "wait_for list")
        else:
            awaited = dice.whole(1, len(made), name, "wait_for count")
    deadline = dice.between(10, 600, name, "deadline") if dice.chance(0.1, name, "has deadline") else None
    succeeds = ends and dice.chance(0.5, name, "succeeds")
    return Phase(
        name,
        made,
        when=_phase_condition(dice, name, names),
        next=() if ends else _next(dice, name, names, back, on),
        wait_for_jobs=tuple(listed),
        wait_for_count=awaited,
        on_failure=uses.on_failure(dice, f"{name} round", targets),
        deadline=_cut(deadline),
        wait=wait,
        fail=Fail("NoFish", "the net is empty") if ends and not succeeds else None,
        succeed=succeeds,
    )


def _phase_condition(dice: Dice, name: str, names: list[str]) -> str | None:
    # What may be gone back to is limited by its visits; the rest has a condition now and then.
    if dice.chance(0.5, name, "limited"):
        return visited_fewer(name, VISITS)
    return uses.condition(dice, f"{name} when", names) if dice.chance(0.15, name, "when") else None


def _backwards(dice: Dice, name: str, names: list[str]) -> list[str]:
    """Where a phase may go back to: all from there to here are limited by their visits, or it would never end."""
    found: list[str] = []
    for item in reversed(names[: names.index(name) + 1]):
        if not dice.chance(0.5, item, "limited"):
            break
        found.append(item)
    return found


def _forwards(name: str, names: list[str]) -> list[str]:
    return [*names[names.index(name) + 1 :], END]


def _next(dice: Dice, name: str, names: list[str], back: list[str], on: list[str]) -> tuple[Transition, ...]:
    if dice.chance(0.5, name, "no next"):
        return ()
    found = []
    if back and dice.chance(0.5, name, "back"):
        to = dice.pick(back, name, "back to")
        found.append(Transition(to, visited_fewer(to, dice.whole(2, VISITS, name, "back until"))))
    for index in range(dice.pick((0, 0, 1, 1, 2), name, "forwards")):
        to = dice.pick(on, name, "forwards to", index)
        asks = dice.chance(0.6, name, "next when", index)
        found.append(Transition(to, uses.condition(dice, f"{name} next {index}", names) if asks else None))
    return tuple(found)


def _names(phase: Phase) -> set[str]:
    return {use.name for use in phase.jobs}


def _reduced(phase: Phase, without: frozenset[str]) -> Phase:
    if not without:
        return phase
    kept = tuple(
        replace(use, after=tuple(name for name in use.after if name not in without))
        for use in phase.jobs
        if use.name not in without
    )
    listed = tuple(name for name in phase.wait_for_jobs if name not in without)
    count = None if phase.wait_for_count is None else min(phase.wait_for_count, len(kept))
    return replace(phase, jobs=kept, wait_for_jobs=listed, wait_for_count=count)


def _led(phase: Phase, left: set[str]) -> Phase:
    """Without what leads to a phase that was left out."""

    def stays(to: str | None) -> bool:
        return to is None or to == END or to in left

    kept = tuple(
        replace(use, on_failure=tuple(item for item in use.on_failure if stays(item.to))) for use in phase.jobs
    )
    return replace(
        phase,
        jobs=kept,
        next=tuple(item for item in phase.next if stays(item.to)),
        on_failure=tuple(item for item in phase.on_failure if stays(item.to)),
    )
