"""Brings what a check of a plain value has found back to its place in the file."""

from __future__ import annotations

from collections.abc import Iterable

from phaseline.config.expressions.problems import Path, Problem
from phaseline.config.faults import Faults, shown
from phaseline.config.reading.positions import Node


def node_at(node: Node, path: Path) -> Node:
    """The node at a path below this one; the last that exists where the path goes further."""
    for step in path:
        inner = node.mapping.get(step) if isinstance(step, str) else dict(enumerate(node.items)).get(step)
        if inner is None:
            break
        node = inner
    return node


def add_problems(node: Node, problems: Iterable[Problem], faults: Faults) -> None:
    """Record problems of the value of a node: at the key where one is about a key, else at the value.

    What is said of a text that still waits for its `${NAME}` is left out: nobody knows yet what it will be.
    """
    for problem in problems:
        target = node_at(node, problem.path)
        if target.open:
            continue
        name = problem.path[-1] if problem.path else None
        about_key = isinstance(name, str) and f"(got {shown(name)}" in problem.message
        faults.add(target, problem.message, at_key=about_key)
