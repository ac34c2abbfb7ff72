"""Tells what this machine can hold, by trying: a child confines itself and then reaches for what it may not have."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from typing import Any

from slipway.confine.enter import confine
from slipway.confine.landlock import version

#: Layers as they are tried, the strongest first.
CHOICES = (["mount", "landlock"], ["landlock"], ["mount"])


def probe(folder: str) -> dict[str, Any]:
    """``python``: this interpreter; ``layers``: those that hold here; ``held``: files, writes, processes, signals; ``reasons``: of those
    that do not, by layer; ``landlock``: the version of its interface."""
    answer: dict[str, Any] = {
        "python": os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable),
        "version": list(sys.version_info[:3]),
        "layers": [],
        "held": dict.fromkeys(("files", "writes", "processes", "signals"), False),
        "reasons": {},
        "landlock": 0,
    }
    if not sys.platform.startswith("linux"):
        answer["reasons"]["system"] = f"{sys.platform} has neither mount namespaces nor Landlock"
        return answer
    answer["landlock"] = version()
    for layers in CHOICES:
        found = attempt(layers, folder)
        if found.get("files") is True:
            return {**answer, "layers": layers, "held": found}
        answer["reasons"]["+".join(layers)] = found.get("error", "what is hidden could be read all the same")
    return answer


def attempt(layers: list[str], folder: str) -> dict[str, Any]:
    """What a child with these layers could not reach; `error` where it could not confine itself."""
    secret, path = tempfile.mkstemp(prefix=".probe-", dir=folder)
    os.close(secret)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, json.dumps(tried(layers, folder, path)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    os.unlink(path)
    return json.loads(said) if said else {"error": "the trial ended by itself"}


def tried(layers: list[str], folder: str, path: str) -> dict[str, Any]:
    """Confines this process and reaches for each thing."""
    parent = os.getppid()
    try:
        confine({"layers": layers, "hide": [folder], "show": [], "fixed": [], "write": []})
    except OSError as error:
        return {"error": str(error)}
    return {
        "files": refused(lambda: open(path, "rb")),
        "writes": "landlock" in layers,
        "processes": refused(lambda: open(f"/proc/{parent}/environ", "rb")),
        "signals": refused(lambda: os.kill(parent, 0)) and refused(lambda: set_limit(parent)),
    }


def set_limit(process: int) -> None:
    """Sets a limit of another process to what it is: whoever may do that may make it so small that the process ends. Raises OSError."""
    import resource

    resource.prlimit(process, resource.RLIMIT_NOFILE, resource.prlimit(process, resource.RLIMIT_NOFILE))


def refused(reach: Any) -> bool:
    """Whether something is refused, or not there."""
    try:
        reach()
    except OSError:
        return True
    return False
