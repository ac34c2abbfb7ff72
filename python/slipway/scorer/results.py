"""What a model answered, as the payload of a RESULT frame, and back.

A result: number of rows (u32), width (u32; 0 for one number a row), then float64 row by row; or JSON_WIDTH for its width and a
JSON list. A result of a DataFrame has NAMED for its width, then the length of a JSON text (u32) with the names of its columns, that
text, and the result.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

from slipway.scorer.inputs import COUNTS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

JSON_WIDTH = 0xFFFFFFFF
NAMED = 0xFFFFFFFE


def encode_result(output: Any, count: int) -> bytes:
    """The output of a model as a payload, with the names of its columns where it is a DataFrame, a Series or a dict of columns."""
    if isinstance(output, dict):
        output = frame_of(output, count)
    if not hasattr(output, "to_numpy"):
        return encode_values(output, count)
    width = output.shape[1] if output.ndim == 2 else 0
    if width > 1 and not all(kind.kind in "fiu" for kind in output.dtypes):
        return encode_json(output.to_dict(orient="records"), count)
    names = [str(name) for name in output.columns] if output.ndim == 2 else ["0" if output.name is None else str(output.name)]
    if width == 1:
        output = output.iloc[:, 0]
    text = json.dumps(names).encode("utf-8")
    values = output if output.ndim == 1 and output.dtype.kind not in "biuf" else output.to_numpy()
    return COUNTS.pack(count, NAMED) + struct.pack("<I", len(text)) + text + encode_values(values, count)


def split_names(payload: bytes) -> tuple[list[str] | None, bytes]:
    """The names of the columns of a result, where it has some, and the result without them."""
    if COUNTS.unpack_from(payload)[1] != NAMED:
        return None, payload
    start = COUNTS.size + 4
    end = start + struct.unpack_from("<I", payload, COUNTS.size)[0]
    return json.loads(payload[start:end]), payload[end:]


def frame_of(columns: dict[Any, Any], count: int) -> pd.DataFrame:
    """A dict of columns, as models of several outputs answer, as a DataFrame."""
    import pandas as pd

    plain_columns = {}
    for name, values in columns.items():
        values = values.tolist() if hasattr(values, "tolist") else values
        if not isinstance(values, (list, tuple)) or len(values) != count:
            raise ValueError(f"the model answered a dict whose item {name!r} is not one value for each of {count} rows")
        plain_columns[name] = list(values)
    return pd.DataFrame(plain_columns)


def encode_values(values: Any, count: int) -> bytes:
    """Values as a payload: float64 scalars or rows where numeric, else JSON, as lists within lists. Checks the number of rows."""
    import numpy as np

    if not hasattr(values, "__len__") or isinstance(values, (str, bytes)):
        raise ValueError(f"the model answered one {type(values).__name__} for {count} rows")
    if isinstance(values, np.ndarray) and values.ndim == 0:
        raise ValueError(f"the model answered one {values.dtype} for {count} rows")
    array = array_of(values)
    if array is None:
        return encode_json(list(values), count)
    if array.ndim in (1, 2) and array.dtype.kind in "fiu":
        if array.dtype.kind in "iu" and array.size and outgrows_float(array):
            return encode_json(array.tolist(), count)
        if array.shape[0] != count:
            raise ValueError(f"the model answered {array.shape[0]} rows for {count}")
        width = array.shape[1] if array.ndim == 2 else 0
        return COUNTS.pack(count, width) + np.ascontiguousarray(array, dtype="<f8").tobytes()
    if isinstance(values, np.ndarray):
        values = np.datetime_as_string(values) if array.dtype.kind == "M" else values
        return encode_json(values.tolist(), count)
    return encode_json(list(values), count)


def array_of(values: Any) -> np.ndarray | None:
    """Values as an array; None for lists of unequal lengths."""
    import numpy as np

    try:
        return np.asarray(values)
    except ValueError:
        return None


def outgrows_float(array: np.ndarray) -> bool:
    """True when a whole number of the array lies beyond 2^53, where float64 has gaps."""
    return int(array.max()) > 2**53 or int(array.min()) < -(2**53)


def encode_json(values: list[Any], count: int) -> bytes:
    """A list of any JSON values as a payload; NaN becomes null."""
    if len(values) != count:
        raise ValueError(f"the model answered {len(values)} rows for {count}")
    return COUNTS.pack(count, JSON_WIDTH) + json.dumps(plain(values), allow_nan=False).encode("utf-8")


def plain(value: Any) -> Any:
    """A value as JSON can carry it."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (bytes, bytearray)):
        return base64.encodebytes(value).decode("ascii")
    if hasattr(value, "isoformat"):
        return value.isoformat() if value == value else None
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return None if type(value).__name__ in ("NAType", "NaTType") else str(value)
