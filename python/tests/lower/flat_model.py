"""Reads a flat model as docs/formats/native.md describes it and answers rows, slowly: the oracle of what lowering wrote."""

from __future__ import annotations

import bisect
import json
import math
import re
import statistics
import struct
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

CODES = {"float64": "d", "int32": "i", "uint32": "I", "uint8": "B"}
MISSING_LEFT, CATEGORICAL = 1, 2


class RowRefused(Exception):
    """The model does not take this row."""


def number(value: Any) -> float:
    """A float as JSON carries it."""
    return float({"Infinity": "inf", "-Infinity": "-inf"}.get(value, value))


def float32(value: float) -> float:
    """The nearest float32."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def read_arrays(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """A document and its arrays as plain lists."""
    document = json.loads((folder / f"{name}.json").read_text("utf-8"))
    data = (folder / f"{name}.bin").read_bytes()
    assert len(data) == document["binary_bytes"], name
    found = {}
    for key, place in document["arrays"].items():
        found[key] = list(struct.unpack_from(f"<{place['length']}{CODES[place['type']]}", data, place["offset"]))
    return document, found


def kind_of(value: Any) -> str | None:
    """Which missing value of Python it is: none, nan, or no missing value at all."""
    return "none" if value is None else "nan" if value != value else None


class FlatModel:
    """A lowered model; `raw(row)` gives its raw scores, `shares(row)` probabilities, `predict(row)` what the library predicts."""

    def __init__(self, folder: Path) -> None:
        self.document, self.arrays = read_arrays(folder, "model")
        self.model = self.document["model"]
        self.texts: dict[int, dict[int, float]] = {}
        self.notes: list[str] = []

    def raw(self, row: Sequence[Any]) -> list[float]:
        """Raw scores of a row of values in the order of the inputs; None is missing. Raises RowRefused."""
        self.notes = []
        features = [value for block in self.document["blocks"] for value in self.block(block, row)]
        assert len(features) == self.document["width"]
        kind = self.model["type"]
        if kind == "graph":
            return self.graph(features)
        return self.trees(self.model, features, "") if kind == "trees" else self.linear(self.model, features, "")

    def shares(self, row: Sequence[Any]) -> list[float]:
        """Probabilities of every class."""
        return shares_of(self.model["link"], self.raw(row))

    def predict(self, row: Sequence[Any]) -> Any:
        """The label of a classifier, the number or numbers of a regressor."""
        raw = self.raw(row)
        if self.document["classes"] is None:
            values = [regress(self.model["link"], one) for one in raw]
            return values[0] if len(values) == 1 else values
        rule = self.model["decide"]
        return self.document["classes"][decide(rule, shares_of(self.model["link"], raw) if rule == "largest_share" else raw)]

    def block(self, block: dict[str, Any], row: Sequence[Any]) -> list[float]:
        """The columns that one block fills."""
        value = row[block["input"]]
        spec = self.document["inputs"][block["input"]]
        kind = kind_of(value)
        if kind and (spec["required"] or (spec["kind"] == "string" and spec["missing"] not in ("both", kind))):
            raise RowRefused(f"{spec['name']} is {value}")
        if value is not None and spec["float32"]:
            value = float32(value)
        if value is None and spec["kind"] != "string":
            value = math.nan
        for step in block["steps"]:
            value = self.step(step, value)
        if "on" not in block:
            return [value]
        place = value - block["first"]
        return [number(on if k == place else off) for k, (on, off) in enumerate(zip(block["on"], block["off"]))]

    def step(self, step: dict[str, Any], value: Any) -> Any:
        """One step on one value; steps on texts first."""
        op = step["op"]
        if op == "fill_text":
            return step["value"] if kind_of(value) == step["missing"] else value
        if op == "note":
            self.notes.append(value if isinstance(value, str) else "")
            return float(len(self.notes) - 1)
        if op == "encode":
            return self.encode(self.document["tables"][step["table"]], value)
        if op == "is_missing" and "missing" in step:
            return 1.0 if kind_of(value) == step["missing"] else 0.0
        return number_step(step, value)

    def encode(self, table: dict[str, Any], value: Any) -> float:
        """The code of a category."""
        codes = {"nan": table["missing"], "none": table.get("missing_none")}
        kind = kind_of(value)
        code = codes[kind] if kind else dict(zip(table["keys"], table["codes"])).get(value, table["unseen"])
        if code == "error":
            raise RowRefused(f"{value!r} is no category")
        return number(code)

    def trees(self, spec: dict[str, Any], x: list[float], prefix: str) -> list[float]:
        """A sum of trees over features."""
        a = {name: self.arrays[prefix + name] for name in ("roots", "feature", "threshold", "left", "right", "flags", "leaves", "bitsets")}
        checked = [float32(value) for value in x] if spec["rounding"] == "float32" else list(x)
        check(spec, checked)
        narrow = float32 if spec.get("sum") == "float32" else float
        sums = [number(value) for value in spec["base"]]
        for t, root in enumerate(a["roots"]):
            node = root
            while a["feature"][node] >= 0:
                value, threshold = checked[a["feature"][node]], a["threshold"][node]
                node = a["left" if self.goes_left(spec, a, node, value, threshold) else "right"][node]
            at = a["left"][node] * spec["leaf_width"]
            for k in range(spec["leaf_width"]):
                place = t % len(sums) if spec["leaf_width"] == 1 else k
                sums[place] = narrow(sums[place] + a["leaves"][at + k])
        return [value / spec["divide"] for value in sums]

    def goes_left(self, spec: dict[str, Any], a: dict[str, list[Any]], node: int, value: float, threshold: float) -> bool:
        """Where a node sends a value."""
        if value != value:
            return bool(a["flags"][node] & MISSING_LEFT)
        if a["flags"][node] & CATEGORICAL:
            words = spec.get("bitset_words", 8)
            return bool(a["bitsets"][int(threshold) * words + int(value) // 32] >> (int(value) % 32) & 1)
        return value < threshold if spec.get("compare") == "below" else value <= threshold

    def linear(self, spec: dict[str, Any], x: list[float], prefix: str) -> list[float]:
        """Sums of products and intercepts, without regard to their order."""
        check(spec, x)
        coefficients, width = self.arrays[f"{prefix}coefficients"], len(x)
        rows = [coefficients[k * width : (k + 1) * width] for k in range(len(spec["intercept"]))]
        return [math.fsum([*map(float.__mul__, x, row), b]) for row, b in zip(rows, spec["intercept"])]

    def graph(self, features: list[float]) -> list[float]:
        """Every node in turn, from the slots before it into its own."""
        slots = list(features)
        for place, node in enumerate(self.model["nodes"]):
            assert node["to"] == len(slots), node["op"]
            x = [slots[i] for i in node["from"]]
            op, prefix = node["op"], node.get("arrays", "")
            if op == "trees":
                slots += self.trees(node, x, prefix)
            elif op == "linear":
                slots += self.linear(node, x, prefix)
            elif op == "gauss":
                slots += self.gauss(node, x, prefix)
            elif op == "text":
                self.texts[place] = self.text(node, self.notes[int(x[0])], prefix)
            elif op == "spread":
                slots += [self.texts[node["text"]].get(k, 0.0) for k in range(node["width"])]
            elif op == "sparse":
                slots += self.sparse(node, slots, prefix)
            elif op == "product":
                slots += [float(math.prod(slots[i] for i in term)) for term in node["terms"]]
            else:
                slots += NODES[op](node, x)
        assert len(slots) == self.model["slots"]
        return [slots[i] for i in self.model["result"]]

    def gauss(self, node: dict[str, Any], x: list[float], prefix: str) -> list[float]:
        """The joint log-likelihood of independent normal features."""
        theta, variance, constant = (self.arrays[prefix + name] for name in ("theta", "var", "constant"))
        width = len(x)
        out = []
        for k, prior in enumerate(node["prior"]):
            offs = [(value - theta[k * width + j]) ** 2 / variance[k * width + j] for j, value in enumerate(x)]
            out.append(prior + constant[k] - 0.5 * math.fsum(offs))
        return out

    def text(self, node: dict[str, Any], text: str, prefix: str) -> dict[int, float]:
        """Weights of the terms of a text by their column; words only."""
        assert node["analyzer"] == "word" and "hashed" not in node
        text = text.lower() if node["lowercase"] else text
        if node["accents"] is not None:
            text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
        words = [word for word in re.findall(r"\w+", text) if len(word) >= node["shortest"] and word not in node["stop_words"]]
        low, high = node["ngrams"]
        grams = [" ".join(words[i : i + n]) for n in range(low, high + 1) for i in range(len(words) - n + 1)]
        columns = {term: k for k, term in enumerate(node["terms"])}
        counts = Counter(columns[gram] for gram in grams if gram in columns)
        sublinear, idf = (self.arrays.get(prefix + name) for name in ("sublinear", "idf"))
        weights = {k: 1.0 if node["binary"] else float(count) for k, count in counts.items()}
        weights = {k: sublinear[int(w) - 1] if sublinear else w for k, w in weights.items()}
        weights = {k: w * (idf[k] if idf else 1.0) for k, w in weights.items()}
        power = {"l1": 1, "l2": 2}.get(node["norm"], 0)
        size = sum(abs(w) ** power for w in weights.values()) ** (1 / power) if power and weights else 1.0
        return {k: w / size for k, w in weights.items()}

    def sparse(self, node: dict[str, Any], slots: list[float], prefix: str) -> list[float]:
        """Products with columns of texts and plain ones, side by side."""
        row: dict[int, float] = {}
        at = 0
        for part in node["parts"]:
            found = dict(enumerate(slots[i] for i in part["from"])) if "from" in part else self.texts[part["text"]]
            row |= {at + k: value for k, value in found.items()}
            at += len(part["from"]) if "from" in part else part["width"]
        outputs = len(node["intercept"])
        table = self.arrays[f"{prefix}coefficients"]
        return [math.fsum([*(v * table[j * outputs + k] for j, v in row.items()), b]) for k, b in enumerate(node["intercept"])]


def check(spec: dict[str, Any], x: Sequence[float]) -> None:
    """Raises RowRefused for a missing or infinite feature that the estimator refuses."""
    if spec["missing"] == "error" and any(value != value for value in x):
        raise RowRefused("missing")
    if spec["infinite"] == "error" and any(math.isinf(value) for value in x):
        raise RowRefused("infinite")


def number_step(step: dict[str, Any], x: float) -> float:
    """One step on a number."""
    op, amount = step["op"], step.get("value")
    if op in ("finite", "present"):
        if math.isinf(x) if op == "finite" else x != x:
            raise RowRefused(op)
        return x
    if op in ("impute", "is_missing"):
        absent = number(step.get("missing", "NaN") if op == "impute" else step.get("value", "NaN"))
        hit = x != x if absent != absent else x == absent
        return (number(amount) if hit else x) if op == "impute" else float(hit)
    if op in ("bin", "interpolate", "quantile"):
        return {"bin": bin_of, "interpolate": interpolate, "quantile": quantile}[op](step, x)
    if op == "clip":
        return min(max(x, step["low"]), step["high"])
    if op == "apply":
        return FUNCTIONS[step["name"]](x)
    if op == "float32":
        return float32(x)
    value = number(amount)
    return {"add": x + value, "subtract": x - value, "multiply": x * value, "divide": x / value if value else x, "above": float(x > value)}[
        op
    ]


def bin_of(step: dict[str, Any], x: float) -> float:
    """How many edges are not above the value."""
    return float(bisect.bisect_right([number(edge) for edge in step["edges"]], x))


def interpolate(step: dict[str, Any], x: float) -> float:
    """Lines between points, level outside."""
    xs, ys = step["x"], step["y"]
    j = bisect.bisect_right(xs, x) - 1
    if j < 0 or j >= len(xs) - 1:
        return float(ys[0] if j < 0 else ys[-1])
    return float(ys[j] + (x - xs[j]) * (ys[j + 1] - ys[j]) / (xs[j + 1] - xs[j]))


def quantile(step: dict[str, Any], x: float) -> float:
    """The mean of interpolations from either side, which differ where points repeat."""
    down = {"x": [-v for v in reversed(step["x"])], "y": [-v for v in reversed(step["y"])]}
    return 0.5 * (interpolate(step, x) - interpolate(down, -x))


def sigmoid(x: float) -> float:
    """The logistic function."""
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def softmax(raw: Sequence[float]) -> list[float]:
    """Powers of e divided by their sum."""
    powers = [math.exp(value - max(raw)) for value in raw]
    return [power / sum(powers) for power in powers]


def shares_of(link: str, raw: list[float]) -> list[float]:
    """Probabilities of raw scores."""
    if link == "sigmoid_softmax":
        return softmax([-raw[0] / 2, raw[0] / 2] if len(raw) == 1 else [value / (len(raw) - 1) for value in raw])
    if link in ("softmax", "softmax32"):
        return softmax(raw)
    if len(raw) == 1:
        p = sigmoid(2 * raw[0] if link == "sigmoid2" else raw[0])
        return [1 - p, p]
    if link in ("sigmoid", "one_vs_rest"):
        found = [sigmoid(value) for value in raw]
        return [p / sum(found) for p in found] if link == "one_vs_rest" else found
    assert link == "identity", link
    return raw


def regress(link: str, raw: float) -> float:
    """The prediction of a regressor."""
    if link in ("exp", "exp32"):
        return math.exp(raw)
    if link in ("sigmoid", "sigmoid32"):
        return sigmoid(raw)
    return (-1.0 if raw < 0 else 1.0) if link == "outlier" else raw


def decide(rule: str, raw: Sequence[float]) -> int:
    """The index of the class."""
    if rule in ("positive", "not_negative"):
        return int(raw[0] > 0 if rule == "positive" else raw[0] >= 0)
    return max(range(len(raw)), key=lambda k: (raw[k], -k))


def mean(node: dict[str, Any], x: list[float]) -> list[float]:
    """Groups of outputs, each times its weight, over a divisor."""
    n = node["outputs"]
    groups = [x[i : i + n] for i in range(0, len(x), n)]
    return [sum(w * group[k] for w, group in zip(node["weights"], groups)) / node["divide"] for k in range(n)]


def votes(node: dict[str, Any], x: list[float]) -> list[float]:
    """The weight that each class was chosen with."""
    return [float(sum(w for w, chosen in zip(node["weights"], x) if chosen == k)) for k in range(node["outputs"])]


def normal(node: dict[str, Any], x: list[float]) -> list[float]:
    """A row divided by its norm."""
    size = {"l1": sum(map(abs, x)), "l2": math.sqrt(sum(v * v for v in x)), "max": max(map(abs, x))}[node["norm"]]
    return [value / size if size else value for value in x]


def median(node: dict[str, Any], x: list[float]) -> list[float]:
    """The value at which the running weight reaches half of all."""
    running, total = 0.0, sum(node["weights"])
    for value, weight in sorted(zip(x, node["weights"]), key=lambda pair: pair[0]):
        running += weight
        if running >= 0.5 * total:
            return [value]
    return [statistics.median(x)]


def normalise(_node: dict[str, Any], x: list[float]) -> list[float]:
    """Shares of every class: of two from one number, of more divided by their sum."""
    if len(x) == 1:
        return [1 - x[0], x[0]]
    return [value / sum(x) if sum(x) else 1 / len(x) for value in x]


def steps(node: dict[str, Any], x: list[float]) -> list[float]:
    """Steps on one number."""
    value = x[0]
    for step in node["steps"]:
        value = number_step(step, value)
    return [value]


NODES: dict[str, Callable[[dict[str, Any], list[float]], list[float]]] = {
    "link": lambda node, x: [regress("exp", x[0])] if node["link"] == "exp" else shares_of(node["link"], x),
    "decide": lambda node, x: [float(decide(node["rule"], x))],
    "pick": lambda node, x: [node["values"][int(x[0])]],
    "power": lambda node, x: [-(2 ** -x[0]) - node["offset"]],
    "mean": mean,
    "votes": votes,
    "normal": normal,
    "median": median,
    "shares": normalise,
    "steps": steps,
}

FUNCTIONS: dict[str, Callable[[float], float]] = {
    "absolute": abs,
    "negative": lambda x: -x,
    "sqrt": math.sqrt,
    "square": lambda x: x * x,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "rint": round,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "reciprocal": lambda x: 1 / x,
    "expit": sigmoid,
}
