"""Builds the graph of a model of several parts: values that nodes work out of columns and of each other.

While lowering goes on, a value is a reference, a number that stands for a base column or one output of a node. `finish` gives
the slots: base columns first, then the outputs of the nodes in their order.
"""

import json
import math

import numpy as np

from slipway.lower.errors import Refused, class_path


class Graph:
    """Base columns, nodes and the arrays of nodes; `inexact` says of a reference why its last bit may differ from the library's."""

    def __init__(self):
        self.base = []
        self.base_refs = {}
        self.nodes = []
        self.arrays = {}
        self.places = []
        self.inexact = {}
        self.plants = []

    def base_ref(self, column):
        """The reference of a column that is made of one input."""
        key = json.dumps([column.source, column.steps, column.hot, number_text(column.off), number_text(column.on)])
        if key not in self.base_refs:
            self.base_refs[key] = self.new(("base", len(self.base)))
            self.base.append(column)
        return self.base_refs[key]

    def new(self, place):
        """A new reference for a place."""
        self.places.append(place)
        return len(self.places) - 1

    def add(self, node, width, arrays=None, inexact=None):
        """Adds a node that reads the references node["from"]; the references of its `width` outputs."""
        index = len(self.nodes)
        node = dict(node)
        if arrays is not None:
            node["arrays"] = f"n{index}/"
            self.arrays |= {f"n{index}/{name}": values for name, values in arrays.items()}
        self.nodes.append(node)
        out = [self.new((index, k)) for k in range(width)]
        why = inexact or next((self.inexact[r] for r in node["from"] if r in self.inexact), None)
        if why is not None:
            self.inexact |= dict.fromkeys(out, why)
        return out

    def exact(self, who, read):
        """Requires values whose every bit is the library's: what reads others may answer otherwise by more than a last bit."""
        why = next((self.inexact[r] for r in read if r in self.inexact), None)
        if why is not None:
            raise Refused(f"{class_path(who)} reads what is not exact: {why}")

    def finish(self, result):
        """(base columns, nodes with slots for references, number of slots, slots of the result)."""
        starts, at = [], len(self.base)
        sizes = [0] * len(self.nodes)
        for owner, k in self.places:
            if owner != "base":
                sizes[owner] = max(sizes[owner], k + 1)
        for size in sizes:
            starts.append(at)
            at += size
        slot = [k if owner == "base" else starts[owner] + k for owner, k in self.places]
        nodes = []
        for node, start in zip(self.nodes, starts):
            node = dict(node, to=start)
            node["from"] = [slot[r] for r in node["from"]]
            if node["op"] == "product":
                node["terms"] = [[slot[r] for r in term] for term in node["terms"]]
            if node["op"] == "sparse":
                node["parts"] = [dict(p, **{"from": [slot[r] for r in p["from"]]}) if "from" in p else p for p in node["parts"]]
            nodes.append(node)
        return self.base, nodes, at, [slot[r] for r in result]


def number_text(value):
    """A float as text, NaN included."""
    return repr(float(value))


def refs(state, columns):
    """References of columns: a base column, a value, or a value with its steps as a node."""
    return [ref(state, column) for column in columns]


def ref(state, column):
    """The reference of one column."""
    graph = state.graph
    if column.value is None:
        return graph.base_ref(column)
    if not column.steps:
        return column.value
    return graph.add({"op": "steps", "steps": list(column.steps), "from": [column.value]}, 1)[0]


def values(found):
    """References as columns, for the transformer or estimator that reads them next."""
    from slipway.lower.columns import Column

    return [Column(-1, value=r) for r in found]


_EXACT = None


def exact_exp():
    """Whether NumPy's exp gives the bits of the C library, which the gateway repeats; with AVX-512 it has one of its own."""
    global _EXACT
    if _EXACT is None:
        x = np.random.default_rng(2).normal(0, 6, 2000)
        _EXACT = np.exp(x).tolist() == [math.exp(v) for v in x.tolist()]
    return _EXACT


class Part:
    """An estimator inside another: references of its raw scores and how they become classes or probabilities."""

    def __init__(self, state, model, raw, spec):
        self.state = state
        self.model = model
        self.raw = raw
        self.spec = spec
        self.classes = None if spec["decide"] is None else model.classes_.tolist()

    def shares(self):
        """References of the probabilities of every class."""
        link = self.spec["link"]
        if link == "none":
            raise Refused(self.spec.get("hidden") or f"{class_path(self.model)} has no probabilities")
        if link == "identity" and len(self.raw) > 1:
            return self.raw
        node = {"op": "link", "link": link, "from": self.raw}
        return self.state.graph.add(node, len(self.classes), inexact=self.soft(link))

    def soft(self, link):
        """Why the probabilities of a link may differ in the last bit; None for those that go through the C library's exp."""
        name = class_path(self.model)
        if link.endswith("32"):
            return f"{name} takes probabilities from the exp of float32"
        if link in ("softmax", "sigmoid_softmax") and not exact_exp():
            return f"{name} takes probabilities from NumPy's exp, whose last bit depends on the processor (AVX-512)"
        return None

    def label(self):
        """The reference of the index of the predicted class."""
        return self.state.graph.add({"op": "decide", "rule": self.spec["decide"], "from": self.raw}, 1)[0]

    def number(self):
        """References of the predictions of a regressor."""
        link = self.spec["link"]
        if link == "identity":
            return self.raw
        if link != "exp":
            raise Refused(f"{class_path(self.model)} inside another model")
        why = None if exact_exp() else f"{class_path(self.model)} predicts through NumPy's exp (AVX-512)"
        return self.state.graph.add({"op": "link", "link": "exp", "from": self.raw}, 1, inexact=why)


def embed(state, model, lowered):
    """A part from what an estimator's lowering gave: trees and linear models become nodes."""
    matrix, spec, arrays = lowered
    if spec["type"] == "graph":
        return Part(state, model, spec["raw"], spec)
    node = {k: v for k, v in spec.items() if k not in ("type", "sparse", "outputs", "link", "decide", "scores", "reference", "hidden")}
    node |= {"op": spec["type"], "from": refs(state, matrix.columns)}
    state.graph.exact(model, node["from"])
    if spec["type"] == "linear" and not spec["sparse"]:
        state.row_by_row = True
    found = state.graph.add(node, spec["outputs"], arrays)
    state.graph.plants.append((matrix.columns, arrays))
    return Part(state, model, found, spec)


def graph_spec(raw, link, decide, **more):
    """What the lowering of an estimator gives for a graph whose raw scores are these references."""
    return {"type": "graph", "raw": raw, "outputs": len(raw), "missing": "allow", "infinite": "allow", "link": link, "decide": decide} | more
