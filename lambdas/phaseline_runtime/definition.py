"""A state machine as compiled from the config: what the engine runs and `definitions` keeps, frozen.

Expressions stay JSON text here: the engine never looks into one, it only asks the store to evaluate it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

END = "end"
"""The target of a transition that ends the execution; no phase can have this name."""


class Action(StrEnum):
    """What a failure means for its round."""

    FAIL = "fail"
    """The round is failing and the execution ends as failed."""
    CONTINUE = "continue"
    """The round goes on; followers judge the failure by their own rule."""
    TO = "to"
    """The round is failing and another phase follows."""


@dataclass(frozen=True, slots=True)
class OnFailure:
    """An action, with its phase where the action is `to`."""

    action: Action = Action.FAIL
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """A job as used in a phase, under a name that occurs once in the machine."""

    name: str
    job: str
    after: tuple[str, ...] = ()
    run_if: str = "all_success"
    when: str | None = None
    input: str | None = None
    on_failure: OnFailure = OnFailure()


@dataclass(frozen=True, slots=True)
class Transition:
    """One entry of a phase's `next`: a target and the query that selects it, or none for always."""

    to: str
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A graph of jobs, and what follows it.

    `jobs` stand in topological order. `wait_for_jobs` closes the round once those have ended, `wait_for_count` once
    that many have succeeded; without either, a round ends when all its jobs have.
    """

    name: str
    jobs: tuple[Use, ...]
    when: str | None = None
    next: tuple[Transition, ...] = ()
    wait_for_jobs: tuple[str, ...] = ()
    wait_for_count: int | None = None
    on_failure: OnFailure = OnFailure()


@dataclass(frozen=True, slots=True)
class Definition:
    """A state machine: its phases in the order written. `input_schema` is JSON text of a JSON Schema."""

    state_machine: str
    phases: tuple[Phase, ...]
    input_schema: str | None = None

    def phase(self, name: str) -> Phase:
        """The phase of that name. Raises KeyError where there is none."""
        for phase in self.phases:
            if phase.name == name:
                return phase
        raise KeyError(name)

    @property
    def max_output(self) -> int:
        """The largest output of one job in bytes: 1 MB, and 12 MB shared by all names (DESIGN: 16 MB a document)."""
        names = sum(len(phase.jobs) for phase in self.phases)
        return min(1_000_000, 12_000_000 // max(names, 1))

    def to_document(self) -> dict[str, Any]:
        """The document in `definitions`; its `_id` is the hash of everything else in it."""
        body: dict[str, Any] = {
            "stateMachine": self.state_machine,
            "phases": [_phase_document(phase) for phase in self.phases],
        }
        if self.input_schema is not None:
            body["inputSchema"] = self.input_schema
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return {"_id": hashlib.sha256(text.encode()).hexdigest(), **body}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Definition:
        """Read back what `to_document` wrote."""
        return cls(
            document["stateMachine"],
            tuple(_phase(phase) for phase in document["phases"]),
            document.get("inputSchema"),
        )


def _on_failure_document(value: OnFailure) -> dict[str, Any]:
    return _without_none({"action": str(value.action), "to": value.to})


def _on_failure(document: Mapping[str, Any]) -> OnFailure:
    return OnFailure(Action(document["action"]), document.get("to"))


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}


def _phase_document(phase: Phase) -> dict[str, Any]:
    return _without_none(
        {
            "name": phase.name,
            "when": phase.when,
            "jobs": [
                _without_none(
                    {
                        "name": use.name,
                        "job": use.job,
                        "after": list(use.after),
                        "runIf": use.run_if,
                        "when": use.when,
                        "input": use.input,
                        "onFailure": _on_failure_document(use.on_failure),
                    }
                )
                for use in phase.jobs
            ],
            "next": [_without_none({"to": item.to, "when": item.when}) for item in phase.next],
            "waitForJobs": list(phase.wait_for_jobs),
            "waitForCount": phase.wait_for_count,
            "onFailure": _on_failure_document(phase.on_failure),
        }
    )


def _phase(document: Mapping[str, Any]) -> Phase:
    return Phase(
        name=document["name"],
        when=document.get("when"),
        jobs=tuple(
            Use(
                name=use["name"],
                job=use["job"],
                after=tuple(use["after"]),
                run_if=use["runIf"],
                when=use.get("when"),
                input=use.get("input"),
                on_failure=_on_failure(use["onFailure"]),
            )
            for use in document["jobs"]
        ),
        next=tuple(Transition(item["to"], item.get("when")) for item in document["next"]),
        wait_for_jobs=tuple(document["waitForJobs"]),
        wait_for_count=document.get("waitForCount"),
        on_failure=_on_failure(document["onFailure"]),
    )
