"""Each state machine as a picture: phases, jobs, conditions, loops. Pure text, from compiled definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from phaseline.cli.graph_notes import of_errors, of_machine, of_phase, of_use
from phaseline_runtime.definition import END, Definition, OnFailure, Phase, Use
from phaseline_runtime.errors import TIMEOUT, WAIT_FOR_NOT_MET

FAILED = " failed"
"""Stands for the end of an execution by `fail`; no phase can have this name."""

_EDGES = ("├── ", "└── ", "│   ", "    ")


def text(definition: Definition) -> str:
    """A state machine as a tree for the terminal."""
    lines = [f"{definition.state_machine}{_bracketed(of_machine(definition))}"]
    for index, phase in enumerate(definition.phases):
        last = index == len(definition.phases) - 1
        lines.append(f"{_EDGES[last]}{phase.name}{_bracketed(of_phase(phase))}")
        bar = _EDGES[2 + last]
        leaves = [_use_line(use) for use in phase.jobs] + [f"→ {exit}" for exit in _exits(definition, index)]
        for position, leaf in enumerate(leaves):
            lines.append(f"{bar}{_EDGES[position == len(leaves) - 1]}{leaf}")
    return "\n".join(lines)


def mermaid(definitions: Mapping[str, Definition]) -> str:
    """All state machines as one Mermaid flowchart: a box for each machine and each phase, an arrow for each order."""
    lines = ["flowchart TD"]
    for number, (name, definition) in enumerate(definitions.items()):
        lines.append(f'  subgraph m{number}["{_escaped(name + _bracketed(of_machine(definition)))}"]')
        lines.append(f"    m{number}_start((start)) --> m{number}p0")
        for index, phase in enumerate(definition.phases):
            lines += _mermaid_phase(f"m{number}p{index}", phase)
        places = {phase.name: f"m{number}p{index}" for index, phase in enumerate(definition.phases)}
        places |= {END: f"m{number}_end", FAILED: f"m{number}_failed"}
        for index in range(len(definition.phases)):
            for target, label in _targets(definition, index):
                arrow = f'-->|"{_escaped(label)}"|' if label else "-->"
                lines.append(f"    m{number}p{index} {arrow} {places[target]}")
        if any(phase.fail is not None for phase in definition.phases):
            lines.append(f"    m{number}_failed((failed))")
        lines += [f"    m{number}_end((end))", "  end"]
    return "\n".join(lines)


def _bracketed(notes: Sequence[str]) -> str:
    return f"  [{'; '.join(notes)}]" if notes else ""


def _use_line(use: Use) -> str:
    words = use.name if use.name == use.job else f"{use.name} ({use.job})"
    if use.after:
        words += f"  ← {', '.join(use.after)}"
    return f"{words}{_bracketed(of_use(use))}"


def _targets(definition: Definition, index: int) -> Iterator[tuple[str, str]]:
    """Where a phase leads to, each with the words on the arrow."""
    phases = definition.phases
    phase = phases[index]
    following = phases[index + 1].name if index + 1 < len(phases) else END
    if phase.fail is not None:
        yield FAILED, f"fail {phase.fail.error}: {phase.fail.cause}"
    elif phase.succeed:
        yield END, "succeed"
    else:
        yield from _transitions(phase, following)
    if phase.when is not None:
        yield following, "passed over"
    seen = set()
    for owner, failure in _failures(phase):
        label = f"{owner} failed{of_errors(failure)}"
        if failure.to is not None and (label, failure.to) not in seen:
            seen.add((label, failure.to))
            yield failure.to, label


def _failures(phase: Phase) -> Iterator[tuple[str, OnFailure]]:
    """What failures mean of which the jobs of a phase, or the phase itself, are capable."""
    for use in phase.jobs:
        yield from ((use.name, item) for item in use.on_failure if item.errors != (WAIT_FOR_NOT_MET,))
    own = [WAIT_FOR_NOT_MET] * (phase.wait_for_count is not None) + [TIMEOUT] * (phase.deadline is not None)
    reached = [phase.failure(error) for error in own]
    yield from ((phase.name, item) for item in phase.on_failure if item in reached)


def _transitions(phase: Phase, following: str) -> Iterator[tuple[str, str]]:
    for transition in phase.next:
        yield transition.to, "" if transition.when is None else f"when {transition.when}"
        if transition.when is None:
            break
    else:
        yield following, "else" if phase.next else ""


def _exits(definition: Definition, index: int) -> Iterator[str]:
    """The same in words, without what goes without saying."""
    earlier = [phase.name for phase in definition.phases[: index + 1]]
    for target, label in _targets(definition, index):
        if label in ("", "passed over") and not definition.phases[index].next:
            continue
        if target == FAILED:
            yield label
            continue
        loop = " (loop)" if target in earlier else ""
        yield f"{target}{loop}{'  ' + label if label else ''}"


def _mermaid_phase(place: str, phase: Phase) -> Iterator[str]:
    title = f"{phase.name}{_bracketed(of_phase(phase))}"
    yield f'    subgraph {place}["{_escaped(title)}"]'
    ids = {use.name: f"{place}j{index}" for index, use in enumerate(phase.jobs)}
    for use in phase.jobs:
        words = "<br/>".join([use.name, *of_use(use, compensation=False)])
        yield f'      {ids[use.name]}["{_escaped(words)}"]'
        if use.compensate is not None:
            undoes = f"{ids[use.name]}u"
            yield f'      {undoes}(["{_escaped(use.compensate.job)}"])'
            yield f'      {ids[use.name]} -.->|"undone by"| {undoes}'
    if not phase.jobs:
        yield f'      {place}_empty["no jobs"]'
    for use in phase.jobs:
        for name in use.after:
            yield f"      {ids[name]} --> {ids[use.name]}"
    yield "    end"


def _escaped(words: str) -> str:
    """Mermaid ends a label at a quote, and reads `#` as the start of an entity."""
    kept = words.replace("#", "#35;").replace('"', "#quot;")
    return kept.replace("<br/>", "\0").replace("<", "#lt;").replace(">", "#gt;").replace("\0", "<br/>")
