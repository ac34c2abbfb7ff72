"""Makes ONNX models as mlflow saves them, with rows and the answers of onnxruntime in Python: `make_onnx.py OUT`.

classes: one tensor, label and probabilities. value: one tensor, one number. columns: a tensor a column, with texts and
whole numbers. trees: 200 trees of depth 6, for the bench. map: probabilities as a map, which is no tensor. narrow: a signature
with too few inputs.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnxruntime
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, Schema
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

OUT = Path(sys.argv[1])
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
RANDOM = np.random.default_rng(7)
NAMES = ["a", "b", "c", "d"]
ROWS = RANDOM.normal(size=(1000, 4)).astype("float32")
TABLE = pd.DataFrame(
    {
        "size": ROWS[:, 0],
        "count": RANDOM.integers(0, 50, 1000),
        "kind": RANDOM.choice(["x", "y", "ünï"], 1000),
    }
)


def save(name: str, graph: Any, columns: Any, example: Any) -> None:
    """A model folder as mlflow lays it out."""
    signature = ModelSignature(inputs=Schema([ColSpec(kind, column) for column, kind in columns]))
    mlflow.onnx.save_model(graph, OUT / name, signature=signature, conda_env=None, pip_requirements=["onnx"])
    text = json.dumps({"columns": [column for column, _ in columns], "data": example})
    (OUT / name / "input_example.json").write_text(text)


def answers(graph: Any, feeds: dict[str, Any]) -> Any:
    """What onnxruntime in Python says, by output name."""
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {name: value.tolist() for name, value in zip(names, session.run(None, feeds))}


def main() -> None:
    """All of them."""
    OUT.mkdir(parents=True)
    doubles = [(name, "double") for name in NAMES]
    labels = (ROWS[:, 0] + ROWS[:, 1] ** 2 > 0.5).astype(int)
    classifier = GradientBoostingClassifier(n_estimators=30, random_state=0).fit(ROWS, labels)
    classes = to_onnx(classifier, ROWS[:1], options={"zipmap": False})
    save("classes", classes, doubles, ROWS[:3].tolist())
    save("map", to_onnx(classifier, ROWS[:1]), doubles, ROWS[:3].tolist())
    save("narrow", classes, doubles[:3], ROWS[:3, :3].tolist())
    regressor = GradientBoostingRegressor(n_estimators=30, random_state=0).fit(ROWS, ROWS[:, 0] * 3)
    value = to_onnx(regressor, ROWS[:1])
    save("value", value, doubles, ROWS[:3].tolist())
    deep = GradientBoostingRegressor(n_estimators=200, max_depth=6, random_state=0).fit(ROWS, ROWS[:, 0] * 3)
    save("trees", to_onnx(deep, ROWS[:1]), doubles, ROWS[:3].tolist())
    encode = ColumnTransformer([("n", StandardScaler(), ["size", "count"]), ("k", OneHotEncoder(), ["kind"])])
    pipeline = make_pipeline(encode, GradientBoostingClassifier(n_estimators=20, random_state=0)).fit(TABLE, labels)
    types = [
        ("size", FloatTensorType([None, 1])),
        ("count", Int64TensorType([None, 1])),
        ("kind", StringTensorType([None, 1])),
    ]
    columns = to_onnx(pipeline, initial_types=types, options={"zipmap": False})
    kinds = [("size", "float"), ("count", "long"), ("kind", "string")]
    save("columns", columns, kinds, TABLE[:3].values.tolist())
    feeds = {
        "size": TABLE[["size"]].values.astype("float32"),
        "count": TABLE[["count"]].values.astype("int64"),
        "kind": TABLE[["kind"]].values.astype(object),
    }
    told = {
        "rows": ROWS.astype("float64").tolist(),
        "table": TABLE.astype({"size": "float64"}).values.tolist(),
        "classes": answers(classes, {"X": ROWS}),
        "value": answers(value, {"X": ROWS}),
        "columns": answers(columns, feeds),
    }
    (OUT / "expected.json").write_text(json.dumps(told))


main()
