"""Lets code of steps import ``slipway.pipeline`` where its environment brings none: the modules that decorate steps do."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class Behind:
    """Finds the package `slipway` after everything else was asked."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """As `importlib` asks it."""
        if name != "slipway":
            return None
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(name, [os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))])


def come_behind() -> None:
    """Puts the finder last, once."""
    if not any(getattr(finder, "__name__", "") == "Behind" for finder in sys.meta_path):
        sys.meta_path.append(Behind)
