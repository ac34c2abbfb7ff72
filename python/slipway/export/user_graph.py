"""Finds the ONNX graph that a user put beside a model: named in the model's metadata, or model.onnx among its files."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from slipway.refusal import Refused

# Key of the metadata that names the file, relative to the model folder.
KEY = "slipway.onnx"
PLACES = ("extra_files/model.onnx", "model.onnx")


def find_user_graph(folder: Path, meta: dict[str, Any]) -> str | None:
    """The path, below the folder, of the graph that came with the model, or None. Raises Refused where a named one is not there."""
    named = (meta.get("metadata") or {}).get(KEY)
    if named is None:
        return next((place for place in PLACES if (folder / place).is_file()), None)
    path = PurePosixPath(str(named))
    if path.is_absolute() or ".." in path.parts or not (folder / path).is_file():
        raise Refused(f"metadata {KEY} names {named!r}, which is no file of the model")
    return str(path)
