"""Each state machine as a picture: phases, jobs, conditions, loops. Pure text, from compiled definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from phaseline_runtime.definition import END, Action, Definition, OnFailure, Phase, Retry, Use
from phaseline_runtime.errors import ALL

_EDGES = ("├── ", "└── ", "│   ", "    ")


def text(definition: Definition) -> str:
    """A state machine as a tree for the terminal."""
    lines = [definition.state_machine]
    for index, phase in enumerate(definition.phases):
        last = index == len(definition.phases) - 1
        lines.append(f"{_EDGES[last]}{phase.name}{_phase_notes(phase)}")
        bar = _EDGES[2 + last]
        leaves = [_use_line(use) for use in phase.jobs] + [f"→ {exit}" for exit in _exits(definition, index)]
        for position, leaf in enumerate(leaves):
            lines.append(f"{bar}{_EDGES[position == len(leaves) - 1]}{leaf}")
    return "\n".join(lines)


def mermaid(definitions: Mapping[str, Definition]) -> str:
    """All state machines as one Mermaid flowchart: a box for each machine and each phase, an arrow for each order."""
    lines = ["flowchart TD"]
    for number, (name, definition) in enumerate(definitions.items()):
        lines.append(f'  subgraph m{number}["{_escaped(name)}"]')
        lines.append(f"    m{number}_start((start)) --> m{number}p0")
        for index, phase in enumerate(definition.phases):
            lines += _mermaid_phase(f"m{number}p{index}", phase)
        places = {phase.name: f"m{number}p{index}" for index, phase in enumerate(definition.phases)}
        places[END] = f"m{number}_end"
        for index in range(len(definition.phases)):
            for target, label in _targets(definition, index):
                arrow = f'-->|"{_escaped(label)}"|' if label else "-->"
                lines.append(f"    m{number}p{index} {arrow} {places[target]}")
        lines += [f"    m{number}_end((end))", "  end"]
    return "\n".join(lines)


def _phase_notes(phase: Phase) -> str:
    notes = []
    if phase.when is not None:
        notes.append(f"when {phase.when}")
    if phase.wait_for_jobs:
        notes.append(f"wait_for {', '.join(phase.wait_for_jobs)}")
    if phase.wait_for_count is not None:
        notes.append(f"wait_for {phase.wait_for_count}")
    return f"  [{'; '.join(notes)}]" if notes else ""


def _use_line(use: Use) -> str:
    words = use.name if use.name == use.job else f"{use.name} ({use.job})"
    if use.after:
        words += f"  ← {', '.join(use.after)}"
    notes = _use_notes(use)
    return f"{words}  [{'; '.join(notes)}]" if notes else words


def _use_notes(use: Use) -> list[str]:
    notes = []
    if use.run_if != "all_success":
        notes.append(f"run_if {use.run_if}")
    if use.when is not None:
        notes.append(f"when {use.when}")
    notes += [f"on_failure continue{_of_errors(item)}" for item in use.on_failure if item.action is Action.CONTINUE]
    notes += [f"retry {policy.max_attempts}x{_of_errors(policy)}" for policy in use.retry]
    return notes


def _of_errors(item: OnFailure | Retry) -> str:
    return "" if ALL in item.errors else f" on {', '.join(item.errors)}"


def _targets(definition: Definition, index: int) -> Iterator[tuple[str, str]]:
    """Where a phase leads to, each with the words on the arrow."""
    phases = definition.phases
    phase = phases[index]
    following = phases[index + 1].name if index + 1 < len(phases) else END
    for transition in phase.next:
        yield transition.to, "" if transition.when is None else f"when {transition.when}"
        if transition.when is None:
            break
    else:
        yield following, "else" if phase.next else ""
    if phase.when is not None:
        yield following, "passed over"
    seen = set()
    for owner, handlers in [(use.name, use.on_failure) for use in phase.jobs] + [(phase.name, phase.on_failure)]:
        for failure in handlers:
            label = f"{owner} failed{_of_errors(failure)}"
            if failure.to is not None and (label, failure.to) not in seen:
                seen.add((label, failure.to))
                yield failure.to, label


def _exits(definition: Definition, index: int) -> Iterator[str]:
    """The same in words, without what goes without saying."""
    earlier = [phase.name for phase in definition.phases[: index + 1]]
    for target, label in _targets(definition, index):
        if label in ("", "passed over") and not definition.phases[index].next:
            continue
        loop = " (loop)" if target in earlier else ""
        yield f"{target}{loop}{'  ' + label if label else ''}"


def _mermaid_phase(place: str, phase: Phase) -> Iterator[str]:
    title = f"{phase.name}{_phase_notes(phase)}"
    yield f'    subgraph {place}["{_escaped(title)}"]'
    ids = {use.name: f"{place}j{index}" for index, use in enumerate(phase.jobs)}
    for use in phase.jobs:
        words = "<br/>".join([use.name, *_use_notes(use)])
        yield f'      {ids[use.name]}["{_escaped(words)}"]'
    for use in phase.jobs:
        for name in use.after:
            yield f"      {ids[name]} --> {ids[use.name]}"
    yield "    end"


def _escaped(words: str) -> str:
    """Mermaid ends a label at a quote, and reads `#` as the start of an entity."""
    kept = words.replace("#", "#35;").replace('"', "#quot;")
    return kept.replace("<br/>", "\0").replace("<", "#lt;").replace(">", "#gt;").replace("\0", "<br/>")
