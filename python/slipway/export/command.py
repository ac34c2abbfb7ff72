"""Exports a model of CatBoost, PyTorch, TensorFlow or Keras to ONNX, and answers rows with it that the graph must answer alike.

usage: python -m slipway.export MODEL_DIR OUT_DIR [--probes 2000] [--seed 0]

Run it in the model's own environment. OUT_DIR holds inputs.json ({inputs, tensor}: what callers send, as a scorer is told it)
and gets model.onnx, unless the folder brings an export of its own; verify.json (rows, the answers of the Python model, and the
inputs that it takes no missing value in); and result.json ({ok, reason, origin, file, …}). A model that cannot be exported is
not a failure: result.json says why and the exit status is 0.
"""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.conversion import Conversion, installed, run_conversion
from slipway.export.user_graph import find_user_graph
from slipway.lower.mlmodel import read_yaml
from slipway.refusal import Refused

if TYPE_CHECKING:
    from slipway.scorer.model import Model

# Flavors that are exported here; the first that a folder has.
FLAVORS = ("catboost", "pytorch", "keras", "tensorflow")
# Those whose models say nothing of missing values: what comes of NaN is an accident of the library's kernels.
NETS = ("pytorch", "keras", "tensorflow")
LIBRARIES = (
    "catboost", "torch", "onnxscript", "tensorflow", "tensorflow-cpu", "keras", "tf2onnx", "onnx", "numpy", "mlflow", "mlflow-skinny",
)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Runs the command; 0 also for a refused model."""
    return run_conversion(
        Conversion(
            name="slipway.export",
            description=(__doc__ or "").partition("\n")[0],
            probes=2000,
            versions=lambda: installed(LIBRARIES),
            convert=export,
            unforeseen=lambda fault: f"the export did not foresee this model: {first_line(fault)}",
        ),
        argv,
    )


def export(folder: Path, out: Path, probes: int, seed: int) -> dict[str, Any]:
    """Finds or makes the graph and writes the rows that verify it; the facts for result.json. Raises Refused."""
    meta = read_yaml(folder / "MLmodel")
    flavors = meta.get("flavors") or {}
    user_graph = find_user_graph(folder, meta)
    flavor = next((name for name in FLAVORS if name in flavors), None)
    if user_graph is None and flavor is None:
        raise Refused(f"no flavor that is exported to ONNX; flavors: {', '.join(sorted(flavors)) or 'none'}")
    wanted = json.loads((out / "inputs.json").read_text(encoding="utf-8"))
    from slipway.export.reference import Reference
    from slipway.export.rows import write_rows

    with contextlib.redirect_stdout(sys.stderr):  # exporters print their progress
        reference = Reference(wanted["inputs"], wanted.get("tensor"), open_model(folder))
        drawn = write_rows(out / "verify.json", reference, (folder, meta, flavor in NETS), probes, seed)
        facts = {"flavor": flavor, "probes": drawn}
        if flavor is None or user_graph is not None:
            return facts | {"origin": "given", "file": user_graph}
        from slipway.export.frameworks import EXPORTERS

        EXPORTERS[flavor](reference, out / "model.onnx")
    return facts | {"origin": "exported", "file": "model.onnx"}


def open_model(folder: Path) -> Model:
    """The folder as a scorer opens it. Raises Refused with the cause where this environment cannot."""
    from slipway.scorer.model import Model

    try:
        return Model(folder)
    except Exception as cause:
        traceback.print_exc()
        raise Refused(f"the model cannot be opened here: {first_line(cause)}") from cause


def first_line(fault: BaseException) -> str:
    """Class and first line of an exception."""
    return f"{type(fault).__name__}: {(str(fault).strip().splitlines() or [''])[0]}"[:300]
