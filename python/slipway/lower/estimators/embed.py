"""Puts what an estimator's lowering gave into the graph of a larger model."""

from __future__ import annotations

from slipway.lower.form.columns import Lowering, refs
from slipway.lower.form.part import Part
from slipway.lower.form.types import Estimator, Result


def embed(state: Lowering, model: Estimator, lowered: Result) -> Part:
    """A part from what an estimator's lowering gave: trees and linear models become nodes."""
    matrix, spec, arrays = lowered
    if spec["type"] == "graph":
        return Part(state.graph, model, spec["raw"], spec)
    node = {k: v for k, v in spec.items() if k not in ("type", "sparse", "outputs", "link", "decide", "scores", "reference", "hidden")}
    node |= {"op": spec["type"], "from": refs(state, matrix.columns)}
    state.graph.exact(model, node["from"])
    if spec["type"] == "linear" and not spec["sparse"]:
        state.row_by_row = True
    found = state.graph.add(node, spec["outputs"], arrays)
    state.graph.plants.append((matrix.columns, arrays))
    return Part(state.graph, model, found, spec)
