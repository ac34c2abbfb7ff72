"""Keeps the checkpoints of one attempt: each is written beside the others, put on the disk and renamed; the last good ones stay."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import math
import os
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from slipway.checkpoints.cadence import interval, smoothed
from slipway.checkpoints.place import ASKS, FOLDER, STATUS, STOP
from slipway.checkpoints.states import CheckpointRefused, Damaged, read_manifest, read_state, sync_folder, write_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slipway.checkpoints.place import Place

#: Seconds between two looks at whether the step is to end.
LOOK_S = 0.05
#: Exit code of a step that has kept its state and ends because it is to: shells give it to a program that SIGTERM ended.
STOPPED = 143


class Stopped(SystemExit):
    """Ends a step that is being stopped, once its state is kept."""


class Resumed(NamedTuple):
    """A checkpoint that was read again. A path lies in a folder of the attempt, and goes with it."""

    state: Any
    step: int | None
    number: int
    #: Seconds since 1970 when it was made.
    at: float


class Keeper:
    """``place`` is None outside of a step: nothing is kept there, which is said once."""

    def __init__(self, place: Place | None) -> None:
        self.place = place
        self.began = self.last = time.monotonic()
        self.looked = 0.0
        self.told = False
        self.cost: float | None = None
        # of one thread at a time; a signal handler that comes between is of the thread that it stops
        self.lock = threading.RLock()
        self.writing = False
        self.count = itertools.count()
        self.status: dict[str, Any] = {"last": None, "made": 0, "resumed": None, "damaged": 0, "failed": None}
        if place is None:
            print("[slipway] this runs outside of a step: no checkpoint is kept, and there is none to go on from", file=sys.stderr)
        else:
            with contextlib.suppress(OSError), open(place.path(ASKS), "wb"):
                pass

    def due(self, every: float | None) -> bool:
        """Whether it is time for the next checkpoint."""
        if self.place is None:
            return False
        wait = every if every is not None else self.place.every
        if wait is not None and math.isnan(wait):
            raise CheckpointRefused(f"checkpoint.due({every!r}): expected seconds")
        if wait is None:
            wait = interval(self.cost, self.place.between)
        return time.monotonic() - self.last >= wait or self.stopping()

    def stopping(self) -> bool:
        """Whether the step is to end."""
        if self.place is None or self.told:
            return self.told
        now = time.monotonic()
        if now - self.looked >= LOOK_S:
            self.looked = now
            self.told = os.path.exists(self.place.path(STOP))
        return self.told

    def keep(self, state: object, step: int | None) -> bool:
        """Keeps a state; False where the system refused to. Raises CheckpointRefused, and Stopped where the step is to end."""
        if step is not None and (isinstance(step, bool) or not isinstance(step, int) or not 0 <= step < 2**53):
            raise CheckpointRefused(f"step is {step!r}; expected a whole number from 0, such as that of an epoch")
        if self.place is None:
            return False
        with self.lock:
            if self.writing:
                print("[slipway] a checkpoint is asked for while one is written, as by a signal handler: that one counts", file=sys.stderr)
                return False
            self.writing = True
            try:
                kept = self.write(self.place, state, step)
            finally:
                self.writing = False
        if self.stopping():
            print("[slipway] the step is being stopped: it ends here and goes on from this checkpoint", file=sys.stderr)
            raise Stopped(STOPPED)
        return kept

    def write(self, place: Place, state: object, step: int | None) -> bool:
        """Writes a state and puts it in its place."""
        began = time.monotonic()
        new = place.path(os.path.join(FOLDER, f".new-{os.getpid()}-{threading.get_ident()}-{next(self.count)}"))
        at = time.time()
        try:
            # what stays is written beside it, by whichever process of the step is first
            with numbered(place) as number:
                size = write_state(new, state, {"number": number, "step": step, "at": at}, place.largest)
                os.rename(new, place.path(os.path.join(FOLDER, name_of(number))))
                sync_folder(place.path(FOLDER))
                forget(place)
        except OSError as error:
            shutil.rmtree(new, ignore_errors=True)
            self.fail(place, error)
            return False
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        finally:
            self.last = time.monotonic()
        took = self.last - began
        self.cost = smoothed(self.cost, took)
        last = {"number": number, "step": step, "at": at, "size": size, "seconds": took}
        self.tell(place, last=last, made=self.status["made"] + 1, failed=None)
        return True

    def fail(self, place: Place, error: OSError) -> None:
        """Says that a checkpoint could not be written; the step goes on."""
        message = f"{error.strerror or error}"
        print(f"[slipway] a checkpoint could not be kept: {message}; the last good one stays", file=sys.stderr)
        self.tell(place, failed={"at": time.time(), "message": message})

    def tell(self, place: Place, **news: Any) -> None:
        """Leaves word of checkpoints for the supervisor and the server."""
        self.status.update(news)
        path = place.path(STATUS)
        with contextlib.suppress(OSError):
            with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
                json.dump(self.status, file)
            os.replace(f"{path}.{os.getpid()}", path)

    def resume(self) -> Resumed | None:
        """The newest checkpoint that is whole: of this attempt, else of those before it."""
        place = self.place
        if place is None:
            return None
        own = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            own = [place.path(os.path.join(FOLDER, name)) for name in reversed(names_in(place))]
        for folder in [*own, *(one.folder for one in place.offered)]:
            try:
                manifest = read_manifest(folder)
                found = Resumed(read_state(folder, manifest), manifest["step"], manifest["number"], manifest["at"])
            except Damaged as error:
                print(f"[slipway] a checkpoint is damaged and not used: {error}", file=sys.stderr)
                self.tell(place, damaged=self.status["damaged"] + 1)
                continue
            said = "" if found.step is None else f", step {found.step}"
            print(f"[slipway] goes on from checkpoint {found.number}{said}", file=sys.stderr)
            self.tell(place, resumed={"number": found.number, "step": found.step, "at": found.at})
            return found
        return None


@contextlib.contextmanager
def numbered(place: Place) -> Iterator[int]:
    """The number of the next checkpoint; nobody else makes one meanwhile."""
    folder = place.path(FOLDER)
    # the code may have cleared it away
    os.makedirs(folder, 0o700, exist_ok=True)
    with open(os.path.join(folder, ".lock"), "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        own = [int(name) for name in names_in(place)]
        yield max([*own, *(one.number for one in place.offered)], default=0) + 1


def names_in(place: Place) -> list[str]:
    """Names of the checkpoints of this attempt, the oldest first."""
    return sorted(name for name in os.listdir(place.path(FOLDER)) if name.isdigit())


def name_of(number: int) -> str:
    """The name of a checkpoint's folder."""
    return f"{number:012d}"


def forget(place: Place) -> None:
    """Removes all but the last ones; first their names, so that nobody reads half of one."""
    for name in names_in(place)[: -place.keep]:
        path = place.path(os.path.join(FOLDER, name))
        old = place.path(os.path.join(FOLDER, f".old-{name}"))
        os.rename(path, old)
        shutil.rmtree(old, ignore_errors=True)
