"""A DAG as its file says it: tasks, groups of them, and what comes before what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Group:
    """Tasks that stand for one another in an order: what comes before the group comes before its first ones."""

    #: Ends with a dot, or is empty where ids of its tasks do not tell of it.
    prefix: str
    parent: Group | None
    default_args: dict[str, Any] = field(default_factory=dict)
    members: list[Node] = field(default_factory=list)


@dataclass(eq=False)
class Task:
    """A task, or the many that one is mapped to."""

    id: str
    line: int
    #: The operator, or the decorator of its function.
    kind: str
    source: str
    parent: Group
    retries: int | None = None
    timeout_s: float | None = None
    #: Tasks before it, as far as its own arguments say.
    given: list[Node] = field(default_factory=list)


Node = Task | Group


@dataclass(eq=False)
class Dag:
    """A DAG; ``top`` holds all that it has."""

    name: str
    line: int
    top: Group
    zone: str = "UTC"
    cron: str | None = None
    timeout_s: float | None = None
    params: list[dict[str, Any]] = field(default_factory=list)
    edges: list[tuple[Node, Node]] = field(default_factory=list)
    #: Line and words of what is not taken over.
    left: list[tuple[int, str]] = field(default_factory=list)


def tasks_of(node: Node) -> list[Task]:
    """All tasks of a group, as they were made."""
    if isinstance(node, Task):
        return [node]
    return [task for member in node.members for task in tasks_of(member)]


def needs_of(dag: Dag) -> dict[Task, list[Task]]:
    """Task → those before it. An order of groups is one of the last tasks of one and the first of the other."""
    needs: dict[Task, list[Task]] = {task: [] for task in tasks_of(dag.top)}
    # the first and last of a group are known when the order within it is
    for before, after in sorted(dag.edges, key=lambda edge: -_common(*edge)):
        firsts = _ends(after, needs, firsts=True)
        for last in _ends(before, needs, firsts=False):
            for first in firsts:
                if last in needs and first in needs and last is not first and last not in needs[first]:
                    needs[first].append(last)
    return needs


def _path(node: Node) -> list[Group]:
    found: list[Group] = []
    parent = node.parent
    while parent is not None:
        found.append(parent)
        parent = parent.parent
    return found[::-1]


def _common(one: Node, other: Node) -> int:
    depth = 0
    for mine, theirs in zip(_path(one), _path(other)):
        if mine is not theirs:
            break
        depth += 1
    return depth


def _ends(node: Node, needs: dict[Task, list[Task]], *, firsts: bool) -> list[Task]:
    own = tasks_of(node)
    inside = set(own)
    if firsts:
        return [task for task in own if not inside.intersection(needs.get(task, []))]
    needed = {before for task in own for before in needs.get(task, [])}
    return [task for task in own if task not in needed]
