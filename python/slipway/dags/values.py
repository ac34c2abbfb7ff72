"""What expressions of a DAG file come to, as far as the file alone tells."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slipway.dags.graph import Group, Node, Task

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

#: Names and what they stand for.
Scope = MutableMapping[str, Any]


class Unknown:
    """A value that only a run would tell."""


UNKNOWN = Unknown()


@dataclass(eq=False)
class Function:
    """A function of the file; ``role`` is what its decorator makes of it: a function, task, group or dag."""

    node: ast.FunctionDef | ast.AsyncFunctionDef
    scope: Scope
    role: str
    #: The decorator, or what the task is called after it.
    kind: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Partial:
    """An operator with some of its arguments, before it is mapped."""

    kind: str
    options: dict[str, Any]


@dataclass(eq=False)
class Made:
    """What a call of a library makes: its name and arguments."""

    name: str
    args: list[Any]
    options: dict[str, Any]


@dataclass(eq=False)
class Label:
    """A word on an arrow: what comes before it comes before what is behind it."""

    before: list[Node] = field(default_factory=list)


def nodes_in(value: Any) -> Iterator[Node]:
    """Tasks and groups that a value holds."""
    if isinstance(value, (Task, Group)):
        yield value
    elif isinstance(value, Label):
        yield from value.before
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from nodes_in(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from nodes_in(one)
    elif isinstance(value, Made):
        yield from nodes_in(value.args)
        yield from nodes_in(value.options)


def seconds_of(value: Any) -> float | None:
    """Seconds of a ``timedelta`` or a number; None for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, Made) or value.name != "timedelta":
        return None
    names = ("days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks")
    given = {**dict(zip(names, value.args)), **value.options}
    units = dict(zip(names, (86400.0, 1.0, 1e-6, 1e-3, 60.0, 3600.0, 604800.0)))
    if not all(name in units and isinstance(number, (int, float)) for name, number in given.items()):
        return None
    return sum(units[name] * number for name, number in given.items())


def zone_of(value: Any) -> str | None:
    """The time zone of a ``datetime`` with one that is named."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Made):
        return None
    if value.name in ("timezone", "ZoneInfo") and value.args:
        return zone_of(value.args[0])
    given = value.options.get("tz", value.options.get("tzinfo"))
    return None if given is None else zone_of(given)
