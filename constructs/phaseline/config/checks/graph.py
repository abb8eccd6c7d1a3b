"""Graphs of names: orders, cycles, ancestors, what can be reached. Nothing here knows what the names stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Graph = Mapping[str, Iterable[str]]
"""For each name, the names that it points to."""


def topological(before: Graph) -> list[str]:
    """All names, each behind those that it points to; as they stand in the mapping where the graph leaves it free.

    Names of a cycle come last, as written; names that are no key are left out.
    """
    done: dict[str, None] = {}
    left = list(before)
    while left:
        ready = next((name for name in left if all(each in done or each not in before for each in before[name])), None)
        if ready is None:
            break
        done[ready] = None
        left.remove(ready)
    return [*done, *left]


def cycles(before: Graph) -> list[list[str]]:
    """One cycle of each knot, from its first-written name along `before` and back: `[a, b, a]`."""
    found: list[list[str]] = []
    reach = {name: reachable(before, before[name]) for name in before}
    knotted: set[str] = set()
    for name in before:
        if name in knotted or name not in reach[name]:
            continue
        knotted |= {each for each in reach[name] if each in reach and name in reach[each]}
        found.append([name, *_way(before, name, name)])
    return found


def _way(graph: Graph, start: str, goal: str) -> list[str]:
    """The shortest way from one name to another, without the start."""
    queue: list[list[str]] = [[start]]
    seen: set[str] = set()
    for way in queue:
        for following in graph.get(way[-1], ()):
            if following == goal:
                return [*way[1:], goal]
            if following not in seen:
                seen.add(following)
                queue.append([*way, following])
    raise LookupError(f"no way from {start} to {goal}")


def reachable(graph: Graph, starts: Iterable[str]) -> set[str]:
    """The starts, and everything that they lead to."""
    found: set[str] = set()
    open_ends = list(starts)
    while open_ends:
        name = open_ends.pop()
        if name not in found:
            found.add(name)
            open_ends.extend(graph.get(name, ()))
    return found
