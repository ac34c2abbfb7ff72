"""Draws the rows that a lowered model is verified on, planted where mistakes would show."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from slipway.lower.form.columns import UNSEEN_TEXT, kind_of_missing
from slipway.lower.form.inputs import InputColumn
from slipway.lower.form.trees import CATEGORICAL
from slipway.lower.form.types import Arrays, Column, Row, Step, Table
from slipway.lower.lowered import Lowered
from slipway.lower.reference import Reference, fails

POINTS_PER_INPUT = 4000
BASES_TRIED = 8
ODD_WORDS = ("unheard", "É", "naïve", "x", "İstanbul", "ΟΔΟΣ", "a_b", "²", "٣٤", "e\u0301t\u00e9", "\ud55c\uae00", "don't", "𝔘", "ﬁn")
GAPS = (" ", "  ", "\t\n", ", ", "-", "\u00a0", ". ", "")


def invert(steps: Sequence[Step], value: float) -> float | None:
    """The input that the steps turn into about this value; None when a step has no inverse, or at a split on missing values alone."""
    for step in reversed(steps):
        op, amount = step["op"], step.get("value", 0.0)
        if op in ("encode", "is_missing", "fill_text", "above", "bin", "quantile", "interpolate", "apply"):
            return None
        if op == "subtract":
            value += amount
        elif op == "add":
            value -= amount
        elif op == "divide":
            value *= amount
        elif op == "multiply":
            if not amount:
                return None
            value = value / amount
    return value if math.isfinite(value) else None


class Probes:
    """Draws input rows: thresholds and both neighbours, missing values, known and unseen categories, wide ranges."""

    def __init__(self, inputs: list[InputColumn], tables: list[Table], lowered: Lowered, seed: int) -> None:
        self.random = random.Random(seed)
        self.inputs = inputs
        self.points: list[set[float]] = [set() for _ in inputs]
        self.keys: list[list[Any]] = [[] for _ in inputs]
        self.vocabulary = lowered.vocabulary
        #: The missing values that are drawn of each input.
        self.missing: list[list[Any]] = [missing_values(column) for column in inputs]
        self.allow_unseen = [True] * len(inputs)
        self.find_keys(tables, lowered.columns)
        for columns, arrays in lowered.plants:
            self.find_points(columns, arrays)
        self.find_edges(lowered.columns)
        self.sorted = [sorted(p) for p in self.points]

    def find_keys(self, tables: list[Table], columns: list[Column]) -> None:
        """The categories that any column of an input knows."""
        for column in columns:
            for step in column.steps:
                if step["op"] == "encode" and not self.keys[column.source]:
                    self.keys[column.source] = list(tables[step["table"]]["keys"])

    def find_points(self, columns: list[Column], arrays: Arrays) -> None:
        """The values of each input at which a tree changes its mind, or about which a linear model is centred."""
        targets: list[list[float]] = [[] for _ in columns]
        if "threshold" in arrays:
            split = (arrays["feature"] >= 0) & (arrays["flags"] & CATEGORICAL == 0)
            for feature, threshold in zip(arrays["feature"][split].tolist(), arrays["threshold"][split].tolist()):
                targets[feature].append(threshold)
            coded = (arrays["feature"] >= 0) & (arrays["flags"] & CATEGORICAL != 0)
            for feature in set(arrays["feature"][coded].tolist()):
                targets[feature].extend(range(-2, category_limit(arrays) + 2))
        for column, values in zip(columns, targets):
            wanted = values or [self.random.gauss(0, 1.5) for _ in range(50)]
            if len(wanted) > POINTS_PER_INPUT:
                wanted = self.random.sample(wanted, POINTS_PER_INPUT)
            for value in wanted if column.hot is None and column.value is None else []:
                found = invert(column.steps, value)
                if found is not None:
                    self.points[column.source].add(found)

    def find_edges(self, columns: list[Column]) -> None:
        """The values of each input at which a step changes its course."""
        for column in columns:
            for k, step in enumerate(column.steps):
                edges: list[Any] = [step["value"]] if step["op"] == "above" else step.get("edges") or step.get("x") or []
                found = [invert(column.steps[:k], float(edge)) for edge in edges]
                self.points[column.source].update(f for f in found if f is not None)

    def row(self) -> Row:
        """One random row that scikit-learn is expected to take."""
        return [self.value(i) for i in range(len(self.inputs))]

    def value(self, i: int) -> Any:
        """One random value of an input."""
        column, roll = self.inputs[i], self.random.random()
        if roll < 0.1 and self.missing[i]:
            return self.missing[i][0] if len(self.missing[i]) == 1 else self.random.choice(self.missing[i])
        if column.kind == "boolean":
            return roll < 0.55
        if i in self.vocabulary:
            return self.text(self.vocabulary[i])
        if column.kind == "string":
            return self.unseen(i) if roll > 0.95 and self.allow_unseen[i] else self.random.choice(self.keys[i] or ["a", "b"])
        if self.keys[i]:
            value = self.unseen(i) if roll > 0.95 and self.allow_unseen[i] else self.random.choice(self.keys[i])
        else:
            value = self.number(i)
        if column.kind == "integer":
            return int(max(-(2**53), min(2**53, math.floor(value))))
        return float(np.float32(value)) if column.float32 else float(value)

    def text(self, terms: list[str]) -> str:
        """A text of known terms and odd words, with gaps of all kinds; now and then empty, long, or one term many times."""
        random, out = self.random, []
        for _ in range(random.choice([0, 1, 2, 5, 9, 20])):
            word = random.choice(terms) if random.random() < 0.8 else random.choice(ODD_WORDS)
            word = random.choice([word, word, word.upper(), word.title()])
            out += [word, random.choice(GAPS)] * random.choice([1, 1, 1, 3])
        return "".join(out)

    def unseen(self, i: int) -> Any:
        """A category that no column of the input knows."""
        return UNSEEN_TEXT if self.inputs[i].kind == "string" else max(map(float, self.keys[i]), default=0.0) + 1.5

    def number(self, i: int) -> float:
        """A number on a point, beside it in float64 or float32, inside the range of the points, or far away."""
        points, roll = self.sorted[i], self.random.random()
        if not points or roll < 0.02:
            return self.random.choice([0.0, -0.0, 1.0, 5e-324, 1e30, -1e30, self.random.gauss(0, 1)])
        if roll < 0.7:
            return neighbour(points[int(self.random.random() * len(points))], int(self.random.random() * 6))
        low, high = points[0], points[-1]
        return self.random.uniform(low - 0.1 * (high - low), high + 0.1 * (high - low))


def neighbour(point: float, which: int) -> float:
    """A point (0), the next numbers up and down (1, 2), the nearest float32 (3), and the next of those (4, 5)."""
    if which < 3:
        return (point, math.nextafter(point, math.inf), math.nextafter(point, -math.inf))[which]
    near = np.float32(point)
    return float(near if which == 3 else np.nextafter(near, np.float32(np.inf if which == 4 else -np.inf)))


def category_limit(arrays: Arrays) -> int:
    """The first number beyond the categories that any set holds."""
    sets = arrays["bitsets"]
    return 32 * max(8, len(sets) // max(1, int((arrays["flags"] & CATEGORICAL != 0).sum())))


def missing_values(column: InputColumn) -> list[Any]:
    """The missing values that a caller's may reach the model as."""
    if column.kind == "boolean":
        return []
    return [math.nan, None] if column.kind == "string" else [None]


def find_limits(probes: Probes, reference: Reference, inputs: list[InputColumn]) -> list[Row]:
    """Asks scikit-learn what it refuses; marks inputs as required and returns the refused rows."""
    probes.missing = [[] for _ in inputs]
    probes.allow_unseen = [False] * len(inputs)
    tried = [probes.row() for _ in range(BASES_TRIED)]
    base = next((row for row in tried if not fails(reference, [row])), tried[0])
    refused = []
    for i, column in enumerate(inputs):
        refused += missing_limits(probes, reference, base, i)
        if column.kind != "boolean" and (column.kind == "string" or probes.keys[i]):
            unseen = probes.unseen(i)
            unseen = [*base[:i], unseen if column.kind != "integer" else math.floor(unseen), *base[i + 1 :]]
            probes.allow_unseen[i] = not fails(reference, [unseen])
            if not probes.allow_unseen[i]:
                refused.append(unseen)
        if column.kind == "number":
            infinite = [*base[:i], math.inf, *base[i + 1 :]]
            if fails(reference, [infinite]):
                refused.append(infinite)
    return refused


def missing_limits(probes: Probes, reference: Reference, base: Row, i: int) -> list[Row]:
    """Marks which missing values an input takes; the rows with those that it does not."""
    column = probes.inputs[i]
    rows = {kind_of_missing(v): [*base[:i], v, *base[i + 1 :]] for v in (missing_values(column) or [None])}
    taken = [kind for kind, row in rows.items() if column.kind != "boolean" and not fails(reference, [row])]
    column.required = not taken
    probes.missing[i] = [rows[kind][i] for kind in taken]
    if column.kind == "string":
        column.missing = "both" if len(taken) != 1 else taken[0]
    return [row for kind, row in rows.items() if kind not in taken]
