"""Holds an attempt to its memory: a control group of its own where the system lets us make one, limits of each process, adoption."""

from __future__ import annotations

import os
import resource
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: A process may allocate so many times the limit of the attempt, and so many bytes besides, before allocations fail in it: what is
#: allocated and never touched takes no memory, so this only ends what would outrun every look at the memory in use.
ALLOCATED_TIMES = 2
ALLOCATED_MORE = 1 << 30
#: Seconds that the system gets to let go of an empty group.
GONE_S = 1.0


class MemoryGroup:
    """A control group (version 2, or the memory controller of version 1) with the limit, below the one that we are in or beside it.
    Where none can be made it does nothing."""

    def __init__(self, name: str, limit: int | None) -> None:
        self.path: str | None = None
        if limit is None or sys.platform != "linux":
            return
        for parent, files in parents():
            path = os.path.join(parent, f"slipway-{name}")
            try:
                os.mkdir(path)
            except OSError:
                continue
            if write(path, files["limit"], str(limit)):
                for file, value in files["also"]:
                    write(path, file, value)
                self.path = path
                self.events = os.path.join(path, files["events"])
                return
            remove(path)

    def enter(self) -> None:
        """Moves this process in; what it starts from now on is in it too."""
        if self.path is not None:
            write(self.path, "cgroup.procs", str(os.getpid()))

    def kills(self) -> int:
        """Processes that the system ended because the group was over its limit."""
        if self.path is None:
            return 0
        try:
            with open(self.events, encoding="ascii") as file:
                counts = dict(line.split() for line in file)
            return int(counts.get("oom_kill", 0))
        except (OSError, ValueError):
            return 0

    def close(self) -> None:
        """Removes the group; its processes must have ended."""
        if self.path is not None:
            remove(self.path)


def parents() -> list[tuple[str, dict[str, Any]]]:
    """Groups in which one may be made, and how their files are called."""
    found = []
    for root, mount, kind, options in mounts():
        if kind == "cgroup2":
            files = {"limit": "memory.max", "events": "memory.events", "also": [("memory.swap.max", "0"), ("memory.oom.group", "1")]}
            own = own_group("", root, mount)
        elif kind == "cgroup" and "memory" in options.split(","):
            files = {"limit": "memory.limit_in_bytes", "events": "memory.oom_control", "also": []}
            own = own_group("memory", root, mount)
        else:
            continue
        if own is not None:
            found += [(own, files), (os.path.dirname(own), files)] if own != mount else [(own, files)]
    return found


def mounts() -> list[tuple[str, str, str, str]]:
    """Root, place, type and options of every mount."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        return []
    return [(line[3], line[4], *kind_of(line)) for line in lines if "-" in line]


def kind_of(line: list[str]) -> tuple[str, str]:
    """Type and options of a mount, from a line of mountinfo; empty texts where it is cut."""
    rest = line[line.index("-") + 1 :]
    return (rest[0], rest[2]) if len(rest) > 2 else ("", "")


def own_group(controller: str, root: str, mount: str) -> str | None:
    """The folder of the group that this process is in."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return None
    for _, controllers, path in lines:
        if controller in controllers.split(","):
            inside = path[len(root) :] if root != "/" and path.startswith(root) else path
            return os.path.normpath(mount + "/" + inside)
    return None


def write(folder: str, file: str, value: str) -> bool:
    """False when the system does not let us; the file must be there."""
    try:
        with open(os.path.join(folder, file), "r+" if file != "cgroup.procs" else "w", encoding="ascii") as opened:
            opened.write(value)
        return True
    except OSError:
        return False


def remove(path: str) -> None:
    """Removes a group once the system has let go of its processes, or leaves it after GONE_S."""
    until = time.monotonic() + GONE_S
    while True:
        try:
            os.rmdir(path)
            return
        except OSError:
            if time.monotonic() > until or not os.path.isdir(path):
                return
            time.sleep(0.02)


def limit_allocations(limit: int | None) -> None:
    """Lets allocations far beyond the limit fail in the process that asks for them."""
    if limit is not None and sys.platform == "linux":
        size = ALLOCATED_TIMES * limit + ALLOCATED_MORE
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard == resource.RLIM_INFINITY or size < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def adopt_orphans() -> None:
    """What a step starts and leaves becomes a child of this process, so that its memory is seen."""
    if sys.platform != "linux":
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    except (OSError, AttributeError, ImportError):
        pass
