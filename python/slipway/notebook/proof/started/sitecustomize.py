"""What other Pythons find that the code of a proof starts: no more than the step would find, and what they find is written down.

Python runs it as it begins, where this folder is in PYTHONPATH; the run of the package puts it there, for all that is started below it.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

FOLDER = os.path.dirname(os.path.abspath(__file__))
#: Top-level modules that are not found, the file for what is found, and where the Python of the step lies.
HIDDEN, SEEN, PREFIX = "SLIPWAY_PROOF_HIDDEN", "SLIPWAY_PROOF_SEEN", "SLIPWAY_PROOF_PREFIX"
#: Before the name of a Python, in that file, that is not held to the lock.
LOOSE = "!"
PYTHON = re.compile(r"(?:^|[\s/;&|(])((?:python|pypy)[\d.]*)((?:\s+-[bBdEiIOPqsSuvx]+)*)")


class Hidden:
    """A finder of modules that does not find some: those that are installed here, and that the lock of the package does not bring."""

    def __init__(self, finder: Any, names: set[str], owner: int) -> None:
        """`names` are top-level modules, as they are at that moment. What the process `owner` finds is not written down."""
        self.finder = finder
        self.names = names
        self.owner = owner

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """As the finder; nothing where the module is hidden."""
        top = fullname.split(".")[0]
        if top in self.names:
            return None
        spec = self.finder.find_spec(fullname, path, target)
        if spec is not None and os.getpid() != self.owner and top == fullname and top not in sys.stdlib_module_names:
            note(top)
        return spec

    def __getattr__(self, name: str) -> Any:
        """Finders find distributions, too."""
        return getattr(self.finder, name)


def note(line: str) -> None:
    """One line for the proof, where it still asks."""
    path = os.environ.get(SEEN)
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def noted() -> tuple[set[str], list[str]]:
    """What was found by what was started, and what of that is not held to the lock; from here on nothing is written down."""
    path = os.environ.pop(SEEN, "")
    if not os.path.exists(path):
        return set(), []
    with open(path, encoding="utf-8") as file:
        lines = set(file.read().splitlines())
    loose = {one for one in lines if one.startswith(LOOSE)}
    return lines - loose, sorted(one.removeprefix(LOOSE) for one in loose)


def audit(event: str, given: tuple[Any, ...]) -> None:
    """Called by Python; programs that are started are looked at."""
    if event == "os.system":
        look([given[0]], None)
    elif event in ("os.exec", "os.posix_spawn"):
        look(given[1], given[2])
    elif event == "subprocess.Popen":
        look(given[1], given[3])


def look(words: Any, env: Any) -> None:
    """Notes a program that does not get this folder: it is started with other variables, or is a Python that looks at none."""
    env = os.environ if env is None else env
    words = [words] if isinstance(words, (str, bytes, os.PathLike)) else list(words)
    command = " ".join(os.fsdecode(one) for one in words)
    found = PYTHON.search(command)
    if found is not None and re.search("[IES]", found[2]):
        note(f"{LOOSE}{found[1]}{found[2]}")
    elif isinstance(env, Mapping) and FOLDER not in paths_in(env):
        note(f"{LOOSE}{(command.split() or ['a program'])[0][:100]} with variables of its own")


def paths_in(env: Mapping[Any, Any]) -> list[str]:
    """Where a Python with these variables looks first."""
    found = [os.fsdecode(value) for name, value in env.items() if os.fsdecode(name) == "PYTHONPATH"]
    return os.pathsep.join(found).split(os.pathsep)


def hold(names: set[str], seen: str) -> None:
    """Has all Pythons that this process starts from here on find no module of these names, and write into `seen` what they find."""
    given = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([FOLDER, *([given] if given else [])])
    os.environ |= {HIDDEN: ",".join(sorted(names)), SEEN: seen, PREFIX: sys.prefix}
    sys.meta_path[:] = [Hidden(one, names, os.getpid()) for one in sys.meta_path]
    sys.addaudithook(audit)


def begin() -> None:
    """In a Python that was started: hides, and runs the file of this name that the environment has of its own."""
    sys.path[:] = [one for one in sys.path if os.path.abspath(one) != FOLDER]
    names = {one for one in os.environ.get(HIDDEN, "").split(",") if one}
    if os.environ.get(PREFIX, sys.prefix) != sys.prefix:
        note(f"{LOOSE}{sys.executable}")
    sys.meta_path[:] = [Hidden(one, names, 0) for one in sys.meta_path]
    sys.addaudithook(audit)
    other = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if other is not None and other.loader is not None:
        other.loader.exec_module(importlib.util.module_from_spec(other))


if __name__ == "sitecustomize":
    begin()
