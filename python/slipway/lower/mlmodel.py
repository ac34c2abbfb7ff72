"""Reads an MLflow model folder: its MLmodel file, its signature, its input example and its model object."""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.lower.form.inputs import InputColumn
from slipway.refusal import Refused

# Flavors that may have a native form, and the key under which each names its file.
FLAVORS = {"sklearn": "pickled_model", "xgboost": "data", "lightgbm": "data"}
BOOSTERS = {"xgboost": "xgboost.core.Booster", "lightgbm": "lightgbm.basic.Booster"}
PREDICT_FNS = ("predict", "predict_proba", "decision_function")

# Signature types that have an exact native form, and the kind that the native form reads them as.
COLUMN_KINDS = {
    "double": ("number", False),
    "float": ("number", True),
    "long": ("integer", False),
    "integer": ("integer", False),
    "boolean": ("boolean", False),
    "string": ("string", False),
}


@dataclass
class LoadedModel:
    """A model folder in memory. `inputs` is None when the folder has no signature; `frame` is False for plain arrays."""

    estimator: Any
    output: str
    inputs: list[InputColumn] | None
    frame: bool
    examples: list[list[Any]] = field(default_factory=list)


def load_model(folder: Path) -> LoadedModel:
    """Loads the scikit-learn, XGBoost or LightGBM flavor of a folder. Raises Refused without, and for signatures without a native form."""
    meta = read_yaml(folder / "MLmodel")
    flavors = meta.get("flavors") or {}
    pyfunc = flavors.get("python_function") or {}
    name = next((name for name in FLAVORS if (flavors.get(name) or {}).get(FLAVORS[name])), None)
    if name is None:
        raise Refused(f"no flavor of scikit-learn, XGBoost or LightGBM; flavors: {', '.join(sorted(flavors)) or 'none'}")
    flavor = flavors[name]
    output = pyfunc.get("predict_fn") or "predict"
    if output not in PREDICT_FNS:
        raise Refused(f"predict function {output}; native are {', '.join(PREDICT_FNS)}")
    for code in (pyfunc.get("code"), flavor.get("code")):
        if code:
            sys.path.insert(0, str(folder / code))
    path = folder / flavor[FLAVORS[name]]
    estimator = load_object(path, flavor) if name == "sklearn" else load_boosted(path, name, flavor)
    inputs, frame = read_signature(meta)
    return LoadedModel(estimator, output, inputs, frame, read_examples(folder, meta, inputs))


def load_object(path: Path, flavor: dict[str, Any]) -> Any:
    """Opens the saved estimator with the serializer that the folder names."""
    if flavor.get("serialization_format") == "skops":
        from skops import io

        return io.load(path, trusted=flavor.get("skops_trusted_types") or [])
    with path.open("rb") as stream:
        return pickle.load(stream)


def load_boosted(path: Path, library: str, flavor: dict[str, Any]) -> Any:
    """Opens a saved model of XGBoost or LightGBM in the class that the folder names: a Booster, or a wrapper for scikit-learn."""
    module, _, name = (flavor.get("model_class") or BOOSTERS[library]).rpartition(".")
    if module.split(".")[0] != library:
        raise Refused(f"model class {module}.{name} in the flavor {library}")
    kind = getattr(importlib.import_module(module), name)
    if library == "lightgbm":
        return kind(model_file=str(path)) if name == "Booster" else load_object(path, flavor)
    model = kind()
    model.load_model(str(path))
    return model


def read_signature(meta: dict[str, Any]) -> tuple[list[InputColumn] | None, bool]:
    """The input columns of the signature, or None; and whether the model is fed a DataFrame."""
    text = (meta.get("signature") or {}).get("inputs")
    if not text:
        return None, True
    columns = json.loads(text)
    if columns and columns[0].get("type") == "tensor":
        return tensor_inputs(columns), False
    if any("name" not in column for column in columns):
        raise Refused("a signature with unnamed columns")
    return [column_input(column) for column in columns], True


def column_input(column: dict[str, Any]) -> InputColumn:
    """One named column of a signature. Raises Refused for a type without an exact native form."""
    kind = COLUMN_KINDS.get(column["type"]) if isinstance(column["type"], str) else None
    if kind is None:
        raise Refused(f"input {column['name']} of type {column['type']}")
    return InputColumn(column["name"], kind[0], kind[1])


def tensor_inputs(columns: list[Any]) -> list[InputColumn]:
    """The columns of a two-dimensional tensor, named x0, x1, …"""
    spec = columns[0]["tensor-spec"]
    shape, dtype = spec["shape"], spec["dtype"]
    if len(columns) != 1 or len(shape) != 2 or shape[1] < 1:
        raise Refused(f"tensor inputs of shape {[c['tensor-spec']['shape'] for c in columns]}; native is one of [-1, n]")
    if dtype not in ("float64", "float32", "int64", "int32"):
        raise Refused(f"a tensor input of type {dtype}")
    kind = "number" if dtype.startswith("float") else "integer"
    return [InputColumn(f"x{i}", kind, dtype == "float32") for i in range(shape[1])]


def read_examples(folder: Path, meta: dict[str, Any], inputs: list[InputColumn] | None) -> list[list[Any]]:
    """Rows of the logged input example in input order, None for what is missing; empty when there is none in a form that fits."""
    info = meta.get("saved_input_example_info") or {}
    path = folder / info.get("artifact_path", "")
    if inputs is None or info.get("pandas_orient") != "split" or not path.is_file():
        return []
    example = json.loads(path.read_text(encoding="utf-8"))
    names = example.get("columns") or []
    if any(column.name not in names for column in inputs):
        return []
    order = [names.index(column.name) for column in inputs]
    # MLflow writes a missing text as NaN
    return [[None if row[i] != row[i] else row[i] for i in order] for row in example["data"][:100]]


def read_yaml(path: Path) -> dict[str, Any]:
    """Parses an MLmodel file with PyYAML where the environment has it, else with the small reader below."""
    text = path.read_text(encoding="utf-8")
    try:
        import yaml
    except ImportError:
        return parse_mlmodel(text)
    return yaml.safe_load(text)


def parse_mlmodel(text: str) -> dict[str, Any]:
    """Reads the part of YAML that MLflow writes: nested maps, plain and quoted scalars folded over lines, simple lists."""
    root: dict[str, Any] = {}
    stack = [(-1, root)]
    lines = iter(text.splitlines())
    pending = None
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        body = line.strip()
        if body.startswith("- "):
            if pending is not None:
                owner, key = pending
                if not isinstance(owner[key], list):
                    owner[key] = []
                owner[key].append(scalar(body[2:]))
            continue
        while stack[-1][0] >= indent:
            stack.pop()
        key, _, rest = body.partition(":")
        parent = stack[-1][1]
        rest = rest.strip()
        if rest:
            parent[key] = scalar(unfold(rest, lines))
            pending = None
        else:
            child: dict[str, Any] = {}
            parent[key] = child
            stack.append((indent, child))
            pending = (parent, key)
    return root


def unfold(first: str, lines: Iterator[str]) -> str:
    """Joins the lines of a quoted scalar until its closing quote."""
    quote = first[0]
    if quote not in "'\"":
        return first
    text = first
    while not closed(text, quote):
        text += " " + next(lines).strip()
    return text


def closed(text: str, quote: str) -> bool:
    """Whether a quoted scalar ends in this text: single quotes double to escape, double quotes use a backslash."""
    body = text[1:]
    body = body.replace("''", "") if quote == "'" else body.replace("\\\\", "").replace('\\"', "")
    return body.endswith(quote)


def scalar(text: str) -> Any:
    """A YAML scalar as Python: null, booleans, whole numbers, quoted and plain strings."""
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    if text.startswith('"'):
        return json.loads(text)
    words: dict[str, Any] = {"null": None, "~": None, "true": True, "false": False, "{}": {}, "[]": []}
    if text in words:
        return words[text]
    try:
        return int(text)
    except ValueError:
        return text
