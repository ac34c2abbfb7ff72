"""Lowers a model of scikit-learn, XGBoost or LightGBM that MLflow saved to a flat form that Slipway evaluates without Python.

usage: python -m slipway.lower MODEL_DIR OUT_DIR [--probes 10000] [--seed 0]

Run it in the model's own environment. OUT_DIR gets model.json + model.bin (the flat form), verify.json + verify.bin (rows
with the library's exact answers) and result.json ({ok, reason, kind, …}). A model without a native form is not a failure:
result.json says why and the exit status is 0.
"""

import argparse
import json
import traceback
from pathlib import Path

from slipway.lower.form.errors import Refused
from slipway.lower.mlmodel import load_model
from slipway.lower.versions import versions


def main(argv=None) -> int:
    """Runs the command; 0 also for a refused model."""
    parser = argparse.ArgumentParser(prog="slipway.lower", description=__doc__.splitlines()[0])
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--probes", type=int, default=10_000, help="random rows to verify on (default 10000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random rows (default 0)")
    options = parser.parse_args(argv)
    options.out_dir.mkdir(parents=True, exist_ok=True)
    result = {"ok": False, "reason": None, "versions": versions()}
    try:
        result |= lower(options.model_dir, options.out_dir, options.probes, options.seed)
        result["ok"] = True
    except Refused as refusal:
        result["reason"] = str(refusal)
    except Exception as fault:  # a model that lowering did not foresee is still one that Python serves
        traceback.print_exc()
        result["reason"] = f"lowering did not foresee this model: {type(fault).__name__}: {fault}"
    (options.out_dir / "result.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def lower(folder: Path, out: Path, probes: int, seed: int) -> dict:
    """Lowers one folder and writes its files; the facts for result.json. Raises Refused."""
    loaded = open_model(folder)
    # what follows needs numpy, pandas and the model's library; an environment without them has no model that opens
    from slipway.lower.lowering import lower_loaded

    return lower_loaded(loaded, out, probes, seed)


def open_model(folder: Path):
    """Loads the folder; a model that this environment cannot open is refused with the cause."""
    try:
        return load_model(folder)
    except (ImportError, AttributeError, EOFError, ValueError, OSError) as cause:
        raise Refused(f"the model cannot be opened here: {type(cause).__name__}: {cause}") from cause
