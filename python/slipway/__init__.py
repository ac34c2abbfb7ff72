"""The part of Slipway that runs inside a model's own Python environment; standard library only."""

from __future__ import annotations

__version__ = "0.1.0"

# Steps and scorers load this module first: `typing` and what only notebooks need would cost each of them a good part of its start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def load_ipython_extension(ipython: Any) -> None:
    """``%load_ext slipway``: gives the shell the magic ``%slipway``. No server is asked."""
    from slipway.display.magic import register

    register(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """``%unload_ext slipway``: takes the magic away."""
    ipython.magics_manager.magics["line"].pop("slipway", None)
