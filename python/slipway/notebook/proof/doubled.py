"""Rows that come more than once, more of them than the notebook has: callers send equal rows, and large tables."""

from __future__ import annotations

from typing import Any

from slipway.notebook.proof.guards import Late, limit
from slipway.notebook.proof.handing import packed
from slipway.notebook.proof.pieces import Ask, Piece, answer_one, count_of
from slipway.notebook.proof.rows import LARGEST
from slipway.notebook.proof.values import Describer, without_places

#: At least so many rows are asked: a limit is mostly a round number, and this lies beyond one.
LEAST = 1037
#: The original's own model may take this long over them, seconds.
ASKING = 30
#: What is known where the process of the notebook does not come back from them.
ENDED = "the process of the notebook ended when it was asked for rows that come more than once"


def times_of(piece: Piece) -> int:
    """How often each row comes."""
    return max(2, -(-LEAST // len(piece)))


def too_large(rows: Any, count: int) -> str:
    """Why so many rows like these are too large for a proof; empty where they are not."""
    try:
        size = len(packed(rows)) // count_of(rows) * count
    except Exception:  # noqa: BLE001 rows may be of any class
        return "nobody can tell how large they are"
    return f"they take more than {LARGEST >> 20} MB" if size > LARGEST else ""


def asked_doubled(pieces: list[dict[str, Any]], rows: Any, ask: Ask, request: dict[str, Any], describer: Describer) -> dict[str, Any]:
    """Of the original: all of its pieces, with the last of them asked again several times over; or why that is not asked."""
    if not pieces:
        return {"undoubled": ""}
    last = pieces[-1]
    times = times_of(last["rows"])
    piece = last["rows"] * times
    why = too_large(rows, len(piece))
    if why:
        return undoubled(why)
    seconds = min(ASKING, request["limit"] / 4)
    limit(seconds)
    try:
        one, other = [answer_one(rows, piece, ask, request, describer) for _ in range(2)]
    except Late:
        return undoubled(f"the notebook's own model takes longer than {seconds:g} s")
    finally:
        limit(0)
    if without_places(one["answer"]) != without_places(other["answer"]):
        return undoubled("they are answered by chance")
    return {"pieces": [*pieces, {"rows": piece, **one, "among": last["among"] * times}], "undoubled": ""}


def undoubled(why: str) -> dict[str, Any]:
    """Why they are not asked."""
    return {"undoubled": f"rows that come more than once were not asked: {why}"}
