"""Naive Bayes and k-means: sums over classes or centres."""

from __future__ import annotations

import numpy as np

from slipway.lower.form.columns import Lowering, flat, refs, then
from slipway.lower.form.dot import dot_orders
from slipway.lower.form.graph import graph_spec
from slipway.lower.form.trees import LEAF, Nodes
from slipway.lower.form.types import Array, Column, Estimator, Matrix, Result, Spec, Tree
from slipway.lower.transformers.encoders import encode
from slipway.lower.transformers.features import checked
from slipway.lower.transformers.text import has_wide, sparse_product
from slipway.refusal import Refused, class_path


def likelihood(model: Estimator) -> Spec:
    """How joint log-likelihoods become classes; large ones carry the last bit of a logarithm far into the probabilities."""
    hidden = f"predict_proba of {class_path(model)} goes through NumPy's logarithm, whose last bit depends on the processor"
    return {"link": "none", "decide": "largest", "hidden": hidden, "reference": scores}


def scores(model: Estimator, x: Array) -> Array:
    """The joint log-likelihood; Bernoulli's features are above its threshold."""
    return model._joint_log_likelihood(model._check_X(x))


def joint(model: Estimator, raw: list[int]) -> Spec:
    """The description of raw scores that are joint log-likelihoods."""
    rule = likelihood(model)
    return graph_spec(raw, rule.pop("link"), rule.pop("decide"), **rule)


def lower_gaussian(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """Gaussian naive Bayes: the joint log-likelihood, sums in NumPy's pairwise order."""
    prior = [float(np.log(p)) for p in model.class_prior_]
    constant = [float(-0.5 * np.sum(np.log(2.0 * np.pi * v))) for v in model.var_]
    arrays = {"theta": model.theta_, "var": model.var_, "constant": np.array(constant)}
    node = {"op": "gauss", "prior": prior, "from": refs(state, checked(state, model, matrix))}
    flat_arrays = {k: np.ascontiguousarray(v, dtype="<f8").ravel() for k, v in arrays.items()}
    return matrix, joint(model, state.graph.add(node, len(prior), flat_arrays)), {}


def products(state: Lowering, model: Estimator, matrix: Matrix, weights: Array, intercept: Array) -> Result:
    """Raw scores of X @ weights.T + intercept; `weights` as the model multiplies by it."""
    if has_wide(matrix):
        return matrix, joint(model, sparse_product(state, model, matrix, weights, intercept)), {}
    outputs, width = weights.shape
    orders = ["sequential"] * outputs if matrix.sparse else dot_orders(weights, weights)
    if None in orders:
        raise Refused(f"{class_path(model)}: the matrix product of this machine adds {width} terms in an order that is not known")
    if not matrix.sparse:
        state.row_by_row = True
    spec = {"type": "linear", "sparse": matrix.sparse, "outputs": outputs, "orders": orders}
    spec |= {"intercept": np.asarray(intercept, dtype="float64").tolist(), "missing": "error", "infinite": "error"}
    return matrix, spec | likelihood(model), {"coefficients": np.ascontiguousarray(weights, dtype="<f8").ravel()}


def lower_multinomial(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """Counts times log-probabilities."""
    return products(state, model, matrix, model.feature_log_prob_, model.class_log_prior_)


def lower_complement(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """Counts times the weights of the complements of classes."""
    intercept = model.class_log_prior_ if len(model.classes_) == 1 else np.zeros(len(model.classes_))
    return products(state, model, matrix, model.feature_log_prob_, intercept)


def lower_bernoulli(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """Presence and absence of every feature."""
    if model.binarize is not None:
        step = {"op": "above", "value": float(model.binarize)}
        matrix = Matrix([then(flat(state, c), step) for c in checked(state, model, matrix)], matrix.sparse)
    absent = np.log(1 - np.exp(model.feature_log_prob_))
    intercept = model.class_log_prior_ + absent.sum(axis=1)
    return products(state, model, matrix, model.feature_log_prob_ - absent, intercept)


def lower_categorical(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """One table of log-probabilities a column, added from left to right, the prior last."""
    nodes = Nodes()
    columns, count = [], len(model.classes_)
    for j, (column, shares) in enumerate(zip(matrix.columns, model.feature_log_prob_)):
        state.expect(column, "number", model)
        if column.hot is not None or column.value is not None:
            raise Refused(f"{class_path(model)} on one-hot or computed columns")
        size = shares.shape[1]
        code = then(column, {"op": "finite"}, {"op": "present"}, {"op": "apply", "name": "trunc"})
        codes = {"kind": "number", "keys": list(range(size)), "codes": list(range(size)), "missing": "error", "unseen": "error"}
        last = column.steps[-1]["op"] if column.steps else None
        columns.append(column if last == "encode" and codes_fit(state, column, size) else encode(state, code, codes))
        nodes.add(ladder(j, shares.T))
    node = {"op": "trees", "rounding": "float64", "trees": len(columns), "leaf_width": count, "base": [0.0] * count}
    node |= {"divide": 1, "missing": "error", "infinite": "error", "from": refs(state, columns)}
    summed = state.graph.add(node, count, nodes.arrays())
    raw = [
        state.graph.add({"op": "steps", "steps": [{"op": "add", "value": float(p)}], "from": [r]}, 1)[0]
        for r, p in zip(summed, model.class_log_prior_)
    ]
    return matrix, joint(model, raw), {}


def codes_fit(state: Lowering, column: Column, size: int) -> bool:
    """Whether every code that an encoder gives is one that the model knows."""
    table = state.tables[column.steps[-1]["table"]]
    codes = [*table["codes"], table["missing"], table["unseen"]]
    return all(code == "error" or (isinstance(code, (int, float)) and 0 <= code < size) for code in codes)


def ladder(feature: int, leaves: Array) -> Tree:
    """A tree that goes through the codes 0, 1, … of one feature; `leaves` codes × width."""
    size = len(leaves)
    steps = np.arange(size - 1)
    inner, ends = size - 1, np.arange(size)
    count = inner + size
    left = np.concatenate([inner + steps, np.full(size, -1)])
    right = np.concatenate([np.where(steps + 1 < inner, steps + 1, inner + size - 1), np.full(size, -1)])
    values = np.zeros((count, leaves.shape[1]))
    values[inner:] = leaves[ends]
    return {
        "leaf": np.arange(count) >= inner,
        "feature": np.where(np.arange(count) < inner, feature, LEAF),
        "threshold": np.concatenate([steps + 0.5, np.zeros(size)]),
        "left": left,
        "right": right,
        "flags": np.zeros(count, dtype="int64"),
        "leaves": values,
        "bitsets": np.zeros((0, 8), dtype="uint32"),
        "cover": np.zeros(count),
    }


def lower_k_means(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """The number of the nearest centre: twice the product with the centre less the square of its length, the largest wins.

    scikit-learn gives the number alone, so the scores themselves cannot be compared: rows whose two nearest centres are as far
    as rounding can tell may be given either.
    """
    centres = np.asarray(model.cluster_centers_, dtype="float64")
    if model.cluster_centers_.dtype != np.float64:
        raise Refused(f"{class_path(model)} fitted on {model.cluster_centers_.dtype}")
    lengths = np.einsum("ij,ij->i", centres, centres)
    node = {"op": "linear", "orders": ["sequential"] * len(centres), "intercept": (-lengths).tolist()}
    node |= {"missing": "error", "infinite": "error", "from": refs(state, matrix.columns)}
    near = state.graph.add(node, len(centres), {"coefficients": (2 * centres).astype("<f8").ravel()})
    return matrix, graph_spec(state.graph.add({"op": "decide", "rule": "largest", "from": near}, 1), "identity", None), {}
