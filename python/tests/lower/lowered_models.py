"""Fits small models, saves them in MLflow's layout without MLflow, and lowers them: what the tests of lowering begin with."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import tempfile
import unittest
from pathlib import Path
from typing import Any

from slipway.lower.command import main

try:
    import numpy as np
    import pandas as pd
    import sklearn
except ImportError:
    sklearn = None

ROWS = 160
NUMBERS = ["a", "b", "c", "d"]
TEXTS = ["carrier", "origin"]
COLUMN_TYPES = {"f": "double", "i": "long", "b": "boolean"}


def make_table(gaps: tuple[str, ...] = (), seed: int = 7) -> pd.DataFrame:
    """Numbers, a whole number and two texts; one value in ten missing in the named columns."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({name: np.round(random.normal(10, 4, ROWS), 2) for name in NUMBERS})
    table["n"] = random.integers(0, 6, ROWS)
    table["carrier"] = random.choice(["UA", "AA", 'é"–'], ROWS, p=[0.5, 0.4, 0.1])
    table["origin"] = random.choice(["EWR", "JFK"], ROWS)
    table[TEXTS] = table[TEXTS].astype(object)
    for name in gaps:
        table.loc[random.random(ROWS) < 0.1, name] = np.nan
    return table


def make_target(seed: int = 7) -> np.ndarray:
    """A number that depends on the columns of the table of this seed."""
    table = make_table(seed=seed)
    noise = np.random.default_rng(seed + 1).normal(0, 1, ROWS)
    target: np.ndarray = (table.a * 0.7 - table.b + (table.carrier == "UA") * 3 + noise).to_numpy()
    return target


def two_classes(target: np.ndarray) -> np.ndarray:
    """late or fine."""
    return np.where(target > np.median(target), "late", "fine")


def three_classes(target: np.ndarray) -> np.ndarray:
    """10, 11 or 12."""
    found: np.ndarray = np.digitize(target, np.quantile(target, [0.3, 0.7])) + 10
    return found


def signature_of(inputs: Any) -> str:
    """The signature of a DataFrame or an array as MLflow writes it."""
    if isinstance(inputs, np.ndarray):
        return json.dumps([{"type": "tensor", "tensor-spec": {"dtype": str(inputs.dtype), "shape": [-1, inputs.shape[1]]}}])
    return json.dumps([{"type": COLUMN_TYPES.get(inputs[name].dtype.kind, "string"), "name": name} for name in inputs.columns])


def save_model(folder: Path, model: Any, inputs: Any, predict: str = "predict") -> Path:
    """Saves a model as MLflow's scikit-learn flavor does; without a signature where `inputs` is None."""
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    meta: dict[str, Any] = {
        "flavors": {
            "python_function": {"predict_fn": predict, "loader_module": "mlflow.sklearn"},
            "sklearn": {"pickled_model": "model.pkl", "serialization_format": "pickle"},
        },
    }
    if inputs is not None:
        meta["signature"] = {"inputs": signature_of(inputs)}
    (folder / "MLmodel").write_text(json.dumps(meta), encoding="utf-8")  # JSON is YAML
    return folder


def lower_model(folder: Path, probes: int = 40, seed: int = 0) -> tuple[dict[str, Any], Path]:
    """Lowers a saved model: result.json and the folder of its native form."""
    out = folder.with_name(folder.name + "-native")
    with contextlib.redirect_stderr(io.StringIO()):
        assert main([str(folder), str(out), "--probes", str(probes), "--seed", str(seed)]) == 0
    return json.loads((out / "result.json").read_text("utf-8")), out


@unittest.skipIf(sklearn is None, "scikit-learn is not installed")
class LoweringCase(unittest.TestCase):
    """A folder for models."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def lower(self, model: Any, inputs: Any, predict: str = "predict", **options: Any) -> tuple[dict[str, Any], Path]:
        """Saves and lowers a fitted model."""
        place = self.folder / f"m{len(list(self.folder.iterdir()))}"
        return lower_model(save_model(place, model, inputs, predict), **options)
