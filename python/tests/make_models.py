"""Trains small models of every kind that lowering covers, saves them with MLflow and lowers them.

usage: python make_models.py OUT_DIR [--probes N] [--part PART]     gives OUT_DIR/NAME/{model,native} and OUT_DIR/names.json

PART is linear, whose rows are asked one at a time, or others; both without it.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).parent.parent))

import mlflow.sklearn
import numpy as np
import pandas as pd
import sklearn
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema
from sklearn import ensemble, linear_model, tree
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC

from slipway.lower.command import main as lower

ROWS = 1500
NUMBERS = ["a", "b", "c", "d", "e"]
TEXTS = ["carrier", "origin"]
MIXED = [*NUMBERS, "n", *TEXTS]
hgb_c = functools.partial(ensemble.HistGradientBoostingClassifier, max_iter=25, random_state=0)
hgb_r = functools.partial(ensemble.HistGradientBoostingRegressor, max_iter=25, random_state=0)
ordinal = functools.partial(OrdinalEncoder, handle_unknown="use_encoded_value", unknown_value=-1)
SMALL = {"n_estimators": 20, "max_depth": 7, "random_state": 0}
VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def make_data(seed: int = 3) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """A table with numbers (some missing), whole numbers, a flag and two text columns; targets y, label and kind."""
    r = np.random.default_rng(seed)
    x = pd.DataFrame({name: np.round(r.normal(10, 4, ROWS), 2) for name in NUMBERS})
    x["n"] = r.integers(0, 12, ROWS)
    x["flag"] = r.random(ROWS) < 0.4
    x["carrier"] = r.choice(["UA", "AA", "DL", "B6", 'é"–', "rare1", "rare2"], ROWS, p=[0.3, 0.3, 0.2, 0.15, 0.03, 0.01, 0.01])
    x["origin"] = r.choice(["EWR", "JFK", "LGA"], ROWS)
    x[TEXTS] = x[TEXTS].astype(object)
    score = x.a * 0.7 - x.b + (x.carrier == "UA") * 3 + x.n * 0.2 + r.normal(0, 2, ROWS)
    y = score.to_numpy()
    label = np.where(y > np.median(y), "late", "fine")
    kind = np.digitize(y, np.quantile(y, [0.3, 0.7])) + 10
    return x, y, label, kind


def with_gaps(x: pd.DataFrame, columns: list[str], seed: int = 4) -> pd.DataFrame:
    """The table with one value in ten missing in the named columns."""
    r = np.random.default_rng(seed)
    x = x.copy()
    for name in columns:
        x.loc[r.random(len(x)) < 0.1, name] = np.nan
    return x


def number_branch() -> Pipeline:
    """Imputing and scaling, as most linear pipelines begin."""
    return Pipeline([("impute", SimpleImputer(strategy="median", add_indicator=True)), ("scale", StandardScaler())])


@dataclass
class Tables:
    """The tables that models are fitted on, their targets, and the models made so far: name to (model, inputs, predict function)."""

    made: dict[str, tuple[Any, Any, str]]
    x: pd.DataFrame
    y: np.ndarray
    label: np.ndarray
    kind: np.ndarray

    def __post_init__(self) -> None:
        self.gaps = with_gaps(self.x, NUMBERS)
        self.text_gaps = with_gaps(self.x, NUMBERS + TEXTS)
        self.numbers = self.x[[*NUMBERS, "n"]]

    def add(self, name: str, model: Any, inputs: Any, target: Any, predict: str = "predict") -> None:
        """Fits a model and keeps it."""
        self.made[name] = (model.fit(inputs, target), inputs, predict)


def histogram_models(t: Tables) -> None:
    """Histogram boosting, with gaps and categories."""
    t.add("hgb_regressor", hgb_r(), t.gaps[NUMBERS], t.y)
    t.add("hgb_poisson", hgb_r(loss="poisson"), t.gaps[NUMBERS], np.exp(t.y / 8))
    t.add("hgb_binary", hgb_c(), t.gaps[[*NUMBERS, "n", "flag"]], t.label, "predict_proba")
    t.add("hgb_multiclass", hgb_c(), t.gaps[NUMBERS], t.kind, "predict_proba")
    columns = ColumnTransformer([("cat", ordinal(), TEXTS)], remainder="passthrough")
    t.add("hgb_ordinal", Pipeline([("pre", columns), ("m", hgb_c())]), t.gaps[MIXED], t.label, "predict_proba")
    columns = ColumnTransformer([("cat", ordinal(), TEXTS)], remainder="passthrough")
    t.add("hgb_categorical", Pipeline([("pre", columns), ("m", hgb_r(categorical_features=[0, 1]))]), t.gaps[MIXED], t.y)
    if VERSION >= (1, 4):
        nan_codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-2)
        columns = ColumnTransformer([("cat", nan_codes, TEXTS)], remainder="passthrough")
        model = Pipeline([("pre", columns), ("m", hgb_c(categorical_features=[0, 1]))])
        t.add("hgb_categorical_gaps", model, t.text_gaps[MIXED], t.kind, "predict_proba")
        frame = t.gaps[MIXED].astype({name: "category" for name in TEXTS})
        t.made["hgb_from_frame"] = (hgb_r(categorical_features=TEXTS).fit(frame, t.y), t.gaps[MIXED], "predict")


def tree_models(t: Tables) -> None:
    """Gradient boosting, forests and single trees."""
    boost_c = functools.partial(ensemble.GradientBoostingClassifier, n_estimators=20, random_state=0)
    t.add("gb_regressor", ensemble.GradientBoostingRegressor(n_estimators=30, random_state=0), t.numbers, t.y)
    t.add("gb_binary", boost_c(), t.numbers, t.label, "predict_proba")
    t.add("gb_exponential", boost_c(loss="exponential"), t.numbers, t.label, "decision_function")
    t.add("gb_multiclass_zero", boost_c(init="zero"), t.numbers, t.kind, "predict_proba" if VERSION >= (1, 4) else "predict")
    t.add("forest_regressor", ensemble.RandomForestRegressor(n_jobs=2, **SMALL), t.numbers, t.y)
    t.add("forest_classifier", ensemble.RandomForestClassifier(**SMALL), t.numbers, t.label, "predict_proba")
    t.add("extra_regressor", ensemble.ExtraTreesRegressor(**SMALL), t.numbers, t.y)
    t.add("extra_multiclass", ensemble.ExtraTreesClassifier(**SMALL), t.numbers, t.kind)
    t.add("tree_regressor", tree.DecisionTreeRegressor(max_depth=8, random_state=0), t.gaps[NUMBERS], t.y)
    t.add("tree_classifier", tree.DecisionTreeClassifier(max_depth=8, random_state=0), t.numbers, t.kind, "predict_proba")
    if VERSION >= (1, 4):
        t.add("forest_gaps", ensemble.RandomForestClassifier(**SMALL), t.gaps[NUMBERS], t.label, "predict_proba")
    pre = ColumnTransformer([("cat", ordinal(), TEXTS), ("num", SimpleImputer(), NUMBERS)], sparse_threshold=0)
    t.add("forest_pipeline", Pipeline([("pre", pre), ("m", ensemble.RandomForestRegressor(**SMALL))]), t.gaps[MIXED], t.y)


def linear_models(t: Tables) -> None:
    """Linear models behind the usual pipelines."""
    one_hot = functools.partial(OneHotEncoder, handle_unknown="ignore")
    logistic = functools.partial(linear_model.LogisticRegression, max_iter=300)
    pre = ColumnTransformer([("cat", one_hot(), TEXTS), ("num", number_branch(), NUMBERS)])
    t.add("logistic_pipeline", Pipeline([("pre", pre), ("m", logistic())]), t.gaps[MIXED], t.label, "predict_proba")
    pre = ColumnTransformer([("cat", one_hot(), TEXTS), ("num", number_branch(), NUMBERS)], sparse_threshold=0)
    t.add("logistic_dense", Pipeline([("pre", pre), ("m", logistic())]), t.gaps[MIXED], t.label, "predict_proba")
    pre = ColumnTransformer([("cat", one_hot(), TEXTS)], sparse_threshold=1)
    scaled = Pipeline([("pre", pre), ("s", StandardScaler(with_mean=False)), ("m", logistic())])
    t.add("logistic_sparse_scaled", scaled, t.x[MIXED], t.kind, "predict_proba")
    t.add("logistic_multinomial", Pipeline([("s", StandardScaler()), ("m", logistic())]), t.numbers, t.kind, "predict_proba")
    t.add("logistic_min_max", Pipeline([("s", MinMaxScaler(clip=True)), ("m", logistic())]), t.numbers, t.label, "decision_function")
    drops = ColumnTransformer(
        [("cat", OneHotEncoder(drop="first", min_frequency=40, handle_unknown="infrequent_if_exist"), TEXTS),
         ("n", OrdinalEncoder(), ["n"]), ("same", FunctionTransformer(), ["a"]), ("skip", "drop", ["b"])],
        remainder=MinMaxScaler(), sparse_threshold=0,
    )  # fmt: skip
    t.add("ridge_infrequent", Pipeline([("pre", drops), ("m", linear_model.Ridge())]), t.x[MIXED], t.y)
    text = Pipeline([("fill", SimpleImputer(strategy="most_frequent")), ("hot", one_hot(drop="if_binary"))])
    pre = ColumnTransformer([("text", text, TEXTS), ("rest", SimpleImputer(strategy="constant", fill_value=-1), slice(0, 5))])
    t.add("linear_text_gaps", Pipeline([("pre", pre), ("m", linear_model.LinearRegression())]), t.text_gaps[MIXED], t.y)
    pre = ColumnTransformer([("text", OneHotEncoder(handle_unknown="ignore"), TEXTS)], remainder="drop")
    t.add("one_hot_missing", Pipeline([("pre", pre), ("m", linear_model.Ridge())]), t.text_gaps[MIXED], t.y)
    t.add("lasso", Pipeline([("p", "passthrough"), ("m", linear_model.Lasso(alpha=0.01))]), t.numbers, t.y)
    t.add("elastic_net", linear_model.ElasticNet(alpha=0.01), t.numbers, t.y)
    wide = pd.DataFrame(np.random.default_rng(5).normal(size=(ROWS, 37)), columns=[f"w{i}" for i in range(37)])
    t.add("linear_wide", Pipeline([("s", StandardScaler()), ("m", linear_model.LinearRegression())]), wide, t.y)
    t.add(
        "multinomial_wide",
        Pipeline([("s", StandardScaler()), ("m", logistic())]),
        wide,
        np.digitize(t.y, np.quantile(t.y, [0.2, 0.4, 0.6, 0.8])),
        "predict_proba",
    )
    t.add("search", GridSearchCV(linear_model.Ridge(), {"alpha": [0.1, 1]}), t.numbers, t.y)
    t.add("array", hgb_r(), t.gaps[NUMBERS].to_numpy(), t.y)
    t.add("array32", ensemble.ExtraTreesRegressor(**SMALL), t.numbers.to_numpy().astype("float32"), t.y)


def ensemble_models(t: Tables) -> None:
    """Bagging, adaptive boosting, isolation and stochastic descent."""
    bagged = functools.partial(ensemble.BaggingRegressor, tree.DecisionTreeRegressor(max_depth=6), n_estimators=12, random_state=0)
    t.add("bagging_regressor", bagged(max_features=0.7), t.numbers, t.y)
    t.add(
        "bagging_classifier",
        ensemble.BaggingClassifier(tree.DecisionTreeClassifier(max_depth=6), random_state=0),
        t.numbers,
        t.label,
        "predict_proba",
    )
    if VERSION >= (1, 5):
        samme = {} if VERSION >= (1, 6) else {"algorithm": "SAMME"}
        boosted = ensemble.AdaBoostClassifier(tree.DecisionTreeClassifier(max_depth=3), n_estimators=15, random_state=0, **samme)
        t.add("adaboost_multiclass", boosted, t.numbers, t.kind, "predict_proba")
        t.add("isolation_forest", ensemble.IsolationForest(n_estimators=30, max_features=4, random_state=0), t.numbers, t.y)
    t.add("sgd_hinge", Pipeline([("s", RobustScaler()), ("m", linear_model.SGDClassifier(random_state=0))]), t.numbers, t.kind)
    t.add("sgd_regressor", Pipeline([("s", StandardScaler()), ("m", linear_model.SGDRegressor(random_state=0))]), t.numbers, t.y)
    t.add("linear_svc", Pipeline([("s", StandardScaler()), ("m", LinearSVC(random_state=0))]), t.numbers, t.label)


def refused_models(t: Tables) -> None:
    """Models that stay with Python, and several targets."""
    t.add("refused_neighbours", KNeighborsRegressor(), t.numbers, t.y)
    t.add("refused_function", Pipeline([("f", FunctionTransformer(np.log1p)), ("m", linear_model.Ridge())]), t.numbers.abs(), t.y)
    alone = Pipeline([("t", CountVectorizer()), ("m", linear_model.Ridge())]).fit(t.x["carrier"] + " again", t.y)
    t.made["refused_texts_alone"] = (alone, t.x[["carrier"]], "predict")
    t.add("forest_targets", ensemble.RandomForestRegressor(**SMALL), t.numbers, np.c_[t.y, t.y])


PARTS = {"linear": (linear_models,), "others": (histogram_models, tree_models, ensemble_models, refused_models)}


def models(parts: list[str]) -> dict[str, tuple[Any, Any, str]]:
    """name -> (fitted model, its inputs, predict function)."""
    tables = Tables({}, *make_data())
    for part in parts:
        for group in PARTS[part]:
            group(tables)
    return tables.made


def signature(inputs: Any) -> ModelSignature:
    """The signature with plain string columns; arrays keep their tensor form."""
    if isinstance(inputs, np.ndarray):
        return infer_signature(inputs)
    types = {"f": "double", "i": "long", "b": "boolean"}
    return ModelSignature(Schema([ColSpec(types.get(inputs[c].dtype.kind, "string"), c) for c in inputs.columns]))


def main() -> None:
    """Writes every model and its native form."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--probes", type=int, default=2000)
    parser.add_argument("--part", choices=list(PARTS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made = models([options.part] if options.part else list(PARTS))
    for name, (model, inputs, predict) in made.items():
        folder = options.out / name / "model"
        example = None if isinstance(inputs, np.ndarray) else inputs.dropna().head(3)
        keep = {"serialization_format": "cloudpickle", "pip_requirements": []}
        mlflow.sklearn.save_model(model, folder, signature=signature(inputs), input_example=example, pyfunc_predict_fn=predict, **keep)
        lower([str(folder), str(options.out / name / "native"), "--probes", str(options.probes)])
    (options.out / "names.json").write_text(json.dumps(list(made)), encoding="utf-8")


if __name__ == "__main__":
    main()
