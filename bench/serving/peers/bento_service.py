"""The model as a BentoML service with adaptive batching: `bentoml serve bento_service:Service`, MODEL_DIR and COLUMNS in the environment."""

import os
from typing import Any

import bentoml
import mlflow.sklearn
import pandas as pd

COLUMNS = os.environ["COLUMNS"].split(",")


@bentoml.service(traffic={"timeout": 60})
class Service:
    def __init__(self):
        self.model = mlflow.sklearn.load_model(os.environ["MODEL_DIR"])

    @bentoml.api(batchable=True, max_batch_size=256, max_latency_ms=10000, batch_dim=0)
    def predict(self, rows: list[list[Any]]) -> list[float]:
        return self.model.predict(pd.DataFrame(rows, columns=COLUMNS)).tolist()
