"""What a run may not do: reach the network, ask a person, take longer than its time. And what makes two runs alike: seeds."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import signal
import socket
import sys
import time
from types import FrameType
from typing import Any


class Refused(Exception):
    """The code asked for what a proof does not give; the message says what."""


class Late(BaseException):
    """A cell took longer than its time. No `except Exception` of the code holds it."""


def own_output() -> Any:
    """A stream to whoever started this process; what the code and its children write to standard output goes to standard error."""
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return said


def close_network() -> None:
    """Connections of this process to other machines are refused."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
            raise Refused(f"it asks the network for {address[0]}")
        return connect(self, address)

    def resolved(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in (None, "", "127.0.0.1", "::1", "localhost"):
            raise Refused(f"it asks the network for {name}")
        return resolve(host, *rest, **more)

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = guarded  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = resolved


def ask_nobody() -> None:
    """`input` is refused."""

    def refused(prompt: object = "") -> str:
        raise Refused("it waits for a person (input)")

    builtins.input = refused


#: What the clock of a proof begins with, seconds.
NOW = 1_700_000_000
#: Libraries that keep how long a fit took among their results.
TIMED = ("sklearn", "imblearn", "mapie")


def own_clock(packages: tuple[str, ...]) -> None:
    """The clock goes on by a second with each look of the code, or of a library that keeps times: both runs see the same times."""
    looked = [0]

    def clock(name: str, scale: int) -> None:
        real = getattr(time, name)

        def now() -> Any:
            caller = sys._getframe(1).f_globals.get("__name__", "")
            if caller != "__main__" and caller.split(".")[0] not in (*packages, *TIMED):
                return real()
            looked[0] += 1
            return type(real())(NOW * scale + looked[0] * scale)

        setattr(time, name, now)

    for name in ("time", "perf_counter", "process_time", "monotonic"):
        clock(name, 1)
        clock(f"{name}_ns", 10**9)
    still_dates()


def still_dates() -> None:
    """The date and time of now, as the module `time` tells them, stand still for everybody: reports of models print them."""

    def still(name: str, place: int) -> None:
        real = getattr(time, name)

        def now(*given: Any) -> Any:
            if len(given) > place and given[place] is not None:
                return real(*given)
            moment: Any = NOW if name in ("localtime", "gmtime", "ctime") else utc(NOW)
            return real(*given[:place], moment)

        setattr(time, name, now)

    utc = time.gmtime
    for name in ("localtime", "gmtime", "ctime", "asctime"):
        still(name, 0)
    still("strftime", 1)


def limit(seconds: float) -> None:
    """From now on this much time; 0 = as long as it takes."""

    def late(number: int, frame: FrameType | None) -> None:
        raise Late

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def seed_all(seed: int, modules: list[str]) -> None:
    """The global generators, of the libraries that the code uses."""
    import random

    random.seed(seed)
    for name in modules:
        if name in ("numpy", "torch") and importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def explain(error: BaseException) -> str:
    """What ended a run, in one line; a refusal that a library wrapped into an error of its own is found."""
    one: BaseException | None = error
    while one is not None:
        if isinstance(one, Refused):
            return str(one)
        one = one.__cause__ or one.__context__
    text = str(error).strip().split("\n")[0][:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
