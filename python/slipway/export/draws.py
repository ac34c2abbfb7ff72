"""Draws random rows to verify an export on."""

from __future__ import annotations

import math
import random
from typing import Any

from slipway.export.reference import Reference, Row
from slipway.refusal import Refused


class Draws:
    """Random rows: near the examples, far from them, at the model's own borders, with missing values."""

    def __init__(self, reference: Reference, examples: list[Row], seed: int) -> None:
        self._random = random.Random(seed)
        self._inputs = reference.inputs
        self._examples = [[row[i] for row in examples if row[i] is not None] for i in range(len(reference.inputs))]
        self._borders = borders_of(reference)
        self._missing: set[int] = set()
        self._near_only = False

    def stay_near(self, near: bool) -> None:
        """Draws only values like those of the examples, for models that refuse others."""
        self._near_only = near

    def allow_missing(self, places: list[int]) -> None:
        """Has values of these inputs missing now and then."""
        self._missing = set(places)

    def row(self, wide: bool = False) -> Row:
        """One row. Raises Refused for a text without an example."""
        wide = wide or (self._random.random() < 0.2 and not self._near_only)
        return [self._value(i, column["kind"], wide) for i, column in enumerate(self._inputs)]

    def _value(self, place: int, kind: str, wide: bool) -> Any:
        roll, known = self._random.random(), self._examples[place]
        if place in self._missing and roll < 0.03:
            return None
        if kind == "string":
            if not known:
                raise Refused(f"input {self._inputs[place]['name']} is a text, and there is no example of it")
            return self._random.choice(known)
        if kind == "boolean":
            return self._random.random() < 0.5
        if kind == "integer":
            low, high = (min(known), max(known)) if known else (0, 1)
            reach = (high - low) * 2 + 10 if wide else 0
            return self._random.randint(int(low) - reach, int(high) + reach)
        if place < len(self._borders) and self._borders[place] and roll < 0.5:
            return self._near(self._random.choice(self._borders[place]))
        return self._number(known, wide)

    def _number(self, known: list[float], wide: bool) -> float:
        if known and self._random.random() < 0.3:
            return float(self._random.choice(known))
        middle = sum(known) / len(known) if known else 0.0
        spread = (max(known) - min(known)) / 2 if len(known) > 1 else 0.0
        spread = spread or abs(middle) or 1.0
        return self._random.gauss(middle, spread * (10 if wide else 1))

    def _near(self, border: float) -> float:
        """A border of a tree, or the nearest float32 on either side."""
        import numpy as np

        one = np.float32(border)
        return float(self._random.choice([one, np.nextafter(one, np.float32(math.inf)), np.nextafter(one, np.float32(-math.inf))]))


def borders_of(reference: Reference) -> list[list[float]]:
    """By input, where the trees of a CatBoost model split; nothing for other models."""
    implementation = getattr(reference.model.pyfunc, "_model_impl", None)
    model = getattr(implementation, "cb_model", None)
    if model is None or any(column["kind"] != "number" for column in reference.inputs):
        return []
    found = model.get_borders() if hasattr(model, "get_borders") else {}
    return [[float(b) for b in found.get(i, ())] for i in range(len(reference.inputs))]
