"""Turns fitted trees, forests and gradient boosting of scikit-learn into flat arrays of nodes."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from slipway.lower.form.columns import Lowering
from slipway.lower.form.trees import CATEGORICAL, MISSING_LEFT, Nodes
from slipway.lower.form.types import Array, Estimator, Matrix, Result, Spec, Tree
from slipway.lower.transformers.dispatch import lower_transformer
from slipway.refusal import Refused, class_path


def dense_tree(tree: Any, leaves: Array) -> Tree:
    """The arrays of one scikit-learn tree; `leaves` holds its values, nodes × width."""
    nodes = tree.__getstate__()["nodes"]
    known = {
        "left_child", "right_child", "feature", "threshold", "impurity", "n_node_samples", "weighted_n_node_samples",
        "missing_go_to_left",
    }  # fmt: skip
    if set(nodes.dtype.names) - known:
        raise Refused(f"trees with node fields {sorted(set(nodes.dtype.names) - known)}")
    missing = nodes["missing_go_to_left"] if "missing_go_to_left" in nodes.dtype.names else np.zeros(len(nodes))
    return {
        "leaf": nodes["left_child"] == -1,
        "feature": nodes["feature"].astype("int64"),
        "threshold": nodes["threshold"].astype("float64"),
        "left": nodes["left_child"].astype("int64"),
        "right": nodes["right_child"].astype("int64"),
        "flags": missing.astype("int64") * MISSING_LEFT,
        "leaves": leaves,
        "bitsets": np.zeros((0, 8), dtype="uint32"),
        "cover": nodes["weighted_n_node_samples"],
    }


def histogram_tree(predictor: Any, known_bitsets: Array, feature_map: Array) -> Tree:
    """The arrays of one tree of histogram boosting; unseen categories are folded into the bitset of their side."""
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    category = (nodes["is_categorical"] != 0) & ~leaf
    bitsets: list[Array] = []
    threshold = np.where(category, 0.0, nodes["num_threshold"])
    for i in np.flatnonzero(category):
        left = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][i]]
        known = known_bitsets[feature_map[nodes["feature_idx"][i]]]
        threshold[i] = len(bitsets)
        bitsets.append(left | ~known if nodes["missing_go_to_left"][i] else left)
    return {
        "leaf": leaf,
        "feature": nodes["feature_idx"].astype("int64"),
        "threshold": threshold,
        "left": nodes["left"].astype("int64"),
        "right": nodes["right"].astype("int64"),
        "flags": np.where(nodes["missing_go_to_left"] != 0, MISSING_LEFT, 0) + np.where(category, CATEGORICAL, 0),
        "leaves": nodes["value"].astype("float64").reshape(-1, 1),
        "bitsets": np.array(bitsets, dtype="uint32").reshape(-1, 8),
        "cover": nodes["count"].astype("float64"),
    }


def lower_histogram_boosting(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """HistGradientBoosting: float64 features, baseline first, then every tree in order."""
    preprocessor = getattr(model, "_preprocessor", None)
    if preprocessor is not None:
        matrix = lower_transformer(state, preprocessor, matrix)
    known, feature_map = model._bin_mapper.make_known_categories_bitsets()
    nodes = Nodes()
    for stage in model._predictors:
        for predictor in stage:
            nodes.add(histogram_tree(predictor, known, feature_map))
    outputs = int(model.n_trees_per_iteration_)
    link: str | None
    decide: str | None
    if hasattr(model, "classes_"):
        link, decide = ("sigmoid", "positive") if outputs == 1 else ("softmax", "largest")
    else:
        decide = None
        link = {"IdentityLink": "identity", "LogLink": "exp"}.get(type(model._loss.link).__name__)
        if link is None:
            raise Refused(f"{class_path(model)} with link {class_path(model._loss.link)}")
    base = np.broadcast_to(np.asarray(model._baseline_prediction, dtype="float64").ravel(), (outputs,))
    spec = {"rounding": "float64", "outputs": outputs, "leaf_width": 1, "base": base.tolist(), "divide": 1}
    return tree_model(matrix, nodes, spec | {"missing": "allow", "infinite": "allow", "link": link, "decide": decide})


def tree_model(matrix: Matrix, nodes: Nodes, spec: Spec) -> Result:
    """The finished description of a sum of trees."""
    return matrix, {"type": "trees", "trees": len(nodes.parts["roots"])} | spec, nodes.arrays()


def accepts(model: Estimator, width: int, value: float) -> str:
    """allow or error: whether an estimator takes a row that holds this value."""
    row = np.zeros((1, width))
    row[0, 0] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.predict(row)
        except ValueError:
            return "error"
    return "allow"


def lower_gradient_boosting(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """GradientBoosting: float32 features, constant start, learning rate × leaf in order of stages."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    if not (isinstance(model.init_, str) or type(model.init_) in (DummyClassifier, DummyRegressor)):
        raise Refused(f"{class_path(model)} with init {class_path(model.init_)}")
    width = len(matrix.columns)
    base = model._raw_predict_init(np.zeros((1, width), dtype="float32")).ravel()
    nodes = Nodes()
    for stage in model.estimators_:
        for tree in stage:
            value = tree.tree_.value[:, 0, 0].reshape(-1, 1)
            nodes.add(dense_tree(tree.tree_, np.float64(model.learning_rate) * value))
    outputs = model.estimators_.shape[1]
    link, decide, more = "identity", None, {}
    if hasattr(model, "classes_"):
        if outputs == 1:
            link, decide = ("sigmoid2" if model.loss == "exponential" else "sigmoid"), "not_negative"
        else:
            link, decide = "softmax", "largest"
            if hasattr(model._loss, "_raw_prediction_to_proba"):
                hidden = f"predict_proba of {class_path(model)} goes through a logarithm of NumPy before scikit-learn 1.4"
                link, more = "none", {"hidden": hidden}
    spec = {"rounding": "float32", "outputs": outputs, "leaf_width": 1, "base": base.tolist(), "divide": 1}
    checks = {"missing": accepts(model, width, math.nan), "infinite": "error"}
    return tree_model(matrix, nodes, spec | checks | {"link": link, "decide": decide} | more)


def leaf_values(tree: Estimator, classifier: bool) -> Array:
    """The values of a tree's nodes: the mean, or the class shares as this version of scikit-learn normalises them."""
    if not classifier:
        return tree.tree_.value[:, :, 0]
    value = tree.tree_.value[:, 0, :]
    shares = value[:, : tree.n_classes_].copy()
    if normalises():
        total = shares.sum(axis=1)[:, np.newaxis]
        total[total == 0.0] = 1.0
        shares /= total
    return shares


def normalises() -> bool:
    """Whether predict_proba of a tree divides by the sum of its leaf (up to scikit-learn 1.3 nodes hold counts)."""
    import inspect

    from sklearn.tree import DecisionTreeClassifier

    return "normalizer" in inspect.getsource(DecisionTreeClassifier.predict_proba)


def lower_forest(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """Forests and single trees: float32 features, sum in order of trees, divided by their number."""
    classifier = hasattr(model, "classes_")
    targets = getattr(model, "n_outputs_", 1)
    if classifier and targets != 1:
        raise Refused(f"{class_path(model)} with {targets} targets of classes")
    trees = getattr(model, "estimators_", [model])
    nodes = Nodes()
    for tree in trees:
        nodes.add(dense_tree(tree.tree_, leaf_values(tree, classifier)))
    width = len(matrix.columns)
    outputs = len(model.classes_) if classifier else targets
    spec = {"rounding": "float32", "outputs": outputs, "leaf_width": outputs, "base": [0.0] * outputs, "divide": len(trees)}
    checks = {"missing": accepts(model, width, math.nan), "infinite": "error"}
    decide = "largest" if classifier else None
    return tree_model(matrix, nodes, spec | checks | {"link": "identity", "decide": decide})
