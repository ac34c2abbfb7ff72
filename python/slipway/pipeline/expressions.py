"""Conditions as Python writes them: comparisons of params, metrics and sizes, joined by ``&``, ``|`` and ``~``."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)


class Expression:
    """A text in the grammar of conditions. It has no truth here, for nothing has run."""

    def __init__(self, text: str, joins: str = "") -> None:
        self.text = text
        #: What joins its parts, ``and`` or ``or``; empty where nothing does.
        self.joins = joins

    def __and__(self, other: Expression) -> Expression:
        return Expression(f"{self.within('or')} and {condition(other).within('or')}", "and")

    def __or__(self, other: Expression) -> Expression:
        return Expression(f"{self.text} or {condition(other).text}", "or")

    def __invert__(self) -> Expression:
        return Expression(f"not {self.within('and', 'or')}")

    def __bool__(self) -> bool:
        raise TypeError(
            f"the condition {self.text} is decided when the pipeline runs; hand it over with when=, join conditions with &, | and ~"
            " instead of and, or and not, and write (0 < x) & (x < 1) for 0 < x < 1"
        )

    def within(self, *joins: str) -> str:
        """Its text, in parentheses where one of these joins it."""
        return f"({self.text})" if self.joins in joins else self.text


class Operand(Expression):
    """What can be compared: a param of the pipeline, a metric of a step, the size of an output."""

    __hash__ = Expression.__hash__

    def compared(self, operator: str, other: object) -> Expression:
        """The comparison with a literal or another operand."""
        return Expression(f"{self.text} {operator} {literal(other)}")

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return self.compared("==", other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return self.compared("!=", other)

    def __lt__(self, other: object) -> Expression:
        return self.compared("<", other)

    def __le__(self, other: object) -> Expression:
        return self.compared("<=", other)

    def __gt__(self, other: object) -> Expression:
        return self.compared(">", other)

    def __ge__(self, other: object) -> Expression:
        return self.compared(">=", other)

    def is_in(self, values: Iterable[object]) -> Expression:
        """Whether it is one of these."""
        return Expression(f"{self.text} in [{', '.join(literal(one) for one in values)}]")


def condition(value: object) -> Expression:
    """The expression that a value is. Raises TypeError for another."""
    if isinstance(value, Expression):
        return value
    raise TypeError(f"{value!r} is no condition; expected a comparison, and parentheses around each: (a == 1) & (b > 2)")


def literal(value: object) -> str:
    """How a condition writes a value. Raises for one that it cannot say."""
    if isinstance(value, Operand):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float) and value - value == 0:
        return float.__repr__(value)
    if isinstance(value, str):
        return quoted(value)
    raise TypeError(f"{value!r} cannot be compared; expected a text, a finite number, True, False, a param, a metric or a size")


def quoted(text: str) -> str:
    """A text in quotes, of which the grammar has no escapes."""
    sign = '"' if "'" in text else "'"
    if sign in text or "\n" in text:
        raise ValueError(f"a condition cannot hold the text {text!r}: it has both kinds of quotes, or a line break")
    return f"{sign}{text}{sign}"


def part(name: str) -> str:
    """``.name``, or ``['name']`` for one with other signs."""
    return f".{name}" if WORD.fullmatch(name) else f"[{quoted(name)}]"


class Output:
    """An output of a step of the pipeline that is being written: passed on it becomes an input."""

    def __init__(self, step: str, name: str, *, is_joined: bool = False, is_optional: bool = False) -> None:
        self.step = step
        self.name = name
        #: Its step runs for each item, and this is the folder of what all of them made.
        self.is_joined = is_joined
        self.is_optional = is_optional

    @property
    def reference(self) -> str:
        """As slipway.yaml names it."""
        return f"{self.step}.{self.name}{'[*]' if self.is_joined else ''}{'?' if self.is_optional else ''}"

    @property
    def size(self) -> Operand:
        """Its bytes, for conditions."""
        return Operand(f"steps{part(self.step)}.outputs{part(self.name)}.size")

    @property
    def files(self) -> Operand:
        """How many files it has, for conditions."""
        return Operand(f"steps{part(self.step)}.outputs{part(self.name)}.files")

    def optional(self) -> Output:
        """The same, where the step may be skipped: then the argument is left out."""
        return Output(self.step, self.name, is_joined=self.is_joined, is_optional=True)


class Source(Output):
    """A source of the pipeline."""

    def each_file(self) -> Output:
        """In a step with ``for_each={"files": …}``: the file that its item is."""
        return Output(self.step, f"{self.name}[item]")


def source(name: str) -> Source:
    """A source that the pipeline declares with ``sources={NAME: …}``: data from outside, passed on as an output of a step is."""
    return Source("sources", name)


class Item:
    """The item that a step with ``for_each`` runs for, as a param of it; ``item.month`` or ``item["month"]`` is a part of a map."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def _taken(self) -> str:
        return f"{{{self._name}}}"

    def __getitem__(self, key: str) -> Item:
        return Item(f"{self._name}.{key}")

    def __getattr__(self, key: str) -> Item:
        if key.startswith("_"):
            raise AttributeError(key)
        return self[key]


item = Item("item")

#: The partition that a run is of, as a param of a step; ``partition.start`` and ``partition.end`` are its times.
partition = Item("partition")


class Metrics:
    """The metrics of a step, for conditions: ``made.metrics["auc"]`` or ``made.metrics.auc``."""

    def __init__(self, step: str) -> None:
        self._step = step

    def __getitem__(self, name: str) -> Operand:
        return Operand(f"steps{part(self._step)}.metrics{part(name)}")

    def __getattr__(self, name: str) -> Operand:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]


class Made:
    """What a call of a step is in a pipeline: ``made.OUTPUT`` is an output, ``made.metrics`` are its metrics."""

    def __init__(self, name: str, outputs: list[str], *, has_items: bool = False) -> None:
        self._name = name
        self._outputs = outputs
        self._has_items = has_items
        self.metrics = Metrics(name)

    def __getitem__(self, name: str) -> Output:
        return Output(self._name, name, is_joined=self._has_items)

    def __getattr__(self, name: str) -> Output:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]


def name_of(made: Made) -> str:
    """The name of the step."""
    return made._name


def only_output(made: Made) -> Output:
    """The output of a step that has one. Raises TypeError for others."""
    if len(made._outputs) == 1:
        return made[made._outputs[0]]
    has = ", ".join(made._outputs) or "none"
    raise TypeError(f'step "{made._name}" has {len(made._outputs)} outputs ({has}); pass one of them, such as {made._name}.NAME')
