"""Trains small models of every kind that lowering covers, saves them with MLflow and lowers them.

usage: python make_models.py OUT_DIR [--probes N]     gives OUT_DIR/NAME/{model,native} and OUT_DIR/names.json
"""

import argparse
import functools
import json
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).parent.parent))

import mlflow.sklearn  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import sklearn  # noqa: E402
from mlflow.models import ModelSignature, infer_signature  # noqa: E402
from mlflow.types import ColSpec, Schema  # noqa: E402
from sklearn import ensemble, linear_model, tree  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.feature_extraction.text import CountVectorizer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402
from sklearn.neighbors import KNeighborsRegressor  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler  # noqa: E402

from slipway.lower.command import main as lower  # noqa: E402

ROWS = 1500
NUMBERS = ["a", "b", "c", "d", "e"]
TEXTS = ["carrier", "origin"]
VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def make_data(seed=3):
    """A table with numbers (some missing), whole numbers, a flag and two text columns; targets y, label and kind."""
    r = np.random.default_rng(seed)
    x = pd.DataFrame({name: np.round(r.normal(10, 4, ROWS), 2) for name in NUMBERS})
    x["n"] = r.integers(0, 12, ROWS)
    x["flag"] = r.random(ROWS) < 0.4
    x["carrier"] = r.choice(["UA", "AA", "DL", "B6", "é\"–", "rare1", "rare2"], ROWS, p=[0.3, 0.3, 0.2, 0.15, 0.03, 0.01, 0.01])
    x["origin"] = r.choice(["EWR", "JFK", "LGA"], ROWS)
    x[TEXTS] = x[TEXTS].astype(object)
    score = x.a * 0.7 - x.b + (x.carrier == "UA") * 3 + x.n * 0.2 + r.normal(0, 2, ROWS)
    y = score.to_numpy()
    label = np.where(y > np.median(y), "late", "fine")
    kind = np.digitize(y, np.quantile(y, [0.3, 0.7])) + 10
    return x, y, label, kind


def with_gaps(x, columns, seed=4):
    """The table with one value in ten missing in the named columns."""
    r = np.random.default_rng(seed)
    x = x.copy()
    for name in columns:
        x.loc[r.random(len(x)) < 0.1, name] = np.nan
    return x


def number_branch():
    """Imputing and scaling, as most linear pipelines begin."""
    return Pipeline([("impute", SimpleImputer(strategy="median", add_indicator=True)), ("scale", StandardScaler())])


def models():
    """name -> (fitted model, its inputs, predict function)."""
    x, y, label, kind = make_data()
    gaps = with_gaps(x, NUMBERS)
    text_gaps = with_gaps(x, NUMBERS + TEXTS)
    numbers, mixed = x[NUMBERS + ["n"]], NUMBERS + ["n"] + TEXTS
    made = {}

    def add(name, model, inputs, target, predict="predict"):
        made[name] = (model.fit(inputs, target), inputs, predict)

    hgb_c = functools.partial(ensemble.HistGradientBoostingClassifier, max_iter=25, random_state=0)
    hgb_r = functools.partial(ensemble.HistGradientBoostingRegressor, max_iter=25, random_state=0)
    ordinal = functools.partial(OrdinalEncoder, handle_unknown="use_encoded_value", unknown_value=-1)
    add("hgb_regressor", hgb_r(), gaps[NUMBERS], y)
    add("hgb_poisson", hgb_r(loss="poisson"), gaps[NUMBERS], np.exp(y / 8))
    add("hgb_binary", hgb_c(), gaps[NUMBERS + ["n", "flag"]], label, "predict_proba")
    add("hgb_multiclass", hgb_c(), gaps[NUMBERS], kind, "predict_proba")
    columns = ColumnTransformer([("cat", ordinal(), TEXTS)], remainder="passthrough")
    add("hgb_ordinal", Pipeline([("pre", columns), ("m", hgb_c())]), gaps[mixed], label, "predict_proba")
    columns = ColumnTransformer([("cat", ordinal(), TEXTS)], remainder="passthrough")
    add("hgb_categorical", Pipeline([("pre", columns), ("m", hgb_r(categorical_features=[0, 1]))]), gaps[mixed], y)
    if VERSION >= (1, 4):
        nan_codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-2)
        columns = ColumnTransformer([("cat", nan_codes, TEXTS)], remainder="passthrough")
        model = Pipeline([("pre", columns), ("m", hgb_c(categorical_features=[0, 1]))])
        add("hgb_categorical_gaps", model, text_gaps[mixed], kind, "predict_proba")
        frame = gaps[mixed].astype({name: "category" for name in TEXTS})
        made["hgb_from_frame"] = (hgb_r(categorical_features=TEXTS).fit(frame, y), gaps[mixed], "predict")

    boost_c = functools.partial(ensemble.GradientBoostingClassifier, n_estimators=20, random_state=0)
    add("gb_regressor", ensemble.GradientBoostingRegressor(n_estimators=30, random_state=0), numbers, y)
    add("gb_binary", boost_c(), numbers, label, "predict_proba")
    add("gb_exponential", boost_c(loss="exponential"), numbers, label, "decision_function")
    add("gb_multiclass_zero", boost_c(init="zero"), numbers, kind, "predict_proba" if VERSION >= (1, 4) else "predict")
    small = {"n_estimators": 20, "max_depth": 7, "random_state": 0}
    add("forest_regressor", ensemble.RandomForestRegressor(n_jobs=2, **small), numbers, y)
    add("forest_classifier", ensemble.RandomForestClassifier(**small), numbers, label, "predict_proba")
    add("extra_regressor", ensemble.ExtraTreesRegressor(**small), numbers, y)
    add("extra_multiclass", ensemble.ExtraTreesClassifier(**small), numbers, kind)
    add("tree_regressor", tree.DecisionTreeRegressor(max_depth=8, random_state=0), gaps[NUMBERS], y)
    add("tree_classifier", tree.DecisionTreeClassifier(max_depth=8, random_state=0), numbers, kind, "predict_proba")
    if VERSION >= (1, 4):
        add("forest_gaps", ensemble.RandomForestClassifier(**small), gaps[NUMBERS], label, "predict_proba")
    pre = ColumnTransformer([("cat", ordinal(), TEXTS), ("num", SimpleImputer(), NUMBERS)], sparse_threshold=0)
    add("forest_pipeline", Pipeline([("pre", pre), ("m", ensemble.RandomForestRegressor(**small))]), gaps[mixed], y)

    one_hot = functools.partial(OneHotEncoder, handle_unknown="ignore")
    logistic = functools.partial(linear_model.LogisticRegression, max_iter=300)
    pre = ColumnTransformer([("cat", one_hot(), TEXTS), ("num", number_branch(), NUMBERS)])
    add("logistic_pipeline", Pipeline([("pre", pre), ("m", logistic())]), gaps[mixed], label, "predict_proba")
    pre = ColumnTransformer([("cat", one_hot(), TEXTS), ("num", number_branch(), NUMBERS)], sparse_threshold=0)
    add("logistic_dense", Pipeline([("pre", pre), ("m", logistic())]), gaps[mixed], label, "predict_proba")
    pre = ColumnTransformer([("cat", one_hot(), TEXTS)], sparse_threshold=1)
    scaled = Pipeline([("pre", pre), ("s", StandardScaler(with_mean=False)), ("m", logistic())])
    add("logistic_sparse_scaled", scaled, x[mixed], kind, "predict_proba")
    add("logistic_multinomial", Pipeline([("s", StandardScaler()), ("m", logistic())]), numbers, kind, "predict_proba")
    add("logistic_min_max", Pipeline([("s", MinMaxScaler(clip=True)), ("m", logistic())]), numbers, label, "decision_function")
    drops = ColumnTransformer(
        [("cat", OneHotEncoder(drop="first", min_frequency=40, handle_unknown="infrequent_if_exist"), TEXTS),
         ("n", OrdinalEncoder(), ["n"]), ("same", FunctionTransformer(), ["a"]), ("skip", "drop", ["b"])],
        remainder=MinMaxScaler(), sparse_threshold=0,
    )  # fmt: skip
    add("ridge_infrequent", Pipeline([("pre", drops), ("m", linear_model.Ridge())]), x[mixed], y)
    text = Pipeline([("fill", SimpleImputer(strategy="most_frequent")), ("hot", one_hot(drop="if_binary"))])
    pre = ColumnTransformer([("text", text, TEXTS), ("rest", SimpleImputer(strategy="constant", fill_value=-1), slice(0, 5))])
    add("linear_text_gaps", Pipeline([("pre", pre), ("m", linear_model.LinearRegression())]), text_gaps[mixed], y)
    pre = ColumnTransformer([("text", OneHotEncoder(handle_unknown="ignore"), TEXTS)], remainder="drop")
    add("one_hot_missing", Pipeline([("pre", pre), ("m", linear_model.Ridge())]), text_gaps[mixed], y)
    add("lasso", Pipeline([("p", "passthrough"), ("m", linear_model.Lasso(alpha=0.01))]), numbers, y)
    add("elastic_net", linear_model.ElasticNet(alpha=0.01), numbers, y)
    wide = pd.DataFrame(np.random.default_rng(5).normal(size=(ROWS, 37)), columns=[f"w{i}" for i in range(37)])
    add("linear_wide", Pipeline([("s", StandardScaler()), ("m", linear_model.LinearRegression())]), wide, y)
    add("multinomial_wide", Pipeline([("s", StandardScaler()), ("m", logistic())]), wide, np.digitize(y, np.quantile(y, [0.2, 0.4, 0.6, 0.8])), "predict_proba")
    add("search", GridSearchCV(linear_model.Ridge(), {"alpha": [0.1, 1]}), numbers, y)
    add("array", hgb_r(), gaps[NUMBERS].to_numpy(), y)
    add("array32", ensemble.ExtraTreesRegressor(**small), numbers.to_numpy().astype("float32"), y)
    bagged = functools.partial(ensemble.BaggingRegressor, tree.DecisionTreeRegressor(max_depth=6), n_estimators=12, random_state=0)
    add("bagging_regressor", bagged(max_features=0.7), numbers, y)
    add("bagging_classifier", ensemble.BaggingClassifier(tree.DecisionTreeClassifier(max_depth=6), random_state=0), numbers, label, "predict_proba")
    if VERSION >= (1, 5):
        samme = {} if VERSION >= (1, 6) else {"algorithm": "SAMME"}
        boosted = ensemble.AdaBoostClassifier(tree.DecisionTreeClassifier(max_depth=3), n_estimators=15, random_state=0, **samme)
        add("adaboost_multiclass", boosted, numbers, kind, "predict_proba")
        add("isolation_forest", ensemble.IsolationForest(n_estimators=30, max_features=4, random_state=0), numbers, y)
    add("sgd_hinge", Pipeline([("s", RobustScaler()), ("m", linear_model.SGDClassifier(random_state=0))]), numbers, kind)
    add("sgd_regressor", Pipeline([("s", StandardScaler()), ("m", linear_model.SGDRegressor(random_state=0))]), numbers, y)
    add("linear_svc", Pipeline([("s", StandardScaler()), ("m", LinearSVC(random_state=0))]), numbers, label)
    add("refused_neighbours", KNeighborsRegressor(), numbers, y)
    add("refused_function", Pipeline([("f", FunctionTransformer(np.log1p)), ("m", linear_model.Ridge())]), numbers.abs(), y)
    alone = Pipeline([("t", CountVectorizer()), ("m", linear_model.Ridge())]).fit(x["carrier"] + " again", y)
    made["refused_texts_alone"] = (alone, x[["carrier"]], "predict")
    add("forest_targets", ensemble.RandomForestRegressor(**small), numbers, np.c_[y, y])
    return made


def signature(inputs):
    """The signature with plain string columns; arrays keep their tensor form."""
    if isinstance(inputs, np.ndarray):
        return infer_signature(inputs)
    types = {"f": "double", "i": "long", "b": "boolean"}
    return ModelSignature(Schema([ColSpec(types.get(inputs[c].dtype.kind, "string"), c) for c in inputs.columns]))


def main():
    """Writes every model and its native form."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--probes", type=int, default=2000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made = models()
    for name, (model, inputs, predict) in made.items():
        folder = options.out / name / "model"
        example = None if isinstance(inputs, np.ndarray) else inputs.dropna().head(3)
        keep = {"serialization_format": "cloudpickle", "pip_requirements": []}
        mlflow.sklearn.save_model(model, folder, signature=signature(inputs), input_example=example, pyfunc_predict_fn=predict, **keep)
        lower([str(folder), str(options.out / name / "native"), "--probes", str(options.probes)])
    (options.out / "names.json").write_text(json.dumps(list(made)), encoding="utf-8")


if __name__ == "__main__":
    main()
