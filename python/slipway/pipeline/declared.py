"""Params of a whole pipeline, declared as defaults of its function: ``def flights(lr=param("float", default=0.1))``."""

from __future__ import annotations

from slipway.pipeline.expressions import Operand, part
from slipway.pipeline.lines import Site, here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Missing:
    """Stands where nothing was given, for None is a value."""


MISSING = Missing()


class Declared:
    """What ``param`` says, and where."""

    def __init__(self, keys: dict[str, Any], site: Site) -> None:
        self.keys = keys
        self.site = site


class Param(Operand):
    """A param of the pipeline that is being written: a step takes it whole, a condition compares it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"params{part(name)}")
        self.name = name

    @property
    def taken(self) -> str:
        """As a step of slipway.yaml takes it."""
        return f"{{params.{self.name}}}"


def param(
    type: str,
    *,
    default: Any = MISSING,
    min: Any = MISSING,
    max: Any = MISSING,
    choices: Any = MISSING,
    of: Any = MISSING,
    help: Any = MISSING,
    **other: Any,
) -> Any:
    """A param of the pipeline. `type` is string, int, float, bool, choice or list; the rest as in `pipeline.params` of slipway.yaml."""
    given = {"type": type, "default": default, "min": min, "max": max, "choices": choices, "of": of, "help": help, **other}
    return Declared({key: value for key, value in given.items() if value is not MISSING}, here(2))
