"""The inputs of a model, as its signature has them."""

from dataclasses import dataclass


@dataclass
class InputColumn:
    """One input of the model: name, kind (number | integer | string | boolean) and whether it arrives as float32."""

    name: str
    kind: str
    float32: bool = False
    required: bool = False
    missing: str = "nan"
