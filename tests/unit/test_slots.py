"""Slots: what excludes each other shares an id, and nothing else does."""

from pathlib import Path

from phaseline_runtime import slots


def test_every_slot_of_an_execution_has_an_id_of_its_own() -> None:
    ids = [slots.execution_started("e"), slots.execution_end("e", 0), slots.execution_end("e", 1)]
    for number in (1, 2):
        ids += [slots.round_start("e", number), slots.round_end("e", number)]
        for name in ("a", "b", "start", "end"):
            for attempt in (1, 2):
                ids += [
                    slots.entry("e", number, name, attempt),
                    slots.attempt_start("e", number, name, attempt),
                    slots.attempt_end("e", number, name, attempt),
                ]
    assert len(ids) == len(set(ids))


def test_the_constructs_folder_never_shadows_the_package_of_that_name() -> None:
    root = Path(__file__).parents[2]
    assert not (root / "constructs" / "__init__.py").exists()
    assert not (root / "tests" / "constructs" / "__init__.py").exists()
