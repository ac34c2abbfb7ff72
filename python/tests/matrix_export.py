"""Models of CatBoost, PyTorch, TensorFlow and Keras as users save them, for the table of what ONNX Runtime serves.

usage: python matrix_export.py OUT_DIR [--only PATTERN]     gives OUT_DIR/N/model and OUT_DIR/names.json, for the library that is installed
       python matrix_export.py OUT_DIR --export [--probes N]     exports them to OUT_DIR/N/out, where inputs.json lies
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pandas as pd
from mlflow.models import infer_signature

RANDOM = np.random.default_rng(0)
ROWS = 400
TABLE = pd.DataFrame(RANDOM.normal(size=(ROWS, 4)), columns=list("abcd"))
GAPS = TABLE.mask(RANDOM.random(TABLE.shape) < 0.1)
COUNTS = TABLE.assign(n=RANDOM.integers(0, 30, ROWS))
NUMBER = TABLE.a * 3 + TABLE.b**2
CLASS = (NUMBER > 1).astype(int)
ARRAY = TABLE.to_numpy("float32")
TOKENS = RANDOM.integers(0, 50, size=(ROWS, 6))


def kept(inputs: Any, **more: Any) -> Any:
    """What a user saves beside a model."""
    return {"signature": infer_signature(inputs), "input_example": inputs[:5], "pip_requirements": []} | more


def catboost_rows() -> Any:
    """(name, save) pairs; save(folder) fits and saves."""
    import catboost
    import mlflow.catboost

    plain = {"iterations": 40, "verbose": 0, "allow_writing_files": False, "thread_count": 1, "random_seed": 0}

    def row(kind: Any, inputs: Any = TABLE, target: Any = NUMBER, own: Any = None, **more: Any) -> Any:
        def save(folder: Path) -> None:
            model = kind(**plain, **more).fit(inputs, target)
            extra = {}
            if own is not None:
                own(model, folder.parent / "model.onnx")
                extra = {"extra_files": [str(folder.parent / "model.onnx")]}
            mlflow.catboost.save_model(model, folder, **kept(inputs, **extra))

        return save

    regressor, classifier = catboost.CatBoostRegressor, catboost.CatBoostClassifier
    named = COUNTS.assign(k=RANDOM.choice(["u", "v"], ROWS))
    other = catboost.CatBoostRegressor(**plain).fit(TABLE, TABLE.c)
    return [
        ("CatBoostRegressor", row(regressor)),
        ("CatBoostRegressor, missing values", row(regressor, GAPS)),
        ("CatBoostRegressor, missing values last", row(regressor, GAPS, nan_mode="Max")),
        ("CatBoostRegressor, whole numbers", row(regressor, COUNTS)),
        ("CatBoostRegressor, lossguide", row(regressor, grow_policy="Lossguide")),
        ("CatBoostRegressor, Poisson", row(regressor, target=np.abs(NUMBER), loss_function="Poisson")),
        ("CatBoostRegressor, several targets", row(regressor, target=TABLE[["a", "b"]], loss_function="MultiRMSE")),
        ("CatBoostRegressor on an array", row(regressor, ARRAY)),
        ("CatBoostRegressor, categories", row(regressor, named, cat_features=["k"])),
        ("CatBoostClassifier", row(classifier, GAPS, CLASS)),
        ("CatBoostClassifier, text labels", row(classifier, target=np.where(CLASS, "yes", "no"))),
        ("CatBoostClassifier, three classes", row(classifier, target=np.digitize(NUMBER, [-1, 2]))),
        ("CatBoostClassifier, true and false", row(classifier, target=CLASS.astype(bool))),
        ("CatBoostRegressor with an export beside it", row(regressor, own=lambda m, to: m.save_model(str(to), format="onnx"))),
        ("CatBoostRegressor with another's export", row(regressor, own=lambda m, to: other.save_model(str(to), format="onnx"))),
    ]  # fmt: skip


def pytorch_rows() -> Any:
    """(name, save) pairs; save(folder) makes and saves."""
    import mlflow.pytorch
    import torch
    from torch import nn

    def row(make: Callable[[], Any], inputs: Any = TABLE, own: Any = None) -> Any:
        def save(folder: Path) -> None:
            torch.manual_seed(0)
            module, extra = make().eval(), {}
            if own is not None:
                own(module, folder.parent / "mine.onnx")
                extra = {"extra_files": [str(folder.parent / "mine.onnx")], "metadata": {"slipway.onnx": "extra_files/mine.onnx"}}
            mlflow.pytorch.save_model(module, folder, **kept(inputs, serialization_format="pickle", **extra))

        return save

    class Function(nn.Module):
        def __init__(self, call: Any, *parts: Any) -> None:
            super().__init__()
            self.parts = nn.ModuleList(parts)
            self.call = call

        def forward(self, x: Any) -> Any:
            return self.call(x, *self.parts)

    def dense(out: int, last: Any = None) -> Any:
        parts = [nn.Linear(4, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, out)]
        return lambda: nn.Sequential(*parts, *([last] if last else []))

    def function(call: Any, *parts: Any) -> Any:
        return lambda: Function(call, *(part() for part in parts))

    def export(module: Any, to: Path) -> None:
        torch.onnx.export(
            module, (torch.zeros(3, 4),), str(to), input_names=["x"], dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), external_data=False
        )

    def checked(x: Any, part: Any) -> Any:
        if (x.abs() > 1e9).any():
            raise ValueError("far off")
        return part(x)

    linear = lambda: nn.Linear(4, 2)
    attention = lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    return [
        ("Linear layers", row(dense(1))),
        ("Linear layers on an array", row(dense(1), ARRAY)),
        ("Linear layers, whole numbers", row(lambda: nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 1)), COUNTS)),
        ("Linear layers in float64", row(lambda: dense(1)().double(), TABLE.to_numpy())),
        ("Softmax of three classes", row(dense(3, nn.Softmax(dim=1)))),
        ("One number a row", row(function(lambda x, a: a(x)[:, 0], linear))),
        ("Convolution", row(function(lambda x, a: a(x.reshape(-1, 1, 4)).mean(dim=2), lambda: nn.Conv1d(1, 3, 2)), ARRAY)),
        ("LSTM", row(function(lambda x, a: a(x.reshape(-1, 2, 2))[0][:, -1], lambda: nn.LSTM(2, 5, batch_first=True)), ARRAY)),
        ("Attention", row(function(lambda x, a: a(x.reshape(-1, 2, 4)).mean(dim=1), attention), np.hstack([ARRAY, ARRAY]))),
        ("Embedding of tokens", row(function(lambda x, a, b: b(a(x).mean(dim=1)), lambda: nn.Embedding(50, 4), linear), TOKENS)),
        ("Argmax", row(function(lambda x, a: a(x).argmax(dim=1), linear))),
        ("A branch on values", row(function(lambda x, a: a(x) if x.sum() > 0 else -a(x), linear))),
        ("Chance", row(function(lambda x, a: a(x) + torch.randn(len(x), 2), linear))),
        ("A mean over the rows of a call", row(function(lambda x, a: a(x - x.mean(dim=0)), linear))),
        ("An answer of two dimensions a row", row(function(lambda x, a: a(x).reshape(-1, 1, 2), linear))),
        ("Linear layers with an export beside it", row(dense(1), own=export)),
        ("A check of values", row(function(checked, linear))),
    ]  # fmt: skip


def keras_rows() -> Any:
    """(name, save) pairs; save(folder) makes and saves."""
    import keras
    import mlflow.keras
    import mlflow.tensorflow
    import tensorflow as tf

    layers = keras.layers

    def row(*parts: Any, inputs: Any = ARRAY, flavor: Any = mlflow.tensorflow, width: int = 4) -> Any:
        def save(folder: Path) -> None:
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((width,)), *(part() for part in parts)])
            extra = kept(inputs)
            if flavor is mlflow.keras:  # which cannot save an example beside the model
                del extra["input_example"]
            flavor.save_model(model, str(folder), **extra)

        return save

    dense = [lambda: layers.Dense(16, activation="relu"), lambda: layers.BatchNormalization(), lambda: layers.Dropout(0.5)]
    one, three = lambda: layers.Dense(1), lambda: layers.Dense(3, activation="softmax")

    class Module(tf.Module):
        def __init__(self) -> None:
            self.weight = tf.Variable(tf.ones((4, 2)) * 0.3)

        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32)])
        def __call__(self, value: Any) -> Any:
            return tf.nn.tanh(value @ self.weight)

    def module(folder: Path) -> None:
        mlflow.tensorflow.save_model(Module(), str(folder), **kept(ARRAY))

    return [
        ("Dense layers", row(*dense, one)),
        ("Dense layers, flavor keras", row(*dense, one, flavor=mlflow.keras)),
        ("Dense layers, three classes", row(*dense, three)),
        ("LSTM", row(lambda: layers.Reshape((2, 2)), lambda: layers.LSTM(5), one)),
        ("Convolution", row(lambda: layers.Reshape((4, 1)), lambda: layers.Conv1D(3, 2), lambda: layers.Flatten(), one)),
        ("Embedding of tokens", row(lambda: layers.Embedding(50, 4), lambda: layers.GlobalAveragePooling1D(), one, inputs=TOKENS, width=6)),
        ("tf.Module", module),
    ]  # fmt: skip


LIBRARIES = {"catboost": catboost_rows, "torch": pytorch_rows, "tensorflow": keras_rows}


def export_all(out: Path, probes: str) -> None:
    """Exports the models that were written, in one process: the libraries take long to load."""
    from slipway.export.command import main as export

    for i in range(len(json.loads((out / "names.json").read_text()))):
        export([str(out / str(i) / "model"), str(out / str(i) / "out"), "--probes", probes])


def main() -> None:
    """Writes every model of the first library that is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--export", action="store_true")
    parser.add_argument("--probes", default="500")
    options = parser.parse_args()
    if options.export:
        export_all(options.out, options.probes)
        return
    library = next(name for name in LIBRARIES if importlib.util.find_spec(name) is not None)
    names: list[str] = []
    for name, save in LIBRARIES[library]():
        if not re.search(options.only, name):
            continue
        folder = options.out / str(len(names))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        names.append(name)
        save(folder / "model")
    (options.out / "names.json").write_text(json.dumps(names), encoding="utf-8")


if __name__ == "__main__":
    main()
