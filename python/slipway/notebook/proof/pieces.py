"""What a model is asked besides the batch of the notebook: some of its rows one by one, two together, and many in another order."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from slipway.notebook.proof.guards import Late, explain, limit, seed_all
from slipway.notebook.proof.values import Describer, without_places

#: Rows that lack a value, and rows by chance, that are asked alone, besides the first and the last.
HOLES = 4
SOME = 8
#: Rows that are asked in another order.
MANY = 1000
#: Characters of one answer that a report shows.
SHOWN = 120

Piece = list[int]
Ask = Callable[[Any], Any]


def pieces_of(rows: Any) -> list[Piece]:
    """The places of the rows of each piece, the same in each proof; none of what cannot be asked in pieces."""
    count = count_of(rows)
    if count < 2:
        return []
    drawn = random.Random(0)
    alone = dict.fromkeys([0, count - 1, *lacking(rows, count)[:HOLES], *drawn.sample(range(count), min(SOME, count))])
    many = drawn.sample(range(count), min(MANY, count))
    if many == sorted(many):
        many.reverse()
    return [*([one] for one in alone), *([[0, 1]] if count > 2 else []), many]


def count_of(rows: Any) -> int:
    """How many rows there are; 0 of what is no table, array or list."""
    shape = getattr(rows, "shape", None)
    if shape:
        return int(shape[0])
    return len(rows) if isinstance(rows, (list, tuple)) else 0


def lacking(rows: Any, count: int) -> Piece:
    """The places of rows that lack a value."""
    try:
        empty = rows.isna() if hasattr(rows, "isna") else rows != rows
        flags = getattr(empty, "to_numpy", lambda: empty)().reshape(count, -1).any(axis=1)
        return [at for at, one in enumerate(flags.tolist()) if one]
    except Exception:  # noqa: BLE001 rows of a class that cannot say what it lacks
        return []


def taken(rows: Any, piece: Piece) -> Any:
    """Some rows, as a table, array or list of the same kind."""
    if isinstance(rows, (list, tuple)):
        some = [rows[at] for at in piece]
        return tuple(some) if isinstance(rows, tuple) else some
    if not hasattr(rows, "iloc"):
        return rows[piece]
    some = rows.iloc[piece].copy()
    # a row that comes twice has a number of its own each time, as with whoever asks
    numbered = len(set(piece)) < len(piece) and some.index.dtype.kind in "iu"
    return some.reset_index(drop=True) if numbered else some


def answer_pieces(pieces: list[Piece], rows: Any, ask: Ask, request: dict[str, Any], describer: Describer) -> list[dict[str, Any]]:
    """The answers to each piece; what does not come in the time of a cell is a fault."""
    found: list[dict[str, Any]] = []
    limit(request["limit"])
    try:
        for piece in pieces:
            found.append({"rows": piece, **answer_one(rows, piece, ask, request, describer)})
    except Late:
        why = f"asking it row by row took longer than {request['limit']:g} s"
        found += [{"rows": piece, "answer": {"k": "fault", "why": why}, "texts": []} for piece in pieces[len(found) :]]
    finally:
        limit(0)
    return found


def answer_one(rows: Any, piece: Piece, ask: Ask, request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """One answer, to some rows."""
    return answer_to(lambda: ask(taken(rows, piece)), len(piece), request, describer)


def answer_to(ask: Callable[[], Any], count: int, request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """One answer: for the comparison, and row by row as text."""
    try:
        seed_all(request["seed"], request["modules"])
        answer = ask()
        return {"answer": describer.describe(answer), "texts": texts_of(answer, count)}
    except Exception as error:  # noqa: BLE001 a model may refuse a row that it answers among others
        return {"answer": {"k": "fault", "why": explain(error)}, "texts": []}


def texts_of(answer: Any, count: int) -> list[str]:
    """The answer to each row as text; none where it has not one for each."""
    values = answer.to_numpy() if hasattr(answer, "to_numpy") else answer
    values = values.tolist() if hasattr(values, "tolist") else values
    if not isinstance(values, (list, tuple)) or len(values) != count:
        return []
    return [repr(one)[:SHOWN] for one in values]


def asked_in_pieces(rows: Any, ask: Ask, request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """Of the original: its answers to each piece, beside what it answers to those rows among all. Answers by chance say nothing."""
    pieces = pieces_of(rows)
    if not pieces:
        return {}
    found = answer_pieces(pieces, rows, ask, request, describer)
    again = answer_pieces(pieces, rows, ask, request, describer)
    if any(without_places(one["answer"]) != without_places(other["answer"]) for one, other in zip(found, again)):
        return {"unasked": "its answers are drawn by chance"}
    whole = answer_one(rows, list(range(count_of(rows))), ask, request, describer)
    for one in found:
        one["among"] = [whole["texts"][at] for at in one["rows"]] if whole["texts"] else []
    return {"pieces": found, "through": whole["answer"]}
