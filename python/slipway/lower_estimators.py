"""Turns fitted scikit-learn estimators into flat arrays: trees as nodes, linear models as coefficients."""

import math
import warnings

import numpy as np

from slipway.lower_columns import Matrix, lower_transformer
from slipway.lower_dot import find_orders
from slipway.lower_errors import Refused, class_path
from slipway.lower_trees import CATEGORICAL, LEAF, MISSING_LEFT, Nodes

DOT_TRIALS = 32


def dense_tree(tree, leaves):
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


def histogram_tree(predictor, known_bitsets, feature_map):
    """The arrays of one tree of histogram boosting; unseen categories are folded into the bitset of their side."""
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    category = (nodes["is_categorical"] != 0) & ~leaf
    bitsets = []
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


def lower_histogram_boosting(state, model, matrix):
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


def tree_model(matrix, nodes, spec):
    """The finished description of a sum of trees."""
    return matrix, {"type": "trees", "trees": len(nodes.parts["roots"])} | spec, nodes.arrays()


def accepts(model, width, value):
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


def single_output(model):
    """Requires one target."""
    if getattr(model, "n_outputs_", 1) != 1:
        raise Refused(f"{class_path(model)} with {model.n_outputs_} targets")


def lower_gradient_boosting(state, model, matrix):
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
    link, decide = "identity", None
    if hasattr(model, "classes_"):
        if outputs == 1:
            link, decide = ("sigmoid2" if model.loss == "exponential" else "sigmoid"), "not_negative"
        else:
            by_log = hasattr(model._loss, "_raw_prediction_to_proba")
            link, decide = ("softmax_log" if by_log else "softmax"), "largest"
    spec = {"rounding": "float32", "outputs": outputs, "leaf_width": 1, "base": base.tolist(), "divide": 1}
    checks = {"missing": accepts(model, width, math.nan), "infinite": "error"}
    return tree_model(matrix, nodes, spec | checks | {"link": link, "decide": decide})


def leaf_values(tree, classifier):
    """The values of a tree's nodes: the mean, or the class shares as this version of scikit-learn normalises them."""
    value = tree.tree_.value[:, 0, :]
    if not classifier:
        return value[:, :1]
    shares = value[:, : tree.n_classes_].copy()
    if normalises():
        total = shares.sum(axis=1)[:, np.newaxis]
        total[total == 0.0] = 1.0
        shares /= total
    return shares


def normalises():
    """Whether predict_proba of a tree divides by the sum of its leaf (up to scikit-learn 1.3 nodes hold counts)."""
    import inspect

    from sklearn.tree import DecisionTreeClassifier

    return "normalizer" in inspect.getsource(DecisionTreeClassifier.predict_proba)


def lower_forest(state, model, matrix):
    """Forests and single trees: float32 features, sum in order of trees, divided by their number."""
    single_output(model)
    classifier = hasattr(model, "classes_")
    trees = getattr(model, "estimators_", [model])
    nodes = Nodes()
    for tree in trees:
        nodes.add(dense_tree(tree.tree_, leaf_values(tree, classifier)))
    width = len(matrix.columns)
    outputs = len(model.classes_) if classifier else 1
    spec = {"rounding": "float32", "outputs": outputs, "leaf_width": outputs, "base": [0.0] * outputs, "divide": len(trees)}
    checks = {"missing": accepts(model, width, math.nan), "infinite": "error"}
    decide = "largest" if classifier else None
    return tree_model(matrix, nodes, spec | checks | {"link": "identity", "decide": decide})


def lower_linear(state, model, matrix):
    """Linear models: products summed in the order of this machine's BLAS (or of the sparse product), then the intercept."""
    classifier = hasattr(model, "classes_")
    coefficients = np.asarray(model.coef_, dtype="float64")
    if model.coef_.dtype != np.float64:
        raise Refused(f"{class_path(model)} with coefficients of type {model.coef_.dtype}")
    if coefficients.ndim == 2 and not classifier:
        raise Refused(f"{class_path(model)} with {coefficients.shape[0]} targets in two dimensions")
    table = np.atleast_2d(coefficients)
    outputs, width = table.shape
    orders = ["sequential"] * outputs if matrix.sparse else dot_orders(model.coef_, table)
    if None in orders:
        raise Refused(f"the matrix product of this machine adds {width} terms in an order that is not known")
    link, decide = "identity", None
    if classifier and not hasattr(model, "predict_proba"):
        link, decide = "none", "positive" if outputs == 1 else "largest"
    elif classifier and not type(model).__name__.startswith("Logistic"):
        raise Refused(f"{class_path(model)} with probabilities of its own form")
    elif classifier:
        link, decide = linear_link(model, outputs), "positive" if outputs == 1 else "largest"
    intercept = np.broadcast_to(np.asarray(model.intercept_, dtype="float64").ravel(), (outputs,))
    spec = {"type": "linear", "sparse": matrix.sparse, "outputs": outputs, "orders": orders, "intercept": intercept.tolist()}
    checks = {"missing": "error", "infinite": "error", "link": link, "decide": decide}
    return matrix, spec | checks, {"coefficients": table.astype("<f8").ravel()}


def lower_adaptive_boosting(state, model, matrix):
    """AdaBoost over trees: each leaf holds what its tree's vote adds to every class, sums in order of trees."""
    if getattr(model, "algorithm", "SAMME") == "SAMME.R":
        raise Refused(f"{class_path(model)} with algorithm SAMME.R")
    classes = len(model.classes_)
    nodes = Nodes()
    for tree, weight in zip(model.estimators_, model.estimator_weights_):
        if not hasattr(tree, "tree_"):
            raise Refused(f"{class_path(model)} over {class_path(tree)}")
        chosen = tree.classes_.take(np.argmax(tree.tree_.value[:, 0, :], axis=1))
        votes = np.where(chosen[:, None] == model.classes_[None, :], weight, -1 / (classes - 1) * weight)
        nodes.add(dense_tree(tree.tree_, votes[:, 1:] if classes == 2 else votes))
    if classes == 2:
        raise Refused(f"{class_path(model)} with two classes")
    width = len(matrix.columns)
    spec = {"rounding": "float32", "outputs": classes, "leaf_width": classes, "base": [0.0] * classes}
    spec |= {"divide": float(model.estimator_weights_.sum()), "missing": accepts(model, width, math.nan), "infinite": "error"}
    return tree_model(matrix, nodes, spec | {"link": "sigmoid_softmax", "decide": "largest"})


def lower_bagging(state, model, matrix):
    """Bagging over trees: sum in order of trees, divided by their number; each tree reads its own features."""
    classifier = hasattr(model, "classes_")
    outputs = len(model.classes_) if classifier else 1
    nodes = Nodes()
    for tree, features in zip(model.estimators_, model.estimators_features_):
        if not hasattr(tree, "tree_") or (classifier and len(tree.classes_) != outputs):
            raise Refused(f"{class_path(model)} over {class_path(tree)} or over members that lack a class")
        flat = dense_tree(tree.tree_, leaf_values(tree, classifier))
        flat["feature"] = np.where(flat["leaf"], LEAF, np.asarray(features)[flat["feature"]])
        nodes.add(flat)
    width = len(matrix.columns)
    spec = {"rounding": "float32", "outputs": outputs, "leaf_width": outputs, "base": [0.0] * outputs}
    spec |= {"divide": len(model.estimators_), "missing": accepts(model, width, math.nan), "infinite": "error"}
    return tree_model(matrix, nodes, spec | {"link": "identity", "decide": "largest" if classifier else None})


def lower_gaussian(state, model, matrix):
    """Gaussian naive Bayes: the joint log-likelihood, sums in NumPy's pairwise order."""
    prior = [float(np.log(p)) for p in model.class_prior_]
    constant = [float(-0.5 * np.sum(np.log(2.0 * np.pi * v))) for v in model.var_]
    width, outputs = len(matrix.columns), len(prior)
    node = {"op": "gauss", "arrays": "", "from": list(range(width)), "to": width, "prior": prior}
    spec = {"type": "graph", "nodes": [node], "slots": width + outputs, "result": [width + k for k in range(outputs)]}
    spec |= {"outputs": outputs, "missing": "error", "infinite": "error", "link": "softmax_log", "decide": "largest"}
    arrays = {"theta": model.theta_, "var": model.var_, "constant": np.array(constant)}
    return matrix, spec, {k: np.ascontiguousarray(v, dtype="<f8").ravel() for k, v in arrays.items()}


def lower_isolation_forest(state, model, matrix):
    """Isolation forest: mean depth of a row's leaves, then two to its negative power."""
    from sklearn.ensemble._iforest import _average_path_length

    nodes = Nodes()
    parts = zip(model.estimators_, model.estimators_features_, model._decision_path_lengths, model._average_path_length_per_tree)
    for tree, features, path, average in parts:
        flat = dense_tree(tree.tree_, (path + average - 1.0).reshape(-1, 1))
        flat["feature"] = np.where(flat["leaf"], LEAF, np.asarray(features)[flat["feature"]])
        nodes.add(flat)
    width = len(matrix.columns)
    divide = float(len(model.estimators_) * _average_path_length([model._max_samples])[0])
    gate = {"missing": accepts(model, width, math.nan), "infinite": "error"}
    forest = {"op": "trees", "arrays": "", "from": list(range(width)), "to": width, "rounding": "float32", "leaf_width": 1}
    forest |= {"trees": len(model.estimators_), "base": [0.0], "divide": divide} | gate
    power = {"op": "power", "from": [width], "to": width + 1, "offset": float(model.offset_)}
    spec = {"type": "graph", "nodes": [forest, power], "slots": width + 2, "result": [width + 1], "outputs": 1, "scores": "ulp"}
    return matrix, spec | gate | {"link": "outlier", "decide": None}, nodes.arrays()


def dot_orders(coef, table):
    """The order of every output, found by multiplying random rows one at a time."""
    random = np.random.default_rng(1)
    rows = random.normal(size=(DOT_TRIALS, table.shape[1])) * 10.0 ** random.integers(-3, 4, size=(DOT_TRIALS, 1))
    right = coef if coef.ndim == 1 else coef.T
    products = [np.atleast_1d(np.asarray(row[None, :] @ right)[0]).tolist() for row in rows]
    return find_orders(rows.tolist(), table.tolist(), products)


def linear_link(model, outputs):
    """How this version turns scores into probabilities."""
    mode = getattr(model, "multi_class", "deprecated")
    one_vs_rest = mode == "ovr" or (mode == "auto" and model.solver in ("liblinear", "newton-cholesky"))
    if outputs > 1:
        return "one_vs_rest" if one_vs_rest or model.solver == "liblinear" else "softmax"
    if mode == "multinomial":
        raise Refused(f"{class_path(model)} with two classes and multi_class='multinomial'")
    return "sigmoid"


ESTIMATORS = {
    "AdaBoostClassifier": lower_adaptive_boosting,
    "BaggingClassifier": lower_bagging,
    "BaggingRegressor": lower_bagging,
    "GaussianNB": lower_gaussian,
    "IsolationForest": lower_isolation_forest,
    "HistGradientBoostingClassifier": lower_histogram_boosting,
    "HistGradientBoostingRegressor": lower_histogram_boosting,
    "GradientBoostingClassifier": lower_gradient_boosting,
    "GradientBoostingRegressor": lower_gradient_boosting,
    **dict.fromkeys(
        ("RandomForestClassifier", "ExtraTreesClassifier", "DecisionTreeClassifier", "ExtraTreeClassifier")
        + ("RandomForestRegressor", "ExtraTreesRegressor", "DecisionTreeRegressor", "ExtraTreeRegressor"),
        lower_forest,
    ),
    **dict.fromkeys(
        ("LogisticRegression", "LogisticRegressionCV", "LinearRegression", "Ridge", "RidgeCV")
        + ("Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "SGDClassifier", "SGDRegressor", "LinearSVC", "LinearSVR")
        + ("RidgeClassifier", "RidgeClassifierCV", "Perceptron", "HuberRegressor", "BayesianRidge", "ARDRegression", "Lars", "LassoLars"),
        lower_linear,
    ),
}


def lower_estimator(state, model, matrix: Matrix):
    """(matrix, description, arrays) of a final estimator. Raises Refused for a class without a native form."""
    kind = type(model)
    if hasattr(model, "wrapped_class"):
        return model.lower(state, matrix)
    lower = ESTIMATORS.get(kind.__name__) if kind.__module__.startswith("sklearn.") else None
    if lower is None:
        raise Refused(f"{class_path(model)} has no native form")
    matrix_out, spec, arrays = lower(state, model, matrix)
    for column in matrix_out.columns:
        state.expect(column, "number", model)
    return matrix_out, spec, arrays
