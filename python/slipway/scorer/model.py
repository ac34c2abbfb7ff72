"""A loaded MLflow model folder, called as MLflow's own scoring calls it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slipway.lower.mlmodel import load_object, read_yaml

#: `call(data, params)` of a model: what its predict function gives.
Call = Callable[[Any, "dict[str, Any] | None"], Any]


class Model:
    """A loaded MLflow model folder. `call` asks it; `pyfunc` is MLflow's wrapper, where it made one."""

    pyfunc: Any = None

    def __init__(self, folder: Path) -> None:
        meta = read_yaml(folder / "MLmodel")
        flavors = meta.get("flavors") or {}
        sklearn = flavors.get("sklearn") or {}
        if sklearn.get("pickled_model"):
            self.flavor = "sklearn"
            self.call = self._open_sklearn(folder, flavors)
        else:
            self.flavor = "pyfunc"
            self.call = self._open_pyfunc(folder)

    def _open_sklearn(self, folder: Path, flavors: dict[str, Any]) -> Call:
        pyfunc = flavors.get("python_function") or {}
        sklearn = flavors["sklearn"]
        for code in (pyfunc.get("code"), sklearn.get("code")):
            if code:
                sys.path.insert(0, str(folder / code))
        estimator = load_object(folder / sklearn["pickled_model"], sklearn)
        predict = getattr(estimator, pyfunc.get("predict_fn") or "predict")
        return lambda frame, params: predict(frame)  # like MLflow's own wrapper, it hands no params on

    def _open_pyfunc(self, folder: Path) -> Call:
        import mlflow.pyfunc

        model = self.pyfunc = mlflow.pyfunc.load_model(str(folder))
        return lambda frame, params: model.predict(frame, params=params) if params else model.predict(frame)
