"""Step 4: fit the model and save it as an MLflow model folder."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before scikit-learn loads: more threads on a busy machine are slower

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import sklearn
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from flights.columns import CATEGORICAL, FEATURES, NULLABLE, NUMERIC
from flights.faulty import OneInFive
from flights.tables import read_table

EXAMPLE_ROWS = 5

#: Every so many rows of the training table tell how well the model fits what it has seen.
FIT_STRIDE = 10


def inputs(table: pd.DataFrame) -> pd.DataFrame:
    """The model's input columns of a table, in order: numbers as float64 with NaN where missing, codes as text."""
    return table[FEATURES].astype(dict.fromkeys(NUMERIC, "float64"))


def new_model(max_iter: int, seed: int) -> Pipeline:
    """Gradient-boosted trees over the raw columns; carriers and airports not seen in training count as missing."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = ColumnTransformer([("numbers", "passthrough", NUMERIC), ("codes", codes, CATEGORICAL)])
    trees = HistGradientBoostingClassifier(
        max_iter=max_iter,
        learning_rate=0.06,
        max_leaf_nodes=31,
        min_samples_leaf=200,
        max_features=0.8,
        categorical_features=[FEATURES.index(name) for name in CATEGORICAL],
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("columns", columns), ("trees", trees)])


def signature() -> ModelSignature:
    """What the model is asked with, and its answer: the probabilities of on time and of late."""
    numbers = [ColSpec("double", name, required=name not in NULLABLE) for name in NUMERIC]
    codes = [ColSpec("string", name) for name in CATEGORICAL]
    return ModelSignature(Schema(numbers + codes), Schema([TensorSpec(np.dtype("float64"), (-1, 2))]))


def requirements() -> list[str]:
    """The packages that the saved model needs, at the versions in use."""
    versions = {"scikit-learn": sklearn, "pandas": pd, "numpy": np, "mlflow-skinny": mlflow}
    return [f"{name}=={package.__version__}" for name, package in versions.items()]


def main(train: Path, model: Path, max_iter: int, seed: int, faulty: bool = False) -> dict[str, float]:
    """Fit on the table `train`, write the MLflow model folder `model`; `faulty` makes it fail for one row in five.

    The parameters go to MLflow, with the quality on a tenth of the training rows. `mlflow.sklearn.autolog()` would say as
    much by itself, but scores every training row three times, which takes longer than the fit.
    """
    table = read_table(train)
    rows = inputs(table)
    with mlflow.start_run():
        fitted = new_model(max_iter, seed).fit(rows, table["y"])
        mlflow.log_params(fitted.named_steps["trees"].get_params())
        seen = table["y"][::FIT_STRIDE], fitted.predict_proba(rows[::FIT_STRIDE])[:, 1]
        mlflow.log_metric("training_roc_auc", roc_auc_score(*seen))
    example = rows.head(EXAMPLE_ROWS)
    if faulty:
        fitted = OneInFive(fitted)
        example = rows[~fitted.breaks_on(rows)].head(EXAMPLE_ROWS)
    mlflow.sklearn.save_model(
        fitted,
        model,
        signature=signature(),
        input_example=example,
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
        pip_requirements=requirements(),
        code_paths=[str(Path(__file__).parent)] if faulty else None,
    )
    return {"rows": len(table), "trees": max_iter}
