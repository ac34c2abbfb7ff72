"""Finds and ends the processes of an attempt, and measures their memory, from /proc where there is one."""

from __future__ import annotations

import contextlib
import os
import signal
import time

PAGE = os.sysconf("SC_PAGE_SIZE")
#: Ticks of CPU in a second.
TICKS = os.sysconf("SC_CLK_TCK")
#: Seconds that killed processes get to disappear.
GONE_S = 2.0


def tree_memory(pid: int, limit: int | None) -> int:
    """Resident bytes of all descendants of a process, without its own. Where the plain sum is over ``limit``, pages that several of
    them share are counted once. 0 where the system does not tell."""
    pids = descendants(pid)[1:]
    total = sum(resident(p) for p in pids)
    if limit is not None and total > limit and len(pids) > 1:
        shares = [proportional(p) for p in pids]
        if all(shares):
            return sum(shares)
    return total


def descendants(pid: int) -> list[int]:
    """The process and all that it and its children started, as far as they are still its descendants."""
    found = [pid]
    for parent in found:
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for thread in threads:
            try:
                with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as file:
                    found.extend(int(child) for child in file.read().split())
            except OSError:
                continue
    return found


def resident(pid: int) -> int:
    """Resident bytes of a process; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def cpu_ticks(pid: int) -> tuple[str, int, int] | None:
    """When a process started, in the system's own words, its ticks of CPU, and those of ended children that it waited for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return fields[19], int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    except (OSError, ValueError, IndexError):
        return None


def proportional(pid: int) -> int:
    """Bytes of a process with shared pages divided among those that share them; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
    except (OSError, IndexError, ValueError):
        return 0


def end_descendants() -> int:
    """Kills every descendant of this process, of which some have thrown their mark away, and waits for them, so that what they used is
    counted; returns how many still lived."""
    killed: set[int] = set()
    until = time.monotonic() + GONE_S
    while time.monotonic() < until:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        left = descendants(os.getpid())[1:]
        if not left:
            break
        for pid in left:
            killed.add(pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    return len(killed)


def marked(attempt: str) -> list[int]:
    """Other processes that carry the attempt's mark in their environment, even in sessions of their own."""
    mark = f"SLIPWAY_ATTEMPT={attempt}\0".encode()
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if mark in file.read():
                    found.append(int(name))
        except OSError:
            continue
    return found


def kill_marked(attempt: str, leader: int) -> int:
    """Kills the child's group and every process with the attempt's mark; returns how many there were."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    killed: set[int] = set()
    until = time.monotonic() + GONE_S
    while time.monotonic() < until:
        left = marked(attempt)
        if not left:
            break
        for pid in left:
            killed.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.01)
    return len(killed)
