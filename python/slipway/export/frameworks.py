"""The ONNX exports of the frameworks themselves: CatBoost's, PyTorch's, and tf2onnx for TensorFlow and Keras."""

from __future__ import annotations

import re
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from slipway.export.reference import Reference
from slipway.refusal import Refused, class_path

# Rows of the example that is traced; one row would be taken for a fixed size.
TRACED = 3
MOST_BYTES = 2_000_000_000


def refuse_export(library: str, cause: BaseException) -> NoReturn:
    """Raises Refused with the first line of what an exporter line, without the places in its source."""
    line = (str(cause).strip().splitlines() or [""])[0]
    line = re.sub(r"^\S+\.(cpp|h|py):\d+: ", "", line)
    raise Refused(f"{library} does not export it: {type(cause).__name__}: {line}"[:400]) from cause


def need(package: str, library: str) -> None:
    """Raises Refused when a package that an export needs is not in the environment."""
    if find_spec(package) is None:
        raise Refused(f"{library} is exported with {package}, which the model's environment lacks")


def implementation(reference: Reference) -> Any:
    """The wrapper of the flavor."""
    return reference.model.pyfunc._model_impl


def export_catboost(reference: Reference, path: Path) -> None:
    """Writes a CatBoost model with its own export, which needs no other package. Raises Refused."""
    model = implementation(reference).cb_model
    for what in ("cat", "text", "embedding"):
        lister = getattr(model, f"_get_{what}_feature_indices", None) or getattr(model, f"get_{what}_feature_indices", None)
        if lister is not None and len(lister()) > 0:
            kind = {"cat": "categorical", "text": "text", "embedding": "embedding"}[what]
            raise Refused(f"CatBoost exports no {kind} features to ONNX")
    try:
        model.save_model(str(path), format="onnx")
    except Exception as cause:  # noqa: BLE001 CatBoostError, by any of its names
        refuse_export("CatBoost", cause)


def export_pytorch(reference: Reference, path: Path) -> None:
    """Writes a torch.nn.Module with torch.onnx, the number of rows left free. Raises Refused."""
    import torch

    module = implementation(reference).pytorch_model
    if not isinstance(module, torch.nn.Module):
        raise Refused(f"{class_path(module)} is no torch.nn.Module")
    data = reference.data(example(reference))
    array = data if hasattr(data, "dtype") else data.to_numpy(dtype="float32")
    tensor = torch.from_numpy(array)
    try:
        if find_spec("onnxscript") is not None:
            rows = {0: getattr(torch.export.Dim, "DYNAMIC", None) or torch.export.Dim("rows")}
            names = {"input_names": ["input"], "output_names": ["output"]}
            more = {"dynamic_shapes": (rows,), "dynamo": True, "external_data": False, "verbose": False}
            torch.onnx.export(module, (tensor,), str(path), **names, **more)
        else:
            need("onnx", "PyTorch")
            trace_pytorch(torch, module, tensor, path)
    except Refused:
        raise
    except Exception as cause:  # noqa: BLE001 whatever the library raises is told
        refuse_export("PyTorch", root_of(cause))
    check_size(path)


def trace_pytorch(torch: Any, module: Any, tensor: Any, path: Path) -> None:
    """Exports by tracing, for environments without onnxscript. What depends on values is refused: a trace takes one branch for all."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)
        axes = {"input": {0: "rows"}, "output": {0: "rows"}}
        options = {"input_names": ["input"], "output_names": ["output"], "dynamic_axes": axes, "dynamo": False}
        torch.onnx.export(module, (tensor,), str(path), **options)


def root_of(cause: BaseException) -> BaseException:
    """The first exception of a chain, which says what the model did."""
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return cause


def export_keras(reference: Reference, path: Path) -> None:
    """Writes a Keras model, or a tf.Module, with tf2onnx. Raises Refused."""
    wrapper = implementation(reference)
    keras_model = getattr(wrapper, "keras_model", None)
    if keras_model is None and type(wrapper).__name__ == "KerasModelWrapper":
        if getattr(wrapper, "save_exported_model", False):
            raise Refused("a Keras model that was saved as an exported SavedModel; give its export beside it")
        keras_model = wrapper.model
    if keras_model is None and type(wrapper).__name__ != "_TF2ModuleWrapper":
        raise Refused("a SavedModel with a named signature is not exported; give its export beside the model")
    if keras_model is not None and backend_of(keras_model) == "torch":
        need("onnxscript", "Keras on PyTorch")
    else:
        need("tf2onnx", "TensorFlow")
    try:
        if keras_model is not None:
            write_keras(keras_model, reference, path)
        else:
            write_module(wrapper.model, reference, path)
    except Exception as cause:  # noqa: BLE001 whatever the library raises is told
        refuse_export("TensorFlow", root_of(cause))
    check_size(path)


def backend_of(model: Any) -> str:
    """Which library computes a Keras model."""
    try:
        import keras

        return keras.backend.backend() if isinstance(model, keras.Model) else "tensorflow"
    except (ImportError, AttributeError):
        return "tensorflow"


def write_keras(model: Any, reference: Reference, path: Path) -> None:
    """Exports a Keras model: Keras 3 does it itself, before that tf2onnx reads it."""
    if hasattr(model, "export"):
        try:
            model.export(str(path), format="onnx", verbose=False)
            return
        except (TypeError, ValueError) as cause:  # a Keras whose export knows SavedModels alone
            if "format" not in str(cause):
                raise
    import tensorflow as tf
    import tf2onnx

    specs = [tf.TensorSpec((None, *one.shape[1:]), one.dtype, name=one.name.split(":")[0]) for one in model.inputs]
    tf2onnx.convert.from_keras(model, input_signature=specs, output_path=str(path))


def write_module(module: Any, reference: Reference, path: Path) -> None:
    """Exports the call of a tf.Module on one tensor."""
    import tensorflow as tf
    import tf2onnx

    data = reference.data(example(reference))
    array = data if hasattr(data, "dtype") else data.to_numpy()
    spec = [tf.TensorSpec((None, array.shape[1]), tf.as_dtype(array.dtype), name="input")]
    function = tf.function(lambda value: module(value), input_signature=spec)
    tf2onnx.convert.from_function(function, input_signature=spec, output_path=str(path))


def example(reference: Reference) -> list[list[Any]]:
    """Rows that the model answers, to trace."""
    return [reference.answered_row] * TRACED


def check_size(path: Path) -> None:
    """Raises Refused for a graph that one file cannot hold."""
    if path.stat().st_size > MOST_BYTES:
        raise Refused("its graph is larger than 2 GB")


EXPORTERS = {
    "catboost": export_catboost,
    "pytorch": export_pytorch,
    "keras": export_keras,
    "tensorflow": export_keras,
}
