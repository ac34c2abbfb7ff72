"""Trains the model whose inputs are features and saves it with mlflow: `model.py FOLDER`."""

import sys

import mlflow
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

FEATURES = [f"f{i}" for i in range(20)]


def main() -> None:
    """A sum of its twenty inputs: it costs next to nothing, so that the rest of a prediction shows."""
    chance = np.random.default_rng(1)
    frame = pd.DataFrame(chance.uniform(0, 1000, (1000, len(FEATURES))), columns=FEATURES)
    model = LinearRegression().fit(frame, frame.sum(axis=1))
    signature = mlflow.models.infer_signature(frame, model.predict(frame))
    mlflow.sklearn.save_model(
        model,
        sys.argv[1],
        signature=signature,
        input_example=frame.head(3),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )


main()
