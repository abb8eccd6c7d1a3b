"""State machines as pictures."""

from __future__ import annotations

from phaseline.cli import graph
from phaseline_runtime.definition import Action, Definition, OnFailure, Phase, Transition, Use

FISHING = Definition(
    "fishing",
    (
        Phase("packing", (Use("pack", "pack"),), when='{"input.lazy":false}'),
        Phase(
            "casting",
            (
                Use("cast", "cast"),
                Use("beer", "drink", when='{"input.age":{"$gte":18}}'),
                Use("tidy", "tidy", after=("cast", "beer"), run_if="all_done"),
                Use("call", "call", on_failure=(OnFailure(Action.TO, "home"),)),
            ),
            next=(Transition("casting", when='{"visits.casting":{"$lt":3}}'),),
            wait_for_jobs=("cast",),
        ),
        Phase("home", (Use("eat", "eat"),)),
    ),
)


def test_the_text_shows_phases_jobs_conditions_and_loops() -> None:
    assert graph.text(FISHING).splitlines() == [
        "fishing",
        '├── packing  [when {"input.lazy":false}]',
        "│   └── pack",
        "├── casting  [wait_for cast]",
        "│   ├── cast",
        '│   ├── beer (drink)  [when {"input.age":{"$gte":18}}]',
        "│   ├── tidy  ← cast, beer  [run_if all_done]",
        "│   ├── call",
        '│   ├── → casting (loop)  when {"visits.casting":{"$lt":3}}',
        "│   ├── → home  else",
        "│   └── → home  call failed",
        "└── home",
        "    └── eat",
    ]


def test_the_flowchart_has_an_arrow_for_each_order_and_each_way_out() -> None:
    lines = [line.strip() for line in graph.mermaid({"fishing": FISHING}).splitlines()]
    assert lines[0] == "flowchart TD"
    assert 'subgraph m0["fishing"]' in lines
    assert "m0p1j0 --> m0p1j2" in lines
    assert "m0p1j1 --> m0p1j2" in lines
    assert 'm0p0 -->|"passed over"| m0p1' in lines
    assert 'm0p1 -->|"call failed"| m0p2' in lines
    assert "m0p2 --> m0_end" in lines
    assert lines.count("end") == 4


def test_a_condition_cannot_end_a_label() -> None:
    text = graph.mermaid({"m": Definition("m", (Phase("p", (Use("a", "a", when='{"a":"<b>\\"#"}'),)),))})
    label = next(line for line in text.splitlines() if "m0p0j0[" in line)
    assert label.count('"') == 2
    assert "<b>" not in label


def test_a_transition_that_always_matches_hides_what_follows() -> None:
    definition = Definition("m", (Phase("p", (Use("a", "a"),), next=(Transition("end"),)), Phase("q", ())))
    assert "→ end" in graph.text(definition)
    assert "→ q" not in graph.text(definition)
