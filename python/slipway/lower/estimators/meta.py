"""Estimators made of estimators: voting, stacking, calibration, bagging, several targets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from slipway.lower.form.columns import Lowering, flat, ref, values
from slipway.lower.form.graph import graph_spec
from slipway.lower.form.part import Part
from slipway.lower.form.types import Array, Estimator, Matrix, Result, Spec, Step
from slipway.lower.transformers.text import has_wide
from slipway.refusal import Refused, class_path


def members(state: Lowering, model: Estimator, estimators: list[Estimator], matrix: Matrix) -> list[Part]:
    """The parts of an ensemble."""
    return [state.lower_part(state, e, matrix) for e in estimators if not (isinstance(e, str) and e == "drop")]


def same_classes(model: Estimator, part: Part, classes: Iterable[Any]) -> None:
    """Requires a member to know these classes in this order."""
    if part.classes != list(classes):
        raise Refused(f"{class_path(model)} over members that lack a class")


def mean(state: Lowering, groups: list[list[int]], weights: Iterable[float], divide: float) -> list[int]:
    """References of the weighted sums of groups of references over a divisor, added in order."""
    outputs = len(groups[0])
    node = {"op": "mean", "outputs": outputs, "weights": [float(w) for w in weights], "divide": float(divide)}
    return state.graph.add(node | {"from": [r for group in groups for r in group]}, outputs)


def probable(raw: list[int], state: Lowering) -> Spec:
    """The description of a classifier whose raw scores are its probabilities: exact where its parts are."""
    scores = "ulp" if any(r in state.graph.inexact for r in raw) else "exact"
    return graph_spec(raw, "identity", "largest", scores=scores)


def lower_voting(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """Voting of classifiers: mean of probabilities, or the class with the most votes."""
    parts = members(state, model, model.estimators_, matrix)
    count = len(model.classes_)
    for part in parts:
        same_classes(model, part, range(count))
    weights = getattr(model, "_weights_not_none", None)
    if model.voting == "soft":
        total = len(parts) if weights is None else np.asarray(weights, dtype="float64").sum()
        groups = [part.shares() for part in parts]
        return matrix, probable(mean(state, groups, [1.0] * len(parts) if weights is None else weights, total), state), {}
    found = [part.label() for part in parts]
    votes = [1.0] * len(parts) if weights is None else [float(w) for w in weights]
    raw = state.graph.add({"op": "votes", "outputs": count, "weights": votes, "from": found}, count)
    state.graph.exact(model, raw)
    return matrix, graph_spec(raw, "none", "largest", reference=lambda m, x: count_votes(m, x, votes, count)), {}


def count_votes(model: Estimator, x: Any, votes: list[float], count: int) -> Array:
    """The weights of the members that chose each class, rows × classes."""
    chosen = np.asarray([e.predict(x) for e in model.estimators_]).T
    return np.array([np.bincount(row, weights=votes, minlength=count) for row in chosen.astype(int)])


def lower_voting_regressor(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """The mean of the members' predictions."""
    parts = members(state, model, model.estimators_, matrix)
    if len(parts) > 7:
        raise Refused(f"{class_path(model)} of {len(parts)} members, whose mean NumPy adds in another order for one row")
    weights = getattr(model, "_weights_not_none", None)
    total = len(parts) if weights is None else np.asarray(weights, dtype="float64").sum()
    found = [part.number() for part in parts]
    raw = mean(state, found, [1.0] * len(parts) if weights is None else weights, total)
    state.graph.exact(model, raw)
    return matrix, graph_spec(raw, "identity", None), {}


def lower_stacking(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """The final estimator over the members' answers, and over the inputs where they are passed through."""
    kept = [e for e in model.estimators_ if not (isinstance(e, str) and e == "drop")]
    methods = [m for m in model.stack_method_ if m is not None]
    columns = []
    for estimator, method in zip(kept, methods):
        columns.extend(values(stacked(model, state.lower_part(state, estimator, matrix), method)))
    if model.passthrough:
        if has_wide(matrix):
            raise Refused(f"{class_path(model)} that passes columns of text through")
        columns.extend(flat(state, c) for c in matrix.columns)
    sparse = bool(model.passthrough) and matrix.sparse
    part = state.lower_part(state, model.final_estimator_, Matrix(columns, sparse))
    spec = part.spec
    if part.classes is not None:
        same_classes(model, part, range(len(model.classes_)))
    return matrix, settle(model, state, part.raw, spec), {}


def settle(model: Estimator, state: Lowering, raw: list[int], spec: Spec) -> Spec:
    """The description of a model that answers as its last part does."""
    shares = spec["decide"] is not None and spec["link"] == "identity" and not hasattr(model, "decision_function")
    more = {k: spec[k] for k in ("scores",) if k in spec}
    if not shares:
        state.graph.exact(model, raw)
    elif any(r in state.graph.inexact for r in raw):
        more = {"scores": "ulp"}
    return graph_spec(raw, spec["link"], spec["decide"], **more)


def stacked(model: Estimator, part: Part, method: str) -> list[int]:
    """References of what a member gives to the final estimator."""
    if method == "predict_proba":
        shares = part.shares()
        return shares[1:] if len(shares) == 2 else shares
    if method == "decision_function":
        return part.raw
    if part.classes is None:
        return part.number()
    same_classes(model, part, range(len(part.classes)))
    return [part.label()]


def lower_calibrated(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """The mean over the folds of each fold's calibrated probabilities."""
    groups = [calibrated(state, model, fold, matrix) for fold in model.calibrated_classifiers_]
    return matrix, probable(mean(state, groups, [1.0] * len(groups), len(groups)), state), {}


def calibrated(state: Lowering, model: Estimator, fold: Estimator, matrix: Matrix) -> list[int]:
    """References of one fold's probabilities of every class."""
    part = state.lower_part(state, fold.estimator, matrix)
    classes = model.classes_.tolist()
    same_classes(model, part, classes)
    scores = part.raw
    if not hasattr(part.model, "decision_function"):
        shares = part.shares()
        scores = shares[1:] if len(shares) == 2 else shares
    if len(scores) != len(fold.calibrators):
        raise Refused(f"{class_path(model)} with {len(fold.calibrators)} calibrators for {len(scores)} scores")
    found = [calibrate(state, model, c, s) for c, s in zip(fold.calibrators, scores)]
    return state.graph.add({"op": "shares", "from": found}, len(classes))


def calibrate(state: Lowering, model: Estimator, calibrator: Estimator, score: int) -> int:
    """The reference of a calibrated score."""
    kind = type(calibrator).__name__
    graph = state.graph
    graph.exact(model, [score])
    if kind == "IsotonicRegression":
        return graph.add({"op": "steps", "steps": isotonic_steps(calibrator), "from": [score]}, 1)[0]
    if kind != "_SigmoidCalibration":
        raise Refused(f"{class_path(model)} with {class_path(calibrator)}")
    steps = [
        {"op": "multiply", "value": float(calibrator.a_)},
        {"op": "add", "value": float(calibrator.b_)},
        {"op": "apply", "name": "negative"},
        {"op": "apply", "name": "expit"},
    ]
    return graph.add({"op": "steps", "steps": steps, "from": [score]}, 1)[0]


def isotonic_steps(model: Estimator) -> list[Step]:
    """Interpolation between the thresholds of an isotonic regression, clipped to their range."""
    x, y = np.asarray(model.X_thresholds_), np.asarray(model.y_thresholds_)
    if x.dtype != np.float64 or y.dtype != np.float64:
        raise Refused(f"{class_path(model)} with thresholds of type {x.dtype}")
    if model.out_of_bounds != "clip":
        raise Refused(f"{class_path(model)} with out_of_bounds={model.out_of_bounds!r}; native is clip")
    if len(x) == 1:
        return [{"op": "clip", "low": float(y[0]), "high": float(y[0])}]
    clip = {"op": "clip", "low": float(model.X_min_), "high": float(model.X_max_)}
    return [clip, {"op": "interpolate", "x": x.tolist(), "y": y.tolist()}]


def lower_isotonic(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """One input along a line of steps."""
    column = matrix.columns[0]
    state.expect(column, "number", model)
    read = ref(state, flat(state, column))
    raw = state.graph.add({"op": "steps", "steps": [{"op": "finite"}, {"op": "present"}, *isotonic_steps(model)], "from": [read]}, 1)
    return matrix, graph_spec(raw, "identity", None), {}


def lower_bagged(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """Bagging over any member: the mean of probabilities or predictions, each over its own columns."""
    parts = []
    for estimator, features in zip(model.estimators_, model.estimators_features_):
        parts.append(state.lower_part(state, estimator, Matrix([matrix.columns[int(j)] for j in features], matrix.sparse)))
    count = len(parts)
    if not hasattr(model, "classes_"):
        raw = mean(state, [part.number() for part in parts], [1.0] * count, count)
        state.graph.exact(model, raw)
        return matrix, graph_spec(raw, "identity", None), {}
    for part in parts:
        same_classes(model, part, range(len(model.classes_)))
    if not all(hasattr(e, "predict_proba") for e in model.estimators_) or hasattr(model.estimators_[0], "decision_function"):
        raise Refused(f"{class_path(model)} over {class_path(model.estimators_[0])}")
    return matrix, probable(mean(state, [part.shares() for part in parts], [1.0] * count, count), state), {}


def lower_targets(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """One regressor a target."""
    parts = [state.lower_part(state, e, matrix) for e in model.estimators_]
    if any(part.classes is not None for part in parts):
        return matrix, labels_of_targets(state, model, parts), {}
    raw = [r for part in parts for r in part.number()]
    state.graph.exact(model, raw)
    return matrix, graph_spec(raw, "identity", None), {}


def labels_of_targets(state: Lowering, model: Estimator, parts: list[Part]) -> Spec:
    """One classifier a target: the labels themselves, which must be numbers."""
    raw: list[int] = []
    for part in parts:
        classes = part.classes or []
        if not all(isinstance(c, (int, float)) for c in classes):
            raise Refused(f"{class_path(model)} with labels that are no numbers")
        table = {"op": "pick", "values": [float(c) for c in classes], "from": [part.label()]}
        raw.extend(state.graph.add(table, 1))
    state.graph.exact(model, raw)
    return graph_spec(raw, "identity", None)


def lower_target_chain(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """One regressor a target, each reading the inputs and the predictions before it."""
    columns = list(matrix.columns)
    found = [-1] * len(model.estimators_)
    for place, estimator in zip(model.order_, model.estimators_):
        part = state.lower_part(state, estimator, Matrix(columns, matrix.sparse))
        if part.classes is not None:
            raise Refused(f"{class_path(model)} of classifiers")
        (found[int(place)],) = part.number()
        columns = columns + values([found[int(place)]])
    state.graph.exact(model, found)
    return matrix, graph_spec(found, "identity", None), {}


def lower_transformed_target(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """The regressor, its prediction scaled back."""
    part = state.lower_part(state, model.regressor_, matrix)
    (raw,) = part.number()
    inverse = model.transformer_
    name = type(inverse).__name__
    steps = inverse_steps(model, inverse, name)
    found = state.graph.add({"op": "steps", "steps": steps, "from": [raw]}, 1) if steps else [raw]
    state.graph.exact(model, found)
    return matrix, graph_spec(found, "identity", None), {}


def inverse_steps(model: Estimator, inverse: Estimator, name: str) -> list[Step]:
    """The steps that take a target back; exact ones only."""
    if name == "StandardScaler":
        back = [{"op": "multiply", "value": float(inverse.scale_[0])}] if inverse.with_std else []
        return back + ([{"op": "add", "value": float(inverse.mean_[0])}] if inverse.with_mean else [])
    if name == "MinMaxScaler" and not inverse.clip:
        return [{"op": "subtract", "value": float(inverse.min_[0])}, {"op": "divide", "value": float(inverse.scale_[0])}]
    if name == "RobustScaler":
        back = [{"op": "multiply", "value": float(inverse.scale_[0])}] if inverse.with_scaling else []
        return back + ([{"op": "add", "value": float(inverse.center_[0])}] if inverse.with_centering else [])
    if name == "FunctionTransformer":
        func = getattr(inverse.inverse_func, "__name__", None)
        if inverse.inverse_func is None:
            return []
        if isinstance(inverse.inverse_func, np.ufunc) and func in ("square", "sqrt", "negative", "reciprocal"):
            return [{"op": "apply", "name": func}]
        raise Refused(f"{class_path(model)} whose target is taken back by {func}, whose last bit depends on the processor")
    raise Refused(f"{class_path(model)} with the target transformer {class_path(inverse)}")
