"""A part of a model of several parts: an estimator inside another, as references into the graph."""

from __future__ import annotations

import math

import numpy as np

from slipway.lower.form.graph import Graph
from slipway.lower.form.types import Estimator, Spec
from slipway.refusal import Refused, class_path

_EXACT = None


def exact_exp() -> bool:
    """Whether NumPy's exp gives the bits of the C library, which the gateway repeats; with AVX-512 it has one of its own."""
    global _EXACT
    if _EXACT is None:
        x = np.random.default_rng(2).normal(0, 6, 2000)
        _EXACT = np.exp(x).tolist() == [math.exp(v) for v in x.tolist()]
    return _EXACT


class Part:
    """An estimator inside another: references of its raw scores and how they become classes or probabilities."""

    def __init__(self, graph: Graph, model: Estimator, raw: list[int], spec: Spec) -> None:
        self.graph = graph
        self.model = model
        self.raw = raw
        self.spec = spec
        self.classes = None if spec["decide"] is None else model.classes_.tolist()

    def shares(self) -> list[int]:
        """References of the probabilities of every class."""
        link = self.spec["link"]
        if link == "none":
            raise Refused(self.spec.get("hidden") or f"{class_path(self.model)} has no probabilities")
        if link == "identity" and len(self.raw) > 1:
            return self.raw
        node = {"op": "link", "link": link, "from": self.raw}
        return self.graph.add(node, len(self.classes or ()), inexact=self.soft(link))

    def soft(self, link: str) -> str | None:
        """Why the probabilities of a link may differ in the last bit; None for those that go through the C library's exp."""
        name = class_path(self.model)
        if link.endswith("32"):
            return f"{name} takes probabilities from the exp of float32"
        if link in ("softmax", "sigmoid_softmax") and not exact_exp():
            return f"{name} takes probabilities from NumPy's exp, whose last bit depends on the processor (AVX-512)"
        return None

    def label(self) -> int:
        """The reference of the index of the predicted class."""
        return self.graph.add({"op": "decide", "rule": self.spec["decide"], "from": self.raw}, 1)[0]

    def number(self) -> list[int]:
        """References of the predictions of a regressor."""
        link = self.spec["link"]
        if link == "identity":
            return self.raw
        if link != "exp":
            raise Refused(f"{class_path(self.model)} inside another model")
        why = None if exact_exp() else f"{class_path(self.model)} predicts through NumPy's exp (AVX-512)"
        return self.graph.add({"op": "link", "link": "exp", "from": self.raw}, 1, inexact=why)
