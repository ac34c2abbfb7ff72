"""Fits every row of the lowering matrix on the libraries of this environment, saves it with MLflow and lowers it.

usage: python lower_matrix.py OUT_DIR [--cases MODULE] [--probes N] [--only PATTERN] [--part K/N]
gives OUT_DIR/N/native and OUT_DIR/names.json

MODULE has cases(): name -> function that gives (fitted model, its inputs, predict function), or (…, save) where save(model, folder,
signature) stands for MLflow's scikit-learn flavor.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import mlflow.sklearn
import numpy as np
from make_models import signature

from slipway.lower.command import main as lower


def save_sklearn(model: Any, folder: Path, columns: Any, predict: str) -> None:
    """Saves with MLflow's scikit-learn flavor."""
    keep = {"serialization_format": "cloudpickle", "pip_requirements": []}
    mlflow.sklearn.save_model(model, folder, signature=columns, pyfunc_predict_fn=predict, **keep)


def main() -> None:
    """Writes every row of the matrix and its native form."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--probes", default="300")
    parser.add_argument("--only", default="")
    parser.add_argument("--part", default="0/1", help="every Nth row, from the Kth on")
    parser.add_argument("--cases", default="lowering_cases")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    part, parts = map(int, options.part.split("/"))
    for name, make in list(importlib.import_module(options.cases).cases().items())[part::parts]:
        if not re.search(options.only, name):
            continue
        folder, start = options.out / str(len(names)), time.process_time()
        names.append(name)
        np.random.seed(0)
        model, inputs, *rest = make()
        save = rest[-1] if callable(rest[-1]) else functools.partial(save_sklearn, predict=rest[0])
        save(model, folder / "model", signature(inputs))
        lower([str(folder / "model"), str(folder / "native"), "--probes", options.probes])
        result = json.loads((folder / "native" / "result.json").read_text())
        print(f"{time.process_time() - start:5.2f} {name}: {result['reason'] or 'lowered'}", flush=True)
    (options.out / "names.json").write_text(json.dumps(names), encoding="utf-8")


if __name__ == "__main__":
    main()
