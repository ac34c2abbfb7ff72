"""Columns on their way through scikit-learn's transformers: one input, or one value of the graph, and a list of steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from slipway.lower.form.graph import Graph
from slipway.lower.form.part import Part
from slipway.lower.form.types import Column, Matrix, Step
from slipway.refusal import Refused, class_path

UNSEEN_TEXT = "\u0000unseen"


@dataclass
class Lowering:
    """What lowering has learnt so far: the inputs (kind None = not yet known) and the category tables.

    `row_by_row` says that something multiplied matrices, `sums_by_row` that something added along rows, so that what a row is
    answered may depend on the rows beside it.
    """

    inputs: list[Any]
    lower_part: Callable[[Lowering, Any, Matrix], Part]
    tables: list[dict[str, Any]] = field(default_factory=list)
    groups: int = 0
    graph: Graph = field(default_factory=Graph)
    row_by_row: bool = False
    sums_by_row: bool = False
    output: str = "predict"
    texts: list[Any] = field(default_factory=list)
    vocabulary: dict[int, list[str]] = field(default_factory=dict)

    def kind(self, column: Column) -> str | None:
        """text, number, or None while nothing has said which."""
        for step in reversed(column.steps):
            if step["op"] in ("encode", "is_missing"):
                return "number"
        if column.hot is not None or column.value is not None:
            return "number"
        kind = self.inputs[column.source].kind
        return None if kind is None else "text" if kind == "string" else "number"

    def expect(self, column: Column, kind: str, who: Any) -> None:
        """Requires a column to be text or number; decides an input whose kind is open."""
        found = self.kind(column)
        if found is None:
            self.inputs[column.source].kind = "string" if kind == "text" else "number"
        elif found != kind:
            name = "a computed column" if column.value is not None else f"input {self.inputs[column.source].name}"
            raise Refused(f"{class_path(who)} reads {name} as {kind}, but it is {found}")

    def add_table(self, table: dict[str, Any]) -> int:
        """Keeps a category table and returns its number."""
        self.tables.append(table)
        return len(self.tables) - 1


def number(value: Any) -> float | str:
    """A float as JSON can carry it: NaN and infinities as text."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def kind_of_missing(value: object) -> str:
    """What the format calls the missing text of Python that this is: none, or nan for any other."""
    return "none" if value is None else "nan"


def is_nan(value: object) -> bool:
    """Whether a value is a float NaN."""
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def flat(state: Lowering, column: Column) -> Column:
    """A one-hot column as a value of the graph, so that any step can follow."""
    return column if column.hot is None else Column(-1, value=state.graph.base_ref(column))


def then(column: Column, *steps: Step) -> Column:
    """The column with more steps; on a one-hot column they are worked out for its two values."""
    if column.hot is None:
        return replace(column, steps=column.steps + steps)
    off, on = column.off, column.on
    for step in steps:
        off, on = work_out(step, off), work_out(step, on)
    return replace(column, off=off, on=on)


def work_out(step: dict[str, Any], value: float) -> float:
    """The value of one arithmetic step, in the arithmetic of NumPy."""
    x = np.float64(value)
    op = step["op"]
    if op in ("finite", "present", "impute"):
        return float(x)
    if op == "apply":
        raise Refused("a function on a one-hot column")
    if op == "clip":
        return float(np.clip(x, step["low"], step["high"]))
    amount = np.float64(step["value"])
    return float({"subtract": x - amount, "divide": x / amount, "multiply": x * amount, "add": x + amount}[op])


def blocks(columns: list[Column]) -> list[dict[str, Any]]:
    """The final matrix as blocks from left to right: single columns and runs of one-hot columns."""
    out: list[dict[str, Any]] = []
    for column in columns:
        if column.hot is None:
            out.append({"input": column.source, "steps": list(column.steps)})
            continue
        group, index = column.hot
        last = out[-1] if out else {}
        if last.get("group") == group and last["first"] + len(last["on"]) == index:
            last["on"].append(number(column.on))
            last["off"].append(number(column.off))
        else:
            out.append(
                {"input": column.source, "steps": list(column.steps), "group": group, "first": index}
                | {"on": [number(column.on)], "off": [number(column.off)]}
            )
    for block in out:
        block.pop("group", None)
    return out


def refs(state: Lowering, columns: list[Column]) -> list[int]:
    """References of columns: a base column, a value, or a value with its steps as a node."""
    return [ref(state, column) for column in columns]


def ref(state: Lowering, column: Column) -> int:
    """The reference of one column."""
    graph = state.graph
    if column.value is None:
        return graph.base_ref(column)
    if not column.steps:
        return column.value
    return graph.add({"op": "steps", "steps": list(column.steps), "from": [column.value]}, 1)[0]


def values(found: list[int]) -> list[Column]:
    """References as columns, for the transformer or estimator that reads them next."""
    return [Column(-1, value=r) for r in found]
