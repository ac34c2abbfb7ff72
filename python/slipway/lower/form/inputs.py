"""The inputs of a model, as its signature has them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class InputColumn:
    """One input of the model: its name, its kind, and whether it arrives as float32.

    `kind` is number, integer, string or boolean; None while nothing has said which. `missing` is which missing values of Python a text
    takes where it is not `required`: nan, none or both.
    """

    name: str
    kind: str | None
    float32: bool = False
    required: bool = False
    missing: str = "nan"
