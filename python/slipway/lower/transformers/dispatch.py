"""Applies fitted transformers to the columns of a matrix: one by its class, pipelines and unions by their parts."""

from __future__ import annotations

from slipway.lower.form.columns import Lowering, flat, then
from slipway.lower.form.types import Column, Estimator, Matrix
from slipway.lower.transformers import encoders, features, scalers, text
from slipway.refusal import Refused, class_path


def lower_transformer(state: Lowering, transformer: Estimator, matrix: Matrix) -> Matrix:
    """Applies one fitted transformer to a matrix of columns. Raises Refused for a class without a native form."""
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return matrix
    kind = type(transformer)
    ours = kind.__module__.startswith("sklearn.")
    lower = TRANSFORMERS.get(kind.__name__) if ours else None
    if lower is None and ours and hasattr(transformer, "get_support"):
        lower = features.lower_selection
    if lower is None:
        raise Refused(f"{class_path(transformer)} has no native form")
    if text.has_wide(matrix) and kind.__name__ not in TAKE_TEXT:
        raise Refused(f"{class_path(transformer)} on columns of text")
    return lower(state, transformer, matrix)


def lower_pipeline(state: Lowering, pipeline: Estimator, matrix: Matrix) -> Matrix:
    """Every step of a nested pipeline in turn."""
    for _, step in pipeline.steps:
        matrix = lower_transformer(state, step, matrix)
    return matrix


def lower_column_transformer(state: Lowering, union: Estimator, matrix: Matrix) -> Matrix:
    """Each branch on its own columns, results side by side in the order of the branches."""
    out = []
    for name, transformer, _ in union.transformers_:
        positions = list(union._transformer_to_input_indices.get(name, ()))
        if (isinstance(transformer, str) and transformer == "drop") or not positions:
            continue
        branch = Matrix([matrix.columns[i] for i in positions], matrix.sparse)
        out.extend(weighted(state, lower_transformer(state, transformer, branch).columns, union, name))
    return Matrix(out, bool(union.sparse_output_))


def lower_feature_union(state: Lowering, union: Estimator, matrix: Matrix) -> Matrix:
    """Each transformer on all columns, results side by side; sparse as soon as one of them is."""
    out, sparse = [], False
    for name, transformer in union.transformer_list:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        part = lower_transformer(state, transformer, matrix)
        sparse = sparse or part.sparse
        out.extend(weighted(state, part.columns, union, name))
    return Matrix(out, sparse)


def weighted(state: Lowering, columns: list[Column], union: Estimator, name: str) -> list[Column]:
    """The columns of a branch times its weight."""
    weight = (union.transformer_weights or {}).get(name)
    if weight is None:
        return columns
    if text.has_wide(Matrix(columns)):
        raise Refused(f"{class_path(union)} with a weight for columns of text")
    return [then(flat(state, c), {"op": "multiply", "value": float(weight)}) for c in columns]


TAKE_TEXT = ("Pipeline", "FeatureUnion", "TfidfTransformer", "TruncatedSVD")

TRANSFORMERS = {
    "CountVectorizer": text.lower_count_vectorizer,
    "HashingVectorizer": text.lower_hashing_vectorizer,
    "TfidfTransformer": text.lower_tfidf_transformer,
    "TfidfVectorizer": text.lower_tfidf_vectorizer,
    "Pipeline": lower_pipeline,
    "ColumnTransformer": lower_column_transformer,
    "FeatureUnion": lower_feature_union,
    "FunctionTransformer": features.lower_function,
    "PolynomialFeatures": features.lower_polynomial,
    "Normalizer": features.lower_normalizer,
    "MissingIndicator": features.lower_missing_indicator,
    "PCA": features.lower_pca,
    "TruncatedSVD": features.lower_svd,
    "PowerTransformer": features.lower_power,
    "KBinsDiscretizer": features.lower_bins,
    "Binarizer": scalers.lower_binarizer,
    "MaxAbsScaler": scalers.lower_max_abs_scaler,
    "MinMaxScaler": scalers.lower_min_max_scaler,
    "QuantileTransformer": scalers.lower_quantiles,
    "RobustScaler": scalers.lower_robust_scaler,
    "SimpleImputer": scalers.lower_imputer,
    "StandardScaler": scalers.lower_standard_scaler,
    "OneHotEncoder": encoders.lower_one_hot_encoder,
    "OrdinalEncoder": encoders.lower_ordinal_encoder,
    "TargetEncoder": encoders.lower_target_encoder,
}
