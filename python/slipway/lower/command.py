"""Lowers a model of scikit-learn, XGBoost or LightGBM that MLflow saved to a flat form that Slipway evaluates without Python.

usage: python -m slipway.lower MODEL_DIR OUT_DIR [--probes 10000] [--seed 0]

Run it in the model's own environment. OUT_DIR gets model.json + model.bin (the flat form), verify.json + verify.bin (rows
with the library's exact answers) and result.json ({ok, reason, kind, …}). A model without a native form is not a failure:
result.json says why and the exit status is 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slipway.conversion import Conversion, run_conversion
from slipway.lower.mlmodel import LoadedModel, load_model
from slipway.lower.versions import versions
from slipway.refusal import Refused


def main(argv: list[str] | None = None) -> int:
    """Runs the command; 0 also for a refused model."""
    return run_conversion(
        Conversion(
            name="slipway.lower",
            description=(__doc__ or "").partition("\n")[0],
            probes=10_000,
            versions=versions,
            convert=lower,
            unforeseen=lambda fault: f"lowering did not foresee this model: {type(fault).__name__}: {fault}",
        ),
        argv,
    )


def lower(folder: Path, out: Path, probes: int, seed: int) -> dict[str, Any]:
    """Lowers one folder and writes its files; the facts for result.json. Raises Refused."""
    loaded = open_model(folder)
    # what follows needs numpy, pandas and the model's library; an environment without them has no model that opens
    from slipway.lower.lowering import lower_loaded

    return lower_loaded(loaded, out, probes, seed)


def open_model(folder: Path) -> LoadedModel:
    """Loads the folder; a model that this environment cannot open is refused with the cause."""
    try:
        return load_model(folder)
    except (ImportError, AttributeError, EOFError, ValueError, OSError) as cause:
        raise Refused(f"the model cannot be opened here: {type(cause).__name__}: {cause}") from cause
