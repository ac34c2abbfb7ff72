"""The scorer as a process: what it used, what it may use, and that it ends with its gateway."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from typing import Any


def usage() -> dict[str, Any]:
    """CPU seconds and peak resident megabytes of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return {"cpu_seconds": used.ru_utime + used.ru_stime, "peak_mb": peak}


def limit_memory(megabytes: int | None) -> None:
    """Lets allocations beyond so many megabytes fail in the model, where one caller sees it, instead of in the machine."""
    if megabytes is not None and sys.platform == "linux":
        size = megabytes * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def die_with_parent() -> None:
    """Ends this process when the gateway dies, even in the middle of a long call."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def end_forks() -> None:
    """Ends what the model has forked and not ended, where the gateway has given this process a group of its own."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
