"""Adaptive boosting in all its forms, bagging of trees and isolation forests."""

from __future__ import annotations

import math

import numpy as np

from slipway.lower.estimators.forests import (
    accepts,
    dense_tree,
    leaf_values,
    tree_model,
)
from slipway.lower.estimators.meta import lower_bagged
from slipway.lower.form.columns import Lowering, refs
from slipway.lower.form.graph import graph_spec
from slipway.lower.form.trees import LEAF, Nodes
from slipway.lower.form.types import Array, Estimator, Matrix, Result, Spec
from slipway.refusal import Refused, class_path


def special_values(model: Estimator, matrix: Matrix) -> Spec:
    """Which special values an ensemble takes; inside another model nothing is asked of computed columns."""
    return {"missing": accepts(model, len(matrix.columns), math.nan), "infinite": "error"}


def lower_adaptive_boosting(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """AdaBoost over trees: each leaf holds what its tree adds to every class, sums in order of trees."""
    count = len(model.classes_)
    nodes = Nodes()
    for tree, weight in zip(model.estimators_, model.estimator_weights_):
        if not hasattr(tree, "tree_"):
            raise Refused(f"{class_path(model)} over {class_path(tree)}")
        nodes.add(dense_tree(tree.tree_, votes(model, tree, weight, count)))
    node = {"op": "trees", "rounding": "float32", "trees": len(model.estimators_), "leaf_width": count, "base": [0.0] * count}
    node |= {"divide": float(model.estimator_weights_.sum()), "from": refs(state, matrix.columns)} | special_values(model, matrix)
    raw = state.graph.add(node, count, nodes.arrays())
    if count > 2:
        return matrix, graph_spec(raw, "sigmoid_softmax", "largest"), {}
    node = {"op": "mean", "outputs": 1, "weights": [-1.0, 1.0], "divide": 1.0, "from": raw}
    return matrix, graph_spec(state.graph.add(node, 1), "sigmoid_softmax", "positive"), {}


def votes(model: Estimator, tree: Estimator, weight: float, count: int) -> Array:
    """What every node of a tree adds to every class."""
    if getattr(model, "algorithm", "SAMME") == "SAMME.R":
        shares = leaf_values(tree, True)
        if shares.shape[1] != count:
            raise Refused(f"{class_path(model)} over members that lack a class")
        logs = np.log(np.clip(shares, np.finfo(shares.dtype).eps, None))
        return (count - 1) * (logs - (1.0 / count) * logs.sum(axis=1)[:, np.newaxis])
    chosen = tree.classes_.take(np.argmax(tree.tree_.value[:, 0, :], axis=1))
    return np.where(chosen[:, None] == model.classes_[None, :], weight, -1 / (count - 1) * weight)


def lower_adaptive_regressor(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """AdaBoost of regression trees: the weighted median of their predictions."""
    found = []
    read, checks = refs(state, matrix.columns), special_values(model, matrix)
    for tree in model.estimators_:
        if not hasattr(tree, "tree_"):
            raise Refused(f"{class_path(model)} over {class_path(tree)}")
        nodes = Nodes()
        nodes.add(dense_tree(tree.tree_, leaf_values(tree, False)))
        node = {"op": "trees", "rounding": "float32", "trees": 1, "leaf_width": 1, "base": [0.0], "divide": 1, "from": read}
        found += state.graph.add(node | checks, 1, nodes.arrays())
    weights = model.estimator_weights_[: len(found)].tolist()
    raw = state.graph.add({"op": "median", "weights": weights, "from": found}, 1)
    return matrix, graph_spec(raw, "identity", None), {}


def lower_bagging(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """Bagging: over trees one sum, divided by their number, each tree reading its own features; over others part by part."""
    if not all(hasattr(tree, "tree_") for tree in model.estimators_):
        return lower_bagged(state, model, matrix)
    classifier = hasattr(model, "classes_")
    outputs = len(model.classes_) if classifier else 1
    nodes = Nodes()
    for tree, features in zip(model.estimators_, model.estimators_features_):
        if classifier and len(tree.classes_) != outputs:
            raise Refused(f"{class_path(model)} over members that lack a class")
        flat = dense_tree(tree.tree_, leaf_values(tree, classifier))
        flat["feature"] = np.where(flat["leaf"], LEAF, np.asarray(features)[flat["feature"]])
        nodes.add(flat)
    spec = {"rounding": "float32", "outputs": outputs, "leaf_width": outputs, "base": [0.0] * outputs}
    spec |= {"divide": len(model.estimators_)} | special_values(model, matrix)
    return tree_model(matrix, nodes, spec | {"link": "identity", "decide": "largest" if classifier else None})


def lower_isolation_forest(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """Isolation forest: mean depth of a row's leaves, then two to its negative power."""
    from sklearn.ensemble._iforest import _average_path_length

    nodes = Nodes()
    parts = zip(model.estimators_, model.estimators_features_, model._decision_path_lengths, model._average_path_length_per_tree)
    for tree, features, path, average in parts:
        flat = dense_tree(tree.tree_, (path + average - 1.0).reshape(-1, 1))
        flat["feature"] = np.where(flat["leaf"], LEAF, np.asarray(features)[flat["feature"]])
        nodes.add(flat)
    divide = float(len(model.estimators_) * _average_path_length([model._max_samples])[0])
    node = {"op": "trees", "rounding": "float32", "leaf_width": 1, "trees": len(model.estimators_), "base": [0.0]}
    node |= {"divide": divide, "from": refs(state, matrix.columns)} | special_values(model, matrix)
    depth = state.graph.add(node, 1, nodes.arrays())
    raw = state.graph.add({"op": "power", "offset": float(model.offset_), "from": depth}, 1)
    return matrix, graph_spec(raw, "outlier", None, scores="ulp"), {}
