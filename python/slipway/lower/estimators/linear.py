"""Turns fitted linear models of scikit-learn into coefficients and the order in which their products are added."""

from __future__ import annotations

import numpy as np

from slipway.lower.form.columns import Lowering
from slipway.lower.form.dot import dot_orders
from slipway.lower.form.graph import graph_spec
from slipway.lower.form.types import Estimator, Matrix, Result
from slipway.lower.transformers.text import has_wide, sparse_product
from slipway.refusal import Refused, class_path


def lower_linear(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """Linear models: products summed in the order of this machine's BLAS (or of the sparse product), then the intercept."""
    classifier = hasattr(model, "classes_")
    coefficients = np.asarray(model.coef_, dtype="float64")
    if model.coef_.dtype != np.float64:
        raise Refused(f"{class_path(model)} with coefficients of type {model.coef_.dtype}")
    table = np.atleast_2d(coefficients)
    outputs, width = table.shape
    wide = has_wide(matrix)
    orders = ["sequential"] * outputs if matrix.sparse or wide else dot_orders(model.coef_, table)
    if None in orders:
        raise Refused(f"the matrix product of this machine adds {width} terms in an order that is not known")
    link, decide = "identity", None
    if classifier and not hasattr(model, "predict_proba"):
        link, decide = "none", "positive" if outputs == 1 else "largest"
    elif classifier and getattr(model, "loss", None) == "log_loss":
        link, decide = "sigmoid" if outputs == 1 else "one_vs_rest", "positive" if outputs == 1 else "largest"
    elif classifier and not type(model).__name__.startswith("Logistic"):
        raise Refused(f"{class_path(model)} with probabilities of its own form")
    elif classifier:
        link, decide = linear_link(model, outputs), "positive" if outputs == 1 else "largest"
    intercept = np.broadcast_to(np.asarray(model.intercept_, dtype="float64").ravel(), (outputs,))
    if wide:
        found = sparse_product(state, model, matrix, table, intercept)
        return matrix, graph_spec(found, link, decide), {}
    spec = {"type": "linear", "sparse": matrix.sparse, "outputs": outputs, "orders": orders, "intercept": intercept.tolist()}
    checks = {"missing": "error", "infinite": "error", "link": link, "decide": decide}
    return matrix, spec | checks, {"coefficients": table.astype("<f8").ravel()}


def linear_link(model: Estimator, outputs: int) -> str:
    """How this version turns scores into probabilities."""
    mode = getattr(model, "multi_class", "deprecated")
    one_vs_rest = mode == "ovr" or (mode == "auto" and model.solver in ("liblinear", "newton-cholesky"))
    if outputs > 1:
        return "one_vs_rest" if one_vs_rest or model.solver == "liblinear" else "softmax"
    if mode == "multinomial":
        raise Refused(f"{class_path(model)} with two classes and multi_class='multinomial'")
    return "sigmoid"
