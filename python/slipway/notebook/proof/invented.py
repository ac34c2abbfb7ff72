"""Rows that the notebook does not have: its own with one column that lacks its value, lies beyond its range, or has an unknown category."""

from __future__ import annotations

import datetime
import json
import math
import random
from collections.abc import Callable
from typing import Any

from slipway.notebook.proof.guards import Late, limit
from slipway.notebook.proof.pieces import answer_to, count_of, taken
from slipway.notebook.proof.values import Describer, without_places

#: Columns that are changed, each by itself; of a wider table a fixed draw takes as many.
COLUMNS = 100
#: Rows that have the same column changed.
ROWS = 50
#: The original's own model may take this long over all made-up rows, seconds.
ASKING = 120
#: What no column of texts has.
UNKNOWN = "unknown to the notebook"

#: Which rows, which column, and what it has in them. As JSON, for both runs make the rows of it.
Case = dict[str, Any]
Answer = dict[str, Any]
Ask = Callable[[Any], Any]


class Unmade(Exception):
    """Nobody can make such rows; the message says why."""


def cases_of(rows: Any) -> tuple[list[Case], str]:
    """What is asked, the same in each proof, and what of the columns is not. Raises Unmade."""
    count, wide = count_of(rows), width_of(rows)
    drawn = random.Random(0)
    some = sorted(drawn.sample(range(count), min(ROWS, count)))
    columns = sorted(drawn.sample(range(wide), min(COLUMNS, wide)))
    found: list[Case] = []
    unmade = []
    for at in columns:
        column = rows.iloc[:, at] if hasattr(rows, "iloc") else rows[:, at]
        name = str(rows.columns[at])[:60] if hasattr(rows, "iloc") else f"column {at}"
        for how in hows_of(column):
            case = {"rows": some, "column": at, "name": name, "how": how}
            try:
                made_of(rows, case)
            except Exception:  # noqa: BLE001 a column may be of a type that cannot have such a value
                unmade.append(f"{name} ({how})")
                continue
            found += [{**case, "rows": some[:1]}, case] if how == "missing" and count > 1 else [case]
    left = [f"only {COLUMNS} of {wide} columns were changed"] if wide > COLUMNS else []
    left += [f"{', '.join(unmade[:5])}{' and more' if len(unmade) > 5 else ''} cannot have such values"] if unmade else []
    return found, "; ".join(left)


def width_of(rows: Any) -> int:
    """How many columns there are. Raises Unmade of what is no table."""
    shape = getattr(rows, "shape", None)
    what = f"{type(rows).__name__} of {'×'.join(map(str, shape))}" if shape else type(rows).__name__
    plain = hasattr(rows, "iloc") or (type(rows).__module__ == "numpy" and rows.dtype.kind in "biufO")
    if not plain or not shape or len(shape) != 2:
        raise Unmade(f"rows of this kind have no columns that could be changed: {what}")
    if shape[0] == 0 or shape[1] == 0:
        raise Unmade("there are no rows")
    return int(shape[1])


def hows_of(column: Any) -> list[str]:
    """What its values are made: each may be missing, numbers and times have ends, and texts are unknown."""
    kind = column.dtype.kind
    if kind in "iufmM":
        return ["missing", "below", "above"]
    return ["missing", "unknown"] if kind == "O" and is_text(column) else ["missing"]


def is_text(column: Any) -> bool:
    """Whether a column has texts, or categories, as far as one can see."""
    if hasattr(column.dtype, "categories"):
        return True
    values = [one for one in column[:1000].tolist() if isinstance(one, str) or not is_missing(one)]
    return bool(values) and all(isinstance(one, str) for one in values)


def is_missing(value: Any) -> bool:
    """Whether this stands for no value."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value))


def made_of(rows: Any, case: Case) -> Any:
    """The rows of a case, as a table or array of the same kind."""
    some, at, how = taken(rows, case["rows"]), case["column"], case["how"]
    if hasattr(rows, "iloc"):
        column = rows.iloc[:, at]
        some.isetitem(at, column_with(column, value_for(column, how), some.index))
        return some
    value = value_for(rows[:, at], how)
    if rows.dtype.kind != "O":
        import numpy as np

        if rows.dtype.kind != "f":
            # values that the type of the array does not hold
            some = some.astype(np.float64 if value is None else np.result_type(rows.dtype, np.min_scalar_type(value)))
        value = math.nan if value is None else value
    some[:, at] = value
    return some


def value_for(column: Any, how: str) -> Any:
    """What all rows of a case have in the column; None where it is missing. Raises Unmade."""
    if how == "missing":
        return None
    if how == "unknown":
        return UNKNOWN
    low, high = ends_of(column)
    beyond = high - low or (datetime.timedelta(days=1) if column.dtype.kind in "mM" else 1)
    value = low - beyond if how == "below" else high + beyond
    if not (value < low or value > high):
        raise Unmade("nothing lies beyond its range")
    return value


def ends_of(column: Any) -> tuple[Any, Any]:
    """The least and the greatest value; of numbers as Python's own, for its integers do not overflow."""
    kind = column.dtype.kind
    known = column[~missing_in(column)]
    if kind == "f":
        known = known[abs(known) < math.inf]
    low, high = known.min(), known.max()
    if kind in "mM":
        return low, high
    return (float(low), float(high)) if kind == "f" else (int(low), int(high))


def missing_in(column: Any) -> Any:
    """Which values of a column are missing."""
    return column.isna() if hasattr(column, "isna") else column != column


def column_with(column: Any, value: Any, index: Any) -> Any:
    """A column that has one value everywhere, of the same type where that can hold it, else of the one in which it would be read."""
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) and value is not None:
        dtype = pd.CategoricalDtype([*dtype.categories, value], dtype.ordered)
    try:
        made = pd.Series([value] * len(index), index=index, dtype=dtype)
        if made.isna().all() if value is None else (made == value).all():
            return made
    except (TypeError, ValueError, OverflowError):
        pass
    gap = value is None and dtype.kind in "iu"
    return pd.Series([math.nan if gap else value] * len(index), index=index, dtype=object if value is None and not gap else None)


def answer_cases(cases: list[Case], rows: Any, ask: Ask, request: dict[str, Any], describer: Describer, seconds: float) -> list[Answer]:
    """The answers to each case; fewer than there are where they take longer than this."""
    found: list[Answer] = []
    limit(seconds)
    try:
        for case in cases:
            found.append(answer_to(lambda one=case: ask(made_of(rows, one)), len(case["rows"]), request, describer))  # type: ignore[misc]
    except Late:
        pass
    finally:
        limit(0)
    return found


def asked_invented(rows: Any, ask: Ask, request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """Of the original: its answers to made-up rows, and what is not asked so. Answers by chance say nothing."""
    try:
        cases, left = cases_of(rows)
    except Unmade as why:
        return {"cases": [], "left": str(why)}
    except Exception as error:  # noqa: BLE001 rows of a class that only looks like a table
        return {"cases": [], "left": f"rows of this kind cannot be changed: {type(error).__name__}"}
    seconds = min(ASKING, request["limit"])
    found = answer_cases(cases, rows, ask, request, describer, seconds)
    again = answer_cases(cases[: len(found)], rows, ask, request, describer, seconds)
    if len(again) < len(cases):
        left = f"the notebook's own model takes longer than {seconds:g} s to answer {len(cases)} made-up tables"
        return {"cases": [], "left": left}
    kept = [{**case, **one} for case, one, other in zip(cases, found, again) if same(one, other)]
    chance = len(cases) - len(kept)
    if chance:
        left = "; ".join([*([left] if left else []), f"{chance} of {len(cases)} are answered by chance"])
    return {"cases": kept, "left": left}


def same(one: Answer, other: Answer) -> bool:
    """Whether a case was answered alike twice."""
    return json.dumps(without_places(one["answer"])) == json.dumps(without_places(other["answer"]))
