"""Turns XGBoost models, Boosters and scikit-learn wrappers alike, into flat arrays of trees summed in float32."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from slipway.lower.form.columns import Lowering
from slipway.lower.form.trees import (
    CATEGORICAL,
    MISSING_LEFT,
    OUTSIDE_OTHER,
    Nodes,
    bitset_words,
    reachable,
    set_of,
)
from slipway.lower.form.types import Array, Arrays, Column, Estimator, Matrix, Result, Spec, Step, Tree
from slipway.refusal import Refused

# Objectives whose prediction is the margin itself.
IDENTITY = {
    "reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror",
    "reg:linear", "binary:logitraw", "rank:pairwise", "rank:ndcg", "rank:map",
}  # fmt: skip
EXPONENTIAL = {"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"}
LOGISTIC = {"binary:logistic", "reg:logistic"}
TRIAL_ROWS = 64

#: A part of the JSON that XGBoost saves a model as.
Document: TypeAlias = "dict[str, Any]"


class XgboostModel:
    """An XGBoost model seen as an estimator: what it answers comes from the library, by the calls that MLflow makes."""

    def __init__(self, model: Estimator) -> None:
        self.model = model
        self.wrapped_class = type(model)
        self.booster: Any = model.get_booster() if hasattr(model, "get_booster") else model
        self.config = json.loads(self.booster.save_config())["learner"]
        self.objective = self.config["objective"]["name"]
        self.missing = float(getattr(model, "missing", np.nan))
        self.n_features_in_ = int(self.booster.num_features())
        names = self.booster.feature_names
        if names:
            self.feature_names_in_ = np.array(names, dtype=object)
        self.plain = self.booster is model
        #: Predictions as MLflow gives them.
        self.predict: Callable[[Any], Array] = self.ask
        self.find_classes()

    def find_classes(self) -> None:
        """Gives a classifier its labels. A Booster is one only where it answers with a class or with one share a class."""
        count = int(self.config["learner_model_param"]["num_class"])
        if self.plain:
            if self.objective.startswith("multi:"):
                self.classes_ = np.arange(count)
            if self.objective == "multi:softprob":
                self.predict_proba: Callable[[Any], Array] = self.ask
                self.default_output = "predict_proba"
                self.predict = lambda data: np.argmax(self.predict_proba(data), axis=1)
            elif self.objective == "multi:softmax":
                self.predict = lambda data: self.ask(data).astype("int64")
        elif type(self.model).__name__.endswith("Classifier"):
            self.classes_ = np.asarray(self.model.classes_)
            if self.objective != "multi:softmax":
                self.predict_proba = self.model.predict_proba

    def ask(self, data: Any) -> Array:
        """The library's prediction."""
        return self.booster.predict(matrix(data), validate_features=True) if self.plain else self.model.predict(data)

    def margin(self, data: Any) -> Array:
        """The raw scores."""
        if self.plain:
            return self.booster.predict(matrix(data), output_margin=True, validate_features=True)
        return self.model.predict(data, output_margin=True)

    def lower(self, state: Lowering, columns: Matrix) -> Result:
        """(columns, description, arrays), as every lowering of an estimator gives. Raises Refused."""
        return lower_xgboost(self, state, columns)


def matrix(data: Any) -> Any:
    """What MLflow makes of the rows of a Booster."""
    import xgboost

    return xgboost.DMatrix(data)


def lower_xgboost(model: XgboostModel, state: Lowering, columns: Matrix) -> Result:
    """The sum of trees in float32, from the margin of the base score; missing is NaN or the value that the wrapper names."""
    document = json.loads(bytes(model.booster.save_raw(raw_format="json")))["learner"]
    booster = document["gradient_booster"]
    outputs = outputs_of(model, document)
    link, decide = link_of(model, outputs)
    weights = None
    if booster["name"] == "dart":
        weights = booster["weight_drop"]
        booster = booster["gbtree"]
    elif booster["name"] != "gbtree":
        raise Refused(f"XGBoost with booster {booster['name']}; native are gbtree and dart")
    trees, groups = chosen_trees(model, booster["model"])
    weights = (weights or booster["model"].get("weight_drop") or [1.0] * len(trees))[: len(trees)]
    order = by_output(groups, outputs)
    base = base_margins(model, document, outputs)
    columns = with_missing(model, state, columns)
    spec = {"type": "trees", "rounding": "float32", "sum": "float32", "compare": "below", "trees": len(trees)}
    spec |= {"outputs": outputs, "leaf_width": 1, "base": base.astype("float64").tolist(), "divide": 1}
    spec |= {"missing": "allow", "infinite": infinite(model), "link": link, "decide": decide}
    words = bitset_words(max((max(t["categories"], default=0) for t in trees), default=0))
    spec["bitset_words"] = words
    for rule in ("plain",) if all(w == 1 for w in weights) else ("plain", "around_base"):
        nodes = Nodes()
        for place in order:
            nodes.add(flat_tree(trees[place], words, weigh(rule, weights[place], base[groups[place]])))
        arrays = nodes.arrays()
        if rule == "around_base" or len(set(weights)) == 0 or all(w == 1 for w in weights) or repeats(model, spec, arrays):
            break
    return columns, spec, arrays


def outputs_of(model: XgboostModel, document: Document) -> int:
    """Raw scores a row. Raises Refused for several targets."""
    if int(document["learner_model_param"].get("num_target", "1")) > 1:
        raise Refused("XGBoost with several targets")
    return max(1, int(document["learner_model_param"]["num_class"]))


def link_of(model: XgboostModel, outputs: int) -> tuple[str, str | None]:
    """(link, rule that decides) by the objective. Raises Refused for one without a native form."""
    classifier = hasattr(model, "classes_")
    objective = model.objective
    if objective == "multi:softmax":
        return "none", "largest"
    if objective == "multi:softprob" and classifier:
        return "softmax32", "largest_share"
    if objective in LOGISTIC:
        return "sigmoid32", "largest_share" if classifier else None
    if not classifier and outputs == 1:
        if objective in IDENTITY:
            return "identity", None
        if objective in EXPONENTIAL:
            return "exp32", None
    raise Refused(f"XGBoost with objective {objective}" + (" in a classifier" if classifier else ""))


def chosen_trees(model: XgboostModel, gbtree: Document) -> tuple[list[Document], list[int]]:
    """The trees that predict uses, and the output that each adds to: early stopping leaves out those after the best round."""
    trees, groups = gbtree["trees"], gbtree["tree_info"]
    if any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in trees):
        raise Refused("XGBoost with trees of several targets")
    if not model.plain:
        rounds = rounds_used(model.model)
        if rounds:
            layer = gbtree.get("iteration_indptr")
            parallel = max(1, int(gbtree["gbtree_model_param"].get("num_parallel_tree", "1")))
            end = layer[rounds] if layer else rounds * parallel * (max(groups, default=0) + 1)
            trees, groups = trees[:end], groups[:end]
    return trees, groups


def rounds_used(wrapper: Any) -> int:
    """Boosting rounds that the scikit-learn wrapper predicts with; 0 means all."""
    if hasattr(wrapper, "_get_iteration_range"):
        return wrapper._get_iteration_range(None)[1]
    try:
        return wrapper.best_iteration + 1
    except AttributeError:
        return 0


def by_output(groups: list[int], outputs: int) -> list[int]:
    """The order of the trees in which tree t adds to output t modulo outputs; within an output they keep their order."""
    of = [[i for i, group in enumerate(groups) if group == k] for k in range(outputs)]
    if len({len(places) for places in of}) > 1:
        raise Refused("XGBoost with outputs of different numbers of trees")
    return [places[i] for i in range(len(of[0])) for places in of]


def base_margins(model: XgboostModel, document: Document, outputs: int) -> Array:
    """The margins before the first tree, asked of the library: it answers with them once every leaf is zero."""
    import xgboost

    bare = json.loads(json.dumps(document))
    booster = bare["gradient_booster"]
    for tree in booster.get("gbtree", booster)["model"]["trees"]:
        pairs = zip(tree["split_conditions"], tree["left_children"])
        tree["split_conditions"] = [0.0 if left < 0 else condition for condition, left in pairs]
    version = json.loads(model.booster.save_config())["version"]
    empty = xgboost.Booster(model_file=bytearray(json.dumps({"learner": bare, "version": version}).encode()))
    row = xgboost.DMatrix(np.zeros((1, model.n_features_in_), dtype="float32"))
    margins = empty.predict(row, output_margin=True, validate_features=False)
    return np.broadcast_to(np.asarray(margins, dtype="float32").ravel(), (outputs,))


def with_missing(model: XgboostModel, state: Lowering, matrix_in: Matrix) -> Matrix:
    """The columns with what XGBoost takes as missing made NaN: the wrapper's own value, and zeros that a sparse matrix leaves out."""
    if matrix_in.sparse:
        return Matrix([sparse_column(column) for column in matrix_in.columns], False)
    if np.isnan(model.missing):
        return matrix_in
    absent = float(np.float32(model.missing))
    steps = ({"op": "float32"}, {"op": "impute", "missing": absent, "value": "NaN"})
    return Matrix([absent_column(column, steps, absent) for column in matrix_in.columns], False)


def sparse_column(column: Column) -> Column:
    """A column of a sparse matrix: a zero that no scaling has made is not stored, so it is missing."""
    if column.hot is not None:
        return absent_column(column, (), 0.0)
    steps = list(column.steps)
    place = len(steps)
    while place > 0 and steps[place - 1]["op"] in ("multiply", "divide"):
        place -= 1
    steps.insert(place, {"op": "impute", "missing": 0.0, "value": "NaN"})
    return replace(column, steps=tuple(steps))


def absent_column(column: Column, steps: tuple[Step, ...], absent: float) -> Column:
    """The column with more steps; a one-hot column has its two values replaced where they count as missing."""
    if column.hot is None:
        return replace(column, steps=column.steps + steps)
    off, on = (float("nan") if np.float32(value) == np.float32(absent) else value for value in (column.off, column.on))
    return replace(column, off=off, on=on)


def infinite(model: XgboostModel) -> str:
    """allow or error: whether the library takes a row that holds an infinity."""
    row = np.zeros((1, model.n_features_in_))
    row[0, 0] = np.inf
    names = getattr(model, "feature_names_in_", None)
    try:
        if names is not None:
            import pandas as pd

            model.margin(pd.DataFrame(row, columns=names))
        else:
            model.margin(row)
    except ValueError:
        return "error"
    return "allow"


def weigh(rule: str, weight: float, base: float) -> Callable[[Array], Array]:
    """How a leaf counts in a sum: multiplied by the weight of a dropout tree, in some releases around the base margin."""
    weight = np.float32(weight)
    if rule == "plain":
        return lambda leaf: leaf * weight
    return lambda leaf: ((np.float32(base) + leaf) - np.float32(base)) * weight


def flat_tree(tree: Document, words: int, weighed: Callable[[Array], Array]) -> Tree:
    """The arrays of one tree, parents before children; the categories that XGBoost sends right become the set that goes left."""
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    keep, left, right = reachable(left, right)
    leaf = left < 0
    condition = np.array(tree["split_conditions"], dtype="float32")[keep]
    category = (np.array(tree.get("split_type") or [0] * len(tree["split_conditions"]))[keep] == 1) & ~leaf
    default_left = np.array(tree["default_left"])[keep] != 0
    sets = {node: (begin, size) for node, begin, size in zip(*(tree.get(f"categories_{k}", []) for k in ("nodes", "segments", "sizes")))}
    bitsets: list[Array] = []
    threshold = condition.astype("float64")
    for i in np.flatnonzero(category):
        begin, size = sets[int(keep[i])]
        threshold[i] = len(bitsets)
        bitsets.append(~set_of(tree["categories"][begin : begin + size], words))
    outside_left = np.where(default_left, 0, OUTSIDE_OTHER)
    return {
        "leaf": leaf,
        "feature": np.array(tree["split_indices"])[keep],
        "threshold": threshold,
        "left": left,
        "right": right,
        "flags": np.where(default_left, MISSING_LEFT, 0) + np.where(category, CATEGORICAL + outside_left, 0),
        "leaves": weighed(condition).astype("float64").reshape(-1, 1),
        "bitsets": np.array(bitsets, dtype="uint32").reshape(-1, words),
        "cover": np.array(tree["sum_hessian"], dtype="float32")[keep].astype("float64"),
    }


def repeats(model: XgboostModel, spec: Spec, arrays: Arrays) -> bool:
    """Whether the sum of these leaves gives the library's margins on some rows."""
    rows = np.random.default_rng(0).normal(size=(TRIAL_ROWS, model.n_features_in_)).astype("float32")
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        import pandas as pd

        found = model.margin(pd.DataFrame(rows, columns=names))
    else:
        found = model.margin(rows)
    return np.array_equal(np.asarray(found).reshape(TRIAL_ROWS, -1), walk(spec, arrays, rows))


def walk(spec: Spec, arrays: Arrays, rows: Array) -> Array:
    """The margins of rows without missing values by the flat arrays."""
    words = spec["bitset_words"]
    out = np.tile(np.array(spec["base"], dtype="float32"), (len(rows), 1))
    for t, root in enumerate(arrays["roots"]):
        k = t % spec["outputs"]
        for r, row in enumerate(rows):
            node = root
            while arrays["feature"][node] >= 0:
                node = arrays["left" if goes_left(arrays, node, row, words) else "right"][node]
            out[r, k] += np.float32(arrays["leaves"][arrays["left"][node]])
    return out


def goes_left(arrays: Arrays, node: int, row: Array, words: int) -> bool:
    """Where a row without missing values goes."""
    value, limit = row[arrays["feature"][node]], arrays["threshold"][node]
    if not arrays["flags"][node] & CATEGORICAL:
        return value < limit
    if value < 0 or value >= 32 * words:
        return True
    return bool(arrays["bitsets"][int(limit) * words + int(value) // 32] >> np.uint32(int(value) % 32) & 1)
