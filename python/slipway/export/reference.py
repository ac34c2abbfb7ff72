"""The Python model whose export is verified, asked by the code that a scorer runs."""

from __future__ import annotations

import json
import struct
from typing import Any, TypeAlias

from slipway.scorer.inputs import COUNTS, ColumnSpec, Inputs, encode_example
from slipway.scorer.model import Model
from slipway.scorer.results import JSON_WIDTH, encode_result, split_names

#: Values of one row in the order of the inputs; None is missing.
Row: TypeAlias = "list[Any]"


class Reference:
    """A model and what callers send it: answers rows of values in the order of the inputs, as a scorer would."""

    def __init__(self, inputs: list[ColumnSpec], tensor: str | None, model: Model) -> None:
        self.inputs = inputs
        self.model = model
        #: A row that the model answered.
        self.answered_row: Row = []
        self._inputs = Inputs(inputs, tensor)

    def data(self, rows: list[Row]) -> Any:
        """The rows as the model is fed them: a DataFrame, or an array."""
        names = [column["name"] for column in self.inputs]
        return self._inputs.build(encode_example(self.inputs, [dict(zip(names, row)) for row in rows]))[0]

    def answers(self, rows: list[Row]) -> list[Any]:
        """One answer a row as a caller gets it: a number, a text, a list of them. Raises what the model raises."""
        return decode(split_names(self._result(rows))[1])

    def columns(self, row: Row) -> list[str] | None:
        """Names of the columns of the answer where it is a DataFrame."""
        return split_names(self._result([row]))[0]

    def _result(self, rows: list[Row]) -> bytes:
        return encode_result(self.model.call(self.data(rows), None), len(rows))


def decode(payload: bytes) -> list[Any]:
    """The rows of a RESULT without names of columns."""
    count, width = COUNTS.unpack_from(payload)
    if width == JSON_WIDTH:
        values: list[Any] = json.loads(payload[COUNTS.size :])
        return values
    numbers = struct.unpack_from(f"<{count * max(1, width)}d", payload, COUNTS.size)
    if width == 0:
        return list(numbers)
    return [list(numbers[i * width : (i + 1) * width]) for i in range(count)]
