"""Measures what an attempt uses: CPU of all that it started, waited for or not, and memory over time."""

from __future__ import annotations

import os
import resource

from slipway.step.processes import TICKS, cpu_ticks, descendants

#: Seconds between looks at the CPU of each process.
LOOK_S = 0.5


class Meter:
    """Adds up what the descendants of a process use. Times are of the monotonic clock, in seconds."""

    def __init__(self, pid: int, started: float) -> None:
        self.pid = pid
        #: Most bytes that were seen at once.
        self.peak = 0
        #: KiB times seconds until ``until``.
        self.kib_s = 0.0
        self.until = started
        self.bytes = 0
        #: Ticks of each living process by pid and start, without its children; and of those that are gone, as they were last seen.
        self.living: dict[tuple[int, str], int] = {}
        self.gone = 0
        self.looked = 0.0

    def memory(self, used: int, now: float) -> None:
        """Notes the resident bytes of a look; they count since the look before."""
        self.kib_s += used / 1024 * (now - self.until)
        self.until, self.bytes, self.peak = now, used, max(self.peak, used)

    def close(self, now: float, largest: int) -> None:
        """The last stretch, with what was seen last; an attempt that ended before a look counts its ``largest`` bytes."""
        self.memory(self.bytes or largest, now)
        self.peak = max(self.peak, largest)

    def look(self, now: float) -> None:
        """Notes the CPU of every process: one whose parent never asks for it is counted as far as it was seen."""
        if now - self.looked < LOOK_S:
            return
        self.looked = now
        seen = dict(found for found in map(own_ticks, descendants(self.pid)[1:]) if found is not None)
        self.gone += sum(ticks for process, ticks in self.living.items() if process not in seen)
        self.living = seen

    def cpu_seconds(self) -> float:
        """CPU seconds so far: what the system counts of those that live and of those that were waited for, and no less than was seen."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        ticks = [found for pid in descendants(self.pid)[1:] if (found := cpu_ticks(pid)) is not None]
        counted = ended.ru_utime + ended.ru_stime + sum(own + children for _, own, children in ticks) / TICKS
        return max(counted, (self.gone + sum(self.living.values())) / TICKS)


def own_ticks(pid: int) -> tuple[tuple[int, str], int] | None:
    """A process, so that no later one of the same pid is taken for it, with its own ticks; None when it is gone."""
    found = cpu_ticks(pid)
    return None if found is None else ((pid, found[0]), found[1])


def largest_child() -> int:
    """Resident bytes of the largest child that was waited for."""
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
