"""Which function lowers which estimator of scikit-learn."""

from slipway import lower_bayes, lower_boosting, lower_forests, lower_linear, lower_parts, lower_text
from slipway.lower_columns import Matrix
from slipway.lower_errors import Refused, class_path

ESTIMATORS = {
    "AdaBoostClassifier": lower_boosting.lower_adaptive_boosting,
    "AdaBoostRegressor": lower_boosting.lower_adaptive_regressor,
    "BaggingClassifier": lower_boosting.lower_bagging,
    "BaggingRegressor": lower_boosting.lower_bagging,
    "IsolationForest": lower_boosting.lower_isolation_forest,
    "BernoulliNB": lower_bayes.lower_bernoulli,
    "CategoricalNB": lower_bayes.lower_categorical,
    "ComplementNB": lower_bayes.lower_complement,
    "GaussianNB": lower_bayes.lower_gaussian,
    "MultinomialNB": lower_bayes.lower_multinomial,
    "KMeans": lower_bayes.lower_k_means,
    "MiniBatchKMeans": lower_bayes.lower_k_means,
    "HistGradientBoostingClassifier": lower_forests.lower_histogram_boosting,
    "HistGradientBoostingRegressor": lower_forests.lower_histogram_boosting,
    "GradientBoostingClassifier": lower_forests.lower_gradient_boosting,
    "GradientBoostingRegressor": lower_forests.lower_gradient_boosting,
    "CalibratedClassifierCV": lower_parts.lower_calibrated,
    "IsotonicRegression": lower_parts.lower_isotonic,
    "MultiOutputClassifier": lower_parts.lower_targets,
    "MultiOutputRegressor": lower_parts.lower_targets,
    "RegressorChain": lower_parts.lower_target_chain,
    "StackingClassifier": lower_parts.lower_stacking,
    "StackingRegressor": lower_parts.lower_stacking,
    "TransformedTargetRegressor": lower_parts.lower_transformed_target,
    "VotingClassifier": lower_parts.lower_voting,
    "VotingRegressor": lower_parts.lower_voting_regressor,
    **dict.fromkeys(
        ("RandomForestClassifier", "ExtraTreesClassifier", "DecisionTreeClassifier", "ExtraTreeClassifier")
        + ("RandomForestRegressor", "ExtraTreesRegressor", "DecisionTreeRegressor", "ExtraTreeRegressor"),
        lower_forests.lower_forest,
    ),
    **dict.fromkeys(
        ("LogisticRegression", "LogisticRegressionCV", "LinearRegression", "Ridge", "RidgeCV")
        + ("Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "SGDClassifier", "SGDRegressor", "LinearSVC", "LinearSVR")
        + ("RidgeClassifier", "RidgeClassifierCV", "Perceptron", "HuberRegressor", "BayesianRidge", "ARDRegression")
        + ("Lars", "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "OrthogonalMatchingPursuit", "PassiveAggressiveClassifier")
        + ("PassiveAggressiveRegressor", "TheilSenRegressor", "QuantileRegressor", "MultiTaskLasso", "MultiTaskElasticNet"),
        lower_linear.lower_linear,
    ),
}


PARTS = (lower_parts.lower_voting, lower_parts.lower_voting_regressor, lower_parts.lower_stacking, lower_parts.lower_calibrated)
PARTS += (lower_parts.lower_targets, lower_parts.lower_transformed_target)
SUMS = (lower_linear.lower_linear, lower_bayes.lower_multinomial, lower_bayes.lower_complement)
TAKE_TEXT = [name for name, lower in ESTIMATORS.items() if lower in PARTS + SUMS]


def lower_estimator(state, model, matrix: Matrix):
    """(matrix, description, arrays) of a final estimator. Raises Refused for a class without a native form."""
    kind = type(model)
    if lower_text.has_wide(matrix) and kind.__name__ not in TAKE_TEXT:
        matrix = lower_text.spread(state, model, matrix)
    if hasattr(model, "wrapped_class"):
        return model.lower(state, matrix)
    lower = ESTIMATORS.get(kind.__name__) if kind.__module__.startswith("sklearn.") else None
    if lower is None:
        raise Refused(f"{class_path(model)} has no native form")
    matrix_out, spec, arrays = lower(state, model, matrix)
    for column in matrix_out.columns if spec["type"] != "graph" else ():
        state.expect(column, "number", model)
    return matrix_out, spec, arrays
