"""Closes what lowering found about a model into one description: a sum of trees, a linear model, or a graph of both and more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slipway.lower.estimators.embed import embed
from slipway.lower.estimators.meta import settle
from slipway.lower.form.columns import Lowering
from slipway.lower.form.types import Estimator, Result, Spec
from slipway.refusal import Refused


@dataclass
class Lowered:
    """The finished description: base columns, spec and arrays as the files keep them, and what the probes need.

    `row_by_row`: None where nothing multiplies matrices; else the number of the steps of the pipeline that come before what does.
    `plants` are pairs of columns and the arrays of the trees or linear model that reads them.
    """

    columns: list[Any]
    spec: dict[str, Any]
    arrays: dict[str, Any]
    plants: list[Any]
    row_by_row: int | None
    reference: Callable[[Any, Any], Any] | None
    vocabulary: dict[int, list[str]]

    def trees(self) -> int:
        """How many trees it walks."""
        return self.spec.get("trees", 0) + sum(node.get("trees", 0) for node in self.spec.get("nodes", ()))


def close(state: Lowering, model: Estimator, lowered: Result, apart: int) -> Lowered:
    """The finished description of a lowered final estimator; `apart` steps before it treat each row apart from the others."""
    matrix, spec, arrays = lowered
    reference, hidden = spec.pop("reference", None), spec.pop("hidden", None)
    if hidden is not None and state.output == "predict_proba":
        raise Refused(hidden)
    flat = spec["type"] != "graph" and not state.graph.places
    if flat:
        dense = spec["type"] == "linear" and not spec.pop("sparse")
        return Lowered(matrix.columns, spec, arrays, [(matrix.columns, arrays)], apart if dense else None, reference, {})
    part = embed(state, model, lowered)
    kept: Spec = {"missing": "allow", "infinite": "allow"} | settle(model, state, part.raw, spec)
    columns, nodes, slots, result = state.graph.finish(part.raw)
    kept |= {"nodes": nodes, "slots": slots, "result": result}
    del kept["raw"]
    plants = state.graph.plants + [([c], {}) for c in columns]
    return Lowered(columns, kept, state.graph.arrays, plants, apart if state.row_by_row else None, reference, state.vocabulary)
