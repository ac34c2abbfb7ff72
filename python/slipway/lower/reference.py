"""The library's own answers to rows of input values, as exact as an endpoint is asked for them."""

from __future__ import annotations

import math
import warnings
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from slipway.lower.form.inputs import InputColumn
from slipway.lower.form.types import Array, Estimator, Row
from slipway.lower.lowered import Lowered
from slipway.refusal import Refused

#: What libraries raise for rows that they do not take.
REFUSALS = (ValueError, TypeError, KeyError, IndexError, AttributeError)

#: Raw scores, predictions and probabilities (None where the model has none), rows × outputs.
Answers: TypeAlias = "tuple[Array, Array, Array | None]"


class Reference:
    """scikit-learn's own answers for rows of input values.

    What goes through a dense matrix product is asked one row at a time: BLAS rounds a row differently in blocks of different
    height, and one row is what an endpoint is asked for. The steps before it treat each row apart, and get all rows at once.
    """

    def __init__(self, steps: list[Estimator], model: Estimator, inputs: list[InputColumn], lowered: Lowered, frame: bool) -> None:
        self.steps = steps
        self.model = model
        self.inputs = inputs
        self.frame = frame
        self.lowered = lowered
        self.classes = None if lowered.spec["decide"] is None else list(model.classes_.tolist())

    def table(self, rows: list[Row]) -> Any:
        """The DataFrame (or array) that the model would be fed with for these rows."""
        if not self.frame:
            values = [[math.nan if v is None else v for v in row] for row in rows]
            return np.array(values, dtype="float32" if self.inputs[0].float32 else "float64")
        data = {}
        for i, column in enumerate(self.inputs):
            values = [row[i] for row in rows]
            data[column.name] = series(column, values)
        return pd.DataFrame(data)

    def answers(self, rows: list[Row]) -> Answers:
        """(raw, predictions, probabilities or None) for rows; raises what scikit-learn raises."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            apart = self.lowered.row_by_row
            whole, alone = (self.steps, []) if apart is None else (self.steps[:apart], self.steps[apart:])
            matrix = through(whole, self.table(rows))
            if matrix.shape[0] != len(rows):
                hint = "a vectorizer of texts takes one column of a table by a ColumnTransformer"
                raise Refused(f"it makes {matrix.shape[0]} rows of {len(rows)}: {hint}")
            if apart is None:
                return self.ask(matrix)
            return stack_answers([self.ask(through(alone, one_row(matrix, i))) for i in range(len(rows))])

    def ask(self, matrix: Any) -> Answers:
        """The final estimator's answers for a matrix."""
        model = self.model
        predictions = model.predict(matrix)
        likely = self.classes is not None and self.lowered.spec["link"] != "none"
        shares = model.predict_proba(matrix) if likely else None
        rows = matrix.shape[0]
        raw = np.asarray(self.raw(matrix, predictions, shares), dtype="float64").reshape(rows, -1)
        return raw, np.asarray(predictions).reshape(rows, -1), shares

    def raw(self, matrix: Any, predictions: Array, shares: Array | None) -> Any:
        """The scores that the gateway's are compared with, as near to the arithmetic as the library gives them."""
        model = self.model
        if self.lowered.reference is not None:
            return self.lowered.reference(model, matrix)
        if hasattr(model, "margin"):
            return model.margin(matrix)
        if hasattr(model, "decision_function"):
            return model.decision_function(matrix)
        if self.classes is not None:
            return shares
        return model._raw_predict(matrix) if type(model).__name__.startswith("Hist") else predictions


def through(steps: list[Estimator], matrix: Any) -> Any:
    """The rows after these transformers of the pipeline."""
    for step in steps:
        matrix = step.transform(matrix)
    return matrix


def stack_answers(parts: list[Answers]) -> Answers:
    """Answers of single rows as one."""
    raw, predictions, shares = zip(*parts)
    return np.concatenate(raw), np.concatenate(predictions), None if shares[0] is None else np.concatenate(shares)


def one_row(matrix: Any, i: int) -> Any:
    """Row i alone and contiguous, as a request brings it: BLAS rounds a strided row differently."""
    if hasattr(matrix, "iloc"):
        return matrix.iloc[i : i + 1].copy()
    return matrix[i : i + 1] if hasattr(matrix, "toarray") else np.ascontiguousarray(matrix[i : i + 1])


def series(column: InputColumn, values: list[Any]) -> pd.Series:
    """One input column as pandas would hold it."""
    if column.kind == "string":
        return pd.Series(values, dtype=object)
    if column.kind == "boolean":
        return pd.Series(values, dtype=bool)
    numbers = [math.nan if v is None else v for v in values]
    if column.kind == "integer" and not any(math.isnan(v) for v in numbers):
        return pd.Series(numbers, dtype="int64")
    return pd.Series(numbers, dtype="float32" if column.float32 else "float64")


def sift(reference: Reference, rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """(rows that scikit-learn answers, rows that it refuses), by halving what it refuses in one call."""
    if not rows or not fails(reference, rows):
        return rows, []
    if len(rows) == 1:
        return [], rows
    middle = len(rows) // 2
    parts = [sift(reference, half) for half in (rows[:middle], rows[middle:])]
    return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]


def fails(reference: Reference, rows: list[Row]) -> bool:
    """Whether the library refuses these rows in one call."""
    try:
        reference.answers(rows)
    except REFUSALS:
        return True
    return False
