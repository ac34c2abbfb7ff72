"""Closes what lowering found about a model into one description: a sum of trees, a linear model, or a graph of both and more."""

from dataclasses import dataclass
from typing import Any, Callable

from slipway.lower.estimators.embed import embed
from slipway.lower.estimators.meta import settle
from slipway.lower.form.errors import Refused


@dataclass
class Lowered:
    """The finished description: base columns, spec and arrays as the files keep them, and what the probes need.

    `row_by_row`: None, "model" where only the final estimator multiplies matrices, "all" where parts before it do too.
    `plants` are pairs of columns and the arrays of the trees or linear model that reads them.
    """

    columns: list
    spec: dict
    arrays: dict
    plants: list
    row_by_row: "str | None"
    reference: "Callable[[Any, Any], Any] | None"
    vocabulary: "dict[int, list[str]]"

    def trees(self) -> int:
        """How many trees it walks."""
        return self.spec.get("trees", 0) + sum(node.get("trees", 0) for node in self.spec.get("nodes", ()))


def close(state, model, lowered) -> Lowered:
    """The finished description of a lowered final estimator."""
    matrix, spec, arrays = lowered
    reference, hidden = spec.pop("reference", None), spec.pop("hidden", None)
    if hidden is not None and state.output == "predict_proba":
        raise Refused(hidden)
    flat = spec["type"] != "graph" and not state.graph.places
    if flat:
        dense = spec["type"] == "linear" and not spec.pop("sparse")
        return Lowered(matrix.columns, spec, arrays, [(matrix.columns, arrays)], "model" if dense else None, reference, {})
    part = embed(state, model, lowered)
    kept = {"missing": "allow", "infinite": "allow"} | settle(model, state, part.raw, spec)
    columns, nodes, slots, result = state.graph.finish(part.raw)
    kept |= {"nodes": nodes, "slots": slots, "result": result}
    del kept["raw"]
    plants = state.graph.plants + [([c], {}) for c in columns]
    return Lowered(columns, kept, state.graph.arrays, plants, "all" if state.row_by_row else None, reference, state.vocabulary)
