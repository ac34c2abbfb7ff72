"""What code keeps from one call to the next is seen wherever it lies, and nothing is where nothing is kept."""

from __future__ import annotations

import types
import unittest
from collections.abc import Callable
from typing import Any

from slipway.notebook.proof.remembered import Memory, held_in

SOURCE = """
import itertools
COUNT = 0
SEEN = {}
NUMBERS = itertools.count()

def plain(x):
    return x + len(SEEN)

def globally(x):
    global COUNT
    COUNT += 1

def newly(x):
    global LATER
    LATER = x

def deeply(x):
    SEEN.setdefault("calls", []).append(x)

def drawing(x):
    next(NUMBERS)

def given(x, calls=[]):
    calls.append(x)

def named(x, *, calls={}):
    calls[x] = 1

def marked(x):
    marked.calls = getattr(marked, "calls", 0) + 1

def made():
    calls = []
    def inside(x):
        calls.append(x)
    return inside

inside = made()

class Model:
    calls = 0
    def ask(self, x):
        type(self).calls += 1
        return x

model = Model()

def classly(x):
    model.ask(x)
"""


def module() -> dict[str, Any]:
    """The names of a module of its own."""
    space = types.ModuleType("kept_here").__dict__
    exec(SOURCE, space)
    return space


def others(call: Callable[[dict[str, Any]], object]) -> list[str]:
    """What is another after a call."""
    space = module()
    memory = Memory("kept_here")
    memory.look(held_in(space, "kept_here"))
    call(space)
    return memory.others(held_in(space, "kept_here"))


class MemoryTests(unittest.TestCase):
    """Each way to keep something, and none."""

    def test_each_way(self) -> None:
        """The name of what is another."""
        ways = {
            "globally": "COUNT",
            "newly": "LATER",
            "deeply": "SEEN",
            "drawing": "NUMBERS",
            "given": "given",
            "named": "named",
            "marked": "marked",
            "inside": "inside",
            "classly": "Model",
        }
        for name, where in ways.items():
            with self.subTest(name):
                self.assertEqual(others(lambda space, name=name: space[name](7)), [where])  # type: ignore[misc]

    def test_nothing_is_kept(self) -> None:
        """Calls that keep nothing, and none at all."""
        self.assertEqual(others(lambda space: space["plain"](7)), [])
        self.assertEqual(others(lambda space: None), [])
