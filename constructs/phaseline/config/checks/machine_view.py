"""A state machine as the checks look at it: names resolved, graphs drawn, whatever is at fault left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property

from phaseline.config.checks.graph import cycles, reachable, topological
from phaseline.config.checks.nearest_places import nearest_failure, phase_failure
from phaseline.config.checks.outcomes import Follower, ended_when_runs
from phaseline.config.faults import nearest
from phaseline.config.reading.entries import FileEntry, MachineEntry, PhaseEntry, UseEntry
from phaseline.config.reading.failures import FailureEntry
from phaseline_runtime.definition import END
from phaseline_runtime.errors import TIMEOUT, WAIT_FOR_NOT_MET


class PhaseView:
    """One phase."""

    def __init__(self, name: str, entry: PhaseEntry) -> None:
        self.name = name
        self.entry = entry

    @cached_property
    def after(self) -> dict[str, list[str]]:
        """For each job, the jobs of this phase that it follows."""
        uses = self.entry.jobs
        return {
            name: [each for each in dict.fromkeys(word.text for word in use.after) if each in uses and each != name]
            for name, use in uses.items()
        }

    @cached_property
    def cycles(self) -> list[list[str]]:
        """The cycles of the graph."""
        return cycles(self.after)

    @cached_property
    def _meant(self) -> dict[str, list[str | None]]:
        """As `after`, with a misspelt name taken for the nearest, and None for a word that could mean anything."""
        uses = self.entry.jobs
        return {name: [_meant(word.text, name, uses) for word in use.after] for name, use in uses.items()}

    @cached_property
    def _before(self) -> dict[str, list[str]]:
        """The graph as it is meant: what is misspelt is a fault already, and not to make another."""
        return {name: [each for each in dict.fromkeys(words) if each] for name, words in self._meant.items()}

    @cached_property
    def ancestors(self) -> dict[str, set[str]]:
        """For each job, the jobs that it follows or is meant to follow, directly or not."""
        return {name: reachable(self._before, before) for name, before in self._before.items()}

    @cached_property
    def known(self) -> set[str]:
        """The jobs of which all ancestors are known; of the others, more may be meant than the file says."""
        unknown = {name for name, use in self.entry.jobs.items() if not use.readable or None in self._meant[name]}
        return {name for name in self.entry.jobs if not ({name} | self.ancestors[name]) & unknown}

    @cached_property
    def sound(self) -> set[str]:
        """The jobs whose order can be reasoned about: known, and neither in a cycle nor behind one."""
        reach = self.ancestors
        knotted = {name for name in reach if name in reach[name]}
        return {name for name in self.known if not ({name} | reach[name]) & knotted}

    @cached_property
    def followers(self) -> dict[str, Follower]:
        """The sound jobs in topological order, as `outcomes` takes them."""
        return {
            name: Follower(self._before[name], self.entry.jobs[name].rule, self.entry.jobs[name].when is not None)
            for name in topological(self._before)
            if name in self.sound
        }

    @cached_property
    def ended_when_runs(self) -> dict[str, set[str]]:
        """For each sound job, the jobs that have surely ended when it starts."""
        return ended_when_runs(self.followers)

    @property
    def own_errors(self) -> list[str]:
        """The errors with which the phase itself can fail, whatever its jobs do; what has no value yet may have any."""
        waits, given = self.entry.wait_for, self.entry.node.mapping
        counts = "wait_for" in given and (waits is None or waits.count is not None)
        possible = ((WAIT_FOR_NOT_MET, counts), (TIMEOUT, "deadline" in given))
        return [error for error, can_be in possible if can_be]

    @property
    def always_leaves(self) -> bool:
        """Whether nothing falls through behind it: its `next` always names what follows, or it ends the execution."""
        return self.entry.ends is not None or any(item.always for item in self.entry.next)


def _meant(word: str, name: str, uses: Collection[str]) -> str | None:
    """The job of the phase that a word in the `after` of `name` stands for."""
    others = [each for each in uses if each != name]
    return word if word in others else None if word == name else nearest(word, others)


class MachineView:
    """One state machine."""

    def __init__(self, name: str, entry: MachineEntry, file: FileEntry) -> None:
        self.name = name
        self.entry = entry
        self.file = file
        self.phases = {each: PhaseView(each, phase) for each, phase in entry.phases.items()}

    @cached_property
    def phase_of(self) -> dict[str, str]:
        """The phase of each job by its name in the machine; the first where a name occurs twice."""
        found: dict[str, str] = {}
        for phase in self.phases.values():
            for name in phase.entry.jobs:
                found.setdefault(name, phase.name)
        return found

    def uses(self) -> Iterator[tuple[PhaseView, str, UseEntry]]:
        """All uses of jobs, in their order."""
        for phase in self.phases.values():
            for name, use in phase.entry.jobs.items():
                yield phase, name, use

    @cached_property
    def compensating(self) -> set[str]:
        """The declared jobs that undo others."""
        named = [use.compensate.job for _, _, use in self.uses() if use.compensate is not None]
        return {word.text for word in named if word is not None}

    @cached_property
    def _order(self) -> dict[str, str]:
        """What comes behind each phase in the file."""
        names = list(self.phases)
        return dict(zip(names, [*names[1:], END], strict=True))

    def following(self, name: str) -> str:
        """The phase behind another in the file, or `end`."""
        return self._order[name]

    def failure(self, phase: PhaseView, name: str, use: UseEntry) -> FailureEntry | None:
        """The `on_failure` that counts for a use."""
        return nearest_failure(name, use, phase.entry, self.entry, self.file)

    def failure_targets(self, phase: PhaseView) -> set[str]:
        """The phases to which failures lead: of its jobs, or its own."""
        entries = [self.failure(phase, name, use) for name, use in phase.entry.jobs.items()]
        found = {target for each in entries if each is not None for target in each.targets}
        own = phase_failure(phase.entry, self.entry, self.file)
        if own is not None:
            found |= {target for error in phase.own_errors for target in own.targets_of(error)}
        return found

    def next_targets(self, phase: PhaseView) -> set[str]:
        """The phases that its `next` names, up to the first that is always taken."""
        found = set()
        for item in phase.entry.next:
            if item.to is not None:
                found.add(item.to.text)
            if item.always:
                break
        return found

    @cached_property
    def leads_to(self) -> dict[str, set[str]]:
        """For each phase, the phases that may come right after it."""
        graph = {}
        for name, phase in self.phases.items():
            targets = self.next_targets(phase) | self.failure_targets(phase)
            if not phase.always_leaves or phase.entry.when is not None:
                targets.add(self.following(name))
            graph[name] = {each for each in map(self._meant, targets) if each is not None}
        return graph

    def _meant(self, target: str) -> str | None:
        """The phase that a target names; a misspelt one, which is a fault already, is not to make another fault."""
        if target in self.phases or target == END:
            return target if target != END else None
        return nearest(target, self.phases)

    @cached_property
    def reached(self) -> set[str]:
        """The phases that an execution can get to."""
        return reachable(self.leads_to, list(self.phases)[:1])

    def comes_back(self, source: str, target: str) -> bool:
        """Whether a way of one phase at least leads from one phase to another."""
        return target in reachable(self.leads_to, self.leads_to[source])
