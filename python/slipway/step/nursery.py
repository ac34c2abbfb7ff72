"""Starts attempts by forking: a process of the server that has loaded launcher, supervisor and confinement, so that no step loads them.

Run as ``python -I -S …/slipway/step ATTEMPTS --nursery``, with the folder of attempts, and with a mark in the environment that has room
for theirs. A request on standard input is HEADER bytes, which name the attempt and the length of what follows, and the environment of its
step. That holds secrets, so the forked process reads it, and never this one, from which all others are forked. Answers are lines:
``started ATTEMPT PID`` and ``ended ATTEMPT``. It ends with its server; those that it started go on.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import itertools
import os
import select
import signal
import sys
import traceback

# what a child loads before it is confined
from slipway.confine import enter  # noqa: F401
from slipway.step.launch import begin
from slipway.step.supervisor import supervise

#: Bytes of a request before the environment: ``ATTEMPT LENGTH`` and blanks.
HEADER = 128
#: The variable by which processes of an attempt are found.
MARK = b"SLIPWAY_ATTEMPT="


class Nursery:
    """Forks an attempt when it is asked to, and tells when one has ended."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.pid = os.getpid()
        self.place, self.room = find_mark()
        self.living: dict[int, str] = {}
        self.woken, self.wake = os.pipe()
        os.set_blocking(self.wake, False)

    def run(self) -> None:
        """Returns when the server is gone."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)
        # collecting garbage in a forked process would copy each page that it shares with this one
        gc.freeze()
        with contextlib.suppress(BrokenPipeError):
            while self.serve():
                pass

    def serve(self) -> bool:
        """Waits for a request or an end, and does what it takes; False when there will be no more requests."""
        ready, _, _ = select.select([0, self.woken], [], [])
        if self.woken in ready:
            os.read(self.woken, 4096)
            self.reap()
        if 0 not in ready:
            return True
        header = read(HEADER)
        if header == b"":
            return False
        attempt, length = header.decode().split()
        return self.start(attempt, int(length))

    def start(self, attempt: str, length: int) -> bool:
        """Forks the process of an attempt, and waits until it has read what is meant for it alone; False where it did not, so that
        nobody knows where the next request begins."""
        waiting, read_all = os.pipe()
        child = os.fork()
        if child == 0:
            self.become_attempt(attempt, length, read_all)  # does not return
        os.close(read_all)
        self.living[child] = attempt
        known = os.read(waiting, 1)
        os.close(waiting)
        if known != b"":
            say(f"started {attempt} {child}")
        return known != b""

    def become_attempt(self, attempt: str, length: int, read_all: int) -> None:
        """Supervises the attempt in a session of its own, without anything of this process. Never returns."""
        code = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            ctypes.memmove(self.place, attempt.encode().ljust(self.room, b"\0"), self.room)
            environment = read(length)
            # who came after a server that is gone, or lost the nursery, may have looked before there was a mark, and have started another
            if len(environment) < length or is_left() or os.getppid() != self.pid:
                os._exit(code)
            os.write(read_all, b".")
            stand_alone(os.path.join(self.folder, attempt))
            code = supervise(*begin("spec.json", environment.decode()))
        except BaseException:  # noqa: BLE001 whatever it is, a forked process may not go on as its nursery
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def reap(self) -> None:
        """Waits for those that have ended, and tells of them."""
        while self.living:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            say(f"ended {self.living.pop(pid)}")


def stand_alone(folder: str) -> None:
    """Puts the attempt's own folder and files in place of what a forked process has of its nursery."""
    os.chdir(folder)
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open("wrapper.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, number)
    os.closerange(3, max(nothing, log) + 1)


def read(length: int) -> bytes:
    """So many bytes of standard input and not one more; fewer where it ends."""
    data = b""
    while len(data) < length and (part := os.read(0, length - len(data))):
        data += part
    return data


def is_left() -> bool:
    """Whether nobody is at the other end of standard input any more."""
    poll = select.poll()
    poll.register(0, select.POLLHUP)
    return bool(poll.poll(0))


def say(line: str) -> None:
    """Answers the server."""
    os.write(1, f"{line}\n".encode())


def find_mark() -> tuple[int, int]:
    """Where the system reads the value of our mark, and how many bytes it has."""
    variables = ctypes.POINTER(ctypes.c_void_p).in_dll(ctypes.CDLL(None), "environ")
    for number in itertools.count():
        place = variables[number]
        if place is None:
            break
        if ctypes.string_at(place, len(MARK)) == MARK:
            return place + len(MARK), len(ctypes.string_at(place)) - len(MARK)
    raise LookupError("the nursery was started without a mark")
