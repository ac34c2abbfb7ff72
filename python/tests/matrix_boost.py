"""The rows of the lowering matrix for XGBoost and LightGBM: models as users make them, each with what it is fed.

usage: python matrix_boost.py OUT_DIR [--library xgboost|lightgbm] [--probes N]     gives OUT_DIR/NAME/{model,native} and OUT_DIR/names.json
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import inspect
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

import mlflow.sklearn
import numpy as np
import pandas as pd
from make_models import NUMBERS, TEXTS, make_data, signature, with_gaps
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from slipway.lower.command import main as lower

ROUNDS = 25


def data() -> Any:
    """(inputs with gaps, y, label 0/1, kind 0..2, inputs with category codes), all numbers."""
    x, y, label, kind = make_data()
    gaps = with_gaps(x, NUMBERS)
    codes = gaps[NUMBERS].copy()
    codes["small"] = pd.factorize(x.carrier)[0].astype("float64")
    codes["large"] = np.floor(np.abs(x.a * 97) % 301)
    codes.loc[::17, "small"] = np.nan
    return gaps, y, (label == "late").astype(int), kind - 10, codes, (x, label)


def xgboost_rows() -> Any:
    """(name, make) pairs; make() gives (model, inputs, predict function)."""
    import xgboost

    gaps, y, label, kind, codes, (_, _text_label) = data()
    numbers, mixed = gaps[NUMBERS], gaps[[*NUMBERS, "n", *TEXTS]]
    small = {"n_estimators": ROUNDS, "max_depth": 5, "random_state": 0, "n_jobs": 1}
    types = ["q"] * len(NUMBERS) + ["c", "c"]
    positive = np.exp(y / 8)

    def fit(model: Any, inputs: Any = numbers, target: Any = y, predict: str = "predict", **more: Any) -> Any:
        return lambda: (model.fit(inputs, target, **more), inputs, predict)

    def train(params: dict[str, Any], inputs: Any = numbers, target: Any = y, rounds: int = ROUNDS, more: Any = ()) -> Any:
        more = dict(more)
        named = {"feature_types": more.pop("feature_types", None)}
        matrix = {"label": target, "enable_categorical": True} | named | {k: more.pop(k) for k in ("qid",) if k in more}
        params = {"max_depth": 5, "nthread": 1, "seed": 0} | params
        return lambda: (xgboost.train(params, xgboost.DMatrix(inputs, **matrix), rounds, **more), inputs, "predict")

    def stopped() -> Any:
        model = xgboost.XGBRegressor(**small | {"n_estimators": 200, "learning_rate": 0.9}, early_stopping_rounds=3)
        return model.fit(numbers[:1000], y[:1000], eval_set=[(numbers[1000:], y[1000:])], verbose=False), numbers, "predict"

    def pipeline(transformers: Any, model: Any, target: Any = label, predict: str = "predict", inputs: Any = mixed, **options: Any) -> Any:
        pre = ColumnTransformer(transformers, remainder="passthrough", **options)
        return lambda: (Pipeline([("pre", pre), ("m", model)]).fit(inputs, target), inputs, predict)

    codes_of = ("cat", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), TEXTS)
    hot = ("cat", OneHotEncoder(handle_unknown="ignore"), TEXTS)
    groups = np.repeat(np.arange(len(y) // 30), 30)
    regress = functools.partial(xgboost.XGBRegressor, **small)
    classify = functools.partial(xgboost.XGBClassifier, **small)
    dart = {"booster": "dart", "rate_drop": 0.3, "skip_drop": 0.1}
    return [
        ("xgb_regressor", fit(regress())),
        ("xgb_binary", fit(classify(), target=label, predict="predict_proba")),
        ("xgb_binary_labels", fit(classify(), target=label)),
        ("xgb_multiclass", fit(classify(), target=kind, predict="predict_proba")),
        ("xgb_multiclass_labels", fit(classify(num_parallel_tree=2, subsample=0.7), target=kind)),
        ("xgb_poisson", fit(regress(objective="count:poisson"), target=positive)),
        ("xgb_gamma", fit(regress(objective="reg:gamma"), target=positive)),
        ("xgb_tweedie", fit(regress(objective="reg:tweedie"), target=positive)),
        ("xgb_absolute", fit(regress(objective="reg:absoluteerror"))),
        ("xgb_base_score", fit(regress(base_score=0.1))),
        ("xgb_missing", fit(regress(missing=-1), inputs=numbers.fillna(-1))),
        ("xgb_missing_odd", fit(regress(missing=10.01), inputs=numbers.fillna(10.01))),
        ("xgb_dart", fit(regress(**dart))),
        ("xgb_dart_multiclass", fit(classify(**dart), target=kind, predict="predict_proba")),
        ("xgb_forest", fit(xgboost.XGBRFRegressor(n_estimators=20, max_depth=5, random_state=0, n_jobs=1))),
        ("xgb_ranker", fit(xgboost.XGBRanker(objective="rank:ndcg", **small), target=kind, qid=groups)),
        ("xgb_early_stopping", stopped),
        ("xgb_deep", fit(regress(max_depth=0, max_leaves=40, grow_policy="lossguide", tree_method="hist"))),
        ("xgb_pruned", fit(regress(gamma=20, tree_method="exact", max_depth=7))),
        ("xgb_categories", fit(regress(enable_categorical=True, feature_types=types, tree_method="hist"), inputs=codes)),
        ("xgb_categories_one_hot", fit(
            regress(enable_categorical=True, feature_types=types, tree_method="hist", max_cat_to_onehot=500), inputs=codes)),
        ("xgb_ordinal_pipeline", pipeline([codes_of], classify(), predict="predict_proba")),
        ("xgb_sparse_pipeline", pipeline([hot], classify(), sparse_threshold=1)),
        ("xgb_dense_pipeline", pipeline([hot, ("s", StandardScaler(), NUMBERS)], regress(), y, sparse_threshold=0)),
        ("xgb_missing_one_hot", pipeline([hot], regress(missing=1), y, sparse_threshold=0)),
        ("xgb_booster", train({"objective": "reg:squarederror"})),
        ("xgb_booster_logistic", train({"objective": "binary:logistic"}, target=label)),
        ("xgb_booster_softprob", train({"objective": "multi:softprob", "num_class": 3}, target=kind)),
        ("xgb_booster_softmax", train({"objective": "multi:softmax", "num_class": 3}, target=kind)),
        ("xgb_booster_dart", train({"objective": "binary:logistic"} | dart, target=label)),
        ("xgb_booster_ranker", train({"objective": "rank:pairwise"}, target=kind, more={"qid": groups})),
        ("xgb_booster_categories", train({"tree_method": "hist"}, inputs=codes, more={"feature_types": types})),
        ("xgb_array", fit(regress(), inputs=numbers.to_numpy())),
        ("xgb_array32", fit(classify(), inputs=numbers.to_numpy().astype("float32"), target=label, predict="predict_proba")),
        ("refused_xgb_linear", fit(regress(booster="gblinear"), inputs=numbers.fillna(0))),
        ("refused_xgb_hinge", train({"objective": "binary:hinge"}, target=label)),
        ("refused_xgb_targets", fit(regress(), target=np.c_[y, y])),
    ]  # fmt: skip


REFUSALS = {
    "refused_xgb_linear": "XGBoost with booster gblinear; native are gbtree and dart",
    "refused_xgb_hinge": "XGBoost with objective binary:hinge",
    "refused_xgb_targets": "XGBoost with several targets",
    "refused_lgb_whole_array": "LightGBM with an array of whole numbers; native are arrays of floats and DataFrames",
    "refused_lgb_sqrt": "LightGBM with objective regression sqrt",
    "refused_lgb_lambda": "LightGBM with objective cross_entropy_lambda",
    "refused_lgb_sigmoid": "LightGBM with objective binary and sigmoid 0.5",
}


def lightgbm_rows() -> Any:
    """(name, make) pairs; make() gives (model, inputs, predict function)."""
    import lightgbm

    gaps, y, label, kind, codes, (_, text_label) = data()
    numbers, mixed = gaps[NUMBERS], gaps[[*NUMBERS, "n", *TEXTS]]
    holed = numbers.copy()
    holed.iloc[::3, 0] = 0.0
    small = {"n_estimators": ROUNDS, "num_leaves": 20, "random_state": 0, "n_jobs": 1, "verbose": -1}
    positive = np.exp(y / 8)
    share = np.clip(positive / positive.max(), 0, 1)
    groups = np.full(len(y) // 30, 30)
    coded = [len(NUMBERS), len(NUMBERS) + 1]

    def fit(model: Any, inputs: Any = numbers, target: Any = y, predict: str = "predict", **more: Any) -> Any:
        return lambda: (model.fit(inputs, target, **more), inputs, predict)

    def train(params: dict[str, Any], inputs: Any = numbers, target: Any = y, **more: Any) -> Any:
        params = {"num_leaves": 20, "num_threads": 1, "seed": 0, "verbose": -1} | params
        return lambda: (lightgbm.train(params, lightgbm.Dataset(inputs, target, **more), ROUNDS), inputs, "predict")

    def stopped() -> Any:
        model = lightgbm.LGBMRegressor(**small | {"n_estimators": 300, "learning_rate": 0.9})
        stop = [lightgbm.early_stopping(3, verbose=False)]
        return model.fit(numbers[:1000], y[:1000], eval_set=[(numbers[1000:], y[1000:])], callbacks=stop), numbers, "predict"

    def pipeline(transformer: Any, model: Any, target: Any = label, predict: str = "predict", **options: Any) -> Any:
        pre = ColumnTransformer([("cat", transformer, TEXTS)], remainder="passthrough", **options)
        return lambda: (Pipeline([("pre", pre), ("m", model)]).fit(mixed, target), mixed, predict)

    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    hot = OneHotEncoder(handle_unknown="ignore")
    regress = functools.partial(lightgbm.LGBMRegressor, **small)
    classify = functools.partial(lightgbm.LGBMClassifier, **small)
    forest = {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1}
    return [
        ("lgb_regressor", fit(regress())),
        ("lgb_binary", fit(classify(), target=label, predict="predict_proba")),
        ("lgb_binary_labels", fit(classify(), target=text_label)),
        ("lgb_multiclass", fit(classify(), target=kind, predict="predict_proba")),
        ("lgb_multiclass_labels", fit(classify(), target=kind + 10)),
        ("lgb_one_versus_all", fit(classify(objective="multiclassova"), target=kind, predict="predict_proba")),
        ("lgb_l1", fit(regress(objective="regression_l1"))),
        ("lgb_poisson", fit(regress(objective="poisson"), target=positive)),
        ("lgb_gamma", fit(regress(objective="gamma"), target=positive)),
        ("lgb_tweedie", fit(regress(objective="tweedie"), target=positive)),
        ("lgb_without_missing", fit(regress(), inputs=numbers.fillna(3.5))),
        ("lgb_use_missing_off", fit(regress(use_missing=False))),
        ("lgb_zero_as_missing", fit(regress(zero_as_missing=True), inputs=holed)),
        ("lgb_zeros", fit(regress(), inputs=holed.fillna(0.0))),
        ("lgb_dart", fit(regress(boosting_type="dart"))),
        ("lgb_forest", fit(regress(**forest))),
        ("lgb_forest_binary", fit(classify(**forest), target=label, predict="predict_proba")),
        ("lgb_linear", fit(regress(linear_tree=True), inputs=numbers)),
        ("lgb_ranker", fit(lightgbm.LGBMRanker(**small), target=kind, group=groups)),
        ("lgb_early_stopping", stopped),
        ("lgb_categories", fit(regress(min_data_per_group=5, cat_smooth=1), inputs=codes, categorical_feature=coded)),
        ("lgb_categories_binary", fit(
            classify(max_cat_to_onehot=20), inputs=codes, target=label, predict="predict_proba", categorical_feature=coded)),
        ("lgb_ordinal_pipeline", pipeline(ordinal, classify(), predict="predict_proba")),
        ("lgb_sparse_pipeline", pipeline(hot, classify(), sparse_threshold=1)),
        ("lgb_dense_pipeline", pipeline(hot, regress(), y, sparse_threshold=0)),
        ("lgb_booster", train({"objective": "regression"})),
        ("lgb_booster_binary", train({"objective": "binary"}, target=label)),
        ("lgb_booster_cross_entropy", train({"objective": "cross_entropy"}, target=share)),
        ("lgb_booster_multiclass", train({"objective": "multiclass", "num_class": 3}, target=kind)),
        ("lgb_booster_ranker", train({"objective": "lambdarank"}, target=kind, group=groups)),
        ("lgb_booster_forest", train({"objective": "binary", "boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}, target=label)),
        ("lgb_booster_linear", train({"objective": "regression", "linear_tree": True})),
        ("lgb_stump", fit(regress(min_child_samples=10_000))),
        ("lgb_array", fit(regress(), inputs=numbers.to_numpy())),
        ("lgb_array32", fit(regress(), inputs=numbers.to_numpy().astype("float32"))),
        ("refused_lgb_whole_array", fit(regress(), inputs=numbers.fillna(0).to_numpy().astype("int64"))),
        ("refused_lgb_sqrt", fit(regress(reg_sqrt=True), target=positive)),
        ("refused_lgb_lambda", train({"objective": "cross_entropy_lambda"}, target=share)),
        ("refused_lgb_sigmoid", train({"objective": "binary", "sigmoid": 0.5}, target=label)),
    ]  # fmt: skip


LIBRARIES = {"xgboost": xgboost_rows, "lightgbm": lightgbm_rows}


def cases() -> Any:
    """The rows of the libraries that this environment has: name -> function that gives (model, inputs, save), for the matrix."""
    found = [library for library in LIBRARIES if importlib.util.find_spec(library) is not None]
    return {name: functools.partial(case, make) for library in found for name, make in LIBRARIES[library]()}


def case(make: Callable[[], Any]) -> Any:
    """One row with the function that saves it."""
    model, inputs, predict = make()
    return model, inputs, lambda model, folder, columns: save(model, inputs, predict, folder)


def save(model: Any, inputs: Any, predict: str, folder: Path) -> None:
    """Saves a model as MLflow's users do: in the flavor of its library, or of scikit-learn for pipelines and probabilities."""
    library = type(model).__module__.split(".")[0]
    kept = {"signature": signature(inputs), "pip_requirements": []}
    if not isinstance(inputs, np.ndarray):
        kept["input_example"] = inputs.dropna().head(3)
    if library in LIBRARIES and predict == "predict":
        flavor = __import__(f"mlflow.{library}", fromlist=[library])
        if "serialization_format" in inspect.signature(flavor.save_model).parameters:
            kept["serialization_format"] = "cloudpickle"
        flavor.save_model(model, folder, **kept)
    else:
        kept |= {"serialization_format": "cloudpickle", "pyfunc_predict_fn": predict}
        mlflow.sklearn.save_model(model, folder, **kept)


def main() -> None:
    """Writes every model and its native form."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--library", choices=LIBRARIES, default=None)
    parser.add_argument("--probes", type=int, default=10_000)
    parser.add_argument("--only", default=None)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    names = []
    for library in [options.library] if options.library else LIBRARIES:
        for name, make in LIBRARIES[library]():
            if options.only and options.only not in name:
                continue
            folder = options.out / name / "model"
            model, inputs, predict = make()
            save(model, inputs, predict, folder)
            lower([str(folder), str(options.out / name / "native"), "--probes", str(options.probes)])
            names.append(name)
    found = {"names": names, "refusals": REFUSALS}
    (options.out / "names.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
