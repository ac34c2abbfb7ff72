"""Builds the graph of a model of several parts: values that nodes work out of columns and of each other.

While lowering goes on, a value is a reference, a number that stands for a base column or one output of a node. `finish` gives
the slots: base columns first, then the outputs of the nodes in their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias

from slipway.lower.form.types import Arrays, Column, Estimator, Spec
from slipway.refusal import Refused, class_path

#: Stands for the base columns where a place names a node.
BASE = -1
#: Where a reference lies: the node and its output, or BASE and the number of a base column.
Place: TypeAlias = "tuple[int, int]"


class Graph:
    """Base columns, nodes and the arrays of nodes; `inexact` says of a reference why its last bit may differ from the library's."""

    def __init__(self) -> None:
        self.base: list[Column] = []
        self.base_refs: dict[str, int] = {}
        self.nodes: list[Spec] = []
        self.arrays: Arrays = {}
        self.places: list[Place] = []
        self.inexact: dict[int, str] = {}
        self.plants: list[tuple[list[Column], Arrays]] = []

    def base_ref(self, column: Column) -> int:
        """The reference of a column that is made of one input."""
        key = json.dumps([column.source, column.steps, column.hot, number_text(column.off), number_text(column.on)])
        if key not in self.base_refs:
            self.base_refs[key] = self.new((BASE, len(self.base)))
            self.base.append(column)
        return self.base_refs[key]

    def new(self, place: Place) -> int:
        """A new reference for a place."""
        self.places.append(place)
        return len(self.places) - 1

    def add(self, node: Spec, width: int, arrays: Arrays | None = None, inexact: str | None = None) -> list[int]:
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

    def exact(self, who: Estimator, read: Iterable[int]) -> None:
        """Requires values whose every bit is the library's: what reads others may answer otherwise by more than a last bit."""
        why = next((self.inexact[r] for r in read if r in self.inexact), None)
        if why is not None:
            raise Refused(f"{class_path(who)} reads what is not exact: {why}")

    def finish(self, result: list[int]) -> tuple[list[Column], list[Spec], int, list[int]]:
        """(base columns, nodes with slots for references, number of slots, slots of the result)."""
        starts, at = [], len(self.base)
        sizes = [0] * len(self.nodes)
        for owner, k in self.places:
            if owner != BASE:
                sizes[owner] = max(sizes[owner], k + 1)
        for size in sizes:
            starts.append(at)
            at += size
        slot = [k if owner == BASE else starts[owner] + k for owner, k in self.places]
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


def number_text(value: float) -> str:
    """A float as text, NaN included."""
    return repr(float(value))


def graph_spec(raw: list[int], link: str, decide: str | None, **more: Any) -> Spec:
    """What the lowering of an estimator gives for a graph whose raw scores are these references."""
    spec = {"type": "graph", "raw": raw, "outputs": len(raw), "missing": "allow", "infinite": "allow"}
    return spec | {"link": link, "decide": decide} | more
