"""Exports a model of CatBoost, PyTorch, TensorFlow or Keras to ONNX, and answers rows with it that the graph must answer alike.

usage: python -m slipway.export MODEL_DIR OUT_DIR [--probes 2000] [--seed 0]

Run it in the model's own environment. OUT_DIR holds inputs.json ({inputs, tensor}: what callers send, as a scorer is told it)
and gets model.onnx, unless the folder brings an export of its own; verify.json (rows, the answers of the Python model, and the
inputs that it takes no missing value in); and result.json ({ok, reason, origin, file, …}). A model that cannot be exported is
not a failure: result.json says why and the exit status is 0.
"""

import argparse
import contextlib
import json
import sys
import traceback
from importlib import metadata
from pathlib import Path

from slipway.export.user_graph import given_export
from slipway.lower.form.errors import Refused
from slipway.lower.mlmodel import read_yaml

# Flavors that are exported here; the first that a folder has.
FLAVORS = ("catboost", "pytorch", "keras", "tensorflow")
# Those whose models say nothing of missing values: what comes of NaN is an accident of the library's kernels.
NETS = ("pytorch", "keras", "tensorflow")
LIBRARIES = ("catboost", "torch", "onnxscript", "tensorflow", "tensorflow-cpu", "keras", "tf2onnx", "onnx", "numpy", "mlflow", "mlflow-skinny")


def main(argv=None) -> int:
    """Runs the command; 0 also for a refused model."""
    parser = argparse.ArgumentParser(prog="slipway.export", description=__doc__.splitlines()[0])
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--probes", type=int, default=2000, help="rows to verify on (default 2000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the drawn rows (default 0)")
    options = parser.parse_args(argv)
    result = {"ok": False, "reason": None, "versions": versions()}
    try:
        with contextlib.redirect_stdout(sys.stderr):  # exporters print their progress
            result |= export(options.model_dir, options.out_dir, options.probes, options.seed)
        result["ok"] = True
    except Refused as refusal:
        result["reason"] = str(refusal)
    except Exception as fault:  # a model that cannot be exported is still one that Python serves
        traceback.print_exc()
        result["reason"] = f"the export did not foresee this model: {first_line(fault)}"
    (options.out_dir / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def versions() -> dict:
    """Versions of the libraries that take part."""
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def export(folder: Path, out: Path, probes: int, seed: int) -> dict:
    """Finds or makes the graph and writes the rows that verify it; the facts for result.json. Raises Refused."""
    meta = read_yaml(folder / "MLmodel")
    flavors = meta.get("flavors") or {}
    given = given_export(folder, meta)
    flavor = next((name for name in FLAVORS if name in flavors), None)
    if given is None and flavor is None:
        raise Refused(f"no flavor that is exported to ONNX; flavors: {', '.join(sorted(flavors)) or 'none'}")
    wanted = json.loads((out / "inputs.json").read_text(encoding="utf-8"))
    from slipway.export.rows import Asked, write_rows

    asked = Asked(wanted["inputs"], wanted.get("tensor"), open_model(folder))
    drawn = write_rows(out / "verify.json", asked, (folder, meta, flavor in NETS), probes, seed)
    facts = {"flavor": flavor, "probes": drawn}
    if given is not None:
        return facts | {"origin": "given", "file": given}
    from slipway.export import frameworks

    frameworks.EXPORTERS[flavor](asked, out / "model.onnx")
    return facts | {"origin": "exported", "file": "model.onnx"}


def open_model(folder: Path):
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
