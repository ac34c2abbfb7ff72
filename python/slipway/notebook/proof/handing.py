"""Hands rows to another process of a proof, which may have fewer packages than this one."""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any


class Pickler(pickle.Pickler):
    """Texts that pandas keeps by pyarrow, for that is installed here, are kept by what the reader's pandas takes."""

    def reducer_override(self, value: Any) -> Any:
        """How pandas' arrays of text, and their types, are made anew; everything else as it is."""
        pandas = sys.modules.get("pandas")
        if pandas is None:
            return NotImplemented
        if is_chosen(value, pandas):
            return pandas.StringDtype, () if value.na_value is pandas.NA else (None, value.na_value)
        if isinstance(value, pandas.api.extensions.ExtensionArray) and is_chosen(value.dtype, pandas):
            return pandas.array, (value.to_numpy(object), value.dtype)
        return NotImplemented


def is_chosen(dtype: Any, pandas: Any) -> bool:
    """Whether this is a type of texts with the storage that pandas takes where the code names none, and not where a package is missing."""
    return isinstance(dtype, pandas.StringDtype) and dtype.storage != "python" and dtype.storage == type(dtype)().storage


def packed(rows: Any) -> bytes:
    """Rows as bytes, which `pickle.loads` reads."""
    into = io.BytesIO()
    Pickler(into).dump(rows)
    return into.getvalue()
