"""Draws the rows that an export is verified on and has the Python model answer them, by the code that a scorer runs."""

import json
import math
import random
import struct
from pathlib import Path

from slipway.lower.form.errors import Refused
from slipway.scorer.inputs import COUNTS, Inputs, encode_example
from slipway.scorer.results import JSON_WIDTH, encode_result, plain, split_names

ALONE = 16
MOST_VALUES = 400_000
# Calls that may go into finding the rows of a batch that the model refuses.
MOST_CALLS = 60
# Two answers of the same model to the same row, alone and among others, differ at most so much of their size.
STEADY = 1e-4


class Asked:
    """A model and what callers send it: answers rows of values in the order of the inputs, as a scorer would."""

    def __init__(self, inputs: list, tensor: "str | None", model):
        self.inputs = inputs
        self.model = model
        self.answered_row: "list | None" = None  # one that the model answered
        self._inputs = Inputs(inputs, tensor)

    def data(self, rows: "list[list]"):
        """The rows as the model is fed them: a DataFrame, or an array."""
        names = [column["name"] for column in self.inputs]
        return self._inputs.build(encode_example(self.inputs, [dict(zip(names, row)) for row in rows]))[0]

    def answers(self, rows: "list[list]") -> list:
        """One answer a row as a caller gets it: a number, a text, a list of them. Raises what the model raises."""
        return decode(split_names(self._result(rows))[1])

    def columns(self, row: list) -> "list | None":
        """Names of the columns of the answer where it is a DataFrame."""
        return split_names(self._result([row]))[0]

    def _result(self, rows: "list[list]") -> bytes:
        return encode_result(self.model.call(self.data(rows), None), len(rows))


def decode(payload: bytes) -> list:
    """The rows of a RESULT without names of columns."""
    count, width = COUNTS.unpack_from(payload)
    if width == JSON_WIDTH:
        return json.loads(payload[COUNTS.size :])
    values = struct.unpack_from(f"<{count * max(1, width)}d", payload, COUNTS.size)
    if width == 0:
        return list(values)
    return [list(values[i * width : (i + 1) * width]) for i in range(count)]


def write_rows(path: Path, asked: Asked, source: "tuple[Path, dict, bool]", probes: int, seed: int) -> int:
    """Writes {rows, answers, columns, whole, net} and returns the number of rows. Raises Refused.

    `source` is the model folder, its MLmodel, and whether the model is a neural network. `whole` names the inputs in which it
    takes no missing value.
    """
    folder, meta, net = source
    examples = example_rows(folder, meta, asked.inputs)
    draws = Draws(asked, examples, seed)
    base = first_answered(asked, examples + [draws.row() for _ in range(ALONE)])
    whole = [column["name"] for i, column in enumerate(asked.inputs) if refuses_missing(asked, base, i)]
    draws.allow_missing([i for i, column in enumerate(asked.inputs) if column["name"] not in whole])
    width = check_form(asked.answers([base])[0])
    draws.stay_near(not takes(asked, [draws.row(wide=True) for _ in range(ALONE)]))
    count = max(100, min(probes, MOST_VALUES // max(width, len(asked.inputs))))
    rows = answered(asked, examples + [base] + [draws.row() for _ in range(count)])
    answers = asked.answers(rows)
    check_steady(asked, rows, answers)
    found = {"rows": plain(rows), "answers": [worded(one) for one in answers], "columns": asked.columns(base), "whole": whole, "net": net}
    path.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    return len(rows)


def worded(answer):
    """An answer as JSON can carry it: NaN becomes null, what is infinite a word."""
    if isinstance(answer, list):
        return [worded(item) for item in answer]
    if isinstance(answer, float) and math.isinf(answer):
        return "Infinity" if answer > 0 else "-Infinity"
    return plain(answer)


def check_form(answer) -> int:
    """How many values one answer has. Raises Refused where a graph has no such answer."""
    if isinstance(answer, dict):
        raise Refused(f"its answer has several names: {', '.join(answer)}")
    if isinstance(answer, list) and any(isinstance(item, (list, dict)) for item in answer):
        raise Refused("the answer to one row has more than one dimension")
    return len(answer) if isinstance(answer, list) else 1


def first_answered(asked: Asked, rows: "list[list]") -> list:
    """The first row that the model answers. Raises Refused with what it says of the last when it answers none."""
    cause = None
    for row in rows:
        try:
            asked.answers([row])
            asked.answered_row = row
            return row
        except Exception as error:  # whatever the model raises
            cause = error
    said = (str(cause).strip().splitlines() or [""])[0]
    raise Refused(f"the Python model answers no row that was tried: {type(cause).__name__}: {said}"[:400])


def refuses_missing(asked: Asked, base: list, place: int) -> bool:
    """Whether the model raises on a missing value in an input."""
    return not takes(asked, [base[:place] + [None] + base[place + 1 :]])


def takes(asked: Asked, rows: "list[list]") -> bool:
    """Whether the model answers these rows."""
    try:
        asked.answers(rows)
        return True
    except Exception:  # whatever the model raises
        return False


def answered(asked: Asked, rows: "list[list]") -> "list[list]":
    """Those of the rows that the model answers; where many are refused, those that were found within MOST_CALLS."""
    found, waiting = [], [rows]
    for _ in range(MOST_CALLS):
        if not waiting:
            break
        part = waiting.pop()
        if takes(asked, part):
            found += part
        elif len(part) > 1:
            half = len(part) // 2
            waiting += [part[half:], part[:half]]
    return found


def check_steady(asked: Asked, rows: "list[list]", answers: list) -> None:
    """Raises Refused when an answer depends on the other rows of a call, or on chance."""
    for row, among in zip(rows[:ALONE], answers):
        alone = asked.answers([row])[0]
        if not alike(alone, among):
            raise Refused("its answer to a row is another when the row is alone: it hangs on the other rows of a call, or on chance")


def alike(one, other) -> bool:
    """Whether two answers are the same but for the order of sums."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other) or abs(one - other) <= STEADY * max(1.0, abs(other))
    return one == other


def example_rows(folder: Path, meta: dict, inputs: list) -> "list[list]":
    """Rows of the logged input example in the order of the inputs; none when it has another form."""
    info = meta.get("saved_input_example_info") or {}
    path = folder / info.get("artifact_path", "")
    if not path.is_file():
        return []
    example = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(example, dict) and "data" in example:
        names = example.get("columns") or [column["name"] for column in inputs]
        places = {name: i for i, name in enumerate(names)}
        if any(column["name"] not in places for column in inputs):
            return []
        return [[row[places[column["name"]]] for column in inputs] for row in example["data"][:100]]
    rows = example.get("inputs") if isinstance(example, dict) else example
    fits = isinstance(rows, list) and all(isinstance(row, list) and len(row) == len(inputs) for row in rows)
    return rows[:100] if fits else []


class Draws:
    """Rows by chance: near the examples, far from them, at the model's own borders, with missing values."""

    def __init__(self, asked: Asked, examples: "list[list]", seed: int):
        self._random = random.Random(seed)
        self._inputs = asked.inputs
        self._seen = [[row[i] for row in examples if row[i] is not None] for i in range(len(asked.inputs))]
        self._borders = borders_of(asked)
        self._missing: "set[int]" = set()
        self._near_only = False

    def stay_near(self, near: bool) -> None:
        """Draws only values like those of the examples, for models that refuse others."""
        self._near_only = near

    def allow_missing(self, places: "list[int]") -> None:
        """Has values of these inputs missing now and then."""
        self._missing = set(places)

    def row(self, wide: bool = False) -> list:
        """One row. Raises Refused for a text without an example."""
        wide = wide or (self._random.random() < 0.2 and not self._near_only)
        return [self._value(i, column["kind"], wide) for i, column in enumerate(self._inputs)]

    def _value(self, place: int, kind: str, wide: bool):
        chance, seen = self._random.random(), self._seen[place]
        if place in self._missing and chance < 0.03:
            return None
        if kind == "string":
            if not seen:
                raise Refused(f"input {self._inputs[place]['name']} is a text, and there is no example of it")
            return self._random.choice(seen)
        if kind == "boolean":
            return self._random.random() < 0.5
        if kind == "integer":
            low, high = (min(seen), max(seen)) if seen else (0, 1)
            reach = (high - low) * 2 + 10 if wide else 0
            return self._random.randint(int(low) - reach, int(high) + reach)
        if place < len(self._borders) and self._borders[place] and chance < 0.5:
            return self._near(self._random.choice(self._borders[place]))
        return self._number(seen, wide)

    def _number(self, seen: list, wide: bool) -> float:
        if seen and self._random.random() < 0.3:
            return float(self._random.choice(seen))
        middle = sum(seen) / len(seen) if seen else 0.0
        spread = (max(seen) - min(seen)) / 2 if len(seen) > 1 else 0.0
        spread = spread or abs(middle) or 1.0
        return self._random.gauss(middle, spread * (10 if wide else 1))

    def _near(self, border: float) -> float:
        """A border of a tree, or the nearest float32 on either side."""
        import numpy as np

        one = np.float32(border)
        return float(self._random.choice([one, np.nextafter(one, np.float32(math.inf)), np.nextafter(one, np.float32(-math.inf))]))


def borders_of(asked: Asked) -> "list[list[float]]":
    """By input, where the trees of a CatBoost model split; nothing for other models."""
    implementation = getattr(asked.model.pyfunc, "_model_impl", None)
    model = getattr(implementation, "cb_model", None)
    if model is None or any(column["kind"] != "number" for column in asked.inputs):
        return []
    found = model.get_borders() if hasattr(model, "get_borders") else {}
    return [[float(b) for b in found.get(i, ())] for i in range(len(asked.inputs))]
