"""The part of Slipway that runs inside a model's own Python environment; standard library only."""

from __future__ import annotations

__version__ = "0.1.0"

# Steps and scorers load this module first: `typing` and what only notebooks need would cost each of them a good part of its start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from slipway.checkpoints.api import checkpoint, resume, stopping

__all__ = ["checkpoint", "resume", "stopping"]


def __getattr__(name: str) -> Any:
    """What steps use to keep and find checkpoints, loaded by those that do."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from slipway.checkpoints import api

    return getattr(api, name)


def load_ipython_extension(ipython: Any) -> None:
    """``%load_ext slipway``: gives the shell the magic ``%slipway``. No server is asked."""
    from slipway.display.magic import register

    register(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """``%unload_ext slipway``: takes the magic away."""
    ipython.magics_manager.magics["line"].pop("slipway", None)
