"""Turns LightGBM models, Boosters and scikit-learn wrappers alike, into flat arrays of trees summed in float64."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from slipway.lower.form.columns import Lowering
from slipway.lower.form.inputs import InputColumn
from slipway.lower.form.trees import (
    CATEGORICAL,
    LEAF,
    MISSING_LEFT,
    TRUNCATES,
    ZERO_MISSING,
    Nodes,
    bitset_words,
    reachable,
)
from slipway.lower.form.types import Array, Arrays, Estimator, Matrix, Result, Tree
from slipway.refusal import Refused, class_path

IDENTITY = {
    "regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg",
}  # fmt: skip
EXPONENTIAL = {"poisson", "gamma", "tweedie"}
# LightGBM's bits of a decision.
CATEGORICAL_BIT, DEFAULT_LEFT_BIT = 1, 2
NONE, ZERO, NAN = 0, 1, 2
# Values this near zero are zero to LightGBM: 1e-35 in float32.
NEAR_ZERO = float(np.float32(1e-35))

#: The keys and values of one tree in the text of a model.
TreeText: TypeAlias = "dict[str, str]"
#: A linear leaf: its constant, the features that it reads and their coefficients.
Line: TypeAlias = "tuple[Any, Any, Any]"


class LightgbmModel:
    """A LightGBM model seen as an estimator: what it answers comes from the library, by the calls that MLflow makes.

    Columns are read by place, as LightGBM reads them, so it has no `feature_names_in_`.
    """

    def __init__(self, model: Estimator) -> None:
        self.model = model
        self.wrapped_class = type(model)
        self.booster: Any = model.booster_ if hasattr(model, "booster_") else model
        self.n_features_in_ = int(self.booster.num_feature())
        self.plain = self.booster is model
        self.text = read_text(self.booster.model_to_string(num_iteration=-1))
        self.rounds = rounds_used(self.booster, self.text)
        #: Predictions as MLflow gives them.
        self.predict: Callable[[Any], Array] = self.ask
        self.find_classes()

    def find_classes(self) -> None:
        """Gives a classifier its labels. A Booster is one only where it answers with one share a class."""
        outputs = self.text["outputs"]
        if self.plain and self.text["objective"][0] in ("multiclass", "multiclassova"):
            self.classes_ = np.arange(outputs)
            self.predict_proba: Callable[[Any], Array] = self.ask
            self.default_output = "predict_proba"
            self.predict = lambda data: np.argmax(self.predict_proba(data), axis=1)
        elif not self.plain and hasattr(self.model, "predict_proba"):
            self.classes_ = np.asarray(self.model.classes_)
            self.predict_proba = lambda data: call_library(self.model.predict_proba, data)

    def ask(self, data: Any) -> Array:
        """The library's prediction."""
        return call_library(self.model.predict, data)

    def margin(self, data: Any) -> Array:
        """The raw scores; LightGBM gives those of averaged trees before they are averaged."""
        raw = call_library(self.booster.predict, data, raw_score=True)
        return raw / self.rounds if self.text["average"] else raw

    def check_inputs(self, inputs: list[InputColumn], frame: bool) -> None:
        """Refuses an array of whole numbers, which LightGBM rounds to float32; in a DataFrame they stay exact."""
        if not frame and any(column.kind == "integer" for column in inputs):
            raise Refused("LightGBM with an array of whole numbers; native are arrays of floats and DataFrames")

    def lower(self, state: Lowering, columns: Matrix) -> Result:
        """(columns, description, arrays), as every lowering of an estimator gives. Raises Refused."""
        return lower_lightgbm(self, state, columns)


def call_library(ask: Callable[..., Array], data: Any, **options: bool) -> Array:
    """Asks the library; what it refuses is a ValueError, as with other libraries."""
    from lightgbm.basic import LightGBMError

    try:
        return ask(data, **options)
    except LightGBMError as cause:
        raise ValueError(str(cause)) from cause


def read_text(text: str) -> dict[str, Any]:
    """A model's text: outputs, objective with its parameters, whether trees are averaged, and the trees as keys and values."""
    head, *trees = re.split(r"^Tree=\d+$", text.split("\nend of trees")[0], flags=re.MULTILINE)
    keys = dict(line.partition("=")[::2] for line in head.splitlines())
    return {
        "outputs": int(keys["num_tree_per_iteration"]),
        "objective": keys.get("objective", "none").split(" "),
        "average": "average_output" in keys,
        "trees": [dict(line.partition("=")[::2] for line in tree.splitlines() if line) for tree in trees],
    }


def rounds_used(booster: Any, text: dict[str, Any]) -> int:
    """Boosting rounds that predict uses: the best of early stopping where the model remembers one."""
    every = len(text["trees"]) // text["outputs"]
    best = booster.best_iteration
    return min(best, every) if best > 0 else every


def lower_lightgbm(model: LightgbmModel, state: Lowering, columns: Matrix) -> Result:
    """The sum of trees in float64, in order, from zero; a random forest divides by its rounds."""
    text = model.text
    outputs = text["outputs"]
    link, decide = link_of(model)
    trees = text["trees"][: model.rounds * outputs]
    if not trees:
        raise Refused(f"{class_path(model)} without trees")
    sets = [int(v) for tree in trees for v in np.diff(numbers(tree, "cat_boundaries", "int64"))]
    words = bitset_words(32 * max(sets, default=1) - 1)
    nodes, lines = Nodes(), []
    for tree in trees:
        flat = flat_tree(tree, words)
        nodes.add(flat)
        lines.extend(flat["lines"])
    spec = {"type": "trees", "rounding": "float64", "trees": len(trees), "outputs": outputs, "leaf_width": 1}
    spec |= {"base": [0.0] * outputs, "divide": model.rounds if text["average"] else 1, "bitset_words": words}
    spec |= {"missing": "allow", "infinite": "allow", "link": link, "decide": decide}
    arrays = nodes.arrays()
    if any(line is not None for line in lines):
        arrays |= linear_arrays(lines, arrays["leaves"])
    return columns, spec, arrays


def link_of(model: LightgbmModel) -> tuple[str, str | None]:
    """(link, rule that decides) by the objective. Raises Refused for one without a native form."""
    name, *options = model.text["objective"]
    classifier = hasattr(model, "classes_")
    decide = "largest_share" if classifier else None
    scale = next((float(o.partition(":")[2]) for o in options if o.startswith("sigmoid:")), 1.0)
    if scale != 1.0:
        raise Refused(f"LightGBM with objective {name} and sigmoid {scale}")
    if name == "binary" or (name == "cross_entropy" and not classifier):
        return "sigmoid", decide
    if classifier and name in ("multiclass", "multiclassova"):
        return "softmax" if name == "multiclass" else "sigmoid", decide
    if not classifier and model.text["outputs"] == 1 and "sqrt" not in options:
        if name in IDENTITY or name == "none":
            return "identity", None
        if name in EXPONENTIAL:
            return "exp", None
    raise Refused(f"LightGBM with objective {' '.join(model.text['objective'])}" + (" in a classifier" if classifier else ""))


def numbers(tree: TreeText, key: str, kind: str = "float64") -> Array:
    """A list of a tree's text; empty where there is none."""
    return np.array(tree.get(key, "").split(), dtype=kind)


def flat_tree(tree: TreeText, words: int) -> Tree:
    """The arrays of one tree: LightGBM's splits first, then its leaves, renumbered so that parents precede their children."""
    leaves = int(tree["num_leaves"])
    inner = leaves - 1
    left, right = (np.concatenate([places(tree, key, inner), np.full(leaves, LEAF)]) for key in ("left_child", "right_child"))
    keep, left, right = reachable(left, right)
    decision = numbers(tree, "decision_type", "int64")[:inner]
    threshold = numbers(tree, "threshold")[:inner]
    coded = (decision & CATEGORICAL_BIT) != 0
    thresholds = np.concatenate([np.where(coded, threshold, near_zero(threshold)), np.zeros(leaves)])
    flags = np.concatenate([split_flags(decision, threshold, coded), np.zeros(leaves, dtype="int64")])
    cover = np.concatenate([numbers(tree, "internal_count")[:inner], numbers(tree, "leaf_count")])
    values = np.concatenate([np.zeros(inner), numbers(tree, "leaf_value")])
    features = np.concatenate([numbers(tree, "split_feature", "int64")[:inner], np.full(leaves, LEAF)])
    lines = linear_leaves(tree, leaves)
    return {
        "leaf": left < 0,
        "feature": features[keep],
        "threshold": thresholds[keep],
        "left": left,
        "right": right,
        "flags": flags[keep],
        "leaves": values[keep].reshape(-1, 1),
        "bitsets": bitsets(tree, words),
        "cover": cover[keep] if len(cover) == len(keep) else np.ones(len(keep)),
        "lines": [lines[node - inner] for node in keep[left < 0]],
    }


def places(tree: TreeText, key: str, inner: int) -> Array:
    """Children as places in splits followed by leaves; LightGBM writes leaf k as -(k + 1)."""
    child = numbers(tree, key, "int64")[:inner]
    return np.where(child >= 0, child, inner - child - 1)


def near_zero(threshold: Array) -> Array:
    """Thresholds for values as they come: LightGBM makes a value near zero zero before it compares."""
    moved = np.where((threshold >= 0) & (threshold <= NEAR_ZERO), NEAR_ZERO, threshold)
    return np.where((moved < 0) & (moved >= -NEAR_ZERO), np.nextafter(-NEAR_ZERO, -np.inf), moved)


def split_flags(decision: Array, threshold: Array, coded: Array) -> Array:
    """Where missing values go, and what is missing: NaN, zero too, or nothing (then NaN counts as zero)."""
    missing = (decision >> 2) & 3
    left = np.where(missing == NONE, threshold >= 0, (decision & DEFAULT_LEFT_BIT) != 0)
    flags = np.where(left, MISSING_LEFT, 0) + np.where(missing == ZERO, ZERO_MISSING, 0)
    return np.where(coded, CATEGORICAL + TRUNCATES, flags)


def bitsets(tree: TreeText, words: int) -> Array:
    """The sets of categories that go left, one row each."""
    ends, packed = numbers(tree, "cat_boundaries", "int64"), numbers(tree, "cat_threshold", "uint32")
    out = np.zeros((max(0, len(ends) - 1), words), dtype="uint32")
    for row, begin, end in zip(out, ends[:-1], ends[1:]):
        row[: end - begin] = packed[begin:end]
    return out


def linear_leaves(tree: TreeText, leaves: int) -> list[Line | None]:
    """(constant, features, coefficients) of every leaf; None for plain leaves."""
    if tree.get("is_linear") != "1":
        return [None] * leaves
    counts = numbers(tree, "num_features", "int64")
    constants = numbers(tree, "leaf_const")
    features, coefficients = numbers(tree, "leaf_features", "int64"), numbers(tree, "leaf_coeff")
    ends = np.concatenate([[0], np.cumsum(counts)])
    return [(constants[k], features[ends[k] : ends[k + 1]], coefficients[ends[k] : ends[k + 1]]) for k in range(leaves)]


def linear_arrays(lines: list[Line | None], values: Array) -> Arrays:
    """The lines of all leaves: where each begins, its features and coefficients, and its constant. A plain leaf is its value."""
    full = [line if line is not None else (value, [], []) for line, value in zip(lines, values)]
    return {
        "line_start": np.concatenate([[0], np.cumsum([len(f) for _, f, _ in full])]).astype("<i4"),
        "line_feature": np.concatenate([np.asarray(f, dtype="<i4") for _, f, _ in full]).astype("<i4"),
        "line_coefficient": np.concatenate([np.asarray(c, dtype="<f8") for _, _, c in full]).astype("<f8"),
        "line_constant": np.array([c for c, _, _ in full], dtype="<f8"),
    }
