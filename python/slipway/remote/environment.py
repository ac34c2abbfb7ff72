"""The Python environment of a step on a node: one that is named, or one that uv builds from the lock, once per lock."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Characters of what a tool said that are told.
TOLD = 2000


class Unbuilt(Exception):
    """The environment cannot be made here; the message says why."""


def interpreter(work: dict[str, Any], cache: str, leave: Callable[[], bool]) -> str:
    """The interpreter of the step. Raises Unbuilt. ``leave`` is asked while it is built; where it says True the build ends."""
    lock = work["environment"]
    if lock is None:
        if not os.access(work["python"], os.X_OK):
            raise Unbuilt(f"{work['python']} cannot be run on this machine")
        return work["python"]
    home = os.path.join(cache, "envs", lock["digest"].partition(":")[2][:32])
    os.makedirs(os.path.dirname(home), 0o700, exist_ok=True)
    # the system lets go of the lock of whoever dies
    with open(f"{home}.lock", "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(home, ".complete")):
            shutil.rmtree(home, ignore_errors=True)
            build(home, lock, cache, leave)
            with open(os.path.join(home, ".complete"), "x", encoding="ascii"):
                pass
    return os.path.join(home, "bin", "python")


def build(home: str, lock: dict[str, Any], cache: str, leave: Callable[[], bool]) -> None:
    """Makes the environment by uv, with every package as its hash says; without packages by an interpreter alone."""
    python = find_python(lock["python_version"])
    if lock["text"] == "":
        run([python, "-m", "venv", "--without-pip", home], "", leave)
        return
    uv = find_uv(python, cache, leave)
    run([*uv, "venv", "--quiet", "--python", python, home], "", leave)
    install = ["pip", "install", "--quiet", "--python", os.path.join(home, "bin", "python"), "--require-hashes", "--no-deps"]
    run([*uv, *install, "--compile-bytecode", "--requirement", "-"], lock["text"], leave)


def find_python(version: str) -> str:
    """An interpreter of exactly the version of the lock. Raises Unbuilt where this machine has none."""
    short = ".".join(version.split(".")[:2])
    for name in (f"python{short}", "python3", "python", sys.executable):
        found = shutil.which(name)
        if found is not None and version_of(found) == version:
            return found
    raise Unbuilt(f"the step is locked for Python {version}, which this machine does not have on its PATH (python{short}, python3)")


def version_of(python: str) -> str:
    """What an interpreter says of itself; '' where it says nothing."""
    asked = [python, "-I", "-S", "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def find_uv(python: str, cache: str, leave: Callable[[], bool]) -> list[str]:
    """uv of this machine, else one that pip brings into the cache."""
    found = shutil.which("uv")
    if found is not None:
        return [found]
    home = os.path.join(cache, "uv")
    own = os.path.join(home, "bin", "uv")
    if not os.path.exists(own):
        run([python, "-m", "venv", home], "", leave)
        run([os.path.join(home, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"], "", leave)
    return [own]


def run(command: list[str], given: str, leave: Callable[[], bool]) -> None:
    """Runs a tool to its end. Raises Unbuilt with the last that it said."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as tool:
        while True:
            try:
                said, _ = tool.communicate(given or None, timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                given = ""
                if leave():
                    tool.kill()
    if tool.returncode != 0:
        raise Unbuilt(f"the environment cannot be made on this machine: {said.strip()[-TOLD:]}")
