"""Encoders: what scikit-learn's own encoder says for every category, a missing value and an unseen one, as tables."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from slipway.lower.form.columns import UNSEEN_TEXT, Lowering, is_nan, number, then
from slipway.lower.form.types import Array, Code, Column, Estimator, Matrix, Row, Table
from slipway.refusal import Refused, class_path

#: Of one column: its categories, the encoder's rows for them, and its rows for NaN, None and an unseen value (None where it refuses).
Answers: TypeAlias = "tuple[list[Any], list[Array], Array | None, Array | None, Array | None]"


def category_kind(encoder: Estimator, j: int) -> str | None:
    """text or number, by the categories of one encoded column. Raises Refused for a mixture."""
    values = [v for v in encoder.categories_[j].tolist() if v is not None and not is_nan(v)]
    if all(isinstance(v, str) for v in values):
        return "text" if values else None
    if all(isinstance(v, (bool, int, float)) for v in values):
        return "number"
    raise Refused(f"{class_path(encoder)} with categories of type {sorted({type(v).__name__ for v in values})}")


def missing_value(encoder: Estimator, j: int) -> float | None:
    """The missing value that an encoder learnt in a column: None, or NaN (also when it learnt none)."""
    values = encoder.categories_[j].tolist()
    return None if any(v is None for v in values) and not any(is_nan(v) for v in values) else math.nan


def encoder_frame(encoder: Estimator, kinds: list[str], rows: list[Row]) -> pd.DataFrame:
    """A DataFrame with the columns of an encoder; text as objects, numbers as floats, whole columns of booleans as such."""
    names = getattr(encoder, "feature_names_in_", range(len(kinds)))
    data = {}
    for j, name in enumerate(names):
        values = [row[j] for row in rows]
        as_is = kinds[j] != "number" or all(isinstance(v, bool) for v in values)
        data[name] = pd.Series(values, dtype=None if as_is and kinds[j] == "number" else object if as_is else "float64")
    return pd.DataFrame(data)


def encode_rows(encoder: Estimator, kinds: list[str], rows: list[Row]) -> Array | None:
    """The encoder's own output for rows, as a dense array; None when it refuses them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            out = encoder.transform(encoder_frame(encoder, kinds, rows))
        except (ValueError, TypeError, KeyError):
            return None
    return np.asarray(out.toarray() if hasattr(out, "toarray") else out, dtype="float64")


def encoder_answers(encoder: Estimator, kinds: list[str]) -> Iterator[Answers]:
    """What an encoder says for every category, NaN, None and an unseen value, for each column in turn. Of numbers only NaN is missing."""
    count = len(encoder.categories_)
    known = [[v for v in c.tolist() if v is not None and not is_nan(v)] for c in encoder.categories_]
    first = [k[0] if k else missing_value(encoder, j) for j, k in enumerate(known)]
    longest = max((len(k) for k in known), default=0)
    table = [[k[r] if r < len(k) else first[j] for j, k in enumerate(known)] for r in range(longest)]
    answers = encode_rows(encoder, kinds, table) if table else None
    if table and answers is None:
        raise Refused(f"{class_path(encoder)} refuses its own categories")
    for j in range(count):
        unseen = UNSEEN_TEXT if kinds[j] == "text" else max([float(v) for v in known[j]], default=0.0) + 1.5
        single = [encode_rows(encoder, kinds, [[*first[:j], v, *first[j + 1 :]]]) for v in (math.nan, None, unseen)]
        rows = [] if answers is None else list(answers[: len(known[j])])
        missing, none, unknown = (None if one is None else one[0] for one in single)
        yield known[j], rows, missing, none, unknown


def key(value: Any) -> Code:
    """A category as a JSON key: text as it is, numbers and booleans as numbers."""
    return value if isinstance(value, str) else number(value)


def encoder_kinds(state: Lowering, encoder: Estimator, matrix: Matrix) -> list[str]:
    """The kind of each encoded column, checked against what is known of the inputs."""
    kinds = []
    for j, column in enumerate(matrix.columns):
        kind = category_kind(encoder, j) or state.kind(column) or "number"
        state.expect(column, kind, encoder)
        if column.hot is not None or column.value is not None:
            raise Refused(f"{class_path(encoder)} on one-hot or computed columns")
        kinds.append(kind)
    return kinds


def code_table(kind: str, answers: Answers, place: int | slice, code: Callable[[Any], Code]) -> Table:
    """The table of one column: `code` of what stands at `place` in the encoder's rows of output."""
    keys, rows, missing, none, unseen = answers
    table = {
        "kind": kind,
        "keys": [key(one) for one in keys],
        "codes": [code(row[place]) for row in rows],
        "missing": "error" if missing is None else code(missing[place]),
        "unseen": "error" if unseen is None else code(unseen[place]),
    }
    return table | ({"missing_none": "error" if none is None else code(none[place])} if kind == "text" else {})


def lower_ordinal_encoder(state: Lowering, encoder: Estimator, matrix: Matrix) -> Matrix:
    """Category to code by the encoder's own answers; a second encoding of codes is folded into the first."""
    kinds = encoder_kinds(state, encoder, matrix)
    out = []
    for j, answers in enumerate(encoder_answers(encoder, kinds)):
        table = code_table(kinds[j], answers, j, number)
        out.append(encode(state, matrix.columns[j], table))
    return Matrix(out, False)


def encode(state: Lowering, column: Column, table: Table) -> Column:
    """The column with an encoding step, folded into the encoding before it where there is one."""
    checks = () if table["kind"] == "text" else ({"op": "finite"},)
    last = column.steps[-1] if column.steps else None
    if last is None or last["op"] != "encode":
        return then(column, *checks, {"op": "encode", "table": state.add_table(table)})
    earlier = state.tables[last["table"]]
    codes: dict[Any, Code] = dict(zip(table["keys"], table["codes"]))

    def second(code: Code) -> Code:
        if code == "error":
            return "error"
        default: Code = table["unseen"]
        missing: Code = table["missing"]
        return missing if code == "NaN" else codes.get(code, default)

    folded = [second(code) for code in earlier["codes"]]
    known = [i for i, code in enumerate(folded) if code != "error" or table["unseen"] != "error"]
    if len(known) != len(folded):
        raise Refused("an encoder that refuses codes of the encoder before it")
    merged = dict(earlier, codes=folded) | {k: second(earlier[k]) for k in ("missing", "missing_none", "unseen") if k in earlier}
    step = {"op": "encode", "table": state.add_table(merged)}
    return replace(column, steps=(*column.steps[:-1], step))


def lower_one_hot_encoder(state: Lowering, encoder: Estimator, matrix: Matrix) -> Matrix:
    """Category to the column that becomes one, by the encoder's own answers (drop, infrequent and unseen included)."""
    kinds = encoder_kinds(state, encoder, matrix)
    widths = [int(w) for w in encoder._n_features_outs]
    start = 0
    out: list[Column] = []
    for j, answers in enumerate(encoder_answers(encoder, kinds)):
        span = slice(start, start + widths[j])
        table = code_table(kinds[j], answers, span, hot_index)
        base = encode(state, matrix.columns[j], table)
        group, state.groups = state.groups, state.groups + 1
        out.extend(replace(base, hot=(group, k)) for k in range(widths[j]))
        start += widths[j]
    return Matrix(out, bool(encoder.sparse_output))


def lower_target_encoder(state: Lowering, encoder: Estimator, matrix: Matrix) -> Matrix:
    """Category to the mean of the target, of every class where there are more than two, by the encoder's own answers."""
    kinds = encoder_kinds(state, encoder, matrix)
    count = len(encoder.classes_) if encoder.target_type_ == "multiclass" else 1
    out = []
    for j, answers in enumerate(encoder_answers(encoder, kinds)):
        for k in range(j * count, (j + 1) * count):
            table = code_table(kinds[j], answers, k, number)
            out.append(encode(state, matrix.columns[j], table))
    return Matrix(out, False)


def hot_index(row: Array) -> int:
    """The position of the one in a row of a one-hot encoding; -1 when all are zero."""
    places = np.flatnonzero(row)
    return int(places[0]) if places.size else -1
