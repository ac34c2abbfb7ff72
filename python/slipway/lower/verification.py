"""The verification file of a lowered model: rows and the library's exact answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from slipway.lower.form.columns import is_nan
from slipway.lower.form.inputs import InputColumn
from slipway.lower.form.types import Arrays, Row
from slipway.lower.reference import Reference

#: Where the place of a text would stand: Python's NaN and None.
NAN, NONE = -1, -2


def verification(inputs: list[InputColumn], rows: list[Row], refused: list[Row], reference: Reference) -> tuple[dict[str, Any], Arrays]:
    """(document, arrays) of the verification file: rows, then rows that scikit-learn refuses, with exact answers."""
    raw, predictions, shares = reference.answers(rows)
    texts: dict[str, Any] = {}
    arrays = {}
    everything = rows + refused
    for i, column in enumerate(inputs):
        values = [row[i] for row in everything]
        if column.kind == "string":
            places = [NONE if v is None else NAN if is_nan(v) else texts.setdefault(v, len(texts)) for v in values]
            arrays[f"input{i}"] = np.array(places, dtype="<i4")
        else:
            arrays[f"input{i}"] = np.array([math.nan if v is None else float(v) for v in values], dtype="<f8")
    arrays["raw"] = raw.astype("<f8").ravel()
    if reference.classes is None:
        arrays["predictions"] = predictions.astype("<f8").ravel()
    else:
        numbers = {c: k for k, c in enumerate(reference.classes)}
        arrays["predictions"] = np.array([numbers[p] for p in predictions.ravel().tolist()], dtype="<i4")
    if shares is not None:
        arrays["probabilities"] = np.asarray(shares, dtype="<f8").ravel()
    document = {"format": "slipway.native.verify/2", "rows": len(rows), "refused": len(refused), "texts": list(texts)}
    return document, arrays
