"""Transformers whose columns are made of several inputs, and those that choose or mark columns."""

from __future__ import annotations

import functools
from typing import NoReturn

import numpy as np

from slipway.lower.form.columns import Lowering, flat, kind_of_missing, number, refs, then, values
from slipway.lower.form.dot import ORDERS, TRIALS, dot_orders
from slipway.lower.form.types import Array, Column, Estimator, Matrix
from slipway.lower.transformers.scalers import numeric, plain
from slipway.lower.transformers.text import has_wide, sparse_product
from slipway.refusal import Refused, class_path

EXACT_FUNCTIONS = (
    "absolute", "negative", "sqrt", "square", "floor", "ceil", "trunc", "rint", "sign", "reciprocal", "positive", "fabs",
)  # fmt: skip
SAME_FUNCTIONS = {"fabs": "absolute"}
INEXACT = "whose last bit depends on the processor and the version of NumPy"


def lower_function(state: Lowering, transformer: Estimator, matrix: Matrix) -> Matrix:
    """Exact functions of NumPy, identity, and the array check that histogram boosting puts before its numeric columns."""
    func = transformer.func
    check = isinstance(func, functools.partial) and getattr(func.func, "__name__", "") == "check_array"
    name = getattr(func, "__name__", None)
    if isinstance(func, np.ufunc) and not transformer.kw_args:
        if name not in EXACT_FUNCTIONS:
            raise Refused(f"{class_path(transformer)} with numpy.{name}, {INEXACT}")
        columns = plain(state, transformer, matrix) if transformer.validate else matrix.columns
        for column in columns:
            state.expect(column, "number", transformer)
        if name == "positive":
            return Matrix(list(columns), matrix.sparse)
        step = {"op": "apply", "name": SAME_FUNCTIONS.get(name, name)}
        return Matrix([then(flat(state, c), step) for c in columns], matrix.sparse)
    if func is not None and not check:
        raise Refused(f"{class_path(transformer)} with a function of its own")
    if transformer.validate:
        return Matrix([then(c, {"op": "present"}) for c in numeric(state, transformer, matrix)], matrix.sparse)
    return matrix


def checked(state: Lowering, who: Estimator, matrix: Matrix) -> list[Column]:
    """The columns, refused where they are missing or infinite, as most of scikit-learn does."""
    return [then(c, {"op": "present"}) for c in numeric(state, who, matrix)]


def lower_polynomial(state: Lowering, poly: Estimator, matrix: Matrix) -> Matrix:
    """Products of columns, multiplied from the last factor to the first."""
    if matrix.sparse and poly.powers_.sum(axis=1).max(initial=0) > 2:
        raise Refused(f"{class_path(poly)} of degree over 2 on sparse columns")
    found = refs(state, checked(state, poly, matrix))
    terms = [[found[j] for j in np.repeat(np.arange(len(row)), row)] for row in poly.powers_]
    out = state.graph.add({"op": "product", "terms": terms, "from": found}, len(terms))
    return Matrix(values(out), matrix.sparse)


def lower_normalizer(state: Lowering, normalizer: Estimator, matrix: Matrix) -> Matrix:
    """Rows divided by their norm."""
    order: str | None = "sequential"
    if normalizer.norm == "l2" and not matrix.sparse:
        order = norm_order(len(matrix.columns))
        if order is None:
            raise Refused(f"{class_path(normalizer)}: NumPy adds {len(matrix.columns)} squares in an order that is not known")
    found = refs(state, checked(state, normalizer, matrix))
    state.sums_by_row = state.sums_by_row or not matrix.sparse
    node = {"op": "normal", "norm": normalizer.norm, "order": order, "sparse": matrix.sparse, "from": found}
    return Matrix(values(state.graph.add(node, len(found))), matrix.sparse)


def norm_order(width: int) -> str | None:
    """The order in which this machine adds the squares of a row."""
    from sklearn.utils.extmath import row_norms

    random = np.random.default_rng(1)
    rows = random.normal(size=(TRIALS, width)) * 10.0 ** random.integers(-3, 4, size=(TRIALS, 1))
    sums = [float(row_norms(row[None, :], squared=True)[0]) for row in rows]
    rows = rows.tolist()
    return next((name for name, dot in ORDERS.items() if all(dot(r, r) == want for r, want in zip(rows, sums))), None)


def lower_missing_indicator(state: Lowering, indicator: Estimator, matrix: Matrix) -> Matrix:
    """One mark a column that had missing values in training."""
    absent = indicator.missing_values
    text = absent is None or isinstance(absent, str)
    if isinstance(absent, str):
        raise Refused(f"{class_path(indicator)} with missing_values={absent!r}")
    out = []
    for j in indicator.features_:
        column = flat(state, matrix.columns[j])
        if state.kind(column) == "text" or text:
            state.expect(column, "text", indicator)
            out.append(then(column, {"op": "is_missing", "missing": kind_of_missing(absent)}))
        else:
            state.expect(column, "number", indicator)
            out.append(then(column, {"op": "is_missing", "value": number(absent)}))
    sparse = indicator.sparse is True or (indicator.sparse == "auto" and matrix.sparse)
    if sparse and absent == 0:
        raise Refused(f"{class_path(indicator)} of zeros on sparse columns")
    return Matrix(out, sparse)


def project(state: Lowering, who: Estimator, matrix: Matrix, components: Array) -> list[Column]:
    """Columns of X @ components.T as values, summed as this machine's BLAS sums one row."""
    if has_wide(matrix):
        return values(sparse_product(state, who, matrix, components, np.zeros(len(components))))
    width, outputs = len(matrix.columns), len(components)
    orders = ["sequential"] * outputs if matrix.sparse else dot_orders(components, np.asarray(components))
    if None in orders:
        raise Refused(f"{class_path(who)}: the matrix product of this machine adds {width} terms in an order that is not known")
    found = refs(state, numeric_refs(state, who, matrix))
    node = {"op": "linear", "orders": orders, "intercept": [0.0] * outputs, "missing": "error", "infinite": "error", "from": found}
    if not matrix.sparse:
        state.row_by_row = True
    arrays = {"coefficients": np.ascontiguousarray(components, dtype="<f8").ravel()}
    return values(state.graph.add(node, outputs, arrays))


def numeric_refs(state: Lowering, who: Estimator, matrix: Matrix) -> list[Column]:
    """The columns as they are, required to be numbers."""
    for column in matrix.columns:
        state.expect(column, "number", who)
    return matrix.columns


def lower_svd(state: Lowering, svd: Estimator, matrix: Matrix) -> Matrix:
    """Projection without centring."""
    return Matrix(project(state, svd, matrix, svd.components_), False)


def lower_pca(state: Lowering, pca: Estimator, matrix: Matrix) -> Matrix:
    """Projection; the mean is taken off before or after it, as this version does."""
    if matrix.sparse:
        raise Refused(f"{class_path(pca)} on sparse columns")
    mean = np.asarray(pca.mean_, dtype="float64")
    shift = (mean.reshape(1, -1) @ pca.components_.T)[0]
    width = len(matrix.columns)
    rows = np.random.default_rng(1).normal(size=(TRIALS, width)) * (1 + np.abs(mean))
    scale = whitening(pca)
    wanted = [pca.transform(row[None, :])[0].tolist() for row in rows]

    def give(row: Array, after: bool) -> list[float]:
        x = row[None, :] if after else (row - mean)[None, :]
        out = x @ pca.components_.T
        return ((out - shift if after else out) / scale)[0].tolist()

    after = next((a for a in (True, False) if all(give(row, a) == want for row, want in zip(rows, wanted))), None)
    if after is None:
        raise Refused(f"{class_path(pca)}: this version transforms in a way that is not known")
    columns = matrix.columns
    if not after:
        columns = [then(flat(state, c), {"op": "subtract", "value": float(m)}) for c, m in zip(columns, mean)]
    out = project(state, pca, Matrix(columns), pca.components_)
    if after:
        out = [then(c, {"op": "subtract", "value": float(s)}) for c, s in zip(out, shift)]
    if pca.whiten:
        out = [then(c, {"op": "divide", "value": float(s)}) for c, s in zip(out, scale)]
    return Matrix(out, False)


def whitening(pca: Estimator) -> Array:
    """What every component is divided by; ones without whitening."""
    if not pca.whiten:
        return np.ones(len(pca.components_))
    scale = np.sqrt(pca.explained_variance_)
    least = np.finfo(scale.dtype).eps
    return np.where(scale < least, least, scale)


def lower_power(_state: Lowering, power: Estimator, _matrix: Matrix) -> NoReturn:
    """Powers and logarithms: no exact form."""
    raise Refused(f"{class_path(power)} with method={power.method!r} takes powers and logarithms of NumPy, {INEXACT}")


def lower_selection(state: Lowering, selector: Estimator, matrix: Matrix) -> Matrix:
    """The columns that a selector keeps; the others are still refused where they are missing."""
    refusing = refuses_missing(selector, len(matrix.columns))
    columns = checked(state, selector, matrix) if refusing else numeric_refs(state, selector, matrix)
    kept = selector.get_support()
    if refusing:
        refs(state, [c for c, keep in zip(columns, kept) if not keep])
    return Matrix([c for c, keep in zip(columns, kept) if keep], matrix.sparse)


def refuses_missing(selector: Estimator, width: int) -> bool:
    """Whether a selector refuses a row with a missing value."""
    try:
        selector.transform(np.full((1, width), np.nan))
    except ValueError:
        return True
    return False


def lower_bins(state: Lowering, bins: Estimator, matrix: Matrix) -> Matrix:
    """The number of inner edges that are not above the value, as it is or one-hot."""
    out = []
    for j, (column, edges) in enumerate(zip(checked(state, bins, matrix), bins.bin_edges_)):
        column = then(flat(state, column), {"op": "bin", "edges": [number(e) for e in edges[1:-1]]})
        if bins.encode == "ordinal":
            out.append(column)
        elif column.value is None:
            group, state.groups = state.groups, state.groups + 1
            out.extend(Column(column.source, column.steps, (group, k)) for k in range(int(bins.n_bins_[j])))
        else:
            out.extend(then(column, {"op": "is_missing", "value": k}) for k in range(int(bins.n_bins_[j])))
    return Matrix(out, bins.encode == "onehot")
