"""Loads the model that the package saved, in a process that does not have the package, and asks it as a server does."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

from slipway.notebook.proof.guards import ask_nobody, close_network, explain, own_output, seed_all
from slipway.notebook.proof.values import Describer


def run_saved(request: dict[str, Any]) -> int:
    """Asks the model in ``model`` for the rows in ``asked``, where there are any; the record lies in ``out``."""
    own_output()
    out = Path(request["out"])
    ask_nobody()
    if not request["network"]:
        close_network()
    describer = Describer(out / "values.bin", request["package"])
    probe: dict[str, Any] | None = None
    try:
        import mlflow.pyfunc

        model = mlflow.pyfunc.load_model(request["model"])
        asked = Path(request["asked"])
        if asked.exists():
            # rows may be of a class of the package, which the model brings with it
            rows = pickle.loads(asked.read_bytes())
            seed_all(request["seed"], request["modules"])
            probe = describer.describe(model.predict(as_table(rows)))
    except Exception as error:  # noqa: BLE001 whatever keeps it from answering is told
        probe = {"k": "fault", "why": explain(error)}
    describer.file.close()
    (out / "record.json").write_text(json.dumps({"cells": [], "failed": None, "probe": probe}), encoding="utf-8")
    return 0


def as_table(rows: Any) -> Any:
    """A column on its own as the table that MLflow takes."""
    column = hasattr(rows, "to_frame") and not hasattr(rows, "columns")
    return rows.to_frame(rows.name or "rows") if column else rows
