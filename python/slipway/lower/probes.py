"""Makes the rows a lowered model is verified on, planted where mistakes would show, and asks scikit-learn for the answers."""

import math
import random
import warnings

import numpy as np
import pandas as pd

from slipway.lower.columns import UNSEEN_TEXT
from slipway.lower.errors import Refused
from slipway.lower.trees import CATEGORICAL

POINTS_PER_INPUT = 4000
BASES_TRIED = 8
REFUSALS = (ValueError, TypeError, KeyError, IndexError, AttributeError)
ODD_WORDS = ("unheard", "É", "naïve", "x", "İstanbul", "ΟΔΟΣ", "a_b", "²", "٣٤", "e\u0301t\u00e9", "\ud55c\uae00", "don't", "𝔘", "ﬁn")
GAPS = (" ", "  ", "\t\n", ", ", "-", "\u00a0", ". ", "")


class Reference:
    """scikit-learn's own answers for rows of input values.

    What goes through a dense matrix product is asked one row at a time: BLAS rounds a row differently in blocks of different
    height, and one row is what an endpoint is asked for.
    """

    def __init__(self, steps, model, inputs, whole, frame):
        self.steps = steps
        self.model = model
        self.inputs = inputs
        self.frame = frame
        self.whole = whole
        self.classes = None if whole.spec["decide"] is None else list(model.classes_.tolist())

    def table(self, rows):
        """The DataFrame (or array) that the model would be fed with for these rows."""
        if not self.frame:
            values = [[math.nan if v is None else v for v in row] for row in rows]
            return np.array(values, dtype="float32" if self.inputs[0].float32 else "float64")
        data = {}
        for i, column in enumerate(self.inputs):
            values = [row[i] for row in rows]
            data[column.name] = series(column, values)
        return pd.DataFrame(data)

    def answers(self, rows):
        """(raw, predictions, probabilities or None) for rows; raises what scikit-learn raises."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matrix = self.table(rows)
            by_row = self.whole.row_by_row
            if by_row == "whole":
                return together([self.ask(self.through(one_row(matrix, i))) for i in range(len(rows))])
            matrix = self.through(matrix)
            if matrix.shape[0] != len(rows):
                raise Refused(f"it makes {matrix.shape[0]} rows of {len(rows)}: a vectorizer of texts takes one column of a table by a ColumnTransformer")
            if by_row is None:
                return self.ask(matrix)
            return together([self.ask(one_row(matrix, i)) for i in range(len(rows))])

    def through(self, matrix):
        """The rows after every transformer of the pipeline."""
        for step in self.steps:
            matrix = step.transform(matrix)
        return matrix

    def ask(self, matrix):
        """The final estimator's answers for a matrix."""
        model = self.model
        predictions = model.predict(matrix)
        likely = self.classes is not None and self.whole.spec["link"] != "none"
        shares = model.predict_proba(matrix) if likely else None
        rows = matrix.shape[0]
        raw = np.asarray(self.raw(matrix, predictions, shares), dtype="float64").reshape(rows, -1)
        return raw, np.asarray(predictions).reshape(rows, -1), shares

    def raw(self, matrix, predictions, shares):
        """The scores that the gateway's are compared with, as near to the arithmetic as the library gives them."""
        model = self.model
        if self.whole.reference is not None:
            return self.whole.reference(model, matrix)
        if hasattr(model, "margin"):
            return model.margin(matrix)
        if hasattr(model, "decision_function"):
            return model.decision_function(matrix)
        if self.classes is not None:
            return shares
        return model._raw_predict(matrix) if type(model).__name__.startswith("Hist") else predictions


def together(parts):
    """Answers of single rows as one."""
    raw, predictions, shares = zip(*parts)
    return np.concatenate(raw), np.concatenate(predictions), None if shares[0] is None else np.concatenate(shares)


def one_row(matrix, i):
    """Row i alone and contiguous, as a request brings it: BLAS rounds a strided row differently."""
    if hasattr(matrix, "iloc"):
        return matrix.iloc[i : i + 1].copy()
    return matrix[i : i + 1] if hasattr(matrix, "toarray") else np.ascontiguousarray(matrix[i : i + 1])


def series(column, values):
    """One input column as pandas would hold it."""
    if column.kind == "string":
        absent = None if column.missing == "none" else math.nan
        return pd.Series([absent if v is None else v for v in values], dtype=object)
    if column.kind == "boolean":
        return pd.Series(values, dtype=bool)
    numbers = [math.nan if v is None else v for v in values]
    if column.kind == "integer" and not any(math.isnan(v) for v in numbers):
        return pd.Series(numbers, dtype="int64")
    return pd.Series(numbers, dtype="float32" if column.float32 else "float64")


def invert(steps, value):
    """The input that the steps turn into about this value; None when a step has no inverse, or at a split on missing values alone."""
    for step in reversed(steps):
        amount, op = step.get("value"), step["op"]
        if op in ("encode", "is_missing", "fill_text", "above", "bin", "quantile", "interpolate", "apply"):
            return None
        if op == "subtract":
            value += amount
        elif op == "add":
            value -= amount
        elif op == "divide":
            value *= amount
        elif op == "multiply":
            value = value / amount if amount else None
        if value is None:
            return None
    return value if math.isfinite(value) else None


class Probes:
    """Draws input rows: thresholds and both neighbours, missing values, known and unseen categories, wide ranges."""

    def __init__(self, inputs, tables, whole, seed):
        self.random = random.Random(seed)
        self.inputs = inputs
        self.points = [set() for _ in inputs]
        self.keys = [[] for _ in inputs]
        self.vocabulary = whole.vocabulary
        self.allow_missing = [True] * len(inputs)
        self.allow_unseen = [True] * len(inputs)
        self.find_keys(tables, whole.columns)
        for columns, arrays in whole.plants:
            self.find_points(columns, arrays)
        self.find_edges(whole.columns)
        self.sorted = [sorted(p) for p in self.points]

    def find_keys(self, tables, columns):
        """The categories that any column of an input knows."""
        for column in columns:
            for step in column.steps:
                if step["op"] == "encode" and not self.keys[column.source]:
                    self.keys[column.source] = list(tables[step["table"]]["keys"])

    def find_points(self, columns, arrays):
        """The values of each input at which a tree changes its mind, or about which a linear model is centred."""
        targets = [[] for _ in columns]
        if "threshold" in arrays:
            split = (arrays["feature"] >= 0) & (arrays["flags"] & CATEGORICAL == 0)
            for feature, threshold in zip(arrays["feature"][split].tolist(), arrays["threshold"][split].tolist()):
                targets[feature].append(threshold)
            coded = (arrays["feature"] >= 0) & (arrays["flags"] & CATEGORICAL != 0)
            for feature in set(arrays["feature"][coded].tolist()):
                targets[feature].extend(range(-2, category_limit(arrays) + 2))
        for column, values in zip(columns, targets):
            wanted = values or [self.random.gauss(0, 1.5) for _ in range(50)]
            if len(wanted) > POINTS_PER_INPUT:
                wanted = self.random.sample(wanted, POINTS_PER_INPUT)
            for value in wanted if column.hot is None and column.value is None else []:
                found = invert(column.steps, value)
                if found is not None:
                    self.points[column.source].add(found)

    def find_edges(self, columns):
        """The values of each input at which a step changes its course."""
        for column in columns:
            for k, step in enumerate(column.steps):
                edges = [step["value"]] if step["op"] == "above" else step.get("edges", step.get("x", []))
                found = [invert(column.steps[:k], float(edge)) for edge in edges]
                self.points[column.source].update(f for f in found if f is not None)

    def row(self):
        """One random row that scikit-learn is expected to take."""
        return [self.value(i) for i in range(len(self.inputs))]

    def value(self, i):
        """One random value of an input."""
        column, roll = self.inputs[i], self.random.random()
        if roll < 0.1 and self.allow_missing[i] and column.kind != "boolean":
            return None
        if column.kind == "boolean":
            return roll < 0.55
        if i in self.vocabulary:
            return self.text(self.vocabulary[i])
        if column.kind == "string":
            return self.unseen(i) if roll > 0.95 and self.allow_unseen[i] else self.random.choice(self.keys[i] or ["a", "b"])
        if self.keys[i]:
            value = self.unseen(i) if roll > 0.95 and self.allow_unseen[i] else self.random.choice(self.keys[i])
        else:
            value = self.number(i)
        if column.kind == "integer":
            return int(max(-(2**53), min(2**53, math.floor(value))))
        return float(np.float32(value)) if column.float32 else float(value)

    def text(self, terms):
        """A text of known terms and odd words, with gaps of all kinds; now and then empty, long, or one term many times."""
        random, out = self.random, []
        for _ in range(random.choice([0, 1, 2, 5, 9, 20])):
            word = random.choice(terms) if random.random() < 0.8 else random.choice(ODD_WORDS)
            word = random.choice([word, word, word.upper(), word.title()])
            out += [word, random.choice(GAPS)] * random.choice([1, 1, 1, 3])
        return "".join(out)

    def unseen(self, i):
        """A category that no column of the input knows."""
        return UNSEEN_TEXT if self.inputs[i].kind == "string" else max(map(float, self.keys[i]), default=0.0) + 1.5

    def number(self, i):
        """A number on a point, beside it in float64 or float32, inside the range of the points, or far away."""
        points, roll = self.sorted[i], self.random.random()
        if not points or roll < 0.02:
            return self.random.choice([0.0, -0.0, 1.0, 5e-324, 1e30, -1e30, self.random.gauss(0, 1)])
        if roll < 0.7:
            return neighbour(points[int(self.random.random() * len(points))], int(self.random.random() * 6))
        low, high = points[0], points[-1]
        return self.random.uniform(low - 0.1 * (high - low), high + 0.1 * (high - low))


def neighbour(point, which):
    """A point (0), the next numbers up and down (1, 2), the nearest float32 (3), and the next of those (4, 5)."""
    if which < 3:
        return (point, math.nextafter(point, math.inf), math.nextafter(point, -math.inf))[which]
    near = np.float32(point)
    return float(near if which == 3 else np.nextafter(near, np.float32(np.inf if which == 4 else -np.inf)))


def category_limit(arrays):
    """The first number beyond the categories that any set holds."""
    sets = arrays["bitsets"]
    return 32 * max(8, len(sets) // max(1, int((arrays["flags"] & CATEGORICAL != 0).sum())))


def find_limits(probes, reference, inputs):
    """Asks scikit-learn what it refuses; marks inputs as required and returns the refused rows."""
    probes.allow_missing = [False] * len(inputs)
    probes.allow_unseen = [False] * len(inputs)
    tried = [probes.row() for _ in range(BASES_TRIED)]
    base = next((row for row in tried if not fails(reference, [row])), tried[0])
    refused = []
    for i, column in enumerate(inputs):
        missing, unseen = (base[:i] + [v] + base[i + 1 :] for v in (None, probes.unseen(i)))
        column.required = column.kind == "boolean" or fails(reference, [missing])
        probes.allow_missing[i] = not column.required
        if column.required:
            refused.append(missing)
        if column.kind != "boolean" and (column.kind == "string" or probes.keys[i]):
            unseen = unseen if column.kind != "integer" else base[:i] + [math.floor(unseen[i])] + base[i + 1 :]
            probes.allow_unseen[i] = not fails(reference, [unseen])
            if not probes.allow_unseen[i]:
                refused.append(unseen)
        if column.kind == "number":
            infinite = base[:i] + [math.inf] + base[i + 1 :]
            if fails(reference, [infinite]):
                refused.append(infinite)
    return refused


def sift(reference, rows):
    """(rows that scikit-learn answers, rows that it refuses), by halving what it refuses as a whole."""
    if not rows or not fails(reference, rows):
        return rows, []
    if len(rows) == 1:
        return [], rows
    middle = len(rows) // 2
    parts = [sift(reference, half) for half in (rows[:middle], rows[middle:])]
    return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]


def fails(reference, rows):
    """Whether the library refuses these rows together."""
    try:
        reference.answers(rows)
    except REFUSALS:
        return True
    return False


def verification(inputs, rows, refused, reference):
    """(document, arrays) of the verification file: rows, then rows that scikit-learn refuses, with exact answers."""
    raw, predictions, shares = reference.answers(rows)
    texts: dict = {}
    arrays = {}
    everything = rows + refused
    for i, column in enumerate(inputs):
        values = [row[i] for row in everything]
        if column.kind == "string":
            places = [-1 if v is None else texts.setdefault(v, len(texts)) for v in values]
            arrays[f"input{i}"] = np.array(places, dtype="<i4")
        else:
            arrays[f"input{i}"] = np.array([math.nan if v is None else float(v) for v in values], dtype="<f8")
    arrays["raw"] = raw.astype("<f8").ravel()
    if reference.classes is None:
        arrays["predictions"] = predictions.astype("<f8").ravel()
    else:
        places = {c: k for k, c in enumerate(reference.classes)}
        arrays["predictions"] = np.array([places[p] for p in predictions.ravel().tolist()], dtype="<i4")
    if shares is not None:
        arrays["probabilities"] = np.asarray(shares, dtype="<f8").ravel()
    document = {"format": "slipway.native.verify/1", "rows": len(rows), "refused": len(refused), "texts": list(texts)}
    return document, arrays
