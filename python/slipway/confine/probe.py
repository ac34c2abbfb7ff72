"""Tells what this machine can hold, by trying: a child confines itself as a step is and then reaches for each thing it may not have."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import tempfile
from typing import Any

from slipway.confine.enter import confine
from slipway.confine.landlock import TEMPORARY, version
from slipway.confine.mounts import inside
from slipway.confine.reaches import REACHES, Target, make_file, refused

#: Layers as they are tried, the strongest first.
CHOICES = (["mount", "landlock"], ["landlock"], ["mount"])


def probe(folder: str) -> dict[str, Any]:
    """``python``: this interpreter; ``layers``: those that hold here; ``held``: whether each thing of ``REACHES`` was refused;
    ``reasons``: of layers that do not hold, by layer; ``landlock``: the version of its interface."""
    answer: dict[str, Any] = {
        "python": os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable),
        "version": list(sys.version_info[:3]),
        "layers": [],
        "held": dict.fromkeys(REACHES, False),
        "reasons": {},
        "landlock": 0,
    }
    if not sys.platform.startswith("linux"):
        answer["reasons"]["system"] = f"{sys.platform} has neither mount namespaces nor Landlock"
        return answer
    answer["landlock"] = version()
    remember_code()
    for layers in CHOICES:
        found = attempt(layers, folder)
        if found.get("files") is True:
            return {**answer, "layers": layers, "held": found}
        answer["reasons"]["+".join(layers)] = found.get("error", "what is hidden could be read all the same")
    return answer


def remember_code() -> None:
    """Compiles what confined processes import of us, where that is not kept yet: they may not write it, and each would compile it anew."""
    from importlib.machinery import SourceFileLoader

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for part in ("", "step", "scorer", "lower", "confine"):
        folder = os.path.join(package, part)
        if not os.access(folder, os.W_OK):
            continue
        for name in os.listdir(folder):
            # a file that is being replaced is compiled by who imports it
            if name.endswith(".py"):
                with contextlib.suppress(OSError, SyntaxError):
                    SourceFileLoader(name, os.path.join(folder, name)).get_code(name)


def attempt(layers: list[str], folder: str) -> dict[str, Any]:
    """What a child with these layers could not reach; `error` where it could not confine itself."""
    with target_in(folder) as target:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, json.dumps(tried(layers, folder, target)).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
    return json.loads(said) if said else {"error": "the trial ended by itself"}


def tried(layers: list[str], folder: str, target: Target) -> dict[str, Any]:
    """Confines this process and reaches for each thing."""
    try:
        confine({"layers": layers, "hide": [folder], "show": [], "fixed": [], "write": []})
    except OSError as error:
        return {"error": str(error)}
    held = {name: all(refused(reach, target) for reach in reaches) for name, reaches in REACHES.items()}
    # where there is no folder to try it with, it is as the layer is known to hold it
    return held if target.elsewhere else {**held, "writes": "landlock" in layers}


@contextlib.contextmanager
def target_in(folder: str) -> Any:
    """Things to reach for: files in the data folder, as the token and what another run has; sockets, there and without a path; a
    process, this one; a file of the user's elsewhere. Nothing of them stays."""
    with contextlib.ExitStack() as stack:
        hidden = stack.enter_context(tempfile.TemporaryDirectory(prefix=".probe-", dir=folder))
        path = os.path.join(hidden, "token")
        with open(path, "w", encoding="ascii"):
            pass
        named, nameless = stack.enter_context(socket.socket(socket.AF_UNIX)), stack.enter_context(socket.socket(socket.AF_UNIX))
        # the path itself may be longer than that of a socket may be
        descriptor = os.open(hidden, os.O_PATH)
        named.bind(f"/proc/self/fd/{descriptor}/s")
        os.close(descriptor)
        nameless.bind(f"\0slipway-{os.path.basename(hidden)}-{os.getpid()}")
        for one in (named, nameless):
            one.listen(1)
        elsewhere = writable_elsewhere(folder)
        yield Target(os.getpid(), path, hidden, nameless.getsockname(), elsewhere)


def writable_elsewhere(folder: str) -> list[str]:
    """Folders that the user can write and a step may not: its home, that around the data folder, that of this program, if they are such."""
    here = os.path.dirname(os.path.abspath(__file__))
    found = {os.path.realpath(one) for one in (os.path.expanduser("~"), os.path.dirname(folder), here)}
    open_to_all = [*TEMPORARY, "/dev/shm", os.path.realpath(folder)]
    return [one for one in sorted(found) if not any(inside(one, other) for other in open_to_all) and not refused(make_file, one)]
