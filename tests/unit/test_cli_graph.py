"""State machines as pictures."""

from __future__ import annotations

from dataclasses import replace

from phaseline.cli import graph
from phaseline_runtime.definition import (
    DEFAULT_RETRIES,
    Action,
    Definition,
    Fail,
    OnFailure,
    Phase,
    Retry,
    Transition,
    Use,
    Wait,
)

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


SAGA = Definition(
    "saga",
    (
        Phase(
            "booking",
            (
                Use("hotel", "book", compensate=Use("", "unbook"), retry=(Retry(max_attempts=5), *DEFAULT_RETRIES)),
                Use("car", "rent", ("hotel",), wait=Wait(600), compensate=Use("", "give_back"), retry=DEFAULT_RETRIES),
            ),
            deadline=7200,
            next=(Transition("sorry", '{"results.car":null}'), Transition("done")),
        ),
        Phase(
            "sorry",
            (),
            when='{"input.polite":true}',
            fail=Fail("NoCar", "all are gone"),
            wait=Wait(until='"$input.at"'),
        ),
        Phase("done", (Use("tell", "tell"),), succeed=True),
        Phase("never", (Use("last", "tell"),)),
    ),
    deadline=86_400,
)


def test_the_text_shows_time_and_what_is_undone_and_how_it_ends() -> None:
    assert graph.text(SAGA).splitlines() == [
        "saga  [deadline 1d]",
        "├── booking  [deadline 2h]",
        "│   ├── hotel (book)  [retry 5x; undone by unbook]",
        "│   ├── car (rent)  ← hotel  [wait 10m; undone by give_back]",
        '│   ├── → sorry  when {"results.car":null}',
        "│   └── → done",
        '├── sorry  [when {"input.polite":true}; wait until "$input.at"]',
        "│   └── → fail NoCar: all are gone",
        "├── done",
        "│   ├── tell",
        "│   └── → end  succeed",
        "└── never",
        "    └── last (tell)",
    ]


def test_failures_lead_from_where_they_can_happen() -> None:
    ways = tuple(
        OnFailure(Action.TO, to, errors)
        for to, errors in (
            ("few", ("Phaseline.WaitForNotMet",)),
            ("late", ("Phaseline.Timeout",)),
            ("lost", ("Storm",)),
        )
    )
    phase = Phase("p", (Use("a", "a", on_failure=ways),), wait_for_count=1, on_failure=ways)
    others = tuple(Phase(name, ()) for name in ("few", "late", "lost"))
    for asked, own in (
        (phase, ["few  p failed on Phaseline.WaitForNotMet"]),
        (replace(phase, wait_for_count=None), []),
        (replace(phase, wait_for_count=None, deadline=60.0), ["late  p failed on Phaseline.Timeout"]),
    ):
        found = [
            line.split("→ ")[1]
            for line in graph.text(Definition("m", (asked, *others))).splitlines()
            if "failed" in line
        ]
        assert found == ["late  a failed on Phaseline.Timeout", "lost  a failed on Storm", *own]


def test_a_retry_says_what_it_is_not_for() -> None:
    use = Use("a", "a", retry=(Retry(("Storm",)), Retry(never=("Calm", "Fog"), max_attempts=2)))
    assert "[retry 3x on Storm; retry 2x but never on Calm, Fog]" in graph.text(Definition("m", (Phase("p", (use,)),)))


def test_the_flowchart_shows_what_undoes_a_job_and_where_an_execution_fails() -> None:
    lines = [line.strip() for line in graph.mermaid({"saga": SAGA}).splitlines()]
    assert 'subgraph m0["saga  [deadline 1d]"]' in lines
    assert 'm0p0j0["hotel<br/>retry 5x"]' in lines
    assert 'm0p0j0u(["unbook"])' in lines
    assert 'm0p0j0 -.->|"undone by"| m0p0j0u' in lines
    assert 'm0p1 -->|"fail NoCar: all are gone"| m0_failed' in lines
    assert 'm0p1 -->|"passed over"| m0p2' in lines
    assert "m0_failed((failed))" in lines
    assert 'm0p2 -->|"succeed"| m0_end' in lines
    assert not any(line.startswith(("m0p2 --> m0p3", "m0p1 --> m0p2")) for line in lines)
    assert "m0_failed" not in graph.mermaid({"fishing": FISHING})
