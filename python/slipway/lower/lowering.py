"""Lowers an opened model: its description by the parts that it is made of, and the rows that verify it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.lower.estimators.dispatch import (
    boosted,
    lower_estimator,
    lower_part,
    open_up,
)
from slipway.lower.files import write_document
from slipway.lower.form.columns import Lowering, blocks
from slipway.lower.form.inputs import InputColumn
from slipway.lower.form.types import Column, Estimator, Matrix, Row
from slipway.lower.lowered import Lowered, close
from slipway.lower.mlmodel import LoadedModel
from slipway.lower.probes import Probes, find_limits
from slipway.lower.reference import REFUSALS, Reference, fails, sift
from slipway.lower.transformers.dispatch import lower_transformer
from slipway.lower.verification import verification
from slipway.lower.versions import versions
from slipway.refusal import Refused, class_path

FORMAT = "slipway.native/2"
#: Rows that the library refuses, kept at most in the verification.
REFUSED_ROWS = 1000
#: Rows that are asked before a model counts as one that answers none.
ROWS_TRIED = 8
#: Seconds of CPU that the answers to all probes may take.
MOST_SECONDS = 300


@dataclass
class Description:
    """A model taken apart and described: the fitted `steps` and `model` that are asked for answers, and what was found of them.

    `frame` says whether the model is fed a DataFrame; `tables` are the category tables that columns refer to.
    """

    steps: list[Any]
    model: object
    inputs: list[Any]
    frame: bool
    output: str
    tables: list[Any]
    lowered: Lowered


def lower_loaded(loaded: LoadedModel, out: Path, probes: int, seed: int) -> dict[str, Any]:
    """Writes model and verification files of an opened model; the facts for result.json. Raises Refused."""
    found = describe(loaded)
    reference = Reference(found.steps, found.model, found.inputs, found.lowered, found.frame)
    name = class_path(found.model)
    if found.output != "predict" and reference.classes is None:
        raise Refused(f"{name} with {found.output}")
    draws = Probes(found.inputs, found.tables, found.lowered, seed)
    refused = find_limits(draws, reference, found.inputs)
    if all(fails(reference, [draws.row()]) for _ in range(ROWS_TRIED)):
        raise Refused(f"{name} refuses every row that was tried")
    check_time(reference, [draws.row() for _ in range(ROWS_TRIED)], probes)
    examples, _ = sift(reference, loaded.examples)
    drawn = [draws.row() for _ in range(probes)]
    try:
        verify, answers = verification(found.inputs, examples + drawn, refused, reference)
    except REFUSALS:
        drawn, unwanted = sift(reference, drawn)
        refused += unwanted[:REFUSED_ROWS]
        if not examples + drawn:
            raise Refused(f"{name} refuses every row that was tried") from None
        verify, answers = verification(found.inputs, examples + drawn, refused, reference)
    check_classes(found.model, reference.classes)
    size = write_document(out, "model", document(found, reference.classes), found.lowered.arrays)
    write_document(out, "verify", verify, answers)
    facts = {"kind": name, "output": found.output, "trees": found.lowered.trees(), "features": len(found.lowered.columns)}
    return facts | {"probes": len(drawn), "examples": len(examples), "refused_probes": len(refused), "bytes": size}


def describe(loaded: LoadedModel) -> Description:
    """The description of an opened model. Raises Refused for a part without a native form."""
    estimator = open_up(loaded.estimator)
    steps, model = split(estimator)
    model = boosted(model)
    if hasattr(model, "n_jobs"):
        model.n_jobs = 1
    if loaded.output != "predict" and not hasattr(model, loaded.output):
        raise Refused(f"{class_path(model)} has no {loaded.output}")
    inputs = loaded.inputs if loaded.inputs is not None else fitted_inputs(estimator, steps, model)
    frame = loaded.frame and (loaded.inputs is not None or hasattr(first(steps, model), "feature_names_in_"))
    output = getattr(model, "default_output", loaded.output)
    state = Lowering(inputs, lower_part, output=output)
    if not steps and hasattr(model, "check_inputs"):
        model.check_inputs(inputs, frame)
    matrix = start(state, first(steps, model))
    apart = 0
    for step in steps:
        matrix = lower_transformer(state, step, matrix)
        apart += not (state.row_by_row or state.sums_by_row)
    lowered = close(state, model, lower_estimator(state, model, matrix), apart)
    for column in inputs:
        column.kind = column.kind or "number"
    return Description(steps, model, inputs, frame, output, state.tables, lowered)


def document(found: Description, classes: list[Any] | None) -> dict[str, Any]:
    """The text of model.json, without its arrays."""
    lowered = found.lowered
    return {
        "format": FORMAT,
        "estimator": class_path(found.model),
        "output": found.output,
        "classes": classes,
        "versions": versions(),
        "inputs": [vars(column) for column in found.inputs],
        "tables": found.tables,
        "blocks": blocks(lowered.columns),
        "width": len(lowered.columns),
        "model": lowered.spec,
    }


def check_time(reference: Reference, rows: list[Row], probes: int) -> None:
    """Refuses a model whose answers, asked one row at a time, would take longer than the job may, whatever else the machine is doing."""
    start = time.process_time()
    fails(reference, rows)
    seconds = (time.process_time() - start) / len(rows) * probes
    if reference.lowered.row_by_row is not None and seconds > MOST_SECONDS:
        raise Refused(f"asking the model {probes} rows one at a time would take {seconds / 60:.0f} minutes")


def split(estimator: Estimator) -> tuple[list[Estimator], Estimator]:
    """(transformers, final estimator): pipelines inside pipelines at the end are opened too."""
    steps: list[Estimator] = []
    while type(estimator).__name__ == "Pipeline" and type(estimator).__module__.startswith("sklearn."):
        steps.extend(s for _, s in estimator.steps[:-1] if s is not None and not isinstance(s, str))
        estimator = estimator.steps[-1][1]
    if isinstance(estimator, str) or estimator is None:
        raise Refused("a pipeline without a final estimator")
    return steps, estimator


def first(steps: list[Estimator], model: Estimator) -> Estimator:
    """The part that meets the inputs."""
    return steps[0] if steps else model


def fitted_inputs(estimator: Estimator, steps: list[Estimator], model: Estimator) -> list[InputColumn]:
    """Inputs of a model without a signature: the names or the number of columns it was fitted on."""
    part = first(steps, model)
    names = getattr(part, "feature_names_in_", None)
    if names is not None:
        return [InputColumn(str(name), None) for name in names]
    count = getattr(part, "n_features_in_", None)
    if count is None:
        raise Refused(f"{class_path(part)} does not say how many inputs it takes, and there is no signature")
    return [InputColumn(f"x{i}", "number") for i in range(count)]


def start(state: Lowering, part: Estimator) -> Matrix:
    """The inputs as the matrix that the first part was fitted on: by name where it knows names, else by position."""
    names = getattr(part, "feature_names_in_", None)
    by_name = {column.name: i for i, column in enumerate(state.inputs)}
    if names is None or not any(str(name) in by_name for name in names):
        expected = getattr(part, "n_features_in_", len(state.inputs))
        if expected != len(state.inputs):
            raise Refused(f"the signature has {len(state.inputs)} inputs, the model takes {expected}")
        return Matrix([Column(i) for i in range(len(state.inputs))])
    places = [by_name.get(str(name)) for name in names]
    unused = unused_columns(part) if None in places else set()
    lost = [str(n) for j, (n, p) in enumerate(zip(names, places)) if p is None and j not in unused]
    if lost:
        raise Refused(f"the model takes column {lost[0]}, which the signature lacks")
    return Matrix([Column(0 if p is None else p) for p in places])


def unused_columns(part: Estimator) -> set[int]:
    """Positions of the fitted columns that a ColumnTransformer drops, which a caller may leave out."""
    if type(part).__name__ != "ColumnTransformer":
        return set()
    used = set()
    for name, transformer, _ in part.transformers_:
        if not (isinstance(transformer, str) and transformer == "drop"):
            used.update(part._transformer_to_input_indices.get(name, ()))
    return set(range(part.n_features_in_)) - {int(i) for i in used}


def check_classes(model: Estimator, classes: list[Any] | None) -> None:
    """Class labels must be text, numbers or booleans."""
    for label in classes or []:
        if not isinstance(label, (str, int, float, bool)):
            raise Refused(f"{class_path(model)} with class labels of type {type(label).__name__}")
