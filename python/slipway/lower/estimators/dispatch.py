"""Lowers estimators: which function lowers which class of scikit-learn, and what stands around the class."""

from __future__ import annotations

from collections.abc import Callable

from slipway.lower.estimators import bayes, boosting, forests, linear, meta
from slipway.lower.estimators.embed import embed
from slipway.lower.estimators.lightgbm import LightgbmModel
from slipway.lower.estimators.xgboost import XgboostModel
from slipway.lower.form.columns import Lowering
from slipway.lower.form.part import Part
from slipway.lower.form.types import Estimator, Matrix, Result
from slipway.lower.transformers import text
from slipway.lower.transformers.dispatch import lower_transformer
from slipway.refusal import Refused, class_path

FORESTS = (
    "RandomForestClassifier", "ExtraTreesClassifier", "DecisionTreeClassifier", "ExtraTreeClassifier",
    "RandomForestRegressor", "ExtraTreesRegressor", "DecisionTreeRegressor", "ExtraTreeRegressor",
)  # fmt: skip
LINEAR = (
    "LogisticRegression", "LogisticRegressionCV", "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet",
    "ElasticNetCV", "SGDClassifier", "SGDRegressor", "LinearSVC", "LinearSVR", "RidgeClassifier", "RidgeClassifierCV", "Perceptron",
    "HuberRegressor", "BayesianRidge", "ARDRegression", "Lars", "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC",
    "OrthogonalMatchingPursuit", "PassiveAggressiveClassifier", "PassiveAggressiveRegressor", "TheilSenRegressor", "QuantileRegressor",
    "MultiTaskLasso", "MultiTaskElasticNet",
)  # fmt: skip
#: By class name, the function that lowers it.
ESTIMATORS: dict[str, Callable[[Lowering, Estimator, Matrix], Result]] = {
    "AdaBoostClassifier": boosting.lower_adaptive_boosting,
    "AdaBoostRegressor": boosting.lower_adaptive_regressor,
    "BaggingClassifier": boosting.lower_bagging,
    "BaggingRegressor": boosting.lower_bagging,
    "IsolationForest": boosting.lower_isolation_forest,
    "BernoulliNB": bayes.lower_bernoulli,
    "CategoricalNB": bayes.lower_categorical,
    "ComplementNB": bayes.lower_complement,
    "GaussianNB": bayes.lower_gaussian,
    "MultinomialNB": bayes.lower_multinomial,
    "KMeans": bayes.lower_k_means,
    "MiniBatchKMeans": bayes.lower_k_means,
    "HistGradientBoostingClassifier": forests.lower_histogram_boosting,
    "HistGradientBoostingRegressor": forests.lower_histogram_boosting,
    "GradientBoostingClassifier": forests.lower_gradient_boosting,
    "GradientBoostingRegressor": forests.lower_gradient_boosting,
    "CalibratedClassifierCV": meta.lower_calibrated,
    "IsotonicRegression": meta.lower_isotonic,
    "MultiOutputClassifier": meta.lower_targets,
    "MultiOutputRegressor": meta.lower_targets,
    "RegressorChain": meta.lower_target_chain,
    "StackingClassifier": meta.lower_stacking,
    "StackingRegressor": meta.lower_stacking,
    "TransformedTargetRegressor": meta.lower_transformed_target,
    "VotingClassifier": meta.lower_voting,
    "VotingRegressor": meta.lower_voting_regressor,
    **dict.fromkeys(FORESTS, forests.lower_forest),
    **dict.fromkeys(LINEAR, linear.lower_linear),
}


PARTS = (
    meta.lower_voting, meta.lower_voting_regressor, meta.lower_stacking, meta.lower_calibrated, meta.lower_targets,
    meta.lower_transformed_target,
)  # fmt: skip
SUMS = (linear.lower_linear, bayes.lower_multinomial, bayes.lower_complement)
TAKE_TEXT = [name for name, lower in ESTIMATORS.items() if lower in (*PARTS, *SUMS)]


def lower_estimator(state: Lowering, model: Estimator, matrix: Matrix) -> Result:
    """(matrix, description, arrays) of a final estimator. Raises Refused for a class without a native form."""
    kind = type(model)
    if text.has_wide(matrix) and kind.__name__ not in TAKE_TEXT:
        matrix = text.spread(state, model, matrix)
    if hasattr(model, "wrapped_class"):
        return model.lower(state, matrix)
    lower = ESTIMATORS.get(kind.__name__) if kind.__module__.startswith("sklearn.") else None
    if lower is None:
        raise Refused(f"{class_path(model)} has no native form")
    matrix_out, spec, arrays = lower(state, model, matrix)
    for column in matrix_out.columns if spec["type"] != "graph" else ():
        state.expect(column, "number", model)
    return matrix_out, spec, arrays


def open_up(estimator: Estimator) -> Estimator:
    """The estimator inside a finished search or a frozen one."""
    while True:
        name = type(estimator).__name__
        if name in ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV") and hasattr(
            estimator, "best_estimator_"
        ):
            estimator = estimator.best_estimator_
        elif name == "FrozenEstimator":
            estimator = estimator.estimator
        else:
            return estimator


def lower_part(state: Lowering, estimator: Estimator, matrix: Matrix) -> Part:
    """A fitted estimator, a pipeline's transformers included, as a part of the graph."""
    estimator = open_up(estimator)
    while type(estimator).__name__ == "Pipeline":
        for _, step in estimator.steps[:-1]:
            matrix = lower_transformer(state, step, matrix)
        estimator = open_up(estimator.steps[-1][1])
    estimator = boosted(estimator)
    if hasattr(estimator, "n_jobs"):
        estimator.n_jobs = 1
    return embed(state, estimator, lower_estimator(state, estimator, matrix))


def boosted(model: Estimator) -> Estimator:
    """A model of XGBoost or LightGBM as an estimator that lowers itself; any other as it is."""
    library = type(model).__module__.split(".")[0]
    if library == "xgboost":
        return XgboostModel(model)
    if library == "lightgbm":
        return LightgbmModel(model)
    return model
