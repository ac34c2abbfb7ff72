"""Loads the model that the package saved, in a process that does not have the package, and asks it as a server does."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

from slipway.notebook.proof.guards import ask_nobody, close_network, explain, own_output, seed_all
from slipway.notebook.proof.loaded import Unlike, faults_of, parts_of
from slipway.notebook.proof.pieces import answer_pieces
from slipway.notebook.proof.values import Describer


def run_saved(request: dict[str, Any]) -> int:
    """Asks the model in ``model`` for the rows in ``asked``, where there are any; the record lies in ``out``."""
    own_output()
    out = Path(request["out"])
    ask_nobody()
    if not request["network"]:
        close_network()
    describer = Describer(out / "values.bin", request["package"])
    record: dict[str, Any] = {"cells": [], "failed": None, "probe": None, "pieces": []}
    try:
        record |= asked_saved(request, describer)
    except Exception as error:  # noqa: BLE001 whatever keeps it from answering is told
        record["probe"] = {"k": "fault", "why": explain(error)}
    describer.file.close()
    (out / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return 0


def asked_saved(request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """What the model answers, and what it answers by, as that is when it has answered."""
    import mlflow.pyfunc

    folder, asked = Path(request["model"]), Path(request["asked"])
    model = mlflow.pyfunc.load_model(str(folder))
    record: dict[str, Any] = {"faults": faults_of(folder, request)}
    rows: Any = None
    if request["signed"] and model.metadata.signature is None:
        record["faults"].append("it has no signature, and save of a package writes one")
    if asked.exists():
        # rows may be of a class of the package, which the model brings with it
        rows = pickle.loads(asked.read_bytes())
        seed_all(request["seed"], request["modules"])
        record["probe"] = describer.describe(model.predict(as_table(rows)))
    try:
        parts = parts_of(folder, model, request)
        record["loaded"] = {name: describer.describe(one, codes=True) for name, one in parts.items()}
    except Unlike as error:
        record["unlike"] = str(error)
    except Exception as error:  # noqa: BLE001 what another MLflow has made may have other parts
        record["unlike"] = f"it cannot be looked into: {explain(error)}"
    if asked.exists():
        record["pieces"] = answer_pieces(request["pieces"], rows, lambda some: model.predict(as_table(some)), request, describer)
    return record


def as_table(rows: Any) -> Any:
    """A column on its own, or a list, as the table that MLflow takes."""
    if isinstance(rows, (list, tuple)):
        import numpy as np
        import pandas as pd

        nested = bool(rows) and isinstance(rows[0], (list, tuple))
        return np.asarray(rows) if nested else pd.DataFrame({"rows": list(rows)})
    column = hasattr(rows, "to_frame") and not hasattr(rows, "columns")
    return rows.to_frame(rows.name or "rows") if column else rows
