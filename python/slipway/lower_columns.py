"""Follows columns through scikit-learn's transformers: each column of the final matrix becomes one input and a list of steps."""

import functools
import math
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from slipway.lower_errors import Refused, class_path

UNSEEN_TEXT = "\u0000unseen"


@dataclass(frozen=True)
class Column:
    """One column on its way: the input it is made of and the steps so far.

    `hot` is (group, index) for a column of a one-hot encoding, with `off` and `on` as its two values.
    """

    source: int
    steps: tuple = ()
    hot: "tuple[int, int] | None" = None
    off: float = 0.0
    on: float = 1.0


@dataclass
class Matrix:
    """What a transformer gives or takes: columns from left to right, and whether scikit-learn holds it sparse."""

    columns: "list[Column]"
    sparse: bool = False


@dataclass
class Lowering:
    """What lowering has learnt so far: the inputs (kind None = not yet known) and the category tables."""

    inputs: list
    tables: "list[dict]" = field(default_factory=list)
    groups: int = 0
    missing: "dict[int, str]" = field(default_factory=dict)

    def kind(self, column: Column) -> "str | None":
        """text, number, or None while nothing has said which."""
        for step in reversed(column.steps):
            if step["op"] in ("encode", "is_missing"):
                return "number"
        if column.hot is not None:
            return "number"
        kind = self.inputs[column.source].kind
        return None if kind is None else "text" if kind == "string" else "number"

    def expect(self, column: Column, kind: str, who: Any) -> None:
        """Requires a column to be text or number; decides an input whose kind is open."""
        found = self.kind(column)
        if found is None:
            self.inputs[column.source].kind = "string" if kind == "text" else "number"
        elif found != kind:
            name = self.inputs[column.source].name
            raise Refused(f"{class_path(who)} reads input {name} as {kind}, but it is {found}")

    def expect_missing(self, column: Column, kind: str) -> None:
        """Fixes how a missing value of an input arrives in Python: nan or none."""
        name = self.inputs[column.source].name
        if self.missing.setdefault(column.source, kind) != kind:
            raise Refused(f"input {name} is read with both NaN and None as missing value")

    def add_table(self, table: dict) -> int:
        """Keeps a category table and returns its number."""
        self.tables.append(table)
        return len(self.tables) - 1


def number(value) -> "float | str":
    """A float as JSON can carry it: NaN and infinities as text."""
    value = float(value)
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def is_nan(value) -> bool:
    """Whether a value is a float NaN."""
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def lower_transformer(state: Lowering, transformer, matrix: Matrix) -> Matrix:
    """Applies one fitted transformer to a matrix of columns. Raises Refused for a class without a native form."""
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return matrix
    kind = type(transformer)
    lower = TRANSFORMERS.get(kind.__name__) if kind.__module__.startswith("sklearn.") else None
    if lower is None:
        raise Refused(f"{class_path(transformer)} has no native form")
    return lower(state, transformer, matrix)


def then(column: Column, *steps) -> Column:
    """The column with more steps; on a one-hot column they are worked out for its two values."""
    if column.hot is None:
        return replace(column, steps=column.steps + steps)
    off, on = column.off, column.on
    for step in steps:
        off, on = work_out(step, off), work_out(step, on)
    return replace(column, off=off, on=on)


def work_out(step: dict, value: float) -> float:
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


def lower_pipeline(state, pipeline, matrix):
    """Every step of a nested pipeline in turn."""
    for _, step in pipeline.steps:
        matrix = lower_transformer(state, step, matrix)
    return matrix


def lower_column_transformer(state, union, matrix):
    """Each branch on its own columns, results side by side in the order of the branches."""
    if union.transformer_weights:
        raise Refused(f"{class_path(union)} with transformer_weights")
    out = []
    for name, transformer, _ in union.transformers_:
        positions = list(union._transformer_to_input_indices.get(name, ()))
        if (isinstance(transformer, str) and transformer == "drop") or not positions:
            continue
        branch = Matrix([matrix.columns[i] for i in positions], matrix.sparse)
        out.extend(lower_transformer(state, transformer, branch).columns)
    return Matrix(out, bool(union.sparse_output_))


def lower_function(state, transformer, matrix):
    """Identity only: no function, or the array check that histogram boosting puts before its numeric columns."""
    func = transformer.func
    check = isinstance(func, functools.partial) and getattr(func.func, "__name__", "") == "check_array"
    name = getattr(func, "__name__", None)
    if isinstance(func, np.ufunc) and name in EXACT_FUNCTIONS and not transformer.kw_args and not transformer.validate:
        for column in matrix.columns:
            state.expect(column, "number", transformer)
            if column.hot is not None:
                raise Refused(f"{class_path(transformer)} on a one-hot column")
        return Matrix([then(c, {"op": "apply", "name": name}) for c in matrix.columns], matrix.sparse)
    if (func is not None and not check) or transformer.validate:
        raise Refused(f"{class_path(transformer)} with a function of its own")
    return matrix


def scaling(matrix, j, value):
    """The step that divides: scikit-learn multiplies by the reciprocal where the matrix is sparse."""
    if matrix.sparse:
        return {"op": "multiply", "value": float(np.float64(1) / value)}
    return {"op": "divide", "value": float(value)}


def numeric(state, transformer, matrix):
    """Requires numbers without infinities, as the scalers of scikit-learn do."""
    for column in matrix.columns:
        state.expect(column, "number", transformer)
    return [then(column, {"op": "finite"}) for column in matrix.columns]


def lower_standard_scaler(state, scaler, matrix):
    """(x - mean) / scale."""
    out = []
    for j, column in enumerate(numeric(state, scaler, matrix)):
        if scaler.with_mean:
            column = then(column, {"op": "subtract", "value": float(scaler.mean_[j])})
        if scaler.with_std:
            column = then(column, scaling(matrix, j, scaler.scale_[j]))
        out.append(column)
    return Matrix(out, matrix.sparse)


def lower_max_abs_scaler(state, scaler, matrix):
    """x / scale."""
    if getattr(scaler, "clip", False):
        raise Refused(f"{class_path(scaler)} with clip")
    columns = numeric(state, scaler, matrix)
    return Matrix([then(c, scaling(matrix, j, scaler.scale_[j])) for j, c in enumerate(columns)], matrix.sparse)


def lower_min_max_scaler(state, scaler, matrix):
    """x * scale + min, clipped to the range where asked."""
    out = []
    for j, column in enumerate(numeric(state, scaler, matrix)):
        column = then(column, {"op": "multiply", "value": float(scaler.scale_[j])})
        column = then(column, {"op": "add", "value": float(scaler.min_[j])})
        if scaler.clip:
            low, high = scaler.feature_range
            column = then(column, {"op": "clip", "low": float(low), "high": float(high)})
        out.append(column)
    return Matrix(out, matrix.sparse)


def lower_imputer(state, imputer, matrix):
    """Fills missing values; columns without any value in training are dropped as scikit-learn drops them."""
    absent = imputer.missing_values
    keep_all = imputer.strategy == "constant" or getattr(imputer, "keep_empty_features", False)
    filled = []
    for j, column in enumerate(matrix.columns):
        fill = imputer.statistics_[j]
        if not keep_all and (fill is None or is_nan(fill)):
            continue
        filled.append(impute_column(state, imputer, column, fill))
    if getattr(imputer, "indicator_", None) is not None:
        for j in imputer.indicator_.features_:
            column = matrix.columns[j]
            if column.hot is not None:
                raise Refused(f"{class_path(imputer)} marks missing values of a one-hot column")
            mark = {"op": "is_missing"} if state.kind(column) == "text" else {"op": "is_missing", "value": number(absent)}
            filled.append(then(column, mark))
    return Matrix(filled, matrix.sparse)


def impute_column(state, imputer, column, fill):
    """One column with its missing values filled."""
    absent = imputer.missing_values
    text = isinstance(fill, str)
    state.expect(column, "text" if text else "number", imputer)
    if text:
        if absent is not None and not is_nan(absent):
            raise Refused(f"{class_path(imputer)} with missing_values={absent!r} on text")
        state.expect_missing(column, "none" if absent is None else "nan")
        return then(column, {"op": "fill_text", "value": fill})
    if absent is None or not isinstance(absent, (int, float, np.number)):
        raise Refused(f"{class_path(imputer)} with missing_values={absent!r} on numbers")
    checks = [{"op": "finite"}] if is_nan(absent) else [{"op": "finite"}, {"op": "present"}]
    if column.hot is not None and not is_nan(absent):
        raise Refused(f"{class_path(imputer)} with missing_values={absent!r} on a one-hot column")
    return then(column, *checks, {"op": "impute", "missing": number(absent), "value": number(fill)})


def category_kind(encoder, j):
    """text or number, by the categories of one encoded column. Raises Refused for a mixture."""
    values = [v for v in encoder.categories_[j].tolist() if v is not None and not is_nan(v)]
    if all(isinstance(v, str) for v in values):
        return "text" if values else None
    if all(isinstance(v, (bool, int, float)) for v in values):
        return "number"
    raise Refused(f"{class_path(encoder)} with categories of type {sorted({type(v).__name__ for v in values})}")


def missing_value(encoder, j):
    """The missing value that an encoder learnt in a column: None, or NaN (also when it learnt none)."""
    values = encoder.categories_[j].tolist()
    return None if any(v is None for v in values) and not any(is_nan(v) for v in values) else math.nan


def encoder_frame(encoder, kinds, rows):
    """A DataFrame with the columns of an encoder; text as objects, numbers as floats, whole columns of booleans as such."""
    names = getattr(encoder, "feature_names_in_", range(len(kinds)))
    data = {}
    for j, name in enumerate(names):
        values = [row[j] for row in rows]
        as_is = kinds[j] != "number" or all(isinstance(v, bool) for v in values)
        data[name] = pd.Series(values, dtype=None if as_is and kinds[j] == "number" else object if as_is else "float64")
    return pd.DataFrame(data)


def encode_rows(encoder, kinds, rows):
    """The encoder's own output for rows, as a dense array; None when it refuses them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            out = encoder.transform(encoder_frame(encoder, kinds, rows))
        except (ValueError, TypeError, KeyError):
            return None
    return np.asarray(out.toarray() if hasattr(out, "toarray") else out, dtype="float64")


def encoder_answers(encoder, kinds):
    """What an encoder says for every category, a missing value and an unseen one.

    Yields for each column (keys, rows of output for the keys, output for missing, output for unseen); outputs are None
    where the encoder refuses.
    """
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
        single = [encode_rows(encoder, kinds, [first[:j] + [v] + first[j + 1 :]]) for v in (missing_value(encoder, j), unseen)]
        rows = [] if answers is None else list(answers[: len(known[j])])
        yield known[j], rows, *(None if s is None else s[0] for s in single)


def key(value):
    """A category as a JSON key: text as it is, numbers and booleans as numbers."""
    return value if isinstance(value, str) else number(value)


def encoder_kinds(state, encoder, matrix):
    """The kind of each encoded column, checked against what is known of the inputs."""
    kinds = []
    for j, column in enumerate(matrix.columns):
        kind = category_kind(encoder, j) or state.kind(column) or "number"
        state.expect(column, kind, encoder)
        if column.hot is not None:
            raise Refused(f"{class_path(encoder)} on one-hot columns")
        if kind == "text" and any(v is None or is_nan(v) for v in encoder.categories_[j].tolist()):
            state.expect_missing(column, "none" if missing_value(encoder, j) is None else "nan")
        kinds.append(kind)
    return kinds


def lower_ordinal_encoder(state, encoder, matrix):
    """Category to code by the encoder's own answers; a second encoding of codes is folded into the first."""
    kinds = encoder_kinds(state, encoder, matrix)
    out = []
    for j, (keys, rows, missing, unseen) in enumerate(encoder_answers(encoder, kinds)):
        table = {
            "kind": kinds[j],
            "keys": [key(k) for k in keys],
            "codes": [number(row[j]) for row in rows],
            "missing": "error" if missing is None else number(missing[j]),
            "unseen": "error" if unseen is None else number(unseen[j]),
        }
        out.append(encode(state, matrix.columns[j], table))
    return Matrix(out, False)


def encode(state, column, table):
    """The column with an encoding step, folded into the encoding before it where there is one."""
    checks = () if table["kind"] == "text" else ({"op": "finite"},)
    last = column.steps[-1] if column.steps else None
    if last is None or last["op"] != "encode":
        return then(column, *checks, {"op": "encode", "table": state.add_table(table)})
    earlier = state.tables[last["table"]]
    codes = dict(zip(table["keys"], table["codes"]))

    def second(code):
        if code == "error":
            return "error"
        return table["missing"] if code == "NaN" else codes.get(code, table["unseen"])

    folded = [second(code) for code in earlier["codes"]]
    known = [i for i, code in enumerate(folded) if code != "error" or table["unseen"] != "error"]
    if len(known) != len(folded):
        raise Refused("an encoder that refuses codes of the encoder before it")
    merged = dict(earlier, codes=folded, missing=second(earlier["missing"]), unseen=second(earlier["unseen"]))
    step = {"op": "encode", "table": state.add_table(merged)}
    return replace(column, steps=column.steps[:-1] + (step,))


def lower_one_hot_encoder(state, encoder, matrix):
    """Category to the column that becomes one, by the encoder's own answers (drop, infrequent and unseen included)."""
    kinds = encoder_kinds(state, encoder, matrix)
    widths = [int(w) for w in encoder._n_features_outs]
    start, out = 0, []
    for j, (keys, rows, missing, unseen) in enumerate(encoder_answers(encoder, kinds)):
        span = slice(start, start + widths[j])
        table = {
            "kind": kinds[j],
            "keys": [key(k) for k in keys],
            "codes": [hot_index(row[span]) for row in rows],
            "missing": "error" if missing is None else hot_index(missing[span]),
            "unseen": "error" if unseen is None else hot_index(unseen[span]),
        }
        base = encode(state, matrix.columns[j], table)
        group, state.groups = state.groups, state.groups + 1
        out.extend(replace(base, hot=(group, k)) for k in range(widths[j]))
        start += widths[j]
    return Matrix(out, bool(encoder.sparse_output))


def hot_index(row):
    """The position of the one in a row of a one-hot encoding; -1 when all are zero."""
    places = np.flatnonzero(row)
    return int(places[0]) if places.size else -1


def plain(state, transformer, matrix):
    """The columns of numeric(); one-hot columns, whose two values would be worked out here, are refused."""
    if any(column.hot is not None for column in matrix.columns):
        raise Refused(f"{class_path(transformer)} on one-hot columns")
    return numeric(state, transformer, matrix)


def lower_robust_scaler(state, scaler, matrix):
    """(x - median) / range between quantiles."""
    out = []
    for j, column in enumerate(numeric(state, scaler, matrix)):
        if scaler.with_centering:
            column = then(column, {"op": "subtract", "value": float(scaler.center_[j])})
        if scaler.with_scaling:
            column = then(column, scaling(matrix, j, scaler.scale_[j]))
        out.append(column)
    return Matrix(out, matrix.sparse)


def lower_binarizer(state, binarizer, matrix):
    """1 above the threshold, else 0."""
    step = {"op": "above", "value": float(binarizer.threshold)}
    return Matrix([then(c, {"op": "present"}, step) for c in plain(state, binarizer, matrix)], matrix.sparse)


def lower_bins(state, bins, matrix):
    """The number of inner edges that are not above the value."""
    if bins.encode != "ordinal":
        raise Refused(f"{class_path(bins)} with encode={bins.encode!r}; native is ordinal")
    out = []
    for column, edges in zip(plain(state, bins, matrix), bins.bin_edges_):
        out.append(then(column, {"op": "present"}, {"op": "bin", "edges": [number(e) for e in edges[1:-1]]}))
    return Matrix(out, False)


def lower_quantiles(state, transformer, matrix):
    """The share of training values below, interpolated; the normal distribution needs a function that is not exact."""
    if transformer.output_distribution != "uniform":
        raise Refused(f"{class_path(transformer)} to the normal distribution, whose last bits are the library's own")
    out = []
    for j, column in enumerate(plain(state, transformer, matrix)):
        points = {"x": transformer.quantiles_[:, j].tolist(), "y": transformer.references_.tolist()}
        out.append(then(column, {"op": "quantile"} | points))
    return Matrix(out, matrix.sparse)


EXACT_FUNCTIONS = (
    "absolute", "negative", "sqrt", "square", "floor", "ceil", "trunc", "rint", "sign", "reciprocal",
)  # fmt: skip

TRANSFORMERS = {
    "RobustScaler": lower_robust_scaler,
    "Binarizer": lower_binarizer,
    "KBinsDiscretizer": lower_bins,
    "QuantileTransformer": lower_quantiles,
    "Pipeline": lower_pipeline,
    "ColumnTransformer": lower_column_transformer,
    "FunctionTransformer": lower_function,
    "StandardScaler": lower_standard_scaler,
    "MaxAbsScaler": lower_max_abs_scaler,
    "MinMaxScaler": lower_min_max_scaler,
    "SimpleImputer": lower_imputer,
    "OrdinalEncoder": lower_ordinal_encoder,
    "OneHotEncoder": lower_one_hot_encoder,
}


def blocks(state: Lowering, matrix: Matrix) -> "list[dict]":
    """The final matrix as blocks from left to right: single columns and runs of one-hot columns."""
    out: "list[dict]" = []
    for column in matrix.columns:
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
