/** Modules that a package gets whole, where its code uses them. */

/** Keeps figures as files. */
export const FIGURES = `"""Keeps figures as files instead of showing them."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

_folder: list[Path] = []


def keep_in(folder: str) -> None:
    """From now on figures are written to this folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    _folder[:] = [Path(folder)]


def keep_figures(name: str) -> None:
    """Write every open figure to the folder, if there is one, and close it."""
    for number in plt.get_fignums():
        if _folder:
            plt.figure(number).savefig(_folder[0] / f"{name}_{number}.png")
        plt.close(number)
`

/** What a lifted function is bound by where it is handed on: whoever gets it sees the function of the notebook. */
export const BOUND = `"""Functions that are handed on with what they read of the notebook."""

from __future__ import annotations

import inspect
import types
from typing import Any


class Bound:
    """A function with what it read given; its name, attributes, signature and text are those of the function without it."""

    def __init__(self, function: Any, /, **named: Any) -> None:
        """\`named\`: the variables that the function read."""
        self.function = function
        self.named = named
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__

    def __call__(self, /, *given: Any, **more: Any) -> Any:
        return self.function(*given, **self.named, **more)

    def __getattr__(self, name: str) -> Any:
        if name in ("function", "named"):
            # it is being made anew, by pickle, and has nothing yet
            raise AttributeError(name)
        return getattr(self.function, name)

    @property
    def __signature__(self) -> inspect.Signature:
        whole = inspect.signature(self.function)
        return whole.replace(parameters=[one for one in whole.parameters.values() if one.name not in self.named])

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        # in a class it is a method, as the function was
        return self if instance is None else types.MethodType(self, instance)

    def __copy__(self) -> Bound:
        return self

    def __deepcopy__(self, memo: Any) -> Bound:
        # a copy of a function is the function
        return self

    def __repr__(self) -> str:
        return repr(self.function)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bound) or self.function is not other.function or self.named.keys() != other.named.keys():
            return False
        return all(value is other.named[name] for name, value in self.named.items())

    def __hash__(self) -> int:
        return hash(self.function)
`
