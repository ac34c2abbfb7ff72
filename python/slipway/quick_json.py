"""Reads JSON that we wrote ourselves without the standard module, which loads regular expressions: they cost as much as a bare start."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Rules:
    """What the scanner of the standard module asks for, as `json.loads` has it."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


def loads(text: str) -> Any:
    """The value of a JSON text without blanks around it. Raises ValueError where it is none."""
    try:
        from _json import make_scanner
    except ImportError:  # an interpreter without it
        import json

        return json.loads(text)
    try:
        value, end = make_scanner(Rules)(text, 0)  # type: ignore[arg-type]
    except StopIteration:
        raise ValueError("no JSON") from None
    if end != len(text):
        raise ValueError(f"JSON goes on after its end, at character {end}")
    return value
