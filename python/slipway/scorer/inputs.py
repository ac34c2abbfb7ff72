"""What a model is fed, out of the payload of a PREDICT frame.

Rows: number of rows (u32), length of a JSON text (u32), the JSON text, then columns of float64 one after another. The JSON text holds
`texts` (one list a column of texts), `nan` and `beside` (by place, rows whose missing text is NaN, and NaN from pandas 3 on; any other is
None), `whole` (by place, columns of whole numbers that float64 cannot hold) and `params`.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

COUNTS = struct.Struct("<II")
#: A column of the signature: `name`, `kind` (number, integer, boolean or string) and `dtype` (the type of MLflow, or of a tensor).
ColumnSpec: TypeAlias = "dict[str, Any]"
#: The values of one column: numbers as an array, texts as a list.
ColumnValues: TypeAlias = "np.ndarray | list[str | None]"


class InputRefused(Exception):
    """The rows or params of a call do not fit the model, which has not seen them."""


class Inputs:
    """Builds what the model is fed: a DataFrame by the signature's types, or an array for a tensor signature."""

    def __init__(self, columns: list[ColumnSpec], tensor: str | None, dims: list[int] | None = None, listed: bool = False) -> None:
        self.columns = columns
        self._listed = listed  # the model takes a list of the values of its only input
        self._tensor = tensor
        self._dims = [len(columns)] if dims is None else dims
        self._texts = {i for i, column in enumerate(columns) if column["kind"] == "string"}

    def build(self, payload: bytes) -> tuple[Any, dict[str, Any] | None]:
        """(data, params) of one PREDICT payload. Raises ValueError for one that does not hold the rows that it counts."""
        import numpy as np

        count, size = COUNTS.unpack_from(payload)
        start = COUNTS.size
        extra = json.loads(payload[start : start + size]) if size else {}
        numbers = np.frombuffer(payload, dtype="<f8", offset=start + size)
        texts = iter(extra.get("texts", ()))
        integers = extra.get("whole", {})
        if len(numbers) != count * (len(self.columns) - len(self._texts)):
            raise ValueError(f"{len(numbers)} numbers for {count} rows of {len(self.columns) - len(self._texts)} columns")
        marks = {} if self._listed else marked_missing(extra)
        values: list[ColumnValues] = []
        at = 0
        for i in range(len(self.columns)):
            if i in self._texts:
                column = next(texts)
                values.append(with_nan(column, marks.get(i, [])) if self.columns[i]["dtype"] == "string" else column)
            else:
                values.append(exact(integers.get(str(i)), numbers[at : at + count]))
                at += count
        params = extra.get("params")
        if self._tensor is not None:
            return self._array(values, count), params
        if self._listed:
            return list(values[0]) if self._texts else self._frame(values).iloc[:, 0].tolist(), params
        return self._frame(values), params

    def _array(self, columns: list[ColumnValues], count: int) -> np.ndarray:
        """The tensor [rows, …]. Only numbers with a fraction can be missing in one."""
        import numpy as np

        array = np.empty((count, len(columns)), dtype=object if self._texts else self._tensor)
        for i, values in enumerate(columns):
            if lacks_value(values, array.dtype.kind):
                raise InputRefused(f"{self.columns[i]['name']}: a value is missing, and a tensor of {self._tensor} has no way to say so")
            array[:, i] = values
        return array.astype(self._tensor, copy=False).reshape([count, *self._dims])

    def _frame(self, columns: list[ColumnValues]) -> pd.DataFrame:
        import pandas as pd

        data = {}
        for column, values in zip(self.columns, columns):
            try:
                data[column["name"]] = self._series(column["dtype"], values)
            except (ValueError, OverflowError) as error:
                raise InputRefused(f"{column['name']}: {error}") from error
        return pd.DataFrame(data, copy=False)

    def _series(self, dtype: str, values: Any) -> Any:
        """Missing values: NaN in numbers and whole numbers (which then are floats), None in booleans, NaT in times; texts as they come."""
        import numpy as np
        import pandas as pd

        if dtype == "string":
            whole = pandas_major() >= 3 and None not in values and any(isinstance(value, str) for value in values)
            return pd.Series(values, dtype="str" if whole else object)  # as pandas 3 infers it for texts without None
        if dtype == "binary":
            return pd.Series([None if value is None else from_base64(value) for value in values], dtype=object)
        if dtype == "datetime":
            mixed = {"format": "mixed"} if pandas_major() >= 2 else {}
            return pd.to_datetime(pd.Series(values, dtype=object), utc=True, **mixed).dt.tz_localize(None)
        if dtype == "double":
            return values
        if dtype == "float":
            return values.astype("float32")
        if dtype == "boolean":
            if not np.isnan(values).any():
                return values.astype(bool)
            return np.array([None if value != value else bool(value) for value in values], dtype=object)
        if np.isnan(values).any():
            return values
        return values.astype("int32" if dtype == "integer" else "int64")


def marked_missing(extra: dict[str, Any]) -> dict[int, list[int]]:
    """By place of a column the rows whose missing text is NaN to this pandas; the others are None."""
    found: dict[int, list[int]] = {}
    for kind in ("nan", "beside"):
        for place, rows in extra.get(kind, {}).items():
            if kind == "nan" or pandas_major() >= 3:
                found.setdefault(int(place), []).extend(rows)
    return found


def pandas_major() -> int:
    """The major version of pandas."""
    import pandas as pd

    return int(pd.__version__.split(".")[0])


def with_nan(values: list[Any], rows: list[int]) -> list[Any]:
    """A column of texts with NaN in these rows."""
    for row in rows:
        values[row] = math.nan
    return values


def lacks_value(values: ColumnValues, kind: str) -> bool:
    """Whether a value of a column is missing where an array of this NumPy kind cannot say so."""
    import numpy as np

    if isinstance(values, list):
        return None in values
    return kind in "iub" and values.dtype.kind == "f" and bool(np.isnan(values).any())


def encode_example(columns: list[ColumnSpec], rows: list[dict[str, Any]]) -> bytes:
    """Rows by column name as a PREDICT payload; what is absent is an empty text or zero."""
    texts = [[row.get(c["name"], "") for row in rows] for c in columns if c["kind"] == "string"]
    extra = json.dumps({"texts": texts}).encode("utf-8")
    numbers = b""
    for column in columns:
        if column["kind"] != "string":
            values = [row.get(column["name"], 0) for row in rows]
            values = [float("nan") if value is None else float(value) for value in values]
            numbers += struct.pack(f"<{len(values)}d", *values)
    return COUNTS.pack(len(rows), len(extra)) + extra + numbers


def exact(integers: list[int | None] | None, numbers: np.ndarray) -> np.ndarray:
    """A column of whole numbers that float64 cannot hold, unless one is missing: then the column is float64 anyway."""
    import numpy as np

    if integers is None or None in integers:
        return numbers
    return np.array(integers, dtype="int64")


def from_base64(text: str) -> bytes:
    """The bytes that JSON carries in base64, as MLflow's scoring has them. Raises ValueError."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"got {text[:80]!r}, expected base64 ({error})") from error
