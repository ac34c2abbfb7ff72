"""Lowers a model of scikit-learn, XGBoost or LightGBM that MLflow saved to a flat form that Slipway evaluates without Python.

usage: python -m slipway.lower MODEL_DIR OUT_DIR [--probes 10000] [--seed 0]

Run it in the model's own environment. OUT_DIR gets model.json + model.bin (the flat form), verify.json + verify.bin (rows
with the library's exact answers) and result.json ({ok, reason, kind, …}). A model without a native form is not a failure:
result.json says why and the exit status is 0.
"""

import argparse
import json
import platform
import sys
import time
import traceback
from importlib import metadata
from pathlib import Path

from slipway.lower.errors import Refused, class_path
from slipway.lower.files import write_document
from slipway.lower.mlmodel import InputColumn, load_model

FORMAT = "slipway.native/1"
REFUSED_ROWS = 1000
LIBRARIES = ("scikit-learn", "xgboost", "xgboost-cpu", "lightgbm", "numpy", "scipy", "pandas", "mlflow", "mlflow-skinny", "skops")
ROWS_TRIED = 8
MOST_SECONDS = 300


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


def versions() -> dict:
    """Versions of Python and of the libraries that decide the arithmetic."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def lower(folder: Path, out: Path, probes: int, seed: int) -> dict:
    """Lowers one folder and writes its files; the facts for result.json. Raises Refused."""
    loaded = open_model(folder)
    from slipway.lower import probes as lower_probes
    from slipway.lower.columns import Lowering, blocks
    from slipway.lower.estimators.dispatch import lower_estimator
    from slipway.lower.lowered import close
    from slipway.lower.transformers.dispatch import lower_transformer

    estimator = unwrap(loaded.estimator)
    steps, model = split(estimator)
    model = boosted(model)
    if hasattr(model, "n_jobs"):
        model.n_jobs = 1
    if loaded.output != "predict" and not hasattr(model, loaded.output):
        raise Refused(f"{class_path(model)} has no {loaded.output}")
    inputs = loaded.inputs if loaded.inputs is not None else fitted_inputs(estimator, steps, model)
    frame = loaded.frame and (loaded.inputs is not None or hasattr(first(steps, model), "feature_names_in_"))
    output = getattr(model, "default_output", loaded.output)
    state = Lowering(inputs, output=output)
    if not steps and hasattr(model, "check_inputs"):
        model.check_inputs(inputs, frame)
    matrix = start(state, first(steps, model))
    for step in steps:
        matrix = lower_transformer(state, step, matrix)
    whole = close(state, model, lower_estimator(state, model, matrix))
    for i, column in enumerate(inputs):
        column.kind = column.kind or "number"
        column.missing = state.missing.get(i, "nan")

    reference = lower_probes.Reference(steps, model, inputs, whole, frame)
    if output != "predict" and reference.classes is None:
        raise Refused(f"{class_path(model)} with {output}")
    draws = lower_probes.Probes(inputs, state.tables, whole, seed)
    refused = lower_probes.find_limits(draws, reference, inputs)
    if all(lower_probes.fails(reference, [draws.row()]) for _ in range(ROWS_TRIED)):
        raise Refused(f"{class_path(model)} refuses every row that was tried")
    check_time(reference, [draws.row() for _ in range(ROWS_TRIED)], probes)
    examples, _ = lower_probes.sift(reference, loaded.examples)
    drawn = [draws.row() for _ in range(probes)]
    try:
        verify, answers = lower_probes.verification(inputs, examples + drawn, refused, reference)
    except lower_probes.REFUSALS:
        drawn, unwanted = lower_probes.sift(reference, drawn)
        refused += unwanted[:REFUSED_ROWS]
        if not examples + drawn:
            raise Refused(f"{class_path(model)} refuses every row that was tried") from None
        verify, answers = lower_probes.verification(inputs, examples + drawn, refused, reference)

    document = {
        "format": FORMAT,
        "estimator": class_path(model),
        "output": output,
        "classes": reference.classes,
        "versions": versions(),
        "inputs": [vars(column) for column in inputs],
        "tables": state.tables,
        "blocks": blocks(whole.columns),
        "width": len(whole.columns),
        "model": whole.spec,
    }
    check_classes(model, reference.classes)
    size = write_document(out, "model", document, whole.arrays)
    write_document(out, "verify", verify, answers)
    facts = {"kind": class_path(model), "output": output, "trees": whole.trees(), "features": len(whole.columns)}
    return facts | {"probes": len(drawn), "examples": len(examples), "refused_probes": len(refused), "bytes": size}


def check_time(reference, rows, probes):
    """Refuses a model whose answers, asked one row at a time, would take longer than the job may, whatever else the machine is doing."""
    from slipway.lower.probes import fails

    start = time.process_time()
    fails(reference, rows)
    seconds = (time.process_time() - start) / len(rows) * probes
    if reference.whole.row_by_row is not None and seconds > MOST_SECONDS:
        raise Refused(f"asking the model {probes} rows one at a time would take {seconds / 60:.0f} minutes")


def open_model(folder: Path):
    """Loads the folder; a model that this environment cannot open is refused with the cause."""
    try:
        return load_model(folder)
    except (ImportError, AttributeError, EOFError, ValueError, OSError) as cause:
        raise Refused(f"the model cannot be opened here: {type(cause).__name__}: {cause}") from cause


def unwrap(estimator):
    """The estimator that a finished parameter search chose, or that was frozen."""
    from slipway.lower.estimators.meta import open_up

    return open_up(estimator)


def split(estimator):
    """(transformers, final estimator): pipelines inside pipelines at the end are opened too."""
    steps = []
    while type(estimator).__name__ == "Pipeline" and type(estimator).__module__.startswith("sklearn."):
        steps.extend(s for _, s in estimator.steps[:-1] if s is not None and not isinstance(s, str))
        estimator = estimator.steps[-1][1]
    if isinstance(estimator, str) or estimator is None:
        raise Refused("a pipeline without a final estimator")
    return steps, estimator


def boosted(model):
    """A model of XGBoost or LightGBM as an estimator that lowers itself; any other as it is."""
    library = type(model).__module__.split(".")[0]
    if library == "xgboost":
        from slipway.lower.estimators.xgboost import XgboostModel

        return XgboostModel(model)
    if library == "lightgbm":
        from slipway.lower.estimators.lightgbm import LightgbmModel

        return LightgbmModel(model)
    return model


def first(steps, model):
    """The part that meets the inputs."""
    return steps[0] if steps else model


def fitted_inputs(estimator, steps, model):
    """Inputs of a model without a signature: the names or the number of columns it was fitted on."""
    part = first(steps, model)
    names = getattr(part, "feature_names_in_", None)
    if names is not None:
        return [InputColumn(str(name), None) for name in names]
    count = getattr(part, "n_features_in_", None)
    if count is None:
        raise Refused(f"{class_path(part)} does not say how many inputs it takes, and there is no signature")
    return [InputColumn(f"x{i}", "number") for i in range(count)]


def start(state, part):
    """The inputs as the matrix that the first part was fitted on: by name where it knows names, else by position."""
    from slipway.lower.columns import Column, Matrix

    names = getattr(part, "feature_names_in_", None)
    by_name = {column.name: i for i, column in enumerate(state.inputs)}
    if names is None or not any(str(name) in by_name for name in names):
        expected = getattr(part, "n_features_in_", len(state.inputs))
        if expected != len(state.inputs):
            raise Refused(f"the signature has {len(state.inputs)} inputs, the model takes {expected}")
        return Matrix([Column(i) for i in range(len(state.inputs))])
    places = [by_name.get(str(name)) for name in names]
    if None not in places:
        return Matrix([Column(i) for i in places])
    unused = unused_columns(part)
    lost = [str(n) for j, (n, p) in enumerate(zip(names, places)) if p is None and j not in unused]
    if lost:
        raise Refused(f"the model takes column {lost[0]}, which the signature lacks")
    return Matrix([Column(0 if p is None else p) for p in places])


def unused_columns(part):
    """Positions of the fitted columns that a ColumnTransformer drops, which a caller may leave out."""
    if type(part).__name__ != "ColumnTransformer":
        return set()
    used = set()
    for name, transformer, _ in part.transformers_:
        if not (isinstance(transformer, str) and transformer == "drop"):
            used.update(part._transformer_to_input_indices.get(name, ()))
    return set(range(part.n_features_in_)) - {int(i) for i in used}


def check_classes(model, classes):
    """Class labels must be text, numbers or booleans."""
    for label in classes or []:
        if not isinstance(label, (str, int, float, bool)):
            raise Refused(f"{class_path(model)} with class labels of type {type(label).__name__}")
