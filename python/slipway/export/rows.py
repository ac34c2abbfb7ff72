"""The rows that an export is verified on, with the answers of the Python model."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from slipway.export.draws import Draws
from slipway.export.reference import Reference, Row
from slipway.refusal import Refused
from slipway.scorer.inputs import ColumnSpec
from slipway.scorer.results import plain

ROWS_ALONE = 16
MOST_VALUES = 400_000
# Calls that may go into finding the rows of a batch that the model refuses.
MOST_CALLS = 60
# Two answers of the same model to the same row, alone and among others, differ at most so much of their size.
STEADY = 1e-4


def write_rows(path: Path, reference: Reference, source: tuple[Path, dict[str, Any], bool], probes: int, seed: int) -> int:
    """Writes {rows, answers, columns, whole, net} and returns the number of rows. Raises Refused.

    `source` is the model folder, its MLmodel, and whether the model is a neural network. `whole` names the inputs in which it
    takes no missing value.
    """
    folder, meta, net = source
    examples = example_rows(folder, meta, reference.inputs)
    draws = Draws(reference, examples, seed)
    base = first_answered(reference, examples + [draws.row() for _ in range(ROWS_ALONE)])
    required = [column["name"] for i, column in enumerate(reference.inputs) if refuses_missing(reference, base, i)]
    draws.allow_missing([i for i, column in enumerate(reference.inputs) if column["name"] not in required])
    width = check_form(reference.answers([base])[0])
    draws.stay_near(not accepts(reference, [draws.row(wide=True) for _ in range(ROWS_ALONE)]))
    count = max(100, min(probes, MOST_VALUES // max(width, len(reference.inputs))))
    rows = accepted_rows(reference, examples + [base] + [draws.row() for _ in range(count)])
    answers = reference.answers(rows)
    check_steady(reference, rows, answers)
    found = {"rows": plain(rows), "answers": [json_answer(one) for one in answers], "columns": reference.columns(base)}
    found |= {"whole": required, "net": net}
    path.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    return len(rows)


def json_answer(answer: Any) -> Any:
    """An answer as JSON can carry it: NaN becomes null, what is infinite a word."""
    if isinstance(answer, list):
        return [json_answer(item) for item in answer]
    if isinstance(answer, float) and math.isinf(answer):
        return "Infinity" if answer > 0 else "-Infinity"
    return plain(answer)


def check_form(answer: Any) -> int:
    """How many values one answer has. Raises Refused where a graph has no such answer."""
    if isinstance(answer, dict):
        raise Refused(f"its answer has several names: {', '.join(answer)}")
    if isinstance(answer, list) and any(isinstance(item, (list, dict)) for item in answer):
        raise Refused("the answer to one row has more than one dimension")
    return len(answer) if isinstance(answer, list) else 1


def first_answered(reference: Reference, rows: list[Row]) -> Row:
    """The first row that the model answers. Raises Refused with what it says of the last when it answers none."""
    cause = None
    for row in rows:
        try:
            reference.answers([row])
            reference.answered_row = row
            return row
        except Exception as error:  # noqa: BLE001 whatever the model raises
            cause = error
    line = (str(cause).strip().splitlines() or [""])[0]
    raise Refused(f"the Python model answers no row that was tried: {type(cause).__name__}: {line}"[:400])


def refuses_missing(reference: Reference, base: Row, place: int) -> bool:
    """Whether the model raises on a missing value in an input."""
    return not accepts(reference, [[*base[:place], None, *base[place + 1 :]]])


def accepts(reference: Reference, rows: list[Row]) -> bool:
    """Whether the model answers these rows."""
    try:
        reference.answers(rows)
        return True
    except Exception:  # noqa: BLE001 whatever the model raises
        return False


def accepted_rows(reference: Reference, rows: list[Row]) -> list[Row]:
    """Those of the rows that the model answers; where many are refused, those that were found within MOST_CALLS."""
    found, waiting = [], [rows]
    for _ in range(MOST_CALLS):
        if not waiting:
            break
        part = waiting.pop()
        if accepts(reference, part):
            found += part
        elif len(part) > 1:
            half = len(part) // 2
            waiting += [part[half:], part[:half]]
    return found


def check_steady(reference: Reference, rows: list[Row], answers: list[Any]) -> None:
    """Raises Refused when an answer depends on the other rows of a call, or is random."""
    for row, among in zip(rows[:ROWS_ALONE], answers):
        alone = reference.answers([row])[0]
        if not nearly_equal(alone, among):
            raise Refused("its answer to a row is another when the row is alone: it depends on the other rows of a call, or is random")


def nearly_equal(one: Any, other: Any) -> bool:
    """Whether two answers are the same but for the order of sums."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(nearly_equal, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other) or abs(one - other) <= STEADY * max(1.0, abs(other))
    return one == other


def example_rows(folder: Path, meta: dict[str, Any], inputs: list[ColumnSpec]) -> list[Row]:
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
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == len(inputs) for row in rows):
        return []
    return rows[:100]
