"""Scalers, bins and imputers: steps on one column each."""

from __future__ import annotations

from typing import Any

import numpy as np

from slipway.lower.form.columns import Lowering, flat, is_nan, kind_of_missing, number, then
from slipway.lower.form.types import Array, Column, Estimator, Matrix, Step
from slipway.refusal import Refused, class_path


def scaling(matrix: Matrix, value: float) -> Step:
    """The step that divides: scikit-learn multiplies by the reciprocal where the matrix is sparse."""
    if matrix.sparse:
        return {"op": "multiply", "value": float(np.float64(1) / value)}
    return {"op": "divide", "value": float(value)}


def numeric(state: Lowering, transformer: Estimator, matrix: Matrix) -> list[Column]:
    """Requires numbers without infinities, as the scalers of scikit-learn do."""
    for column in matrix.columns:
        state.expect(column, "number", transformer)
    return [then(column, {"op": "finite"}) for column in matrix.columns]


def plain(state: Lowering, transformer: Estimator, matrix: Matrix) -> list[Column]:
    """The columns of numeric(), one-hot columns as values of the graph, so that any step can follow."""
    return [flat(state, column) for column in numeric(state, transformer, matrix)]


def shifted(state: Lowering, scaler: Estimator, matrix: Matrix, centres: Array | None, scales: Array | None) -> Matrix:
    """(x - centre) / scale of every column; None leaves that half out."""
    out = []
    for j, column in enumerate(numeric(state, scaler, matrix)):
        if centres is not None:
            column = then(column, {"op": "subtract", "value": float(centres[j])})
        if scales is not None:
            column = then(column, scaling(matrix, scales[j]))
        out.append(column)
    return Matrix(out, matrix.sparse)


def lower_standard_scaler(state: Lowering, scaler: Estimator, matrix: Matrix) -> Matrix:
    """(x - mean) / scale."""
    return shifted(state, scaler, matrix, scaler.mean_ if scaler.with_mean else None, scaler.scale_ if scaler.with_std else None)


def lower_max_abs_scaler(state: Lowering, scaler: Estimator, matrix: Matrix) -> Matrix:
    """x / scale."""
    if getattr(scaler, "clip", False):
        raise Refused(f"{class_path(scaler)} with clip")
    columns = numeric(state, scaler, matrix)
    return Matrix([then(c, scaling(matrix, scaler.scale_[j])) for j, c in enumerate(columns)], matrix.sparse)


def lower_min_max_scaler(state: Lowering, scaler: Estimator, matrix: Matrix) -> Matrix:
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


def lower_robust_scaler(state: Lowering, scaler: Estimator, matrix: Matrix) -> Matrix:
    """(x - median) / range between quantiles."""
    centres = scaler.center_ if scaler.with_centering else None
    return shifted(state, scaler, matrix, centres, scaler.scale_ if scaler.with_scaling else None)


def lower_imputer(state: Lowering, imputer: Estimator, matrix: Matrix) -> Matrix:
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
            column = flat(state, matrix.columns[j])
            text = state.kind(column) == "text"
            mark = {"op": "is_missing"} | ({"missing": kind_of_missing(absent)} if text else {"value": number(absent)})
            filled.append(then(column, mark))
    return Matrix(filled, matrix.sparse)


def impute_column(state: Lowering, imputer: Estimator, column: Column, fill: Any) -> Column:
    """One column with its missing values filled."""
    absent = imputer.missing_values
    text = isinstance(fill, str)
    state.expect(column, "text" if text else "number", imputer)
    if text:
        if absent is not None and not is_nan(absent):
            raise Refused(f"{class_path(imputer)} with missing_values={absent!r} on text")
        return then(column, {"op": "fill_text", "value": fill, "missing": kind_of_missing(absent)})
    if absent is None or not isinstance(absent, (int, float, np.number)):
        raise Refused(f"{class_path(imputer)} with missing_values={absent!r} on numbers")
    checks = [{"op": "finite"}] if is_nan(absent) else [{"op": "finite"}, {"op": "present"}]
    if not is_nan(absent):
        column = flat(state, column)
    return then(column, *checks, {"op": "impute", "missing": number(absent), "value": number(fill)})


def lower_binarizer(state: Lowering, binarizer: Estimator, matrix: Matrix) -> Matrix:
    """1 above the threshold, else 0."""
    step = {"op": "above", "value": float(binarizer.threshold)}
    return Matrix([then(c, {"op": "present"}, step) for c in plain(state, binarizer, matrix)], matrix.sparse)


def lower_quantiles(state: Lowering, transformer: Estimator, matrix: Matrix) -> Matrix:
    """The share of training values below, interpolated; the normal distribution needs a function that is not exact."""
    if transformer.output_distribution != "uniform":
        raise Refused(f"{class_path(transformer)} to the normal distribution, whose last bits are the library's own")
    out = []
    for j, column in enumerate(plain(state, transformer, matrix)):
        points = {"x": transformer.quantiles_[:, j].tolist(), "y": transformer.references_.tolist()}
        out.append(then(column, {"op": "quantile"} | points))
    return Matrix(out, matrix.sparse)
