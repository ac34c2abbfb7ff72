"""Makes oracle cases for contributions: models of each library, rows, and what the library `shap` says of them.

usage: python make_shap.py OUT_DIR [--probes N]     gives OUT_DIR/NAME/{model,native,shap.json} and OUT_DIR/names.json
       python make_shap.py OUT_DIR --bench          two models of 100 trees of depth 6 instead; shap.json: {rows, cpu_ms of shap a row}
shap.json: {rows: [[input, …]], values: [[[contribution of input j to output k]]], base: [k], tolerance}
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import pandas as pd
import shap
from make_models import NUMBERS, TEXTS, make_data
from matrix_boost import data, save
from sklearn import ensemble
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from slipway.lower.command import main as lower

ROWS = 60


def cases() -> Any:
    """(name, model, inputs, predict function) of each case; the first step of a pipeline is its encoder."""
    import lightgbm
    import xgboost

    gaps, y, label, kind, codes, _ = data()
    whole = make_data()[0]
    numbers, full = gaps[NUMBERS], whole[[*NUMBERS, "n"]]
    small = {"n_estimators": 30, "max_depth": 6, "random_state": 0}
    xgb = small | {"n_jobs": 1}
    hot = ColumnTransformer([("cat", OneHotEncoder(handle_unknown="ignore", sparse_output=False), TEXTS)], remainder="passthrough")
    mixed = whole[NUMBERS + TEXTS]
    forest = Pipeline([("pre", hot), ("m", ensemble.RandomForestRegressor(**small))])
    types = ["q"] * len(NUMBERS) + ["c", "c"]
    coded = xgboost.XGBRegressor(enable_categorical=True, feature_types=types, tree_method="hist", **xgb)
    yield "hist_regressor", ensemble.HistGradientBoostingRegressor(max_iter=30, random_state=0).fit(numbers, y), numbers, "predict"
    yield "hist_binary", ensemble.HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(numbers, label), numbers, "predict_proba"
    yield (
        "hist_multiclass",
        ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(numbers, kind),
        numbers,
        "predict_proba",
    )
    yield (
        "forest_regressor",
        ensemble.RandomForestRegressor(**small | {"max_depth": None, "n_estimators": 10}).fit(full, y),
        full,
        "predict",
    )
    yield "forest_multiclass", ensemble.RandomForestClassifier(**small).fit(full, kind), full, "predict_proba"
    yield "gradient_regressor", ensemble.GradientBoostingRegressor(**small).fit(full, y), full, "predict"
    yield "gradient_binary", ensemble.GradientBoostingClassifier(**small).fit(full, label), full, "predict_proba"
    yield "forest_one_hot", forest.fit(mixed, y), mixed, "predict"
    yield "xgb_regressor", xgboost.XGBRegressor(**xgb).fit(numbers, y), numbers, "predict"
    yield "xgb_multiclass", xgboost.XGBClassifier(**xgb).fit(numbers, kind), numbers, "predict_proba"
    yield "xgb_dart", xgboost.XGBRegressor(booster="dart", rate_drop=0.3, **xgb).fit(numbers, y), numbers, "predict"
    yield "xgb_categories", coded.fit(codes, y), codes, "predict"
    lgb = {"n_estimators": 30, "num_leaves": 31, "random_state": 0, "n_jobs": 1, "verbose": -1}
    coded = lightgbm.LGBMRegressor(**lgb).fit(codes, y, categorical_feature=[len(NUMBERS), len(NUMBERS) + 1])
    yield "lgb_regressor", lightgbm.LGBMRegressor(**lgb).fit(numbers, y), numbers, "predict"
    yield "lgb_binary", lightgbm.LGBMClassifier(**lgb).fit(numbers, label), numbers, "predict_proba"
    yield "lgb_multiclass", lightgbm.LGBMClassifier(**lgb).fit(numbers, kind), numbers, "predict_proba"
    yield "lgb_zero_as_missing", lightgbm.LGBMRegressor(zero_as_missing=True, **lgb).fit(numbers.fillna(0), y), numbers, "predict"
    yield "lgb_categories", coded, codes, "predict"


def explain(model: Any, inputs: Any) -> Any:
    """(values by row, column and output; base by output; how near they are) of the final estimator."""
    encoder, estimator = (model.steps[0][1], model.steps[-1][1]) if isinstance(model, Pipeline) else (None, model)
    rows = encoder.transform(inputs) if encoder is not None else inputs
    if type(estimator).__module__.startswith("xgboost"):
        return xgboost_values(estimator, rows)
    explainer = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
    values = np.asarray(explainer.shap_values(rows, check_additivity=False))
    base = np.atleast_1d(explainer.expected_value).astype("float64")
    return in_order(values, len(rows), len(base)), base, 1e-9


def xgboost_values(estimator: Any, rows: Any) -> Any:
    """shap answers for XGBoost with XGBoost's own float32 code, so where it can its own walk of the trees is asked for instead."""
    explainer = shap.TreeExplainer(estimator, feature_perturbation="tree_path_dependent")
    outputs = explainer.model.num_outputs
    if (estimator.enable_categorical and estimator.feature_types is not None) or estimator.booster == "dart":
        values = np.asarray(explainer.shap_values(rows, check_additivity=False), dtype="float64")
        return in_order(values, len(rows), outputs), None, 1e-5
    explainer.model.model_type = "internal"
    explainer.model.input_dtype = np.float32
    values = np.asarray(explainer.shap_values(rows.to_numpy().astype("float32"), check_additivity=False))
    return in_order(values, len(rows), outputs), None, 1e-9


def in_order(values: Any, rows: Any, outputs: int) -> Any:
    """rows × columns × outputs, whatever form this version of shap gives."""
    if outputs == 1 and values.ndim == 2:
        return values[:, :, None]
    return values if values.shape[0] == rows else np.moveaxis(values, 0, -1)


def by_input(model: Any, inputs: Any, values: Any) -> Any:
    """The columns of an encoder summed to the input that they are made of."""
    if not isinstance(model, Pipeline):
        return values
    owner, names = [], list(inputs.columns)
    for _, transformer, columns in model.steps[0][1].transformers_:
        for j, column in enumerate(columns):
            name = column if isinstance(column, str) else names[column]
            width = len(transformer.categories_[j]) if hasattr(transformer, "categories_") else 1
            owner += [names.index(name)] * width
    out = np.zeros((values.shape[0], len(names), values.shape[2]))
    for j, i in enumerate(owner):
        out[:, i] += values[:, j]
    return out


def bench(out: Path) -> None:
    """Two regressors on twelve numbers: trees with 31 leaves at most, and full ones of depth 6; what shap takes for one row."""
    random = np.random.default_rng(0)
    x = pd.DataFrame(random.normal(size=(20_000, 12)), columns=[f"f{i}" for i in range(12)])
    y = np.sin(2 * x.f0) + x.f1 * x.f2 + x.f3.abs() + x.f4**2 * x.f5 + random.normal(0, 0.3, len(x))
    full = {"n_estimators": 100, "max_depth": 6, "random_state": 0, "subsample": 0.3}
    models = {
        "hist": ensemble.HistGradientBoostingRegressor(max_iter=100, max_depth=6, random_state=0),
        "full": ensemble.GradientBoostingRegressor(**full),
    }
    for name, model in models.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        save(model.fit(x, y), x, "predict", folder / "model")
        lower([str(folder / "model"), str(folder / "native"), "--probes", "50"])
        explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
        rounds, began = 0, time.process_time()
        while time.process_time() - began < 1:
            explainer.shap_values(x.iloc[rounds : rounds + 1], check_additivity=False)
            rounds += 1
        cpu = (time.process_time() - began) / rounds * 1e3
        (folder / "shap.json").write_text(json.dumps({"rows": x.iloc[:500].values.tolist(), "cpu_ms": cpu}), encoding="utf-8")


def main() -> None:
    """Writes every case."""
    out = Path(sys.argv[1])
    if "--bench" in sys.argv:
        bench(out)
        return
    probes = sys.argv[sys.argv.index("--probes") + 1] if "--probes" in sys.argv else "300"
    names = []
    for name, model, inputs, predict in cases():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        rows = inputs.iloc[:ROWS]
        values, base, tolerance = explain(model, rows)
        values = by_input(model, inputs, values)
        given = [[None if isinstance(v, float) and np.isnan(v) else v for v in row] for row in rows.astype(object).values.tolist()]
        case = {"rows": given, "values": values.tolist(), "base": None if base is None else base.tolist(), "tolerance": tolerance}
        (folder / "shap.json").write_text(json.dumps(case), encoding="utf-8")
        save(model, inputs, predict, folder / "model")
        lower([str(folder / "model"), str(folder / "native"), "--probes", probes])
        names.append(name)
    (out / "names.json").write_text(json.dumps(names), encoding="utf-8")


if __name__ == "__main__":
    main()
